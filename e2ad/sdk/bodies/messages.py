"""Mail: its parts, the evidence about its sender, what became of it."""

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "Attachment",
    "ForwardRequest",
    "ReplyRequest",
    "ResolveMessageRequest",
    "SendEmailRequest",
    "UnsubscribeOptions",
    "UpdateMessageRequest",
]


class Attachment(TypedDict):
    """A file."""

    filename: str
    content_type: str
    data: bytes | str
    """Base64, at most 10 MiB decoded."""


class ResolveMessageRequest(TypedDict):
    """What a person found out about recipients of unknown outcome, or wants done."""

    outcome: Literal["failed", "resend", "sent"]
    """They have it, they have it not, or it is sent to them again with the same Message-ID."""


class UnsubscribeOptions(TypedDict):
    """Managed unsubscribe: one-click fields, a footer, and a page of ours."""

    mode: Literal["managed"]


class ForwardRequest(TypedDict):
    """A mail handed on; its attachments go along."""

    to: list[str]
    """An address, bare or as Name <address>."""
    text: str
    """A note above the mail, which may be empty."""
    html: NotRequired[str]
    cc: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    bcc: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    attachments: NotRequired[list[Attachment]]
    reply_to: NotRequired[str | list[str]]
    """Where answers go: one address, or up to five; the agent's own if absent."""
    conversation_id: NotRequired[str]
    """The conversation to continue; absent: a new one."""
    send_at: NotRequired[datetime | str]
    """Not before this time, within 90 days; absent or past: now."""
    unsubscribe: NotRequired[UnsubscribeOptions]


class ReplyRequest(TypedDict):
    """An answer."""

    text: str
    """Not empty."""
    html: NotRequired[str]
    reply_all: NotRequired[bool]
    """Also to the other recipients of the mail."""
    cc: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    bcc: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    attachments: NotRequired[list[Attachment]]
    reply_to: NotRequired[str | list[str]]
    """Where answers go: one address, or up to five; the agent's own if absent."""
    conversation_id: NotRequired[str]
    """The conversation to continue; absent: a new one."""
    send_at: NotRequired[datetime | str]
    """Not before this time, within 90 days; absent or past: now."""
    quote_history: NotRequired[bool]
    """Put the mail below the answer."""
    unsubscribe: NotRequired[UnsubscribeOptions]


class SendEmailRequest(TypedDict):
    """A fresh mail: literal, or from a template."""

    to: list[str]
    """An address, bare or as Name <address>."""
    cc: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    bcc: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    subject: NotRequired[str]
    text: NotRequired[str]
    html: NotRequired[str]
    attachments: NotRequired[list[Attachment]]
    reply_to: NotRequired[str | list[str]]
    """Where answers go: one address, or up to five; the agent's own if absent."""
    conversation_id: NotRequired[str]
    """The conversation to continue; absent: a new one."""
    send_at: NotRequired[datetime | str]
    """Not before this time, within 90 days; absent or past: now."""
    unsubscribe: NotRequired[UnsubscribeOptions]
    template_id: NotRequired[str]
    template_alias: NotRequired[str]
    template_data: NotRequired[dict[str, Any]]


class UpdateMessageRequest(TypedDict):
    """Labels to add and to remove; read_status is an addition."""

    add_labels: NotRequired[list[str]]
    remove_labels: NotRequired[list[str]]
    read_status: NotRequired[Literal["read", "unread"]]
