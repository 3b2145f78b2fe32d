"""A mail on its way into inboxes: what all its recipients share, and the message and event of each.

Mail by SMTP and mail from one agent to another come through here alike.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import evolve, frozen

from e2ad.core import events, signing, threads
from e2ad.core.authentication import Authentication
from e2ad.core.message import EntityType, Envelope, ParsedMessage, Recipient
from e2ad.gateway import announcements, mint
from e2ad.gateway.intake import Arrival
from e2ad.storage.intake import NewMessage

__all__ = ["Incoming", "Inside"]


@frozen
class Inside:
    """Who sent a mail that never left the house: an agent of this deployment, known without any proof by mail.

    `hops` is the how manieth mail in a row from agent to agent it is; `delegation` says who stands behind it.
    Agents of one account, `account_id`, share their conversations: the one that the mail names is believed
    (contract: conversations). Another account's is not: nobody else gets into a conversation by naming it.
    """

    hops: int
    delegation: str = ""
    account_id: str = ""


@frozen
class Incoming:
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
    inside: Inside | None

    @classmethod
    def of(
        cls,
        envelope: Envelope,
        content: bytes,
        sha256: bytes,
        parsed: ParsedMessage,
        authentication: Authentication,
        *,
        inside: Inside | None = None,
    ) -> "Incoming":
        """All that follows from the mail itself.

        Args:
            sha256: of `content`.
            inside: set where an agent of this deployment sent it.
        """
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
            inside=inside,
        )

    def arrival(self, recipient: Recipient) -> Arrival:
        """The message for one agent, judged by what its owner wants to see first, with the event that tells of it."""
        parsed, authentication = self.parsed, self.authentication
        message_id = mint.new_id("msg_")
        at = mint.now()
        envelope_from = str(self.envelope.reverse_path) or None
        shared = self._shared_conversation(recipient)
        judgement = announcements.judged(
            recipient,
            self._announcement(message_id, recipient.agent_email, envelope_from, at, shared),
            message_id=message_id,
            at=at,
        )
        event_id = signing.event_id(message_id, judgement.event_type)
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
            conversation_id=shared or mint.new_id("conv_"),
            threaded=shared is not None,
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
            entity_type=EntityType.HUMAN.value if self.inside is None else EntityType.AGENT.value,
            delegation="" if self.inside is None else self.inside.delegation,
            hops=0 if self.inside is None else self.inside.hops,
            content_sha256=self.sha256,
            size=len(self.content),
            event_id=event_id,
            envelope=events.envelope(judgement.event_type, event_id, at, judgement.data),
            raw=self.content,
            event_type=judgement.event_type,
            review_status=judgement.review_status,
            review_expires_at=judgement.review_expires_at,
            hold=judgement.hold,
            flag_reason=judgement.flag_reason,
        )
        return Arrival(_marked(message, judgement), judgement.data, judgement.flag_data)

    def _shared_conversation(self, recipient: Recipient) -> str | None:
        if self.inside is None or self.inside.account_id != recipient.account_id:
            return None
        return self.parsed.conversation_id

    def _announcement(
        self, message_id: str, agent_email: str, envelope_from: str | None, at: datetime, conversation_id: str | None
    ) -> dict[str, Any]:
        parsed = self.parsed
        return announcements.received(
            message_id=message_id,
            agent_email=agent_email,
            header_from=parsed.header_from,
            envelope_from=envelope_from,
            verified_domain=self.authentication.verified_domain,
            to=parsed.to,
            cc=parsed.cc,
            reply_to=parsed.reply_to,
            authentication=self.authentication_document,
            subject=parsed.subject,
            at=at,
            attachments=[meta.to_json() for meta in parsed.attachments],
            automation=None if parsed.automation is None else parsed.automation.value,
            conversation_id=conversation_id,
        )


def _marked(message: NewMessage, judgement: announcements.Judgement) -> NewMessage:
    """With the second event of mail that is delivered although the owner's list does not name its sender."""
    if judgement.flag_data is None:
        return message
    event_id = signing.event_id(message.id, "email.flagged")
    envelope = events.envelope("email.flagged", event_id, message.created_at, judgement.flag_data)
    return evolve(message, flag_event_id=event_id, flag_envelope=envelope)


def _dedupe_key(message_id: str | None, sha256: bytes) -> bytes:
    """Same Message-ID and same bytes is the same mail. Without a Message-ID nobody can say so: two alike are two."""
    distinction = mint.new_id("") if message_id is None else message_id
    return hashlib.sha256(distinction.encode() + b"\0" + sha256).digest()
