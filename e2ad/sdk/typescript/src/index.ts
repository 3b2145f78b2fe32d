/**
 * The TypeScript client of e2ad.
 *
 * `E2AClient` makes requests and listens; `constructEvent` and `parseWebhook` read what a webhook is sent; everything that
 * fails is an `E2AError`. Bodies and results have the API's own names, options and methods are in camelCase.
 */

export { E2AClient, type E2AClientOptions, type RequestOptions } from "./client.js";
export {
  E2AAuthError,
  E2AConflictError,
  E2AConnectionError,
  E2AConnectionReplacedError,
  E2AError,
  E2AIdempotencyError,
  E2ALimitExceededError,
  E2ANotFoundError,
  E2APermissionError,
  E2ARateLimitError,
  E2AServerError,
  E2AValidationError,
  E2AWebhookSignatureError,
  type ErrorFacts,
  type SignatureReason,
  UnverifiedEmailError,
} from "./errors.js";
export type * from "./events.js";
export {
  isAgentSuppressionAdded,
  isContactDue,
  isDomainSendingFailed,
  isDomainSendingVerified,
  isDomainSuppressionAdded,
  isEmailBlocked,
  isEmailBounced,
  isEmailComplained,
  isEmailDelivered,
  isEmailFailed,
  isEmailFlagged,
  isEmailReceived,
  isEmailReviewApproved,
  isEmailReviewRejected,
  isEmailReviewRequested,
  isEmailSent,
} from "./events.js";
export { type CallOptions, type KeyedOptions, type TaggedOptions, VERSION } from "./exchange.js";
export type { SocketLimits } from "./frames.js";
export { type ListenOptions, WS_CLOSE_REPLACED, type WSState, WSStream } from "./listening.js";
export { AutoPager, type Page } from "./pages.js";
export { type ReceivedAttachment, ReceivedEmail } from "./received.js";
export type { Account, ApiKeys, Connections, SigningSecret, SigningSecrets, Suppressions } from "./resources/account.js";
export type { Agents } from "./resources/agents.js";
export type { Contacts } from "./resources/contacts.js";
export type { Conversations } from "./resources/conversations.js";
export type { Domains } from "./resources/domains.js";
export type { Events } from "./resources/events.js";
export type { Feedback, FeedbackOptions, FeedbackResult } from "./resources/feedback.js";
export { type Inbound, InboundAttachment, InboundEmail } from "./resources/inbound.js";
export type { Messages, ReplyOptions, SendOptions } from "./resources/messages.js";
export type { Reviews } from "./resources/reviews.js";
export type { Templates } from "./resources/templates.js";
export type { Webhooks } from "./resources/webhooks.js";
export type * from "./schema.js";
export type { BodyOf, ItemOf, OperationId, Options, ResultOf } from "./shapes.js";
export type { BodyLike, HeadersLike, Secrets, VerifyOptions } from "./signing.js";
export { constructEvent, parseWebhook, verifyWebhookSignature } from "./webhooks.js";
