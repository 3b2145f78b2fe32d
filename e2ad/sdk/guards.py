"""Which event is it? One guard for each type, so that a type checker knows what is in `event.data` behind it."""

from typing import Any, TypeGuard

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
    WebhookEvent,
)

__all__ = [
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
]

Event = WebhookEvent[Any]


def is_email_received(event: Event) -> TypeGuard[WebhookEvent[EmailReceivedData]]:
    """Mail came in."""
    return event.type == "email.received"


def is_email_sent(event: Event) -> TypeGuard[WebhookEvent[EmailSentData]]:
    """The next server took the mail."""
    return event.type == "email.sent"


def is_email_failed(event: Event) -> TypeGuard[WebhookEvent[EmailFailedData]]:
    """The mail will not leave."""
    return event.type == "email.failed"


def is_email_delivered(event: Event) -> TypeGuard[WebhookEvent[EmailDeliveredData]]:
    """A recipient's server has it."""
    return event.type == "email.delivered"


def is_email_bounced(event: Event) -> TypeGuard[WebhookEvent[EmailBouncedData]]:
    """A recipient's server refused it."""
    return event.type == "email.bounced"


def is_email_complained(event: Event) -> TypeGuard[WebhookEvent[EmailComplainedData]]:
    """A recipient called it spam."""
    return event.type == "email.complained"


def is_email_flagged(event: Event) -> TypeGuard[WebhookEvent[EmailFlaggedData]]:
    """Mail came in although its sender is not on the list."""
    return event.type == "email.flagged"


def is_email_blocked(event: Event) -> TypeGuard[WebhookEvent[EmailBlockedData]]:
    """Mail was kept out, or in."""
    return event.type == "email.blocked"


def is_email_review_requested(event: Event) -> TypeGuard[WebhookEvent[EmailReviewRequestedData]]:
    """Mail waits for a person."""
    return event.type == "email.review_requested"


def is_email_review_approved(event: Event) -> TypeGuard[WebhookEvent[EmailReviewApprovedData]]:
    """A person let it through."""
    return event.type == "email.review_approved"


def is_email_review_rejected(event: Event) -> TypeGuard[WebhookEvent[EmailReviewRejectedData]]:
    """A person said no."""
    return event.type == "email.review_rejected"


def is_domain_sending_verified(event: Event) -> TypeGuard[WebhookEvent[DomainSendingVerifiedData]]:
    """A domain may send."""
    return event.type == "domain.sending_verified"


def is_domain_sending_failed(event: Event) -> TypeGuard[WebhookEvent[DomainSendingFailedData]]:
    """A domain may not send."""
    return event.type == "domain.sending_failed"


def is_domain_suppression_added(event: Event) -> TypeGuard[WebhookEvent[DomainSuppressionAddedData]]:
    """The account writes to an address no more."""
    return event.type == "domain.suppression_added"


def is_agent_suppression_added(event: Event) -> TypeGuard[WebhookEvent[AgentSuppressionAddedData]]:
    """One agent writes to an address no more."""
    return event.type == "agent.suppression_added"


def is_contact_due(event: Event) -> TypeGuard[WebhookEvent[ContactDueData]]:
    """The time has come to write to a contact."""
    return event.type == "contact.due"
