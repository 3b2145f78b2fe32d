"""Mail in and what an agent remembers of its senders: what is counted, when, and what the events say."""

import hashlib
import json
from typing import Any

import pytest
import trio

from e2ad.core import mime
from e2ad.core.address import Mailbox, parse_mailbox
from e2ad.core.authentication import (
    Authentication,
    DkimResult,
    DkimStatus,
    DmarcResult,
    DmarcStatus,
    SpfResult,
    SpfStatus,
)
from e2ad.core.message import Envelope, Peer
from e2ad.core.protection import Protection
from e2ad.gateway import protection as verbs
from e2ad.gateway.arrivals import Incoming
from e2ad.gateway.directory import Directory
from e2ad.gateway.intake import Arrival, Intake
from e2ad.gateway.reviews import Reviewer
from e2ad.storage.pool import Database
from tests import factories
from tests.gateway.test_intake_gate import (
    ACCOUNT,
    AGENT,
    ANN,
    REVIEWS,
    house,  # noqa: F401 - a fixture
    protected,
    rows,
)

OPEN = Protection()


def passed(domain: str, selector: str = "s1") -> Authentication:
    """A signature of the author's domain."""
    return Authentication(
        SpfResult(SpfStatus.NONE),
        DmarcResult(DmarcStatus.PASS, domain),
        (DkimResult(DkimStatus.PASS, domain, selector, aligned=True),),
        verified=True,
    )


def failed(domain: str) -> Authentication:
    return Authentication(SpfResult(SpfStatus.FAIL), DmarcResult(DmarcStatus.FAIL, domain))


async def arrival(
    database: Database, text: str, *, author: str, authentication: Authentication | None, more: str = ""
) -> Arrival:
    recipient = await Directory(database, max_storage_bytes=10**12).find(Mailbox("bot", "agents.test"))
    content = f"From: {author}\r\nTo: {AGENT}\r\nSubject: s\r\nMessage-ID: <{text}@x>\r\n{more}\r\n{text}\r\n".encode()
    domain = author.rpartition("@")[2].rstrip(">")
    envelope = Envelope(Peer("192.0.2.1", 25, "h", "s"), parse_mailbox(ANN), (recipient,))
    sha256 = hashlib.sha256(content).digest()
    incoming = Incoming.of(envelope, content, sha256, mime.parse(content), authentication or passed(domain))
    return incoming.arrival(recipient)


async def submit(database: Database, *arrivals: Arrival) -> tuple[str, ...]:
    intake = Intake(database, outbox=True, on_stored=lambda _: None, on_usage=lambda *_: None)
    async with trio.open_nursery() as nursery:
        await nursery.start(intake.run)
        ids = await intake.submit(arrivals)
        nursery.cancel_scope.cancel()
    return ids


async def receive(
    database: Database,
    text: str,
    *,
    author: str = ANN,
    authentication: Authentication | None = None,
    protection: Protection = OPEN,
    more: str = "",
) -> str:
    await verbs.put(database, ACCOUNT, AGENT, protection, screening=True)
    mail = await arrival(database, text, author=author, authentication=authentication, more=more)
    return (await submit(database, mail))[0]


async def told(database: Database, message_id: str) -> dict[str, Any]:
    """What the announcement says of the sender, which must be what the message has."""
    (event,) = [row for row in await rows(database, "events") if row["message_id"] == message_id]
    said = json.loads(event["envelope"])["data"]["sender_continuity"]
    (message,) = [row for row in await rows(database, "messages") if row["id"] == message_id]
    kept = {"status": message["continuity"], "detail": message["continuity_detail"], "resembles": message["resembles"]}
    assert {name: value for name, value in kept.items() if value is not None} == said
    return dict(said)


