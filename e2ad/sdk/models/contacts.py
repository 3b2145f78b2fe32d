"""Contacts, and how an agent stands with each."""

from datetime import datetime
from typing import Any

from attrs import frozen

__all__ = [
    "ContactEngagementView",
    "ContactImportItemResult",
    "ContactImportResult",
    "ContactView",
    "DeleteContactResult",
    "DeleteEngagementResult",
    "DeleteImportBatchResult",
    "EmbeddedContactView",
]


@frozen(kw_only=True)
class ContactImportItemResult:
    """What became of one line: created, updated, skipped or failed."""

    index: int
    status: str
    enrolled: bool
    suppressed: bool
    address: str | None = None
    code: str | None = None
    message: str | None = None


@frozen(kw_only=True)
class ContactImportResult:
    """An import, line by line."""

    batch_id: str
    created: int
    updated: int
    skipped: int
    failed: int
    results: list[ContactImportItemResult]


@frozen(kw_only=True)
class ContactView:
    """Somebody the account deals with."""

    address: str
    display_name: str
    metadata: dict[str, Any]
    source: str
    created_at: datetime
    updated_at: datetime
    import_batch_id: str | None = None


@frozen(kw_only=True)
class DeleteContactResult:
    """The contact is gone."""

    deleted: bool
    address: str


@frozen(kw_only=True)
class DeleteEngagementResult:
    """The agent has no outreach to the address any more."""

    deleted: bool
    address: str


@frozen(kw_only=True)
class DeleteImportBatchResult:
    """An import is undone as far as nobody had used it."""

    deleted: bool
    batch_id: str
    contacts_deleted: int
    contacts_retained: int
    engagements_deleted: int


@frozen(kw_only=True)
class EmbeddedContactView:
    """Who it is, for those who may not read the account's contacts."""

    address: str
    display_name: str
    metadata: dict[str, Any]


@frozen(kw_only=True)
class ContactEngagementView:
    """How an agent stands with a contact: what callers wrote, and what mail and suppression say."""

    address: str
    agent_email: str
    contact: EmbeddedContactView
    stage: str
    metadata: dict[str, Any]
    replied: bool
    suppressed: bool
    inbound_count: int
    outbound_count: int
    next_action_at: datetime | None
    first_outbound_at: datetime | None
    last_outbound_at: datetime | None
    last_inbound_at: datetime | None
    created_at: datetime
    updated_at: datetime
    last_conversation_id: str | None = None
    suppression_source: str | None = None
    suppression_reason: str | None = None
