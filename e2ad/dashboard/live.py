"""What happens, told to the pages that are open: one stream of events a page, from the log of the account's events.

A notification wakes the streams of an account; what they tell is read from the log, so that a page which was away for a
while goes on where it stopped. A commit becomes visible later than its event says: each reading looks a little behind
the last one and leaves out what was told already.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec
import trio
from attrs import define, field

from e2ad.core.delivery import parse_notification
from e2ad.core.errors import Failure
from e2ad.core.events import parse_rfc3339, rfc3339
from e2ad.delivery.recent import Recent
from e2ad.gateway.access import Principal
from e2ad.gateway.mint import now
from e2ad.storage import events as log_of_events
from e2ad.storage.events import Event, EventFilter
from e2ad.storage.pool import Executor

__all__ = ["LONGEST_SECONDS", "Live"]

HEARTBEAT_SECONDS: Final = 15.0
GATHER_SECONDS: Final = 0.2
"""After which what came together is told together: a page that is swamped with mail is drawn five times a second."""
RETRY_SECONDS: Final = 2.0
LONGEST_SECONDS: Final = 3600.0
"""A stream ends after an hour, and the browser opens another one: nothing is held for ever."""
TRAIL: Final = timedelta(seconds=15)
FRESH: Final = timedelta(seconds=2)
"""How far a page may be behind when it is made; without it, each page would be drawn again after it is there."""
REACH: Final = timedelta(days=1)
PAGE: Final = 100
MOST_STREAMS: Final = 1000
MOST_OF_ACCOUNT: Final = 50


@define(eq=False)
class _Listener:
    """One open page."""

    account_id: str
    resolve: Callable[[], Awaitable[Principal | None]]
    since: datetime
    seen_until: datetime | None
    told: Recent = field(factory=lambda: Recent(1000))
    news: trio.Event = field(factory=trio.Event)


@define
class Live:
    """The streams of one process."""

    executor: Executor
    _open: dict[str, dict[_Listener, None]] = field(factory=dict, init=False)
    _closing: bool = field(default=False, init=False)

    @property
    def streams(self) -> int:
        """How many are open now."""
        return sum(map(len, self._open.values()))

    def hear(self, payload: str) -> None:
        """A notification on `e2ad_events`: something happened to these accounts."""
        for account_id, _ in parse_notification(payload):
            self.wake(account_id)

    def wake(self, account_id: str) -> None:
        """Let the streams of an account look; also on `e2ad_accounts`: somebody may have signed out."""
        for one in self._open.get(account_id, ()):
            one.news.set()

    def wake_all(self) -> None:
        """Notifications may have been lost."""
        for account_id in list(self._open):
            self.wake(account_id)

    async def run(self, closing: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """End all streams when the process is to end; pages open others elsewhere, and miss nothing."""
        task_status.started()
        await closing.wait()
        self._closing = True
        self.wake_all()

    def listen(
        self, account_id: str, resolve: Callable[[], Awaitable[Principal | None]], since: str
    ) -> AsyncGenerator[bytes, None] | None:
        """A stream for one page, as `text/event-stream`; None where there are too many.

        Args:
            resolve: who is signed in with the cookie of this page; asked from time to time.
            since: where to go on: the `id` of what came last, or when the page was made.
        """
        if self._closing or self.streams >= MOST_STREAMS or len(self._open.get(account_id, ())) >= MOST_OF_ACCOUNT:
            return None
        at = _since(since)
        return self._tell(_Listener(account_id, resolve, at, at - FRESH))

    async def _tell(self, one: _Listener) -> AsyncGenerator[bytes, None]:
        self._open.setdefault(one.account_id, {})[one] = None
        ends_at = trio.current_time() + LONGEST_SECONDS
        try:
            yield f"retry: {RETRY_SECONDS * 1000:.0f}\n\n".encode()
            while not self._closing and trio.current_time() < ends_at:
                # Before it is read: what comes meanwhile sets the next one.
                one.news = trio.Event()
                if await one.resolve() is None:
                    return
                yield (await self._news(one)) or b": still here\n\n"
                with trio.move_on_after(HEARTBEAT_SECONDS):
                    await one.news.wait()
                    await trio.sleep(GATHER_SECONDS)
        except Failure:
            return  # the database is away: the browser comes again
        finally:
            listeners = self._open.get(one.account_id, {})
            listeners.pop(one, None)
            if not listeners:
                self._open.pop(one.account_id, None)

    async def _news(self, one: _Listener) -> bytes:
        # The newest page is enough: a page that is told to look again sees all that is there.
        found = await log_of_events.page(
            self.executor,
            one.account_id,
            EventFilter(since=one.since - TRAIL),
            oldest=now() - REACH,
            before=None,
            limit=PAGE,
        )
        fresh = [event for event in reversed(found) if event.id not in one.told]
        one.told.add(event.id for event in fresh)
        if one.seen_until is not None:
            fresh, one.seen_until = [event for event in fresh if event.created_at >= one.seen_until], None
        if found:
            one.since = max(one.since, found[0].created_at)
        return b"".join(map(_frame, fresh))


def _frame(event: Event) -> bytes:
    data = {"type": event.type, "agent_email": event.agent_email, "message_id": event.message_id}
    return f"id: {rfc3339(event.created_at)}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def _since(text: str) -> datetime:
    """When a page was made or last told; of what cannot be read, now."""
    try:
        return min(max(parse_rfc3339(text), now() - REACH), now())
    except (ValueError, OverflowError, msgspec.ValidationError):
        return now()
