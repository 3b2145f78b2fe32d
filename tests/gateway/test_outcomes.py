"""Facts about recipients: what each changes, in whatever order they come, and what is told of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.outbound import RecipientStatus as R
from e2ad.gateway import outcomes
from e2ad.gateway.facts import Change, Release, Report, Standing
from e2ad.storage.outcomes import LockedMail, RecipientRow
from e2ad.storage.pool import Database
from tests import factories

AT = datetime(2026, 7, 2, tzinfo=UTC)
CODES = {
    R.SENT: "submission.upstream_accepted",
    R.DEFERRED: "delivery.temporary_delay",
    R.DELIVERED: "delivery.recipient_server_accepted",
    R.BOUNCED: "delivery.permanent_bounce",
    R.COMPLAINED: "complaint.recipient_reported",
    R.FAILED: "submission.provider_rejected",
    R.OUTCOME_UNKNOWN: "submission.local_retries_exhausted",
    R.PENDING: "submission.temporary_failure",
}


def change(status: R, *, address: str = "joe@people.test", **more: Any) -> Change:
    return Change(address, status, None, None, f"it is {status}", CODES[status], **more)


def a_standing(recipients: dict[str, R], **more: Any) -> Standing:
    values: dict[str, Any] = {
        "account_id": "a", "message_id": "msg_1", "status": "accepted", "failure_source": None,
        "provider_message_id": None, "submitted_at": None, "attempts": 1, "claimed": False,
        "agent_email": "bot@agents.test", "method": "smtp", "message_type": "send", "header_from": "bot@agents.test",
        "subject": "Hello", "conversation_id": "conv_1", "to_addresses": list(recipients), "cc_addresses": [],
        "bcc_addresses": [], "email_message_id": "<m@agents.test>",
    }  # fmt: skip
    mail = LockedMail(**values | more)
    rows = {who: RecipientRow("a", "msg_1", who, status.value, None, None, None) for who, status in recipients.items()}
    return Standing(mail, AT, rows)


def report(*changes: Change, **more: Any) -> Report:
    return Report("a", "msg_1", changes, "test", **more)


@pytest.mark.parametrize(
    ("old", "new", "failure_source", "becomes"),
    [
        (R.PENDING, R.SENT, None, R.SENT),
        (R.SENT, R.PENDING, None, R.SENT),
        (R.SENT, R.DEFERRED, None, R.DEFERRED),
        (R.DEFERRED, R.SENT, None, R.DEFERRED),
        (R.DEFERRED, R.DELIVERED, None, R.DELIVERED),
        (R.DELIVERED, R.DEFERRED, None, R.DELIVERED),
        (R.DELIVERED, R.BOUNCED, None, R.BOUNCED),
        (R.BOUNCED, R.DELIVERED, None, R.BOUNCED),
        (R.BOUNCED, R.COMPLAINED, None, R.COMPLAINED),
        (R.COMPLAINED, R.BOUNCED, None, R.COMPLAINED),
        (R.PENDING, R.OUTCOME_UNKNOWN, None, R.OUTCOME_UNKNOWN),
        (R.SENT, R.OUTCOME_UNKNOWN, None, R.SENT),
        (R.OUTCOME_UNKNOWN, R.SENT, None, R.SENT),
        (R.OUTCOME_UNKNOWN, R.DELIVERED, None, R.DELIVERED),
        (R.OUTCOME_UNKNOWN, R.BOUNCED, None, R.BOUNCED),
        (R.OUTCOME_UNKNOWN, R.FAILED, None, R.FAILED),
        (R.FAILED, R.DELIVERED, "local", R.DELIVERED),
        (R.FAILED, R.SENT, None, R.SENT),
        (R.FAILED, R.DELIVERED, "provider", R.FAILED),
        (R.FAILED, R.BOUNCED, "provider", R.BOUNCED),
        (R.FAILED, R.OUTCOME_UNKNOWN, "local", R.FAILED),
    ],
)
def test_rank(old: R, new: R, failure_source: str | None, becomes: R) -> None:
    standing = a_standing({"joe@people.test": old}, failure_source=failure_source)
    assert standing.take(report(change(new)))
    assert standing.rows["joe@people.test"].status == becomes
    assert bool(standing.changed) == (becomes is not old)


@pytest.mark.parametrize(
    ("statuses", "submitted", "status"),
    [
        ((R.PENDING, R.PENDING), False, "accepted"),
        ((R.SENT, R.PENDING), True, "deferred"),
        ((R.BOUNCED, R.PENDING), False, "accepted"),
        ((R.SENT, R.SENT), True, "sent"),
        ((R.SENT, R.DELIVERED), True, "sent"),
        ((R.DEFERRED, R.SENT), True, "deferred"),
        ((R.DELIVERED, R.BOUNCED), True, "bounced"),
        ((R.BOUNCED, R.BOUNCED), True, "bounced"),
        ((R.BOUNCED, R.FAILED), False, "failed"),
        ((R.FAILED, R.SENT), True, "failed"),
        ((R.BOUNCED, R.OUTCOME_UNKNOWN), False, "outcome_unknown"),
        ((R.COMPLAINED, R.DELIVERED), True, "complained"),
    ],
)
def test_the_mail_as_a_whole(statuses: Sequence[R], submitted: bool, status: str) -> None:
    for order in permutations(statuses):
        recipients = {f"{number}@people.test": one for number, one in enumerate(order)}
        assert a_standing(recipients, submitted_at=AT if submitted else None).status == status


def test_a_claim_that_was_lost() -> None:
    """What it says is not believed, but for an acceptance."""
    for more in ({"attempts": 2, "claimed": True}, {"attempts": 1, "claimed": False}):
        standing = a_standing({"joe@people.test": R.PENDING}, **more)
        assert not standing.take(report(change(R.FAILED), release=Release(1)))
        assert not standing.is_changed
        assert not standing.take(report(change(R.SENT), release=Release(1)))
        assert standing.rows["joe@people.test"].status == "sent"
        assert not standing.submission().released


def test_a_report_while_an_attempt_is_made() -> None:
    recipients = {"joe@people.test": R.SENT, "eve@people.test": R.PENDING}
    standing = a_standing(recipients, attempts=2, claimed=True, submitted_at=AT, status="sending")
    standing.take(report(change(R.BOUNCED, bounce_type="permanent", evidence_id="r1")))
    row = standing.submission()
    assert (row.status, row.finished, row.wait_seconds, row.released) == ("sending", False, None, False)


@given(st.lists(st.sampled_from([R.SENT, R.DEFERRED, R.DELIVERED, R.BOUNCED, R.COMPLAINED]), min_size=1, max_size=4))
def test_the_order_of_reports_does_not_matter(facts: list[R]) -> None:
    ends = set()
    for order in permutations(facts):
        standing = a_standing({"joe@people.test": R.SENT}, submitted_at=AT)
        for status in order:
            standing.take(report(change(status, bounce_type="transient")))
        ends.add((standing.rows["joe@people.test"].status, standing.status))
    assert len(ends) == 1


async def apply(database: Database, account: str, message: str, *changes: Change, **more: Any) -> None:
    async with database.transaction() as transaction:
        await outcomes.apply(transaction, account, message, changes, source="dsn", outbox=True, at=AT, **more)


async def types(database: Database) -> list[str]:
    return [row["type"] for row in await database.fetch_all("select type from events order by type", prepare=False)]


async def a_mail(database: Database, status: str = "sent", **columns: Any) -> tuple[str, str]:
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id)
    values = {"status": status, "next_attempt_at": None, "submitted_at": AT, **columns}
    message = await factories.submission(database, owner.account_id, relay=["joe@people.test"], **values)
    await database.execute("update recipients set status = %(status)s", {"status": status}, prepare=False)
    return owner.account_id, message


async def test_reports_that_come_again_change_nothing(database: Database) -> None:
    account, message = await a_mail(database)
    delivered = change(R.DELIVERED, evidence_id="r1")
    bounced = change(R.BOUNCED, bounce_type="permanent", evidence_id="r2")
    for one in (delivered, bounced, delivered, bounced, bounced):
        await apply(database, account, message, one)
    assert await types(database) == ["domain.suppression_added", "email.bounced", "email.delivered"]
    codes = await database.fetch_all("select reason_code from lifecycle order by 1", prepare=False)
    assert [row["reason_code"] for row in codes] == [
        "delivery.permanent_bounce",
        "delivery.recipient_server_accepted",
        "suppression.hard_bounce_applied",
    ]
    suppressed = await database.fetch_one("select address, source, message_id from suppressions", prepare=False)
    assert suppressed == {"address": "joe@people.test", "source": "bounce", "message_id": message}
    assert await database.fetch_value("select status from submissions", prepare=False) == "bounced"


@pytest.mark.parametrize(
    ("one", "suppressed"),
    [
        (change(R.BOUNCED, bounce_type="permanent"), True),
        (change(R.BOUNCED, bounce_type="transient"), False),
        (change(R.BOUNCED, bounce_type="permanent", suppress=False), False),
        (change(R.COMPLAINED), True),
        (change(R.DELIVERED), False),
    ],
)
async def test_who_is_suppressed(database: Database, one: Change, suppressed: bool) -> None:
    account, message = await a_mail(database)
    await apply(database, account, message, one)
    assert bool(await database.fetch_value("select count(*) from suppressions", prepare=False)) == suppressed
    assert ("domain.suppression_added" in await types(database)) == suppressed


async def test_a_bounce_ends_an_uncertainty(database: Database) -> None:
    account, message = await a_mail(database, "outcome_unknown", submitted_at=None)
    await apply(database, account, message, change(R.BOUNCED, bounce_type="transient"))
    assert await types(database) == ["email.bounced", "email.sent"]
    row = await database.fetch_one("select status, submitted_at from submissions", prepare=False)
    assert row == {"status": "bounced", "submitted_at": AT}


async def test_a_local_failure_is_turned_by_evidence(database: Database) -> None:
    account, message = await a_mail(database, "failed", submitted_at=None, failure_source="local")
    await apply(database, account, message, change(R.DELIVERED))
    row = await database.fetch_one("select status, failure_source from submissions", prepare=False)
    assert row == {"status": "delivered", "failure_source": None}
    assert await types(database) == ["email.delivered", "email.sent"]


async def test_a_provider_rejects_what_it_had_taken(database: Database) -> None:
    account, message = await a_mail(database)
    await apply(database, account, message, change(R.FAILED))
    await apply(database, account, message, change(R.DELIVERED))
    row = await database.fetch_one("select status, failure_source from submissions", prepare=False)
    assert row == {"status": "failed", "failure_source": "provider"}
    assert await types(database) == ["email.failed"]


async def test_what_is_not_there(database: Database) -> None:
    account, message = await a_mail(database)
    await apply(database, account, "msg_x", change(R.BOUNCED))
    await apply(database, "nobody", message, change(R.BOUNCED))
    await apply(database, account, message, change(R.BOUNCED, address="stranger@people.test"))
    assert await types(database) == []


async def test_many_at_once_take_few_statements(database: Database) -> None:
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id)
    reports = []
    for _ in range(20):
        message = await factories.submission(
            database, owner.account_id, relay=["joe@people.test"], status="sending", attempts=1
        )
        facts = (change(R.SENT),)
        reports.append(Report(owner.account_id, message, facts, "dispatch", Release(1)))
    before = database.statements
    async with database.transaction() as transaction:
        assert await outcomes.apply_all(transaction, reports, outbox=True, at=AT) == frozenset()
    assert database.statements - before == 7  # BEGIN, two that read, three that write, COMMIT
    assert await types(database) == ["email.sent"] * 20


async def test_whom_the_next_server_took_it_for_is_a_correspondent(database: Database) -> None:
    """Once for each mail, whatever is reported afterwards; a mail that never left makes nobody known."""
    account = (await factories.account(database)).account_id
    await factories.agent(database, account)
    mails = [
        await factories.sent(database, account, ("Joe@People.test", "eve@people.test"), state="pending")
        for _ in range(2)
    ]
    for mail in mails:
        key = (database, account, mail.message_id)
        await apply(*key, change(R.SENT, address="Joe@People.test"), change(R.BOUNCED, address="eve@people.test"))
        await apply(*key, change(R.DEFERRED, address="Joe@People.test"))
        await apply(*key, change(R.DELIVERED, address="Joe@People.test"))
        await apply(*key, change(R.COMPLAINED, address="Joe@People.test"))
    found = await database.fetch_all("select * from correspondents", prepare=False)
    assert [(row["address"], row["outbound_count"], row["inbound_count"], row["known"]) for row in found] == [
        ("joe@people.test", 2, 0, True)
    ]
    (conversation,) = await database.fetch_all(
        "select conversation_id from messages where id = %(id)s", {"id": mails[-1].message_id}, prepare=False
    )
    assert found[0]["last_conversation_id"] == conversation["conversation_id"]
    assert found[0]["first_outbound_at"] == found[0]["last_outbound_at"] == AT
