"""The gate in front of mail out: what it asks the past, and what is written when it says no."""

import json
from typing import Any

import pytest
from attrs import evolve

from e2ad.config.sections import Config
from e2ad.core.events import parse_rfc3339
from e2ad.core.outbound import Draft
from e2ad.core.protection import Gate, Holds, Outbound, Protection, ProvenancePolicy
from e2ad.core.review_links import ReviewLink
from e2ad.core.sealing import KeyRing
from e2ad.gateway import gate, holds, mint, notices, provenance
from e2ad.gateway.acceptance import survey
from e2ad.gateway.gate import Blocked, Held, Passed, judge
from e2ad.gateway.holds import Desk
from e2ad.storage.pool import Database

ACCOUNT = "a" * 32
AGENT = "bot@agents.test"
KEYS = KeyRing(("a deployment secret of the tests, long enough",))
DESK = Desk.of(evolve(Config(), shared_domain="agents.test"), KEYS, public_url="https://e2a.test/")
DRAFT = Draft(agent_email=AGENT, to=("ada@example.org",), subject="Hi", text="the body", conversation_id="conv_1")


async def run(database: Database, statement: str, **parameters: Any) -> None:
    async with database.connection() as connection:
        await connection.execute(statement, parameters)


async def rows(database: Database, table: str) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        return await connection.fetch_all(f"select * from {table}")


@pytest.fixture
async def house(database: Database) -> Database:
    """An account with an agent, and a webhook that hears of blocked mail."""
    await run(database, "insert into accounts (id, email) values (repeat('a', 32), 'owner@example.com')")
    await run(
        database,
        "insert into domains (domain, account_id, verified, verification_token)"
        " values ('agents.test', repeat('a', 32), true, 't')",
    )
    await run(
        database,
        "insert into agents (email, account_id, domain, registered_domain)"
        " values ('bot@agents.test', repeat('a', 32), 'agents.test', 'agents.test')",
    )
    await run(
        database,
        "insert into webhooks (account_id, id, url, events, sealed_secret) values"
        " (repeat('a', 32), 'wh_1', 'https://y.example/', '{email.blocked,email.review_requested}', 'x')",
    )
    return database


def protected(policy: Any = "open", action: Any = "flag", *entries: str, **more: Any) -> Protection:
    return Protection(outbound=Outbound(gate=Gate(policy, action, entries), **more))


@pytest.mark.parametrize(
    ("protection", "asked", "expected"),
    [
        (Protection(), False, Passed),
        (protected("allowlist", "review", "ada@example.org"), True, Passed),
        (protected("allowlist", "review", "bob@example.org"), True, Held),
        (protected("allowlist", "block"), True, Blocked),
        (protected(require_review=True, provenance=ProvenancePolicy(content="allow")), False, Held),
        (protected(provenance=ProvenancePolicy(unseen="review")), True, Held),
    ],
)
async def test_the_past_is_asked_only_where_it_matters(
    house: Database, monkeypatch: pytest.MonkeyPatch, protection: Protection, asked: bool, expected: type
) -> None:
    calls: list[Any] = []
    classify = provenance.classify

    async def counted(*args: Any, **more: Any) -> Any:
        calls.append(more["recipients"])
        return await classify(*args, **more)

    monkeypatch.setattr(gate.provenance, "classify", counted)
    found = evolve(await survey(house, ACCOUNT, AGENT, DRAFT.recipients), protection=protection)
    verdict = await judge(house, found, DRAFT, max_agent_hops=6)
    assert type(verdict) is expected
    assert bool(calls) is asked


