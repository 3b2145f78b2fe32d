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


NOBODY: dict[str, Any] = {
    "sender_positions": [],
    "sender_account_ids": [],
    "sender_agent_emails": [],
    "senders": [],
    "looks": [],
}
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
    assert "messages_by_key" in await plan(crowded, load("intake")["look_up"], params | NOBODY)


async def test_who_sent_a_mail_is_found_by_key_and_by_look(crowded: Database) -> None:
    """In a crowd of made-up senders, and without statistics as well as with them."""
    await crowded.execute(
        """insert into correspondents (account_id, agent_email, address, skeleton, inbound_count, known)
           select %(account)s, %(agent)s, n || '@people.test', 'alike', 1, n %% 1000 = 0
           from generate_series(1, 20000) n""",
        {"account": ACCOUNT, "agent": AGENT},
    )
    await crowded.execute(
        """insert into sender_evidence (account_id, agent_email, address, mechanism, domain, selector)
           select account_id, agent_email, address, 'dkim', 'people.test', 's' from correspondents"""
    )
    sender = {
        "sender_positions": [0],
        "sender_account_ids": [ACCOUNT],
        "sender_agent_emails": [AGENT],
        "senders": ["7@people.test"],
        "looks": ["alike"],
    }
    nothing: dict[str, Any] = {"positions": [], "account_ids": [], "agent_emails": [], "keys": []}
    for _ in range(2):
        found = await plan(crowded, load("intake")["look_up"], nothing | sender)
        assert "correspondents_pkey" in found
        assert "correspondents_by_look" in found
        assert "sender_evidence_pkey" in found
        assert "Seq Scan" not in found
        await crowded.execute("analyze correspondents, sender_evidence", prepare=False)
