"""What reports do to the mail they are about, and to nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core import mime
from e2ad.core.errors import Failure, NotFound, Unavailable
from e2ad.core.message import Recipient
from e2ad.core.outbound import RecipientStatus
from e2ad.core.reports import ComplaintReport, DeliveryReport, RecipientReport, read_report
from e2ad.gateway import bounce_rules, outcomes
from e2ad.gateway import feedback as gateway
from e2ad.gateway.feedback import Feedback, Finding, attribute, report_in
from e2ad.storage.pool import Database
from tests import factories
from tests.factories import Owner, Sent

ANN, BEN = "ann@far.test", "ben@far.test"


@pytest.fixture
async def owner(database: Database) -> Owner:
    made = await factories.account(database)
    await factories.agent(database, made.account_id)
    return made


@pytest.fixture
def feedback(database: Database) -> Feedback:
    return Feedback.build(database, domains=("agents.test",), outbox=True)


def one(action: Any = "failed", status: str = "5.1.1", address: str = ANN, **more: str) -> RecipientReport:
    given = {"diagnostic": "550 5.1.1 no such user", **more}
    return RecipientReport(address, action, status, **given)


def dsn(*recipients: RecipientReport) -> DeliveryReport:
    return DeliveryReport(recipients or (one(),))


def returns(*sent: Sent) -> list[Recipient]:
    bot = "bot@agents.test"
    return [Recipient(mail.account_id, bot, bot, reports_on=mail.message_id) for mail in sent]


async def hear(feedback: Feedback, report: Any, *sent: Sent, sha256: bytes = b"\1" * 32) -> None:
    await feedback.hear(returns(*sent), report, sha256, session="s")


async def states(database: Database, sent: Sent) -> dict[str, str]:
    rows = await database.fetch_all(
        "select address, status from recipients where message_id = %(id)s order by address", {"id": sent.message_id}
    )
    return {row["address"]: row["status"] for row in rows}


async def status(database: Database, sent: Sent) -> str:
    return str(
        await database.fetch_value("select status from submissions where message_id = %(id)s", {"id": sent.message_id})
    )


async def events(database: Database) -> list[tuple[str, dict[str, Any]]]:
    rows = await database.fetch_all("select type, envelope from events order by type, created_at")
    return [(row["type"], json.loads(row["envelope"])["data"]) for row in rows]


async def suppressed(database: Database) -> dict[str, str]:
    rows = await database.fetch_all("select address, source from suppressions")
    return {row["address"]: row["source"] for row in rows}


async def ledger(database: Database) -> list[dict[str, Any]]:
    return await database.fetch_all("select reason_code, recipient, evidence from lifecycle order by reason_code")


async def everything(database: Database) -> list[Any]:
    """All that feedback can write."""
    tables = ("recipients", "submissions", "suppressions", "lifecycle", "events", "deliveries", "provider_events")
    return [await database.fetch_all(f"select * from {table} order by 1, 2") for table in tables]


# One report


@pytest.mark.parametrize(
    ("report", "state", "told", "suppresses", "reason"),
    [
        (one("failed", "5.1.1"), "bounced", "email.bounced", True, "delivery.permanent_bounce"),
        (one("failed", "5.2.2"), "bounced", "email.bounced", False, "delivery.permanent_bounce"),
        (one("failed", "5.7.1"), "bounced", "email.bounced", False, "delivery.permanent_bounce"),
        (one("failed", "4.4.1"), "bounced", "email.bounced", False, "delivery.transient_bounce"),
        (one("failed", "5.0.0", diagnostic=""), "bounced", "email.bounced", False, "delivery.undetermined_bounce"),
        (one("delayed", "4.4.1"), "deferred", None, False, "delivery.temporary_delay"),
        (one("delivered", "2.0.0"), "delivered", "email.delivered", False, "delivery.recipient_server_accepted"),
        (one("relayed", "2.0.0"), "delivered", None, False, "delivery.recipient_server_accepted"),
        (one("expanded", "2.0.0"), "delivered", None, False, "delivery.recipient_server_accepted"),
    ],
)
async def test_a_report_about_the_one_recipient(
    database, owner, feedback, report, state, told, suppresses, reason
) -> None:
    sent = await factories.sent(database, owner.account_id)
    await hear(feedback, dsn(report), sent)
    assert await states(database, sent) == {ANN: state}
    assert await status(database, sent) == state
    wanted = [told] if told else []
    assert [kind for kind, _ in await events(database)] == ["domain.suppression_added"] * suppresses + wanted
    assert await suppressed(database) == ({ANN: "bounce"} if suppresses else {})
    rows = await ledger(database)
    assert [row["reason_code"] for row in rows] == [reason] + ["suppression.hard_bounce_applied"] * suppresses
    assert rows[0]["recipient"] == ANN


async def test_what_a_bounce_tells(database, owner, feedback) -> None:
    sent = await factories.sent(database, owner.account_id)
    await hear(feedback, dsn(), sent)
    ((_, added), (_, bounced)) = await events(database)
    assert (bounced["message_id"], bounced["delivered_to"]) == (sent.message_id, ANN)
    assert bounced["bounce_type"] == "permanent"
    assert bounced["smtp_detail"] == "550 5.1.1 no such user"
    assert (added["address"], added["source"]) == (ANN, "bounce")
    row = await database.fetch_one("select smtp_code, enhanced, detail from recipients")
    assert row == {"smtp_code": 550, "enhanced": "5.1.1", "detail": "550 5.1.1 no such user"}


@pytest.mark.parametrize(
    "spelling", [{"address": "ANN@Far.Test"}, {"address": " ann@far.test "}, {"address": "x@y", "final_recipient": ANN}]
)
async def test_recipients_are_found_in_any_spelling(database, owner, feedback, spelling) -> None:
    sent = await factories.sent(database, owner.account_id, (ANN, BEN))
    await hear(feedback, dsn(one(**spelling)), sent)
    assert await states(database, sent) == {ANN: "bounced", BEN: "sent"}
    assert await suppressed(database) == {ANN: "bounce"}


async def test_each_recipient_has_its_own_state(database, owner, feedback) -> None:
    sent = await factories.sent(database, owner.account_id, (ANN, BEN, "cat@far.test"))
    report = dsn(one(), one("delivered", "2.0.0", BEN), one("delayed", "4.2.0", "cat@far.test"))
    await hear(feedback, report, sent)
    assert await states(database, sent) == {ANN: "bounced", BEN: "delivered", "cat@far.test": "deferred"}
    assert await status(database, sent) == "bounced"


async def test_of_two_words_about_one_recipient_the_graver_counts(database, owner, feedback) -> None:
    sent = await factories.sent(database, owner.account_id)
    await hear(feedback, dsn(one("delivered", "2.0.0"), one("failed", "5.1.1"), one("delayed", "4.0.0")), sent)
    assert await states(database, sent) == {ANN: "bounced"}
    assert [kind for kind, _ in await events(database)] == ["domain.suppression_added", "email.bounced"]


async def test_another_address_is_the_one_recipient_passed_on(database, owner, feedback) -> None:
    """It bounced, but who says that the address which we know would bounce again?"""
    sent = await factories.sent(database, owner.account_id)
    await hear(feedback, dsn(one(address="ann@new.test")), sent)
    assert await states(database, sent) == {ANN: "bounced"}
    assert await suppressed(database) == {}


async def test_another_address_of_several_is_evidence_alone(database, owner, feedback) -> None:
    sent = await factories.sent(database, owner.account_id, (ANN, BEN))
    await hear(feedback, dsn(one(address="ann@new.test")), sent)
    assert await states(database, sent) == {ANN: "sent", BEN: "sent"}
    assert await events(database) == []
    (row,) = await ledger(database)
    assert (row["reason_code"], row["recipient"]) == ("delivery.permanent_bounce", None)
    assert row["evidence"]["reported_recipient"] == "ann@new.test"
    assert row["evidence"]["applied"] is False


async def test_a_bounce_that_names_nobody(database, owner, feedback) -> None:
    alone = await factories.sent(database, owner.account_id)
    several = await factories.sent(database, owner.account_id, (ANN, BEN))
    await hear(feedback, DeliveryReport(()), alone, several)
    assert await states(database, alone) == {ANN: "bounced"}
    assert await states(database, several) == {ANN: "sent", BEN: "sent"}
    assert await suppressed(database) == {}
    assert {row["reason_code"] for row in await ledger(database)} == {"delivery.undetermined_bounce"}
    assert [data["bounce_type"] for _, data in await events(database)] == ["undetermined"]


# Order, repeats, ranks


@pytest.mark.parametrize("state", ["pending", "sent", "deferred", "outcome_unknown", "delivered", "failed"])
async def test_a_bounce_settles_every_state_below_it(database, owner, feedback, state) -> None:
    sent = await factories.sent(database, owner.account_id, state=state)
    await hear(feedback, dsn(), sent)
    assert await states(database, sent) == {ANN: "bounced"}


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed"])
async def test_an_unknown_outcome_is_settled_by_any_report(database, owner, feedback, action) -> None:
    sent = await factories.sent(database, owner.account_id, state="outcome_unknown")
    await hear(feedback, dsn(one(action, "2.0.0")), sent)
    assert await states(database, sent) == {ANN: "deferred" if action == "delayed" else "delivered"}
    # That it was sent is news too.
    assert "email.sent" in [kind for kind, _ in await events(database)]


@pytest.mark.parametrize("state", ["bounced", "complained"])
@pytest.mark.parametrize("action", ["delivered", "delayed", "failed", "relayed"])
async def test_states_only_rise(database, owner, feedback, state, action) -> None:
    sent = await factories.sent(database, owner.account_id, state=state)
    before = await everything(database)
    await hear(feedback, dsn(one(action, "5.1.1" if action == "failed" else "2.0.0")), sent)
    assert await everything(database) == before


async def test_a_late_delay_is_no_news(database, owner, feedback) -> None:
    sent = await factories.sent(database, owner.account_id, state="delivered")
    await hear(feedback, dsn(one("delayed", "4.4.1")), sent)
    assert await states(database, sent) == {ANN: "delivered"}


@pytest.mark.parametrize(
    "report",
    [
        dsn(),
        dsn(one("delayed", "4.0.0")),
        dsn(one("delivered", "2.0.0")),
        dsn(one(address="stray@x.test"), one(address="other@x.test")),
        ComplaintReport("abuse", (ANN,)),
        ComplaintReport("abuse", ()),
        DeliveryReport(()),
    ],
)
async def test_the_same_report_again_changes_nothing(database, owner, feedback, report) -> None:
    sent = await factories.sent(database, owner.account_id, (ANN, BEN))
    await hear(feedback, report, sent)
    before = await everything(database)
    for _ in range(2):
        await hear(feedback, report, sent)
    assert await everything(database) == before


async def test_the_same_news_in_another_report_is_not_told_again(database, owner, feedback) -> None:
    sent = await factories.sent(database, owner.account_id)
    await hear(feedback, dsn(), sent)
    before = await events(database)
    await hear(feedback, dsn(), sent, sha256=b"\2" * 32)
    assert await events(database) == before


# Complaints


@pytest.mark.parametrize("named", [(ANN,), ("ANN@FAR.TEST",)])
async def test_a_complaint(database, owner, feedback, named) -> None:
    sent = await factories.sent(database, owner.account_id, (ANN, BEN), state="delivered")
    await hear(feedback, ComplaintReport("abuse", named), sent)
    assert await states(database, sent) == {ANN: "complained", BEN: "delivered"}
    assert await suppressed(database) == {ANN: "complaint"}
    assert [kind for kind, _ in await events(database)] == ["domain.suppression_added", "email.complained"]
    codes = [row["reason_code"] for row in await ledger(database)]
    assert codes == ["complaint.recipient_reported", "suppression.complaint_applied"]


@pytest.mark.parametrize("named", [(), ("redacted@far.test",)])
async def test_a_complaint_that_hides_who_complains(database, owner, feedback, named) -> None:
    alone = await factories.sent(database, owner.account_id)
    several = await factories.sent(database, owner.account_id, (BEN, "cat@far.test"))
    await hear(feedback, ComplaintReport("abuse", named), alone, several)
    assert await states(database, alone) == {ANN: "complained"}
    assert await suppressed(database) == {ANN: "complaint"}
    assert set((await states(database, several)).values()) == {"sent"}


@pytest.mark.parametrize("kind", ["not-spam", "Not-Spam", "auth-failure"])
async def test_what_is_no_complaint(database, owner, feedback, kind) -> None:
    sent = await factories.sent(database, owner.account_id)
    before = await everything(database)
    await hear(feedback, ComplaintReport(kind, (ANN,)), sent)
    assert await everything(database) == before


# Forgery


async def test_one_token_opens_one_message(database, owner, feedback) -> None:
    """Same agent, same recipient, another account's mail: nothing of theirs moves."""
    stranger = await factories.account(database)
    await factories.agent(database, stranger.account_id, "other@agents.test")
    mine = await factories.sent(database, owner.account_id)
    same = await factories.sent(database, owner.account_id)
    theirs = await factories.sent(database, stranger.account_id, agent_email="other@agents.test")
    await hear(feedback, dsn(one(), one(address=BEN)), mine)
    assert await states(database, mine) == {ANN: "bounced"}
    assert await states(database, same) == {ANN: "sent"}
    assert await states(database, theirs) == {ANN: "sent"}
    rows = await database.fetch_all("select distinct account_id, message_id from lifecycle")
    assert rows == [{"account_id": owner.account_id, "message_id": mine.message_id}]
    assert await database.fetch_value("select array_agg(account_id) from suppressions") == [owner.account_id]


