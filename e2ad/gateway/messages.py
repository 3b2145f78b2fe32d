"""The rules of the inbox: what a list may be asked, what a label is, and what the trash allows.

Both APIs, the dashboard and the tools call these; the words on the wire are theirs. Who may call
has been decided before, by the credential's scope.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import trio
from attrs import frozen

from e2ad.core import mime
from e2ad.core.errors import (
    AttachmentNotFound,
    AttachmentTooLarge,
    InvalidFilter,
    InvalidRequest,
    MessageHeld,
    NotFound,
    NotInTrash,
    SendInProgress,
)
from e2ad.core.events import parse_rfc3339
from e2ad.core.message import AttachmentMeta
from e2ad.core.message_filter import compile_filter
from e2ad.core.sealing import KeyRing, signing_secret_context
from e2ad.core.search import compile_search
from e2ad.core.signing import Verdict, auth_headers
from e2ad.gateway.mint import now
from e2ad.storage import agents as agent_storage
from e2ad.storage import messages as storage
from e2ad.storage.messages import Filter, Message, Updated
from e2ad.storage.pool import Database, Executor

__all__ = [
    "INLINE_BYTES",
    "Criteria",
    "Found",
    "Reading",
    "attachment",
    "cut",
    "listing",
    "purge",
    "raw",
    "read",
    "restore",
    "span",
    "trash",
    "update",
]

INLINE_BYTES: Final = 262_144
"""An attachment that is larger goes by link."""
MAX_SEARCH_BYTES: Final = 200
MAX_CONVERSATION_CHARACTERS: Final = 200
MAX_LABELS_GIVEN: Final = 50
MAX_LABELS: Final = 100
RESERVED_LABELS: Final = "e2a:"
NOT_FOUND: Final = "message not found"

_LABEL = re.compile(r"[a-z0-9:_-]{1,64}\Z")

_LARGE_BYTES: Final = 262_144
"""From here on a mail is parsed in a thread: it takes longer than the event loop may be kept."""
_threads: Final = trio.CapacityLimiter(2)


@frozen
class Criteria:
    """What a caller asked a list for, as text; an empty text is nothing asked.

    Attributes:
        direction: `inbound`, `outbound`, `all`, or "" for the default.
        read_status: `unread`, `read`, `all`, or "" for the default.
        labels: as given, not normalized.
        since, until: RFC 3339.
        expression: in the grammar of `core.message_filter`.
        search: in the grammar of `core.search`.
    """

    direction: str = ""
    read_status: str = ""
    from_contains: str = ""
    subject_contains: str = ""
    conversation_id: str = ""
    labels: Sequence[str] = ()
    since: str = ""
    until: str = ""
    deleted: bool = False
    expression: str = ""
    search: str = ""
    oldest_first: bool = False


@frozen
class Reading:
    """A message, and the freshly signed headers for it; none for mail that was not received."""

    message: Message
    auth_headers: dict[str, str] | None
    unread: bool


@frozen
class Found:
    """One attachment: what is known of it, and its bytes where they were asked for."""

    meta: AttachmentMeta
    content: bytes | None = None


def listing(criteria: Criteria) -> Filter:
    """The storage's filter for what was asked (contract: listMessages).

    Raises:
        InvalidFilter: with what to change.
    """
    direction = criteria.direction or ("all" if criteria.deleted else "inbound")
    read_status = criteria.read_status or ("unread" if direction == "inbound" else "all")
    if direction == "outbound" and read_status != "all":
        raise InvalidFilter("outbound messages have no read state: leave read_status out, or ask for all")
    for name, text in (("from", criteria.from_contains), ("subject_contains", criteria.subject_contains)):
        if len(text.encode()) > MAX_SEARCH_BYTES:
            raise InvalidFilter(f"{name} has more than {MAX_SEARCH_BYTES} bytes")
    if len(criteria.conversation_id) > MAX_CONVERSATION_CHARACTERS:
        raise InvalidFilter(f"conversation_id has more than {MAX_CONVERSATION_CHARACTERS} characters")
    since, until = span(criteria.since, criteria.until)
    return Filter(
        direction=None if direction == "all" else direction,
        unread=None if read_status == "all" else read_status == "unread",
        from_contains=criteria.from_contains or None,
        subject_contains=criteria.subject_contains or None,
        conversation_id=criteria.conversation_id or None,
        labels=_filter_labels(criteria.labels),
        since=since,
        until=until,
        deleted=criteria.deleted,
        expression=compile_filter(criteria.expression),
        search=compile_search(criteria.search),
        oldest_first=criteria.oldest_first,
    )


def span(since: str, until: str) -> tuple[datetime | None, datetime | None]:
    """Two instants in order, or none where the text is empty.

    Raises:
        InvalidFilter: not RFC 3339 with an offset, or not in order.
    """
    start, end = _instant("since", since), _instant("until", until)
    if start is not None and end is not None and start >= end:
        raise InvalidFilter("since must be earlier than until")
    return start, end


async def read(
    executor: Executor,
    keys: KeyRing,
    account_id: str,
    agent_email: str,
    message_id: str,
    *,
    mark_read: bool,
) -> Reading:
    """One message with its signed headers; one statement.

    The headers carry the time of this reading, so that a verifier takes them: they say what the
    stored verdict says, about the same bytes.

    Raises:
        NotFound: no such message in this inbox, or one that is held.

    Cancellation:
        The message may have been marked as read although nobody saw it; it can be set back.
    """
    message = await storage.read(executor, account_id, agent_email, message_id, mark_read=mark_read)
    if message is None:
        raise NotFound(NOT_FOUND)
    return Reading(message, _signed(keys, message), message.unread and not mark_read)


async def raw(executor: Executor, account_id: str, agent_email: str, message_id: str) -> bytes:
    """The mail as it came; its read state stays.

    Raises:
        NotFound: no such message, or nothing was ever stored of its bytes.
    """
    content = await storage.raw(executor, account_id, agent_email, message_id)
    if content is None:
        raise NotFound(NOT_FOUND)
    return content


async def update(
    executor: Executor,
    account_id: str,
    agent_email: str,
    message_id: str,
    *,
    add: Sequence[str],
    remove: Sequence[str],
    read_status: str | None = None,
) -> Updated:
    """Change labels and read state; a label in both lists is removed. One statement.

    Raises:
        InvalidRequest: a label that cannot be one, too many of them, or a read state for outbound mail.
        NotFound: no such message.
    """
    added, removed = _labels("add_labels", add), _labels("remove_labels", remove)
    updated = await storage.update(
        executor,
        account_id,
        agent_email,
        message_id,
        add=added,
        remove=removed,
        unread=None if read_status is None else read_status == "unread",
        max_labels=MAX_LABELS,
    )
    if updated is None:
        raise NotFound(NOT_FOUND)
    if len(updated.labels) > MAX_LABELS:
        raise InvalidRequest(f"a message has at most {MAX_LABELS} labels: remove some first")
    if read_status is not None and updated.direction != "inbound":
        raise InvalidRequest("read_status can be set for inbound messages alone")
    return updated


async def trash(executor: Executor, account_id: str, agent_email: str, message_id: str) -> None:
    """Move a message to the trash; again is no error. Mail that has not left yet does not leave from there.

    Restored before its time, it leaves; at its time in the trash, its sending is cancelled.

    Raises:
        NotFound: no such message.
        MessageHeld: it waits for review, or was kept back by it.
        SendInProgress: it is being sent at this moment.
    """
    met = await storage.trash(executor, account_id, agent_email, message_id)
    if met is None:
        raise NotFound(NOT_FOUND)
    if met.held:
        raise MessageHeld
    if met.in_progress and not met.in_trash:
        raise SendInProgress


async def restore(executor: Executor, account_id: str, agent_email: str, message_id: str) -> None:
    """Bring a message back from the trash.

    Raises:
        NotFound: no such message.
        NotInTrash: it is where it should be.
    """
    in_trash = await storage.restore(executor, account_id, agent_email, message_id)
    if in_trash is None:
        raise NotFound(NOT_FOUND)
    if not in_trash:
        raise NotInTrash("the message is not in the trash")


async def purge(database: Database, account_id: str, agent_email: str, message_id: str) -> None:
    """Delete a trashed message for good, with its bytes where no other message has the same.

    Raises:
        NotFound: no such message.
        MessageHeld: it is held.
        NotInTrash: it is not in the trash.
        SendInProgress: it is being sent at this moment.

    Cancellation: all or nothing.
    """
    async with database.transaction() as transaction:
        met = await storage.purge(transaction, account_id, agent_email, message_id)
        if met is None:
            raise NotFound(NOT_FOUND)
        if met.held:
            raise MessageHeld
        if met.in_progress:
            raise SendInProgress
        if not met.in_trash:
            raise NotInTrash("only a message in the trash can be deleted for good: delete it first")
        if met.content_sha256 is not None:
            # Locked first, looked at by a later statement: mail with the same bytes may be coming in.
            await agent_storage.lock_contents(transaction, account_id, [met.content_sha256])
            await agent_storage.drop_contents(transaction, account_id, [met.content_sha256])


async def attachment(
    executor: Executor, account_id: str, agent_email: str, message_id: str, index: int, *, inline: bool
) -> Found:
    """One attachment's description, with its bytes where `inline` asks for them. One statement.

    Raises:
        NotFound: no such message.
        AttachmentNotFound: no attachment with that index.
        AttachmentTooLarge: inline, and larger than `INLINE_BYTES`.
    """
    found = await storage.attachments(
        executor, account_id, agent_email, message_id, index=index, inline_bytes=INLINE_BYTES if inline else -1
    )
    if found is None:
        raise NotFound(NOT_FOUND)
    if index >= len(found.attachments):
        raise AttachmentNotFound
    meta = AttachmentMeta(**found.attachments[index])
    if not inline:
        return Found(meta)
    if meta.size_bytes > INLINE_BYTES:
        raise AttachmentTooLarge(
            details={"scope": "attachment", "actual_bytes": meta.size_bytes, "max_bytes": INLINE_BYTES}
        )
    if found.raw is None:
        raise AttachmentNotFound
    return await cut(found.raw, index)


async def cut(content: bytes, index: int) -> Found:
    """Cut one attachment out of a mail.

    Raises:
        AttachmentNotFound: no attachment with that index.

    Cancellation: a thread that is still parsing is left to end by itself; there are at most two.
    """
    if len(content) > _LARGE_BYTES:
        work = partial(mime.attachment, content, index)
        found = await trio.to_thread.run_sync(work, limiter=_threads, abandon_on_cancel=True)
    else:
        found = mime.attachment(content, index)
    if found is None:
        raise AttachmentNotFound
    return Found(*found)


def _signed(keys: KeyRing, message: Message) -> dict[str, str] | None:
    if message.direction != "inbound" or message.content_sha256 is None:
        return None
    if message.secret_id is not None and message.sealed_secret is not None:
        secret = keys.unseal(message.sealed_secret, context=signing_secret_context(message.secret_id))
    else:
        secret = keys.current
    verdict = Verdict(
        verified=message.verified,
        sender=message.header_from or "",
        entity_type=message.entity_type,
        domain_check=message.domain_check,
        delegation=message.delegation,
    )
    return auth_headers(verdict, message_id=message.id, body_hash=message.content_sha256.hex(), at=now(), secret=secret)


def _instant(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InvalidFilter(f"{name} must be an RFC 3339 time such as 2026-07-23T10:00:00Z") from error


def _filter_labels(given: Sequence[str]) -> tuple[str, ...]:
    labels = [label.strip().lower() for label in given if label.strip()]
    if len(labels) > MAX_LABELS_GIVEN:
        raise InvalidFilter(f"labels has more than {MAX_LABELS_GIVEN} entries")
    for label in labels:
        if not _LABEL.match(label):
            raise InvalidFilter("a label has 1 to 64 characters of a-z, 0-9, : _ and -")
    return tuple(dict.fromkeys(labels))


def _labels(name: str, given: Sequence[str]) -> list[str]:
    if len(given) > MAX_LABELS_GIVEN:
        raise InvalidRequest(f"{name} has more than {MAX_LABELS_GIVEN} entries")
    labels = [label.strip().lower() for label in given]
    for label in labels:
        if not _LABEL.match(label):
            raise InvalidRequest(f"{name}: a label has 1 to 64 characters of a-z, 0-9, : _ and -")
        if label.startswith(RESERVED_LABELS):
            raise InvalidRequest(f"{name}: labels that begin with {RESERVED_LABELS} are set by the server alone")
    return list(dict.fromkeys(labels))
