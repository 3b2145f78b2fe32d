/**
 * What happened, as every channel tells it: the envelope of an event, and what is inside for each type.
 *
 * The same fact has the same `id` on each channel and at each attempt: de-duplicate on it. An event is the JSON object
 * as it came, with members that this client does not know.
 */

import { E2AValidationError, isObject } from "./errors.js";
import type { AttachmentMetaView, Authentication, CreateWebhookRequest, MessageLifecycleTransition } from "./schema.js";

/** The types of events that there are now; a newer server may have more. */
export type EventType = CreateWebhookRequest["events"][number];

/** One event; `D` is what its `data` holds. */
export interface EventEnvelope<D = Record<string, unknown>> {
  /** Such as `email.received`; the guards (`isEmailReceived` …) tell types apart for the compiler too. */
  readonly type: EventType | (string & {});
  /** `evt_…`; the same at every attempt. */
  readonly id: string;
  readonly schema_version: string;
  /** RFC 3339. */
  readonly created_at: string;
  readonly data: D;
}

/** An event as a webhook brings it. */
export type WebhookEvent<D = Record<string, unknown>> = EventEnvelope<D>;

/** An event as the socket brings it; `auth_headers` has the signed verdict about the sender. */
export interface WSEvent<D = Record<string, unknown>> extends EventEnvelope<D> {
  readonly auth_headers?: Readonly<Record<string, string>>;
}

interface MessageData {
  readonly message_id: string;
  readonly agent_email: string;
  readonly direction: "inbound" | "outbound";
}

/** Mail came in. `message_id` and `delivered_to` are what it is fetched by. */
export interface EmailReceivedData extends MessageData {
  readonly delivered_to: string;
  readonly header_from: string | null;
  readonly envelope_from: string | null;
  readonly verified_domain: string | null;
  readonly authentication: Authentication | null;
  readonly to: string[];
  readonly cc: string[];
  readonly reply_to: string[];
  readonly subject: string;
  readonly received_at: string;
  readonly conversation_id?: string;
  readonly attachments?: AttachmentMetaView[];
  readonly lifecycle_transitions?: MessageLifecycleTransition[];
}

interface OutboundData extends MessageData {
  readonly from: string;
  readonly to: string[];
  readonly cc?: string[];
  readonly bcc?: string[];
  readonly subject: string;
  readonly method: string;
  readonly message_type: string;
  readonly conversation_id?: string;
  readonly lifecycle_transitions?: MessageLifecycleTransition[];
}

/** The next server took the mail. */
export interface EmailSentData extends OutboundData {
  readonly provider_message_id?: string;
}

/** The mail will not leave. */
export interface EmailFailedData extends OutboundData {
  readonly reason: string;
  readonly reason_code?: string;
  readonly retryable?: boolean;
}

/** A recipient's server has it. */
export interface EmailDeliveredData extends MessageData {
  readonly delivered_to: string;
  readonly subject?: string;
  readonly smtp_detail?: string;
  readonly lifecycle_transitions?: MessageLifecycleTransition[];
}

/** A recipient's server refused it. */
export interface EmailBouncedData extends EmailDeliveredData {
  readonly bounce_type: "permanent" | "transient" | "undetermined";
  readonly bounce_sub_type?: string;
}

/** A recipient called it spam. */
export type EmailComplainedData = EmailDeliveredData;

interface JudgedData extends MessageData {
  readonly subject: string;
  readonly conversation_id?: string;
  readonly header_from?: string | null;
  readonly envelope_from?: string | null;
  readonly authentication?: Authentication | null;
  readonly delivered_to?: string;
}

/** Mail came in although its sender is not on the list. */
export interface EmailFlaggedData extends JudgedData {
  readonly policy: string;
  readonly reason: string;
  readonly reply_to?: string[];
}

/** Mail was kept out, or in. */
export interface EmailBlockedData extends JudgedData {
  readonly reason: string;
  readonly reason_source: string;
  readonly to?: string[];
  readonly cc?: string[];
  readonly bcc?: string[];
}

