/** What belongs to the account as a whole. */

import { document, filled, type CallOptions, type Exchange, type KeyedOptions } from "../exchange.js";
import { E2AServerError, isObject } from "../errors.js";
import { AutoPager } from "../pages.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

export class Account {
  readonly suppressions: Suppressions;
  readonly apiKeys: ApiKeys;
  readonly signingSecrets: SigningSecrets;
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.suppressions = new Suppressions(exchange);
    this.apiKeys = new ApiKeys(exchange);
    this.signingSecrets = new SigningSecrets(exchange);
  }

  get(options?: CallOptions): Promise<ResultOf<"getAccount">> {
    return this.#exchange.call("get", "/v1/account", {}, options);
  }

  /** All that is stored of it, in one document. */
  export(options?: CallOptions): Promise<ResultOf<"exportAccount">> {
    return this.#exchange.call("get", "/v1/account/export", {}, options);
  }

  metrics(options?: Options<"getAccountMetrics"> & CallOptions): Promise<ResultOf<"getAccountMetrics">> {
    return this.#exchange.call("get", "/v1/metrics", { query: options }, options);
  }

  /** The account and all it owns, for good. Never tried twice. */
  delete(options?: CallOptions): Promise<ResultOf<"deleteAccount">> {
    const given = { query: { confirm: "DELETE" }, retried: false };
    return this.#exchange.call("delete", "/v1/account", given, options);
  }
}

/** Addresses that no agent of the account writes to. */
export class Suppressions {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listSuppressions"> & CallOptions = {}): AutoPager<ItemOf<"listSuppressions">> {
    return this.#exchange.list("/v1/account/suppressions", {}, options);
  }

  delete(address: string, options?: CallOptions): Promise<ResultOf<"deleteSuppression">> {
    const given = { parts: { address }, query: { confirm: "DELETE" } };
    return this.#exchange.call("delete", "/v1/account/suppressions/{address}", given, options);
  }
}

export class ApiKeys {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listApiKeys"> & CallOptions = {}): AutoPager<ItemOf<"listApiKeys">> {
    return this.#exchange.list("/v1/account/api-keys", {}, options);
  }

  /** The answer has the key, which is never shown again. */
  create(body: BodyOf<"createApiKey">, options?: KeyedOptions): Promise<ResultOf<"createApiKey">> {
    const headers = { "Idempotency-Key": options?.idempotencyKey };
    return this.#exchange.call("post", "/v1/account/api-keys", { body, headers, keyed: true }, options);
  }

  delete(id: string, options?: CallOptions): Promise<ResultOf<"deleteApiKey">> {
    const given = { parts: { id }, query: { confirm: "DELETE" } };
    return this.#exchange.call("delete", "/v1/account/api-keys/{id}", given, options);
  }
}

/** A secret of the account, for `parseWebhook`; the newest one signs. */
export interface SigningSecret {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
  readonly secret_prefix: string;
  readonly created_at: string;
  readonly last_signed_at?: string | null;
}

const SECRETS = "/api/v1/users/me/signing-secrets";

/**
 * What mail to an agent's own URL is signed with: to change it, create another, give it to all that verify, delete the
 * old. Of the classic API, which lists all at once.
 */
export class SigningSecrets {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** All secrets, whole, the newest first. */
  list(options: CallOptions = {}): AutoPager<SigningSecret> {
    return new AutoPager(async () => {
      const found = document(await this.#exchange.send({ method: "GET", path: SECRETS }, options));
      if (!isObject(found) || !Array.isArray(found["secrets"])) {
        throw new E2AServerError("the answer cannot be read: it is no list", { code: "invalid_response" });
      }
      return { items: found["secrets"] as SigningSecret[], next_cursor: null };
    });
  }

  /** A new secret, which signs from now on. Never tried twice. */
  async create(name = "", options: CallOptions = {}): Promise<SigningSecret> {
    const wanted = { method: "POST", path: SECRETS, body: { name } };
    return document(await this.#exchange.send(wanted, options)) as SigningSecret;
  }

  /** Delete a secret: what it signed is refused from then on. The last one stays. */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await this.#exchange.send({ method: "DELETE", path: filled(`${SECRETS}/{id}`, { id }) }, options);
  }
}

/** Programs that were let in by somebody at a browser. */
export class Connections {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listConnections"> & CallOptions = {}): AutoPager<ItemOf<"listConnections">> {
    return this.#exchange.list("/v1/account/connections", {}, options);
  }

  delete(id: string, options?: CallOptions): Promise<ResultOf<"deleteConnection">> {
    const given = { parts: { id }, query: { confirm: "DELETE" } };
    return this.#exchange.call("delete", "/v1/account/connections/{id}", given, options);
  }
}
