"""Deciding about held mail: the row that is locked and moved, the draft beside it, and what a reviewer is shown."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs
from attrs import field, frozen

from e2ad.core.continuity import Continuity, Status
from e2ad.core.outbound import Draft
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.messages import Message
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Decision",
    "Due",
    "Hold",
    "Linked",
    "Locked",
    "OpenHold",
    "Owner",
    "Released",
    "Shown",
    "agent_of",
    "by_link",
    "decide",
    "due",
    "hold",
    "lock",
    "lock_due",
    "page",
    "released",
    "revise",
    "show",
    "soonest",
]

_SQL = load("reviews")
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@frozen
class Locked:
    """A message that this transaction may decide about; `trashed` where its agent is in the trash."""

    account_id: str
    id: str
    agent_email: str
    direction: str
    conversation_id: str
    review_status: str | None
    trashed: bool


@frozen
class Owner:
    """Whose a message is, and which way it goes."""

    agent_email: str
    direction: str


@frozen
class Hold:
    """What the decision is about, and how it ends by itself.

    `draft` are the exact bytes of the newest revision, None of inbound mail; `sha256` is their hash, of inbound
    mail that of its raw content. The sender is that of inbound mail, as it authenticated itself.
    """

    reason: dict[str, Any]
    findings: list[dict[str, Any]]
    on_expiry: str
    revision: int
    edited: bool
    draft: bytes | None = field(repr=False)
    sha256: bytes | None
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    authentication: dict[str, Any] | None


@frozen
class Decision:
    """How a hold ends: the status that the message gets, through which door, and by whom."""

    status: str
    via: str
    by: str
    at: datetime
    rejection_reason: str | None = None


@frozen
class Released:
    """A received mail, as its announcement tells of it."""

    created_at: datetime
    envelope_from: str | None
    header_from: str | None
    verified_domain: str | None
    to_addresses: list[str]
    cc_addresses: list[str]
    reply_to_addresses: list[str]
    authentication: dict[str, Any] | None
    subject: str
    attachments: list[dict[str, Any]]
    automation: str | None
    conversation_id: str
    threaded: bool
    continuity: Status | None
    continuity_detail: str | None
    resembles: str | None

    @property
    def sender_continuity(self) -> dict[str, Any] | None:
        """The member of the announcement; None where nothing is known of a sender."""
        if self.continuity is None:
            return None
        return Continuity(self.continuity, self.continuity_detail or "", self.resembles).to_json()


@frozen
class Due:
    """A hold that ran out."""

    account_id: str
    id: str
    expired_at: datetime


@frozen
class OpenHold:
    """A hold in a list."""

    id: str
    agent_email: str
    direction: str
    header_from: str | None
    envelope_from: str | None
    verified_domain: str | None
    to_addresses: list[str]
    cc_addresses: list[str]
    bcc_addresses: list[str]
    subject: str
    created_at: datetime
    conversation_id: str
    threaded: bool
    flagged: bool
    flag_reason: str | None
    message_type: str | None
    review_status: str
    review_expires_at: datetime
    reason: dict[str, Any]
    revision: int
    edited: bool
    scheduled_at: datetime | None
    sha256: bytes | None


@frozen
class Shown:
    """A message as a reviewer gets it. All that belongs to a hold is None where it never was held.

    `wished_at` is when a held draft is to leave.
    """

    message: Message
    agent_email: str
    account_name: str
    bcc_addresses: list[str]
    message_type: str | None
    method: str
    email_message_id: str | None
    review_expires_at: datetime | None
    reason: dict[str, Any] | None
    findings: list[dict[str, Any]] | None
    revision: int | None
    edited: bool | None
    wished_at: datetime | None
    decided_at: datetime | None
    decided_via: str | None
    decided_by: str | None
    rejection_reason: str | None
    draft: bytes | None = field(repr=False)
    sha256: bytes | None


@frozen
class Linked:
    """What a mailed link leads to. `sha256s` are the hashes of all drafts, the newest last."""

    account_id: str
    review_status: str | None
    trashed: bool
    sha256s: list[bytes]


async def lock(executor: Executor, account_id: str, message_id: str) -> Locked | None:
    """Keep everybody else from deciding until this transaction ends; None when there is no such message."""
    return await executor.fetch_one(_SQL["lock"], {"account_id": account_id, "id": message_id}, row=Locked)


async def lock_due(executor: Executor, account_id: str, message_id: str, at: datetime) -> Locked | None:
    """The same for a hold that ran out; None when somebody else has it or it is not due any more. Never waits."""
    key = {"account_id": account_id, "id": message_id, "at": at}
    return await executor.fetch_one(_SQL["lock_due"], key, row=Locked)


async def hold(executor: Executor, account_id: str, message_id: str) -> Hold | None:
    """The hold of a message, with its newest draft; read after `lock`, so that no edit comes between."""
    return await executor.fetch_one(_SQL["hold"], {"account_id": account_id, "id": message_id}, row=Hold)


async def revise(
    executor: Executor,
    account_id: str,
    message_id: str,
    draft: Draft,
    *,
    encoded: bytes,
    sha256: bytes,
    method: str,
    editor: str,
    at: datetime,
) -> int:
    """Put another draft into a hold; the number of its revision."""
    revision: int = await executor.fetch_value(
        _SQL["revise"],
        {
            "account_id": account_id,
            "id": message_id,
            "subject": draft.subject,
            "to": Jsonb(draft.to),
            "cc": Jsonb(draft.cc),
            "bcc": Jsonb(draft.bcc),
            "text": draft.text,
            "html": draft.html,
            "delivered_to": draft.recipients[0],
            "method": method,
            "send_at": draft.send_at,
            "draft": encoded,
            "sha256": sha256,
            "editor": editor,
            "at": at,
        },
    )
    return revision


async def decide(executor: Executor, account_id: str, message_id: str, decision: Decision) -> bool:
    """End a hold; False when it was not pending any more."""
    parameters = attrs.asdict(decision) | {"account_id": account_id, "id": message_id}
    return await executor.execute(_SQL["decide"], parameters) == 1


async def released(executor: Executor, account_id: str, message_id: str) -> Released:
    """What the announcement of a released mail needs."""
    row = await executor.fetch_one(_SQL["released"], {"account_id": account_id, "id": message_id}, row=Released)
    assert row is not None  # the caller has locked it
    return row


async def due(executor: Executor, direction: str, at: datetime, *, after: Due | None, limit: int) -> list[Due]:
    """Holds that ran out before `at`, the next ones after `after`; those of trashed agents wait."""
    return await executor.fetch_all(
        _SQL["due"],
        {
            "direction": direction,
            "at": at,
            "after_at": _BEGINNING if after is None else after.expired_at,
            "after_id": "" if after is None else after.id,
            "limit": limit,
        },
        row=Due,
    )


async def page(
    executor: Executor, account_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[OpenHold]:
    """An account's open holds of live agents, newest first, behind the position `before`."""
    before_at, before_id = before or (None, "")
    parameters = {"account_id": account_id, "before_at": before_at, "before_id": before_id, "limit": limit}
    return await executor.fetch_all(_SQL["page"], parameters, row=OpenHold)


