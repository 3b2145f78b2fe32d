"""A pushed frame must be the one that a read from the database would give."""

import json
from datetime import UTC, datetime
from typing import Any

import attrs

from e2ad.core.delivery import StreamEvent
from e2ad.gateway import mint
from e2ad.gateway.intake import StoredArrival
from e2ad.storage.deliveries import content
from e2ad.storage.intake import NewMessage, store
from e2ad.storage.pool import Database
from e2ad.storage.stream import StreamReads

ACCOUNT, AGENT = "a" * 32, "bot@agents.example.com"


def new_message(**changes: Any) -> NewMessage:
    values: dict[str, Any] = dict.fromkeys(attrs.fields_dict(NewMessage))
    values |= {
        "id": mint.new_id("msg_"), "account_id": ACCOUNT, "agent_email": AGENT, "dedupe_key": b"k",
        "created_at": datetime(2026, 7, 23, 10, 0, 0, 5, tzinfo=UTC), "forward_path": AGENT, "sender_name": "",
        "header_from": "alice@example.com", "subject": "Grüße", "conversation_id": "conv_1", "threaded": False,
        "addresses": json.dumps({"to": [AGENT], "cc": ["c@example.com"], "reply_to": ["r@example.com"]}),
        "text": "", "new_text": "", "truncated": False, "attachments": "[]", "defects": "[]",
        "peer_address": "192.0.2.1", "helo": "x", "authentication": "{}", "verified": True,
        "domain_check": "spf=pass; dkim=none", "entity_type": "human", "delegation": "", "content_sha256": b"s" * 32,
        "size": 3, "event_id": "evt_1", "envelope": '{"type":"email.received"}', "raw": b"raw",
        "event_type": "email.received", "hops": 0, "look": "", "evidence": (),
    }  # fmt: skip
    return NewMessage(**(values | changes))


async def test_published_and_read_are_the_same(database: Database) -> None:
    await database.execute("insert into accounts (id, email) values (%(id)s, 'o@example.com')", {"id": ACCOUNT})
    await database.execute(
        "insert into domains (domain, verified, verification_token) values ('agents.example.com', true, 't')"
    )
    await database.execute(
        "insert into agents (email, account_id, domain, registered_domain) "
        "values (%(e)s, %(a)s, 'agents.example.com', 'agents.example.com')",
        {"e": AGENT, "a": ACCOUNT},
    )
    message = new_message()
    await store(database, [message], outbox=True)
    pushed = StoredArrival(message, 0).stream_event()
    (read,) = await StreamReads(database).by_ids([(ACCOUNT, "evt_1")], [AGENT])
    assert isinstance(pushed, StreamEvent)
    assert pushed == read
    assert await content(database, ACCOUNT, b"s" * 32) == b"raw"
    assert await content(database, ACCOUNT, b"t" * 32) is None
