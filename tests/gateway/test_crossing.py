"""Mail in and mail out cross each other: in whichever order they are written, it is one conversation."""

from itertools import permutations

import pytest
import trio

from e2ad.core.protection import Outbound, Protection
from e2ad.storage.pool import Database
from tests.gateway.replaying import In, Letter, Out, World

WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
FIRST = In(key="in1", author="ada@example.org")
CROSSING: tuple[Letter, ...] = (
    Out(key="out1", kind="reply", parent="in1"),
    In(key="in2", author="ada@example.org", refs=("in1",), text="One thing more."),
    In(key="in3", author="carl@else.test", refs=("in1",), text="And I say:"),
)


@pytest.fixture
async def world(database: Database) -> World:
    world = World(database)
    await world.found()
    return world


async def conversations(world: World) -> dict[str, tuple[str, bool]]:
    """The conversation of each letter, and whether one says so of mail in."""
    rows = await world.db.fetch_all("select id, direction, conversation_id, threaded from messages")
    found = {row["id"]: (row["conversation_id"], row["threaded"] or row["direction"] == "outbound") for row in rows}
    return {key: found[message_id] for key, message_id in world.ids.items()}


def is_one(found: dict[str, tuple[str, bool]]) -> bool:
    return len({conversation for conversation, _ in found.values()}) == 1 and all(said for _, said in found.values())


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("order", list(permutations(range(len(CROSSING)))), ids=str)
async def test_one_after_the_other(world: World, order: tuple[int, ...], held: bool) -> None:
    await world.begin(Protection(outbound=Outbound(require_review=held)))
    await world.live([FIRST])
    for place in order:
        await world.live([CROSSING[place]])
    assert len(world.ids) == 4
    assert is_one(await conversations(world))


async def test_all_at_once(world: World) -> None:
    for _ in range(5):
        await world.begin(Protection())
        await world.live([FIRST])
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                for letter in CROSSING:
                    nursery.start_soon(world.live, [letter])
        assert is_one(await conversations(world))


async def test_an_answer_waits_for_mail_in_that_has_the_conversation(world: World) -> None:
    """What is not committed yet cannot be overlooked by it, nor can they wait for each other."""
    await world.begin(Protection())
    await world.live([FIRST])
    async with trio.open_nursery() as nursery, world.db.transaction() as coming_in:
        await coming_in.execute("update messages set threaded = true")
        nursery.start_soon(world.live, [CROSSING[0]])
        with trio.fail_after(10):
            while not await world.db.fetch_value(WAITING):
                await trio.sleep(0.01)
        await coming_in.execute("update account_usage set storage_bytes = storage_bytes + 1")
    assert is_one(await conversations(world))


async def test_mail_of_its_own_is_in_no_conversation(world: World) -> None:
    await world.begin(Protection())
    await world.live([FIRST, In(key="in2", author="ada@example.org", text="Of something else.")])
    found = await conversations(world)
    assert len({conversation for conversation, _ in found.values()}) == 2
    assert not any(said for _, said in found.values())
