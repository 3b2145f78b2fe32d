"""Webhooks and their deliveries."""

from typing import Any, Literal, NotRequired, TypedDict

__all__ = ["CreateWebhookRequest", "TestWebhookRequest", "UpdateWebhookRequest", "WebhookFiltersRequest"]


class TestWebhookRequest(TypedDict):
    """What the test shall look like."""

    type: NotRequired[
        Literal[
            "agent.suppression_added",
            "contact.due",
            "domain.sending_failed",
            "domain.sending_verified",
            "domain.suppression_added",
            "email.blocked",
            "email.bounced",
            "email.complained",
            "email.delivered",
            "email.failed",
            "email.flagged",
            "email.received",
            "email.review_approved",
            "email.review_rejected",
            "email.review_requested",
            "email.sent",
        ]
    ]
    data: NotRequired[dict[str, Any]]


class WebhookFiltersRequest(TypedDict):
    """Restrictions: any value inside a list, every list given."""

    agent_emails: NotRequired[list[str]]
    """At most 50 values."""
    conversation_ids: NotRequired[list[str]]
    """At most 50 values."""
    labels: NotRequired[list[str]]
    """At most 50 values."""


class CreateWebhookRequest(TypedDict):
    """A new webhook."""

    url: str
    """Https, a public host name, at most 2048 characters."""
    events: list[
        Literal[
            "agent.suppression_added",
            "contact.due",
            "domain.sending_failed",
            "domain.sending_verified",
            "domain.suppression_added",
            "email.blocked",
            "email.bounced",
            "email.complained",
            "email.delivered",
            "email.failed",
            "email.flagged",
            "email.received",
            "email.review_approved",
            "email.review_rejected",
            "email.review_requested",
            "email.sent",
        ]
    ]
    description: NotRequired[str]
    """At most 200 characters, no line breaks."""
    filters: NotRequired[WebhookFiltersRequest]


class UpdateWebhookRequest(TypedDict):
    """What to change; each member given replaces the whole of what was there."""

    url: NotRequired[str]
    """Https, a public host name, at most 2048 characters."""
    events: NotRequired[
        list[
            Literal[
                "agent.suppression_added",
                "contact.due",
                "domain.sending_failed",
                "domain.sending_verified",
                "domain.suppression_added",
                "email.blocked",
                "email.bounced",
                "email.complained",
                "email.delivered",
                "email.failed",
                "email.flagged",
                "email.received",
                "email.review_approved",
                "email.review_rejected",
                "email.review_requested",
                "email.sent",
            ]
        ]
    ]
    description: NotRequired[str]
    """At most 200 characters, no line breaks."""
    filters: NotRequired[WebhookFiltersRequest]
    enabled: NotRequired[bool]
