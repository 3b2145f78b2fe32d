"""Plans right after much mail, when the planner knows nothing yet: what is named by its key is found by its key."""

from typing import Any

import pytest

from e2ad.storage.pool import Database
from e2ad.storage.sql import load
from tests.gateway.test_intake import ACCOUNT, AGENT, household

FILL = """
insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id, message_id_key,
                      content_sha256, unread)
select %(account)s, 'msg_' || n, %(agent)s, 'inbound', 'smtp', %(agent)s, 'conv_' || n, n || '@x.test',
       sha256(n::text::bytea), true
from generate_series(1, 3000) as n
"""


@pytest.fixture
async def crowded(database: Database) -> Database:
    """An inbox of 3,000 mails without statistics."""
    await household(database, AGENT)
    await database.execute(FILL, {"account": ACCOUNT, "agent": AGENT})
    return database


async def plan(database: Database, statement: str, params: dict[str, Any]) -> str:
    rows = await database.fetch_all(f"explain {statement}", params, prepare=False)
    return "\n".join(str(line) for row in rows for line in row.values())


KEY = {"account_id": ACCOUNT, "agent_email": AGENT, "id": "msg_7"}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("read", {"mark_read": True}),
        ("raw", {}),
        ("attachments", {"index": 0, "inline_bytes": 1000}),
        ("trash", {}),
        ("restore", {}),
    ],
)
async def test_one_message_is_found_by_its_key(crowded: Database, name: str, more: dict[str, Any]) -> None:
    found = await plan(crowded, load("messages")[name], KEY | more)
    assert "messages_pkey" in found
    assert "messages_by_" not in found
    assert "messages_unread" not in found


async def test_what_a_mail_answers_is_found_by_its_key(crowded: Database) -> None:
    params = {"positions": [0], "account_ids": [ACCOUNT], "agent_emails": [AGENT], "keys": ["7@x.test"]}
    assert "messages_by_key" in await plan(crowded, load("intake")["resolve"], params)
