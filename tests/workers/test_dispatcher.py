"""The dispatcher against a real database and a far relay: what becomes of each recipient, and what is told of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import trio
from attrs import evolve

from e2ad.config.sections import Ramp
from e2ad.core.errors import Unavailable
from e2ad.gateway import outcomes
from e2ad.storage.listener import Listener
from e2ad.storage.pool import Database
from e2ad.workers import dispatch_attempt, dispatch_loop, dispatcher
from tests import factories
from tests.smtp.relay import CLOSE, FarRelay, settings
from tests.workers.dispatching import CONFIG, Keys, a_key, post, with_relay, world


async def test_sent(database: Database) -> None:
    account = await world(database)
    keys = Keys({"agents.test": (a_key("k1"), a_key("k2"))})
    async with post(database, keys=keys) as it:
        message = await factories.submission(database, account, relay=["joe@people.test", "eve@people.test"])
        it.dispatcher.kick()
        await it.settled(message)
        assert await it.recipients(message) == {"joe@people.test": "sent", "eve@people.test": "sent"}
        row = await it.row(message)
        assert (row["status"], row["attempts"], row["counted_attempts"]) == ("sent", 1, 0)
        assert row["transmitting_at"] is row["leased_until"] is row["next_attempt_at"] is None
        assert row["submitted_at"] is not None
        assert await it.events(message) == ["email.sent"]
        assert await it.ledger(message) == [
            ("submission.upstream_accepted", "eve@people.test"),
            ("submission.upstream_accepted", "joe@people.test"),
        ]
    (mail,) = it.far.mails
    assert set(mail.recipients) == {"joe@people.test", "eve@people.test"}
    assert f"<{row['return_path']}>" in mail.mail
    assert mail.content.count(b"DKIM-Signature:") == 2
    assert b"\r\n\r\nGood morning.\r\n" in mail.content


async def test_payload(database: Database) -> None:
    account = await world(database)
    columns = {"cc_addresses": factories.Jsonb(["c@people.test"]), "bcc_addresses": factories.Jsonb(["b@people.test"])}
    async with post(database) as it:
        it.far.acts["final"] = [b"250 2.0.0 Ok: queued as 4XyZ\r\n"]
        message = await factories.submission(database, account, relay=["joe@people.test"], message=columns)
        it.dispatcher.kick()
        await it.settled(message)
        envelope = await database.fetch_value("select envelope from events", prepare=False)
        event = orjson.loads(envelope)
    data = event["data"]
    assert data.pop("conversation_id").startswith("conv_")
    assert data == {
        "message_id": message,
        "agent_email": "bot@agents.test",
        "direction": "outbound",
        "method": "smtp",
        "from": "bot@agents.test",
        "to": ["joe@people.test"],
        "cc": ["c@people.test"],
        "bcc": ["b@people.test"],
        "subject": "Hello",
        "message_type": "send",
        "provider_message_id": "<4XyZ>",
    }


@pytest.mark.parametrize(
    ("answers", "states", "status", "events", "wait"),
    [
        ({"a": b"250 ok", "b": b"452 4.2.2 full"}, {"a": "sent", "b": "pending"}, "deferred", ["email.sent"], 100),
        ({"a": b"250 ok", "b": b"550 5.1.1 no"}, {"a": "sent", "b": "bounced"}, "bounced",
         ["domain.suppression_added", "email.bounced", "email.sent"], None),
        ({"a": b"250 ok", "b": b"550 5.7.1 no"}, {"a": "sent", "b": "bounced"}, "bounced",
         ["email.bounced", "email.sent"], None),
        ({"a": b"550 5.7.1 no", "b": b"550 5.7.1 no"}, {"a": "bounced", "b": "bounced"}, "failed",
         ["email.failed"], None),
        ({"a": b"450 4.7.1 later", "b": b"550 5.7.1 no"}, {"a": "pending", "b": "bounced"}, "accepted", [], 100),
    ],
)  # fmt: skip
async def test_per_recipient(
    database: Database,
    answers: dict[str, bytes],
    states: dict[str, str],
    status: str,
    events: list[str],
    wait: int | None,
) -> None:
    account = await world(database)
    far = FarRelay(recipients={f"{name}@people.test": answer + b"\r\n" for name, answer in answers.items()})
    async with post(database, far=far) as it:
        message = await factories.submission(database, account, relay=[f"{name}@people.test" for name in answers])
        it.dispatcher.kick()
        await it.settled(message)
        assert await it.recipients(message) == {f"{name}@people.test": state for name, state in states.items()}
        row = await it.row(message)
        assert row["status"] == status
        assert await it.events(message) == events
        if wait is None:
            assert row["next_attempt_at"] is None
        else:
            left = (row["next_attempt_at"] - datetime.now(UTC)).total_seconds()
            assert wait - 10 < left <= wait
            assert row["counted_attempts"] == 1


async def test_bounce_that_came_before_the_first_acceptance_is_told_with_it(database: Database) -> None:
    account = await world(database)
    far = FarRelay(recipients={"a@people.test": b"450 4.7.1 later\r\n", "b@people.test": b"550 5.7.1 no\r\n"})
    async with post(database, far=far) as it:
        message = await factories.submission(database, account, relay=["a@people.test", "b@people.test"])
        it.dispatcher.kick()
        await it.settled(message)
        far.recipients["a@people.test"] = b"250 ok\r\n"
        await it.due_now(message)
        await it.settled(message)
        assert await it.events(message) == ["email.bounced", "email.sent"]
        assert (await it.row(message))["status"] == "bounced"


@pytest.mark.parametrize(
    ("acts", "states", "counted"),
    [
        ({"MAIL": b"451 4.3.0 busy\r\n"}, "pending", 1),
        ({"MAIL": b"550 5.7.1 not you\r\n"}, "failed", 0),
        ({"greeting": b"421 4.3.2 away\r\n"}, "pending", 0),
        ({"greeting": b"554 5.3.2 never\r\n"}, "pending", 0),
        ({"greeting": CLOSE}, "pending", 0),
        ({"content": CLOSE}, "outcome_unknown", 0),
        ({"final": b"452 4.3.1 full\r\n"}, "pending", 1),
        ({"final": b"554 5.6.0 spam\r\n"}, "failed", 0),
        ({"final": CLOSE}, "outcome_unknown", 0),
    ],
)
async def test_whole_mail(database: Database, acts: dict[str, Any], states: str, counted: int) -> None:
    account = await world(database)
    far = FarRelay(acts={step: [act] for step, act in acts.items()})
    async with post(database, far=far) as it:
        message = await factories.submission(database, account, relay=["joe@people.test"])
        it.dispatcher.kick()
        await it.settled(message)
        row = await it.row(message)
        assert (await it.recipients(message), row["counted_attempts"]) == ({"joe@people.test": states}, counted)
        assert row["transmitting_at"] is None
        expected = {"pending": "accepted"}.get(states, states)
        assert row["status"] == expected
        assert await it.events(message) == (["email.failed"] if states == "failed" else [])
        assert row["detail"]
        if states == "outcome_unknown":
            assert "resolve" in row["detail"]
            assert await it.ledger(message) == [("submission.local_retries_exhausted", "joe@people.test")]


async def test_schedule_ends(database: Database) -> None:
    account = await world(database)
    far = FarRelay(recipients={"joe@people.test": b"451 4.3.0 busy\r\n"})
    async with post(database, far=far) as it:
        message = await factories.submission(database, account, relay=["joe@people.test"])
        for attempt in (1, 2, 3):
            await it.due_now(message)
            await it.settled(message)
            row = await it.row(message)
            assert row["counted_attempts"] == attempt
        assert row["status"] == "failed"
        assert row["failure_source"] == "local"
        assert await it.events(message) == ["email.failed"]
        codes = [code for code, _ in await it.ledger(message)]
        assert codes == ["submission.local_retries_exhausted"] + ["submission.temporary_failure"] * 2


async def test_outage_lasts_too_long(database: Database) -> None:
    account = await world(database)
    async with post(database) as it:
        old = datetime.now(UTC) - timedelta(seconds=2000)
        it.far.acts["greeting"] = [CLOSE, CLOSE]
        young = await factories.submission(database, account, relay=["joe@people.test"])
        message = await factories.submission(database, account, relay=["joe@people.test"], accepted_at=old)
        it.dispatcher.kick()
        await it.settled(message, young)
        assert (await it.row(message))["status"] == "failed"
        row = await it.row(young)
        assert row["status"] == "accepted"
        assert 40 < (row["next_attempt_at"] - datetime.now(UTC)).total_seconds() <= 50


async def test_captured(database: Database) -> None:
    account = await world(database)
    async with post(database, captured=True) as it:
        message = await factories.submission(database, account, relay=["joe@people.test"])
        it.dispatcher.kick()
        await it.settled(message)
        row = await it.row(message)
        assert (row["status"], row["detail"]) == ("sent", "captured: no relay is configured")
        assert await it.events(message) == ["email.sent"]


async def test_inside_and_relay(database: Database) -> None:
    account = await world(database)
    async with post(database) as it:
        message = await factories.submission(
            database,
            account,
            relay=["joe@people.test"],
            inside=["ada@agents.test", "nobody@agents.test"],
            message={"hops": 2},
        )
        it.dispatcher.kick()
        await it.settled(message)
        assert await it.recipients(message) == {
            "joe@people.test": "sent",
            "ada@agents.test": "sent",
            "nobody@agents.test": "bounced",
        }
        assert await it.events(message) == ["email.bounced", "email.sent"]
        received = await database.fetch_all(
            "select entity_type, hops, delegation, verified, verified_domain, domain_check, header_from, envelope_from"
            " from messages where direction = 'inbound'",
            prepare=False,
        )
        assert received == [
            {
                "entity_type": "agent",
                "hops": 2,
                "delegation": f"agent=bot@agents.test;human={account}",
                "verified": True,
                "verified_domain": "agents.test",
                "domain_check": "spf=none; dkim=pass",
                "header_from": "bot@agents.test",
                "envelope_from": "bot@agents.test",
            }
        ]
        assert await database.fetch_value("select count(*) from suppressions", prepare=False) == 0


async def test_inside_comes_once_however_often_it_is_tried(database: Database) -> None:
    account = await world(database)
    far = FarRelay(recipients={"joe@people.test": b"451 4.3.0 busy\r\n"})
    async with post(database, far=far) as it:
        message = await factories.submission(database, account, relay=["joe@people.test"], inside=["ada@agents.test"])
        for _ in range(2):
            await database.execute(
                "update recipients set status = 'pending' where address = 'ada@agents.test'", prepare=False
            )
            await it.due_now(message)
            await it.settled(message)
        inbound = "select count(*) from messages where direction = 'inbound'"
        assert await database.fetch_value(inbound, prepare=False) == 1


async def test_carry(database: Database) -> None:
    account = await world(database)
    async with post(database, running=False) as it:
        message = await factories.submission(
            database, account, inside=["bot@agents.test"], message={"method": "loopback"}
        )
        await it.dispatcher.carry(account, message)
        row = await it.row(message)
        assert (row["status"], row["next_attempt_at"]) == ("sent", None)
        assert await it.events(message) == ["email.sent"]
        assert await it.ledger(message) == [("submission.local_loopback_accepted", "bot@agents.test")]
        with pytest.raises(Unavailable):
            await it.dispatcher.carry(account, message)


async def test_suppressed_at_send_time(database: Database) -> None:
    account = await world(database)
    for address, agent in (("joe@people.test", ""), ("eve@people.test", "bot@agents.test"), ("ann@people.test", "x@y")):
        row = {"account_id": account, "agent_email": agent, "address": address, "source": "manual"}
        await factories.insert(database, "suppressions", row)
    async with post(database) as it:
        everyone = ["joe@people.test", "eve@people.test", "ann@people.test"]
        message = await factories.submission(database, account, relay=everyone)
        it.dispatcher.kick()
        await it.settled(message)
        assert await it.recipients(message) == dict(zip(everyone, ("failed", "failed", "sent"), strict=True))
        assert [mail.recipients for mail in it.far.mails] == [("ann@people.test",)]
        blocked = [who for code, who in await it.ledger(message) if code == "suppression.recipient_blocked"]
        assert blocked == ["eve@people.test", "joe@people.test"]


@pytest.mark.parametrize("trashed", ["messages", "agents"])
async def test_trash_cancels(database: Database, trashed: str) -> None:
    account = await world(database)
    message = await factories.submission(database, account, relay=["joe@people.test"])
    await database.execute(f"update {trashed} set deleted_at = now() where account_id = %(a)s", {"a": account})
    async with post(database) as it:
        await it.settled(message)
        assert (await it.row(message))["status"] == "failed"
        assert await it.ledger(message) == [("submission.cancelled", "joe@people.test")]
        assert await it.events(message) == ["email.failed"]
    assert it.far.connections == 0


async def test_lost_claim_is_unknown_and_never_sent(database: Database) -> None:
    account = await world(database)
    long_ago = datetime.now(UTC) - timedelta(seconds=1)
    message = await factories.submission(
        database, account, relay=["joe@people.test"], inside=["ada@agents.test"], status="sending", attempts=1,
        transmitting_at=long_ago, leased_until=long_ago,
    )  # fmt: skip
    untouched = await factories.submission(
        database, account, relay=["joe@people.test"], status="sending", attempts=1, leased_until=long_ago
    )
    async with post(database) as it:
        await it.settled(message, untouched)
        assert await it.recipients(message) == {"joe@people.test": "outcome_unknown", "ada@agents.test": "sent"}
        assert (await it.row(message))["status"] == "outcome_unknown"
        assert await it.recipients(untouched) == {"joe@people.test": "sent"}
    assert len(it.far.mails) == 1


@pytest.mark.parametrize(("resolution", "status"), [("sent", "sent"), ("failed", "failed"), ("resend", "sent")])
async def test_a_person_resolves(database: Database, resolution: outcomes.Resolution, status: str) -> None:
    account = await world(database)
    async with post(database) as it:
        it.far.acts["final"] = [CLOSE]
        message = await factories.submission(database, account, relay=["joe@people.test"])
        it.dispatcher.kick()
        await it.settled(message)
        at = datetime.now(UTC)
        await outcomes.resolve(database, account, "bot@agents.test", message, resolution, outbox=True, at=at)
        it.dispatcher.kick()
        await it.settled(message)
        assert (await it.row(message))["status"] == status
        assert len(it.far.mails) == (2 if resolution == "resend" else 1)
        assert await it.events(message) == ["email.failed" if status == "failed" else "email.sent"]
        with pytest.raises(outcomes.Conflict):
            await outcomes.resolve(database, account, "bot@agents.test", message, "sent", outbox=True, at=at)


async def test_two_dispatchers_send_each_mail_once(database: Database) -> None:
    account = await world(database)
    far = FarRelay()
    messages = [await factories.submission(database, account, relay=["joe@people.test"]) for _ in range(60)]
    async with post(database, far=far) as one, post(database, far=FarRelay()) as two:
        await one.settled(*messages, seconds=30)
        seen = [mail.content for mail in (*one.far.mails, *two.far.mails)]
    assert len(seen) == len(set(seen)) == 60


async def test_mark_is_refused_to_a_lost_claim(database: Database) -> None:
    """The claim passes on while the relay is still at RCPT: nothing is sent, and nothing is written over."""
    account = await world(database)
    async with post(database) as it:
        await database.execute("select 1")
        message = await factories.submission(database, account, relay=["joe@people.test"])

        async def steal(_: Any) -> None:
            await database.execute("update submissions set attempts = attempts + 1", prepare=False)

        means = it.dispatcher._mails.means
        mark = means.mark

        async def stolen(claim: Any) -> None:
            await steal(claim)
            await mark(claim)

        object.__setattr__(means, "mark", stolen)
        it.dispatcher.kick()
        with trio.fail_after(10):
            while "DATA" not in it.far.verbs or it.far.open_now:
                await trio.sleep(0.01)
        assert it.far.mails == []
        row = await it.row(message)
        assert (row["status"], row["attempts"], row["transmitting_at"]) == ("sending", 2, None)


async def test_trash_wins_until_the_mark(database: Database) -> None:
    account = await world(database)
    async with post(database) as it:
        message = await factories.submission(database, account, relay=["joe@people.test"])
        means = it.dispatcher._mails.means
        mark = means.mark

        async def trashing(claim: Any) -> None:
            await database.execute("update messages set deleted_at = now()", prepare=False)
            await mark(claim)

        object.__setattr__(means, "mark", trashing)
        it.dispatcher.kick()
        await it.settled(message)
        assert await it.recipients(message) == {"joe@people.test": "failed"}
        assert it.far.mails == []


async def test_ramp(database: Database) -> None:
    account = await world(database)
    config = evolve(CONFIG, ramp=Ramp(enabled=True, start_daily=3, target_daily=30, ramp_days=3))
    async with post(database, config=config) as it:
        sent = await factories.submission(database, account, relay=["a@people.test", "b@people.test"])
        it.dispatcher.kick()
        await it.settled(sent)
        over = await factories.submission(database, account, relay=["c@people.test", "d@people.test"])
        free = await factories.submission(database, account, relay=["c@people.test", "d@people.test"], sent_as="relay")
        late = await factories.submission(
            database, account, relay=["c@people.test", "d@people.test"],
            accepted_at=datetime.now(UTC) - timedelta(seconds=2000),
        )  # fmt: skip
        it.dispatcher.kick()
        await it.settled(over, free, late)
        assert [(await it.row(m))["status"] for m in (sent, over, free, late)] == ["sent", "accepted", "sent", "failed"]
        row = await it.row(over)
        assert row["next_attempt_at"].date() == (datetime.now(UTC) + timedelta(days=1)).date()
        assert (await it.row(late))["detail"] == "ramp_capacity_timeout"
        # The next day: yesterday counts, since more than half of its cap was used.
        await database.execute("update sending_ramps set day = day - 1", prepare=False)
        await it.due_now(over)
        await it.settled(over)
        assert (await it.row(over))["status"] == "sent"
        ramp = await database.fetch_one("select used, active_days, state from sending_ramps", prepare=False)
        assert ramp == {"used": 2, "active_days": 1, "state": "ramping"}


async def test_scheduled_mail_is_spread(database: Database) -> None:
    account = await world(database)
    past = datetime.now(UTC) - timedelta(seconds=5)
    start = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 60 * 60, UTC)
    for minute in (0, 1):  # the minute may turn while this runs
        window = {"subject": "dispatch:bot@agents.test", "window_start": start + timedelta(minutes=minute), "used": 60}
        await factories.insert(database, "rate_windows", window)
    message = await factories.submission(database, account, relay=["joe@people.test"], scheduled_at=past)
    async with post(database) as it:
        await it.settled(message)
        row = await it.row(message)
        assert (row["status"], row["counted_attempts"]) == ("accepted", 0)
        assert 0 < (row["next_attempt_at"] - datetime.now(UTC)).total_seconds() <= 61
        await database.execute("delete from rate_windows", prepare=False)
        it.dispatcher._mails.means.limits._windows.clear()
        await it.due_now(message)
        await it.settled(message)
        assert (await it.row(message))["status"] == "sent"


async def test_large_mail_is_read_by_its_attempt(database: Database) -> None:
    account = await world(database)
    raw = b"From: bot@agents.test\r\nSubject: x\r\n\r\n" + b"0123456789\r\n" * 20_000
    async with post(database, keys=Keys({"agents.test": (a_key(),)})) as it:
        message = await factories.submission(database, account, relay=["joe@people.test"], raw=raw)
        it.dispatcher.kick()
        await it.settled(message)
    assert it.far.mails[0].content.endswith(raw)


async def test_notices(database: Database) -> None:
    account = await world(database)
    pending = await factories.message(database, account, direction="outbound", review_status="pending_review")
    decided = await factories.message(database, account, direction="outbound", review_status="review_rejected")
    raw = b"From: hitl-noreply@agents.test\r\nSubject: Review\r\nMessage-ID: <n@agents.test>\r\n\r\nx\r\n"
    due = datetime.now(UTC) - timedelta(seconds=1)
    cases = {
        "n1": ("joe@people.test", pending, None),
        "n2": ("joe@people.test", decided, None),
        "n3": ("ada@agents.test", pending, None),
        "n4": ("joe@people.test", pending, due),
        "n5": ("full@people.test", pending, None),
        "n6": ("gone@people.test", None, None),
    }
    for name, (to, about, transmitting) in cases.items():
        row = {
            "id": name,
            "account_id": account,
            "kind": "review",
            "message_id": about,
            "recipient": to,
            "content": raw,
        }
        await factories.insert(database, "notices", row | {"next_attempt_at": due, "transmitting_at": transmitting})
    far = FarRelay(recipients={"full@people.test": b"452 4.2.2 full\r\n", "gone@people.test": b"550 5.1.1 no\r\n"})
    async with post(database, far=far) as it:
        with trio.fail_after(10):
            while await database.fetch_value(
                "select count(*) from notices where next_attempt_at < now() + interval '30 s'", prepare=False
            ) or await database.fetch_value(
                "select count(*) from notices where status = 'pending' and detail is null", prepare=False
            ):
                await trio.sleep(0.01)
        rows = await database.fetch_all("select id, status from notices order by id", prepare=False)
        states = {row["id"]: row["status"] for row in rows}
    expected = ("sent", "skipped", "failed", "outcome_unknown", "pending", "failed")
    assert states == dict(zip(cases, expected, strict=True))
    assert [mail.recipients for mail in it.far.mails] == [("joe@people.test",)]
    assert "<hitl-noreply@agents.test>" in it.far.mails[0].mail


async def test_a_notice_comes_from_the_deployments_own_domain(database: Database) -> None:
    account = await world(database)
    raw = b"From: hitl-noreply@mx.test\r\nSubject: Review\r\nMessage-ID: <n@mx.test>\r\n\r\nx\r\n"
    row = {"id": "n1", "account_id": account, "kind": "review", "recipient": "joe@people.test", "content": raw}
    await factories.insert(database, "notices", row | {"next_attempt_at": datetime.now(UTC)})
    config = evolve(with_relay(from_domain=""), shared_domain="", smtp=evolve(CONFIG.smtp, domain="mx.test"))
    async with post(database, config=config) as it:
        with trio.fail_after(10):
            while not it.far.mails:
                await trio.sleep(0.01)
    assert "<hitl-noreply@mx.test>" in it.far.mails[0].mail


@pytest.mark.parametrize(
    "owner", ["bot@agents.test", "Ada@AGENTS.TEST", "ada+owner@agents.test", "anybody@caught.test", "ada@full.test"]
)
async def test_no_notice_ends_in_an_inbox_here(database: Database, owner: str) -> None:
    """An agent that reads a request to review its own mail could approve it."""
    account = await world(database)
    for email in ("all@caught.test", "ada@full.test"):
        await factories.agent(database, account, email, catch_all=email.startswith("all@"))
    about = await factories.message(database, account, direction="outbound", review_status="pending_review")
    raw = b"From: hitl-noreply@agents.test\r\nSubject: Review\r\nMessage-ID: <n@agents.test>\r\n\r\nx\r\n"
    row = {"id": "n1", "account_id": account, "kind": "review", "message_id": about, "recipient": owner, "content": raw}
    await factories.insert(database, "notices", row | {"next_attempt_at": datetime.now(UTC) - timedelta(seconds=1)})
    if owner == "ada@full.test":
        await database.execute("update account_usage set storage_bytes = 10::bigint ^ 13", prepare=False)
    async with post(database) as it:
        with trio.fail_after(10):
            while await database.fetch_value("select count(*) from notices where status = 'pending'", prepare=False):
                await trio.sleep(0.01)
    (notice,) = await database.fetch_all("select status, detail from notices", prepare=False)
    assert notice["status"] == "failed"
    assert "no agent may decide" in notice["detail"]
    assert not it.far.mails
    assert await database.fetch_value("select count(*) from messages where direction = 'inbound'", prepare=False) == 0


async def test_graceful_end(database: Database) -> None:
    """Nothing more is claimed; what is on its way is finished and recorded."""
    account = await world(database)
    async with post(database, config=with_relay(concurrency=2)) as it:
        messages = [await factories.submission(database, account, relay=["joe@people.test"]) for _ in range(6)]
        it.dispatcher.kick()
        with trio.fail_after(10):
            while not it.far.mails:
                await trio.sleep(0.001)
        it.closing.set()
        with trio.fail_after(10):
            while await database.fetch_value("select count(*) from submissions where status = 'sending'"):
                await trio.sleep(0.01)
        states = [(await it.row(message))["status"] for message in messages]
    assert states.count("sent") == len(it.far.mails) < 6
    assert set(states) == {"sent", "accepted"}


async def test_what_is_committed_where_no_loop_runs_is_announced(database: Database) -> None:
    heard: list[str] = []
    listener = Listener(database.dsn)
    listener.subscribe("e2ad_submissions", heard.append)
    async with post(database, running=False) as it, trio.open_nursery() as nursery:
        await nursery.start(listener.run)
        await nursery.start(it.dispatcher.announce)
        for _ in range(100):
            it.dispatcher.kick()
        with trio.fail_after(10):
            while not heard:
                await trio.sleep(0.01)
        await trio.sleep(0.2)
        assert len(heard) == 1, "many commits are one notification"
        it.dispatcher.kick()
        with trio.fail_after(10):
            while len(heard) < 2:
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()


def test_the_lease_outlasts_the_end_of_an_attempt() -> None:
    end_seconds = settings().cancelled_seconds + dispatch_attempt.GIVE_BACK_SECONDS + dispatch_loop.RECORD_SECONDS
    assert end_seconds < dispatcher.LEASE_MARGIN_SECONDS
