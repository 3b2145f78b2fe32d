"""Messages of the classic API: flat JSON, reading marks as read (contract: classic messages)."""

from typing import Final

import msgspec
from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.classic.pending import HOLD_STATUSES
from e2ad.api.message_views import read_status
from e2ad.api.messages import page_of_messages
from e2ad.api.operation import Scope
from e2ad.core.errors import InvalidRequest
from e2ad.core.events import rfc3339
from e2ad.gateway import messages as gateway
from e2ad.gateway.messages import Criteria
from e2ad.storage.messages import Summary

__all__ = ["ROUTES", "page_size", "summary"]

MESSAGES: Final = "/api/v1/agents/{email}/messages"
DEFAULT_PAGE: Final = 50
MAX_PAGE: Final = 100
_DIRECTIONS: Final = ("", "inbound", "outbound", "all")
_STATUSES: Final = ("", "unread", "read", "all")
_SORTS: Final = ("", "asc", "desc")


class ClassicSummary(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A message in a list."""

    message_id: str
    direction: str
    from_: str
    to: list[str]
    cc: list[str] | UnsetType = UNSET
    reply_to: list[str] | UnsetType = UNSET
    recipient: str
    subject: str
    conversation_id: str
    status: str
    hitl_status: str | UnsetType = UNSET
    size_bytes: int | UnsetType = UNSET
    labels: list[str]
    created_at: str


class ClassicMessage(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A message, whole."""

    message_id: str
    from_: str
    to: list[str]
    cc: list[str] | None
    reply_to: list[str] | None
    recipient: str
    subject: str
    conversation_id: str
    status: str
    labels: list[str]
    created_at: str
    auth_headers: dict[str, str] | None
    raw_message: bytes | None


@frozen
class ClassicPage:
    """One page."""

    messages: list[ClassicSummary]
    next_token: str | UnsetType = UNSET


@frozen
class LabelChange:
    """Labels to add and to remove."""

    add_labels: list[str] | UnsetType = UNSET
    remove_labels: list[str] | UnsetType = UNSET


@frozen
class ClassicLabels:
    """Labels after a change."""

    message_id: str
    labels: list[str]


@classic("GET", MESSAGES, scope=Scope.OWN, poll=True)
async def list_messages(call: ClassicCall[None]) -> ClassicPage:
    """An inbox, by default its unread messages, newest first."""
    for name, known in (("direction", _DIRECTIONS), ("status", _STATUSES), ("sort", _SORTS)):
        if call.first(name) not in known:
            raise InvalidRequest(f"{name} must be one of {', '.join(known[1:])}")
    # The classic clients send a status along with every direction; for outbound mail it means nothing.
    status = "" if call.first("direction") == "outbound" else call.first("status")
    criteria = Criteria(
        direction=call.first("direction"),
        read_status=status,
        from_contains=call.first("from"),
        subject_contains=call.first("subject_contains"),
        conversation_id=call.first("conversation_id"),
        labels=[label for text in call.query.get("labels", []) for label in text.split(",")],
        since=call.first("since"),
        until=call.first("until"),
        oldest_first=call.first("sort") == "asc",
    )
    rows, token = await page_of_messages(
        call.services,
        call.principal.account_id,
        call.path["email"],
        "classic_messages",
        criteria,
        call.first("token"),
        page_size(call.first("page_size")),
    )
    return ClassicPage([summary(row) for row in rows], token or UNSET)


@classic("GET", MESSAGES + "/{id}", scope=Scope.OWN, poll=True)
async def get_message(call: ClassicCall[None]) -> ClassicMessage:
    """The whole message with freshly signed headers; it is read now."""
    reading = await gateway.read(
        call.services.db,
        call.services.keys,
        call.principal.account_id,
        call.path["email"],
        call.path["id"],
        mark_read=True,
    )
    row = reading.message
    return ClassicMessage(
        message_id=row.id,
        from_=sender(row),
        to=row.to_addresses,
        cc=row.cc_addresses or None,
        reply_to=row.reply_to_addresses or None,
        recipient=row.delivered_to,
        subject=row.subject,
        conversation_id=row.conversation_id,
        status=read_status(row.direction, unread=reading.unread),
        labels=row.labels,
        created_at=seconds(rfc3339(row.created_at)),
        auth_headers=reading.auth_headers,
        raw_message=row.raw,
    )


@classic("PATCH", MESSAGES + "/{id}", body=LabelChange, scope=Scope.OWN)
async def update_labels(call: ClassicCall[LabelChange]) -> ClassicLabels:
    """Add labels, then remove others."""
    updated = await gateway.update(
        call.services.db,
        call.principal.account_id,
        call.path["email"],
        call.path["id"],
        add=call.body.add_labels or (),
        remove=call.body.remove_labels or (),
    )
    return ClassicLabels(call.path["id"], updated.labels)


def page_size(text: str) -> int:
    """1 to 100; what is no such number is not asked for (contract: classic messages)."""
    if text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= MAX_PAGE:
        return int(text)
    return DEFAULT_PAGE


def summary(row: Summary) -> ClassicSummary:
    """A row of a list. The conversation is always named here, that of a first contact too."""
    inbound = row.direction == "inbound"
    return ClassicSummary(
        message_id=row.id,
        direction=row.direction,
        from_=sender(row),
        to=row.to_addresses,
        cc=row.cc_addresses or UNSET,
        reply_to=row.reply_to_addresses or UNSET,
        recipient=row.delivered_to,
        subject=row.subject,
        conversation_id=row.conversation_id,
        status=read_status(row.direction, unread=row.unread),
        hitl_status=UNSET if inbound else HOLD_STATUSES[row.review_status],
        size_bytes=row.size_bytes or UNSET,
        labels=row.labels,
        created_at=seconds(rfc3339(row.created_at)),
    )


def sender(row: Summary) -> str:
    """Whom an answer goes to: the first Reply-To, else From; nobody for mail that was sent."""
    if row.direction != "inbound":
        return ""
    return row.reply_to_addresses[0] if row.reply_to_addresses else row.header_from or ""


def seconds(instant: str) -> str:
    """A time as the classic API writes it: whole seconds."""
    return instant.partition(".")[0].removesuffix("Z") + "Z"


ROUTES = [list_messages, get_message, update_labels]
