/** WebSocket frames as a client reads and writes them (RFC 6455 section 5): octets in, messages out, no I/O. */

/** What can be told from outside, for tests and for slow networks. */
export interface SocketLimits {
  /** For the handshake; 20,000. */
  readonly connectMs?: number | undefined;
  /** Without a frame before a ping asks whether anybody is there; 60,000. */
  readonly silenceMs?: number | undefined;
  /** For the answer to it; 20,000. */
  readonly pongMs?: number | undefined;
  /** Before the first attempt to connect again; 1,000, then twice as long each time, 30,000 at most. */
  readonly firstWaitMs?: number | undefined;
  /** Of one message; 64 MiB. */
  readonly maxBytes?: number | undefined;
}

/** A connection is over; 1006 without a word of the server. */
export interface End {
  readonly code: number;
  readonly reason: string;
}

/** A whole message, or a control frame. */
export type Incoming =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "binary"; readonly data: Uint8Array }
  | { readonly kind: "ping"; readonly data: Uint8Array }
  | { readonly kind: "pong" }
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

/** The server broke the protocol, or sent more than is taken; `code` is what to close with. */
export class FrameError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = "FrameError";
    this.code = code;
  }
}

const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const MAX_CONTROL = 125;
/** A close frame without a code (section 7.1.5). */
export const NO_STATUS = 1005;

interface Head {
  readonly fin: boolean;
  readonly opcode: number;
  readonly length: number;
}

/** Takes octets in any pieces. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #waiting = new Octets();
  #head: Head | undefined;
  #message: { readonly opcode: number; readonly parts: Uint8Array[]; size: number } | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * What has come to its end with these octets.
   *
   * @throws FrameError after which nothing more may be read.
   */
  *push(chunk: Uint8Array): Generator<Incoming, void, undefined> {
    this.#waiting.add(chunk);
    for (;;) {
      this.#head ??= this.#readHead();
      if (this.#head === undefined || this.#waiting.size < this.#head.length) return;
      const head = this.#head;
      this.#head = undefined;
      const found = this.#take(head, this.#waiting.take(head.length));
      if (found) yield found;
    }
  }

  #readHead(): Head | undefined {
    const start = this.#waiting.peek(2);
    if (start === undefined) return undefined;
    const [first = 0, second = 0] = start;
    const opcode = first & 0x0f;
    const fin = (first & 0x80) !== 0;
    if (first & 0x70) throw new FrameError(1002, "a reserved bit is set, and no extension was agreed on");
    if (second & 0x80) throw new FrameError(1002, "a server does not mask");
    if (![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode)) {
      throw new FrameError(1002, `opcode ${opcode} is reserved`);
    }
    const short = second & 0x7f;
    if (opcode >= CLOSE && (!fin || short > MAX_CONTROL)) {
      throw new FrameError(1002, "a control frame is whole, and of 125 octets at most");
    }
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    const head = this.#waiting.peek(2 + extra);
    if (head === undefined) return undefined;
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const long = extra === 8 ? view.getBigUint64(2) : BigInt(extra === 2 ? view.getUint16(2) : short);
    if ((extra === 8 && long < 65_536n) || (extra === 2 && long < 126n) || long >> 63n) {
      throw new FrameError(1002, "a length is written in its shortest form");
    }
    if (opcode < CLOSE) this.#expect(opcode, long);
    this.#waiting.take(2 + extra);
    return { fin, opcode, length: Number(long) };
  }

  /** Section 5.4, and the bound on what is kept: before the octets are there. */
  #expect(opcode: number, length: bigint): void {
    if ((opcode === CONTINUATION) !== (this.#message !== undefined)) {
      throw new FrameError(1002, "the fragments of a message follow each other, and nothing else begins between them");
    }
    if (length + BigInt(this.#message?.size ?? 0) > BigInt(this.#maxBytes)) {
      throw new FrameError(1009, `a message is larger than ${this.#maxBytes} octets`);
    }
  }

  #take(head: Head, payload: Uint8Array): Incoming | undefined {
    if (head.opcode === PING) return { kind: "ping", data: payload };
    if (head.opcode === PONG) return { kind: "pong" };
    if (head.opcode === CLOSE) return closing(payload);
    const message = (this.#message ??= { opcode: head.opcode, parts: [], size: 0 });
    message.parts.push(payload);
    message.size += payload.length;
    if (!head.fin) return undefined;
    this.#message = undefined;
    const whole = joined(message.parts, message.size);
    return message.opcode === TEXT ? { kind: "text", text: utf8(whole) } : { kind: "binary", data: whole };
  }
}

