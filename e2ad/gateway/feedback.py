"""The verb of what comes back: a report about a mail that left changes the state of its recipients.

Who may say so. The address that a report comes to opens one message, and of that message only the
recipients that were reached through the relay. Nobody signs such reports, so that is all the proof
there is: somebody who got a copy of a mail can lie about the other recipients of that very mail,
and about nothing else. States only rise, so no report makes a bounced or complained recipient well.

What is no report, but was sent to a return path, is mail for the agent whose message it answers: an
answer of a person whose program replies to the envelope sender, an out-of-office note (RFC 3834
has them sent there), a bounce in a form that nobody can read. The agent gets it like mail to its
own address, marked as automation where it is; nothing is dropped, and an agent does not answer machines.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, field, frozen

from e2ad import maillog
from e2ad.core import mime
from e2ad.core.address import fold_address
from e2ad.core.errors import Failure, Unavailable
from e2ad.core.message import Automation, ParsedMessage, Recipient
from e2ad.core.outbound import RecipientStatus
from e2ad.core.reports import ComplaintReport, DeliveryReport, read_report
from e2ad.gateway import bounce_rules, mint, outcomes
from e2ad.gateway.bounce_rules import Ruling
from e2ad.gateway.facts import Change, transition_id
from e2ad.gateway.return_paths import ReturnPaths
from e2ad.storage import feedback as storage
from e2ad.storage import ledger
from e2ad.storage.feedback import Sent
from e2ad.storage.ledger import Transition
from e2ad.storage.pool import Database, Executor

__all__ = ["Feedback", "Finding", "attribute", "findings_of", "is_readable", "record", "report_in"]

MAX_STRAYS: Final = 20
"""Of one report: so much of what fits nobody is kept as evidence."""
MAX_LEDGER_ROWS: Final = 500
"""A message's ledger takes no more of it than this: who knows one token must not fill the disk."""
MAX_TEXT: Final = 500

_DAEMONS: Final = frozenset({"mailer-daemon", "postmaster"})

_GRAVITY: Final = {
    RecipientStatus.DEFERRED: 0,
    RecipientStatus.SENT: 1,
    RecipientStatus.DELIVERED: 2,
    RecipientStatus.FAILED: 3,
    RecipientStatus.BOUNCED: 4,
    RecipientStatus.COMPLAINED: 5,
}


def _storable(text: str) -> str:
    """Text that the database takes, whoever wrote it: no NUL, no lone surrogates, not much."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode().replace("\0", "")


def _storable_or_none(text: str | None) -> str | None:
    return _storable(text) if text else None


@frozen
class Finding:
    """What a report says about one address; "" where it does not say about which.

    `final_address` is what the address became on its way, where the report tells.
    """

    address: str = field(converter=_storable)
    ruling: Ruling
    smtp_code: int | None = None
    enhanced: str | None = None
    detail: str | None = field(default=None, converter=_storable_or_none)
    final_address: str = ""


@frozen
class Feedback:
    """Reports that come back by SMTP.

    Args:
        paths: which message an address belongs to.
        outbox: whether subscribed webhooks get deliveries.
    """

    paths: ReturnPaths
    _database: Database
    _outbox: bool

    @classmethod
    def build(cls, database: Database, *, domains: Iterable[str], outbox: bool) -> "Feedback":
        """Over the deployment's own names that mail leaves with."""
        return cls(ReturnPaths(database, domains), database, outbox)

    async def hear(
        self, returns: Sequence[Recipient], report: DeliveryReport | ComplaintReport, sha256: bytes, *, session: str
    ) -> None:
        """Act upon a report, in one transaction.

        Args:
            returns: the return paths that it came to.
            sha256: of the report's content: the same report again has the same ids, and changes nothing.

        Raises:
            Unavailable: it could not be recorded, whatever the reason: the peer shall keep it and come again.

        Cancellation:
            All of it is recorded or nothing; a repeat is recognised.
        """
        findings = findings_of(report)
        if not findings:
            maillog.feedback_ignored(session, "it is neither a bounce nor a complaint")
            return
        kind = "complaint" if isinstance(report, ComplaintReport) else "report"
        try:
            async with self._database.transaction() as transaction:
                # In the order of keys, as everybody who locks several submissions does.
                for path in sorted(returns, key=lambda path: (path.account_id, path.reports_on or "")):
                    sent = Sent(path.account_id, path.reports_on or "", path.agent_email)
                    await record(
                        transaction,
                        sent,
                        findings,
                        source=kind,
                        evidence_id=f"report:{sha256.hex()}",
                        outbox=self._outbox,
                        at=mint.now(),
                    )
        except Unavailable:
            raise
        except Failure as failure:
            raise Unavailable from failure


def report_in(
    content: bytes, parsed: ParsedMessage, *, null_reverse_path: bool
) -> DeliveryReport | ComplaintReport | None:
    """The report that a mail to a return path is, or None for a mail of another kind.

    Any reverse-path will do, but without the null one something else has to show that a machine wrote
    it: a person may quote a bounce in an answer. A mail that calls itself a bounce and cannot be read
    is a report that names nobody.
    """
    daemon = parsed.author is not None and parsed.author.local_part.lower() in _DAEMONS
    if not null_reverse_path and parsed.automation is None and not daemon:
        return None
    report = read_report(content)
    if report is not None:
        return report
    # Under the null reverse-path everything without another name counts as a bounce; what does the mail itself say?
    named = mime.parse(content).automation if null_reverse_path else parsed.automation
    return DeliveryReport(()) if named is Automation.BOUNCE else None


