"""The verb of mail in: take responsibility for one mail, or say why not.

`Receiver` is what the SMTP server talks to. It knows nothing of sockets; it asks the
directory at RCPT, starts SPF at MAIL FROM, and when the content is complete parses it
once, authenticates it once, judges it, and hands one message for each agent to the intake.
"""

import hashlib
from collections import OrderedDict

import trio
from attrs import frozen

from e2ad import maillog
from e2ad.core import errors, mime
from e2ad.core.address import NULL_PATH, Mailbox, ReversePath
from e2ad.core.message import Envelope, ParsedMessage, Peer, Recipient
from e2ad.gateway.arrivals import Incoming
from e2ad.gateway.directory import Directory
from e2ad.gateway.intake import Intake
from e2ad.mailauth.authenticator import Authenticator, SpfTicket

__all__ = ["Receiver"]

LARGE_BYTES = 32 * 1024
"""Content beyond this is parsed off the event loop.

An honest megabyte takes 30 ms; the worst that a sender can think of (a header field or an HTML body of
nothing but delimiters) takes 1 ms for each KiB, and every session would feel it.
"""

MAX_TICKETS = 4096


@frozen
class Receiver:
    """Mail from outside, for agents of this deployment.

    Args:
        directory: who an address is.
        authenticator: what is known of the sender.
        intake: the group commit.
        max_received_fields: a mail with more trace fields goes round in circles (RFC 5321 section 6.3).
    """

    _directory: Directory
    _authenticator: Authenticator
    _intake: Intake
    _max_received_fields: int
    _limiter: trio.CapacityLimiter
    _tickets: OrderedDict[str, SpfTicket]

    @classmethod
    def build(
        cls, directory: Directory, authenticator: Authenticator, intake: Intake, *, max_received_fields: int
    ) -> "Receiver":
        """Put a receiver together; two mails at most are parsed off the loop at the same time."""
        return cls(directory, authenticator, intake, max_received_fields, trio.CapacityLimiter(2), OrderedDict())

    def begin(self, peer: Peer, reverse_path: ReversePath) -> None:
        """MAIL was accepted: SPF may run while the content arrives."""
        self._tickets[peer.session] = self._authenticator.expect(peer.address, peer.helo, reverse_path)
        self._tickets.move_to_end(peer.session)
        if len(self._tickets) > MAX_TICKETS:
            self._tickets.popitem(last=False)

    async def admit(self, peer: Peer, forward_path: Mailbox) -> Recipient:
        """Who gets the mail for this address.

        Raises:
            UnknownRecipient, MailboxFull: it cannot be delivered here.
            Unavailable: we cannot tell; never a permanent refusal.
        """
        try:
            return await self._directory.find(forward_path)
        except errors.Failure as failure:
            maillog.refused(peer.session, f"{failure.message}: {maillog.domain_of(str(forward_path))}")
            raise

    async def accept(self, envelope: Envelope, content: bytes) -> tuple[str, ...]:
        """Take responsibility for one mail.

        RFC 5321 section 6.1: once we answer 250 the mail is ours to lose, so this returns only
        after COMMIT. Authentication never fails a mail: what cannot be found out is evidence.

        Args:
            envelope: who sent it and the distinct agents it is for.
            content: header section and body, dots unstuffed, CRLF kept.

        Returns:
            The message ids, in the order of the envelope's recipients.

        Raises:
            TooManyHops: it has been here before, again and again.
            Unavailable: the database does not answer.

        Cancellation:
            Before COMMIT nothing is kept; after it everything is. There is no between.
        """
        parsed, sha256 = await self._read(content, null_reverse_path=envelope.reverse_path is NULL_PATH)
        if parsed.received_count > self._max_received_fields:
            raise errors.TooManyHops
        peer = envelope.peer
        authentication = await self._authenticator.authenticate(
            peer.address,
            peer.helo,
            envelope.reverse_path,
            content,
            parsed.author,
            spf=self._tickets.pop(peer.session, None),
        )
        shared = Incoming.of(envelope, content, sha256, parsed, authentication)
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

    async def _read(self, content: bytes, *, null_reverse_path: bool) -> tuple[ParsedMessage, bytes]:
        def work() -> tuple[ParsedMessage, bytes]:
            return mime.parse(content, null_reverse_path=null_reverse_path), hashlib.sha256(content).digest()

        if len(content) <= LARGE_BYTES:
            return work()
        return await trio.to_thread.run_sync(work, limiter=self._limiter)