/** One masked frame of a client. */
export function frame(opcode: "text" | "close" | "ping" | "pong", payload: Uint8Array): Uint8Array {
  const code = { text: TEXT, close: CLOSE, ping: PING, pong: PONG }[opcode];
  const extra = payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8;
  const made = new Uint8Array(2 + extra + 4 + payload.length);
  const view = new DataView(made.buffer);
  made[0] = 0x80 | code;
  made[1] = 0x80 | (extra === 0 ? payload.length : extra === 2 ? 126 : 127);
  if (extra === 2) view.setUint16(2, payload.length);
  if (extra === 8) view.setBigUint64(2, BigInt(payload.length));
  const mask = crypto.getRandomValues(made.subarray(2 + extra, 6 + extra));
  for (let at = 0; at < payload.length; at++) made[6 + extra + at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return made;
}

/** The payload of a close frame; the reason is cut to what fits. */
export function closePayload(code: number, reason = ""): Uint8Array {
  const text = new Uint8Array(MAX_CONTROL - 2);
  const { written } = new TextEncoder().encodeInto(reason, text);
  const made = new Uint8Array(2 + written);
  new DataView(made.buffer).setUint16(0, code);
  made.set(text.subarray(0, written), 2);
  return made;
}

function closing(payload: Uint8Array): Incoming {
  if (payload.length === 0) return { kind: "close", code: NO_STATUS, reason: "" };
  if (payload.length === 1) throw new FrameError(1002, "a close code has two octets");
  const code = new DataView(payload.buffer, payload.byteOffset).getUint16(0);
  const known = (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
  if (!known) throw new FrameError(1002, `${code} is no close code`);
  return { kind: "close", code, reason: utf8(payload.subarray(2)) };
}

function utf8(octets: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    throw new FrameError(1007, "a text is not UTF-8");
  }
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1 && parts[0]) return parts[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Octets that came and were not taken yet; linear however small the pieces. */
class Octets {
  size = 0;
  #chunks: Uint8Array[] = [];
  #first = 0;
  #offset = 0;

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.size += chunk.length;
  }

  /** The next octets, left where they are; undefined where there are fewer. */
  peek(count: number): Uint8Array | undefined {
    return this.size < count ? undefined : this.#read(count, false);
  }

  take(count: number): Uint8Array {
    return this.#read(count, true);
  }

  #read(count: number, taken: boolean): Uint8Array {
    const found = new Uint8Array(count);
    let [chunk, offset, at] = [this.#first, this.#offset, 0];
    while (at < count) {
      const piece = this.#chunks[chunk]?.subarray(offset, offset + count - at) ?? new Uint8Array(count - at);
      found.set(piece, at);
      at += piece.length;
      offset += piece.length;
      if (offset >= (this.#chunks[chunk]?.length ?? 0)) [chunk, offset] = [chunk + 1, 0];
    }
    if (taken) {
      this.size -= count;
      [this.#first, this.#offset] = [chunk, offset];
      if (this.#first > 64 || this.#first === this.#chunks.length) {
        this.#chunks = this.#chunks.slice(this.#first);
        this.#first = 0;
      }
    }
    return found;
  }
}