async def test_a_refusal_is_told_and_nothing_else_is_kept(house: Database) -> None:
    found = evolve(await survey(house, ACCOUNT, AGENT, DRAFT.recipients), protection=protected("allowlist", "block"))
    verdict = await judge(house, found, DRAFT, max_agent_hops=6)
    assert isinstance(verdict, Blocked)
    async with house.transaction() as transaction:
        reference = await holds.block(transaction, found, DRAFT, verdict, desk=DESK)
    assert len(reference) == len("msgblk_") + 24
    (event,) = await rows(house, "events")
    data = json.loads(event["envelope"])["data"]
    assert event["type"] == "email.blocked"
    assert (data["message_id"], data["direction"], data["reason_source"]) == (reference, "outbound", "gate")
    assert data["reason"] == "ada@example.org is not on the allowlist"
    assert "the body" not in event["envelope"]
    for table in ("messages", "holds", "notices"):
        assert await rows(house, table) == []
    assert [row["event_type"] for row in await rows(house, "deliveries")] == ["email.blocked"]


@pytest.mark.parametrize("suppressed", [False, True])
async def test_the_owner_is_asked_unless_they_said_no(house: Database, suppressed: bool) -> None:
    protection = evolve(protected(require_review=True), holds=Holds(suppress_notifications=suppressed))
    found = evolve(await survey(house, ACCOUNT, AGENT, DRAFT.recipients), protection=protection)
    verdict = await judge(house, found, DRAFT, max_agent_hops=6)
    assert isinstance(verdict, Held)
    async with house.transaction() as transaction:
        expires_at = await holds.hold(transaction, found, DRAFT, verdict, message_id=mint.new_id("msg_"), desk=DESK)
    (event,) = await rows(house, "events")
    data = json.loads(event["envelope"])["data"]
    assert parse_rfc3339(data["approval_expires_at"]) == expires_at
    assert len(await rows(house, "notices")) == (not suppressed)


@pytest.mark.parametrize("changes", [{"public_url": ""}, {"from_domain": ""}])
async def test_without_a_way_back_nobody_is_asked(house: Database, changes: Any) -> None:
    found = evolve(await survey(house, ACCOUNT, AGENT, DRAFT.recipients), protection=protected(require_review=True))
    verdict = await judge(house, found, DRAFT, max_agent_hops=6)
    assert isinstance(verdict, Held)
    async with house.transaction() as transaction:
        await holds.hold(
            transaction, found, DRAFT, verdict, message_id=mint.new_id("msg_"), desk=evolve(DESK, **changes)
        )
    assert await rows(house, "notices") == []
    assert len(await rows(house, "holds")) == 1


def test_the_request_names_the_mail_and_never_its_text() -> None:
    at = parse_rfc3339("2026-07-23T10:00:00Z")
    draft = evolve(
        DRAFT,
        subject="Pay\u202e now " + "x" * 100,
        cc=("bob@example.org",),
        bcc=tuple(f"r{number}@example.org" for number in range(30)),
        text="the secret body",
        html="<p>the secret body</p>",
    )
    notice = notices.review_request(
        draft,
        message_id="msg_" + "0" * 32,
        sha256=b"s" * 32,
        reason="<b>because</b>",
        expires_at=at,
        at=at,
        to="owner@example.com",
        secret=KEYS.current,
        public_url="https://e2a.test/",
        from_domain="agents.test",
    )
    text = notice.content.replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
    assert notice.recipient == "owner@example.com"
    assert "secret body" not in text
    assert "\u202e" not in text
    assert "<b>because" not in text.partition("<html")[2]
    assert f"Message-ID: <hitl-approve-msg_{'0' * 32}@agents.test>" in text
    assert "hitl-noreply@agents.test" in text
    assert "Auto-Submitted: auto-generated" in text
    assert "r19@example.org" in text
    assert "r20@example.org" not in text
    assert "and 10 more" in text
    assert "https://e2a.test/dashboard/pending?id=msg_" in text
    for action in ("approve", "reject"):
        token = text.partition(f"https://e2a.test/v1/{action}?t=")[2].split()[0]
        link = ReviewLink.claimed(token)
        assert link is not None
        assert (link.action, link.expires_at) == (action, int(at.timestamp()) + 600)
        assert link.is_signed(KEYS.secrets, token, b"s" * 32)
        assert not link.is_signed(KEYS.secrets, token, b"t" * 32)
