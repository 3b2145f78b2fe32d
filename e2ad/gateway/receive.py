"""The verb of mail in: take responsibility for one mail, or say why not.

`Receiver` is what the SMTP server talks to. It knows nothing of sockets; it asks the
directory at RCPT, starts SPF at MAIL FROM, and when the content is complete parses it
once, authenticates it once, judges it, and hands one message for each agent to the intake.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import trio
from attrs import frozen

from e2ad import maillog
from e2ad.core import errors, events, mime, signing, threads
from e2ad.core.address import NULL_PATH, Mailbox, ReversePath
from e2ad.core.authentication import Authentication
from e2ad.core.message import EntityType, Envelope, ParsedMessage, Peer, Recipient
from e2ad.gateway import mint
from e2ad.gateway.directory import Directory
from e2ad.gateway.intake import Arrival, Intake
from e2ad.mailauth.authenticator import Authenticator, SpfTicket
from e2ad.storage.intake import NewMessage

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
        shared = _Shared.of(envelope, content, sha256, parsed, authentication)
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


@frozen
class _Shared:
    """What all recipients of one mail have in common, worked out once."""

    envelope: Envelope
    content: bytes
    sha256: bytes
    parsed: ParsedMessage
    authentication: Authentication
    authentication_document: Mapping[str, Any]
    authentication_json: str
    addresses_json: str
    attachments_json: str
    defects_json: str
    reference_keys: str | None
    dedupe_key: bytes

    @classmethod
    def of(
        cls,
        envelope: Envelope,
        content: bytes,
        sha256: bytes,
        parsed: ParsedMessage,
        authentication: Authentication,
    ) -> "_Shared":
        document = authentication.to_json()
        return cls(
            envelope=envelope,
            content=content,
            sha256=sha256,
            parsed=parsed,
            authentication=authentication,
            authentication_document=document,
            authentication_json=events.to_json(document),
            addresses_json=events.to_json({"to": parsed.to, "cc": parsed.cc, "reply_to": parsed.reply_to}),
            attachments_json=events.to_json([meta.to_json() for meta in parsed.attachments]),
            defects_json=events.to_json(parsed.defects),
            reference_keys=" ".join(threads.candidates(parsed.in_reply_to, parsed.references)) or None,
            dedupe_key=_dedupe_key(parsed.message_id, sha256),
        )

    def arrival(self, recipient: Recipient) -> Arrival:
        """The message for one agent, with the event that announces it."""
        parsed, authentication = self.parsed, self.authentication
        message_id = mint.new_id("msg_")
        event_id = signing.event_id(message_id, "email.received")
        at = mint.now()
        envelope_from = str(self.envelope.reverse_path) or None
        data = self._announcement(message_id, recipient.agent_email, envelope_from, at)
        message = NewMessage(
            id=message_id,
            account_id=recipient.account_id,
            agent_email=recipient.agent_email,
            dedupe_key=self.dedupe_key,
            created_at=at,
            forward_path=recipient.delivered_to,
            envelope_from=envelope_from,
            header_from=parsed.header_from,
            sender_name=parsed.sender_name,
            addresses=self.addresses_json,
            subject=parsed.subject,
            sent_at=parsed.sent_at,
            message_id=parsed.message_id,
            message_id_key=parsed.message_id_key,
            reference_keys=self.reference_keys,
            conversation_id=mint.new_id("conv_"),
            threaded=False,
            text=parsed.text,
            new_text=None if parsed.new_text == parsed.text else parsed.new_text,
            html=parsed.html,
            truncated=parsed.truncated,
            attachments=self.attachments_json,
            automation=None if parsed.automation is None else parsed.automation.value,
            defects=self.defects_json,
            peer_address=self.envelope.peer.address,
            helo=self.envelope.peer.helo,
            authentication=self.authentication_json,
            verified=authentication.verified,
            verified_domain=authentication.verified_domain,
            domain_check=authentication.domain_check,
            entity_type=EntityType.HUMAN.value,
            delegation="",
            content_sha256=self.sha256,
            size=len(self.content),
            event_id=event_id,
            envelope=events.envelope("email.received", event_id, at, data),
            raw=self.content,
        )
        return Arrival(message, data)

    def _announcement(
        self, message_id: str, agent_email: str, envelope_from: str | None, at: datetime
    ) -> dict[str, Any]:
        """The payload of `email.received` (contract: events), `automation` being ours."""
        parsed = self.parsed
        data: dict[str, Any] = {
            "message_id": message_id,
            "agent_email": agent_email,
            "direction": "inbound",
            "header_from": parsed.header_from,
            "envelope_from": envelope_from,
            "verified_domain": self.authentication.verified_domain,
            "to": parsed.to,
            "cc": parsed.cc,
            "reply_to": parsed.reply_to,
            "authentication": self.authentication_document,
            "delivered_to": agent_email,
            "subject": parsed.subject,
            "received_at": events.rfc3339(at),
        }
        if parsed.attachments:
            data["attachments"] = [meta.to_json() for meta in parsed.attachments]
        if parsed.automation is not None:
            data["automation"] = parsed.automation.value
        return data


def _dedupe_key(message_id: str | None, sha256: bytes) -> bytes:
    """Same Message-ID and same bytes is the same mail. Without a Message-ID nobody can say so: two alike are two."""
    distinction = mint.new_id("") if message_id is None else message_id
    return hashlib.sha256(distinction.encode() + b"\0" + sha256).digest()
