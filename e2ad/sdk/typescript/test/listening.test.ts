import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "../src/index.js";
import { open, refuse, WSPeer } from "./wspeer.js";

const FIRST_WAIT_MS = 100;

function listen(peer: WSPeer, options: sdk.ListenOptions = {}): sdk.WSStream {
  const limits = { firstWaitMs: FIRST_WAIT_MS };
  return new sdk.E2AClient({ apiKey: "e2a_test", baseUrl: peer.url }).listen("bot@agents.test", { limits, ...options });
}

async function ids(stream: sdk.WSStream, count = Infinity): Promise<string[]> {
  const found: string[] = [];
  for await (const event of stream) {
    found.push(event.id);
    if (found.length >= count) break;
  }
  return found;
}

async function failing(stream: sdk.WSStream): Promise<sdk.E2AError> {
  try {
    await ids(stream);
  } catch (error) {
    assert.ok(error instanceof sdk.E2AError, String(error));
    return error;
  }
  return assert.fail("it did not fail");
}

test("events come one after the other until the server says that it is enough", async () => {
  await using peer = await WSPeer.start(open((line) => { line.event("evt_1", { auth_headers: { "X-E2A-Auth-Sender": "a@b.test" } }); line.event("evt_2"); line.close(1000); }));
  const events: sdk.WSEvent[] = [];
  for await (const event of listen(peer)) events.push(event);
  assert.deepEqual(events.map((one) => one.id), ["evt_1", "evt_2"]);
  assert.equal(events[0]?.auth_headers?.["X-E2A-Auth-Sender"], "a@b.test");
  assert.equal(peer.requests[0]?.url, "/v1/agents/bot%40agents.test/ws");
  assert.equal(peer.requests[0]?.headers.authorization, "Bearer e2a_test");
});

test("after a gap it goes on where it was, and nothing comes twice", async () => {
  const states: string[] = [];
  await using peer = await WSPeer.start(
    open((line) => { line.event("evt_1"); line.event("evt_2"); line.close(1001, "shutting_down"); }),
    refuse(503, "{}", "Retry-After: 0\r\n"),
    open((line) => { line.event("evt_2"); line.event("evt_3"); setTimeout(() => line.socket.destroy(), 50); }),
    open((line) => { line.event("evt_4"); line.close(1000); }),
  );
  const began = performance.now();
  const found = await ids(listen(peer, { onState: (state, why) => states.push(`${state} ${why}`.trim()) }));
  assert.deepEqual(found, ["evt_1", "evt_2", "evt_3", "evt_4"]);
  assert.equal(peer.requests.length, 4);
  // Once after the first end, twice as long after a refusal; then an event came, and it is once again.
  const took = performance.now() - began;
  assert.ok(took > 3.9 * FIRST_WAIT_MS && took < 15 * FIRST_WAIT_MS, String(took));
  assert.deepEqual(states.slice(0, 4), ["connecting", "connected", "waiting closed with 1001 shutting_down", "connecting"]);
  assert.equal(states.at(-1), "closed");
});

for (const [code, kind, name] of [
  [4000, sdk.E2AConnectionReplacedError, "connection_replaced"],
  [4001, sdk.E2AError, "ws_closed"],
  [1008, sdk.E2APermissionError, "ws_policy_violation"],
] as const) {
  test(`close code ${code} is the end`, async () => {
    await using peer = await WSPeer.start(open((line) => line.close(code, "go")));
    const error = await failing(listen(peer));
    assert.deepEqual([error.constructor, error.code, error.retryable], [kind, name, false]);
    assert.equal(peer.requests.length, 1);
  });
}

for (const [status, code, kind] of [
  [401, "unauthorized", sdk.E2AAuthError],
  [403, "forbidden", sdk.E2APermissionError],
  [404, "not_found", sdk.E2ANotFoundError],
  [400, "", sdk.E2AValidationError],
  [302, "", sdk.E2AServerError],
] as const) {
  test(`${status} to the handshake is the end`, async () => {
    const body = code ? JSON.stringify({ error: { code, message: "no", request_id: "r" } }) : "<html>no</html>";
    await using peer = await WSPeer.start(refuse(status, body));
    const error = await failing(listen(peer));
    assert.deepEqual([error.constructor, error.status, error.code], [kind, status, code || "invalid_response"]);
    assert.equal(peer.requests.length, 1);
  });
}

for (const act of [refuse(429, "{}"), refuse(408, ""), refuse(502, "<html>"), open((line) => line.close(1011)), open((line) => line.send(0x82, "x"))]) {
  test("what passes is tried again", async () => {
    await using peer = await WSPeer.start(act, open((line) => { line.event("evt_1"); line.close(1000); }));
    assert.deepEqual(await ids(listen(peer)), ["evt_1"]);
    assert.equal(peer.requests.length, 2);
  });
}

