"""What the statements of contacts read when everybody has many and the planner knows nothing yet.

As in `test_plans_sending`: in pages, on tables that were never analysed. An account has at most 10,000 contacts, so
what passes over all of one account's is bounded; what passes over those of others is not.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2ad.core.contacts import Entry
from e2ad.storage import contacts, engagements
from e2ad.storage.contacts import ContactFilter
from e2ad.storage.engagements import EngagementChange, EngagementFilter
from e2ad.storage.pool import Database, Executor
from tests.storage.test_plans_sending import Counting

ACCOUNT, OTHER = "a" * 32, "b" * 32
BOT = "bot@agents.test"
ROWS = 10_000
OTHERS = 40_000
FEW = 400
ONE_ACCOUNT = 800
"""Pages: all that a full account has in one of the tables and its index is about half of this."""
AT = datetime(2026, 7, 1, tzinfo=UTC)
ANN = "p77@people.test"
ADDRESSES = [f"p{n}@people.test" for n in range(1, 21)]
ENTRIES = [Entry(n, address, "Name", None) for n, address in enumerate(ADDRESSES)]
TAGS = [b"x" * 16] * len(ADDRESSES)
NEW = [Entry(n, f"n{n}@people.test", None, None) for n in range(20)]
CHANGE = EngagementChange(stage="x")
PLACE = (AT + timedelta(seconds=5_000), ANN)

FILL = [
    """insert into accounts (id, email) values (%(id)s, %(id)s || '@owner.test')""",
    """insert into domains (domain, verified, verification_token)
       values ('agents.test', true, 'x') on conflict do nothing""",
    """insert into agents (email, account_id, domain, registered_domain)
       select case when n = 0 then %(bot)s else 'a' || n || '-' || %(bot)s end, %(id)s, 'agents.test', 'agents.test'
       from generate_series(0, 3) n""",
    """insert into contacts (account_id, address, source, import_batch_id, etag, created_at)
       select %(id)s, 'p' || n || '@people.test', 'import', 'imp_' || n / 100, 'x',
              timestamptz '2026-07-01' + n * interval '1 s'
       from generate_series(1, %(rows)s) n""",
    """insert into contact_imports (account_id, id)
       select %(id)s, 'imp_' || n from generate_series(0, %(rows)s / 100) n""",
    """insert into engagements (account_id, agent_email, address, stage, etag, next_action_at, import_batch_id,
       created_at)
       select account_id, %(bot)s, address, 'cold', etag, created_at, import_batch_id, created_at
       from contacts where account_id = %(id)s""",
    """insert into correspondents (account_id, agent_email, address, skeleton, outbound_count, first_outbound_at,
       last_outbound_at)
       select account_id, agent_email, address, address, 1, created_at, created_at
       from engagements where account_id = %(id)s and address like '%%7@people.test'""",
    """insert into suppressions (account_id, agent_email, address, source)
       select account_id, case when address like '%%3@people.test' then '' else agent_email end, address, 'bounce'
       from engagements where account_id = %(id)s and address like '%%4%%'""",
]


@pytest.fixture
async def crowded(database: Database) -> Database:
    """An account that is full, and a thousandfold of what others have."""
    for account, bot, rows in ((ACCOUNT, BOT, ROWS), (OTHER, "other@agents.test", OTHERS)):
        for statement in FILL:
            await database.execute(statement, {"id": account, "bot": bot, "rows": rows}, prepare=False)
    return database


Statement = Callable[[Executor], Awaitable[Any]]


def listed(**wanted: Any) -> Statement:
    return lambda it: engagements.page(it, ACCOUNT, BOT, EngagementFilter(**wanted), before=None, limit=10)


SHORT: Mapping[str, Statement] = {
    "contacts": lambda it: contacts.page(it, ACCOUNT, ContactFilter(), before=None, limit=10),
    "contacts, later": lambda it: contacts.page(it, ACCOUNT, ContactFilter(), before=PLACE, limit=10),
    "contact": lambda it: contacts.find(it, ACCOUNT, ANN),
    "contact changed": lambda it: contacts.update(
        it, ACCOUNT, ANN, display_name="x", metadata=None, etag=b"y" * 16, seen=[b"x"]
    ),
    "contact held": lambda it: contacts.hold(it, ACCOUNT, ANN),
    "contact deleted": lambda it: contacts.delete(it, ACCOUNT, ANN),
    "known": lambda it: contacts.lock_known(it, ACCOUNT, ADDRESSES),
    "imported": lambda it: contacts.import_rows(it, ACCOUNT, "imp_1", NEW, TAGS),
    "merged": lambda it: contacts.merge_rows(it, ACCOUNT, ENTRIES, TAGS),
    "import found": lambda it: contacts.has_batch(it, ACCOUNT, "imp_1"),
    "import locked": lambda it: contacts.lock_batch(it, ACCOUNT, "imp_1"),
    "engagements": listed(),
    "engagements, later": lambda it: engagements.page(it, ACCOUNT, BOT, EngagementFilter(), before=PLACE, limit=10),
    "engagements, not replied": listed(replied=False),
    "engagement": lambda it: engagements.find(it, ACCOUNT, BOT, ANN),
    "engagement changed": lambda it: engagements.update(it, ACCOUNT, BOT, ANN, CHANGE, etag=b"y" * 16, seen=[b"x"]),
    "enrolled": lambda it: engagements.insert(it, ACCOUNT, "a1-" + BOT, ANN, CHANGE, etag=b"x" * 16),
    "all enrolled": lambda it: engagements.enrol(
        it, ACCOUNT, "a1-" + BOT, ADDRESSES, stage="", batch_id="imp_1", etags=TAGS
    ),
    "agent held": lambda it: engagements.hold_agent(it, ACCOUNT, BOT),
    "taken out": lambda it: engagements.delete(it, ACCOUNT, BOT, ANN),
    "due": lambda it: engagements.take_due(it, AT + timedelta(days=9), limit=10),
    "nobody due": lambda it: engagements.take_due(it, AT, limit=10),
}
WHOLE: Mapping[str, Statement] = {
    "contacts of an import": lambda it: contacts.page(
        it, ACCOUNT, ContactFilter(import_batch_id="imp_1"), before=None, limit=10
    ),
    "contact added": lambda it: contacts.insert(
        it, ACCOUNT, "new@people.test", "", "{}", etag=b"x" * 16, most=ROWS + 1
    ),
    "surveyed": lambda it: contacts.survey(it, ACCOUNT, BOT, ADDRESSES),
    "engagements enrolled by an import undone": lambda it: engagements.drop_batch(it, ACCOUNT, "imp_1"),
    "contacts of an import undone": lambda it: contacts.drop_batch(it, ACCOUNT, "imp_1"),
    "engagements at a stage": listed(stage="nobody"),
    "engagements due": listed(next_action_before=AT),
}
"""These may look at all that one account has, and no more."""


async def pages(database: Database, statements: Mapping[str, Statement]) -> dict[str, int]:
    found = {}
    for name, statement in statements.items():
        counting = Counting(database)
        with suppress(TypeError, AssertionError):  # where there is always a row
            await statement(counting)
        assert counting.pages, name
        found[name] = sum(counting.pages)
    return found


async def test_they_read_little(crowded: Database) -> None:
    found = await pages(crowded, SHORT)
    assert {name: read for name, read in found.items() if read > FEW} == {}


async def test_they_end_at_the_account(crowded: Database) -> None:
    found = await pages(crowded, WHOLE)
    assert {name: read for name, read in found.items() if read > ONE_ACCOUNT} == {}


@pytest.mark.parametrize("key", ["agent_email = %(bot)s", "account_id = %(account)s and address = %(address)s"])
async def test_what_goes_with_an_agent_or_a_contact_is_found_by_index(crowded: Database, key: str) -> None:
    """As the foreign keys look for it."""
    counting = Counting(crowded)
    names = {"bot": "a1-" + BOT, "account": ACCOUNT, "address": "nobody@people.test"}
    await counting.execute(f"delete from engagements where {key}", names)
    assert sum(counting.pages) <= 10