async def test_a_correspondent_is_new_then_consistent_then_broken(house: Database) -> None:  # noqa: F811
    assert (await told(house, await receive(house, "1")))["status"] == "new"
    assert (await told(house, await receive(house, "2", authentication=passed("example.org", "s2"))))[
        "status"
    ] == "consistent"
    forged = await told(house, await receive(house, "3", authentication=failed("example.org")))
    assert forged["status"] == "break"
    assert "a signature of example.org" in forged["detail"]
    (known,) = await rows(house, "correspondents")
    assert (known["address"], known["inbound_count"], known["verified_count"], known["known"]) == (ANN, 3, 2, True)
    first, second, third = [row["created_at"] for row in await rows(house, "messages", "created_at")]
    # The forged one is counted, but is no sign of life of Ann.
    assert (known["first_inbound_at"], known["last_inbound_at"]) == (first, second) != (first, third)
    evidence = {
        (row["mechanism"], row["domain"], row["selector"]): row["count"] for row in await rows(house, "sender_evidence")
    }
    assert evidence == {("dkim", "example.org", "s1"): 1, ("dkim", "example.org", "s2"): 1}


async def test_who_looks_like_a_known_correspondent_is_named(house: Database) -> None:  # noqa: F811
    await receive(house, "1")
    said = await told(house, await receive(house, "2", author="ann@examp1e.org"))
    assert (said["status"], said["resembles"]) == ("break", ANN)
    # Also the next time, well known by now: the other was known first. And Ann is not the one who resembles.
    again = await told(house, await receive(house, "3", author="ann@examp1e.org"))
    assert again["resembles"] == ANN
    assert (await told(house, await receive(house, "4")))["status"] == "consistent"
    breaks = [row for row in await rows(house, "protection_events") if row["detector"] == "sender_continuity"]
    assert [(row["action"], row["source"], row["reason"]) for row in breaks] == [("allow", "scan", "inbound_scan")] * 2


async def test_who_never_proved_anything_can_not_be_mistaken_for(house: Database) -> None:  # noqa: F811
    await receive(house, "1", authentication=failed("example.org"))
    assert (await told(house, await receive(house, "2", author="ann@examp1e.org")))["status"] == "new"


async def test_mail_that_waits_counts_when_it_is_released_and_never_when_it_is_not(house: Database) -> None:  # noqa: F811
    held = await receive(house, "1", protection=protected("allowlist", "review"))
    dropped = await receive(house, "2", protection=protected("allowlist", "review"))
    await receive(house, "3", protection=protected("allowlist", "block"))
    assert await rows(house, "correspondents") == []
    assert await rows(house, "sender_evidence") == []
    async with house.transaction() as transaction:
        await REVIEWS.approve(transaction, ACCOUNT, held, Reviewer("api", "k"))
    async with house.transaction() as transaction:
        await REVIEWS.reject(transaction, ACCOUNT, dropped, Reviewer("api", "k"))
    (known,) = await rows(house, "correspondents")
    (message,) = [row for row in await rows(house, "messages") if row["id"] == held]
    assert (known["inbound_count"], known["verified_count"], known["first_inbound_at"], known["last_inbound_at"]) == (
        1,
        1,
        message["created_at"],
        message["created_at"],
    )
    assert known["last_conversation_id"] == message["conversation_id"]
    assert [(row["domain"], row["selector"]) for row in await rows(house, "sender_evidence")] == [("example.org", "s1")]
    received = [row for row in await rows(house, "events") if row["type"] == "email.received"]
    assert json.loads(received[0]["envelope"])["data"]["sender_continuity"]["status"] == "new"
    assert (await told(house, await receive(house, "4")))["status"] == "consistent"


async def test_flagged_mail_counts(house: Database) -> None:  # noqa: F811
    await receive(house, "1", protection=protected("allowlist", "flag"))
    assert [row["inbound_count"] for row in await rows(house, "correspondents")] == [1]


async def test_a_repeat_counts_once(house: Database) -> None:  # noqa: F811
    await receive(house, "1")
    await receive(house, "1")
    assert [row["inbound_count"] for row in await rows(house, "correspondents")] == [1]


