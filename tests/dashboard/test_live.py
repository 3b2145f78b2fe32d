"""The stream of a page: what happens is told, a break loses nothing, and it ends."""

from datetime import timedelta

import pytest
import trio
import trio.testing

from e2ad.core.events import rfc3339
from e2ad.core.signing import event_id
from e2ad.dashboard import live as module
from e2ad.dashboard.live import Live
from e2ad.gateway.access import Principal
from e2ad.gateway.mint import now
from e2ad.storage.pool import Database
from tests import factories
from tests.dashboard.conftest import AGENT, Browser


async def happen(database: Database, account_id: str, number: int, **columns: object) -> str:
    """An event, as intake writes it."""
    event = event_id("msg_1", str(number))
    row = {"account_id": account_id, "id": event, "type": "email.received", "agent_email": AGENT, "message_id": "msg_1"}
    await factories.insert(database, "events", {**row, "envelope": "{}", "created_at": now(), **columns})
    return event


class Reader:
    """A page that reads its stream."""

    def __init__(self, live: Live, account_id: str, since: str = "") -> None:
        self.signed_in = True
        found = live.listen(account_id, self.resolve, since or rfc3339(now()))
        assert found is not None
        self.stream = found

    async def resolve(self) -> Principal | None:
        return Principal("x") if self.signed_in else None

    async def next(self) -> str:
        """What comes next that says something."""
        with trio.fail_after(5):
            async for part in self.stream:
                if b"data:" in part:
                    return part.decode()
        return "end"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHER_SECONDS", 0.01)


async def test_what_happens_is_told_to_its_account_alone(
    browser: Browser, stranger: Browser, live: Live, database: Database
) -> None:
    mine, theirs = Reader(live, browser.account_id), Reader(live, stranger.account_id)
    async with trio.open_nursery() as nursery:
        heard: list[str] = []

        async def read(reader: Reader) -> None:
            heard.append(await reader.next())

        nursery.start_soon(read, mine)
        nursery.start_soon(read, theirs)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert live.streams == 2
        event = await happen(database, browser.account_id, 1)
        live.hear(f"{browser.account_id}:{event}\n")
        while not heard:
            await trio.sleep(0.01)
        assert len(heard) == 1
        assert '"type":"email.received"' in heard[0]
        nursery.cancel_scope.cancel()
    await mine.stream.aclose()
    await theirs.stream.aclose()
    assert live.streams == 0


async def test_a_page_goes_on_where_it_stopped(browser: Browser, live: Live, database: Database) -> None:
    at = now() - timedelta(seconds=60)
    for number in range(3):
        await happen(database, browser.account_id, number, created_at=at + timedelta(seconds=10 * number))
    reader = Reader(live, browser.account_id, rfc3339(at + timedelta(seconds=15)))
    told = await reader.next()
    assert told.count("data:") == 1
    assert f"id: {rfc3339(at + timedelta(seconds=20))}\n" in told
    await reader.stream.aclose()


async def test_what_becomes_visible_late_is_told_too_and_nothing_twice(
    browser: Browser, live: Live, database: Database
) -> None:
    reader = Reader(live, browser.account_id)
    await happen(database, browser.account_id, 1, created_at=now() + timedelta(seconds=1))
    assert (await reader.next()).count("data:") == 1
    # Made before, committed after.
    await happen(database, browser.account_id, 2, created_at=now() - timedelta(seconds=5))
    live.wake(browser.account_id)
    assert (await reader.next()).count("data:") == 1
    await reader.stream.aclose()


@pytest.mark.parametrize("since", ["", "nonsense", "2000-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "evt_1", "\x00"])
async def test_where_to_go_on_may_be_anything(browser: Browser, live: Live, database: Database, since: str) -> None:
    reader = Reader(live, browser.account_id, since)
    await happen(database, browser.account_id, 1)
    assert "data:" in await reader.next()
    await reader.stream.aclose()


async def test_who_signs_out_hears_no_more(browser: Browser, live: Live, database: Database) -> None:
    reader = Reader(live, browser.account_id)
    await happen(database, browser.account_id, 1)
    await reader.next()
    await happen(database, browser.account_id, 2)
    reader.signed_in = False
    live.wake(browser.account_id)
    assert await reader.next() == "end"
    assert live.streams == 0


async def test_all_end_when_the_process_does(browser: Browser, live: Live) -> None:
    closing, ended = trio.Event(), trio.Event()
    reader = Reader(live, browser.account_id)

    async def read() -> None:
        assert await reader.next() == "end"
        ended.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(live.run, closing)
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked(0.05)
        closing.set()
        with trio.fail_after(5):
            await ended.wait()
    assert live.listen(browser.account_id, reader.resolve, "") is None


async def test_there_are_so_many_and_no_more(browser: Browser, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_ACCOUNT", 2)
    readers = [Reader(live, browser.account_id) for _ in range(2)]
    for reader in readers:
        await anext(reader.stream)
    answer = await browser.get("/dashboard/stream", sec_fetch_dest="empty")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    for reader in readers:
        await reader.stream.aclose()


@pytest.mark.parametrize("headers", [{"cookie": "e2a_session=nothing"}, {"sec_fetch_site": "cross-site"}])
async def test_strangers_hear_nothing(browser: Browser, headers: dict[str, str]) -> None:
    assert (await browser.get("/dashboard/stream", **headers)).status == 204
