/**
 * A mail as a webhook's receiver gets it: closed until somebody checked where the payload comes from.
 *
 * Two questions, two answers. `verified`: does the payload come from our deployment, unaltered? Until that is so, nothing
 * that it says can be read but through `unverifiedPayload`, whose name says what it is. `senderVerified`: did the sender
 * prove to be who the mail says? That is the deployment's finding, and part of what the payload says.
 */

import { E2AWebhookSignatureError, isObject, UnverifiedEmailError } from "./errors.js";
import type { EventEnvelope } from "./events.js";
import { readMail } from "./mime.js";
import type { Authentication } from "./schema.js";
import { fromBase64, type MailProof } from "./signing.js";

/** What is attached. */
export interface ReceivedAttachment {
  /** What the API fetches it by. */
  readonly index: number;
  readonly filename: string | null;
  readonly contentType: string | null;
  readonly contentId: string | null;
  /** Of the decoded content. */
  readonly sizeBytes: number;
  /** The decoded content; null where the payload has no mail in it, only what is known of it. */
  readonly data: Uint8Array | null;
}

/** What a payload says. */
export interface Claimed {
  readonly messageId: string;
  readonly sender: string | null;
  readonly senderName: string | null;
  readonly recipient: string | null;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly replyTo: readonly string[];
  readonly subject: string | null;
  readonly text: string | null;
  readonly html: string | null;
  readonly attachments: readonly ReceivedAttachment[];
  readonly conversationId: string | null;
  readonly receivedAt: string | null;
  readonly senderVerified: boolean;
  readonly verifiedDomain: string | null;
  readonly authentication: Authentication | null;
  readonly authHeaders: unknown;
  readonly raw: Uint8Array<ArrayBuffer> | undefined;
  readonly event: EventEnvelope | null;
}

/**
 * The mail of one request; see `parseWebhook`.
 *
 * `verified` and `unverifiedPayload` can always be read; everything else throws `UnverifiedEmailError` while the payload
 * is not verified. What is inside is in private fields: printing, copying, cloning and encoding show nothing of it.
 *
 * Where `X-E2A-Auth-*` is all that proves the payload, as in what `e2a listen --forward` posts, it proves the mail, its id
 * and the finding about its sender. `recipient`, `conversationId` and `receivedAt` are then what the forwarding side says,
 * and `verifiedDomain` and `authentication` are null.
 */
export class ReceivedEmail {
  readonly #payload: Readonly<Record<string, unknown>>;
  readonly #content: Claimed | undefined;

  constructor(payload: Readonly<Record<string, unknown>>, content: Claimed | undefined) {
    this.#payload = payload;
    this.#content = content;
  }

  /** Whether the payload is proven to come from the deployment. Of its sender `senderVerified` tells. */
  get verified(): boolean {
    return this.#content !== undefined;
  }

  /** The decoded body. Of an unverified object anybody may have written it: to look at, not to act on. */
  get unverifiedPayload(): Readonly<Record<string, unknown>> {
    return this.#payload;
  }

  /** What the API knows the message by. */
  get messageId(): string {
    return this.#open("messageId");
  }

  /** The address in From; never that in Reply-To, which proves nothing. */
  get sender(): string | null {
    return this.#open("sender");
  }

  /** The name beside that address; anybody's choice. */
  get senderName(): string | null {
    return this.#open("senderName");
  }

  /** Whether the deployment found the sender's domain to have sent it (SPF or DKIM, aligned). */
  get senderVerified(): boolean {
    return this.#open("senderVerified");
  }

  /** The agent that it is for. */
  get recipient(): string | null {
    return this.#open("recipient");
  }

  /** The addresses in To. */
  get to(): readonly string[] {
    return this.#open("to");
  }

  /** The addresses in Cc. */
  get cc(): readonly string[] {
    return this.#open("cc");
  }

  /** Where the sender wants answers; anybody's choice. */
  get replyTo(): readonly string[] {
    return this.#open("replyTo");
  }

  /** The subject, decoded. */
  get subject(): string | null {
    return this.#open("subject");
  }

  /**
   * The whole text as it stands in the mail, with the history that an answer quotes; null where there is none, as in an
   * event or a mail of HTML alone. What is new in an answer is `parsed.text` of `client.messages.get`.
   */
  get text(): string | null {
    return this.#open("text");
  }

  /** The HTML as the sender wrote it: to be cleaned before it is shown. */
  get html(): string | null {
    return this.#open("html");
  }

  /** What is attached; with its content where the mail is in the payload. */
  get attachments(): readonly ReceivedAttachment[] {
    return this.#open("attachments");
  }

  /** Of the conversation that it belongs to. */
  get conversationId(): string | null {
    return this.#open("conversationId");
  }

  /** When it came in, RFC 3339. */
  get receivedAt(): string | null {
    return this.#open("receivedAt");
  }

  /** The domain whose DMARC passed. */
  get verifiedDomain(): string | null {
    return this.#open("verifiedDomain");
  }

  /** What SPF, DKIM and DMARC said, where the payload tells. */
  get authentication(): Authentication | null {
    return this.#open("authentication");
  }

