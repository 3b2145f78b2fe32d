"""Stored messages: lists, reading, labels, trash; against the real database."""

from datetime import timedelta
from typing import Any

import pytest
import trio

from e2ad.core.message_filter import compile_filter
from e2ad.storage import messages
from e2ad.storage.messages import Filter, Position, Summary
from e2ad.storage.pool import Database
from tests import factories
from tests.factories import EPOCH, Owner

AGENT = "bot@agents.test"


@pytest.fixture
async def owner(database: Database) -> Owner:
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id, AGENT)
    return owner


async def listed(database: Database, owner: Owner, *, limit: int = 100, **which: Any) -> list[str]:
    rows = await messages.page(database, owner.account_id, AGENT, Filter(**which), after=None, limit=limit)
    assert rows is not None
    return [row.id for row in rows]


async def test_an_empty_inbox_is_not_an_unknown_one(database: Database, owner: Owner) -> None:
    other = await factories.account(database)
    assert await messages.page(database, owner.account_id, AGENT, Filter(), after=None, limit=5) == []
    assert await messages.page(database, other.account_id, AGENT, Filter(), after=None, limit=5) is None
    assert await messages.page(database, owner.account_id, "nobody@agents.test", Filter(), after=None, limit=5) is None


async def test_an_agent_in_the_trash_has_no_inbox(database: Database, owner: Owner) -> None:
    await factories.agent(database, owner.account_id, "gone@agents.test", deleted_at=EPOCH)
    found = await factories.message(database, owner.account_id, "gone@agents.test")
    key = (owner.account_id, "gone@agents.test")
    assert await messages.page(database, *key, Filter(), after=None, limit=5) is None
    assert await messages.read(database, *key, found, mark_read=True) is None
    assert await messages.raw(database, *key, found) is None
    assert await messages.trash(database, *key, found) is None
    assert await messages.download(database, "gone@agents.test", found) is None


