/**
 * A WebSocket of a client over Node's own HTTP (RFC 6455): for the credential goes into a header of the handshake, which
 * the `WebSocket` of browsers and of newer Nodes cannot set. The same on every Node from 20 on.
 */

import type { ClientRequest, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { closePayload, type End, frame, FrameError, FrameReader, NO_STATUS, type SocketLimits } from "./frames.js";

const CONNECT_MS = 20_000;
const CLOSE_MS = 2_000;
const SILENCE_MS = 60_000;
const PONG_MS = 20_000;
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_REFUSAL_BYTES = 64 * 1024;
/** Messages that wait to be received; beyond it the socket is not read. */
const MAX_WAITING = 1_000;
/** Octets that wait to be sent; beyond it a ping is not answered. */
const MAX_UNSENT = 64 * 1024;
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The server answered the handshake with something else than an upgrade. */
export class HandshakeRefused extends Error {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;

  constructor(status: number, retryAfter: string | undefined, body: string) {
    super(`the server answered the handshake with ${status}`);
    this.name = "HandshakeRefused";
    this.status = status;
    this.retryAfter = retryAfter;
    this.body = body;
  }
}

/**
 * Node's own HTTP. Its name stands where no bundler follows it: who never listens can be bundled for a place without Node.
 *
 * @throws Error there is none here.
 */
export async function httpOf(url: string): Promise<typeof import("node:http")> {
  const name = url.startsWith("https:") ? "node:https" : "node:http";
  return (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as typeof import("node:http");
}

/**
 * Open a connection.
 *
 * @param url http or https.
 * @throws HandshakeRefused the server said no.
 * @throws Error nobody answered, or nobody who speaks WebSocket.
 */
export async function connect(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  limits: SocketLimits = {},
): Promise<Connection> {
  signal.throwIfAborted();
  const { request } = await httpOf(url);
  const key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  const accept = await acceptOf(key);
  return new Promise((resolve, reject) => {
    const asked: ClientRequest = request(url, {
      // A connection of its own: nobody else's requests wait for it.
      agent: false,
      signal,
      headers: {
        ...headers,
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
      },
    });
    const ms = limits.connectMs ?? CONNECT_MS;
    const late = setTimeout(() => asked.destroy(new Error(`no handshake within ${ms} ms`)), ms);
    asked.on("error", (error) => {
      clearTimeout(late);
      reject(signal.aborted ? (signal.reason as Error) : error);
    });
    asked.on("response", (answer) => {
      void refusal(answer).then((refused) => {
        clearTimeout(late);
        asked.destroy();
        reject(refused);
      });
    });
    asked.on("upgrade", (answer, socket, head) => {
      clearTimeout(late);
      const fault = faultOf(answer, accept);
      if (fault !== undefined) {
        socket.destroy();
        reject(new Error(fault));
        return;
      }
      resolve(new Connection(socket, head, limits));
    });
    asked.end();
  });
}

/** An open connection. Whoever does not receive is not sent more than a thousand messages ahead. */
export class Connection {
  readonly #socket: Duplex;
  readonly #reader: FrameReader;
  readonly #silenceMs: number;
  readonly #pongMs: number;
  readonly #waiting: string[] = [];
  #end: End | undefined;
  #ended = false;
  #saidClose = false;
  #wake: (() => void) | undefined;
  #clock: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Duplex, head: Uint8Array, limits: SocketLimits) {
    this.#socket = socket;
    this.#reader = new FrameReader(limits.maxBytes ?? MAX_BYTES);
    this.#silenceMs = limits.silenceMs ?? SILENCE_MS;
    this.#pongMs = limits.pongMs ?? PONG_MS;
    socket.on("data", (chunk: Uint8Array) => this.#read(chunk));
    socket.on("error", (error) => this.#over(1006, error.message));
    socket.on("end", () => this.#over(1006, "the connection was cut"));
    socket.on("close", () => this.#over(1006, "the connection was cut"));
    this.#heard();
    if (head.length > 0) this.#read(head);
  }

  /** The next text; once all are received, how the connection ended. */
  async receive(): Promise<string | End> {
    for (;;) {
      const text = this.#waiting.shift();
      if (text !== undefined) {
        if (this.#waiting.length < MAX_WAITING / 2 && this.#socket.isPaused() && !this.#ended) {
          this.#heard();
          this.#socket.resume();
        }
        return text;
      }
      if (this.#end) return this.#end;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Say goodbye, and wait two seconds at most for the answer. */
  async close(code = 1000, reason = ""): Promise<void> {
    if (this.#ended) return;
    const gone = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    this.#sayClose(code, reason);
    // What was not received is not wanted, but the goodbye comes behind it.
    this.#socket.resume();
    const late = setTimeout(() => this.#socket.destroy(), CLOSE_MS);
    await gone;
    clearTimeout(late);
    this.#over(code, reason);
  }

  #read(chunk: Uint8Array): void {
    if (this.#end) return;
    this.#heard();
    try {
      for (const found of this.#reader.push(chunk)) {
        if (found.kind === "text") this.#waiting.push(found.text);
        else if (found.kind === "ping") this.#send("pong", found.data);
        else if (found.kind === "binary") throw new FrameError(1003, "the server sends text");
        else if (found.kind === "close") {
          this.#sayClose(found.code === NO_STATUS ? 1000 : found.code);
          this.#over(found.code, found.reason);
          return;
        }
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#sayClose(error.code, error.message);
      this.#over(error.code, error.message);
      return;
    }
    this.#wake?.();
    if (this.#waiting.length >= MAX_WAITING && !this.#saidClose) {
      clearTimeout(this.#clock);
      this.#socket.pause();
    }
  }

  #send(opcode: "pong" | "ping" | "close", payload: Uint8Array): void {
    if (this.#saidClose || !this.#socket.writable) return;
    if (opcode === "pong" && this.#socket.writableLength > MAX_UNSENT) return;
    this.#socket.write(frame(opcode, payload));
  }

  #sayClose(code: number, reason = ""): void {
    this.#send("close", closePayload(code, reason));
    this.#saidClose = true;
    this.#socket.end();
  }

  /** A silent connection may be a dead one: a ping asks, and no answer is one too. */
  #heard(): void {
    clearTimeout(this.#clock);
    this.#clock = setTimeout(() => {
      this.#send("ping", new Uint8Array());
      this.#clock = setTimeout(() => this.#over(1006, "the server is silent"), this.#pongMs);
    }, this.#silenceMs);
  }

  #over(code: number, reason: string): void {
    if (this.#end === undefined) {
      this.#end = { code, reason };
      this.#wake?.();
    }
    clearTimeout(this.#clock);
    if (this.#ended) return;
    this.#ended = true;
    if (this.#saidClose && !this.#socket.destroyed) {
      // The goodbye is on its way; it gets its time.
      const late = setTimeout(() => this.#socket.destroy(), CLOSE_MS);
      this.#socket.once("close", () => clearTimeout(late));
      this.#socket.resume();
    } else {
      this.#socket.destroy();
    }
  }
}

/** Section 4.1: what an answer must say before a word of WebSocket is believed. */
function faultOf(answer: IncomingMessage, accept: string): string | undefined {
  const { headers } = answer;
  const connection = (headers.connection ?? "").toLowerCase().split(",");
  if (headers.upgrade?.toLowerCase() !== "websocket" || !connection.some((token) => token.trim() === "upgrade")) {
    return "the server upgraded to something else";
  }
  if (headers["sec-websocket-accept"] !== accept) return "the server did not answer this handshake";
  if (headers["sec-websocket-extensions"] || headers["sec-websocket-protocol"]) {
    return "the server chose what was not offered";
  }
  return undefined;
}

async function acceptOf(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(key + GUID));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

async function refusal(answer: IncomingMessage): Promise<HandshakeRefused> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      parts.push(part);
      size += part.length;
      if (size > MAX_REFUSAL_BYTES) break;
    }
  } catch {
    // What came is enough: the status is known.
  }
  return new HandshakeRefused(answer.statusCode ?? 0, answer.headers["retry-after"], Buffer.concat(parts).toString());
}