  /** The mail to the last octet, where the payload has it. */
  get rawMessage(): Uint8Array | null {
    return this.#open("raw") ?? null;
  }

  /** The event that it was announced by; null where the payload is the mail itself. */
  get event(): EventEnvelope | null {
    return this.#open("event");
  }

  /** What encoding shows: whether it is verified, and of which message, nothing that a sender wrote. */
  toJSON(): { readonly verified: boolean; readonly messageId?: string } {
    return this.#content === undefined ? { verified: false } : { verified: true, messageId: this.#content.messageId };
  }

  #open<K extends keyof Claimed>(name: K): Claimed[K] {
    if (this.#content === undefined) {
      throw new UnverifiedEmailError(
        `${name} cannot be read: nobody checked who sent this payload. Pass the request's headers and your secret to ` +
          "parseWebhook(body, headers, secret), or set E2A_WEBHOOK_SECRET; unverifiedPayload is what anybody may have written",
      );
    }
    return this.#content[name];
  }
}

/**
 * What a payload of any of the shapes claims: an event's envelope, that of the classic API (`event` instead of `type`), a
 * whole message of the API, and the flat message that an agent's own URL gets.
 *
 * @throws E2AWebhookSignatureError the mail inside is not base64.
 */
export function claimedBy(payload: Record<string, unknown>): Claimed {
  const inner = payload["data"];
  const isEvent = isObject(inner) && typeof (payload["type"] ?? payload["event"]) === "string";
  const data = isEvent ? inner : payload;
  const [parsed, body] = [object(data["parsed"]), object(data["body"])];
  return {
    messageId: text(data["message_id"]) || text(data["id"]) || "",
    sender: text("header_from" in data ? data["header_from"] : data["from"]),
    senderName: text(data["sender_name"]),
    recipient: text(data["recipient"]) || text(data["delivered_to"]) || text(data["agent_email"]),
    to: texts(data["to"]),
    cc: texts(data["cc"]),
    replyTo: texts(data["reply_to"]),
    subject: text(data["subject"]),
    text: text(parsed["text"]) || text(body["text"]),
    html: text(parsed["html"]) || text(body["html"]),
    attachments: attachments(data["attachments"]),
    conversationId: text(data["conversation_id"]) || null,
    receivedAt: text(data["received_at"]) ?? text(data["created_at"]),
    senderVerified: false,
    verifiedDomain: text(data["verified_domain"]),
    authentication: isObject(data["authentication"]) ? (data["authentication"] as Authentication) : null,
    authHeaders: data["auth_headers"] ?? payload["auth_headers"],
    raw: rawOf(data["raw_message"]),
    event: isEvent ? envelope(payload, inner) : null,
  };
}

/**
 * Of what is claimed that which is proven; what the mail itself says wins.
 *
 * @param claimed by a payload that is proven to the last octet, unless `mailAlone`.
 * @param proof of the mail, if that is there.
 * @param inside the `auth_headers` of the payload.
 */
export function provenContent(
  claimed: Claimed,
  proof: MailProof | undefined,
  inside: ReadonlyMap<string, string>,
  { mailAlone = false } = {},
): Claimed {
  let { sender } = claimed;
  let senderVerified = claimed.verifiedDomain !== null;
  if (proof) {
    ({ sender, isVerified: senderVerified } = proof);
  } else if (inside.size > 0) {
    sender = inside.get("x-e2a-auth-sender") ?? null;
    senderVerified = inside.get("x-e2a-auth-verified") === "true";
  }
  const found: Claimed = {
    ...claimed,
    messageId: proof?.messageId ?? claimed.messageId,
    sender: sender || null,
    senderVerified,
    ...(mailAlone ? { verifiedDomain: null, authentication: null, event: null, text: null } : {}),
  };
  if (found.raw === undefined) return found;
  const mail = readMail(found.raw);
  return { ...found, ...mail, text: mail.text ?? found.text };
}

function envelope(payload: Record<string, unknown>, data: Record<string, unknown>): EventEnvelope {
  return {
    ...payload,
    type: text(payload["type"]) || text(payload["event"]) || "",
    id: text(payload["id"]) ?? "",
    schema_version: text(payload["schema_version"]) ?? "",
    created_at: text(payload["created_at"]) ?? "",
    data,
  };
}

function rawOf(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (typeof value !== "string") return undefined;
  const found = value.length % 4 === 0 ? fromBase64(value) : undefined;
  if (found === undefined) throw new E2AWebhookSignatureError("body", "the mail in the payload is not base64");
  return found;
}

function attachments(value: unknown): ReceivedAttachment[] {
  return (Array.isArray(value) ? (value as unknown[]) : []).filter(isObject).map((one, at) => ({
    index: number(one["index"], at),
    filename: text(one["filename"]),
    contentType: text(one["content_type"]),
    contentId: text(one["content_id"]),
    sizeBytes: number(one["size_bytes"], 0),
    data: null,
  }));
}

function object(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

function number(value: unknown, other: number): number {
  return typeof value === "number" && Number.isInteger(value) ? value : other;
}
