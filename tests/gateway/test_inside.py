"""Mail from agent to agent: who gets it, what is said of its sender, and what becomes of each recipient."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from e2ad.core.errors import Unavailable
from e2ad.gateway.arrivals import Inside
from e2ad.gateway.directory import Directory
from e2ad.gateway.inside import InsideMail, Later, Taken, TurnedAway, evidence
from e2ad.gateway.intake import Intake
from e2ad.storage.pool import Database
from tests import factories

SENDER = "bot@agents.test"
RAW = (
    b"From: Bot <bot@agents.test>\r\nTo: ada@agents.test\r\nSubject: Hello\r\n"
    b"Message-ID: <m@agents.test>\r\n\r\nGood morning.\r\n"
)


@pytest.fixture
async def way_in(database: Database) -> AsyncIterator[InsideMail]:
    owner = await factories.account(database)
    for name in ("ada", "eve"):
        await factories.agent(database, owner.account_id, f"{name}@agents.test")
    full = await factories.account(database, max_storage_bytes=0)
    await factories.agent(database, full.account_id, "full@agents.test")
    await factories.agent(database, owner.account_id, "any@catch.test", catch_all=True)
    await factories.domain(database, "nobody.test", verified=False)
    async with trio.open_nursery() as nursery:
        intake = Intake(database, outbox=True, on_stored=lambda arrivals: None, on_usage=lambda account, size: None)
        await nursery.start(intake.run)
        yield InsideMail(Directory(database, max_storage_bytes=10**12), intake, "mx.agents.test", 3)
        nursery.cancel_scope.cancel()


async def deliver(way_in: InsideMail, *addresses: str, raw: bytes = RAW) -> dict[str, Any]:
    return await way_in.deliver(addresses, raw, sender=SENDER, inside=Inside(2, "agent=bot@agents.test;human=h"))


async def test_each_recipient_for_itself(way_in: InsideMail, database: Database) -> None:
    everyone = ("ada@agents.test", "nobody@agents.test", "full@agents.test", "not an address", "x@nobody.test")
    outcomes = await deliver(way_in, *everyone)
    assert isinstance(outcomes.pop("ada@agents.test"), Taken)
    assert outcomes == {
        "nobody@agents.test": TurnedAway(550, "5.1.1", "recipient not found"),
        "x@nobody.test": TurnedAway(550, "5.1.1", "recipient not found"),
        "full@agents.test": Later(452, "4.2.2", "the mailbox is full", outage=False),
        "not an address": TurnedAway(501, "5.1.3", "an address has the form local-part@domain"),
    }
    row = await database.fetch_one(
        "select agent_email, entity_type, hops, delegation, verified, peer_address, helo, envelope_from, authentication"
        " from messages",
        prepare=False,
    )
    assert row is not None
    authentication = row.pop("authentication")
    assert row == {
        "agent_email": "ada@agents.test",
        "entity_type": "agent",
        "hops": 2,
        "delegation": "agent=bot@agents.test;human=h",
        "verified": True,
        "peer_address": "127.0.0.1",
        "helo": "mx.agents.test",
        "envelope_from": SENDER,
    }
    assert authentication["dmarc"]["status"] == "pass"
    assert authentication["dmarc"]["aligned_by"] == ["dkim"]
    assert authentication["dkim"][0]["aligned"] is True
    assert authentication["spf"]["status"] == "none"


async def test_again_is_the_same_message(way_in: InsideMail, database: Database) -> None:
    first = await deliver(way_in, "ada@agents.test")
    again = await deliver(way_in, "ada@agents.test", "ada+tag@agents.test", "eve@agents.test")
    assert again["ada@agents.test"] == again["ada+tag@agents.test"] == first["ada@agents.test"]
    assert await database.fetch_value("select count(*) from messages", prepare=False) == 2


async def test_catch_all(way_in: InsideMail) -> None:
    assert isinstance((await deliver(way_in, "whoever@catch.test"))["whoever@catch.test"], Taken)


async def test_the_bytes_are_the_senders(way_in: InsideMail, database: Database) -> None:
    """No Received field, no signature: what was composed is what is read."""
    large = RAW + b"0123456789\r\n" * 10_000
    for raw in (RAW, large):
        assert isinstance((await deliver(way_in, "ada@agents.test", raw=raw))["ada@agents.test"], Taken)
    stored = await database.fetch_all("select raw from contents order by length(raw)", prepare=False)
    assert [row["raw"] for row in stored] == [RAW, large]


async def test_mail_that_goes_round_in_circles(way_in: InsideMail) -> None:
    looping = b"Received: from a by b; Mon, 1 Jan 2026 00:00:00 +0000\r\n" * 4 + RAW
    assert (await deliver(way_in, "ada@agents.test", raw=looping))["ada@agents.test"] == TurnedAway(
        554, "5.4.6", "Too many hops, mail loop"
    )


async def test_agents_of_one_account_share_their_conversations(way_in: InsideMail, database: Database) -> None:
    owner = await database.fetch_value("select account_id from agents where email = 'ada@agents.test'", prepare=False)
    stranger = await factories.account(database)
    await factories.agent(database, stranger.account_id, "sam@agents.test")
    raw = RAW.replace(b"To:", b"X-E2A-Conversation-Id: conv_ours\r\nTo:")
    origin = Inside(1, account_id=owner)
    everyone = ("ada@agents.test", "eve@agents.test", "sam@agents.test")
    await way_in.deliver(everyone, raw, sender=SENDER, inside=origin)
    await deliver(way_in, "eve@agents.test", raw=raw.replace(b"<m@", b"<n@"))
    rows = await database.fetch_all("select m.*, e.envelope from messages m join events e on e.message_id = m.id")
    joined = {(row["agent_email"], row["message_id"]) for row in rows if row["conversation_id"] == "conv_ours"}
    assert joined == {("ada@agents.test", "<m@agents.test>"), ("eve@agents.test", "<m@agents.test>")}
    for row in rows:
        ours = row["conversation_id"] == "conv_ours"
        assert row["threaded"] is ours
        assert ('"conversation_id":"conv_ours"' in row["envelope"]) is ours


async def test_a_named_conversation_comes_before_what_a_mail_answers(way_in: InsideMail, database: Database) -> None:
    owner = await database.fetch_value("select account_id from agents where email = 'ada@agents.test'", prepare=False)
    await deliver(way_in, "ada@agents.test")
    answer = RAW.replace(b"<m@agents.test>", b"<n@agents.test>\r\nIn-Reply-To: <m@agents.test>")
    named = answer.replace(b"To: ada", b"X-E2A-Conversation-Id: conv_ours\r\nTo: ada")
    await way_in.deliver(("ada@agents.test",), named, sender=SENDER, inside=Inside(1, account_id=owner))
    asked = "select conversation_id from messages where message_id = '<n@agents.test>'"
    assert await database.fetch_value(asked, prepare=False) == "conv_ours"


async def test_a_database_that_is_away(way_in: InsideMail, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> Any:
        await trio.lowlevel.checkpoint()
        raise Unavailable

    monkeypatch.setattr(Intake, "submit", away)
    outcome = (await deliver(way_in, "ada@agents.test"))["ada@agents.test"]
    assert outcome == Later(451, "4.3.0", "the inbox could not be reached", outage=True)


async def test_a_row_that_cannot_be_stored_keeps_no_other_out(
    way_in: InsideMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Intake.submit

    async def poisoned(self: Intake, arrivals: Any) -> Any:
        if any(arrival.agent_email.startswith("eve") for arrival in arrivals):
            raise ValueError("a row of its own kind")
        return await submit(self, arrivals)

    monkeypatch.setattr(Intake, "submit", poisoned)
    outcomes = await deliver(way_in, "ada@agents.test", "eve@agents.test")
    assert isinstance(outcomes["ada@agents.test"], Taken)
    assert outcomes["eve@agents.test"] == Later(451, "4.3.0", "it could not be stored: ValueError", outage=False)


def test_evidence_of_mail_without_an_author() -> None:
    known, unknown = evidence("agents.test"), evidence(None)
    assert (known.verified, known.verified_domain, known.domain_check) == (True, "agents.test", "spf=none; dkim=pass")
    assert (unknown.verified, unknown.verified_domain, unknown.domain_check) == (False, None, "spf=none; dkim=none")