test("waits double while nothing comes", async () => {
  await using peer = await WSPeer.start(open((line) => line.close(1001)), open((line) => line.close(1001)), open((line) => line.close(1000)));
  const began = performance.now();
  assert.deepEqual(await ids(listen(peer)), []);
  const took = performance.now() - began;
  assert.ok(took > 2.9 * FIRST_WAIT_MS && took < 15 * FIRST_WAIT_MS, String(took));
});

test("what is no event is left out", async () => {
  const notes: string[] = [];
  const odd = ["hello", "[]", "{}", '{"type":"x"}', "null"];
  await using peer = await WSPeer.start(open((line) => { for (const text of odd) line.send(0x81, text); line.event("evt_1"); line.close(1000); }));
  assert.deepEqual(await ids(listen(peer, { onState: (_, why) => why && notes.push(why) })), ["evt_1"]);
  assert.equal(notes.length, odd.length);
});

test("a gap after some minutes goes on a minute before where it was", async () => {
  const at = (seconds: number): object => {
    const time = new Date(Date.UTC(2026, 6, 23) + seconds * 1000).toISOString();
    return { created_at: time, data: { received_at: time } };
  };
  const gap = open((line) => { for (const second of [0, 5, 50, 130, 200]) line.event(`evt_${second}`, at(second)); line.close(1001); });
  await using peer = await WSPeer.start(gap, open((line) => { line.event("evt_130", at(130)); line.event("evt_210", at(210)); line.close(1000); }));
  assert.deepEqual(await ids(listen(peer)), ["evt_0", "evt_5", "evt_50", "evt_130", "evt_200", "evt_210"]);
  assert.equal(new URL(peer.requests[1]?.url ?? "", peer.url).search, "?after=evt_130");
});

test("it begins behind an event that is named, and goes on there as long as nothing is known to be whole", async () => {
  await using peer = await WSPeer.start(open((line) => { line.event("evt_2"); line.close(1001); }), open((line) => line.close(1000)));
  await ids(listen(peer, { after: "evt_1" }));
  assert.deepEqual(peer.requests.map((one) => new URL(one.url ?? "", peer.url).search), ["?after=evt_1", "?after=evt_1"]);
});

test("without reconnecting a lost connection is an error", async () => {
  await using peer = await WSPeer.start(open((line) => line.close(1001, "bye")));
  const error = await failing(listen(peer, { reconnect: false }));
  assert.deepEqual([error.constructor, error.message], [sdk.E2AConnectionError, "closed with 1001 bye"]);
});

test("leaving the loop closes the connection", async () => {
  await using peer = await WSPeer.start(open((line) => { line.event("evt_1"); line.event("evt_2"); }));
  assert.deepEqual(await ids(listen(peer), 1), ["evt_1"]);
  const goodbye = await peer.lines[0]?.next();
  assert.deepEqual([goodbye?.opcode, goodbye?.payload.readUInt16BE(0)], [8, 1000]);
});

test("closing ends a loop that waits for an event", async () => {
  await using peer = await WSPeer.start(open((line) => line.event("evt_1")));
  const stream = listen(peer);
  setTimeout(() => stream.close(), 100);
  assert.deepEqual(await ids(stream), ["evt_1"]);
  assert.equal((await peer.lines[0]?.next())?.opcode, 8);
});

test("closing ends a wait between two connections", async () => {
  await using peer = await WSPeer.start(refuse(503, "{}", "Retry-After: 50\r\n"));
  const stream = listen(peer);
  setTimeout(() => stream.close(), 200);
  const began = performance.now();
  assert.deepEqual(await ids(stream), []);
  assert.ok(performance.now() - began < 2_000);
});

for (const [what, act] of [
  ["a handshake", () => undefined],
  ["an event", open(() => undefined)],
  ["the next try", refuse(503, "{}", "Retry-After: 50\r\n")],
] as const) {
  test(`a signal ends a wait for ${what} with its reason`, async () => {
    await using peer = await WSPeer.start(act);
    await assert.rejects(ids(listen(peer, { signal: AbortSignal.timeout(150) })), { name: "TimeoutError" });
  });
}

test("a stream is read once", async () => {
  await using peer = await WSPeer.start(open((line) => line.close(1000)));
  const stream = listen(peer);
  await ids(stream);
  await assert.rejects(ids(stream), sdk.E2AConnectionError);
});

test("an address that is none is refused at once", () => {
  assert.throws(() => new sdk.E2AClient().listen(".."), sdk.E2AValidationError);
});