async def test_recipients_inside_are_out_of_reach(database, owner, feedback) -> None:
    """Mail inside never leaves: whoever reports on it lies."""
    sent = await factories.sent(database, owner.account_id, (ANN,), inside=("peer@agents.test",))
    await hear(feedback, dsn(one(address="peer@agents.test"), one("delayed", "4.0.0")), sent)
    assert await states(database, sent) == {ANN: "deferred", "peer@agents.test": "sent"}
    only_inside = await factories.sent(database, owner.account_id, (), inside=("peer@agents.test",))
    await hear(feedback, dsn(one(address="peer@agents.test")), only_inside)
    assert await states(database, only_inside) == {"peer@agents.test": "sent"}
    assert await suppressed(database) == {}


async def test_hostile_reports_stay_small(database, owner, feedback) -> None:
    sent = await factories.sent(database, owner.account_id, (ANN, BEN))
    for number in range(40):
        crowd = [one(address=f"u{n}@{number}.test", diagnostic="x" * 1000) for n in range(1000)]
        await hear(feedback, dsn(*crowd), sent, sha256=bytes([number]) * 32)
    rows = await ledger(database)
    assert len(rows) == gateway.MAX_LEDGER_ROWS
    assert max(len(json.dumps(row["evidence"])) for row in rows) < 2000
    # What is true is heard all the same, however deep it stands.
    crowd = [one(address=f"u{n}@x.test") for n in range(999)]
    await hear(feedback, dsn(*crowd, one()), sent, sha256=b"z" * 32)
    assert await states(database, sent) == {ANN: "bounced", BEN: "sent"}


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\udfff" * 3, "x" * 100_000, "\u202e\n\r"])
async def test_texts_that_no_database_takes(database, owner, feedback, text) -> None:
    sent = await factories.sent(database, owner.account_id, (ANN, BEN))
    await hear(feedback, dsn(one(diagnostic=text), one(address=text), one(status=text, address=text)), sent)
    assert (await states(database, sent))[ANN] == "bounced"
    await hear(feedback, ComplaintReport(text, (text, BEN)), sent, sha256=b"c" * 32)
    assert (await states(database, sent))[BEN] == "complained"


