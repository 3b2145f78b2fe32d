"""Facts about a mail's recipients as values, and what one mail becomes by them. Decisions alone, no I/O.

A recipient's state only rises (contract: states), and a mail's state is the worst of its recipients'.
Ids of ledger rows and events follow from the fact, so that one that comes again says nothing new.
"""

import hashlib
from datetime import datetime
from typing import Any, Final, Literal

from attrs import define, field, frozen

from e2ad.core import events
from e2ad.core.outbound import REASONS, DeliveryStatus, RecipientStatus, rollup
from e2ad.core.signing import event_id
from e2ad.storage.ledger import Transition
from e2ad.storage.outbox import NewEvent
from e2ad.storage.outcomes import Key, LockedMail, RecipientRow, SubmissionChange

__all__ = ["Change", "Release", "Report", "Standing", "Suppressing", "transition_id"]

_PENDING, _UNKNOWN = RecipientStatus.PENDING, RecipientStatus.OUTCOME_UNKNOWN
_SENT, _DEFERRED, _DELIVERED = RecipientStatus.SENT, RecipientStatus.DEFERRED, RecipientStatus.DELIVERED
_FAILED, _BOUNCED, _COMPLAINED = RecipientStatus.FAILED, RecipientStatus.BOUNCED, RecipientStatus.COMPLAINED

_HEIGHT: Final = {
    _PENDING: 0, _UNKNOWN: 1, _SENT: 2, _DEFERRED: 3, _DELIVERED: 4, _FAILED: 5, _BOUNCED: 6, _COMPLAINED: 7,
}  # fmt: skip
_TAKEN: Final = frozenset({_SENT, _DEFERRED, _DELIVERED, _COMPLAINED})
_TOLD: Final = {_DELIVERED: "email.delivered", _BOUNCED: "email.bounced", _COMPLAINED: "email.complained"}
_BOUNCE_TYPE: Final = "permanent"
MAX_DETAIL: Final = 1000


@frozen
class Change:
    """What was found out about one recipient.

    Attributes:
        status: `PENDING` says that it was tried in vain and is tried again.
        reason_code: of the ledger's vocabulary; "" writes no row.
        bounce_type: permanent, transient or undetermined, of a bounce.
        evidence_id: of the report that says so; part of the ids, so that another report is another fact.
        suppress: whether a permanent bounce or a complaint keeps further mail from the address.
        announce: whether there is an event about this recipient; a mail merely handed on is delivered to nobody yet.
    """

    address: str
    status: RecipientStatus
    smtp_code: int | None
    enhanced: str | None
    detail: str | None
    reason_code: str
    bounce_type: str | None = None
    evidence_id: str | None = None
    suppress: bool = field(default=True, kw_only=True)
    announce: bool = field(default=True, kw_only=True)


@frozen
class Release:
    """The end of an attempt that was claimed.

    Attributes:
        number: the claim's; when the row has another one by now, the claim was lost.
        wait_seconds: until the next attempt, if recipients still wait.
        counted: whether the attempt counts against the schedule.
    """

    number: int
    wait_seconds: float = 0.0
    counted: bool = False
    provider_message_id: str | None = None


@frozen
class Report:
    """All that one source says about one mail. `failure_source` is whose fault a failure is."""

    account_id: str
    message_id: str
    changes: tuple[Change, ...]
    source: str
    release: Release | None = None
    failure_source: Literal["local", "provider"] = "provider"

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.account_id, self.message_id


@frozen
class Suppressing:
    """An address that the account is to write to no more. `source` is bounce or complaint."""

    address: str
    source: Literal["bounce", "complaint"]
    reason: str | None


def transition_id(*parts: str) -> str:
    """The id of a ledger row, which follows from the fact."""
    return "mlt_" + hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


