"""Mail in through the gate: delivered, marked, held or kept back, and announced once a person lets it through."""

import hashlib
import json
from typing import Any

import attrs
import pytest
import trio

from e2ad.config.sections import Config
from e2ad.core import mime
from e2ad.core.address import Mailbox, parse_mailbox
from e2ad.core.authentication import (
    Authentication,
    DmarcResult,
    DmarcStatus,
    SpfResult,
    SpfStatus,
)
from e2ad.core.delivery import Position
from e2ad.core.message import Envelope, Peer, Recipient
from e2ad.core.protection import Gate, Holds, Inbound, Protection
from e2ad.core.sealing import KeyRing
from e2ad.gateway import protection as verbs
from e2ad.gateway.acceptance import Acceptance
from e2ad.gateway.arrivals import Incoming
from e2ad.gateway.directory import Directory
from e2ad.gateway.holds import Desk
from e2ad.gateway.intake import Intake, StoredArrival
from e2ad.gateway.reviews import Reviewer, Reviews
from e2ad.storage import reviews as storage
from e2ad.storage.pool import Database
from e2ad.storage.stream import StreamReads

ACCOUNT = "a" * 32
AGENT = "bot@agents.test"
KEYS = KeyRing(("a deployment secret of the tests, long enough",))
CONFIG = attrs.evolve(Config(), shared_domain="agents.test")
REVIEWS = Reviews(Desk.of(CONFIG, KEYS, public_url=""), Acceptance.of(CONFIG, KEYS))
ANN = "ann@example.org"


async def run(database: Database, statement: str, **parameters: Any) -> None:
    async with database.connection() as connection:
        await connection.execute(statement, parameters)


async def rows(database: Database, table: str, order: str = "1") -> list[dict[str, Any]]:
    async with database.connection() as connection:
        return await connection.fetch_all(f"select * from {table} order by {order}")


@pytest.fixture
async def house(database: Database) -> Database:
    """An agent in cloud mode, and a webhook that wants everything."""
    await run(database, "insert into accounts (id, email) values (repeat('a', 32), 'owner@example.com')")
    await run(
        database,
        "insert into domains (domain, account_id, verified, verification_token)"
        " values ('agents.test', repeat('a', 32), true, 't')",
    )
    await run(
        database,
        "insert into agents (email, account_id, domain, registered_domain, agent_mode, webhook_url)"
        " values ('bot@agents.test', repeat('a', 32), 'agents.test', 'agents.test', 'cloud', 'https://x.example/')",
    )
    await run(
        database,
        "insert into webhooks (account_id, id, url, events, sealed_secret) values (repeat('a', 32), 'wh_1',"
        " 'https://y.example/', '{email.received,email.flagged,email.blocked,email.review_requested,"
        "email.review_approved,email.review_rejected}', 'x')",
    )
    return database


def protected(policy: Any, action: Any, *entries: str, **more: Any) -> Protection:
    return Protection(inbound=Inbound(gate=Gate(policy, action, entries)), holds=Holds(**more))


async def receive(
    database: Database,
    protection: Protection,
    *,
    author: str = ANN,
    verified: bool = True,
    text: str = "hello",
    more: str = "",
) -> tuple[str, list[StoredArrival]]:
    """Take one mail in; its id, and what this process was told."""
    await verbs.put(database, ACCOUNT, AGENT, protection, screening=True)
    recipient = await Directory(database, max_storage_bytes=10**12).find(Mailbox("bot", "agents.test"))
    content = f"From: {author}\r\nTo: {AGENT}\r\nSubject: s\r\nMessage-ID: <{text}@x>\r\n{more}\r\n{text}\r\n".encode()
    domain = author.rpartition("@")[2]
    authentication = Authentication(
        SpfResult(SpfStatus.PASS, domain),
        DmarcResult(DmarcStatus.PASS if verified else DmarcStatus.FAIL, domain),
        verified=verified,
    )
    envelope = Envelope(Peer("192.0.2.1", 25, "h", "s"), parse_mailbox(author), (recipient,))
    incoming = Incoming.of(envelope, content, hashlib.sha256(content).digest(), mime.parse(content), authentication)
    told: list[StoredArrival] = []
    intake = Intake(database, outbox=True, on_stored=told.extend, on_usage=lambda *_: None)
    ids: tuple[str, ...] = ()
    async with trio.open_nursery() as nursery:
        await nursery.start(intake.run)
        ids = await intake.submit([incoming.arrival(recipient)])
        nursery.cancel_scope.cancel()
    return ids[0], told


