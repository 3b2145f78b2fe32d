/** A far side that does what a test says: HTTP answers in order, and each request written down. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { E2AClient, type E2AClientOptions } from "../src/index.js";

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export type Reply =
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | ((request: IncomingMessage, response: ServerResponse, asked: Asked) => void);

export class Peer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly server: Server;
  readonly #replies: Reply[];
  readonly #sockets = new Set<Socket>();

  private constructor(replies: Reply[]) {
    this.#replies = replies;
    this.server = createServer((request, response) => void this.#answer(request, response));
    this.server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Answers with `replies` one after the other, the last of them for ever. */
  static async start(...replies: Reply[]): Promise<Peer> {
    const peer = new Peer(replies);
    await new Promise<void>((resolve) => peer.server.listen(0, "127.0.0.1", resolve));
    return peer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  client(options: E2AClientOptions = {}): E2AClient {
    return new E2AClient({ apiKey: "e2a_test", baseUrl: this.url, ...options });
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { method = "", url = "", headers } = request;
    const asked = { method, url, headers, body: Buffer.concat(parts).toString() };
    this.asked.push(asked);
    const reply = (this.#replies.length > 1 ? this.#replies.shift() : this.#replies[0]) ?? {};
    if (typeof reply === "function") {
      reply(request, response, asked);
      return;
    }
    const { status = 200, body = {} } = reply;
    response.writeHead(status, { "Content-Type": "application/json", ...reply.headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }
}

export function failure(status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Reply {
  return { status, headers, body: { error: { code, message: `it is ${code}`, request_id: "req_1", ...more } } };
}