async def test_newest_first_oldest_first_and_pages(database: Database, owner: Owner) -> None:
    ids = [await factories.message(database, owner.account_id, number=n // 2, id=f"msg_{n:02}") for n in range(9)]
    for oldest_first in (False, True):
        which = Filter(oldest_first=oldest_first)
        seen: list[Summary] = []
        after: Position | None = None
        while page := await messages.page(database, owner.account_id, AGENT, which, after=after, limit=2):
            seen += page
            after = Position(page[-1].created_at, page[-1].id)
            # What comes in meanwhile neither repeats nor hides what a page has to show.
            await factories.message(database, owner.account_id, number=100 if not oldest_first else -100)
        assert [row.id for row in seen] == (ids if oldest_first else ids[::-1])
        await database.execute("delete from messages where id not like 'msg\\_0_'")


async def test_read_state_and_direction(database: Database, owner: Owner) -> None:
    account_id = owner.account_id
    unread = await factories.message(database, account_id, number=1)
    read = await factories.message(database, account_id, number=2, unread=False)
    sent = await factories.message(database, account_id, number=3, direction="outbound")
    assert await listed(database, owner) == [read, unread]
    assert await listed(database, owner, unread=True) == [unread]
    assert await listed(database, owner, unread=False) == [read]
    assert await listed(database, owner, direction="outbound") == [sent]
    assert await listed(database, owner, direction=None) == [sent, read, unread]
    # Outbound mail has no read state: asking for one leaves it in.
    assert await listed(database, owner, direction=None, unread=True) == [sent, unread]
    assert await listed(database, owner, direction=None, unread=False) == [sent, read]


async def test_held_and_quarantined_mail_is_not_there(database: Database, owner: Owner) -> None:
    account_id = owner.account_id
    for number, status in enumerate(("pending_review", "review_rejected", "review_expired_rejected")):
        hidden = await factories.message(database, account_id, number=number, review_status=status)
        key = (account_id, AGENT, hidden)
        assert await messages.read(database, *key, mark_read=True) is None
        assert await messages.raw(database, *key) is None
        assert await messages.attachments(database, *key, index=0, inline_bytes=10) is None
        assert await messages.download(database, AGENT, hidden) is None
        assert await messages.update(database, *key, add=["x"], remove=[], unread=None, max_labels=9) is None
        assert await messages.restore(database, *key) is None
        met = await messages.trash(database, *key)
        assert met is not None
        assert met.held
        purged = await messages.purge(database, *key)
        assert purged is not None
        assert purged.held
    shown = await factories.message(database, account_id, review_status="review_approved", number=9)
    draft = await factories.message(
        database, account_id, review_status="pending_review", number=10, direction="outbound"
    )
    assert await listed(database, owner, direction=None) == [draft, shown]
    assert await database.fetch_value("select count(*) from messages") == 5
    met = await messages.trash(database, account_id, AGENT, draft)
    assert met is not None
    assert met.held


LITERALS = [
    "a%b",
    "a_b",
    "a\\b",
    'a"b',
    "a'b",
    "(a|b)",
    "[ab]",
    "***:a",
    "^a$",
    "{a}",
    "ä",
    "a  b",
    "$.s",
    "a\tb",
    "😀",
]


@pytest.mark.parametrize("literal", LITERALS)
async def test_a_search_takes_every_character_for_itself(database: Database, owner: Owner, literal: str) -> None:
    account_id = owner.account_id
    inside = await factories.message(database, account_id, number=1, subject=f"<<{literal.upper()}>>")
    exact = await factories.message(database, account_id, number=2, subject=literal)
    for number, other in enumerate(LITERALS):
        if other != literal:
            await factories.message(database, account_id, number=10 + number, subject=f"x{other}y")
    await factories.message(database, account_id, number=90, subject="axb ab aab plain", header_from=literal)
    assert await listed(database, owner, subject_contains=literal.lower()) == [exact, inside]
    quoted = literal.replace("\\", "\\\\").replace('"', '\\"')
    assert await listed(database, owner, expression=compile_filter(f'subject:"{quoted}"')) == [exact, inside]
    assert await listed(database, owner, expression=compile_filter(f'subject="{quoted}"')) == [exact]
    assert len(await listed(database, owner, from_contains=literal)) == 1


async def test_plain_filters(database: Database, owner: Owner) -> None:
    account_id = owner.account_id
    one = await factories.message(database, account_id, number=1, labels=["a", "b"], conversation_id="conv_1")
    two = await factories.message(database, account_id, number=2, labels=["a"], header_from="Bob@Example.net")
    three = await factories.message(database, account_id, number=3, deleted_at=EPOCH)
    at = EPOCH + timedelta(minutes=2)
    assert await listed(database, owner, labels=("a",)) == [two, one]
    assert await listed(database, owner, labels=("a", "b")) == [one]
    assert await listed(database, owner, labels=("c",)) == []
    assert await listed(database, owner, conversation_id="conv_1") == [one]
    assert await listed(database, owner, from_contains="bob@example") == [two]
    assert await listed(database, owner, since=at) == [two]
    assert await listed(database, owner, until=at) == [one]
    assert await listed(database, owner, deleted=True, direction=None) == [three]


EXPRESSIONS = [
    ("label:a", "12"),
    ("-label:a", "34"),
    ("label:a label:b", "1"),
    ("label:b OR subject:other", "13"),
    ("subject:hello label:a OR label:b", "12"),
    ("subject:h*o AND -label:a", "4"),
    ("from:ADA", "14"),
    ("from=ada@example.org", "14"),
    ("from!=ada@example.org", "23"),
    ("NOT from:example", "3"),
    ("created<2026-07-01T12:02:00Z", "1"),
    ("created<=2026-07-01T12:02:00Z", "12"),
    ("created=2026-07-01T12:02:00Z", "2"),
    ("created=2026-07-01", "123"),
    ("created!=2026-07-01", "4"),
    ("created>2026-07-01", "4"),
    ("from:a OR from:b OR from:c", "124"),
    ("-(from:a OR from:b OR from:c)", "3"),
    ("-subject:hello -subject:other", ""),
]


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS)
async def test_expressions(database: Database, owner: Owner, expression: str, expected: str) -> None:
    account_id = owner.account_id
    rows: list[dict[str, Any]] = [
        {"number": 1, "labels": ["a", "b"]},
        {"number": 2, "labels": ["a"], "header_from": "bob@example.net"},
        {"number": 3, "subject": "Other", "header_from": None},
        {"number": 60 * 24},
    ]
    for name, row in enumerate(rows, 1):
        await factories.message(database, account_id, id=f"msg_{name}", **row)
    found = await listed(database, owner, expression=compile_filter(expression), oldest_first=True)
    assert "".join(message_id.removeprefix("msg_") for message_id in found) == expected


async def test_a_long_list_of_senders_is_one_pattern(database: Database, owner: Owner) -> None:
    await factories.message(database, owner.account_id)
    text = " OR ".join(f"from:u{n}" for n in range(36))
    assert await listed(database, owner, expression=compile_filter(text)) == []
    assert len(await listed(database, owner, expression=compile_filter(text + " OR from:ada"))) == 1


async def test_reading_marks_in_one_statement(database: Database, owner: Owner) -> None:
    found = await factories.message(database, owner.account_id)
    before = database.statements
    message = await messages.read(database, owner.account_id, AGENT, found, mark_read=False)
    assert database.statements == before + 1
    assert message is not None
    assert (message.unread, message.raw, message.secret_id) == (True, factories.RAW, None)
    for was_unread in (True, False):
        message = await messages.read(database, owner.account_id, AGENT, found, mark_read=True)
        assert message is not None
        assert message.unread is was_unread
    other = await factories.account(database)
    assert await messages.read(database, other.account_id, AGENT, found, mark_read=True) is None
    assert await messages.read(database, owner.account_id, "other@agents.test", found, mark_read=True) is None


async def test_labels_are_added_then_removed_and_sorted(database: Database, owner: Owner) -> None:
    found = await factories.message(database, owner.account_id, labels=["b"])

    async def update(add: list[str], remove: list[str], most: int = 100) -> list[str]:
        updated = await messages.update(
            database, owner.account_id, AGENT, found, add=add, remove=remove, unread=None, max_labels=most
        )
        assert updated is not None
        return updated.labels

    assert await update(["c", "a", "a"], []) == ["a", "b", "c"]
    assert await update(["d"], ["d", "b"]) == ["a", "c"]
    assert await update([], []) == ["a", "c"]
    assert len(await update(["x", "y"], [], 3)) == 4
    assert await update([], []) == ["a", "c"]


async def test_updates_at_once_both_take_effect(database: Database, owner: Owner) -> None:
    found = await factories.message(database, owner.account_id)

    async def add(label: str) -> None:
        await messages.update(
            database, owner.account_id, AGENT, found, add=[label], remove=[], unread=False, max_labels=100
        )

    async with trio.open_nursery() as nursery:
        for number in range(16):
            nursery.start_soon(add, f"l{number:02}")
    message = await messages.read(database, owner.account_id, AGENT, found, mark_read=False)
    assert message is not None
    assert message.labels == [f"l{number:02}" for number in range(16)]
    assert not message.unread


async def test_the_trash(database: Database, owner: Owner) -> None:
    found = await factories.message(database, owner.account_id)
    key = (owner.account_id, AGENT, found)
    assert await messages.restore(database, *key) is False
    assert await messages.purge(database, *key) == messages.Purged(
        held=False,
        in_trash=False,
        content_sha256=(await messages.read(database, *key, mark_read=False)).content_sha256,  # type: ignore[union-attr]
    )
    assert await messages.trash(database, *key) == messages.Trashed(held=False, in_trash=False)
    assert await messages.trash(database, *key) == messages.Trashed(held=False, in_trash=True)
    assert await listed(database, owner, direction=None) == []
    message = await messages.read(database, *key, mark_read=False)
    assert message is not None
    assert message.deleted_at is not None
    assert await messages.restore(database, *key) is True
    assert await listed(database, owner) == [found]
    assert await messages.trash(database, owner.account_id, AGENT, "msg_none") is None


async def test_purging_gives_the_bytes_back(database: Database, owner: Owner) -> None:
    account_id = owner.account_id
    found = await factories.message(database, account_id, deleted_at=EPOCH)
    size = len(factories.RAW)
    await factories.insert(database, "account_usage", {"account_id": account_id, "storage_bytes": size + 7})
    purged = await messages.purge(database, account_id, AGENT, found)
    assert purged is not None
    assert purged.in_trash
    assert await database.fetch_value("select storage_bytes from account_usage") == 7
    assert await messages.read(database, account_id, AGENT, found, mark_read=False) is None