/** Mail waits for a person, in either direction. */
export interface EmailReviewRequestedData extends JudgedData {
  readonly approval_expires_at: string;
  readonly reason?: string;
  readonly reason_source?: string;
  readonly to?: string[];
  readonly cc?: string[];
  readonly bcc?: string[];
  readonly message_type?: string;
}

/** A person, or the end of the time, let it through. */
export interface EmailReviewApprovedData extends MessageData {
  readonly from: string;
  readonly subject: string;
  readonly message_type: string;
  readonly to?: string[];
  readonly method?: string;
  readonly edited?: boolean;
  readonly provider_message_id?: string;
  readonly auto_resolved?: boolean;
}

/** A person, or the end of the time, said no. */
export interface EmailReviewRejectedData extends MessageData {
  readonly message_type: string;
  readonly reason: string;
  readonly auto_resolved?: boolean;
}

/** A domain may send. */
export interface DomainSendingVerifiedData {
  readonly domain: string;
  readonly sending_status: string;
}

/** A domain may not send. */
export interface DomainSendingFailedData extends DomainSendingVerifiedData {
  readonly reason?: string;
}

/** The account writes to this address no more. */
export interface DomainSuppressionAddedData {
  readonly address: string;
  readonly source: string;
  readonly reason?: string;
  readonly message_id?: string;
  readonly lifecycle_transitions?: MessageLifecycleTransition[];
}

/** One agent writes to this address no more. */
export interface AgentSuppressionAddedData {
  readonly agent_email: string;
  readonly address: string;
  readonly source: string;
}

/** The time has come to write to a contact. */
export interface ContactDueData {
  readonly agent_email: string;
  readonly address: string;
  readonly contact: { readonly address: string; readonly display_name: string; readonly metadata: Record<string, unknown> };
  readonly next_action_at: string;
  readonly outbound_count: number;
  readonly replied: boolean;
  readonly stage: string;
}

type Guard<D> = (event: EventEnvelope<unknown>) => event is EventEnvelope<D>;

function guard<D>(type: EventType): Guard<D> {
  return (event): event is EventEnvelope<D> => event.type === type;
}

export const isEmailReceived: Guard<EmailReceivedData> = guard("email.received");
export const isEmailSent: Guard<EmailSentData> = guard("email.sent");
export const isEmailFailed: Guard<EmailFailedData> = guard("email.failed");
export const isEmailDelivered: Guard<EmailDeliveredData> = guard("email.delivered");
export const isEmailBounced: Guard<EmailBouncedData> = guard("email.bounced");
export const isEmailComplained: Guard<EmailComplainedData> = guard("email.complained");
export const isEmailFlagged: Guard<EmailFlaggedData> = guard("email.flagged");
export const isEmailBlocked: Guard<EmailBlockedData> = guard("email.blocked");
export const isEmailReviewRequested: Guard<EmailReviewRequestedData> = guard("email.review_requested");
export const isEmailReviewApproved: Guard<EmailReviewApprovedData> = guard("email.review_approved");
export const isEmailReviewRejected: Guard<EmailReviewRejectedData> = guard("email.review_rejected");
export const isDomainSendingVerified: Guard<DomainSendingVerifiedData> = guard("domain.sending_verified");
export const isDomainSendingFailed: Guard<DomainSendingFailedData> = guard("domain.sending_failed");
export const isDomainSuppressionAdded: Guard<DomainSuppressionAddedData> = guard("domain.suppression_added");
export const isAgentSuppressionAdded: Guard<AgentSuppressionAddedData> = guard("agent.suppression_added");
export const isContactDue: Guard<ContactDueData> = guard("contact.due");

/**
 * The event in a decoded envelope.
 *
 * @throws E2AValidationError a member is missing, or of another type.
 */
export function eventOf(payload: unknown): EventEnvelope {
  const wrong = isObject(payload)
    ? ["type", "id", "schema_version", "created_at"].find((name) => typeof payload[name] !== "string" || !payload[name])
    : "the object";
  if (wrong !== undefined || !isObject(payload) || !isObject(payload["data"])) {
    const message = `no event: ${wrong ?? "data"} is missing, or of another type`;
    throw new E2AValidationError(message, { code: "invalid_payload" });
  }
  return payload as unknown as EventEnvelope;
}