async def test_a_batch_is_two_statements_whatever_it_brings(house: Database) -> None:  # noqa: F811
    """One look-up, one that stores: conversations, senders, evidence, events and all."""
    await receive(house, "0")
    authors = [ANN, "ann@examp1e.org", "bob@example.com", ANN]
    arrivals = [
        await arrival(house, f"b{n}", author=author, authentication=None, more="In-Reply-To: <0@x>\r\n")
        for n, author in enumerate(authors)
    ]
    before = house.statements
    ids = await submit(house, *arrivals)
    assert house.statements - before == 2
    assert [(await told(house, one))["status"] for one in ids] == ["consistent", "break", "new", "consistent"]
    counts = {row["address"]: row["inbound_count"] for row in await rows(house, "correspondents")}
    assert counts == {ANN: 3, "ann@examp1e.org": 1, "bob@example.com": 1}
    assert len({row["conversation_id"] for row in await rows(house, "messages")}) == 1


async def test_who_writes_often_is_not_looked_up_each_time(house: Database) -> None:  # noqa: F811
    """And what is remembered of it is never older than the mail that this process stored."""
    await receive(house, "0", authentication=failed("example.org"))
    intake = Intake(house, outbox=True, on_stored=lambda _: None, on_usage=lambda *_: None)
    said: list[str] = []
    statements: list[int] = []
    mails = [failed, passed, failed, passed, passed, failed]
    async with trio.open_nursery() as nursery:
        await nursery.start(intake.run)
        for number, made in enumerate(mails, 1):
            mail = await arrival(house, str(number), author=ANN, authentication=made("example.org"))
            before = house.statements
            (message_id,) = await intake.submit([mail])
            statements.append(house.statements - before)
            said.append((await told(house, message_id))["status"])
        nursery.cancel_scope.cancel()
    assert said == ["consistent", "consistent", "break", "consistent", "consistent", "break"]
    assert statements == [2, 1, 2, 1, 1, 1]


async def test_another_agents_memory_is_its_own(house: Database) -> None:  # noqa: F811
    await factories.agent(house, ACCOUNT, "two@agents.test")
    await factories.insert(
        house,
        "correspondents",
        {"account_id": ACCOUNT, "agent_email": "two@agents.test", "address": ANN, "skeleton": "", "inbound_count": 9},
    )
    assert (await told(house, await receive(house, "1")))["status"] == "new"


@pytest.mark.parametrize(
    ("author", "counted"),
    [
        ("Ann <ANN@Example.ORG>", ANN),
        (f"{'a' * 5000}@example.org", None),
        ("ann@" + "example." * 400 + "org", None),
        ("undisclosed", None),
        ("ann@example.org, bob@example.com", ANN),
    ],
)
async def test_strange_authors_are_stored_like_others(house: Database, author: str, counted: str | None) -> None:  # noqa: F811
    """Nothing that a sender can write into From keeps its mail, or that of others in the batch, from being stored."""
    message_id = await receive(house, "1", author=author, authentication=failed("example.org"))
    assert [row["id"] for row in await rows(house, "messages")] == [message_id]
    assert [row["address"] for row in await rows(house, "correspondents")] == ([] if counted is None else [counted])


async def test_a_mail_without_an_author_says_nothing_of_its_sender(house: Database) -> None:  # noqa: F811
    await verbs.put(house, ACCOUNT, AGENT, OPEN, screening=True)
    recipient = await Directory(house, max_storage_bytes=10**12).find(Mailbox("bot", "agents.test"))
    content = b"Subject: s\r\n\r\nx\r\n"
    envelope = Envelope(Peer("192.0.2.1", 25, "h", "s"), parse_mailbox(ANN), (recipient,))
    incoming = Incoming.of(envelope, content, hashlib.sha256(content).digest(), mime.parse(content), failed("x.test"))
    await submit(house, incoming.arrival(recipient))
    (event,) = await rows(house, "events")
    assert "sender_continuity" not in json.loads(event["envelope"])["data"]
    assert [row["continuity"] for row in await rows(house, "messages")] == [None]