def is_readable(report: DeliveryReport | ComplaintReport) -> bool:
    """Whether all that a report has to say is in its findings, so that nobody needs to see the mail itself."""
    return isinstance(report, ComplaintReport) or bool(report.recipients)


def findings_of(report: DeliveryReport | ComplaintReport) -> tuple[Finding, ...]:
    """What a report says, by address; nothing for a report that is no complaint after all."""
    if isinstance(report, ComplaintReport):
        if not bounce_rules.complains(report.feedback_type):
            return ()
        detail = f"complaint ({report.feedback_type[:40] or 'abuse'})"
        named = report.recipients or ("",)
        return tuple(Finding(address, bounce_rules.COMPLAINED, detail=detail) for address in named)
    if not report.recipients:
        return (Finding("", bounce_rules.bounce("undetermined"), detail="a bounce that does not say of whom"),)
    return tuple(
        Finding(
            one.recipient,
            bounce_rules.rule(one),
            bounce_rules.smtp_code(one.diagnostic),
            bounce_rules.enhanced(one.status),
            one.diagnostic,
            one.final_recipient,
        )
        for one in report.recipients
    )


def attribute(findings: Sequence[Finding], addresses: Sequence[str]) -> tuple[dict[str, Finding], list[Finding]]:
    """Which finding is about which recipient, and those that are about none.

    Where none fits and the mail had one recipient, it can only be that one: the mail was passed on to
    another address, or the report keeps the address to itself. A bounce of *another* address does not
    suppress it: the one that we know took the mail.
    """
    known = {fold_address(address): address for address in addresses}
    named: dict[str, Finding] = {}
    strays: list[Finding] = []
    for finding in findings:
        address = known.get(fold_address(finding.address)) or known.get(fold_address(finding.final_address))
        if address is None:
            strays.append(finding)
        elif address not in named or _gravity(finding) > _gravity(named[address]):
            named[address] = finding
    if named or not strays or len(addresses) != 1:
        return named, strays
    gravest = max(strays, key=_gravity)
    if gravest.ruling.status is RecipientStatus.BOUNCED:
        gravest = evolve(gravest, ruling=evolve(gravest.ruling, suppress=False))
    return {addresses[0]: gravest}, []


async def record(
    transaction: Executor,
    sent: Sent,
    findings: Sequence[Finding],
    *,
    source: str,
    evidence_id: str,
    outbox: bool,
    at: datetime,
) -> None:
    """Apply findings to one message: states, events and suppressions of those it names, evidence of all others.

    Args:
        evidence_id: of the report. With recipient and reason code it makes the ids of rows and events, so that
            the same report again says nothing new.

    Raises:
        Unavailable: the database does not answer.
    """
    addressees = await storage.recipients(transaction, sent.account_id, sent.message_id)
    named, strays = attribute(findings, [one.address for one in addressees])
    changes = [_change(address, finding, evidence_id) for address, finding in named.items()]
    if changes:
        await outcomes.apply(
            transaction, sent.account_id, sent.message_id, changes, source=source, outbox=outbox, at=at
        )
    room = MAX_LEDGER_ROWS - (addressees[0].ledger_rows if addressees else MAX_LEDGER_ROWS)
    await ledger.append(
        transaction, list(_evidence(sent, strays[: max(0, min(room, MAX_STRAYS))], source, evidence_id, at))
    )
    maillog.feedback_heard(
        sent.message_id, source, statuses=sorted(f.ruling.status.value for f in named.values()), unmatched=len(strays)
    )


def _change(address: str, finding: Finding, evidence_id: str) -> Change:
    ruling = finding.ruling
    return Change(
        address,
        ruling.status,
        finding.smtp_code,
        finding.enhanced,
        finding.detail,
        ruling.reason_code,
        bounce_type=ruling.bounce_type,
        evidence_id=evidence_id,
        suppress=ruling.suppress,
        announce=ruling.announce,
    )


def _evidence(
    sent: Sent, strays: Sequence[Finding], source: str, evidence_id: str, at: datetime
) -> Iterable[Transition]:
    """Rows without a recipient: somebody said this about an address that the mail was not sent to."""
    for finding in strays:
        reason_code = finding.ruling.reason_code
        said = {"source": source, "applied": False, "reported_recipient": finding.address}
        more = {"enhanced": finding.enhanced, "smtp_code": finding.smtp_code, "detail": finding.detail}
        yield Transition(
            sent.account_id,
            transition_id(sent.message_id, reason_code, f"{evidence_id}:{finding.address}"),
            sent.message_id,
            reason_code,
            at,
            evidence=said | {name: value for name, value in more.items() if value is not None},
        )


def _gravity(finding: Finding) -> int:
    return _GRAVITY[finding.ruling.status]