@define
class Standing:
    """One mail while facts are applied to it: `take` them, then read what is to be written and told."""

    mail: LockedMail
    at: datetime
    rows: dict[str, RecipientRow]
    changed: dict[str, RecipientRow] = field(factory=dict)
    transitions: list[Transition] = field(factory=list)
    suppressing: list[Suppressing] = field(factory=list)
    taken_before: set[str] = field(factory=set)
    _told: list[tuple[RecipientRow, Change]] = field(factory=list)
    _release: Release | None = None
    _failure: Change | None = None
    _failure_source: str | None = None
    _detail: str | None = None
    _taken: bool = False

    def take(self, report: Report) -> bool:
        """Apply one report.

        Returns:
            False if it is of a claim that was lost: another attempt may be at it. Then only an
            acceptance counts, which is true whoever has the claim, and keeps the other from guessing.
        """
        release = report.release
        held = release is None or (self.mail.claimed and self.mail.attempts == release.number)
        if held and release is not None:
            self._release = release
        for change in report.changes:
            row = self.rows.get(change.address)
            if row is None:
                continue
            old = RecipientStatus(row.status)
            if self._rises(old, change.status) and (held or change.status is _SENT):
                self._apply(report, change)
        return held

    @property
    def newly_taken(self) -> list[RecipientRow]:
        """The recipients for whom the next server has the mail since now."""
        return [row for row in self.changed.values() if row.status in _TAKEN and row.address not in self.taken_before]

    @property
    def is_changed(self) -> bool:
        """Is there anything to write?"""
        return bool(self.changed) or self._release is not None

    @property
    def status(self) -> DeliveryStatus:
        """The mail as a whole. While recipients wait for us it is `accepted`, or `deferred` once others were reached.

        One that nobody took has failed, whatever its recipients' states are called.
        """
        statuses = {RecipientStatus(row.status) for row in self.rows.values()}
        if _PENDING in statuses:
            if self.mail.claimed and self._release is None:
                return DeliveryStatus.SENDING
            return DeliveryStatus.ACCEPTED if self._submitted_at is None else DeliveryStatus.DEFERRED
        if self._submitted_at is None and statuses <= {_FAILED, _BOUNCED}:
            return DeliveryStatus.FAILED
        return rollup(statuses) or DeliveryStatus.ACCEPTED

    def submission(self) -> SubmissionChange:
        """The row as it is to be."""
        release, mail, status = self._release, self.mail, self.status
        finished = not any(row.status == _PENDING for row in self.rows.values())
        failing = status in (DeliveryStatus.FAILED, DeliveryStatus.BOUNCED)
        return SubmissionChange(
            mail.account_id,
            mail.message_id,
            status.value,
            (self._failure_source or mail.failure_source) if failing else None,
            self._detail,
            None if release is None else release.provider_message_id,
            self._submitted_at,
            counted=release is not None and release.counted,
            finished=finished,
            wait_seconds=None if release is None or finished else release.wait_seconds,
            released=release is not None,
        )

    def events(self) -> list[NewEvent]:
        """What is told of it: once that it was sent, or that it failed, and what was reported about a recipient.

        A recipient that was refused before others were reached is told of together with those.
        """
        told: list[NewEvent] = []
        if self.mail.submitted_at is None and self._submitted_at is not None:
            told.append(self._event("email.sent", (self.mail.message_id, "email.sent"), self._sent()))
            reported = {change.address for _, change in self._told}
            told += [
                self._report(row, None)
                for row in self.rows.values()
                if row.status == _BOUNCED and row.address not in reported
            ]
        elif self.status is DeliveryStatus.FAILED and self.mail.status != DeliveryStatus.FAILED.value:
            told.append(self._event("email.failed", (self.mail.message_id, "email.failed"), self._failed()))
        if self._submitted_at is not None:
            told += [self._report(row, change) for row, change in self._told]
        return told

    def suppression_told(self, suppressing: Suppressing) -> tuple[Transition, NewEvent]:
        """The ledger row and the event of an address that is written to no more from now on."""
        mail, address = self.mail, suppressing.address
        code = (
            "suppression.complaint_applied" if suppressing.source == "complaint" else "suppression.hard_bounce_applied"
        )
        event = self._event(
            "domain.suppression_added",
            ("domain.suppression_added", mail.account_id, address, mail.message_id),
            {"address": address, "source": suppressing.source, "message_id": mail.message_id}
            | ({"reason": suppressing.reason} if suppressing.reason else {}),
        )
        evidence = {"source": suppressing.source}
        row_id = transition_id(mail.message_id, code, address)
        related = {"event_id": event.id}
        return Transition(mail.account_id, row_id, mail.message_id, code, self.at, address, evidence, related), event

    @property
    def _provider_message_id(self) -> str | None:
        return (self._release and self._release.provider_message_id) or self.mail.provider_message_id

    @property
    def _submitted_at(self) -> datetime | None:
        return self.mail.submitted_at or (self.at if self._taken else None)

    def _rises(self, old: RecipientStatus, new: RecipientStatus) -> bool:
        if old is new:
            return new is _PENDING
        if old is _FAILED and new in (_SENT, _DEFERRED, _DELIVERED):
            return self.mail.failure_source != "provider"
        return _HEIGHT[new] > _HEIGHT[old]

    def _apply(self, report: Report, change: Change) -> None:
        mail, new = self.mail, change.status
        detail = change.detail[:MAX_DETAIL] if change.detail else None
        row = RecipientRow(
            mail.account_id, mail.message_id, change.address, new.value, change.smtp_code, change.enhanced, detail
        )
        if change.address not in self.changed and self.rows[change.address].status in _TAKEN:
            self.taken_before.add(change.address)
        self.rows[change.address] = self.changed[change.address] = row
        self._detail = detail or self._detail
        if new is _FAILED or new is _BOUNCED:
            self._failure, self._failure_source = change, report.failure_source
        # A report about a recipient proves that the mail was taken, also where the relay's answer was not heard.
        self._taken = self._taken or new in _TAKEN or (new is _BOUNCED and report.release is None)
        if new in _TOLD and change.announce:
            self._told.append((row, change))
        hard = new is _BOUNCED and change.bounce_type == "permanent"
        if change.suppress and (hard or new is _COMPLAINED):
            self.suppressing.append(Suppressing(change.address, "bounce" if hard else "complaint", detail))
        if change.reason_code:
            self.transitions.append(self._transition(report, change, detail))

    def _transition(self, report: Report, change: Change, detail: str | None) -> Transition:
        mail = self.mail
        evidence: dict[str, Any] = {
            "source": report.source,
            "smtp_code": change.smtp_code,
            "enhanced": change.enhanced,
            "detail": detail,
            "bounce_type": change.bounce_type,
            "outcome": _UNKNOWN.value if change.status is _UNKNOWN else None,
        }
        related = {
            "provider_message_id": self._provider_message_id,
            "provider_event_id": change.evidence_id,
            "email_message_id": mail.email_message_id,
        }
        fact = change.evidence_id or ("" if report.release is None else str(report.release.number))
        return Transition(
            mail.account_id,
            transition_id(mail.message_id, change.reason_code, change.address, fact),
            mail.message_id,
            change.reason_code,
            self.at,
            change.address,
            {name: value for name, value in evidence.items() if value is not None},
            {name: value for name, value in related.items() if value is not None},
        )

    def _event(self, event_type: str, parts: tuple[str, ...], data: dict[str, Any]) -> NewEvent:
        mail, made = self.mail, event_id(*parts)
        text = events.envelope(event_type, made, self.at, data)
        return NewEvent(
            mail.account_id, made, event_type, mail.agent_email, mail.conversation_id, mail.message_id, text, self.at
        )

    def _about(self) -> dict[str, Any]:
        mail = self.mail
        data: dict[str, Any] = {
            "message_id": mail.message_id,
            "agent_email": mail.agent_email,
            "direction": "outbound",
            "method": mail.method,
            "from": mail.header_from or mail.agent_email,
            "to": mail.to_addresses,
            "subject": mail.subject,
            "message_type": mail.message_type or "send",
        }
        if mail.cc_addresses:
            data["cc"] = mail.cc_addresses
        if mail.bcc_addresses:
            data["bcc"] = mail.bcc_addresses
        if mail.conversation_id:
            data["conversation_id"] = mail.conversation_id
        return data

    def _sent(self) -> dict[str, Any]:
        made = self._provider_message_id
        return self._about() | ({"provider_message_id": made} if made else {})

    def _failed(self) -> dict[str, Any]:
        failure = self._failure
        data = self._about() | {"reason": (failure and failure.detail) or "the mail could not be delivered"}
        if failure is not None and failure.reason_code:
            data["reason_code"] = failure.reason_code
            data["retryable"] = REASONS[failure.reason_code].retryable
        return data

    def _report(self, row: RecipientRow, change: Change | None) -> NewEvent:
        mail, event_type = self.mail, _TOLD[RecipientStatus(row.status)]
        data: dict[str, Any] = {
            "message_id": mail.message_id,
            "agent_email": mail.agent_email,
            "direction": "outbound",
            "delivered_to": row.address,
            "subject": mail.subject,
        }
        if event_type == "email.bounced":
            data["bounce_type"] = (change and change.bounce_type) or _BOUNCE_TYPE
        detail = " ".join(str(part) for part in (row.smtp_code, row.enhanced, row.detail) if part)
        if detail:
            data["smtp_detail"] = row.detail if row.detail and row.detail[:3].isdecimal() else detail
        fact = (change and change.evidence_id) or mail.message_id
        code = change.reason_code if change is not None else ""
        return self._event(event_type, (f"provider-feedback:{fact}:{row.address}:{code or event_type}",), data)
