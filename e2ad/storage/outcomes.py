"""What became of sent mail: the rows behind `gateway.outcomes`, locked, read and written in batches."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from e2ad.core.continuity import is_memorable, look
from e2ad.core.provenance import comparable
from e2ad.storage.adaptation import booleans, floats, instants, integers, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Key", "LockedMail", "RecipientRow", "SubmissionChange", "lock", "rearm", "write"]

_SQL = load("outcomes")

Key = tuple[str, str]
"""Account id and message id."""


@frozen
class LockedMail:
    """One submission, locked, with what the events about it tell. `claimed`: an attempt is being made."""

    account_id: str
    message_id: str
    status: str
    failure_source: str | None
    provider_message_id: str | None
    submitted_at: datetime | None
    attempts: int
    claimed: bool
    agent_email: str
    method: str
    message_type: str | None
    header_from: str | None
    subject: str
    conversation_id: str
    to_addresses: list[str]
    cc_addresses: list[str]
    bcc_addresses: list[str]
    email_message_id: str | None


@frozen
class RecipientRow:
    """How far one recipient is, or is to be."""

    account_id: str
    message_id: str
    address: str
    status: str
    smtp_code: int | None
    enhanced: str | None
    detail: str | None


@frozen
class SubmissionChange:
    """The new state of one submission.

    Attributes:
        detail, provider_message_id: None leaves what is there.
        counted: the attempt counts against the schedule.
        finished: nothing is left to do.
        wait_seconds: until the next attempt, where one is to come; None leaves its time.
        released: an attempt has ended with this.
    """

    account_id: str
    message_id: str
    status: str
    failure_source: str | None
    detail: str | None
    provider_message_id: str | None
    submitted_at: datetime | None
    counted: bool
    finished: bool
    wait_seconds: float | None
    released: bool


async def lock(executor: Executor, keys: Sequence[Key]) -> tuple[list[LockedMail], list[RecipientRow]]:
    """Lock submissions in the order of their keys, then read their recipients. Two statements of one transaction."""
    named = {"account_ids": texts(key[0] for key in keys), "message_ids": texts(key[1] for key in keys)}
    mails = await executor.fetch_all(_SQL["lock"], named, row=LockedMail)
    return mails, await executor.fetch_all(_SQL["recipients"], named, row=RecipientRow)


async def write(
    executor: Executor,
    recipients: Sequence[RecipientRow],
    submissions: Sequence[SubmissionChange],
    at: datetime,
    *,
    taken: Sequence[RecipientRow] = (),
) -> None:
    """Write what was decided about locked rows. One statement.

    Args:
        taken: those of the recipients for whom the next server has the mail now and had it not before: they are
            counted among the agent's correspondents.
    """
    counted = [(row, address) for row in taken if is_memorable(address := comparable(row.address))]
    await executor.execute(
        _SQL["write"],
        {
            "at": at,
            "account_ids": texts(r.account_id for r in recipients),
            "message_ids": texts(r.message_id for r in recipients),
            "addresses": texts(r.address for r in recipients),
            "statuses": texts(r.status for r in recipients),
            "smtp_codes": integers(r.smtp_code for r in recipients),
            "enhanceds": texts(r.enhanced for r in recipients),
            "details": texts(r.detail for r in recipients),
            "taken_account_ids": texts(row.account_id for row, _ in counted),
            "taken_message_ids": texts(row.message_id for row, _ in counted),
            "correspondents": texts(address for _, address in counted),
            "looks": texts(look(address) for _, address in counted),
            "s_account_ids": texts(s.account_id for s in submissions),
            "s_message_ids": texts(s.message_id for s in submissions),
            "s_statuses": texts(s.status for s in submissions),
            "failure_sources": texts(s.failure_source for s in submissions),
            "s_details": texts(s.detail for s in submissions),
            "provider_message_ids": texts(s.provider_message_id for s in submissions),
            "submitted_ats": instants(s.submitted_at for s in submissions),
            "counted": booleans(s.counted for s in submissions),
            "finished": booleans(s.finished for s in submissions),
            "wait_seconds": floats(s.wait_seconds for s in submissions),
            "released": booleans(s.released for s in submissions),
        },
    )


async def rearm(executor: Executor, account_id: str, message_id: str) -> None:
    """Make the recipients of unknown outcome due again, of a mail that the caller has locked and looked at."""
    await executor.execute(_SQL["rearm"], {"account_id": account_id, "message_id": message_id})
