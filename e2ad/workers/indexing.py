"""Makes mail searchable, behind the backs of those who send and receive it.

Mail comes into a queue with the statement that stores it and nothing else happens then. Here it is taken out in
batches, the newest first, read for its words and written to the index, all in one transaction: a crash or a
cancellation puts it back. Any number of processes may work on one queue.

It gives way to mail that comes: after each batch it rests for as long as the batch took, and several times as long
while more is coming in. In a burst the index lags, and catches up afterwards.
"""

from typing import Final

import structlog
import trio

from e2ad import maillog
from e2ad.core.errors import Unavailable
from e2ad.core.search_words import MAX_TEXT_CHARACTERS, Searchable, document, empty_document
from e2ad.storage import search
from e2ad.storage.pool import Database
from e2ad.storage.search import Unindexed
from e2ad.workers.recording import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS

__all__ = ["BATCH", "Indexer"]

log = structlog.get_logger("e2ad.workers")

BATCH: Final = 50
GATHER_SECONDS: Final = 0.2
"""After the first mail, so that those of a burst are written together."""
BUSY_RESTS: Final = 4
"""How many times as long as a batch took it rests while mail comes in: a fifth of a processor is its own then."""
POLL_SECONDS: Final = 5.0
"""The net under all that wakes it: mail out, and mail that other processes took in."""
LARGE_CHARACTERS: Final = 20_000
"""From here on the words are read in a thread: it takes longer than the event loop may be kept."""

_threads: Final = trio.CapacityLimiter(1)


class Indexer:
    """The indexing of one process."""

    def __init__(self, database: Database, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._wake = trio.Event()

    def kick(self) -> None:
        """Mail was stored: look soon. Does not wait; any task may call it."""
        self._wake.set()

    def hear_notification(self, _payload: str) -> None:
        """`kick`, for a notification of whatever happened to mail in any process."""
        self.kick()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled.

        Cancellation: the batch in hand is searchable, or is in the queue again.
        """
        backoff = FIRST_BACKOFF_SECONDS
        task_status.started()
        while True:
            self._wake = trio.Event()
            begun_at = trio.current_time()
            try:
                is_more = await self.index() >= BATCH
                backoff = FIRST_BACKOFF_SECONDS
            except Exception as error:  # noqa: BLE001 - the queue is still there when the database is back
                log.warning("mail not indexed", wait_seconds=backoff, error=maillog.reason_of(error))
                await trio.sleep(backoff)
                backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)
                continue
            took = trio.current_time() - begun_at
            if not is_more:
                with trio.move_on_after(self._poll_seconds):
                    await self._wake.wait()
                    await trio.sleep(GATHER_SECONDS)
            await trio.sleep(took * (BUSY_RESTS if self._wake.is_set() else 1))

    async def index(self) -> int:
        """One batch; how many mails were taken out of the queue.

        A mail that cannot be indexed is indexed without its words, so that it does not hold up the others.

        Raises:
            Unavailable: the database does not answer, not even for one mail; the rest is in the queue again.
        """
        try:
            return await self._batch(BATCH)
        except Exception as error:  # noqa: BLE001 - one mail of them is to blame: the others are not to wait for it
            log.warning("batch of mail not indexed, going on one by one", error=maillog.reason_of(error))
        taken = 0
        while taken < BATCH and await self._one():
            taken += 1
        return taken

    async def _one(self) -> int:
        try:
            return await self._batch(1)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it is found by no word then, and does not come again
            log.warning("mail indexed without its words", error=maillog.reason_of(error))
        return await self._batch(1, words=False)

    async def _batch(self, limit: int, *, words: bool = True) -> int:
        async with self._database.transaction() as transaction:
            batch = await search.claim(transaction, limit=limit, characters=MAX_TEXT_CHARACTERS)
            made = [(mail.account_id, mail.message_id, await _made(mail, words=words)) for mail in batch]
            documents = {(account, message): text for account, message, text in made if text is not None}
            if documents:
                # In one order in all processes, so that no two wait for each other.
                ordered = sorted((account, message, text) for (account, message), text in documents.items())
                await search.store(transaction, ordered)
        return len(batch)


async def _made(mail: Unindexed, *, words: bool) -> str | None:
    if mail.agent_email is None:
        return None
    if not words:
        return empty_document(mail.agent_email)
    attachments = mail.attachments or []
    what = Searchable(
        agent_email=mail.agent_email,
        subject=mail.subject or "",
        sender_name=mail.sender_name or "",
        header_from=mail.header_from or "",
        text=mail.body_text or "",
        filenames=tuple(str(one.get("filename") or "") for one in attachments),
        attached=bool(attachments),
    )
    if len(what.text) > LARGE_CHARACTERS:
        return await trio.to_thread.run_sync(document, what, limiter=_threads)
    await trio.lowlevel.checkpoint()
    return document(what)
