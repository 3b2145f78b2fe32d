/** The people of an account, and how far an agent is with each. */

import type { CallOptions, Exchange, KeyedOptions, TaggedOptions } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

const ONE = "/v1/contacts/{address}";
const OUTREACH = "/v1/agents/{email}/contacts/{address}";

export class Contacts {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listContacts"> & CallOptions = {}): AutoPager<ItemOf<"listContacts">> {
    return this.#exchange.list("/v1/contacts", {}, options);
  }

  get(address: string, options?: CallOptions): Promise<ResultOf<"getContact">> {
    return this.#exchange.call("get", ONE, { parts: { address } }, options);
  }

  /** The contact and its entity tag, for an `update` that only happens to this version. */
  getWithEtag(address: string, options?: CallOptions): Promise<[ResultOf<"getContact">, string | null]> {
    return this.#exchange.tagged("get", ONE, { parts: { address } }, options);
  }

  create(body: BodyOf<"createContact">, options?: KeyedOptions): Promise<ResultOf<"createContact">> {
    const headers = { "Idempotency-Key": options?.idempotencyKey };
    return this.#exchange.call("post", "/v1/contacts", { body, headers, keyed: true }, options);
  }

  update(
    address: string,
    body: BodyOf<"updateContact">,
    options?: TaggedOptions,
  ): Promise<ResultOf<"updateContact">> {
    const given = { parts: { address }, body, ...onlyIf(options) };
    return this.#exchange.call("patch", ONE, given, options);
  }

  delete(address: string, options?: CallOptions): Promise<ResultOf<"deleteContact">> {
    return this.#exchange.call("delete", ONE, { parts: { address }, query: { confirm: "DELETE" } }, options);
  }

  /** Many at once; the answer has a line for each. */
  import(body: BodyOf<"importContacts">, options?: KeyedOptions): Promise<ResultOf<"importContacts">> {
    const headers = { "Idempotency-Key": options?.idempotencyKey };
    return this.#exchange.call("post", "/v1/contacts/import", { body, headers, keyed: true }, options);
  }

  /** Take back what an import made and nobody touched since. */
  deleteImport(batchId: string, options?: CallOptions): Promise<ResultOf<"deleteImportBatch">> {
    const given = { parts: { batch_id: batchId }, query: { confirm: "DELETE" } };
    return this.#exchange.call("delete", "/v1/contacts/imports/{batch_id}", given, options);
  }

  /** The contacts that an agent works on. */
  outreach(
    email: string,
    options: Options<"listEngagements"> & CallOptions = {},
  ): AutoPager<ItemOf<"listEngagements">> {
    return this.#exchange.list("/v1/agents/{email}/contacts", { parts: { email } }, options);
  }

  getOutreach(email: string, address: string, options?: CallOptions): Promise<ResultOf<"getEngagement">> {
    return this.#exchange.call("get", OUTREACH, { parts: { email, address } }, options);
  }

  getOutreachWithEtag(
    email: string,
    address: string,
    options?: CallOptions,
  ): Promise<[ResultOf<"getEngagement">, string | null]> {
    return this.#exchange.tagged("get", OUTREACH, { parts: { email, address } }, options);
  }

  setOutreach(
    email: string,
    address: string,
    body: BodyOf<"upsertEngagement">,
    options?: TaggedOptions,
  ): Promise<ResultOf<"upsertEngagement">> {
    const given = { parts: { email, address }, body, ...onlyIf(options) };
    return this.#exchange.call("put", OUTREACH, given, options);
  }

  deleteOutreach(email: string, address: string, options?: CallOptions): Promise<ResultOf<"deleteEngagement">> {
    const given = { parts: { email, address }, query: { confirm: "DELETE" } };
    return this.#exchange.call("delete", OUTREACH, given, options);
  }
}

/** A version that was changed by the first attempt is another one in the second. */
function onlyIf(options: TaggedOptions | undefined) {
  return { headers: { "If-Match": options?.ifMatch }, retried: options?.ifMatch === undefined };
}
