"""What the statements of templates read when there are many: of one account, and of all."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2ad.storage import templates
from e2ad.storage.executor import Executor
from e2ad.storage.pool import Database
from tests.storage.test_plans_sending import Counting

ROWS = 10_000
MOST_PAGES = 60
LATER = (datetime.now(UTC) - timedelta(seconds=ROWS // 2), "tmpl_x")

STATEMENTS: Mapping[str, Callable[[Executor], Awaitable[Any]]] = {
    "first page": lambda it: templates.page(it, "a1", before=None, limit=10),
    "later page": lambda it: templates.page(it, "a1", before=LATER, limit=10),
    "find": lambda it: templates.find(it, "a1", "tmpl_77"),
    "by alias": lambda it: templates.by_alias(it, "a1", "alias77"),
    "room": lambda it: templates.room(it, "a1"),
    "update": lambda it: templates.update(it, "a1", "tmpl_77", templates.Change(name="x", alias="y")),
    "delete": lambda it: templates.delete(it, "a1", "tmpl_77"),
}


@pytest.fixture
async def crowded(database: Database) -> Database:
    """Two accounts with far more templates than anybody may have."""
    await database.execute(
        "insert into accounts (id, email) select 'a' || n, 'a' || n || '@x.test' from generate_series(1, 2) n"
    )
    await database.execute(
        "insert into templates (account_id, id, name, alias, subject, body_text, created_at)"
        " select 'a' || a, 'tmpl_' || n, 'Name', 'alias' || n, 'Subject', repeat('word ', 40),"
        " now() - n * interval '1 s' from generate_series(1, 2) a, generate_series(1, %(rows)s) n",
        {"rows": ROWS},
        prepare=False,
    )
    return database


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_template_is_found_without_a_search(crowded: Database, name: str) -> None:
    counting = Counting(crowded)
    await STATEMENTS[name](counting)
    assert sum(counting.pages) <= MOST_PAGES


async def test_a_page_is_a_page(crowded: Database) -> None:
    first = await templates.page(crowded, "a1", before=None, limit=3)
    assert [row.id for row in first] == ["tmpl_1", "tmpl_2", "tmpl_3"]
    then = await templates.page(crowded, "a1", before=(first[-1].created_at, first[-1].id), limit=2)
    assert [row.id for row in then] == ["tmpl_4", "tmpl_5"]
    assert await templates.find(crowded, "a1", "tmpl_0") is None
    assert await templates.by_alias(crowded, "a3", "alias1") is None
    assert await templates.room(crowded, "a3") is None