# Failure


@pytest.mark.parametrize("failure", [NotFound(), Unavailable(), Failure()])
async def test_what_fails_is_for_later_and_undone(database, owner, feedback, failure, monkeypatch) -> None:
    first = await factories.sent(database, owner.account_id)
    second = await factories.sent(database, owner.account_id)
    before = await everything(database)
    apply, calls = outcomes.apply, []

    async def second_fails(*args: Any, **more: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise failure
        await apply(*args, **more)

    monkeypatch.setattr(outcomes, "apply", second_fails)
    with pytest.raises(Unavailable):
        await hear(feedback, dsn(), first, second)
    assert await everything(database) == before
    monkeypatch.undo()
    await hear(feedback, dsn(), first, second)
    assert await states(database, first) == await states(database, second) == {ANN: "bounced"}


async def test_a_message_that_goes_away_meanwhile(database, owner, feedback) -> None:
    sent = await factories.sent(database, owner.account_id)
    await database.execute("delete from messages where id = %(id)s", {"id": sent.message_id})
    await hear(feedback, dsn(), sent)
    assert await suppressed(database) == {}


# Values alone


def test_attribution_is_total() -> None:
    assert attribute([], [ANN]) == ({}, [])
    finding = Finding(ANN, bounce_rules.DELAYED)
    assert attribute([finding], []) == ({}, [finding])
    assert attribute([finding], [ANN]) == ({ANN: finding}, [])


@given(
    st.lists(st.sampled_from([ANN, BEN, "x@y.test", "", "ANN@far.test"]), max_size=6),
    st.lists(st.sampled_from([ANN, BEN, "cat@far.test"]), max_size=3, unique=True),
)
def test_only_recipients_of_the_mail_are_named(reported: list[str], addresses: list[str]) -> None:
    findings = [Finding(address, bounce_rules.bounce("permanent", suppress=True)) for address in reported]
    named, strays = attribute(findings, addresses)
    assert set(named) <= set(addresses)
    assert len(named) + len(strays) <= len(findings)
    for address, finding in named.items():
        assert finding.ruling.status is RecipientStatus.BOUNCED
        assert finding.ruling.suppress == (finding.address.lower() == address)


HEAD = b"From: MAILER-DAEMON@far.test\r\nTo: x@agents.test\r\n"
BOUNCE = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    b"--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.far.test\r\n\r\n"
    b"Final-Recipient: rfc822; ann@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"
)
PERSON = b"From: Ann <ann@far.test>\r\nTo: x@agents.test\r\nSubject: Re: x\r\n"
NAMELESS = BOUNCE.replace(b"Final-Recipient", b"X-Final")


