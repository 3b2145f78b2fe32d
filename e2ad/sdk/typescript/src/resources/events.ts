/** What happened. */

import type { CallOptions, Exchange } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

export class Events {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listEvents"> & CallOptions = {}): AutoPager<ItemOf<"listEvents">> {
    return this.#exchange.list("/v1/events", {}, options);
  }

  get(id: string, options?: CallOptions): Promise<ResultOf<"getEvent">> {
    return this.#exchange.call("get", "/v1/events/{id}", { parts: { id } }, options);
  }

  /** To all webhooks that it matched, or to the one that `body` names. */
  redeliver(
    id: string,
    body: NonNullable<BodyOf<"redeliverEvent">> = {},
    options?: CallOptions,
  ): Promise<ResultOf<"redeliverEvent">> {
    return this.#exchange.call("post", "/v1/events/{id}/redeliver", { parts: { id }, body }, options);
  }
}
