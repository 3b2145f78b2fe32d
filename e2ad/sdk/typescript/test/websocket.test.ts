import assert from "node:assert/strict";
import { setTimeout as later } from "node:timers/promises";
import { test } from "node:test";
import type { SocketLimits } from "../src/frames.js";
import { connect, type Connection, HandshakeRefused } from "../src/websocket.js";
import { acceptOf, open, refuse, WSPeer } from "./wspeer.js";

const never = new AbortController().signal;

function dial(peer: WSPeer, limits: SocketLimits = {}, signal = never): Promise<Connection> {
  return connect(`${peer.url}/ws?x=1`, { Authorization: "Bearer k" }, signal, limits);
}

test("a handshake, texts, and a goodbye", async () => {
  await using peer = await WSPeer.start(open((line) => { line.send(0x81, "one"); line.send(0x81, "two"); line.close(1001, "shutting_down"); }));
  const made = await dial(peer);
  assert.deepEqual(
    [await made.receive(), await made.receive(), await made.receive()],
    ["one", "two", { code: 1001, reason: "shutting_down" }],
  );
  const [request] = peer.requests;
  assert.equal(request?.url, "/ws?x=1");
  assert.deepEqual(
    ["authorization", "sec-websocket-version", "upgrade"].map((name) => request?.headers[name]),
    ["Bearer k", "13", "websocket"],
  );
  assert.equal(Buffer.from(request?.headers["sec-websocket-key"] ?? "", "base64").length, 16);
  const answer = await peer.lines[0]?.next();
  assert.deepEqual([answer?.opcode, answer?.payload.readUInt16BE(0), answer?.isMasked], [8, 1001, true]);
});

const tls = process.env["E2AD_TLS"];
if (tls !== undefined) {
  const { cert, key } = JSON.parse(tls) as { cert: string; key: string };

  test("an encrypted connection, to a server that is who it says", async () => {
    await using peer = await WSPeer.startTls(cert, key, open((line) => { line.send(0x81, "secret"); line.close(1000); }));
    const made = await dial(peer);
    assert.deepEqual([await made.receive(), await made.receive()], ["secret", { code: 1000, reason: "" }]);
    const elsewhere = connect(peer.url.replace("localhost", "127.0.0.1"), {}, never);
    await assert.rejects(elsewhere, { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    assert.equal(peer.lines.length, 1);
  });
}

test("a frame in the same packet as the handshake is not lost", async () => {
  await using peer = await WSPeer.start((line, request) => {
    const head =
      "HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n" + `Sec-WebSocket-Accept: ${acceptOf(request)}\r\n\r\n`;
    line.socket.write(Buffer.concat([Buffer.from(head), Buffer.from([0x81, 2, 0x68, 0x69])]));
  });
  const made = await dial(peer);
  assert.equal(await made.receive(), "hi");
  await made.close();
});

test("a ping is answered with what it carries", async () => {
  await using peer = await WSPeer.start(open((line) => line.send(0x89, "are you there")));
  const made = await dial(peer);
  const answer = await peer.lines[0]?.next();
  assert.deepEqual([answer?.opcode, answer?.payload.toString(), answer?.isMasked], [10, "are you there", true]);
  await made.close();
});

test("a goodbye of ours is answered, or not waited for for long", async () => {
  const polite = open((line) => void line.next().then(({ payload }) => line.socket.end(Buffer.from([0x88, payload.length, ...payload]))));
  await using peer = await WSPeer.start(polite, open((line) => line.socket.removeAllListeners("end")));
  const made = await dial(peer);
  let began = performance.now();
  await made.close(1000, "enough");
  assert.ok(performance.now() - began < 1_000);
  assert.deepEqual(await made.receive(), { code: 1000, reason: "enough" });
  await made.close();
  const rude = await dial(peer);
  began = performance.now();
  await rude.close();
  const took = performance.now() - began;
  assert.ok(took > 1_500 && took < 4_000, String(took));
  assert.deepEqual(await rude.receive(), { code: 1006, reason: "the connection was cut" });
});

test("a connection that is cut is 1006", async () => {
  await using peer = await WSPeer.start(open((line) => { line.send(0x81, "one"); setTimeout(() => line.socket.destroy(), 20); }));
  const made = await dial(peer);
  assert.equal(await made.receive(), "one");
  assert.equal((await made.receive() as { code: number }).code, 1006);
});

const FAULTS: readonly [string, number, (line: import("./wspeer.js").Line) => void][] = [
  ["a masked frame", 1002, (line) => line.socket.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))],
  ["no UTF-8", 1007, (line) => line.send(0x81, Buffer.from([0xff]))],
  ["octets", 1003, (line) => line.send(0x82, "x")],
  ["too much", 1009, (line) => line.send(0x81, "x".repeat(101))],
];

