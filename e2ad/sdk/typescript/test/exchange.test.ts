import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { inspect } from "node:util";
import { test } from "node:test";
import * as sdk from "../src/index.js";
import { failure, Peer } from "./peer.js";

const AGENT = { email: "a@agents.test", domain: "agents.test", name: "" };

async function refused(call: Promise<unknown>): Promise<sdk.E2AError> {
  const error: unknown = await call.then(
    () => assert.fail("it was not refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof sdk.E2AError, String(error));
  return error;
}

test("a call says who it is and decodes the answer", async () => {
  await using peer = await Peer.start({ body: AGENT });
  assert.deepEqual(await peer.client().agents.get("a+b@agents.test"), AGENT);
  const [asked] = peer.asked;
  assert.equal(asked?.method, "GET");
  assert.equal(asked?.url, "/v1/agents/a%2Bb%40agents.test");
  assert.equal(asked?.headers.authorization, "Bearer e2a_test");
  assert.equal(asked?.headers["content-type"], undefined);
});

test("options become a query in the API's spelling", async () => {
  await using peer = await Peer.start({ body: { items: [], next_cursor: null } });
  const since = new Date("2026-01-02T03:04:05Z");
  const options = { readStatus: "all", subjectContains: "a&b", labels: ["x", "y"], since, search: "due soon" } as const;
  await peer.client().messages.list("a@b.test", { ...options, limit: 7, deleted: false }).toArray();
  const query = new URL(peer.asked[0]?.url ?? "", peer.url).searchParams;
  assert.deepEqual(Object.fromEntries(query), {
    read_status: "all",
    subject_contains: "a&b",
    labels: "x,y",
    since: "2026-01-02T03:04:05.000Z",
    search: "due soon",
    limit: "7",
    deleted: "false",
  });
});

test("an empty idempotency key is refused before anything is sent", async () => {
  await using peer = await Peer.start({ body: AGENT });
  const mail = { to: ["ada@b.test"], subject: "S", text: "T" };
  const error = await refused(peer.client().messages.send("a@b.test", mail, { idempotencyKey: " " }));
  assert.ok(error instanceof sdk.E2AValidationError);
  assert.equal(peer.asked.length, 0);
});

test("an answer that is no list of secrets is no empty list", async () => {
  await using peer = await Peer.start({ body: { items: [] } });
  const error = await refused(peer.client().account.signingSecrets.list().toArray());
  assert.equal(error.code, "invalid_response");
});

test("a base URL may have a path", async () => {
  await using peer = await Peer.start({ body: AGENT });
  await peer.client({ baseUrl: `${peer.url}/mail/` }).agents.get("a@b.test");
  assert.equal(peer.asked[0]?.url, "/mail/v1/agents/a%40b.test");
});

const CLASSES: readonly [number, string, typeof sdk.E2AError][] = [
  [400, "invalid_filter", sdk.E2AValidationError],
  [401, "unauthorized", sdk.E2AAuthError],
  [402, "limit_exceeded", sdk.E2ALimitExceededError],
  [403, "forbidden", sdk.E2APermissionError],
  [404, "not_found", sdk.E2ANotFoundError],
  [404, "template_not_found", sdk.E2ANotFoundError],
  [409, "webhook_disabled", sdk.E2AConflictError],
  [409, "slug_taken", sdk.E2AConflictError],
  [409, "idempotency_key_reused", sdk.E2AIdempotencyError],
  [410, "gone", sdk.E2ANotFoundError],
  [413, "payload_too_large", sdk.E2AValidationError],
  [422, "anything", sdk.E2AValidationError],
  [429, "rate_limited", sdk.E2ARateLimitError],
  [418, "teapot", sdk.E2AError],
  [500, "internal_error", sdk.E2AServerError],
  [503, "internal_error", sdk.E2AServerError],
];

for (const [status, code, kind] of CLASSES) {
  test(`${status} ${code} is ${kind.name}`, async () => {
    const fields = [{ location: "body.to", message: "too long" }];
    await using peer = await Peer.start(failure(status, code, { details: { fields } }));
    const error = await refused(peer.client({ maxRetries: 0 }).agents.get("a@b.test"));
    assert.equal(error.constructor, kind);
    assert.equal(error.name, kind.name);
    assert.deepEqual([error.code, error.status, error.requestId], [code, status, "req_1"]);
    assert.equal(error.message, `it is ${code}`);
    assert.deepEqual(error.problems, ["body.to: too long"]);
    assert.equal(error.retryable, status === 429 || status >= 500);
  });
}

test("what passes is tried again, as long as the server asks to wait", async () => {
  await using peer = await Peer.start(
    failure(429, "rate_limited", {}, { "Retry-After": "0.3" }),
    { status: 502, headers: { "Content-Type": "text/html" }, body: "<html>Bad Gateway</html>" },
    { body: AGENT },
  );
  const began = performance.now();
  assert.deepEqual(await peer.client().agents.get("a@b.test"), AGENT);
  assert.equal(peer.asked.length, 3);
  assert.ok(performance.now() - began >= 290 + 200);
});

test("a date in Retry-After is read, and a time of the past waits for nothing", async () => {
  const past = new Date(Date.now() - 100_000).toUTCString();
  await using peer = await Peer.start(failure(503, "internal_error", {}, { "Retry-After": past }), { body: AGENT });
  const began = performance.now();
  await peer.client().agents.get("a@b.test");
  assert.ok(performance.now() - began < 150);
});

test("a bound on the whole leaves out a wait that would be too long", async () => {
  await using peer = await Peer.start(failure(503, "internal_error", {}, { "Retry-After": "50" }));
  const error = await refused(peer.client({ maxElapsedMs: 1000 }).agents.get("a@b.test"));
  assert.equal(error.retryAfterSeconds, 50);
  assert.equal(peer.asked.length, 1);
});

test("attempts are bounded, and an HTML page of a proxy is told as what it is", async () => {
  await using peer = await Peer.start({ status: 502, body: "<html>secret place</html>" });
  const error = await refused(peer.client({ maxRetries: 1 }).agents.get("a@b.test"));
  assert.equal(error.constructor, sdk.E2AServerError);
  assert.equal(error.message, "the server answered 502, and not as this API does");
  assert.equal(error.code, "invalid_response");
  assert.equal(peer.asked.length, 2);
});

test("a write without a key is sent once", async () => {
  await using peer = await Peer.start(failure(503, "internal_error"));
  const client = peer.client();
  await refused(client.agents.create({ email: "a@b.test" }));
  assert.equal(peer.asked.length, 1);
  assert.equal(peer.asked[0]?.headers["idempotency-key"], undefined);
  await refused(client.account.delete());
  assert.equal(peer.asked.length, 2);
  await refused(client.feedback.send("hm"));
  assert.equal(peer.asked.length, 3);
});

test("a keyed write has the same key at each attempt, and another in each call", async () => {
  const busy = failure(409, "idempotency_in_flight", {}, { "Retry-After": "0" });
  await using peer = await Peer.start(busy, busy, { status: 202, body: { message_id: "msg_1", status: "accepted" } });
  const client = peer.client();
  const mail = { to: ["b@b.test"], subject: "Hi", text: "Hello" };
  await client.messages.send("a@b.test", mail);
  await client.messages.send("a@b.test", mail, { idempotencyKey: "mine", wait: "sent", unsubscribe: { mode: "managed" } });
  const keys = peer.asked.map((one) => one.headers["idempotency-key"]);
  assert.match(String(keys[0]), /^[0-9a-f]{32}$/);
  assert.deepEqual(keys.slice(0, 3), [keys[0], keys[0], keys[0]]);
  assert.equal(keys[3], "mine");
  assert.equal(peer.asked[3]?.url, "/v1/agents/a%40b.test/messages?wait=sent");
  assert.deepEqual(JSON.parse(peer.asked[3]?.body ?? ""), { ...mail, unsubscribe: { mode: "managed" } });
});

test("a line of text is a refusal too", async () => {
  await using peer = await Peer.start({ status: 400, headers: { "Content-Type": "text/plain; charset=utf-8" }, body: "say more\n" });
  const error = await refused(peer.client().feedback.send(""));
  assert.deepEqual([error.constructor, error.message, error.code], [sdk.E2AValidationError, "say more", "error"]);
});

test("a write for one version is sent once", async () => {
  await using peer = await Peer.start(failure(503, "internal_error", {}, { "Retry-After": "0" }));
  await refused(peer.client().contacts.update("a@b.test", {}, { ifMatch: '"1"' }));
  assert.equal(peer.asked.length, 1);
  await refused(peer.client().contacts.update("a@b.test", {}));
  assert.equal(peer.asked.length, 4);
});

test("it says which client it is", async () => {
  await using peer = await Peer.start({ body: {} });
  await peer.client().info();
  assert.equal(peer.asked[0]?.headers["user-agent"], `e2ad-typescript/${sdk.VERSION}`);
  const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
  assert.equal(version, sdk.VERSION);
});

test("an attachment is fetched where this client reaches the deployment", async () => {
  const content = { body: "1,2" };
  for (const root of ["", "/mail"]) {
    await using peer = await Peer.start({ body: { download_url: `https://public.test${root}/v1/d/1?token=t` } }, content);
    await peer.client({ baseUrl: peer.url + root }).messages.downloadAttachment("a@b.test", "msg_1", 0);
    assert.equal(peer.asked[1]?.url, `${root}/v1/d/1?token=t`);
  }
});

test("an entity tag is given and taken", async () => {
  const contact = { address: "a@b.test" };
  await using peer = await Peer.start({ body: contact, headers: { ETag: '"7"' } });
  const [found, tag] = await peer.client().contacts.getWithEtag("a@b.test");
  assert.deepEqual([found, tag], [contact, '"7"']);
  await peer.client().contacts.update("a@b.test", { display_name: "Ada" }, { ifMatch: tag ?? "" });
  assert.equal(peer.asked[1]?.headers["if-match"], '"7"');
});

test("octets stay octets", async () => {
  await using peer = await Peer.start((_, response) => response.end(Buffer.from([0, 255, 13, 10, 128])));
  assert.deepEqual([...(await peer.client().messages.getRaw("a@b.test", "msg_1"))], [0, 255, 13, 10, 128]);
});

for (const [what, body] of [
  ["no JSON", "hello"],
  ["half of it", '{"email": "a'],
  ["nothing", ""],
] as const) {
  test(`an answer that is ${what} is not read`, async () => {
    await using peer = await Peer.start({ body });
    const error = await refused(peer.client().agents.get("a@b.test"));
    assert.deepEqual([error.constructor, error.code], [sdk.E2AServerError, "invalid_response"]);
    assert.equal(peer.asked.length, 1);
  });
}

test("octets that are no UTF-8 are not read", async () => {
  await using peer = await Peer.start((_, response) => response.end(Buffer.from('{"name":"\xff"}', "latin1")));
  assert.equal((await refused(peer.client().agents.get("a@b.test"))).code, "invalid_response");
});

test("an answer that is cut is a lost connection, and a read is tried again", async () => {
  await using peer = await Peer.start((_, response) => {
    response.writeHead(200, { "Content-Length": "100" });
    response.write('{"email":');
    setTimeout(() => response.destroy(), 20);
  });
  const error = await refused(peer.client({ maxRetries: 1 }).agents.get("a@b.test"));
  assert.ok(error instanceof sdk.E2AConnectionError);
  assert.deepEqual([error.code, error.maybeDone, error.retryable], ["connection_error", true, true]);
  assert.equal(peer.asked.length, 2);
});

test("where nobody listens nothing was done", async () => {
  const peer = await Peer.start();
  const { url } = peer;
  await peer.stop();
  const error = await refused(new sdk.E2AClient({ baseUrl: url, maxRetries: 0 }).info());
  assert.ok(error instanceof sdk.E2AConnectionError);
  assert.equal(error.maybeDone, false);
  assert.match(error.message, /cannot be reached/);
});

test("who answers in another language is no server of ours", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket) && socket.end("220 mail.test ESMTP\r\n"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const error = await refused(new sdk.E2AClient({ baseUrl: `http://127.0.0.1:${port}`, maxRetries: 0 }).info());
  assert.ok(error instanceof sdk.E2AConnectionError);
  for (const socket of sockets) socket.destroy();
  server.close();
});

test("a silent server is given up, in each attempt", async () => {
  await using peer = await Peer.start(() => undefined);
  const error = await refused(peer.client({ timeoutMs: 100, maxRetries: 1 }).agents.get("a@b.test"));
  assert.match(error.message, /silent for 100 ms/);
  assert.equal(peer.asked.length, 2);
});

test("a server that goes on talking is not silent", async () => {
  await using peer = await Peer.start((_, response) => {
    response.write('{"email":');
    const words = ['"a', "@b", ".te", 'st"', "}"];
    const timer = setInterval(() => {
      const word = words.shift();
      if (word === undefined) {
        clearInterval(timer);
        response.end();
      } else response.write(word);
    }, 60);
  });
  assert.deepEqual(await peer.client({ timeoutMs: 200 }).agents.get("a@b.test"), { email: "a@b.test" });
});

test("an abort ends a call in flight with the signal's reason", async () => {
  await using peer = await Peer.start(() => undefined);
  const ended = new AbortController();
  const reason = new Error("enough");
  setTimeout(() => ended.abort(reason), 50);
  await assert.rejects(peer.client().agents.get("a@b.test", { signal: ended.signal }), reason);
  assert.equal(peer.asked.length, 1);
  await assert.rejects(peer.client().agents.get("a@b.test", { signal: ended.signal }), reason);
  assert.equal(peer.asked.length, 1);
});

test("an abort ends the wait between two attempts", async () => {
  await using peer = await Peer.start(failure(503, "internal_error", {}, { "Retry-After": "30" }));
  const began = performance.now();
  await assert.rejects(peer.client().agents.get("a@b.test", { signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
  assert.ok(performance.now() - began < 2000);
});

test("the key goes nowhere but to the deployment", async () => {
  await using other = await Peer.start({ body: AGENT });
  await using peer = await Peer.start({ status: 307, headers: { Location: `${other.url}/v1/agents/x` }, body: "" });
  const error = await refused(peer.client({ maxRetries: 0 }).agents.get("a@b.test"));
  assert.deepEqual([error.status, error.constructor], [307, sdk.E2AServerError]);
  assert.equal(other.asked.length, 0);
});

test("nothing shows the key", async () => {
  const client = new sdk.E2AClient({ apiKey: "e2a_acct_topsecret", baseUrl: "http://127.0.0.1:1" });
  assert.doesNotMatch(inspect(client, { depth: 10, showHidden: true }), /topsecret/);
  assert.doesNotMatch(JSON.stringify(client), /topsecret/);
  assert.throws(
    () => new sdk.E2AClient({ apiKey: "e2a_topsecret\nX: y" }),
    (error: unknown) => error instanceof sdk.E2AValidationError && !error.message.includes("topsecret"),
  );
});

for (const part of ["", ".", ".."]) {
  test(`${JSON.stringify(part)} is no part of a path`, async () => {
    await using peer = await Peer.start({ body: {} });
    const call = (async () => peer.client().agents.get(part))();
    assert.equal((await refused(call)).code, "invalid_request");
    assert.equal(peer.asked.length, 0);
  });
}

test("what is no address or number is refused at once", () => {
  for (const baseUrl of ["ftp://x", "x", "http://u:p@x", "http://x?y=1"]) {
    assert.throws(() => new sdk.E2AClient({ baseUrl }), sdk.E2AValidationError);
  }
  assert.throws(() => new sdk.E2AClient({ maxRetries: -1 }), sdk.E2AValidationError);
  assert.throws(() => new sdk.E2AClient({ timeoutMs: 0.5 }), sdk.E2AValidationError);
});

test("the environment is read, in its order", async () => {
  await using peer = await Peer.start({ body: {} });
  const names = ["E2A_API_KEY", "E2A_API_URL", "E2A_URL", "E2A_BASE_URL"];
  const before = names.map((name) => process.env[name]);
  try {
    Object.assign(process.env, { E2A_API_KEY: "e2a_env", E2A_BASE_URL: "http://base.test" });
    delete process.env["E2A_API_URL"];
    delete process.env["E2A_URL"];
    assert.equal(new sdk.E2AClient().baseUrl, "http://base.test");
    process.env["E2A_URL"] = "http://url.test";
    assert.equal(new sdk.E2AClient().baseUrl, "http://url.test");
    process.env["E2A_API_URL"] = peer.url;
    await new sdk.E2AClient().info();
    assert.equal(peer.asked[0]?.headers.authorization, "Bearer e2a_env");
  } finally {
    names.forEach((name, at) => {
      if (before[at] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before[at];
    });
  }
});

test("any request can be made", async () => {
  await using peer = await Peer.start({ body: { a: 1 } });
  const made = await peer.client().request("post", "/v1/new", { query: { b: true, c: undefined }, body: [1], idempotencyKey: "k" });
  assert.deepEqual(made, { a: 1 });
  const [asked] = peer.asked;
  assert.deepEqual([asked?.method, asked?.url, asked?.body, asked?.headers["idempotency-key"]], ["POST", "/v1/new?b=true", "[1]", "k"]);
  await assert.rejects(peer.client().request("GET", "//elsewhere.test/"), sdk.E2AValidationError);
});
