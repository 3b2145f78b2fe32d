"""The verb of mail in: take responsibility for one mail, or say why not.

`Receiver` is what the SMTP server talks to. It knows nothing of sockets; it asks the
directory at RCPT, starts SPF at MAIL FROM, and when the content is complete parses it
once, authenticates it once, judges it, and hands one message for each agent to the intake.

An address may also be the return path of a mail that left: what comes there is a report, and goes to
`feedback`; what turns out to be no report is mail for the agent whose message it answers.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

import trio
from attrs import evolve, frozen

from e2ad import maillog
from e2ad.core import errors, mime
from e2ad.core.address import NULL_PATH, Mailbox, ReversePath, parse_mailbox
from e2ad.core.message import Envelope, ParsedMessage, Peer, Recipient
from e2ad.core.reports import ComplaintReport, DeliveryReport
from e2ad.core.screening import Screening, screen
from e2ad.gateway.arrivals import Incoming
from e2ad.gateway.directory import Directory
from e2ad.gateway.feedback import Feedback, is_readable, report_in
from e2ad.gateway.intake import Intake
from e2ad.gateway.screening import LARGE_OCTETS, OFF, Screener, mail_material, off_loop
from e2ad.mailauth.authenticator import Authenticator, SpfTicket

__all__ = ["Receiver"]

LARGE_BYTES = 32 * 1024
"""Content beyond this is parsed off the event loop.

