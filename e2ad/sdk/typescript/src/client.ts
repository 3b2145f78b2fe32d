/** The client: one deployment, one credential, all that the API can do. */

import { E2AValidationError } from "./errors.js";
import { type CallOptions, document, Exchange, type KeyedOptions } from "./exchange.js";
import { type ListenOptions, WSStream } from "./listening.js";
import { Account, Connections } from "./resources/account.js";
import { Agents } from "./resources/agents.js";
import { Contacts } from "./resources/contacts.js";
import { Conversations } from "./resources/conversations.js";
import { Domains } from "./resources/domains.js";
import { Events } from "./resources/events.js";
import { Feedback } from "./resources/feedback.js";
import { Inbound } from "./resources/inbound.js";
import { Messages } from "./resources/messages.js";
import { Reviews } from "./resources/reviews.js";
import { Templates } from "./resources/templates.js";
import { Webhooks } from "./resources/webhooks.js";
import type { ResultOf } from "./shapes.js";

const DEFAULT_URL = "http://127.0.0.1:8080";
const DEFAULT_RETRIES = 2;
const DEFAULT_TIMEOUT_MS = 30_000;

export interface E2AClientOptions {
  /** `E2A_API_KEY` of the environment where nothing is given; without any, only `info()` and feedback work. */
  readonly apiKey?: string | undefined;
  /** `E2A_API_URL`, `E2A_URL`, then `E2A_BASE_URL` of the environment where nothing is given. */
  readonly baseUrl?: string | undefined;
  /** Attempts after the first; 2. */
  readonly maxRetries?: number | undefined;
  /** No wait begins that would end later than this after the first attempt; no bound where nothing is given. */
  readonly maxElapsedMs?: number | undefined;
  /** How long the server may be silent in each attempt; 30,000, and 0 for ever. */
  readonly timeoutMs?: number | undefined;
}

/** What `request` takes besides a path. */
export interface RequestOptions extends KeyedOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  /** Any JSON value. */
  readonly body?: unknown;
}

/** One deployment, one credential. */
export class E2AClient {
  readonly agents: Agents;
  readonly messages: Messages;
  readonly conversations: Conversations;
  readonly reviews: Reviews;
  readonly contacts: Contacts;
  readonly templates: Templates;
  readonly domains: Domains;
  readonly events: Events;
  readonly webhooks: Webhooks;
  readonly account: Account;
  readonly connections: Connections;
  readonly feedback: Feedback;
  readonly inbound: Inbound;
  readonly #exchange: Exchange;

  /** @throws E2AValidationError an option cannot be what it is. */
  constructor(options: E2AClientOptions = {}) {
    const exchange = new Exchange({
      apiKey: keyOf(options.apiKey || environment("E2A_API_KEY")),
      baseUrl: addressOf(options.baseUrl || environment("E2A_API_URL", "E2A_URL", "E2A_BASE_URL") || DEFAULT_URL),
      maxRetries: count("maxRetries", options.maxRetries) ?? DEFAULT_RETRIES,
      maxElapsedMs: count("maxElapsedMs", options.maxElapsedMs),
      timeoutMs: count("timeoutMs", options.timeoutMs) ?? DEFAULT_TIMEOUT_MS,
    });
    this.#exchange = exchange;
    this.agents = new Agents(exchange);
    this.messages = new Messages(exchange);
    this.conversations = new Conversations(exchange);
    this.reviews = new Reviews(exchange);
    this.contacts = new Contacts(exchange);
    this.templates = new Templates(exchange);
    this.domains = new Domains(exchange);
    this.events = new Events(exchange);
    this.webhooks = new Webhooks(exchange);
    this.account = new Account(exchange);
    this.connections = new Connections(exchange);
    this.feedback = new Feedback(exchange);
    this.inbound = new Inbound(this.messages);
  }

  /** Where the deployment is. */
  get baseUrl(): string {
    return this.#exchange.baseUrl;
  }

  /** What the deployment is; needs no key. */
  info(options?: CallOptions): Promise<ResultOf<"getInfo">> {
    return this.#exchange.call("get", "/v1/info", {}, options);
  }

  /** Each event of an agent's inbox as it happens: `for await (const event of client.listen(email))`. */
  listen(email: string, options: ListenOptions = {}): WSStream {
    return new WSStream(this.#exchange, email, options);
  }

  /** Any request of the API, for what has no method here. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    if (!path.startsWith("/") || path.startsWith("//")) {
      throw new E2AValidationError("a path begins with one slash", { code: "invalid_request" });
    }
    const { query, body, idempotencyKey } = options;
    const headers = { "Idempotency-Key": idempotencyKey };
    const wanted = { method: method.toUpperCase(), path, query, body, headers, keyed: idempotencyKey !== undefined };
    return document(await this.#exchange.send(wanted, options));
  }
}

function environment(...names: string[]): string | undefined {
  if (typeof process === "undefined") return undefined;
  return names.map((name) => process.env[name]).find((value) => value);
}

function keyOf(given: string | undefined): string | undefined {
  const key = (given ?? "").trim();
  if (!/^[\x20-\x7e]*$/.test(key)) {
    throw new E2AValidationError("the API key has characters that no key has", { code: "invalid_api_key" });
  }
  return key || undefined;
}

function addressOf(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new E2AValidationError("baseUrl must be the http or https address of a deployment", { code: "invalid_base_url" });
  }
  return url.href.replace(/\/+$/, "");
}

function count(name: string, value: number | undefined): number | undefined {
  if (value !== undefined && !(Number.isInteger(value) && value >= 0)) {
    throw new E2AValidationError(`${name} must be a whole number, 0 or more`, { code: "invalid_request" });
  }
  return value;
}