async def announced(database: Database) -> list[tuple[str, str]]:
    """Events with the kinds of their deliveries."""
    found = {row["id"]: row["type"] for row in await rows(database, "events")}
    return sorted((found[row["event_id"]], row["kind"]) for row in await rows(database, "deliveries"))


async def test_the_directory_knows_the_protection(house: Database) -> None:
    directory = Directory(house, max_storage_bytes=10**12)
    recipient = await directory.find(Mailbox("bot", "agents.test"))
    assert (recipient.protection, recipient.registered_domain) == (Protection(), "agents.test")
    wanted = await verbs.put(house, ACCOUNT, AGENT, protected("allowlist", "review", ANN), screening=True)
    directory.forget(AGENT)
    assert (await directory.find(Mailbox("bot", "agents.test"))).protection == wanted


async def test_whoever_is_listed_gets_through(house: Database) -> None:
    message_id, told = await receive(house, protected("allowlist", "review", ANN))
    (message,) = await rows(house, "messages")
    assert (message["id"], message["review_status"], message["flagged"]) == (message_id, None, False)
    assert [arrival.is_announced for arrival in told] == [True]
    assert await announced(house) == [("email.received", "agent"), ("email.received", "webhook")]
    assert await rows(house, "holds") == []


@pytest.mark.parametrize("changes", [{"verified": False}, {"author": "eve@example.org"}, {"author": "x@evil.test"}])
async def test_flagged_mail_is_delivered_and_marked(house: Database, changes: Any) -> None:
    message_id, told = await receive(house, protected("allowlist", "flag", ANN), **changes)
    (message,) = await rows(house, "messages")
    assert (message["flagged"], message["review_status"]) == (True, None)
    assert message["flag_reason"]
    assert [arrival.is_announced for arrival in told] == [True]
    assert await announced(house) == [
        ("email.flagged", "webhook"),
        ("email.received", "agent"),
        ("email.received", "webhook"),
    ]
    (flagged,) = [row for row in await rows(house, "events") if row["type"] == "email.flagged"]
    data = json.loads(flagged["envelope"])["data"]
    assert (data["message_id"], data["policy"], data["reason"]) == (message_id, "allowlist", message["flag_reason"])


async def test_held_mail_is_hidden_until_it_is_released(house: Database) -> None:
    message_id, told = await receive(house, protected("allowlist", "review", ttl_seconds=60))
    (message,) = await rows(house, "messages")
    assert message["review_status"] == "pending_review"
    assert 59 <= (message["review_expires_at"] - message["created_at"]).total_seconds() <= 61
    assert [arrival.is_announced for arrival in told] == [False]
    assert await announced(house) == [("email.review_requested", "webhook")]
    (hold,) = await rows(house, "holds")
    assert (hold["direction"], hold["reason"]["code"], hold["on_expiry"]) == ("inbound", "sender_not_allowed", "reject")
    (transition,) = await rows(house, "lifecycle")
    assert (transition["reason_code"], transition["message_id"]) == ("review.hold_created", message_id)
    (event,) = await rows(house, "events")
    data = json.loads(event["envelope"])["data"]
    assert data["lifecycle_transitions"][0]["id"] == transition["id"]
    assert (data["header_from"], data["reason_source"], data["delivered_to"]) == (ANN, "gate", AGENT)
    assert (await rows(house, "account_usage"))[0]["storage_bytes"] == message["size_bytes"]
    reads = StreamReads(house)
    assert await reads.backlog(ACCOUNT, AGENT, Position(message["created_at"], ""), 10, all_mail=False) == []

    later, _ = await receive(house, protected("open", "flag"), text="second")
    seen = next(row for row in await rows(house, "events") if row["message_id"] == later)
    async with house.transaction() as transaction:
        approved = await REVIEWS.approve(transaction, ACCOUNT, message_id, Reviewer("api", "k"), seen=hold_sha(message))
    assert (approved.status, approved.accepted) == ("review_approved", None)
    (message,) = [row for row in await rows(house, "messages") if row["id"] == message_id]
    assert (message["review_status"], message["unread"]) == ("review_approved", True)
    by_type = {row["type"]: row for row in await rows(house, "events") if row["message_id"] == message_id}
    assert set(by_type) == {"email.review_requested", "email.received", "email.review_approved"}
    decided = json.loads(by_type["email.review_approved"]["envelope"])["data"]
    assert (decided["direction"], decided["edited"]) == ("inbound", False)
    assert (decided["from"], decided["subject"]) == (ANN, "s")
    received = json.loads(by_type["email.received"]["envelope"])["data"]
    assert (received["message_id"], received["header_from"], received["subject"]) == (message_id, ANN, "s")
    assert received["verified_domain"] == "example.org"
    assert ("email.received", "agent") in await announced(house)
    # A socket that resumes behind a later mail gets what was released since.
    position = await reads.position(ACCOUNT, AGENT, seen["id"])
    assert position is not None
    (missed,) = await reads.backlog(ACCOUNT, AGENT, position, 10, all_mail=True)
    assert missed.message.id == message_id
    unread = await reads.backlog(ACCOUNT, AGENT, Position(message["created_at"], ""), 10, all_mail=False)
    assert [event.message.id for event in unread] == [message_id, later]


