/** Mail that waits for somebody's word. */

import type { CallOptions, Exchange, KeyedOptions } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

export class Reviews {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listReviews"> & CallOptions = {}): AutoPager<ItemOf<"listReviews">> {
    return this.#exchange.list("/v1/reviews", {}, options);
  }

  get(id: string, options?: CallOptions): Promise<ResultOf<"getReview">> {
    return this.#exchange.call("get", "/v1/reviews/{id}", { parts: { id } }, options);
  }

  /** Change what waits, and let it wait on. */
  edit(id: string, body: BodyOf<"editReview">, options?: CallOptions): Promise<ResultOf<"editReview">> {
    return this.#exchange.call("patch", "/v1/reviews/{id}", { parts: { id }, body }, options);
  }

  /** Let it go, changed by what `body` says. */
  approve(
    id: string,
    body: BodyOf<"approveReview"> = {},
    options?: KeyedOptions,
  ): Promise<ResultOf<"approveReview">> {
    const headers = { "Idempotency-Key": options?.idempotencyKey };
    const given = { parts: { id }, body, headers, keyed: true };
    return this.#exchange.call("post", "/v1/reviews/{id}/approve", given, options);
  }

  reject(id: string, body: BodyOf<"rejectReview"> = {}, options?: CallOptions): Promise<ResultOf<"rejectReview">> {
    return this.#exchange.call("post", "/v1/reviews/{id}/reject", { parts: { id }, body }, options);
  }
}
