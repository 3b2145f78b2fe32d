"""A dispatcher that is cancelled at each await, then another one: each mail comes once, or is seen as unknown."""

import re
from collections import Counter

import pytest
import trio

from e2ad.smtp.client import Relay
from e2ad.storage.pool import Database
from tests import factories
from tests.smtp.relay import settings
from tests.smtp.sink import Sink, sink
from tests.workers.dispatching import a_dispatcher, an_intake, world
from tests.workers.stalling import POINTS, stalled


def a_relay(far: Sink) -> Relay:
    return Relay(settings(cancelled_seconds=0.2, goodbye_seconds=0.2), far.connect)


async def work(database: Database, far: Sink, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """A process, as far as mail out goes; to be cancelled."""
    async with trio.open_nursery() as nursery:
        intake, relay = an_intake(database), a_relay(far)
        await nursery.start(intake.run)
        await nursery.start(relay.run)
        await nursery.start(a_dispatcher(database, intake, relay).run, trio.Event())
        task_status.started()


@pytest.mark.parametrize("point", POINTS)
async def test_cancelled_at(database: Database, point: str) -> None:
    account = await world(database)
    head = b"From: Bot <bot@agents.test>\r\nSubject: x\r\nMessage-ID: <big@agents.test>\r\n\r\n"
    big = head + b"0123456789\r\n" * (600_000 if point == "content" else 10_000)
    message = await factories.submission(
        database, account, relay=["joe@people.test"], inside=["ada@agents.test"], raw=big
    )
    async with sink() as far:
        if point == "load":
            await cancelled_at_load(database, far)
        else:
            async with stalled(point, far, database) as reached, trio.open_nursery() as nursery:
                nursery.start_soon(work, database, far)
                await reached()
                nursery.cancel_scope.cancel()
        row = await database.fetch_one("select * from submissions", prepare=False)
        assert row is not None
        if row["status"] == "sending":
            # The claim itself was cancelled, or its outcome could not be written in time: the lease ends by and by.
            assert point in ("claim", "mark", "record")
            await database.execute(
                "update submissions set leased_until = now(), next_attempt_at = now()", prepare=False
            )
        async with trio.open_nursery() as nursery:
            await nursery.start(work, database, far)
            with trio.fail_after(20):
                while await database.fetch_value(
                    "select count(*) from submissions where next_attempt_at is not null", prepare=False
                ):
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        row = await database.fetch_one("select * from submissions", prepare=False)
        inbox = await database.fetch_value("select count(*) from messages where direction = 'inbound'", prepare=False)
    assert row is not None
    assert row["message_id"] == message
    arrived = Counter(re.findall(rb"Message-ID: <([^>]*)>", b"".join(far.arrived)))
    assert inbox == 1
    # After the end of the content the relay may have it; at every other point it is known that it has not.
    unknowable = point in ("final", "record")
    assert row["status"] == ("outcome_unknown" if unknowable else "sent")
    assert arrived == {b"big@agents.test": 1}


async def cancelled_at_load(database: Database, far: Sink) -> None:
    """Large mail is read after the claim, from a table that the claim reads too: its lock comes in between."""
    async with trio.open_nursery() as nursery:
        intake, relay = an_intake(database), a_relay(far)
        await nursery.start(intake.run)
        dispatcher = a_dispatcher(database, intake, relay)
        contents = dispatcher._mails.means.contents
        borrow = contents.borrow
        reading = trio.Event()

        def borrowed(account_id: str, sha256: bytes, size: int):  # type: ignore[no-untyped-def] # stands for borrow
            reading.set()
            nursery.cancel_scope.cancel()
            return borrow(account_id, sha256, size)

        object.__setattr__(contents, "borrow", borrowed)
        await nursery.start(dispatcher.run, trio.Event())
        with trio.fail_after(10):
            await reading.wait()
