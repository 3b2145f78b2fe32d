"""The shapes of contacts and outreach on the wire of `/v1`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.shapes import Instant
from e2ad.api.views import Cursor, Limit
from e2ad.core.contacts import MAX_ADDRESS, MAX_NAME, MAX_ROWS, MAX_STAGE, Outcome
from e2ad.core.events import rfc3339
from e2ad.gateway.contacts import Imported
from e2ad.storage.contacts import Contact
from e2ad.storage.engagements import Engagement

__all__ = [
    "ContactEngagementView",
    "ContactImportItemResult",
    "ContactImportResult",
    "ContactImportRow",
    "ContactView",
    "CreateContactRequest",
    "DeleteContactResult",
    "DeleteEngagementResult",
    "DeleteImportBatchResult",
    "EmbeddedContactView",
    "ImportContactsRequest",
    "ListContactsQuery",
    "ListEngagementsQuery",
    "PageContactEngagementView",
    "PageContactView",
    "UpdateContactRequest",
    "UpsertEngagementRequest",
    "contact_view",
    "engagement_view",
    "import_view",
]

Address = Annotated[str, Meta(max_length=MAX_ADDRESS, description="bare, or with a display name")]
Name = Annotated[str, Meta(max_length=MAX_NAME)]
Metadata = Annotated[
    dict[str, Any],
    Meta(
        description="flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and "
        "nulls, 16384 bytes as JSON; replaced as a whole"
    ),
]
Stage = Annotated[str, Meta(max_length=MAX_STAGE, description="your own word, never interpreted")]
Time = Annotated[str, Meta(description="RFC 3339", extra_json_schema={"format": "date-time"})]
NextAction = Annotated[datetime, Meta(tz=True)]


@frozen
class ContactView:
    """Somebody the account deals with."""

    address: str
    display_name: str
    metadata: dict[str, Any]
    source: str
    created_at: Instant
    updated_at: Instant
    import_batch_id: str | UnsetType = UNSET


@frozen
class PageContactView:
    """A page of them."""

    items: list[ContactView]
    next_cursor: str | None


@frozen
class ListContactsQuery:
    """Which contacts; all that is given must hold."""

    source: Literal["import", "manual", "inbound"] | UnsetType = UNSET
    import_batch_id: Annotated[str, Meta(description="what one import made")] | UnsetType = UNSET
    created_after: Time | UnsetType = UNSET
    created_before: Time | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100


@frozen
class CreateContactRequest:
    """A contact to be."""

    address: Address
    display_name: Name | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


@frozen
class UpdateContactRequest:
    """What to change; what is left out stays."""

    display_name: Name | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


@frozen
class ContactImportRow:
    """One line of an import. What breaks a rule fails this line alone."""

    address: str
    display_name: Annotated[str, Meta(description="left out: what is there stays")] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


@frozen
class ImportContactsRequest:
    """Contacts by the thousand, and whom to enrol them with."""

    contacts: Annotated[list[ContactImportRow], Meta(min_length=1, max_length=MAX_ROWS)]
    on_conflict: Literal["merge", "skip"] = "merge"
    agent_email: Annotated[str, Meta(max_length=MAX_ADDRESS)] | UnsetType = UNSET
    stage: Stage | UnsetType = UNSET


@frozen
class ContactImportItemResult:
    """What became of one line: created, updated, skipped or failed."""

    index: int
    status: str
    enrolled: bool
    suppressed: bool
    address: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    message: str | UnsetType = UNSET


@frozen
class ContactImportResult:
    """An import, line by line."""

    batch_id: str
    created: int
    updated: int
    skipped: int
    failed: int
    results: list[ContactImportItemResult]


@frozen
class DeleteContactResult:
    """The contact is gone."""

    deleted: bool
    address: str


@frozen
class DeleteImportBatchResult:
    """An import is undone as far as nobody had used it."""

    deleted: bool
    batch_id: str
    contacts_deleted: int
    contacts_retained: int
    engagements_deleted: int


@frozen
class EmbeddedContactView:
    """Who it is, for those who may not read the account's contacts."""

    address: str
    display_name: str
    metadata: dict[str, Any]


@frozen
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
    next_action_at: Instant | None
    first_outbound_at: Instant | None
    last_outbound_at: Instant | None
    last_inbound_at: Instant | None
    created_at: Instant
    updated_at: Instant
    last_conversation_id: str | UnsetType = UNSET
    suppression_source: str | UnsetType = UNSET
    suppression_reason: str | UnsetType = UNSET


@frozen
class PageContactEngagementView:
    """A page of them."""

    items: list[ContactEngagementView]
    next_cursor: str | None


@frozen
class ListEngagementsQuery:
    """Which engagements; all that is given must hold."""

    stage: Annotated[str, Meta(description="exactly this one")] | UnsetType = UNSET
    replied: Literal["true", "false"] | UnsetType = UNSET
    suppressed: Literal["true", "false"] | UnsetType = UNSET
    next_action_before: Annotated[Time, Meta(description="due by then")] | UnsetType = UNSET
    last_outbound_before: Annotated[Time, Meta(description="not written to since then, or never")] | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET
    limit: Limit = 100


@frozen
class UpsertEngagementRequest:
    """What to write of an engagement; what is left out stays. `next_action_at: null` clears the schedule."""

    stage: Stage | UnsetType = UNSET
    next_action_at: NextAction | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


@frozen
class DeleteEngagementResult:
    """The agent has no outreach to the address any more."""

    deleted: bool
    address: str


def contact_view(contact: Contact) -> ContactView:
    """A contact as the API shows it."""
    return ContactView(
        address=contact.address,
        display_name=contact.display_name,
        metadata=dict(contact.metadata),
        source=contact.source,
        created_at=rfc3339(contact.created_at),
        updated_at=rfc3339(contact.updated_at),
        import_batch_id=contact.import_batch_id or UNSET,
    )


def import_view(imported: Imported) -> ContactImportResult:
    """An import as the API shows it."""
    return ContactImportResult(
        batch_id=imported.batch_id,
        created=imported.count("created"),
        updated=imported.count("updated"),
        skipped=imported.count("skipped"),
        failed=imported.count("failed"),
        results=[_item(outcome) for outcome in imported.outcomes],
    )


def engagement_view(row: Engagement) -> ContactEngagementView:
    """An engagement as the API shows it."""
    return ContactEngagementView(
        address=row.address,
        agent_email=row.agent_email,
        contact=EmbeddedContactView(row.address, row.display_name, dict(row.contact_metadata)),
        stage=row.stage,
        metadata=dict(row.metadata),
        replied=row.replied,
        suppressed=row.suppressed,
        inbound_count=row.inbound_count,
        outbound_count=row.outbound_count,
        next_action_at=_or_null(row.next_action_at),
        first_outbound_at=_or_null(row.first_outbound_at),
        last_outbound_at=_or_null(row.last_outbound_at),
        last_inbound_at=_or_null(row.last_inbound_at),
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        last_conversation_id=row.last_conversation_id or UNSET,
        suppression_source=row.suppression_source or UNSET,
        suppression_reason=row.suppression_reason or UNSET,
    )


def _item(outcome: Outcome) -> ContactImportItemResult:
    return ContactImportItemResult(
        index=outcome.index,
        status=outcome.status,
        enrolled=outcome.enrolled,
        suppressed=outcome.suppressed,
        address=outcome.address or UNSET,
        code=outcome.code or UNSET,
        message=outcome.message or UNSET,
    )


def _or_null(at: datetime | None) -> Instant | None:
    return None if at is None else rfc3339(at)
