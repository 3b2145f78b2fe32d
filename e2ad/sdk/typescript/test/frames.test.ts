import assert from "node:assert/strict";
import { test } from "node:test";
import { closePayload, frame, FrameError, FrameReader, type Incoming } from "../src/frames.js";

/** A frame of a server: unmasked. */
export function sent(first: number, payload: Uint8Array | string, length?: number[]): Uint8Array {
  const data = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(data.length));
  const long = [...new Uint8Array(view.buffer)];
  const short = data.length < 126 ? [data.length] : data.length < 65_536 ? [126, ...long.slice(6)] : [127, ...long];
  return Uint8Array.from([first, ...(length ?? short), ...data]);
}

function read(chunks: readonly Uint8Array[], max = 1_000_000): Incoming[] {
  const reader = new FrameReader(max);
  return chunks.flatMap((chunk) => [...reader.push(chunk)]);
}

function all(...frames: Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((one) => [...one]));
}

const text = (value: string): Incoming => ({ kind: "text", text: value });

const WHOLE: readonly [string, Uint8Array, Incoming[]][] = [
  ["a text", sent(0x81, "Hällo"), [text("Hällo")]],
  ["an empty text", sent(0x81, ""), [text("")]],
  ["two texts", all(sent(0x81, "a"), sent(0x81, "b")), [text("a"), text("b")]],
  ["125 octets", sent(0x81, "x".repeat(125)), [text("x".repeat(125))]],
  ["126 octets", sent(0x81, "x".repeat(126)), [text("x".repeat(126))]],
  ["65536 octets", sent(0x81, "x".repeat(65_536)), [text("x".repeat(65_536))]],
  ["octets", sent(0x82, Uint8Array.of(255)), [{ kind: "binary", data: Uint8Array.of(255) }]],
  ["a ping", sent(0x89, "p"), [{ kind: "ping", data: new TextEncoder().encode("p") }]],
  ["a pong", sent(0x8a, "p"), [{ kind: "pong" }]],
  ["a text in three, its letter cut, a ping between", all(sent(0x01, Uint8Array.of(0xc3)), sent(0x89, ""), sent(0x00, Uint8Array.of(0xa4)), sent(0x80, "!")), [{ kind: "ping", data: new Uint8Array() }, text("ä!")]],
  ["a byte order mark", sent(0x81, "\ufeffx"), [text("\ufeffx")]],
  ["a close", sent(0x88, closePayload(4000, "replaced")), [{ kind: "close", code: 4000, reason: "replaced" }]],
  ["a close without a code", sent(0x88, ""), [{ kind: "close", code: 1005, reason: "" }]],
];

for (const [what, octets, expected] of WHOLE) {
  test(`${what}, whole and octet by octet`, () => {
    assert.deepEqual(read([octets]), expected);
    if (octets.length < 1000) assert.deepEqual(read([...octets].map((one) => Uint8Array.of(one))), expected);
  });
}

const BROKEN: readonly [string, Uint8Array, number][] = [
  ["a masked frame", Uint8Array.of(0x81, 0x81, 0x61, 0x81, 0x01, 0x61, 0x81), 1002],
  ["a reserved bit", sent(0xc1, "x"), 1002],
  ["a reserved opcode", sent(0x83, "x"), 1002],
  ["a reserved control opcode", sent(0x8b, "x"), 1002],
  ["a ping in two", sent(0x09, "x"), 1002],
  ["a ping that is long", sent(0x89, "x".repeat(126)), 1002],
  ["a continuation of nothing", sent(0x80, "x"), 1002],
  ["a text within a text", all(sent(0x01, "a"), sent(0x81, "b")), 1002],
  ["a length of two octets for a short one", sent(0x81, "x", [126, 0, 1]), 1002],
  ["a length of eight octets for a short one", sent(0x81, "x", [127, 0, 0, 0, 0, 0, 0, 0, 1]), 1002],
  ["a length beyond all", Uint8Array.of(0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255), 1002],
  ["no UTF-8", sent(0x81, Uint8Array.of(0xff)), 1007],
  ["a surrogate", sent(0x81, Uint8Array.of(0xed, 0xa0, 0x80)), 1007],
  ["half a close code", sent(0x88, "x"), 1002],
  ["close code 1005", sent(0x88, closePayload(1005)), 1002],
  ["close code 1006", sent(0x88, closePayload(1006)), 1002],
  ["close code 999", sent(0x88, closePayload(999)), 1002],
  ["close code 2999", sent(0x88, closePayload(2999)), 1002],
  ["close code 5000", sent(0x88, closePayload(5000)), 1002],
  ["a close reason that is no UTF-8", sent(0x88, Uint8Array.of(0x03, 0xe8, 0xff)), 1007],
];

for (const [what, octets, code] of BROKEN) {
  test(`${what} breaks off`, () => {
    const broken = (error: unknown): boolean => error instanceof FrameError && error.code === code;
    assert.throws(() => read([octets]), broken);
    assert.throws(() => read([...octets].map((one) => Uint8Array.of(one))), broken);
  });
}

test("too much is refused before it is there", () => {
  const head = sent(0x81, "x".repeat(101)).subarray(0, 2);
  assert.equal(read([head], 101).length, 0);
  assert.throws(() => read([head], 100), { code: 1009 });
  assert.throws(() => read([Uint8Array.of(0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0)], 1_000_000), { code: 1009 });
  assert.throws(() => read([sent(0x01, "x".repeat(60)), sent(0x80, "x".repeat(60)).subarray(0, 2)], 100), { code: 1009 });
});

test("many small pieces take linear time", () => {
  const payload = new Uint8Array(300_000).fill(120);
  const octets = sent(0x81, payload);
  const reader = new FrameReader(1_000_000);
  const began = performance.now();
  let found = 0;
  for (let at = 0; at < octets.length; at += 3) found += [...reader.push(octets.subarray(at, at + 3))].length;
  assert.equal(found, 1);
  assert.ok(performance.now() - began < 2_000);
});

for (const size of [0, 1, 125, 126, 65_535, 65_536]) {
  test(`a frame of ours of ${size} octets is masked`, () => {
    const payload = new Uint8Array(size).map((_, at) => at);
    const made = frame("text", payload);
    assert.equal(made[0], 0x81);
    assert.ok((made[1] ?? 0) & 0x80);
    const short = (made[1] ?? 0) & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    assert.equal(extra, size < 126 ? 0 : size < 65_536 ? 2 : 8);
    const mask = made.subarray(2 + extra, 6 + extra);
    const back = made.subarray(6 + extra).map((one, at) => one ^ (mask[at & 3] ?? 0));
    assert.deepEqual(back, payload);
  });
}

test("each frame has a mask of its own", () => {
  const masks = new Set(Array.from({ length: 20 }, () => String(frame("ping", new Uint8Array()).subarray(2, 6))));
  assert.ok(masks.size > 15);
});

test("a reason is cut to what fits, and not within a letter", () => {
  const payload = closePayload(1002, "ä".repeat(100));
  assert.equal(payload.length, 2 + 122);
  assert.equal(new TextDecoder("utf-8", { fatal: true }).decode(payload.subarray(2)), "ä".repeat(61));
});
