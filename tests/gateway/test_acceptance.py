"""Accepting mail: what belongs to a row, and what a held one becomes."""

from typing import Any

import pytest

from e2ad.config import Config
from e2ad.config.sections import Limits, Relay
from e2ad.core.errors import LimitExceeded, NotFound
from e2ad.core.outbound import Draft, MessageType, SentAs
from e2ad.core.sealing import KeyRing
from e2ad.gateway.acceptance import Acceptance, from_domain_of, survey
from e2ad.storage.pool import Database
from tests import factories

AGENT = "bot@own.test"
KEYS = KeyRing(("a deployment secret of the tests, long enough",))
CONFIG = Config(shared_domain="agents.test", relay=Relay(from_domain="from.test"))


async def account(database: Database) -> str:
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id, AGENT)
    return owner.account_id


async def accepted(database: Database, account_id: str, draft: Draft, **more: Any) -> dict[str, Any]:
    found = await survey(database, account_id, AGENT, draft.recipients)
    acceptance = Acceptance.of(more.pop("config", CONFIG), KEYS)
    acceptance.check(found, draft)
    given = await acceptance.write(database, await acceptance.prepare(found, draft, **{"message_id": "msg_1", **more}))
    row = await database.fetch_one(
        "select m.*, s.sent_as, s.signing_domain, s.return_path, s.next_attempt_at from messages m"
        " join submissions s on s.account_id = m.account_id and s.message_id = m.id where m.id = %(id)s",
        {"id": given.message_id},
    )
    assert row is not None
    assert (row["sent_as"], row["message_id"]) == (given.sent_as.value, given.email_message_id)
    return row


def draft(**fields: Any) -> Draft:
    return Draft(**{"agent_email": AGENT, "to": ("ada@example.org",), "subject": "Hi", "text": "Hello", **fields})


def test_whose_domain_it_is() -> None:
    assert from_domain_of(CONFIG) == "from.test"
    assert from_domain_of(Config(shared_domain="agents.test")) == "agents.test"
    assert from_domain_of(Config()) == "localhost"


async def test_in_the_deployments_name(database: Database) -> None:
    row = await accepted(database, await account(database), draft(sender_name="Ann"))
    assert (row["header_from"], row["sender_name"], row["sent_as"]) == ("agent@from.test", "Ann via e2a", "relay")
    assert row["return_path"].endswith("@from.test")
    assert row["message_id"].endswith("@from.test>")


async def test_inside_everybody_has_the_own_name(database: Database) -> None:
    account_id = await account(database)
    await factories.agent(database, account_id, "other@agents.test")
    row = await accepted(database, account_id, draft(to=("other@agents.test",)))
    assert (row["header_from"], row["sent_as"], row["signing_domain"]) == (AGENT, "own_address", "own.test")
    assert row["return_path"].endswith("@from.test")


async def test_a_test_is_the_platforms(database: Database) -> None:
    row = await accepted(database, await account(database), draft(kind=MessageType.TEST, to=(AGENT,)))
    assert (row["header_from"], row["method"], row["sent_as"]) == ("noreply@from.test", "smtp", "relay")


async def test_a_held_mail_is_filled_and_keeps_its_row(database: Database) -> None:
    account_id = await account(database)
    held = await factories.message(
        database,
        account_id,
        AGENT,
        raw=None,
        direction="outbound",
        review_status="review_approved",
        labels=["kept"],
        message_id=None,
        message_id_key=None,
        content_sha256=None,
    )
    (before,) = await database.fetch_all("select created_at from messages")
    row = await accepted(database, account_id, draft(subject="Edited"), message_id=held, held=True)
    assert (row["id"], row["subject"], row["created_at"], row["labels"]) == (
        held,
        "Edited",
        before["created_at"],
        ["kept"],
    )
    assert row["review_status"] == "review_approved"
    assert row["size_bytes"] > 0


async def test_a_row_is_never_filled_by_accident(database: Database) -> None:
    account_id = await account(database)
    there = await factories.message(database, account_id, AGENT)
    with pytest.raises(NotFound):
        await accepted(database, account_id, draft(), message_id=there)
    assert await database.fetch_value("select count(*) from submissions") == 0


async def test_what_the_write_refuses_is_undone(database: Database) -> None:
    account_id = await account(database)
    found = await survey(database, account_id, AGENT, ("ada@example.org",))
    config = Config(limits=Limits(max_messages_day=1), shared_domain="agents.test")
    acceptance = Acceptance.of(config, KEYS)
    one = await acceptance.prepare(found, draft(), message_id="msg_1")
    two = await acceptance.prepare(found, draft(), message_id="msg_2", classes={"ada@example.org": "unseen"})
    assert one.accepted.sent_as is SentAs.RELAY
    await acceptance.write(database, two)
    with pytest.raises(LimitExceeded) as refused:
        await acceptance.write(database, one)
    assert refused.value.details is not None
    assert refused.value.details["resource"] == "messages_day"
    assert await database.fetch_value("select count(*) from messages") == 1
    assert await database.fetch_value("select provenance from recipients") == "unseen"
    tiny = Acceptance.of(Config(limits=Limits(max_storage_bytes=10)), KEYS)
    with pytest.raises(LimitExceeded):
        await tiny.write(database, await tiny.prepare(found, draft(), message_id="msg_3"))
    assert await database.fetch_value("select count(*) from contents") == 1
