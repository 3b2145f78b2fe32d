"""How searches are planned, when the planner knows nothing yet: by the index, or one mail after the other."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from e2ad.core.search import compile_search
from e2ad.core.search_words import Searchable, document
from e2ad.storage import messages, search, sql
from e2ad.storage.messages import Filter
from e2ad.storage.migrations import migrate
from e2ad.storage.pool import Database, open_pool
from e2ad.workers.indexing import Indexer
from tests import factories
from tests.gateway.test_intake import ACCOUNT, AGENT, household
from tests.storage.test_plans_sending import Counting

ROWS = 3000
OTHER = "ada@agents.test"


@pytest.fixture
async def crowded(database: Database) -> Database:
    """Two inboxes; every mail has a common word, each hundredth a rare one; never analysed."""
    await household(database, AGENT, OTHER)
    await database.execute(
        """insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id,
                                 created_at, unread)
           select %(account)s, 'msg_' || n, case when n %% 2 = 0 then %(agent)s else %(other)s end, 'inbound', 'smtp',
                  %(agent)s, 'conv_' || n, now() + n * interval '1 s', true
           from generate_series(1, %(rows)s) n""",
        {"account": ACCOUNT, "agent": AGENT, "other": OTHER, "rows": ROWS},
    )
    made = []
    for n in range(1, ROWS + 1):
        words = " ".join(f"w{n * 7 + one}" for one in range(150)) + " common" + (" rare" if n % 100 == 0 else "")
        mail = Searchable(AGENT if n % 2 == 0 else OTHER, f"Mail {n}", "", "ada@example.org", words)
        made.append((ACCOUNT, f"msg_{n}", document(mail)))
    await search.store(database, made)
    return database


async def pages(database: Database, agent: str, text: str) -> list[int]:
    """Pages that each statement of a search reads."""
    counting = Counting(database)
    compiled = compile_search(text)
    assert compiled is not None
    ids = await search.match(database, agent, compiled)

    async def match(*_: Any) -> search.Matches:
        return ids

    query = {"query": compiled.within(agent), "limit": search.MOST_IDS + 1}
    await counting.fetch_all(search._SQL["match"], query)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "match", match)
        which = Filter(search=compiled)
        assert await messages.page(counting, ACCOUNT, agent, which, after=None, limit=20) is None
    return counting.pages


async def test_rare_words_are_found_by_the_index(crowded: Database) -> None:
    matched, listed = await pages(crowded, AGENT, "rare")
    assert matched < 300  # what is not merged into the index yet is read too
    assert listed < 200
    found = await search.match(crowded, AGENT, compile_search("rare"))  # type: ignore[arg-type]
    assert found.ids is not None
    assert len(found.ids) == 30


async def test_mails_that_are_named_are_found_by_their_keys(database: Database) -> None:
    """Not by reading an index of the whole inbox, which looks as good where there are no statistics."""
    await household(database, AGENT)
    await database.execute(
        """insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id,
                                 created_at, unread, content_sha256)
           select %(account)s, 'msg_' || n, %(agent)s, 'inbound', 'smtp', %(agent)s, 'conv_' || n,
                  now() + n * interval '1 s', true, sha256(n::text::bytea)
           from generate_series(1, 20000) n""",
        {"account": ACCOUNT, "agent": AGENT},
    )
    counting = Counting(database)
    for deleted in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(messages, "match", _three)
            which = Filter(search=compile_search("x"), deleted=deleted)
            await messages.page(counting, ACCOUNT, AGENT, which, after=None, limit=20)
    assert max(counting.pages) < 60


async def _three(*_: Any) -> search.Matches:
    return search.Matches(("msg_2", "msg_200", "msg_2000"))


async def test_words_of_others_cost_nothing(crowded: Database) -> None:
    assert (await search.match(crowded, OTHER, compile_search("rare"))).ids == ()  # type: ignore[arg-type]
    assert sum(await pages(crowded, OTHER, "rare")) < 300


async def test_common_words_are_come_upon_by_walking(crowded: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_IDS", 500)
    found = await search.match(crowded, AGENT, compile_search("common"))  # type: ignore[arg-type]
    assert found.ids is None
    assert found.query is not None
    matched, listed = await pages(crowded, AGENT, "common")
    assert matched < 1000
    assert listed < 200


async def test_a_query_of_nothing_asks_nobody(crowded: Database) -> None:
    before = crowded.statements
    assert await search.match(crowded, AGENT, compile_search("???")) == search.Matches(())  # type: ignore[arg-type]
    assert crowded.statements == before


async def test_mail_from_before_is_made_searchable_too(empty_dsn: str, tmp_path: Path) -> None:
    steps = sorted((sql.root() / "migrations").glob("*.sql"))
    for step in steps[:2]:
        shutil.copy(step, tmp_path)
    await migrate(empty_dsn, directory=tmp_path)
    async with open_pool(empty_dsn, size=2) as pool:
        await household(pool, AGENT)
        old = await factories.message(pool, ACCOUNT, AGENT)
        draft = await factories.message(pool, ACCOUNT, AGENT, direction="outbound", raw=None)
        await migrate(pool)
        assert await Indexer(pool).index() == 1
        found = await search.match(pool, AGENT, compile_search("morning"))  # type: ignore[arg-type]
        assert found.ids == (old,) != (draft,)
