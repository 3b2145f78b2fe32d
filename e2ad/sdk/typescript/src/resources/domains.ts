/** Domains of one's own. */

import type { CallOptions, Exchange, KeyedOptions } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

export class Domains {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listDomains"> & CallOptions = {}): AutoPager<ItemOf<"listDomains">> {
    return this.#exchange.list("/v1/domains", {}, options);
  }

  get(domain: string, options?: CallOptions): Promise<ResultOf<"getDomain">> {
    return this.#exchange.call("get", "/v1/domains/{domain}", { parts: { domain } }, options);
  }

  create(body: BodyOf<"registerDomain">, options?: CallOptions): Promise<ResultOf<"registerDomain">> {
    return this.#exchange.call("post", "/v1/domains", { body }, options);
  }

  delete(domain: string, options?: KeyedOptions): Promise<ResultOf<"deleteDomain">> {
    const headers = { "Idempotency-Key": options?.idempotencyKey };
    const given = { parts: { domain }, query: { confirm: "DELETE" }, headers, keyed: true };
    return this.#exchange.call("delete", "/v1/domains/{domain}", given, options);
  }

  /** Look at its records now. */
  verify(domain: string, options?: CallOptions): Promise<ResultOf<"verifyDomain">> {
    return this.#exchange.call("post", "/v1/domains/{domain}/verify", { parts: { domain } }, options);
  }

  /** Sign with a new key; the answer has the record to publish. */
  rotateKeys(domain: string, options?: CallOptions): Promise<ResultOf<"rotateDomainKeys">> {
    return this.#exchange.call("post", "/v1/domains/{domain}/rotate-keys", { parts: { domain } }, options);
  }
}
