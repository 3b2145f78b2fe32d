"""Every failure with a name, and the one table that says what each peer is told.

A failure is raised where it is found, with a sentence for the caller that says what to do.
`answer(failure)` gives the HTTP status and code and the SMTP reply. Whatever is not a
`Failure` is an accident of ours: 500 `internal_error` to HTTP, 451 4.3.0 to SMTP, never 5yz.
Detail for the operator travels as `__cause__` and goes to the log, not to the peer.

Codes are those of the contract (http-v1 part 2); classic texts are the failure's own sentence.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

__all__ = ["TABLE", "Answer", "Failure", "SmtpAnswer", "answer"]


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


class Failure(Exception):
    """Something a caller did, asked for or ran into, that has a name.

    Args:
        message: one sentence for the caller that says what is wrong and what to do.
        details: structured context by code (contract: ValidationErrorDetails and others).
        retry_after_seconds: when the same request may work, if that is known.
    """

    default: ClassVar[str] = "The request failed."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message or self.default)
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    @property
    def message(self) -> str:
        """The caller's sentence."""
        return str(self.args[0])


class Unauthorized(Failure):
    """No credential, or one that is unknown, revoked or expired."""

    default = "authentication required: send a valid API key as a Bearer token"


class Forbidden(Failure):
    """The credential is good but may not do this."""

    default = "this credential may not perform the operation"


class BlockedByPolicy(Failure):
    """The outbound gate or a scan refused the message."""

    default = "the message was blocked by policy"


class InvalidRequest(Failure):
    """A rule about the request is broken (400)."""

    default = "the request is invalid"


class ValidationFailed(Failure):
    """The request does not have the shape of the schema (422); one field entry per problem."""

    default = "validation failed"


class InvalidCursor(Failure):
    """The cursor is malformed, tampered with, or was issued for another list."""

    default = "the cursor is not valid for this list; start again without it"


class InvalidFilter(Failure):
    """A list filter has a value that cannot be used."""

    default = "a filter value is not usable"


class InvalidDomain(Failure):
    """Not a domain name."""

    default = "the domain name is malformed"


class InvalidSlug(Failure):
    """The local part cannot be an address on the shared domain."""

    default = "the address is malformed or reserved"


class InvalidRecipient(Failure):
    """A recipient cannot be parsed, or none is left."""

    default = "a recipient address is not valid"


class InvalidAttachment(Failure):
    """Attachment data is not base64."""

    default = "attachment data is not valid base64"


class InvalidWebhookUrl(Failure):
    """The URL is not one that deliveries may go to."""

    default = "the webhook URL must be https with a public host name"


class InvalidExpiresAt(Failure):
    """A key's expiry lies in the past."""

    default = "expires_at must be in the future"


class InvalidEventType(Failure):
    """No event has this type."""

    default = "unknown event type"


class ReservedDomain(Failure):
    """The deployment keeps this name for itself."""

    default = "the domain is reserved"


class TooManyRecipients(Failure):
    """More recipients than one message may have."""

    default = "too many recipients"


class RecipientSuppressed(Failure):
    """A recipient must not be written to."""

    default = "a recipient is suppressed"


class NotFound(Failure):
    """Missing, or somebody else's: the two are not told apart."""

    default = "not found"


class UnknownRecipient(NotFound):
    """No agent has this address. The same words for a domain that is not verified, on purpose."""

    default = "recipient not found"


class AttachmentNotFound(NotFound):
    """The message has no attachment with that index."""

    default = "the message has no attachment with that index"


class Gone(Failure):
    """The event is older than the log."""

    default = "the event is past its retention"


class Conflict(Failure):
    """The state of the resource does not allow it."""

    default = "the request conflicts with the state of the resource"


class AgentTaken(Failure):
    """The address is an agent already."""

    default = "an agent with this address exists already"


class DomainTaken(Failure):
    """The domain, or one above or below it, is claimed by another account."""

    default = "the domain is claimed already"


class AddressInTrash(Failure):
    """Your own trashed agent holds the address."""

    default = "an agent in the trash holds this address: restore it or delete it for good"


class MessageHeld(Failure):
    """The message waits for review."""

    default = "the message is held for review"


class NotInTrash(Failure):
    """Only what is in the trash can be restored or purged."""

    default = "the resource is not in the trash"


class WebhookDisabled(Failure):
    """The webhook is switched off."""

    default = "the webhook is disabled: enable it first"


class WebhookCooldown(Failure):
    """The webhook was disabled for its failures less than five minutes ago."""

    default = "the webhook was disabled automatically a moment ago: try again later"