async def soonest(executor: Executor, account_id: str, *, limit: int) -> list[OpenHold]:
    """An account's held drafts, those first that run out first."""
    return await executor.fetch_all(_SQL["soonest"], {"account_id": account_id, "limit": limit}, row=OpenHold)


async def agent_of(executor: Executor, account_id: str, message_id: str) -> Owner | None:
    """Whose message it is; None when the account has no such message with a live agent."""
    return await executor.fetch_one(_SQL["agent_of"], {"account_id": account_id, "id": message_id}, row=Owner)


async def show(executor: Executor, account_id: str, message_id: str) -> Shown | None:
    """A message of a live agent, held or not; nothing is marked."""
    row = await executor.fetch_one(_SQL["show"], {"account_id": account_id, "id": message_id})
    if row is None:
        return None
    return Shown(message=_made(Message, row), **{name: row[name] for name in _names(Shown) if name != "message"})


async def by_link(executor: Executor, message_id: str) -> Linked | None:
    """The hold that a link claims to be about, whoever's it is."""
    return await executor.fetch_one(_SQL["by_link"], {"id": message_id}, row=Linked)


def _made(cls: type[Message], row: Mapping[str, Any]) -> Message:
    return cls(**{name: row[name] for name in _names(cls) if name in row})


def _names(cls: Any) -> list[str]:
    return [one.name for one in attrs.fields(cls)]
