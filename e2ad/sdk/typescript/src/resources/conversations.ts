/** Mail that belongs together. */

import type { CallOptions, Exchange } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { ItemOf, Options, ResultOf } from "../shapes.js";

export class Conversations {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(
    email: string,
    options: Options<"listConversations"> & CallOptions = {},
  ): AutoPager<ItemOf<"listConversations">> {
    return this.#exchange.list("/v1/agents/{email}/conversations", { parts: { email } }, options);
  }

  get(email: string, id: string, options?: CallOptions): Promise<ResultOf<"getConversation">> {
    return this.#exchange.call("get", "/v1/agents/{email}/conversations/{id}", { parts: { email, id } }, options);
  }
}