for (const [what, code, act] of FAULTS) {
  test(`${what} ends the connection with ${code}`, async () => {
    await using peer = await WSPeer.start(open((line) => { line.send(0x81, "before"); act(line); line.send(0x81, "behind"); }));
    const made = await dial(peer, { maxBytes: 100 });
    assert.equal(await made.receive(), "before");
    assert.equal((await made.receive() as { code: number }).code, code);
    assert.equal((await peer.lines[0]?.next())?.payload.readUInt16BE(0), code);
    peer.lines[0]?.socket.end();
    await peer.lines[0]?.gone;
  });
}

const NOT_OURS: readonly [string, (key: string) => string][] = [
  ["another key", () => "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"],
  ["another protocol", (key) => `Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n`],
  ["an extension", (key) => `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n`],
];

for (const [what, headers] of NOT_OURS) {
  test(`a handshake with ${what} is not ours`, async () => {
    await using peer = await WSPeer.start((line, request) => line.socket.write(`HTTP/1.1 101 x\r\n${headers(acceptOf(request))}\r\n`));
    await assert.rejects(dial(peer), /the server/);
  });
}

test("a refusal is told, its body bounded", async () => {
  await using peer = await WSPeer.start(refuse(401, '{"error":{"code":"unauthorized"}}', "Retry-After: 7\r\n"), refuse(500, "x".repeat(200_000)));
  await assert.rejects(dial(peer), (error: unknown) => {
    assert.ok(error instanceof HandshakeRefused);
    assert.deepEqual([error.status, error.retryAfter, error.body], [401, "7", '{"error":{"code":"unauthorized"}}']);
    return true;
  });
  await assert.rejects(dial(peer), (error: unknown) => error instanceof HandshakeRefused && error.body.length < 150_000);
});

test("a server that says nothing is given up", async () => {
  await using peer = await WSPeer.start(() => undefined);
  await assert.rejects(dial(peer, { connectMs: 100 }), /no handshake within 100 ms/);
});

test("an abort ends a handshake", async () => {
  await using peer = await WSPeer.start(() => undefined);
  await assert.rejects(dial(peer, {}, AbortSignal.timeout(50)), { name: "TimeoutError" });
  await assert.rejects(dial(peer, {}, AbortSignal.abort(new Error("no"))), /no/);
});

test("a silent connection is asked, and a dead one left", async () => {
  await using peer = await WSPeer.start(open((line) => void line.next().then(() => line.send(0x8a, ""))));
  const made = await dial(peer, { silenceMs: 100, pongMs: 150 });
  const began = performance.now();
  assert.deepEqual(await made.receive(), { code: 1006, reason: "the server is silent" });
  // One ping was answered, the next one not.
  assert.ok(performance.now() - began > 300);
  await peer.lines[0]?.gone;
});

test("whoever does not receive holds the server up", async () => {
  const total = 6_000;
  const big = "x".repeat(10_000);
  let written = 0;
  const act = open((line) => {
    const more = (): void => {
      while (written < total) {
        written++;
        const goesOn = line.socket.writableLength < 100_000;
        line.send(0x81, big);
        if (!goesOn) {
          line.socket.once("drain", more);
          return;
        }
      }
      line.close(1000);
    };
    more();
  });
  await using peer = await WSPeer.start(act);
  const made = await dial(peer);
  await later(700);
  const before = written;
  assert.ok(before < total, String(before));
  let count = 0;
  while (typeof (await made.receive()) === "string") count++;
  assert.equal(count, total);
});

test("a flood of pings is not answered without end", async () => {
  let line: import("./wspeer.js").Line | undefined;
  await using peer = await WSPeer.start(open((found) => { line = found; found.socket.pause(); }));
  const made = await dial(peer);
  for (let at = 0; at < 60_000; at++) line?.send(0x89, "x".repeat(100));
  await later(300);
  line?.socket.resume();
  await made.close();
});