An honest megabyte takes 30 ms; the worst that a sender can think of (a header field or an HTML body of
nothing but delimiters) takes 1 ms for each KiB, and every session would feel it.
"""

MAX_TICKETS = 4096

Report = DeliveryReport | ComplaintReport


@frozen
class Receiver:
    """Mail from outside, for agents of this deployment.

    Args:
        directory: who an address is.
        authenticator: what is known of the sender.
        intake: the group commit.
        feedback: what becomes of reports; None takes none in.
        max_received_fields: a mail with more trace fields goes round in circles (RFC 5321 section 6.3).
        screener: whether content is looked at.
    """

    _directory: Directory
    _authenticator: Authenticator
    _intake: Intake
    _feedback: Feedback | None
    _max_received_fields: int
    _screener: Screener
    _limiter: trio.CapacityLimiter
    _tickets: OrderedDict[str, SpfTicket]

    @classmethod
    def build(
        cls,
        directory: Directory,
        authenticator: Authenticator,
        intake: Intake,
        *,
        max_received_fields: int,
        feedback: Feedback | None = None,
        screener: Screener = OFF,
    ) -> "Receiver":
        """Put a receiver together; two mails at most are parsed off the loop at the same time."""
        limiter = trio.CapacityLimiter(2)
        return cls(directory, authenticator, intake, feedback, max_received_fields, screener, limiter, OrderedDict())

    def begin(self, peer: Peer, reverse_path: ReversePath) -> None:
        """MAIL was accepted: SPF may run while the content arrives."""
        self._tickets[peer.session] = self._authenticator.expect(peer.address, peer.helo, reverse_path)
        self._tickets.move_to_end(peer.session)
        if len(self._tickets) > MAX_TICKETS:
            self._tickets.popitem(last=False)

    async def admit(self, peer: Peer, forward_path: Mailbox) -> Recipient:
        """Who gets the mail for this address, or which message it is the return path of.

        Raises:
            UnknownRecipient, UnknownReturnPath, MailboxFull: it cannot be delivered here.
            Unavailable: we cannot tell; never a permanent refusal.
        """
        try:
            path = await self._feedback.paths.find(forward_path) if self._feedback is not None else None
            return path if path is not None else await self._directory.find(forward_path)
        except errors.Failure as failure:
            maillog.refused(peer.session, f"{failure.message}: {maillog.domain_of(str(forward_path))}")
            raise

    async def accept(self, envelope: Envelope, content: bytes) -> tuple[str, ...]:
        """Take responsibility for one mail.

        RFC 5321 section 6.1: once we answer 250 the mail is ours to lose, so this returns only
        after COMMIT. Authentication never fails a mail: what cannot be found out is evidence.
        A report is recorded first: recorded again it changes nothing, so that whatever fails after it
        costs a repeat and no more.

        Args:
            envelope: who sent it and the distinct agents and return paths it is for.
            content: header section and body, dots unstuffed, CRLF kept.

        Returns:
            The message ids, in the order of the envelope's agents; a report is no message.

        Raises:
            TooManyHops: it has been here before, again and again.
            UnknownRecipient, MailboxFull: it is no report, and the one agent that it answers cannot have it.
            Unavailable: the database does not answer.

        Cancellation:
            Before COMMIT nothing is kept; after it everything is. There is no between.
        """
        returns = [recipient for recipient in envelope.recipients if recipient.reports_on is not None]
        null_reverse_path = envelope.reverse_path is NULL_PATH
        looks = self._screener.looks_at(envelope.recipients)
        parsed, sha256, report, seen = await self._read(
            content, null_reverse_path=null_reverse_path, reports=bool(returns), looks=looks
        )
        if parsed.received_count > self._max_received_fields:
            raise errors.TooManyHops
        peer = envelope.peer
        if returns:
            envelope = evolve(envelope, recipients=await self._hear(envelope, returns, report, sha256))
            if not envelope.recipients:
                self._tickets.pop(peer.session, None)
                return ()
        authentication = await self._authenticator.authenticate(
            peer.address,
            peer.helo,
            envelope.reverse_path,
            content,
            parsed.author,
            spf=self._tickets.pop(peer.session, None),
        )
        if seen is None and self._screener.looks_at(envelope.recipients):
            # An agent that came in by a return path.
            seen = await off_loop(partial(screen, mail_material(parsed)), len(content))
        shared = Incoming.of(
            envelope, content, sha256, parsed, authentication, screening=seen, asks_model=self._screener.asks_model
        )
        ids = await self._intake.submit([shared.arrival(recipient) for recipient in envelope.recipients])
        maillog.accepted(
            peer.session,
            ids,
            sender_domain=maillog.domain_of(str(envelope.reverse_path)),
            size=len(content),
            spf=authentication.spf.status.value,
            dkim=authentication.domain_check.rpartition("=")[2],
            dmarc=authentication.dmarc.status.value,
        )
        return ids

    async def _hear(
        self, envelope: Envelope, returns: Sequence[Recipient], report: Report | None, sha256: bytes
    ) -> tuple[Recipient, ...]:
        """Record what came to return paths; the agents that get the mail itself."""
        assert self._feedback is not None
        session = envelope.peer.session
        if report is not None:
            await self._feedback.hear(returns, report, sha256, session=session)
        agents = {(one.account_id, one.agent_email): one for one in envelope.recipients if one.reports_on is None}
        if report is None or not is_readable(report):
            for path in returns:
                try:
                    agent = await self._directory.find(parse_mailbox(path.agent_email))
                    if agent.account_id != path.account_id:
                        # Its own agent is gone, and a stranger's catches all that is left.
                        raise errors.UnknownRecipient
                except (errors.UnknownRecipient, errors.MailboxFull) as failure:
                    maillog.refused(session, f"an answer to a return path: {failure.message}")
                    # A refusal is for all recipients: only where it is of no other mail, and of no report.
                    if len(envelope.recipients) == 1 and report is None:
                        raise
                    continue
                agents.setdefault((agent.account_id, agent.agent_email), agent)
        return tuple(agents.values())

    async def _read(
        self, content: bytes, *, null_reverse_path: bool, reports: bool, looks: bool
    ) -> tuple[ParsedMessage, bytes, Report | None, Screening | None]:
        def work() -> tuple[ParsedMessage, bytes, Report | None, Screening | None]:
            parsed = mime.parse(content, null_reverse_path=null_reverse_path)
            report = report_in(content, parsed, null_reverse_path=null_reverse_path) if reports else None
            seen = screen(mail_material(parsed)) if looks else None
            return parsed, hashlib.sha256(content).digest(), report, seen

        if len(content) <= (LARGE_OCTETS if looks else LARGE_BYTES):
            return work()
        return await trio.to_thread.run_sync(work, limiter=self._limiter)