@pytest.mark.parametrize("null", [True, False])
@pytest.mark.parametrize(
    ("content", "recipients"),
    [
        (HEAD + BOUNCE, 1),
        (PERSON + BOUNCE, 1),
        (HEAD + NAMELESS, 0),
        (PERSON + b"\r\nThank you!\r\n", None),
        (PERSON + b"Auto-Submitted: auto-replied\r\n\r\nI am away.\r\n", None),
        (HEAD + b"\r\nHow are you?\r\n", None),
        (b"", None),
    ],
)
def test_what_is_a_report(content: bytes, recipients: int | None, null: bool) -> None:
    parsed = mime.parse(content, null_reverse_path=null)
    report = report_in(content, parsed, null_reverse_path=null)
    if recipients is None:
        assert report is None
    else:
        assert isinstance(report, DeliveryReport)
        assert len(report.recipients) == recipients


def test_a_person_may_pass_a_bounce_on() -> None:
    """With all its parts, as mail programs do that cannot show them."""
    passed_on = PERSON + BOUNCE.replace(b"multipart/report; report-type=delivery-status", b"multipart/mixed")
    assert read_report(passed_on) is not None
    assert report_in(passed_on, mime.parse(passed_on), null_reverse_path=False) is None
    daemons = passed_on.replace(PERSON, HEAD)
    assert report_in(daemons, mime.parse(daemons), null_reverse_path=False) is not None


def test_a_person_may_quote_a_bounce() -> None:
    quoted = PERSON + b"\r\nLook what I got:\r\n\r\nHi. This is the qmail-send program at far.test.\r\n"
    quoted += b"I'm afraid I wasn't able to deliver your message to the following addresses.\r\n\r\n<ann@far.test>:\r\n"
    assert report_in(quoted, mime.parse(quoted), null_reverse_path=False) is None
