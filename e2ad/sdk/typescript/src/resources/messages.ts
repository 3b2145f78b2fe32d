/** Mail: read, searched, sent, answered. */

import type { CallOptions, Exchange, KeyedOptions } from "../exchange.js";
import type { AutoPager } from "../pages.js";
import type { MessageView, ModelView, UnsubscribeOptions } from "../schema.js";
import type { BodyOf, ItemOf, Options, ResultOf } from "../shapes.js";

/** How a mail leaves. */
export interface SendOptions extends KeyedOptions {
  /** `"sent"`: answer once the mail has left or failed, 15 seconds at most. */
  readonly wait?: "sent" | undefined;
  /** The managed unsubscribe; the same as the member of the body. */
  readonly unsubscribe?: UnsubscribeOptions | undefined;
}

/** How an answer leaves. */
export interface ReplyOptions extends SendOptions {
  /** Put the mail below the answer; the same as `quote_history` of the body. */
  readonly quoteHistory?: boolean | undefined;
}

type Reading = Options<"getMessage"> & CallOptions;

export class Messages {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Unread inbound mail where nothing else is said; `search` takes words and fields. */
  list(email: string, options: Options<"listMessages"> & CallOptions = {}): AutoPager<ItemOf<"listMessages">> {
    return this.#exchange.list("/v1/agents/{email}/messages", { parts: { email } }, options);
  }

  /** One message, which is then read. With `view: "model"`, a text that is safe to give to a language model. */
  get(email: string, id: string, options: Reading & { readonly view: "model" }): Promise<ModelView>;
  get(email: string, id: string, options?: Reading & { readonly view?: undefined }): Promise<MessageView>;
  get(email: string, id: string, options?: Reading): Promise<MessageView | ModelView> {
    const given = { parts: { email, id }, query: options };
    return this.#exchange.call("get", "/v1/agents/{email}/messages/{id}", given, options);
  }

  /** One message, or a part of it, as a text for a language model; what the sender wrote is fenced in. */
  getModelView(
    email: string,
    id: string,
    options: Omit<Options<"getMessage">, "view"> & CallOptions = {},
  ): Promise<ModelView> {
    return this.get(email, id, { ...options, view: "model" });
  }

  /** The mail itself, octet by octet. */
  getRaw(email: string, id: string, options?: CallOptions): Promise<Uint8Array> {
    return this.#exchange.bytes("/v1/agents/{email}/messages/{id}/raw", { parts: { email, id } }, options);
  }

  /** One page of what happened to a message. */
  getLifecycle(
    email: string,
    id: string,
    options?: Options<"getMessageLifecycle"> & CallOptions & { readonly cursor?: string | undefined },
  ): Promise<ResultOf<"getMessageLifecycle">> {
    const given = { parts: { email, id }, query: options };
    return this.#exchange.call("get", "/v1/agents/{email}/messages/{id}/lifecycle", given, options);
  }

  getMetrics(
    email: string,
    options?: Options<"getAgentMetrics"> & CallOptions,
  ): Promise<ResultOf<"getAgentMetrics">> {
    return this.#exchange.call("get", "/v1/agents/{email}/metrics", { parts: { email }, query: options }, options);
  }

  /** Into the trash, or for good. */
  delete(
    email: string,
    id: string,
    options: Options<"deleteMessage"> & CallOptions = {},
  ): Promise<ResultOf<"deleteMessage">> {
    const given = { parts: { email, id }, query: { ...options, confirm: "DELETE" } };
    return this.#exchange.call("delete", "/v1/agents/{email}/messages/{id}", given, options);
  }

  restore(email: string, id: string, options?: CallOptions): Promise<ResultOf<"restoreMessage">> {
    return this.#exchange.call("post", "/v1/agents/{email}/messages/{id}/restore", { parts: { email, id } }, options);
  }

  /** What an attachment is and where to get its bytes; with `inline` the bytes as well, if they are few. */
  getAttachment(
    email: string,
    id: string,
    index: number,
    options?: Options<"getAttachment"> & CallOptions,
  ): Promise<ResultOf<"getAttachment">> {
    const given = { parts: { email, id, index }, query: options };
    return this.#exchange.call("get", "/v1/agents/{email}/messages/{id}/attachments/{index}", given, options);
  }

  /** The octets of an attachment, however many. */
  async downloadAttachment(email: string, id: string, index: number, options?: CallOptions): Promise<Uint8Array> {
    const found = await this.getAttachment(email, id, index, options);
    // The address names the deployment as others see it; this client reaches it under its own.
    const { pathname, search } = new URL(found.download_url);
    const { pathname: root } = new URL(this.#exchange.baseUrl);
    const path = root !== "/" && pathname.startsWith(`${root}/`) ? pathname.slice(root.length) : pathname;
    return (await this.#exchange.send({ method: "GET", path: path + search }, options)).content;
  }

  /**
   * A new mail. Its `status` says what became of it: `accepted` (it is on its way), `scheduled`, `sent`, `failed`,
   * `outcome_unknown`, or `pending_review`: a person has to say yes first, until `approval_expires_at`; do not send it again.
   */
  send(email: string, body: BodyOf<"sendMessage">, options?: SendOptions): Promise<ResultOf<"sendMessage">> {
    const given = { parts: { email }, ...written(body, options) };
    return this.#exchange.call("post", "/v1/agents/{email}/messages", given, options);
  }

  reply(
    email: string,
    id: string,
    body: BodyOf<"replyToMessage">,
    options?: ReplyOptions,
  ): Promise<ResultOf<"replyToMessage">> {
    const quoted = options?.quoteHistory === undefined ? body : { ...body, quote_history: options.quoteHistory };
    const given = { parts: { email, id }, ...written(quoted, options) };
    return this.#exchange.call("post", "/v1/agents/{email}/messages/{id}/reply", given, options);
  }

  forward(
    email: string,
    id: string,
    body: BodyOf<"forwardMessage">,
    options?: SendOptions,
  ): Promise<ResultOf<"forwardMessage">> {
    const given = { parts: { email, id }, ...written(body, options) };
    return this.#exchange.call("post", "/v1/agents/{email}/messages/{id}/forward", given, options);
  }

  updateLabels(
    email: string,
    id: string,
    body: BodyOf<"updateMessage">,
    options?: CallOptions,
  ): Promise<ResultOf<"updateMessage">> {
    return this.#exchange.call("patch", "/v1/agents/{email}/messages/{id}", { parts: { email, id }, body }, options);
  }

  /** Say what became of a mail of which nobody knows it. Never tried twice. */
  resolve(
    email: string,
    id: string,
    body: BodyOf<"resolveMessage">,
    options?: CallOptions,
  ): Promise<ResultOf<"resolveMessage">> {
    const given = { parts: { email, id }, body };
    return this.#exchange.call("post", "/v1/agents/{email}/messages/{id}/resolve", given, options);
  }
}

function written<B extends object>(body: B, options: SendOptions | undefined) {
  return {
    body: options?.unsubscribe === undefined ? body : { ...body, unsubscribe: options.unsubscribe },
    query: { wait: options?.wait },
    headers: { "Idempotency-Key": options?.idempotencyKey },
    keyed: true,
  };
}
