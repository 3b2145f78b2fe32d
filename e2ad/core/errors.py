"""Every failure with a name, and the one table that says what each peer is told.

A failure is raised where it is found, with a sentence for the caller that says what to do.
`answer(failure)` gives the HTTP status and code and the SMTP reply. Whatever is not a
`Failure` is an accident of ours: 500 `internal_error` to HTTP, 451 4.3.0 to SMTP, never 5yz.
Detail for the operator travels as `__cause__` and goes to the log, not to the peer.

Codes are those of the contract (http-v1 part 2); classic texts are the failure's own sentence.
"""

from collections.abc import Mapping

from attrs import frozen

from e2ad.core.contact_failures import (
    ContactExists,
    ContactLimitReached,
    ContactNotFound,
    EngagementNotFound,
    ImportBatchNotFound,
    PreconditionFailed,
)
from e2ad.core.failures import (
    AddressInTrash,
    AgentTaken,
    AttachmentNotFound,
    AttachmentTooLarge,
    BlockedByPolicy,
    Conflict,
    DomainHasAgents,
    DomainNotRegistered,
    DomainNotVerified,
    DomainTaken,
    EventsLogDisabled,
    Failure,
    Forbidden,
    Gone,
    IdempotencyInFlight,
    IdempotencyKeyReuse,
    InboundMxMissing,
    InvalidAttachment,
    InvalidCursor,
    InvalidDomain,
    InvalidEventType,
    InvalidExpiresAt,
    InvalidFilter,
    InvalidRecipient,
    InvalidRequest,
    InvalidSlug,
    InvalidWebhookUrl,
    LimitExceeded,
    LimitsUnavailable,
    MailboxFull,
    MalformedForwardPath,
    MalformedReversePath,
    MessageHeld,
    MessageNotPending,
    MessageNotYetDelivered,
    MessageTooBig,
    MethodNotAllowed,
    MxCheckFailed,
    NotFound,
    NotImplementedHere,
    NotInTrash,
    PayloadTooLarge,
    RateLimited,
    RecipientSuppressed,
    ReservedDomain,
    SendingDomainNotVerified,
    SendInProgress,
    TooManyHops,
    TooManyRecipients,
    TransactionRefused,
    Unauthorized,
    Unavailable,
    UnknownRecipient,
    UnknownReturnPath,
    UnsupportedMediaType,
    ValidationFailed,
    WebhookCooldown,
    WebhookDisabled,
    WebhookLimitReached,
)
from e2ad.core.oauth_failures import AccessTokenExpired, AccessTokenInvalid, OAuthRefused
from e2ad.core.template_failures import (
    AliasTaken,
    InvalidTemplate,
    StarterTemplateNotFound,
    TemplateLimitReached,
    TemplateNotFound,
    TemplateRenderedEmpty,
    TemplateRenderFailed,
)

__all__ = [
    "TABLE",
    "AccessTokenExpired",
    "AccessTokenInvalid",
    "AddressInTrash",
    "AgentTaken",
    "AliasTaken",
    "Answer",
    "AttachmentNotFound",
    "AttachmentTooLarge",
    "BlockedByPolicy",
    "Conflict",
    "ContactExists",
    "ContactLimitReached",
    "ContactNotFound",
    "DomainHasAgents",
    "DomainNotRegistered",
    "DomainNotVerified",
    "DomainTaken",
    "EngagementNotFound",
    "EventsLogDisabled",
    "Failure",
    "Forbidden",
    "Gone",
    "IdempotencyInFlight",
    "IdempotencyKeyReuse",
    "ImportBatchNotFound",
    "InboundMxMissing",
    "InvalidAttachment",
    "InvalidCursor",
    "InvalidDomain",
    "InvalidEventType",
    "InvalidExpiresAt",
    "InvalidFilter",
    "InvalidRecipient",
    "InvalidRequest",
    "InvalidSlug",
    "InvalidTemplate",
    "InvalidWebhookUrl",
    "LimitExceeded",
    "LimitsUnavailable",
    "MailboxFull",
    "MalformedForwardPath",
    "MalformedReversePath",
    "MessageHeld",
    "MessageNotPending",
    "MessageNotYetDelivered",
    "MessageTooBig",
    "MethodNotAllowed",
    "MxCheckFailed",
    "NotFound",
    "NotImplementedHere",
    "NotInTrash",
    "OAuthRefused",
    "PayloadTooLarge",
    "PreconditionFailed",
    "RateLimited",
    "RecipientSuppressed",
    "ReservedDomain",
    "SendInProgress",
    "SendingDomainNotVerified",
    "SmtpAnswer",
    "StarterTemplateNotFound",
    "TemplateLimitReached",
    "TemplateNotFound",
    "TemplateRenderFailed",
    "TemplateRenderedEmpty",
    "TooManyHops",
    "TooManyRecipients",
    "TransactionRefused",
    "Unauthorized",
    "Unavailable",
    "UnknownRecipient",
    "UnknownReturnPath",
    "UnsupportedMediaType",
    "ValidationFailed",
    "WebhookCooldown",
    "WebhookDisabled",
    "WebhookLimitReached",
    "answer",
]