class WebhookLimitReached(Failure):
    """An account may have so many webhooks and no more."""

    default = "the account has as many webhooks as it may have: delete one first"


class DomainNotRegistered(Failure):
    """The address lies on a domain that the account has not registered."""

    default = "the domain is not registered with this account"


class DomainNotVerified(Failure):
    """The domain is registered but its ownership is not proven yet."""

    default = "the domain is not verified yet"


class SendingDomainNotVerified(DomainNotVerified):
    """The same, met while sending: 403 instead of 400."""


class LimitExceeded(Failure):
    """A quota is used up; repeating will not help."""

    default = "the account is over its limit"


class MailboxFull(LimitExceeded):
    """The recipient's account is over its storage quota."""

    default = "mailbox quota exceeded"


class RateLimited(Failure):
    """Too many requests in this window."""

    default = "too many requests: wait and try again"


class IdempotencyInFlight(Failure):
    """The same key is being worked on."""

    default = "a request with this Idempotency-Key is still running"


class IdempotencyKeyReuse(Failure):
    """The key was used for another request."""

    default = "this Idempotency-Key was used for a different request"


class PayloadTooLarge(Failure):
    """A size limit is exceeded."""

    default = "the request is too large"


class MessageTooBig(PayloadTooLarge):
    """RFC 1870: the mail is larger than we take."""

    default = "message size exceeds the limit"


class AttachmentTooLarge(PayloadTooLarge):
    """Too large to be returned inline."""

    default = "the attachment is too large to be returned inline: use its download_url"


class UnsupportedMediaType(Failure):
    """The body is not JSON."""

    default = "the request body must be application/json"


class MethodNotAllowed(Failure):
    """The path exists, the method does not."""

    default = "method not allowed"


class NotImplementedHere(Failure):
    """A feature that this deployment has switched off."""

    default = "this deployment has the feature switched off"


class EventsLogDisabled(NotImplementedHere):
    """The event log is switched off."""

    default = "this deployment keeps no event log"


class MalformedForwardPath(Failure):
    """RCPT TO names no mailbox."""

    default = "bad recipient address syntax"


class MalformedReversePath(Failure):
    """MAIL FROM names no mailbox."""

    default = "bad sender address syntax"


class TooManyHops(Failure):
    """RFC 5321 section 6.3: the mail goes round in circles."""

    default = "too many Received header fields: mail loop"


class TransactionRefused(Failure):
    """The content breaks a rule of the protocol or a hard limit, and always will."""

    default = "transaction failed"


class Unavailable(Failure):
    """A part of ours does not answer; the request may work in a moment."""

    default = "temporarily unavailable: try again"


class LimitsUnavailable(Unavailable):
    """The limits cannot be read."""

    default = "limits are temporarily unavailable: try again"


class MxCheckFailed(Unavailable):
    """DNS did not answer for the domain's MX."""

    default = "the domain's MX could not be looked up: try again"


class InboundMxMissing(Failure):
    """The subdomain's mail does not come here."""

    default = "the subdomain has no MX record that points to this server"


_NO_SUCH_USER = SmtpAnswer(550, "5.1.1", "recipient not found")

TABLE: Mapping[type[Failure], Answer] = {
    Failure: Answer(500, "internal_error", again=True),
    Unauthorized: Answer(401, "unauthorized"),
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
    InvalidWebhookUrl: Answer(400, "invalid_webhook_url"),
    InvalidExpiresAt: Answer(400, "invalid_expires_at"),
    InvalidEventType: Answer(400, "invalid_event_type"),
    ReservedDomain: Answer(400, "reserved_domain"),
    TooManyRecipients: Answer(400, "too_many_recipients", SmtpAnswer(452, "4.5.3", "Too many recipients"), again=True),
    RecipientSuppressed: Answer(422, "recipient_suppressed"),
    NotFound: Answer(404, "not_found", _NO_SUCH_USER),
    UnknownRecipient: Answer(404, "not_found", _NO_SUCH_USER),
    AttachmentNotFound: Answer(404, "attachment_not_found"),
    Gone: Answer(410, "gone"),
    Conflict: Answer(409, "conflict"),
    AgentTaken: Answer(409, "agent_taken"),
    DomainTaken: Answer(409, "domain_taken"),
    AddressInTrash: Answer(409, "address_in_trash"),
    MessageHeld: Answer(409, "message_held"),
    NotInTrash: Answer(409, "not_in_trash"),
    WebhookDisabled: Answer(409, "webhook_disabled"),
    WebhookCooldown: Answer(409, "webhook_cooldown"),
    WebhookLimitReached: Answer(400, "webhook_limit_reached"),
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
    Unavailable: Answer(503, "unavailable", again=True),
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
