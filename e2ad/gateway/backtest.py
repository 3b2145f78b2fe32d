"""The back-test of a policy: what an agent's protection would have done to the mail that is stored.

The newest mails are judged once more, oldest first, as if the settings had been in force from the first of them on
(`gateway.rejudging`). Nothing is written: no row, no event, no notice. How much is looked at is bounded by a count and
by time; the rest is reached by the places where a preview begins and ends, each preview standing for itself.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
import trio
from attrs import evolve, field, frozen

from e2ad.config import Config
from e2ad.core.continuity import is_memorable, look
from e2ad.core.errors import Conflict, Failure, NotFound
from e2ad.core.protection import Protection
from e2ad.core.provenance import comparable
from e2ad.core.screening_material import MAX_CHARACTERS
from e2ad.gateway.rejudging import Fate, Judged, Replay, acquaintances_of
from e2ad.gateway.screening import Screener
from e2ad.storage import backtest as storage
from e2ad.storage.backtest import FIRST, LAST, Agent, Place
from e2ad.storage.messages import Position
from e2ad.storage.pool import Executor

__all__ = ["MOST_MAILS", "Backtest", "Fate", "Judged", "Preview", "Shelf"]

log = structlog.get_logger("e2ad.gateway")

MOST_MAILS: Final = 2000
MOST_SECONDS: Final = 20.0
_BATCH_MAILS: Final = 50
_BATCH_OCTETS: Final = 4 * 1024 * 1024
_DRAFT_OCTETS: Final = 1024 * 1024
_MOST_SHELVED: Final = 16
_SHELF_SECONDS: Final = 600.0

_threads: Final = trio.CapacityLimiter(1)
_at_once: Final = trio.CapacityLimiter(2)
_busy: Final[set[str]] = set()


@frozen(kw_only=True)
class Preview:
    """What the settings would have done.

    Attributes:
        judged: the mails that were looked at, oldest first.
        stored: how many the agent has in all; `asked` of them were to be looked at.
        gone: deleted while it ran; `unread`: could not be judged.
        ran_out: the time was over before the last of them.
        older: where those begin that are older than all of these; None where there are none.
        last: the newest that was looked at, for going on after it.
    """

    judged: Sequence[Judged] = field(repr=False)
    stored: int
    asked: int
    gone: int = 0
    unread: int = 0
    ran_out: bool = False
    older: Position | None = None
    last: Position | None = None

    @property
    def changed(self) -> list[Judged]:
        """Those that would have fared otherwise, newest first."""
        return [one for one in reversed(self.judged) if one.differs]

    def count(self, direction: str, *, before: bool) -> Counter[Fate]:
        """How many mails of one direction had each fate, or would have had it."""
        return Counter(one.was if before else one.fate for one in self.judged if one.direction == direction)


@frozen(kw_only=True)
class Backtest:
    """The verb over its collaborators.

    Attributes:
        screener: whether content is looked at; of a model's word nothing is kept that could be asked again.
        max_agent_hops: see `config.gate`.
        seconds: how long one preview may take.
    """

    executor: Executor
    screener: Screener
    max_agent_hops: int
    seconds: float = MOST_SECONDS

    @classmethod
    def of(cls, config: Config, executor: Executor) -> "Backtest":
        """As configured: a preview takes at most half as long as a request may."""
        seconds = min(MOST_SECONDS, config.http.request_seconds / 2)
        return cls(
            executor=executor,
            screener=evolve(Screener.of(config), asks_model=False),
            max_agent_hops=config.gate.max_agent_hops,
            seconds=seconds,
        )

    async def run(
        self,
        account_id: str,
        agent_email: str,
        wanted: Protection,
        *,
        after: Position = FIRST,
        before: Position = LAST,
        most: int = MOST_MAILS,
    ) -> Preview:
        """Judge the newest mails between two places.

        Args:
            wanted: as `protection.validated` makes it.
            most: that many mails.

        Raises:
            NotFound: the account has no such live agent.
            Conflict: a preview of this account runs already in this process.
            Unavailable: the database does not answer.

        Cancellation: nothing was written; a thread that looks at a text ends by itself.
        """
        agent = await storage.agent(self.executor, account_id, agent_email)
        if agent is None:
            raise NotFound
        with _alone(account_id):
            return await self._run(account_id, agent, wanted, after, before, most)

    async def _run(
        self, account_id: str, agent: Agent, wanted: Protection, after: Position, before: Position, most: int
    ) -> Preview:
        judged, counts = list[Judged](), Counter[str]()
        found: list[Place] = []
        with trio.move_on_after(self.seconds) as scope:
            async with _at_once:
                found = await storage.places(
                    self.executor, account_id, agent.email, after=after, before=before, limit=most + 1
                )
                more, found = len(found) > most, found[:most][::-1]
                if found:
                    replay = await self._replay(account_id, agent, wanted, found)
                    await self._judge(replay, found, judged, counts)
        if scope.cancelled_caught and not found:
            raise Conflict("nothing could be looked at in time: try again in a moment")
        done = len(judged) + counts["gone"] + counts["unread"]
        first = found[0] if found else None
        return Preview(
            judged=judged,
            stored=agent.stored,
            asked=len(found),
            gone=counts["gone"],
            unread=counts["unread"],
            ran_out=done < len(found),
            older=_position(first) if first is not None and more else None,
            last=_position(found[done - 1]) if done else None,
        )

    async def _replay(self, account_id: str, agent: Agent, wanted: Protection, found: Sequence[Place]) -> Replay:
        ids, start = [one.id for one in found], _position(found[0])
        authors = await storage.senders(self.executor, account_id, agent.email, ids)
        addresses = {address for author in authors if is_memorable(address := comparable(author))}
        known = await storage.acquaintances(
            self.executor,
            account_id,
            agent.email,
            addresses=sorted(addresses),
            looks=sorted({look(address) for address in addresses} - {""}),
            at=start.at,
        )
        return Replay(
            executor=self.executor,
            account_id=account_id,
            agent=agent,
            protection=wanted,
            screener=self.screener,
            max_agent_hops=self.max_agent_hops,
            start=start,
            met=acquaintances_of(known),
            threads=_threads,
        )

    async def _judge(self, replay: Replay, found: Sequence[Place], judged: list[Judged], counts: Counter[str]) -> None:
        protection = replay.protection
        for batch in _batches(found):
            rows = await storage.mails(
                self.executor,
                replay.account_id,
                replay.agent.email,
                [place.id for place in batch],
                reads_inbound=self.screener.is_on and protection.inbound.sensitivity != "off",
                reads_outbound=self.screener.is_on and protection.outbound.sensitivity != "off",
                most_characters=MAX_CHARACTERS + 1,
                draft_octets=_DRAFT_OCTETS,
            )
            by_id = {row.id: row for row in rows}
            for place in batch:
                mail = by_id.get(place.id)
                if mail is None:
                    counts["gone"] += 1
                    continue
                await trio.lowlevel.checkpoint()
                try:
                    judged.append(await replay.judge(mail))
                except Failure:
                    raise
                except Exception as error:  # noqa: BLE001 - one mail that cannot be judged keeps no other from it
                    log.warning("a stored mail could not be judged again", message=place.id, error=repr(error))
                    counts["unread"] += 1


@frozen
class Shelf:
    """The last preview of each account, for a while, so that who turns its pages does not wait for it again.

    In memory alone, and of this process: what is not found is made anew.
    """

    _kept: OrderedDict[str, tuple[float, object, Preview]] = field(factory=OrderedDict, init=False)

    def put(self, account_id: str, asked: object, preview: Preview) -> None:
        """Keep the answer to a question, `asked`, in the place of the account's last one."""
        self._forget()
        self._kept[account_id] = (trio.current_time() + _SHELF_SECONDS, asked, preview)
        self._kept.move_to_end(account_id)
        while len(self._kept) > _MOST_SHELVED:
            self._kept.popitem(last=False)

    def get(self, account_id: str, asked: object) -> Preview | None:
        """The answer to this very question, where it is there still."""
        self._forget()
        _, question, preview = self._kept.get(account_id, (0.0, None, None))
        return preview if question == asked else None

    def _forget(self) -> None:
        """Let go of what is too old, of whomever it is: the one that was put first ends first."""
        while self._kept and next(iter(self._kept.values()))[0] <= trio.current_time():
            self._kept.popitem(last=False)


@contextmanager
def _alone(account_id: str) -> Iterator[None]:
    if account_id in _busy:
        raise Conflict("a preview of this account is being made already: wait until it is done")
    _busy.add(account_id)
    try:
        yield
    finally:
        _busy.discard(account_id)


def _batches(found: Sequence[Place]) -> Iterator[list[Place]]:
    batch, octets = list[Place](), 0
    for place in found:
        if batch and (len(batch) >= _BATCH_MAILS or octets + place.octets > _BATCH_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(place)
        octets += min(place.octets, 2 * MAX_CHARACTERS)
    if batch:
        yield batch


def _position(place: Place) -> Position:
    return Position(place.created_at, place.id)
