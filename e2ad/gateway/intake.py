"""Group commit: many sessions hand in mail, one task commits it in batches.

What is known of a batch's mails is looked up for all of them at once; then each is judged, and all are stored in
one statement. While one commit is on its way the next batch gathers, so the more there is to do the
cheaper each message becomes. A sender is answered only after the commit that holds its mail.
A message that cannot be stored fails alone: a failed batch is retried one mail at a time.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog
import trio
from attrs import define, evolve, field, frozen

from e2ad import maillog
from e2ad.core import errors
from e2ad.core.continuity import Known
from e2ad.core.delivery import CarriedMessage, StreamEvent
from e2ad.core.signing import Verdict
from e2ad.gateway.continuing import Arrival, Found, found_of
from e2ad.storage import intake as storage
from e2ad.storage.intake import Knowledge, NewMessage, Reference, Sender, Stored
from e2ad.storage.pool import Database

__all__ = ["Arrival", "Found", "Intake", "StoredArrival"]

log = structlog.get_logger("e2ad.gateway")

MAX_MESSAGES = 64
MAX_BYTES = 16 * 1024 * 1024
MAX_WAITING = 1024
MAX_FAMILIAR = 4096
FAMILIAR_SECONDS = 60.0


@frozen
class StoredArrival:
    """A message that is on disk: what the hub and the workers of this process want to know at once."""

    message: NewMessage
    deliveries: int

    @property
    def is_announced(self) -> bool:
        """Does the agent hear of it? Mail that the gate keeps back stays hidden."""
        return self.message.event_type == "email.received"

    @property
    def waits(self) -> bool:
        """Does it wait for the word of the model?"""
        return self.message.review_status == "pending_screening"

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
        self._familiar = _Familiar()
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
        submission = _Submission(tuple(arrivals), sum(arrival.size for arrival in arrivals))
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
                    maillog.intake_poisoned(arrival.id, error)
                _finish(batch[0], error=error)
                return
            maillog.intake_failed(len(batch), error)
            for submission in batch:
                if not submission.abandoned:
                    await self._commit([submission])

    async def _store(self, batch: Sequence[_Submission]) -> None:
        arrivals = [arrival for submission in batch for arrival in submission.arrivals]
        knowledge = await self._look_up(arrivals)
        found = found_of(arrivals, knowledge)
        messages, repeats = _distinct([arrival.judge(one) for arrival, one in zip(arrivals, found, strict=True)])
        outcome = await storage.store(self._database, messages, outbox=self._outbox)
        self._familiar.forget_outdated(messages)
        for submission in batch:
            _finish(
                submission,
                ids=tuple(_final_id(arrival.id, outcome, repeats) for arrival in submission.arrivals),
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

    async def _look_up(self, arrivals: Sequence[Arrival]) -> Knowledge:
        """What the database knows of all of them, in one statement."""
        references = [
            Reference(position, arrival.account_id, arrival.agent_email, key)
            for position, arrival in enumerate(arrivals)
            for key in arrival.asked_keys
        ]
        familiar = {
            position: known
            for position, arrival in enumerate(arrivals)
            if (known := self._familiar.recall(arrival)) is not None
        }
        senders = [
            Sender(position, arrival.account_id, arrival.agent_email, arrival.sender, arrival.look)
            for position, arrival in enumerate(arrivals)
            if arrival.sender is not None and position not in familiar
        ]
        knowledge = await storage.look_up(self._database, references, senders)
        for position, known in knowledge.senders.items():
            self._familiar.remember(arrivals[position], known)
        return evolve(knowledge, senders={**familiar, **knowledge.senders})


class _Familiar:
    """Senders of the last minute who were known already: who writes often is not looked up each time.

    What is known of such a sender only grows, by its own mail: what this process stores of it that proves something
    new makes it forget. Another process may have stored that, within the minute.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], tuple[float, Known]] = OrderedDict()

    def recall(self, arrival: Arrival) -> Known | None:
        if arrival.sender is None:
            return None
        remembered = self._known.get((arrival.account_id, arrival.agent_email, arrival.sender))
        if remembered is None or remembered[0] < trio.current_time():
            return None
        return remembered[1]

    def remember(self, arrival: Arrival, known: Known) -> None:
        if arrival.sender is None or not known.inbound_count:
            return
        key = (arrival.account_id, arrival.agent_email, arrival.sender)
        self._known[key] = (trio.current_time() + FAMILIAR_SECONDS, known)
        self._known.move_to_end(key)
        if len(self._known) > MAX_FAMILIAR:
            self._known.popitem(last=False)

    def forget_outdated(self, messages: Sequence[NewMessage]) -> None:
        """These were stored: who is known better by them is looked up the next time."""
        for message in messages:
            if message.sender is None or not message.evidence:
                continue
            key = (message.account_id, message.agent_email, message.sender)
            remembered = self._known.get(key)
            if remembered is not None and not set(message.evidence) <= set(remembered[1].evidence):
                del self._known[key]


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