def hold_sha(message: dict[str, Any]) -> bytes:
    return bytes(message["content_sha256"])


async def test_rejected_mail_is_never_shown(house: Database) -> None:
    message_id, _ = await receive(house, protected("allowlist", "review"))
    async with house.transaction() as transaction:
        await REVIEWS.reject(transaction, ACCOUNT, message_id, Reviewer("api", "k"), reason="spam")
    (message,) = await rows(house, "messages")
    assert message["review_status"] == "review_rejected"
    assert "email.received" not in {row["type"] for row in await rows(house, "events")}


async def test_blocked_mail_is_kept_and_hidden(house: Database) -> None:
    message_id, told = await receive(house, protected("domain", "block"), verified=False)
    (message,) = await rows(house, "messages")
    assert (message["review_status"], message["content_sha256"] is None) == ("review_rejected", False)
    assert [arrival.is_announced for arrival in told] == [False]
    assert await announced(house) == [("email.blocked", "webhook")]
    (event,) = await rows(house, "events")
    assert json.loads(event["envelope"])["data"]["reason_source"] == "gate"
    assert await rows(house, "holds") == []
    async with house.connection() as connection:
        locked = await storage.lock(connection, ACCOUNT, message_id)
    assert locked is not None
    assert locked.review_status == "review_rejected"


async def test_a_conversation_reaches_every_event_of_a_mail(house: Database) -> None:
    await receive(house, protected("open", "flag"), text="first")
    answer = "In-Reply-To: <first@x>\r\nReferences: <first@x>\r\n"
    await receive(house, protected("allowlist", "flag"), text="second", more=answer)
    await receive(house, protected("allowlist", "review"), text="third", more=answer)
    await receive(house, protected("allowlist", "block"), text="fourth", more=answer)
    (conversation,) = {row["conversation_id"] for row in await rows(house, "messages")}
    for row in (await rows(house, "events", "created_at"))[1:]:
        assert json.loads(row["envelope"])["type"] == row["type"]
        assert json.loads(row["envelope"])["data"]["conversation_id"] == conversation


async def test_a_mail_for_two_is_judged_for_each(house: Database) -> None:
    await run(
        house,
        "insert into agents (email, account_id, domain, registered_domain, protection) values ('two@agents.test',"
        " repeat('a', 32), 'agents.test', 'agents.test', %(p)s::jsonb)",
        p=json.dumps(protected("allowlist", "review").to_json()),
    )
    directory = Directory(house, max_storage_bytes=10**12)
    content = b"From: ann@example.org\r\nSubject: s\r\n\r\nx\r\n"
    both: tuple[Recipient, ...] = (
        await directory.find(Mailbox("bot", "agents.test")),
        await directory.find(Mailbox("two", "agents.test")),
    )
    authentication = Authentication(SpfResult(SpfStatus.NONE), DmarcResult(DmarcStatus.NONE))
    envelope = Envelope(Peer("192.0.2.1", 25, "h", "s"), parse_mailbox(ANN), both)
    incoming = Incoming.of(envelope, content, hashlib.sha256(content).digest(), mime.parse(content), authentication)
    intake = Intake(house, outbox=True, on_stored=lambda _: None, on_usage=lambda *_: None)
    async with trio.open_nursery() as nursery:
        await nursery.start(intake.run)
        await intake.submit([incoming.arrival(recipient) for recipient in both])
        nursery.cancel_scope.cancel()
    found = {row["agent_email"]: row["review_status"] for row in await rows(house, "messages")}
    assert found == {"bot@agents.test": None, "two@agents.test": "pending_review"}
