"""Group commit: many sessions hand in mail, one task commits it in batches.

While one commit is on its way the next batch gathers, so the more there is to do the
cheaper each message becomes. A sender is answered only after the commit that holds its mail.
A message that cannot be stored fails alone: a failed batch is retried one mail at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import msgspec
import structlog
import trio
from attrs import define, field, frozen

from e2ad import maillog
from e2ad.core import errors, events
from e2ad.core.delivery import CarriedMessage, StreamEvent
from e2ad.core.signing import Verdict
from e2ad.storage import intake as storage
from e2ad.storage.intake import NewMessage, Reference, Stored
from e2ad.storage.pool import Database

__all__ = ["Arrival", "Intake", "StoredArrival"]

log = structlog.get_logger("e2ad.gateway")

MAX_MESSAGES = 64
MAX_BYTES = 16 * 1024 * 1024
MAX_WAITING = 1024


@frozen
class Arrival:
    """One mail for one agent, ready to be stored but for its conversation.

    `data` is the event's payload, `flag_data` that of the second event of marked mail; when the mail turns
    out to continue a conversation, its id is added and the envelopes are written again.
    """

    message: NewMessage
    data: Mapping[str, Any]
    flag_data: Mapping[str, Any] | None = None


@frozen
class StoredArrival:
    """A message that is on disk: what the hub and the workers of this process want to know at once."""

    message: NewMessage
    deliveries: int

    @property
    def is_announced(self) -> bool:
        """Does the agent hear of it? Mail that the gate keeps back stays hidden."""
        return self.message.event_type == "email.received"

    def stream_event(self) -> StreamEvent:
        """The same as the hub's sockets are told."""
        message = self.message
        addresses = msgspec.json.decode(message.addresses, type=dict[str, tuple[str, ...]])
        carried = CarriedMessage(
            id=message.id,
            created_at=message.created_at,
            conversation_id=message.conversation_id,
            delivered_to=message.agent_email,
            agent_email=message.agent_email,
            header_from=message.header_from,
            to=addresses["to"],
            cc=addresses["cc"],
            reply_to=addresses["reply_to"],
            subject=message.subject,
            verdict=Verdict(
                message.verified,
                message.header_from or "",
                message.entity_type,
                message.domain_check,
                message.delegation,
            ),
            content_sha256=message.content_sha256,
            size_bytes=message.size,
        )
        return StreamEvent(
            account_id=message.account_id,
            agent_email=message.agent_email,
            event_id=message.event_id,
            created_at=message.created_at,
            envelope=message.envelope,
            message=carried,
        )


