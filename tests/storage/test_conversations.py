"""Conversations as their messages make them; against the real database."""

from datetime import timedelta

import pytest

from e2ad.storage import conversations
from e2ad.storage.messages import Position
from e2ad.storage.pool import Database
from tests import factories
from tests.factories import EPOCH, Owner

AGENT = "bot@agents.test"


@pytest.fixture
async def owner(database: Database) -> Owner:
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id, AGENT)
    return owner


async def page(
    database: Database, owner: Owner, *, after: Position | None = None, limit: int = 10, **span: object
) -> list[conversations.Overview]:
    given = {"since": None, "until": None, **span}
    rows = await conversations.page(database, owner.account_id, AGENT, after=after, limit=limit, **given)  # type: ignore[arg-type]
    assert rows is not None
    return rows


async def test_an_empty_inbox_is_not_an_unknown_one(database: Database, owner: Owner) -> None:
    assert await page(database, owner) == []
    nobody = conversations.page(
        database, owner.account_id, "nobody@agents.test", since=None, until=None, after=None, limit=1
    )
    assert await nobody is None


async def test_counts_and_order(database: Database, owner: Owner) -> None:
    account_id = owner.account_id
    await factories.message(database, account_id, number=1, conversation_id="conv_a", unread=False)
    await factories.message(database, account_id, number=2, conversation_id="conv_b", subject="B")
    last = await factories.message(
        database, account_id, number=3, conversation_id="conv_a", subject="Re", direction="outbound"
    )
    newest, older = await page(database, owner)
    assert newest.conversation_id == "conv_a"
    assert (newest.last_message_id, newest.latest_subject) == (last, "Re")
    assert (newest.message_count, newest.inbound_count, newest.has_unread) == (2, 1, False)
    assert newest.first_message_at == EPOCH + timedelta(minutes=1)
    assert newest.last_message_at == EPOCH + timedelta(minutes=3)
    assert (older.conversation_id, older.message_count, older.has_unread) == ("conv_b", 1, True)


async def test_hidden_and_trashed_messages_do_not_count(database: Database, owner: Owner) -> None:
    account_id = owner.account_id
    await factories.message(database, account_id, number=1, conversation_id="conv_a")
    await factories.message(database, account_id, number=2, conversation_id="conv_a", deleted_at=EPOCH)
    await factories.message(database, account_id, number=3, conversation_id="conv_a", review_status="pending_review")
    await factories.message(database, account_id, number=4, conversation_id="conv_b", deleted_at=EPOCH)
    (only,) = await page(database, owner)
    assert (only.conversation_id, only.message_count) == ("conv_a", 1)
    assert only.last_message_at == EPOCH + timedelta(minutes=1)
    found = await conversations.members(database, account_id, AGENT, "conv_a", limit=10)
    assert found is not None
    assert len(found.messages) == 1
    assert await conversations.members(database, account_id, AGENT, "conv_b", limit=10) is None


async def test_pages_and_spans(database: Database, owner: Owner) -> None:
    for number in range(12):
        conversation = f"conv_{number % 5}"
        await factories.message(database, owner.account_id, number=number // 2, conversation_id=conversation)
    everything = [row.conversation_id for row in await page(database, owner)]
    assert sorted(everything) == [f"conv_{n}" for n in range(5)]
    seen, after = list[str](), None
    while rows := await page(database, owner, after=after, limit=2):
        seen += [row.conversation_id for row in rows]
        after = Position(rows[-1].last_message_at, rows[-1].last_message_id)
    assert seen == everything
    at = EPOCH + timedelta(minutes=5)
    assert [row.conversation_id for row in await page(database, owner, since=at)] == everything[:2]
    assert [row.conversation_id for row in await page(database, owner, until=at)] == everything[2:]


async def test_members_are_oldest_first_and_bounded(database: Database, owner: Owner) -> None:
    ids = [
        await factories.message(database, owner.account_id, number=n, conversation_id="conv_a", unread=n == 0)
        for n in range(5)
    ]
    before = database.statements
    found = await conversations.members(database, owner.account_id, AGENT, "conv_a", limit=3)
    assert database.statements == before + 1
    assert found is not None
    assert [row.id for row in found.messages] == ids[2:]
    assert (found.overview.message_count, found.overview.has_unread) == (5, True)
    assert found.overview.first_message_at == EPOCH
    other = await factories.account(database)
    assert await conversations.members(database, other.account_id, AGENT, "conv_a", limit=3) is None
