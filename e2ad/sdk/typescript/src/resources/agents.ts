/** The addresses of an account. */

import type { CallOptions, Exchange } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

export class Agents {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Newest first; with `deleted` those in the trash. */
  list(options: Options<"listAgents"> & CallOptions = {}): AutoPager<ItemOf<"listAgents">> {
    return this.#exchange.list("/v1/agents", {}, options);
  }

  get(email: string, options?: CallOptions): Promise<ResultOf<"getAgent">> {
    return this.#exchange.call("get", "/v1/agents/{email}", { parts: { email } }, options);
  }

  /** By a whole address (`email`), or by a name on the shared domain (`slug`). Never tried twice. */
  create(body: BodyOf<"createAgent">, options?: CallOptions): Promise<ResultOf<"createAgent">> {
    return this.#exchange.call("post", "/v1/agents", { body }, options);
  }

  update(email: string, body: BodyOf<"updateAgent">, options?: CallOptions): Promise<ResultOf<"updateAgent">> {
    return this.#exchange.call("patch", "/v1/agents/{email}", { parts: { email }, body }, options);
  }

  /** Into the trash, or for good. */
  delete(email: string, options: Options<"deleteAgent"> & CallOptions = {}): Promise<ResultOf<"deleteAgent">> {
    const query = { ...options, confirm: "DELETE" };
    return this.#exchange.call("delete", "/v1/agents/{email}", { parts: { email }, query }, options);
  }

  restore(email: string, options?: CallOptions): Promise<ResultOf<"restoreAgent">> {
    return this.#exchange.call("post", "/v1/agents/{email}/restore", { parts: { email } }, options);
  }

  /** Has the agent write to itself. */
  test(email: string, options?: CallOptions): Promise<ResultOf<"testAgent">> {
    return this.#exchange.call("post", "/v1/agents/{email}/test", { parts: { email } }, options);
  }

  getProtection(email: string, options?: CallOptions): Promise<ResultOf<"getAgentProtection">> {
    return this.#exchange.call("get", "/v1/agents/{email}/protection", { parts: { email } }, options);
  }

  /** All of it, such as `getProtection` gives it: what is left out goes back to what it was at first. */
  replaceProtection(
    email: string,
    body: BodyOf<"putAgentProtection"> | ResultOf<"getAgentProtection">,
    options?: CallOptions,
  ): Promise<ResultOf<"putAgentProtection">> {
    // What the API answers it also takes; its answers may have words that these types do not know yet.
    const given = { parts: { email }, body: body as BodyOf<"putAgentProtection"> };
    return this.#exchange.call("put", "/v1/agents/{email}/protection", given, options);
  }

  listSuppressions(
    email: string,
    options: Options<"listAgentSuppressions"> & CallOptions = {},
  ): AutoPager<ItemOf<"listAgentSuppressions">> {
    return this.#exchange.list("/v1/agents/{email}/suppressions", { parts: { email } }, options);
  }

  createSuppression(
    email: string,
    body: BodyOf<"createAgentSuppression">,
    options?: CallOptions,
  ): Promise<ResultOf<"createAgentSuppression">> {
    return this.#exchange.call("post", "/v1/agents/{email}/suppressions", { parts: { email }, body }, options);
  }

  deleteSuppression(
    email: string,
    address: string,
    options?: CallOptions,
  ): Promise<ResultOf<"deleteAgentSuppression">> {
    const given = { parts: { email, address }, query: { confirm: "DELETE" } };
    return this.#exchange.call("delete", "/v1/agents/{email}/suppressions/{address}", given, options);
  }
}