@frozen
class SmtpAnswer:
    """Reply code, enhanced status code (RFC 3463) and text; `smtp.replies.Reply` is built from it."""

    code: int
    enhanced: str
    text: str


TRY_AGAIN = SmtpAnswer(451, "4.3.0", "Temporary failure here, please try again")
"""For whatever is unexpected: a retry costs little, a refusal loses a mail."""


@frozen
class Answer:
    """One row of the table. `again`: may the caller repeat the very same request with hope?"""

    status: int
    code: str
    smtp: SmtpAnswer = TRY_AGAIN
    again: bool = False


_NO_SUCH_USER = SmtpAnswer(550, "5.1.1", "recipient not found")

TABLE: Mapping[type[Failure], Answer] = {
    Failure: Answer(500, "internal_error", again=True),
    Unauthorized: Answer(401, "unauthorized"),
    AccessTokenInvalid: Answer(401, "unauthorized"),
    AccessTokenExpired: Answer(401, "unauthorized"),
    OAuthRefused: Answer(400, "invalid_request"),
    Forbidden: Answer(403, "forbidden"),
    BlockedByPolicy: Answer(403, "blocked_by_policy"),
    InvalidRequest: Answer(400, "invalid_request"),
    ValidationFailed: Answer(422, "invalid_request"),
    InvalidCursor: Answer(400, "invalid_cursor"),
    InvalidFilter: Answer(400, "invalid_filter"),
    InvalidDomain: Answer(400, "invalid_domain"),
    InvalidSlug: Answer(400, "invalid_slug"),
    InvalidRecipient: Answer(400, "invalid_recipient"),
    InvalidAttachment: Answer(400, "invalid_attachment"),
    InvalidTemplate: Answer(400, "invalid_template"),
    TemplateRenderFailed: Answer(400, "template_render_failed"),
    TemplateRenderedEmpty: Answer(400, "template_rendered_empty"),
    TemplateLimitReached: Answer(400, "template_limit_reached"),
    InvalidWebhookUrl: Answer(400, "invalid_webhook_url"),
    InvalidExpiresAt: Answer(400, "invalid_expires_at"),
    InvalidEventType: Answer(400, "invalid_event_type"),
    ReservedDomain: Answer(400, "reserved_domain"),
    TooManyRecipients: Answer(400, "too_many_recipients", SmtpAnswer(452, "4.5.3", "Too many recipients"), again=True),
    RecipientSuppressed: Answer(422, "recipient_suppressed"),
    NotFound: Answer(404, "not_found", _NO_SUCH_USER),
    UnknownRecipient: Answer(404, "not_found", _NO_SUCH_USER),
    UnknownReturnPath: Answer(404, "not_found", _NO_SUCH_USER),
    AttachmentNotFound: Answer(404, "attachment_not_found"),
    TemplateNotFound: Answer(404, "template_not_found"),
    StarterTemplateNotFound: Answer(404, "starter_template_not_found"),
    ContactNotFound: Answer(404, "contact_not_found"),
    EngagementNotFound: Answer(404, "engagement_not_found"),
    ImportBatchNotFound: Answer(404, "import_batch_not_found"),
    Gone: Answer(410, "gone"),
    Conflict: Answer(409, "conflict"),
    ContactExists: Answer(409, "conflict"),
    AgentTaken: Answer(409, "agent_taken"),
    DomainTaken: Answer(409, "domain_taken"),
    AliasTaken: Answer(409, "alias_taken"),
    AddressInTrash: Answer(409, "address_in_trash"),
    MessageHeld: Answer(409, "message_held"),
    MessageNotPending: Answer(409, "message_not_pending"),
    MessageNotYetDelivered: Answer(409, "message_not_yet_delivered", again=True),
    SendInProgress: Answer(409, "send_in_progress", again=True),
    NotInTrash: Answer(409, "not_in_trash"),
    WebhookDisabled: Answer(409, "webhook_disabled"),
    WebhookCooldown: Answer(409, "webhook_cooldown"),
    WebhookLimitReached: Answer(400, "webhook_limit_reached"),
    ContactLimitReached: Answer(400, "contact_limit_reached"),
    PreconditionFailed: Answer(412, "precondition_failed"),
    DomainHasAgents: Answer(400, "domain_has_agents"),
    DomainNotRegistered: Answer(400, "domain_not_registered"),
    DomainNotVerified: Answer(400, "domain_not_verified", _NO_SUCH_USER),
    SendingDomainNotVerified: Answer(403, "domain_not_verified"),
    LimitExceeded: Answer(402, "limit_exceeded", SmtpAnswer(552, "5.2.2", "mailbox quota exceeded")),
    MailboxFull: Answer(402, "limit_exceeded", SmtpAnswer(552, "5.2.2", "mailbox quota exceeded")),
    RateLimited: Answer(429, "rate_limited", SmtpAnswer(451, "4.7.0", "Too much at once, try again later"), again=True),
    IdempotencyInFlight: Answer(409, "idempotency_in_flight", again=True),
    IdempotencyKeyReuse: Answer(422, "idempotency_key_reuse"),
    PayloadTooLarge: Answer(413, "payload_too_large", SmtpAnswer(552, "5.3.4", "Message size exceeds the limit")),
    MessageTooBig: Answer(413, "payload_too_large", SmtpAnswer(552, "5.3.4", "Message size exceeds the limit")),
    AttachmentTooLarge: Answer(413, "attachment_too_large"),
    UnsupportedMediaType: Answer(415, "unsupported_media_type"),
    MethodNotAllowed: Answer(405, "method_not_allowed"),
    NotImplementedHere: Answer(501, "not_implemented"),
    EventsLogDisabled: Answer(501, "events_log_disabled"),
    MalformedForwardPath: Answer(400, "invalid_request", SmtpAnswer(501, "5.1.3", "Bad recipient address syntax")),
    MalformedReversePath: Answer(400, "invalid_request", SmtpAnswer(501, "5.1.7", "Bad sender address syntax")),
    TooManyHops: Answer(400, "invalid_request", SmtpAnswer(554, "5.4.6", "Too many hops, mail loop")),
    TransactionRefused: Answer(400, "invalid_request", SmtpAnswer(554, "5.6.0", "Transaction failed")),
    Unavailable: Answer(503, "internal_error", again=True),
    LimitsUnavailable: Answer(503, "limits_unavailable", again=True),
    MxCheckFailed: Answer(503, "inbound_mx_check_failed", again=True),
    InboundMxMissing: Answer(400, "inbound_mx_missing"),
}
"""Every class above has its own row; a test holds it."""


def answer(error: BaseException) -> Answer:
    """What a peer is told about `error`. Anything that is not a `Failure` is an accident of ours."""
    if isinstance(error, Failure):
        return TABLE[type(error)]
    return TABLE[Failure]
