"""What the statements of OAuth read when a program has been used for months and the planner knows nothing yet.

As in `test_plans_sending`: in pages, on tables that were never analysed. A program that renews its tokens each hour
leaves a thousand of them behind before the first is forgotten.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from e2ad.storage import oauth
from e2ad.storage.oauth import NewTokens
from e2ad.storage.pool import Database
from tests.storage.test_plans_sending import Counting, Statement

ACCOUNT = "a" * 32
ROWS = 20_000
MOST_PAGES = 60
AT = datetime.now(UTC)
FIFTH = hashlib.sha256(b"5").digest()

FILL = [
    "insert into accounts (id, email) values (%(account)s, 'a@owner.test')",
    "insert into oauth_clients (id, name, redirect_uris) values ('mcp_1', 'c', '{https://a.example/}')",
    """insert into oauth_grants (account_id, id, client_id, scope, created_at)
       select %(account)s, 'grant_' || n, 'mcp_1', 'account', now() from generate_series(1, 3) n""",
    # One program's chain: each token was given for the one before, and all but the last are used up or over.
    """insert into oauth_tokens (token_sha256, kind, account_id, grant_id, parent_sha256, created_at, expires_at,
       rotated_at)
       select sha256(n::text::bytea), 'refresh', %(account)s, 'grant_1', sha256((n - 1)::text::bytea), now(),
              now() - interval '29 days' + n * interval '3 minutes', now() - interval '1 hour'
       from generate_series(1, %(rows)s) n""",
]

STATEMENTS: Mapping[str, Statement] = {
    "a token locked": lambda it: oauth.lock_refresh(it, FIFTH),
    "a token used": lambda it: oauth.rotate(it, FIFTH, AT),
    "a pair added": lambda it: oauth.add_tokens(
        it, NewTokens(ACCOUNT, "grant_1", "mcp_1", b"1" * 32, AT, b"2" * 32, AT, b"3" * 32, AT)
    ),
    "a page of connections": lambda it: oauth.page_connections(it, ACCOUNT, before=None, limit=10),
    "nothing to forget": lambda it: oauth.sweep(it, 90, 1000),
}


@pytest.fixture
async def used(database: Database) -> Database:
    """An account with a program that never rests."""
    for statement in FILL:
        await database.execute(statement, {"account": ACCOUNT, "rows": ROWS}, prepare=False)
    return database


async def test_what_is_over_costs_nothing(used: Database) -> None:
    found = {}
    for name, statement in STATEMENTS.items():
        counting = Counting(used)
        with suppress(TypeError, AssertionError, ValueError):  # where there is always a row
            await statement(counting)
        assert counting.pages, name
        found[name] = sum(counting.pages)
    assert {name: pages for name, pages in found.items() if pages > MOST_PAGES} == {}


async def test_a_lock_finds_its_successor_among_many(used: Database) -> None:
    token = await oauth.lock_refresh(used, FIFTH)
    assert token is not None
    assert token.successor_used
