/** The end of an account; alone, since nothing is left of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { E2AAuthError } from "../../src/index.js";
import { client } from "./server.js";

test("an account is deleted, and its key with it", async () => {
  const api = client();
  assert.equal((await api.account.delete()).deleted, true);
  await assert.rejects(api.account.get(), E2AAuthError);
});
