/** Mail that came in, from the event about it. */

import { E2AValidationError } from "../errors.js";
import type { EventEnvelope } from "../events.js";
import type { CallOptions } from "../exchange.js";
import type {
  AttachmentMetaView,
  Authentication,
  AttachmentView,
  ForwardRequest,
  MessageView,
  ReplyRequest,
  SendResultView,
} from "../schema.js";
import type { Messages, ReplyOptions, SendOptions } from "./messages.js";
import { received } from "./webhooks.js";

export class Inbound {
  readonly #messages: Messages;

  constructor(messages: Messages) {
    this.#messages = messages;
  }

  /**
   * Fetch the mail that an `email.received` event is about. Whoever sent the event, the mail is what the server has.
   * It is then read, unless `markRead` is false.
   *
   * @throws E2AValidationError it is another event, or does not say which mail.
   */
  async fromEvent(
    event: EventEnvelope<unknown>,
    options: CallOptions & { readonly markRead?: boolean | undefined } = {},
  ): Promise<InboundEmail> {
    if (event.schema_version !== "1") {
      throw new E2AValidationError("this takes an email.received event of schema 1", {
        code: "invalid_email_received_event",
      });
    }
    const { email, id } = received(event as EventEnvelope);
    const { markRead, signal, timeoutMs } = options;
    const message = await this.#messages.get(email, id, { markRead, signal, timeoutMs });
    return new InboundEmail(event, message, this.#messages);
  }
}

/** What is attached, and where to get it. */
export class InboundAttachment {
  readonly index: number;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly contentId: string | undefined;
  readonly sizeBytes: number;
  readonly #fetch: (inline: boolean, options?: CallOptions) => Promise<AttachmentView>;

  constructor(meta: AttachmentMetaView, fetch: (inline: boolean, options?: CallOptions) => Promise<AttachmentView>) {
    this.index = meta.index;
    this.filename = meta.filename;
    this.contentType = meta.content_type;
    this.contentId = meta.content_id;
    this.sizeBytes = meta.size_bytes;
    this.#fetch = fetch;
  }

  /** Where to get the bytes; with `inline` the bytes as well, if they are few. */
  get(options: CallOptions & { readonly inline?: boolean | undefined } = {}): Promise<AttachmentView> {
    return this.#fetch(options.inline ?? false, options);
  }
}

/** One mail, fetched; it can be answered. */
export class InboundEmail {
  readonly event: EventEnvelope<unknown>;
  /** As the API has it. */
  readonly message: MessageView;
  readonly id: string;
  readonly inbox: string;
  readonly conversationId: string;
  readonly from: string | null;
  readonly envelopeFrom: string | null;
  readonly authentication: Authentication | null;
  /** The mail is provably from the domain of its sender (DMARC). */
  readonly verified: boolean;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly replyTo: readonly string[];
  /** Whom an answer goes to. */
  readonly replyTargets: readonly string[];
  readonly subject: string;
  /** What is new in the mail, without the history it quotes. */
  readonly text: string;
  readonly html: string | undefined;
  readonly textTruncated: boolean;
  readonly receivedAt: string;
  readonly flagged: boolean;
  readonly flagReason: string | undefined;
  readonly attachments: readonly InboundAttachment[];
  readonly #messages: Messages;

  constructor(event: EventEnvelope<unknown>, message: MessageView, messages: Messages) {
    this.event = event;
    this.message = message;
    this.id = message.id;
    this.inbox = message.delivered_to;
    this.conversationId = message.conversation_id;
    this.from = message.header_from;
    this.envelopeFrom = message.envelope_from;
    this.authentication = message.authentication;
    this.verified = message.authentication?.dmarc.status === "pass";
    this.to = message.to;
    this.cc = message.cc;
    this.replyTo = message.reply_to;
    this.replyTargets = message.reply_to.length ? message.reply_to : message.header_from === null ? [] : [message.header_from];
    this.subject = message.subject;
    this.text = message.parsed?.text ?? "";
    this.html = message.parsed?.html;
    this.textTruncated = message.parsed?.truncated ?? false;
    this.receivedAt = message.created_at;
    this.flagged = message.flagged ?? false;
    this.flagReason = message.flag_reason;
    this.attachments = message.attachments.map(
      (meta) =>
        new InboundAttachment(meta, (inline, options) =>
          messages.getAttachment(this.inbox, this.id, meta.index, {
            inline,
            signal: options?.signal,
            timeoutMs: options?.timeoutMs,
          }),
        ),
    );
    this.#messages = messages;
  }

  /** The address in From; `verified` says whether it can be believed. */
  get sender(): string | null {
    return this.from;
  }

  /** The agent that it came to. */
  get recipient(): string {
    return this.inbox;
  }

  reply(body: ReplyRequest, options?: ReplyOptions): Promise<SendResultView> {
    return this.#messages.reply(this.inbox, this.id, body, options);
  }

  forward(body: ForwardRequest, options?: SendOptions): Promise<SendResultView> {
    return this.#messages.forward(this.inbox, this.id, body, options);
  }
}
