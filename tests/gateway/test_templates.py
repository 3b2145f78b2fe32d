"""The verbs of templates where several ask at once, and what is decided off the event loop."""

import threading
from typing import Any

import pytest
import trio

from e2ad.core.errors import AliasTaken, NotFound, TemplateLimitReached, TemplateNotFound
from e2ad.gateway import templates as verbs
from e2ad.gateway.templates import Sources, TemplateDraft, Templates
from e2ad.storage import templates as table
from e2ad.storage.pool import Database
from e2ad.storage.templates import Change, NewTemplate

ACCOUNT = "a1"
DRAFT = TemplateDraft("t", "", Sources("s", "t", None))


@pytest.fixture
async def own(database: Database) -> Templates:
    """An account with room for two."""
    await database.execute("insert into accounts (id, email, max_templates) values ('a1', 'a1@x.test', 2)")
    return Templates(database)


async def waits_or_ends(database: Database, ended: trio.Event) -> None:
    """Until another connection waits for a row that somebody holds, or the other has ended without waiting."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    with trio.fail_after(10):
        while not ended.is_set() and not await database.fetch_value(waiting):
            await trio.sleep(0.01)


async def beside(own: Templates, alias: str, draft: TemplateDraft) -> list[type[Exception] | str]:
    """What a second one gets who creates while a first is between its statements and its COMMIT."""
    found: list[type[Exception] | str] = []
    ended = trio.Event()

    async def second() -> None:
        try:
            found.append((await own.create(ACCOUNT, draft)).name)
        except (TemplateLimitReached, AliasTaken) as error:
            found.append(type(error))
        ended.set()

    async with trio.open_nursery() as nursery, own.database.transaction() as transaction:
        most = await table.room(transaction, ACCOUNT)
        assert most == 2
        new = NewTemplate("tmpl_first", "first", alias or None, "s", "t", None)
        await table.insert(transaction, ACCOUNT, new, max_templates=most)
        nursery.start_soon(second)
        await waits_or_ends(own.database, ended)
        assert not ended.is_set()
    return found


async def test_two_at_once_do_not_pass_the_limit_together(own: Templates) -> None:
    await own.create(ACCOUNT, DRAFT)
    assert await beside(own, "", DRAFT) == [TemplateLimitReached]
    assert len(await own.page(ACCOUNT, before=None, limit=10)) == 2


async def test_two_at_once_do_not_share_an_alias(own: Templates) -> None:
    assert await beside(own, "same", TemplateDraft("t", "same", DRAFT.sources)) == [AliasTaken]
    assert await own.create(ACCOUNT, DRAFT)


async def test_an_account_that_is_gone(own: Templates) -> None:
    with pytest.raises(NotFound):
        await own.create("a2", DRAFT)


async def test_a_template_that_goes_while_it_is_changed(own: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await own.create(ACCOUNT, DRAFT)
    find = table.find

    async def find_and_delete(*arguments: Any) -> Any:
        found = await find(*arguments)
        await table.delete(own.database, ACCOUNT, made.id)
        return found

    monkeypatch.setattr(table, "find", find_and_delete)
    with pytest.raises(TemplateNotFound):
        await own.update(ACCOUNT, made.id, Change(name="x"))


@pytest.mark.parametrize(
    ("data", "away"),
    [
        ({"a": "x"}, False),
        ({}, False),
        ({"a": "x" * 300_000}, True),
        ({"a": [{"b": "x" * 300_000}]}, True),
        ({"a": [0] * 100_000}, True),
        ({"a": [[]] * 5000}, True),
        ({"a": [0] * 500}, False),
        ({f"k{number}": 0 for number in range(30_000)}, True),
    ],
)
async def test_much_data_is_looked_through_off_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, data: dict[str, Any], away: bool
) -> None:
    seen: list[bool] = []
    preview = verbs._preview

    def noting(*arguments: Any) -> Any:
        seen.append(threading.current_thread() is not threading.main_thread())
        return preview(*arguments)

    monkeypatch.setattr(verbs, "_preview", noting)
    assert (await verbs.check(Sources("{{b}}", None, None), data)).valid
    assert seen == [away]


@pytest.mark.parametrize(
    ("source", "away"),
    [
        ("{{a}}" * 100, False),
        ("x" * 200_000, False),
        ("".join(f"{{{{a{number}}}}}" for number in range(1000)), True),
    ],
)
async def test_many_tags_are_filled_off_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, source: str, away: bool
) -> None:
    threads: list[bool] = []
    parse = verbs.templates.parse

    def noting(*arguments: Any) -> Any:
        threads.append(threading.current_thread() is not threading.main_thread())
        return parse(*arguments)

    monkeypatch.setattr(verbs.templates, "parse", noting)
    assert (await verbs.check(Sources(None, source, None), {})).valid
    assert threads == [away]


async def test_a_large_source_is_read_off_the_event_loop(own: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []
    parse = verbs.templates.parse

    def noting(*arguments: Any) -> Any:
        threads.append(threading.current_thread() is not threading.main_thread())
        return parse(*arguments)

    monkeypatch.setattr(verbs.templates, "parse", noting)
    await own.create(ACCOUNT, DRAFT)
    assert set(threads) == {False}
    threads.clear()
    made = await own.create(ACCOUNT, TemplateDraft("t", "", Sources("s", "{{a}}" * 20_000, None)))
    await own.update(ACCOUNT, made.id, Change(body_text="{{b}}" * 20_000))
    words = await verbs.rendered(own.database, ACCOUNT, template_id=made.id, alias="", data={"b": "x"})
    assert words.text == "x" * 20_000
    assert set(threads) == {True}
