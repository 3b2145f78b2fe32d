"""What reports are matched with is found by index, and noted once."""

from typing import Any

import pytest
import trio

from e2ad.storage import feedback
from e2ad.storage.pool import Database
from e2ad.storage.sql import load
from tests import factories

FILL = """
with mails as (
    insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id)
    select %(account)s, 'msg_' || n, 'bot@agents.test', 'outbound', 'smtp', 'x@y.test', 'conv_' || n
    from generate_series(1, 3000) as n
    returning account_id, id
)
insert into submissions (account_id, message_id, agent_email, sent_as, signing_domain, return_path, return_token,
                         provider_message_id)
select account_id, id, 'bot@agents.test', 'relay', 'agents.test', 'bounces', md5(id), '<' || id || '>'
from mails
"""


@pytest.fixture
async def crowded(database: Database) -> Database:
    """3,000 mails that left, without statistics."""
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id)
    await database.execute(FILL, {"account": owner.account_id})
    return database


async def plan(database: Database, name: str, params: dict[str, Any]) -> str:
    rows = await database.fetch_all(f"explain {load('feedback')[name]}", params, prepare=False)
    return "\n".join(str(line) for row in rows for line in row.values())


@pytest.mark.parametrize("domain", [None, "acme.test"])
async def test_a_return_path_is_found_by_its_token(crowded: Database, domain: str | None) -> None:
    found = await plan(crowded, "find_return_path", {"token": "0" * 32, "domain": domain})
    assert "submissions_return_token_key" in found
    assert "Seq Scan on submissions" not in found


async def test_a_provider_finds_by_index(crowded: Database) -> None:
    params = {"tokens": ["0" * 32, "1" * 32], "provider_ids": ["<a>", "<b>", "<c>"]}
    found = await plan(crowded, "correlate", params)
    assert "submissions_return_token_key" in found
    assert "submissions_by_provider" in found
    assert "Seq Scan" not in found


async def test_one_message_or_none(crowded: Database) -> None:
    one = await feedback.correlate(crowded, ["<msg_7>", "msg_7"], [])
    assert one is not None
    assert one.message_id == "msg_7"
    assert await feedback.correlate(crowded, ["<msg_7>"], ["8fb879548ae8da827b69b22e7cbf8d85"]) == one
    assert await feedback.correlate(crowded, ["<msg_7>", "<msg_8>"], []) is None
    assert await feedback.correlate(crowded, ["nothing"], []) is None
    assert await feedback.correlate(crowded, [], []) is None


async def test_of_many_that_hear_the_same_one_is_first(database: Database) -> None:
    first: list[bool] = []

    async def hear() -> None:
        async with database.transaction() as transaction:
            first.append(await feedback.remember(transaction, "sns:1"))

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(hear)
    assert sorted(first) == [False] * 5 + [True]


async def test_what_was_undone_was_not_heard(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as transaction:
            assert await feedback.remember(transaction, "sns:1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await feedback.remember(database, "sns:1")
