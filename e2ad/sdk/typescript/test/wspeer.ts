/** A far side that speaks WebSocket as a test says, well or badly. */

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { closePayload } from "../src/frames.js";

export type Act = (line: Line, request: IncomingMessage) => void;

/** One connection, seen from the server. */
export class Line {
  readonly received: { opcode: number; payload: Buffer; isMasked: boolean }[] = [];
  readonly socket: Duplex;
  readonly gone: Promise<void>;
  #data: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  constructor(socket: Duplex, isRead = true) {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("end", () => socket.end());
    this.gone = new Promise((resolve) => socket.once("close", () => resolve()));
    if (isRead) socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  send(first: number, payload: Uint8Array | string): void {
    const data = Buffer.from(payload as string);
    const head = Buffer.alloc(data.length < 126 ? 2 : 4);
    head[0] = first;
    head[1] = data.length < 126 ? data.length : 126;
    if (data.length >= 126) head.writeUInt16BE(data.length, 2);
    this.socket.write(Buffer.concat([head, data]));
  }

  event(id: string, more: object = {}): void {
    const created = "2026-07-23T10:00:00Z";
    this.send(0x81, JSON.stringify({ type: "email.received", id, schema_version: "1", created_at: created, data: {}, ...more }));
  }

  close(code: number, reason = ""): void {
    this.send(0x88, closePayload(code, reason));
  }

  /** The next frame of the client. */
  async next(): Promise<{ opcode: number; payload: Buffer; isMasked: boolean }> {
    for (;;) {
      const found = this.received.shift();
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #read(chunk: Buffer): void {
    this.#data = Buffer.concat([this.#data, chunk]);
    for (;;) {
      const size = (this.#data[1] ?? 0) & 0x7f;
      if (this.#data.length < 6 || this.#data.length < 6 + size) return;
      const mask = this.#data.subarray(2, 6);
      const payload = Buffer.from(this.#data.subarray(6, 6 + size)).map((one, at) => one ^ (mask[at & 3] ?? 0));
      const isMasked = ((this.#data[1] ?? 0) & 0x80) !== 0;
      this.received.push({ opcode: (this.#data[0] ?? 0) & 0x0f, payload: Buffer.from(payload), isMasked });
      this.#data = this.#data.subarray(6 + size);
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }
}

export class WSPeer implements AsyncDisposable {
  readonly requests: IncomingMessage[] = [];
  readonly lines: Line[] = [];
  readonly #scheme: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(acts: Act[], tls?: { readonly cert: string; readonly key: string }) {
    this.#scheme = tls ? "https" : "http";
    this.#server = tls ? createTlsServer(tls) : createServer();
    this.#server.on("request", (request, response) => {
      this.requests.push(request);
      const act = acts.shift();
      if (act) act(new Line(response.socket as Socket, false), request);
      else response.writeHead(426).end();
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("upgrade", (request, socket: Duplex) => {
      this.requests.push(request);
      const line = new Line(socket);
      this.lines.push(line);
      acts.shift()?.(line, request);
    });
  }

  /** Each connection gets the next act. */
  static start(...acts: Act[]): Promise<WSPeer> {
    return WSPeer.#listening(new WSPeer(acts));
  }

  static startTls(cert: string, key: string, ...acts: Act[]): Promise<WSPeer> {
    return WSPeer.#listening(new WSPeer(acts, { cert, key }));
  }

  static async #listening(peer: WSPeer): Promise<WSPeer> {
    await new Promise<void>((resolve) => peer.#server.listen(0, "127.0.0.1", resolve));
    return peer;
  }

  get url(): string {
    return `${this.#scheme}://${this.#scheme === "https" ? "localhost" : "127.0.0.1"}:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Take the handshake, then go on. */
export function open(then: (line: Line, request: IncomingMessage) => unknown, extra = ""): Act {
  return (line, request) => {
    line.socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n` +
        `Sec-WebSocket-Accept: ${acceptOf(request)}\r\n${extra}\r\n`,
    );
    then(line, request);
  };
}

/** Refuse the handshake. */
export function refuse(status: number, body: string, headers = ""): Act {
  return (line) => {
    line.socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`);
  };
}

export function acceptOf(request: IncomingMessage): string {
  const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  return createHash("sha1").update(`${request.headers["sec-websocket-key"]}${guid}`).digest("base64");
}
