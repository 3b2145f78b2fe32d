"""A mail on its way into inboxes: what all its recipients share, and the message and event of each.

Mail by SMTP and mail from one agent to another come through here alike.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from attrs import frozen

from e2ad.core import events, signing, threads
from e2ad.core.authentication import Authentication
from e2ad.core.continuity import Continuity, Evidence, compare, is_memorable, look, vouching
from e2ad.core.message import EntityType, Envelope, ParsedMessage, Recipient
from e2ad.core.provenance import comparable
from e2ad.core.screening import Screening
from e2ad.gateway import announcements, mint
from e2ad.gateway.intake import Arrival, Found
from e2ad.storage.intake import NewMessage

__all__ = ["Incoming", "Inside"]


@frozen
class Inside:
    """Who sent a mail that never left the house: an agent of this deployment, known without any proof by mail.

    `hops` is the how manieth mail in a row from agent to agent it is; `delegation` says who stands behind it.
    Agents of one account, `account_id`, share their conversations: the one that the mail names is believed
    (contract: conversations). Another account's is not: nobody else gets into a conversation by naming it.
    `thread_id` is the mail's in the mailbox of `agent_email`, which sent it: to itself it comes back into the same.
    """

    hops: int
    delegation: str = ""
    account_id: str = ""
    agent_email: str = ""
    thread_id: str | None = None


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
    sender: str | None
    look: str
    evidence: tuple[Evidence, ...]
    screening: Screening | None
    asks_model: bool

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
        screening: Screening | None = None,
        asks_model: bool = False,
    ) -> "Incoming":
        """All that follows from the mail itself.

        Args:
            sha256: of `content`.
            inside: set where an agent of this deployment sent it.
            screening: what it looks like, where an owner asked for that.
            asks_model: a model has a say as well.
        """
        document = authentication.to_json()
        sender = None if parsed.header_from is None else comparable(parsed.header_from)
        if sender is not None and not is_memorable(sender):
            sender = None
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
            sender=sender,
            look="" if sender is None else look(sender),
            evidence=vouching(authentication),
            screening=screening,
            asks_model=asks_model,
        )

    def arrival(self, recipient: Recipient) -> Arrival:
        """The message for one agent, to be judged once it is known what it continues and who writes."""
        parsed = self.parsed
        message_id = mint.new_id("msg_")
        shared = self._shared_conversation(recipient)
        conversation_id = shared or mint.new_id("conv_")
        return Arrival(
            id=message_id,
            account_id=recipient.account_id,
            agent_email=recipient.agent_email,
            size=len(self.content),
            conversation_id=conversation_id,
            threaded=shared is not None,
            message_id_key=parsed.message_id_key,
            reference_keys=self.reference_keys,
            sender=self.sender,
            look=self.look,
            judge=partial(self._judged, recipient, message_id, conversation_id, shared is not None),
            thread_keys=parsed.thread_keys,
            thread_id=self._own_thread(recipient),
            dedupe_key=self.dedupe_key,
        )

    def _judged(
        self, recipient: Recipient, message_id: str, conversation_id: str, shared: bool, found: Found
    ) -> NewMessage:
        """The message as it is stored: judged by what its owner wants to see first, with the event that tells of it."""
        parsed, authentication = self.parsed, self.authentication
        at = mint.now()
        continuity = None
        if parsed.header_from is not None:
            continuity = compare(found.known, self.sender or parsed.header_from, authentication, self.evidence)
        named = found.conversation_id or (conversation_id if shared else None)
        judgement = announcements.judged(
            announcements.Subject.of(recipient, message_id, at, continuity, self.screening, asks_model=self.asks_model),
            self._announcement(recipient, message_id, at, named, continuity),
        )
        return NewMessage(
            id=message_id,
            account_id=recipient.account_id,
            agent_email=recipient.agent_email,
            dedupe_key=self.dedupe_key,
            created_at=at,
            forward_path=recipient.delivered_to,
            envelope_from=str(self.envelope.reverse_path) or None,
            header_from=parsed.header_from,
            sender_name=parsed.sender_name,
            addresses=self.addresses_json,
            subject=parsed.subject,
            sent_at=parsed.sent_at,
            message_id=parsed.message_id,
            message_id_key=parsed.message_id_key,
            reference_keys=self.reference_keys,
            conversation_id=named or conversation_id,
            threaded=named is not None or found.answered,
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
            raw=self.content,
            sender=self.sender,
            look=self.look,
            evidence=self.evidence,
            continuity=None if continuity is None else continuity.status,
            continuity_detail=None if continuity is None else continuity.detail,
            resembles=None if continuity is None else continuity.resembles,
            thread_id=found.thread_id,
            **_columns(message_id, at, judgement),
        )

    def _shared_conversation(self, recipient: Recipient) -> str | None:
        if self.inside is None or self.inside.account_id != recipient.account_id:
            return None
        return self.parsed.conversation_id

    def _own_thread(self, recipient: Recipient) -> str | None:
        if self.inside is None or self.inside.agent_email != recipient.agent_email:
            return None
        return self.inside.thread_id

    def _announcement(
        self,
        recipient: Recipient,
        message_id: str,
        at: datetime,
        conversation_id: str | None,
        continuity: Continuity | None,
    ) -> dict[str, Any]:
        parsed = self.parsed
        return announcements.received(
            message_id=message_id,
            agent_email=recipient.agent_email,
            header_from=parsed.header_from,
            envelope_from=str(self.envelope.reverse_path) or None,
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
            continuity=None if continuity is None else continuity.to_json(),
        )


def _columns(message_id: str, at: datetime, judgement: announcements.Judgement) -> dict[str, Any]:
    """What a judgement is in the row, and the texts of the events that tell of it."""
    event_id = signing.event_id(message_id, judgement.event_type or "email.received")
    columns: dict[str, Any] = {
        "event_id": event_id,
        "event_type": judgement.event_type,
        "envelope": "",
        "review_status": judgement.review_status,
        "review_expires_at": judgement.review_expires_at,
        "flag_reason": judgement.flag_reason,
        "scan_score": judgement.scan_score,
        "scan_action": judgement.scan_action,
    }
    if judgement.event_type:
        columns["envelope"] = events.envelope(judgement.event_type, event_id, at, judgement.data)
    if judgement.flag_data is not None:
        columns["flag_event_id"] = flag_event_id = signing.event_id(message_id, "email.flagged")
        columns["flag_envelope"] = events.envelope("email.flagged", flag_event_id, at, judgement.flag_data)
    if judgement.hold is not None:
        columns["hold"] = events.to_json(judgement.hold)
    if judgement.notices:
        columns["notices"] = events.to_json(judgement.notices)
    if judgement.noticed is not None:
        columns["noticed"] = events.to_json(judgement.noticed)
    return columns


def _dedupe_key(message_id: str | None, sha256: bytes) -> bytes:
    """Same Message-ID and same bytes is the same mail. Without a Message-ID nobody can say so: two alike are two."""
    distinction = mint.new_id("") if message_id is None else message_id
    return hashlib.sha256(distinction.encode() + b"\0" + sha256).digest()
