"""Every failure with a name: raised where it is found, with a sentence for the caller that says what to do.

What each peer is told of it stands in one table beside this, `core.errors`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


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


class UnknownReturnPath(NotFound):
    """A return path that no mail of ours has."""

    default = "no mail of ours has this return path"


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


class DomainHasAgents(Failure):
    """The domain cannot go while agents are on it, trashed ones included."""

    default = "the domain has agents: delete them for good first"


class AddressInTrash(Failure):
    """Your own trashed agent holds the address."""

    default = "an agent in the trash holds this address: restore it or delete it for good"


class MessageHeld(Failure):
    """The message waits for review."""

    default = "the message is held for review"


class MessageNotPending(Failure):
    """The hold was decided already; the first decision stands."""

    default = "the message does not wait for review any more"


class MessageNotYetDelivered(Failure):
    """A reply to, or a forward of, mail that has not left yet."""

    default = "the message has not been submitted yet: try again in a moment"


class SendInProgress(Failure):
    """The mail is being handed over at this moment."""

    default = "the message is being sent at this moment: try again"


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
