"""Deciding about held mail: approve, reject, edit, expire. One verb each, whoever calls.

Every verb works in the caller's transaction. The message's row is locked first, so that of all who try at
once (a person in the API, another behind a link, the clock) exactly one decides and the others learn that it
is decided; state, hold, ledger, event and submission become true together or not at all.

What a person approved is exactly what leaves: an approval may name the SHA-256 of the draft that its author has
seen, and fails where the draft was changed since. A changed draft is a new revision; none is lost.
"""

from datetime import datetime
from functools import partial
from typing import Any, Final

from attrs import field, frozen

from e2ad.core import events, signing
from e2ad.core.errors import Conflict, InvalidRequest, MessageNotPending, NotFound
from e2ad.core.outbound import Draft, encode_draft, sha256_of
from e2ad.gateway import audit, evidence, mint
from e2ad.gateway.acceptance import Acceptance, is_loopback, off_loop, survey
from e2ad.gateway.announcements import received
from e2ad.gateway.decisions import (
    EXPIRY,
    LEDGER,
    Approved,
    Composition,
    Rejected,
    Reviewer,
    Revised,
    Status,
)
from e2ad.gateway.edits import Edits, edited
from e2ad.gateway.holds import Desk
from e2ad.gateway.previews import OTHERWISE, draft_of, looked_at, stamp_of
from e2ad.gateway.told import told
from e2ad.storage import correspondents, ledger, outbox
from e2ad.storage import reviews as storage
from e2ad.storage.ledger import Transition
from e2ad.storage.outbox import NewEvent
from e2ad.storage.pool import Executor
from e2ad.storage.reviews import Decision, Hold, Locked, Released

__all__ = ["MAX_REASON", "Approved", "Rejected", "Reviewer", "Reviews", "Revised"]

MAX_REASON: Final = 2000
MAX_REVISIONS: Final = 100
"""Each of them is kept whole."""

_CHANGED: Final = "the draft was changed since you saw it: read it again and decide about what it is now"


