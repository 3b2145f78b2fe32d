import assert from "node:assert/strict";
import { test } from "node:test";
import { E2AServerError, E2AValidationError } from "../src/index.js";
import { Peer, type Reply } from "./peer.js";

function page(names: string[], next: string | null): Reply {
  return { body: { items: names.map((email) => ({ email })), next_cursor: next } };
}

const three = (): Reply[] => [page(["a", "b"], "1"), page([], "2"), page(["c"], null)];

test("all items, page after page, empty ones too", async () => {
  await using peer = await Peer.start(...three());
  const found = await peer.client().agents.list({ limit: 2 }).toArray();
  assert.deepEqual(found.map((one) => one.email), ["a", "b", "c"]);
  assert.deepEqual(peer.asked.map((one) => one.url), [
    "/v1/agents?limit=2",
    "/v1/agents?limit=2&cursor=1",
    "/v1/agents?limit=2&cursor=2",
  ]);
});

test("no page is asked for in vain", async () => {
  for (const [limit, pages] of [[0, 0], [1, 1], [2, 1], [3, 3]] as const) {
    await using peer = await Peer.start(...three());
    assert.equal((await peer.client().agents.list().toArray({ limit })).length, limit);
    assert.equal(peer.asked.length, pages);
  }
});

test("a loop that is left asks for nothing more", async () => {
  await using peer = await Peer.start(...three());
  for await (const one of peer.client().agents.list()) {
    assert.equal(one.email, "a");
    break;
  }
  assert.equal(peer.asked.length, 1);
});

test("each is visited, one after the other, until one says false", async () => {
  await using peer = await Peer.start(...three());
  const seen: string[] = [];
  await peer.client().agents.list().forEach(async (one) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    seen.push(one.email);
    return seen.length < 2;
  });
  assert.deepEqual(seen, ["a", "b"]);
});

test("one page, and the next by its cursor", async () => {
  await using peer = await Peer.start(...three());
  const list = peer.client().agents.list();
  const first = await list.page();
  assert.equal(first.next_cursor, "1");
  await list.page(first.next_cursor);
  assert.equal(peer.asked[1]?.url, "/v1/agents?cursor=1");
});

test("pages in circles are left", async () => {
  await using peer = await Peer.start(page(["a"], "1"), page(["b"], "2"), page(["c"], "1"));
  const seen: string[] = [];
  await assert.rejects(peer.client().agents.list().forEach((one) => void seen.push(one.email)), E2AServerError);
  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.equal(peer.asked.length, 3);
});

for (const body of [{}, { items: [] }, { items: {}, next_cursor: null }, { items: [], next_cursor: 7 }, [], null]) {
  test(`${JSON.stringify(body)} is no page`, async () => {
    await using peer = await Peer.start({ body: JSON.stringify(body) });
    await assert.rejects(peer.client().agents.list().toArray(), { name: "E2AServerError", code: "invalid_response" });
  });
}

test("a page of no size is refused at once", async () => {
  await using peer = await Peer.start();
  for (const limit of [0, 101, 1.5, NaN]) assert.throws(() => peer.client().agents.list({ limit }), E2AValidationError);
  assert.equal(peer.asked.length, 0);
});

test("a signal ends a list as well", async () => {
  await using peer = await Peer.start(page(["a"], "1"), () => undefined);
  const signal = AbortSignal.timeout(100);
  await assert.rejects(peer.client().agents.list({ signal }).toArray(), { name: "TimeoutError" });
});
