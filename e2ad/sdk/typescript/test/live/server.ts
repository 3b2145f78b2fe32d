/** The running server that the tests of this folder ask, told by the environment. */

import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createInterface } from "node:readline";
import { E2AClient, type E2AClientOptions } from "../../src/index.js";

interface Told {
  readonly api_url: string;
  readonly api_key: string;
  readonly smtp: string;
  readonly shared_domain: string;
  readonly signing_secret: string;
}

export const told = JSON.parse(process.env["E2AD_TOLD"] ?? "{}") as Told;

export function client(options: E2AClientOptions = {}): E2AClient {
  return new E2AClient({ apiKey: told.api_key, baseUrl: told.api_url, ...options });
}

/** The first value that is there; for what the server does in its own time. */
export async function eventually<T>(look: () => Promise<T | undefined | false>, seconds = 15): Promise<T> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${String(look)} did not come true`);
}

export function mail(to: string, subject: string): string {
  return [
    "From: Ada <ada@example.test>",
    `To: ${to}`,
    `Subject: ${subject}`,
    `Message-ID: <${subject.replaceAll(/\W/g, "")}.${Date.now()}@example.test>`,
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "Content-Type: text/plain; charset=utf-8",
    "",
    `Hello ${subject}`,
    "--b",
    "Content-Type: text/csv",
    'Content-Disposition: attachment; filename="a.csv"',
    "",
    "1,2",
    "--b--",
    "",
  ].join("\r\n");
}

/** Send a mail as a stranger's server does. */
export async function deliver(to: string, content: string): Promise<void> {
  const [host = "", port = ""] = told.smtp.split(/:(?=\d+$)/);
  const socket = connect(Number(port), host);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const answer = async (expected: string): Promise<void> => {
    for (;;) {
      const line = String((await lines.next()).value);
      if (!line.startsWith(expected)) throw new Error(line);
      if (line[3] !== "-") return;
    }
  };
  const say = async (text: string, expected: string): Promise<void> => {
    socket.write(`${text}\r\n`);
    await answer(expected);
  };
  await answer("220");
  await say("EHLO sender.test", "250");
  await say("MAIL FROM:<ada@example.test>", "250");
  await say(`RCPT TO:<${to}>`, "250");
  await say("DATA", "354");
  await say(`${content}.`, "250");
  await say("QUIT", "221");
  socket.destroy();
}

export interface Posted {
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** An endpoint for webhooks. */
export class Endpoint implements AsyncDisposable {
  readonly posted: Posted[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void (async () => {
        const parts: Buffer[] = [];
        for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
        this.posted.push({ headers: request.headers, body: Buffer.concat(parts) });
        response.writeHead(204).end();
      })();
    });
  }

  static async start(): Promise<Endpoint> {
    const endpoint = new Endpoint();
    await new Promise<void>((resolve) => endpoint.#server.listen(0, "127.0.0.1", resolve));
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  next(): Promise<Posted> {
    return eventually(() => Promise.resolve(this.posted.shift()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
