"""What became of a mail's recipients: one verb for whoever finds out, be it the relay, a report, or a person.

Facts come in any order and more than once; `gateway.facts` says what they change. Here they are read
and written under one lock of each mail, with ledger rows, suppressions and events in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import Conflict, NotFound
from e2ad.core.outbound import RecipientStatus
from e2ad.gateway import audit, suppressions
from e2ad.gateway.facts import Change, Release, Report, Standing
from e2ad.storage import ledger
from e2ad.storage import outcomes as storage
from e2ad.storage.outbox import emit
from e2ad.storage.outcomes import Key
from e2ad.storage.pool import Database, Executor

__all__ = ["Change", "Release", "Report", "Resolution", "apply", "apply_all", "resolve"]

Resolution = Literal["sent", "failed", "resend"]


async def apply(
    executor: Executor,
    account_id: str,
    message_id: str,
    changes: Sequence[Change],
    *,
    source: str,
    outbox: bool,
    at: datetime,
    failure_source: Literal["local", "provider"] = "provider",
) -> None:
    """Apply what a report or a person says about one mail; one that is gone is left alone. See `apply_all`.

    Args:
        source: who says so, such as "dsn" or "ses"; it stands in the ledger.
        failure_source: whose fault a failure is; what others say of a local one may still turn it.
    """
    report = Report(account_id, message_id, tuple(changes), source, failure_source=failure_source)
    await apply_all(executor, [report], outbox=outbox, at=at)


async def apply_all(executor: Executor, reports: Sequence[Report], *, outbox: bool, at: datetime) -> frozenset[Key]:
    """Apply facts about any number of mails: their recipients and state, ledger rows, suppressions, events.

    Args:
        executor: a transaction of the caller; the submissions are locked until it ends.
        outbox: whether subscribed webhooks get deliveries.

    Returns:
        The mails whose claim was lost: their attempt was not recorded, apart from what it proves.

    Raises:
        Unavailable: the database does not answer.
    """
    mails, rows = await storage.lock(executor, sorted({report.key for report in reports}))
    standings = {(mail.account_id, mail.message_id): Standing(mail, at, {}) for mail in mails}
    for row in rows:
        if (standing := standings.get((row.account_id, row.message_id))) is not None:
            standing.rows[row.address] = row
    lost = frozenset(
        report.key
        for report in reports
        if (standing := standings.get(report.key)) is not None and not standing.take(report)
    )
    changed = [standing for standing in standings.values() if standing.is_changed]
    if not changed:
        return lost
    recipients = [row for standing in changed for row in standing.changed.values()]
    taken = [row for standing in changed for row in standing.newly_taken]
    await storage.write(executor, recipients, [standing.submission() for standing in changed], at, taken=taken)
    transitions = [transition for standing in changed for transition in standing.transitions]
    told = [event for standing in changed for event in standing.events()]
    for standing in changed:
        mail = standing.mail
        for one in standing.suppressing:
            key = (mail.account_id, suppressions.ACCOUNT, one.address)
            if await suppressions.suppress(executor, *key, one.source, one.reason, mail.message_id):
                transition, event = standing.suppression_told(one)
                transitions.append(transition)
                told.append(event)
    await ledger.append(executor, transitions)
    if told:
        await emit(executor, told, outbox=outbox)
    return lost


async def resolve(
    database: Database,
    account_id: str,
    agent_email: str,
    message_id: str,
    resolution: Resolution,
    *,
    outbox: bool,
    at: datetime,
    actor: Actor = SYSTEM,
) -> None:
    """A person's word on the recipients of unknown outcome: they have it, they have it not, or send it again.

    Sent again it has the same Message-ID, so that a mailbox that has it already can tell.

    Raises:
        NotFound: no such message.
        Conflict: none of its recipients is of unknown outcome (any more).

    Cancellation: all or nothing.
    """
    async with database.transaction() as transaction:
        mails, rows = await storage.lock(transaction, [(account_id, message_id)])
        if not mails or mails[0].agent_email != agent_email:
            raise NotFound("message not found")
        unknown = [row.address for row in rows if row.status == RecipientStatus.OUTCOME_UNKNOWN]
        if not unknown or mails[0].claimed:
            raise Conflict("no recipient of this message has an unknown outcome")
        known = {"resolution": resolution, "agent_email": agent_email, "recipients": unknown}
        if resolution == "resend":
            await storage.rearm(transaction, account_id, message_id)
            await audit.record(transaction, account_id, actor, "outcome.resolved", message_id, known, at=at)
            return
        status = RecipientStatus.SENT if resolution == "sent" else RecipientStatus.FAILED
        code = "submission.upstream_accepted" if resolution == "sent" else "submission.local_retries_exhausted"
        detail = f"a person decided that it was {'sent' if resolution == 'sent' else 'not sent'}"
        changes = [Change(address, status, None, None, detail, code, evidence_id="person") for address in unknown]
        await apply(
            transaction,
            account_id,
            message_id,
            changes,
            source="person",
            outbox=outbox,
            at=at,
            failure_source="local",
        )
        await audit.record(transaction, account_id, actor, "outcome.resolved", message_id, known, at=at)
