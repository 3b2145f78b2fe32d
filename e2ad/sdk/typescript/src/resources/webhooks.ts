/** Addresses of yours that are told what happens. */

import { E2AValidationError, isObject } from "../errors.js";
import type { EventEnvelope } from "../events.js";
import type { CallOptions, Exchange, KeyedOptions } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { MessageView } from "../schema.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

export class Webhooks {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  list(options: Options<"listWebhooks"> & CallOptions = {}): AutoPager<ItemOf<"listWebhooks">> {
    return this.#exchange.list("/v1/webhooks", {}, options);
  }

  get(id: string, options?: CallOptions): Promise<ResultOf<"getWebhook">> {
    return this.#exchange.call("get", "/v1/webhooks/{id}", { parts: { id } }, options);
  }

  /** The answer has the secret, which is never shown again. */
  create(body: BodyOf<"createWebhook">, options?: KeyedOptions): Promise<ResultOf<"createWebhook">> {
    const headers = { "Idempotency-Key": options?.idempotencyKey };
    return this.#exchange.call("post", "/v1/webhooks", { body, headers, keyed: true }, options);
  }

  update(id: string, body: BodyOf<"updateWebhook">, options?: CallOptions): Promise<ResultOf<"updateWebhook">> {
    return this.#exchange.call("patch", "/v1/webhooks/{id}", { parts: { id }, body }, options);
  }

  delete(id: string, options?: CallOptions): Promise<ResultOf<"deleteWebhook">> {
    const given = { parts: { id }, query: { confirm: "DELETE" } };
    return this.#exchange.call("delete", "/v1/webhooks/{id}", given, options);
  }

  /** A new secret; the old one signs as well for a day. */
  rotateSecret(id: string, options?: KeyedOptions): Promise<ResultOf<"rotateWebhookSecret">> {
    const given = { parts: { id }, headers: { "Idempotency-Key": options?.idempotencyKey }, keyed: true };
    return this.#exchange.call("post", "/v1/webhooks/{id}/rotate-secret", given, options);
  }

  /** Post a made-up event to it. */
  test(id: string, body: BodyOf<"testWebhook"> = {}, options?: CallOptions): Promise<ResultOf<"testWebhook">> {
    return this.#exchange.call("post", "/v1/webhooks/{id}/test", { parts: { id }, body }, options);
  }

  deliveries(
    id: string,
    options: Options<"listWebhookDeliveries"> & CallOptions = {},
  ): AutoPager<ItemOf<"listWebhookDeliveries">> {
    return this.#exchange.list("/v1/webhooks/{id}/deliveries", { parts: { id } }, options);
  }

  /**
   * The message that an `email.received` event is about.
   *
   * @throws E2AValidationError it is another event, or does not say which message.
   */
  async fetchMessage(event: Pick<EventEnvelope, "type" | "data">, options?: CallOptions): Promise<MessageView> {
    const { email, id } = received(event);
    const found = await this.#exchange.call("get", "/v1/agents/{email}/messages/{id}", { parts: { email, id } }, options);
    return found as MessageView;
  }
}

/**
 * Which message an `email.received` event is about.
 *
 * @throws E2AValidationError it is another event, or does not say it.
 */
export function received(event: Pick<EventEnvelope, "type" | "data">): { email: string; id: string } {
  const data: unknown = event.data;
  if (event.type === "email.received" && isObject(data)) {
    const { delivered_to: email, message_id: id } = data;
    if (typeof email === "string" && email && typeof id === "string" && id) return { email, id };
  }
  throw new E2AValidationError("this takes an email.received event that says delivered_to and message_id", {
    code: "invalid_email_received_event",
  });
}