@define
class _Submission:
    """All that one SMTP transaction hands in: it is stored as a whole or not at all."""

    arrivals: tuple[Arrival, ...]
    size: int
    done: trio.Event = field(factory=trio.Event)
    ids: tuple[str, ...] = ()
    error: Exception | None = None

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for it any more: its sender was told to come again."""
        return not self.arrivals


class Intake:
    """The one writer of mail in this process.

    Args:
        database: the pool; a commit holds one connection.
        outbox: whether subscribed webhooks get deliveries.
        on_stored: called after each commit with what is new; must not block.
        on_usage: called with account id and stored bytes after each commit.
    """

    def __init__(
        self,
        database: Database,
        *,
        outbox: bool,
        on_stored: Callable[[Sequence[StoredArrival]], None],
        on_usage: Callable[[str, int], None],
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._on_stored = on_stored
        self._on_usage = on_usage
        self._send, self._receive = trio.open_memory_channel[_Submission](MAX_WAITING)

    async def submit(self, arrivals: Sequence[Arrival]) -> tuple[str, ...]:
        """Store the mail of one transaction for good.

        Returns:
            The message ids, of the earlier message where this one had come before.

        Raises:
            Unavailable: the database did not take it; the sender should try again.
            Exception: this mail cannot be stored.

        Cancellation:
            The mail may or may not be stored; the caller must not answer 250. A repeat is recognised.
            What still waits for its turn is let go at once: while the database stands still, mails that
            nobody waits for must not fill the memory, nor be stored before those that somebody does.
        """
        submission = _Submission(tuple(arrivals), sum(arrival.message.size for arrival in arrivals))
        await self._send.send(submission)
        try:
            await submission.done.wait()
        except trio.Cancelled:
            submission.arrivals = ()
            raise
        if submission.error is not None:
            raise submission.error
        return submission.ids

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit batches until cancelled.

        Cancellation:
            The batch in flight is reported to its senders as unavailable; it may be stored.
        """
        task_status.started()
        while True:
            batch = [await self._receive.receive()]
            messages, size = len(batch[0].arrivals), batch[0].size
            if batch[0].abandoned:
                continue
            while messages < MAX_MESSAGES and size < MAX_BYTES:
                try:
                    more = self._receive.receive_nowait()
                except trio.WouldBlock:
                    break
                if more.abandoned:
                    continue
                batch.append(more)
                messages, size = messages + len(more.arrivals), size + more.size
            try:
                await self._commit(batch)
            finally:
                for submission in batch:
                    if not submission.done.is_set():
                        _finish(submission, error=errors.Unavailable())

    async def _commit(self, batch: Sequence[_Submission]) -> None:
        try:
            await self._store(batch)
        except errors.Unavailable as error:
            maillog.intake_failed(len(batch), error)
            for submission in batch:
                _finish(submission, error=errors.Unavailable())
        except Exception as error:  # noqa: BLE001 - whatever one mail does to the database, the others are stored
            if len(batch) == 1:
                for arrival in batch[0].arrivals[:1]:
                    maillog.intake_poisoned(arrival.message.id, error)
                _finish(batch[0], error=error)
                return
            maillog.intake_failed(len(batch), error)
            for submission in batch:
                if not submission.abandoned:
                    await self._commit([submission])

    async def _store(self, batch: Sequence[_Submission]) -> None:
        arrivals = [arrival for submission in batch for arrival in submission.arrivals]
        messages, repeats = _distinct(await self._threaded(arrivals))
        outcome = await storage.store(self._database, messages, outbox=self._outbox)
        for submission in batch:
            _finish(
                submission,
                ids=tuple(_final_id(arrival.message.id, outcome, repeats) for arrival in submission.arrivals),
            )
        try:
            self._tell(messages, outcome)
        except Exception:
            # The mail is on disk and its senders are told so. Whoever did not hear finds it by notification or poll.
            log.exception("stored mail not announced")

    def _tell(self, messages: Sequence[NewMessage], outcome: Mapping[str, Stored]) -> None:
        fresh = [StoredArrival(m, outcome[m.id].deliveries) for m in messages if outcome[m.id].stored]
        for account_id, storage_bytes in {
            m.account_id: row.storage_bytes for m in messages if (row := outcome[m.id]).storage_bytes is not None
        }.items():
            self._on_usage(account_id, storage_bytes or 0)
        if fresh:
            self._on_stored(fresh)

    async def _threaded(self, arrivals: Sequence[Arrival]) -> list[NewMessage]:
        """The messages with their conversations, also where a mail answers another one of the same batch."""
        references = [
            Reference(position, arrival.message.account_id, arrival.message.agent_email, key)
            for position, arrival in enumerate(arrivals)
            if arrival.message.reference_keys and not arrival.message.threaded
            for key in arrival.message.reference_keys.split(" ")
        ]
        if not references:
            return [arrival.message for arrival in arrivals]
        known = await storage.resolve(self._database, references)
        messages: list[NewMessage] = []
        newest: dict[tuple[str, str], int] = {}
        for position, arrival in enumerate(arrivals):
            message = arrival.message
            conversation_id = known.get(position)
            for key in ("" if message.threaded else message.reference_keys or "").split():
                parent = newest.get((message.agent_email, key))
                if parent is not None:
                    conversation_id = messages[parent].conversation_id
                    messages[parent] = attrs.evolve(messages[parent], threaded=True)
            if conversation_id is not None:
                message = _continuing(arrival, conversation_id)
            if message.message_id_key is not None:
                newest[message.agent_email, message.message_id_key] = position
            messages.append(message)
        return messages


def _continuing(arrival: Arrival, conversation_id: str) -> NewMessage:
    message = arrival.message
    at, known = message.created_at, {"conversation_id": conversation_id}
    flag_envelope = None
    if arrival.flag_data is not None and message.flag_event_id is not None:
        flag_envelope = events.envelope("email.flagged", message.flag_event_id, at, {**arrival.flag_data, **known})
    return attrs.evolve(
        message,
        conversation_id=conversation_id,
        threaded=True,
        envelope=events.envelope(message.event_type, message.event_id, at, {**arrival.data, **known}),
        flag_envelope=flag_envelope,
    )


def _distinct(messages: Sequence[NewMessage]) -> tuple[list[NewMessage], dict[str, str]]:
    """The messages without repeats inside the batch, and for each repeat the id of the first."""
    first: dict[tuple[str, str, bytes], str] = {}
    kept: list[NewMessage] = []
    repeats: dict[str, str] = {}
    for message in messages:
        identity = (message.account_id, message.agent_email, message.dedupe_key)
        if identity in first:
            repeats[message.id] = first[identity]
        else:
            first[identity] = message.id
            kept.append(message)
    return kept, repeats


def _final_id(message_id: str, outcome: Mapping[str, Stored], repeats: Mapping[str, str]) -> str:
    row = outcome[repeats.get(message_id, message_id)]
    return row.id if row.stored else row.original_id or row.id


def _finish(submission: _Submission, *, ids: tuple[str, ...] = (), error: Exception | None = None) -> None:
    submission.ids, submission.error = ids, error
    submission.done.set()