@frozen
class Reviews:
    """The verbs, over what the deployment was told."""

    desk: Desk
    acceptance: Acceptance = field(repr=False)

    async def approve(
        self,
        transaction: Executor,
        account_id: str,
        message_id: str,
        reviewer: Reviewer,
        *,
        edits: Edits | None = None,
        seen: bytes | None = None,
        exactly: Composition | None = None,
    ) -> Approved:
        """Let a held mail go: a draft is accepted to be sent, received mail becomes visible and is announced.

        Args:
            edits: changes to the draft on the way; of received mail nothing can be changed.
            seen: SHA-256 of the draft, or of the received bytes, that the decision is about.
            exactly: the mail that `preview` made of it: what leaves has these octets, or nothing leaves.

        Raises:
            NotFound: no such message with a live agent.
            MessageNotPending: it is decided, or never was held.
            Conflict: it is another draft than the one that was seen.
            InvalidRequest, InvalidRecipient, TooManyRecipients, InvalidAttachment, PayloadTooLarge: of the edits.
            SendingDomainNotVerified, RecipientSuppressed, LimitExceeded: it may not leave; it stays held.
        """
        locked = await self._lock(transaction, account_id, message_id)
        hold = await self._hold(transaction, locked, seen)
        return await self._approve(
            transaction, locked, hold, reviewer, "review_approved", edits=edits, seen=seen, exactly=exactly
        )

    async def reject(
        self,
        transaction: Executor,
        account_id: str,
        message_id: str,
        reviewer: Reviewer,
        *,
        reason: str = "",
        seen: bytes | None = None,
    ) -> Rejected:
        """Keep a held mail back for good: a draft is never sent, received mail never shown.

        Raises:
            NotFound, MessageNotPending, Conflict: as in `approve`.
            InvalidRequest: the reason is too long.
        """
        if len(reason) > MAX_REASON:
            raise InvalidRequest(f"reason must have at most {MAX_REASON} characters")
        locked = await self._lock(transaction, account_id, message_id)
        hold = await self._hold(transaction, locked, seen)
        return await self._reject(transaction, locked, hold, reviewer, "review_rejected", reason, seen=seen)

    async def edit(
        self,
        transaction: Executor,
        account_id: str,
        message_id: str,
        reviewer: Reviewer,
        edits: Edits,
        *,
        seen: bytes | None = None,
    ) -> Revised:
        """Change a held draft without deciding: a new revision, which no earlier link or approval is about.

        Raises:
            NotFound, MessageNotPending, Conflict: as in `approve`.
            InvalidRequest: it is received mail, whose content is evidence; or what `approve` says of edits.
        """
        locked = await self._lock(transaction, account_id, message_id)
        hold = await self._hold(transaction, locked, seen)
        if locked.direction == "inbound":
            raise InvalidRequest("received mail cannot be changed: approve or reject it as it is")
        before = draft_of(hold)
        draft = self._edited(before, edits)
        if draft == before:
            return Revised(message_id, hold.revision, hold.sha256 or b"")
        revised = await self._revise(transaction, locked, hold, draft, reviewer)
        known = evidence.of_draft(locked, hold, seen, before, draft, revised)
        await audit.record(transaction, locked.account_id, reviewer.actor, "review.edited", locked.id, known)
        return revised

    async def expired(self, transaction: Executor, locked: Locked) -> Hold:
        """A hold that ran out: its `on_expiry` says what the owner wanted then."""
        return await self._hold(transaction, locked, None)

    async def expire_approving(self, transaction: Executor, locked: Locked, hold: Hold) -> Approved:
        """Let a mail go whose hold ran out, because the owner wanted it so; raises what `approve` raises."""
        return await self._approve(transaction, locked, hold, EXPIRY, "review_expired_approved")

    async def expire_rejecting(self, transaction: Executor, locked: Locked, hold: Hold, reason: str) -> Rejected:
        """Keep a mail back whose hold ran out."""
        return await self._reject(transaction, locked, hold, EXPIRY, "review_expired_rejected", reason)

    async def _lock(self, transaction: Executor, account_id: str, message_id: str) -> Locked:
        locked = await storage.lock(transaction, account_id, message_id)
        if locked is None or locked.trashed:
            raise NotFound("message not found")
        if locked.review_status != "pending_review":
            raise MessageNotPending
        return locked

    async def _hold(self, transaction: Executor, locked: Locked, seen: bytes | None) -> Hold:
        hold = await storage.hold(transaction, locked.account_id, locked.id)
        if hold is None:
            raise MessageNotPending
        if seen is not None and seen != hold.sha256:
            raise Conflict(_CHANGED)
        return hold

    async def _approve(
        self,
        transaction: Executor,
        locked: Locked,
        hold: Hold,
        reviewer: Reviewer,
        status: Status,
        *,
        edits: Edits | None = None,
        seen: bytes | None = None,
        exactly: Composition | None = None,
    ) -> Approved:
        if locked.direction == "inbound":
            await self._decide(transaction, locked, reviewer, status)
            found = await self._release(transaction, locked)
            shown = {"edited": False, "subject": found.subject}
            await self._tell(transaction, locked, status, shown, sender=found.header_from)
            await self._note(transaction, locked, reviewer, status, evidence.of_received(locked, hold, seen))
            return Approved(locked.id, status, edited=False)
        before = draft_of(hold)
        draft = before if edits is None else self._edited(before, edits)
        was_edited, revised = hold.edited, None
        if draft != before:
            revised = await self._revise(transaction, locked, hold, draft, reviewer)
            was_edited = True
        known = evidence.of_draft(locked, hold, seen, before, draft, revised)
        if reviewer != EXPIRY:
            draft = looked_at(draft)
        surveyed = await survey(transaction, locked.account_id, locked.agent_email, draft.recipients)
        self.acceptance.check(surveyed, draft)
        at = mint.now()
        prepared = await self.acceptance.prepare(
            surveyed,
            draft,
            message_id=locked.id,
            held=True,
            classes=evidence.classes(hold),
            stamp=stamp_of(exactly, hold),
        )
        content = prepared.submission.composed.content
        mail_sha256 = await off_loop(partial(sha256_of, content), len(content))
        if exactly is not None and exactly.sha256 != mail_sha256:
            raise Conflict(OTHERWISE)
        await self._decide(transaction, locked, reviewer, status)
        more = {
            "edited": was_edited,
            "message_type": draft.kind.value,
            "method": prepared.accepted.method,
            "subject": draft.subject,
            "to": draft.to,
        }
        await self._tell(transaction, locked, status, more, sender=draft.agent_email, at=at)
        # So late, since the account's usage is locked by it until COMMIT; and last the head of the audit log.
        accepted = await self.acceptance.write(transaction, prepared)
        known["left_as"] = accepted.email_message_id
        known["mail_sha256"] = mail_sha256.hex()
        await self._note(transaction, locked, reviewer, status, known)
        return Approved(locked.id, status, was_edited, accepted)

    async def _note(
        self, transaction: Executor, locked: Locked, reviewer: Reviewer, status: Status, known: dict[str, Any]
    ) -> None:
        await audit.record(transaction, locked.account_id, reviewer.actor, LEDGER[status], locked.id, known)

    def _edited(self, draft: Draft, edits: Edits) -> Draft:
        own = (draft.agent_email, f"agent@{self.acceptance.from_domain}")
        return edited(draft, edits, own=own, at=mint.now())

    async def _reject(
        self,
        transaction: Executor,
        locked: Locked,
        hold: Hold,
        reviewer: Reviewer,
        status: Status,
        reason: str,
        seen: bytes | None = None,
    ) -> Rejected:
        await self._decide(transaction, locked, reviewer, status, reason)
        more: dict[str, Any] = {"reason": reason}
        known = evidence.of_received(locked, hold, seen)
        if hold.draft is not None:
            draft = draft_of(hold)
            more["message_type"] = draft.kind.value
            known = evidence.of_draft(locked, hold, seen, draft, draft)
        await self._tell(transaction, locked, status, more, sender=None)
        await self._note(transaction, locked, reviewer, status, {**known, "reason": reason})
        return Rejected(locked.id, status, reason)

    async def _revise(
        self, transaction: Executor, locked: Locked, hold: Hold, draft: Draft, reviewer: Reviewer
    ) -> Revised:
        if hold.revision >= MAX_REVISIONS:
            raise Conflict(f"the draft was changed {MAX_REVISIONS} times: approve or reject it as it is")
        encoded = encode_draft(draft)
        sha256 = sha256_of(encoded)
        revision = await storage.revise(
            transaction,
            locked.account_id,
            locked.id,
            draft,
            encoded=encoded,
            sha256=sha256,
            method="loopback" if is_loopback(draft) else "smtp",
            editor=reviewer.by or reviewer.via,
            at=mint.now(),
        )
        return Revised(locked.id, revision, sha256)

    async def _decide(
        self, transaction: Executor, locked: Locked, reviewer: Reviewer, status: Status, reason: str = ""
    ) -> None:
        decision = Decision(status, reviewer.via, reviewer.by, mint.now(), reason or None)
        if not await storage.decide(transaction, locked.account_id, locked.id, decision):
            raise MessageNotPending

    async def _release(self, transaction: Executor, locked: Locked) -> Released:
        """Announce received mail as if it had come in now: the same event, on the same channels."""
        found = await storage.released(transaction, locked.account_id, locked.id)
        event_id = signing.event_id(locked.id, "email.received")
        at = mint.now()
        data = received(
            message_id=locked.id,
            agent_email=locked.agent_email,
            header_from=found.header_from,
            envelope_from=found.envelope_from,
            verified_domain=found.verified_domain,
            to=found.to_addresses,
            cc=found.cc_addresses,
            reply_to=found.reply_to_addresses,
            authentication=found.authentication,
            subject=found.subject,
            at=found.created_at,
            attachments=found.attachments,
            automation=found.automation,
            conversation_id=found.conversation_id if found.threaded else None,
            continuity=found.sender_continuity,
        )
        event = NewEvent(
            account_id=locked.account_id,
            id=event_id,
            type="email.received",
            agent_email=locked.agent_email,
            conversation_id=found.conversation_id,
            message_id=locked.id,
            envelope=events.envelope("email.received", event_id, at, data),
            created_at=at,
        )
        await outbox.emit(transaction, [event], outbox=self.desk.outbox)
        await correspondents.received(
            transaction,
            locked.account_id,
            locked.agent_email,
            found.header_from,
            verified_domain=found.verified_domain,
            authentication=found.authentication,
            conversation_id=found.conversation_id,
            at=found.created_at,
        )
        return found

    async def _tell(
        self,
        transaction: Executor,
        locked: Locked,
        status: Status,
        more: dict[str, Any],
        *,
        sender: str | None,
        at: datetime | None = None,
    ) -> None:
        """The ledger's row and the event of a decision (contract: review events).

        `at` is before what follows from the decision, so that the ledger tells both in this order.
        """
        at = at or mint.now()
        event_type = "email.review_approved" if status.endswith("approved") else "email.review_rejected"
        event_id = signing.event_id(locked.id, event_type)
        decided = Transition(
            account_id=locked.account_id,
            id=mint.new_id("mlt_"),
            message_id=locked.id,
            reason_code=LEDGER[status],
            occurred_at=at,
            correlation_ids={"event_id": event_id},
        )
        await ledger.append(transaction, [decided])
        data: dict[str, Any] = {
            "message_id": locked.id,
            "agent_email": locked.agent_email,
            "direction": locked.direction,
            "review_status": status,
            **more,
            "lifecycle_transitions": [told(decided, locked.direction)],
        }
        if sender is not None:
            data["from"] = sender
        event = NewEvent(
            account_id=locked.account_id,
            id=event_id,
            type=event_type,
            agent_email=locked.agent_email,
            conversation_id=locked.conversation_id,
            message_id=locked.id,
            envelope=events.envelope(event_type, event_id, at, data),
            created_at=at,
        )
        await outbox.emit(transaction, [event], outbox=self.desk.outbox)
