"""The Python client of the full API (`/v1`): no server code, no server dependency.

`client` has the two clients, blocking and awaiting, with `plain` of each for JSON values instead of models;
`resources` is their tree of methods, `models` what they answer, `bodies` what they take. `exchange` says what a call
does (retries, keys, errors) without any I/O, `drivers` does the I/O, `faces` makes of one definition a method for
each client, `pages` reads lists. `errors` has everything that can go wrong.

`webhooks` checks and reads what a webhook's receiver gets (`signatures` are the proofs, `received` the mail that stays
closed without one), `events` and `guards` tell events apart, `inbound` fetches the mail that an event tells of.
`streams` listens: `listening` decides what each end of a connection means, `sockets` keeps one up without ever waiting,
and the streams wait.

Rules. Reads, keyed writes and what has the same effect twice are tried again, with growing waits or as long as the
server asks; a POST without a key never is. Members that a later server adds are ignored. The environment names
deployment and key, and no proxy. `listen` leaves out what it has handed over before.

What may go wrong. `E2AError` is the family: an answer, with the contract's code, or none (`E2AConnectionError`);
what a webhook was sent is refused (`E2AWebhookSignatureError`) or closed (`UnverifiedEmailError`) until it is proven.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from e2ad.sdk.client import AsyncE2AClient, AsyncPlainClient, E2AClient, PlainClient
from e2ad.sdk.errors import (
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
    UnverifiedEmailError,
)
from e2ad.sdk.pages import AutoPager, Page, SyncAutoPager

if TYPE_CHECKING:
    from e2ad.sdk.events import (
        AgentSuppressionAddedData,
        ContactDueData,
        DomainSendingFailedData,
        DomainSendingVerifiedData,
        DomainSuppressionAddedData,
        EmailBlockedData,
        EmailBouncedData,
        EmailComplainedData,
        EmailDeliveredData,
        EmailFailedData,
        EmailFlaggedData,
        EmailReceivedData,
        EmailReviewApprovedData,
        EmailReviewRejectedData,
        EmailReviewRequestedData,
        EmailSentData,
        EventAttachment,
        WebhookEvent,
        WSEvent,
    )
    from e2ad.sdk.guards import (
        is_agent_suppression_added,
        is_contact_due,
        is_domain_sending_failed,
        is_domain_sending_verified,
        is_domain_suppression_added,
        is_email_blocked,
        is_email_bounced,
        is_email_complained,
        is_email_delivered,
        is_email_failed,
        is_email_flagged,
        is_email_received,
        is_email_review_approved,
        is_email_review_rejected,
        is_email_review_requested,
        is_email_sent,
    )
    from e2ad.sdk.inbound import AsyncInboundAttachment, AsyncInboundEmail, InboundAttachment, InboundEmail
    from e2ad.sdk.listening import WS_CLOSE_REPLACED
    from e2ad.sdk.models import (
        AttachmentMetaView,
        Authentication,
        DKIMResult,
        DMARCResult,
        MessageLifecycleTransition,
        SPFResult,
    )
    from e2ad.sdk.received import ReceivedAttachment, ReceivedEmail
    from e2ad.sdk.streams import SyncStream, WSStream, listen
    from e2ad.sdk.webhooks import construct_event, parse_webhook, verify_webhook_signature

__all__ = [
    "WS_CLOSE_REPLACED",
    "AgentSuppressionAddedData",
    "AsyncE2AClient",
    "AsyncInboundAttachment",
    "AsyncInboundEmail",
    "AsyncPlainClient",
    "AttachmentMetaView",
    "Authentication",
    "AutoPager",
    "ContactDueData",
    "DKIMResult",
    "DMARCResult",
    "DomainSendingFailedData",
    "DomainSendingVerifiedData",
    "DomainSuppressionAddedData",
    "E2AAuthError",
    "E2AClient",
    "E2AConflictError",
    "E2AConnectionError",
    "E2AConnectionReplacedError",
    "E2AError",
    "E2AIdempotencyError",
    "E2ALimitExceededError",
    "E2ANotFoundError",
    "E2APermissionError",
    "E2ARateLimitError",
    "E2AServerError",
    "E2AValidationError",
    "E2AWebhookSignatureError",
    "EmailBlockedData",
    "EmailBouncedData",
    "EmailComplainedData",
    "EmailDeliveredData",
    "EmailFailedData",
    "EmailFlaggedData",
    "EmailReceivedData",
    "EmailReviewApprovedData",
    "EmailReviewRejectedData",
    "EmailReviewRequestedData",
    "EmailSentData",
    "EventAttachment",
    "InboundAttachment",
    "InboundEmail",
    "MessageLifecycleTransition",
    "Page",
    "PlainClient",
    "ReceivedAttachment",
    "ReceivedEmail",
    "SPFResult",
    "SyncAutoPager",
    "SyncStream",
    "UnverifiedEmailError",
    "WSEvent",
    "WSStream",
    "WebhookEvent",
    "construct_event",
    "is_agent_suppression_added",
    "is_contact_due",
    "is_domain_sending_failed",
    "is_domain_sending_verified",
    "is_domain_suppression_added",
    "is_email_blocked",
    "is_email_bounced",
    "is_email_complained",
    "is_email_delivered",
    "is_email_failed",
    "is_email_flagged",
    "is_email_received",
    "is_email_review_approved",
    "is_email_review_rejected",
    "is_email_review_requested",
    "is_email_sent",
    "listen",
    "parse_webhook",
    "verify_webhook_signature",
]

_TYPES: Final = ("models", "bodies")
"""All of their names are here as well, where the published client has them."""
_LATER: Final = ("events", "guards", "webhooks", "received", "listening", "inbound", "streams", *_TYPES)
"""Where the other names are, looked for in this order: what is wanted most and takes the least time comes first."""


def __getattr__(name: str) -> Any:
    for home in _LATER if name in __all__ else _TYPES:
        module = import_module(f"{__name__}.{home}")
        if name in module.__all__:
            globals()[name] = getattr(module, name)
            return globals()[name]
    raise AttributeError(f"{__name__} has no {name}")
