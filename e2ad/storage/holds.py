"""Writing a hold: the message that waits, why, and the exact draft that a decision will be bound to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen

from e2ad.core.outbound import Draft
from e2ad.storage import submissions
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from e2ad.storage.sending import Thread
from e2ad.storage.sql import load

__all__ = ["NewHold", "NewNotice", "hold"]

_SQL = load("holds")


@frozen
class NewNotice:
    """A mail of the deployment to the owner of an account, as it will be sent."""

    id: str
    recipient: str
    content: bytes = field(repr=False)


@frozen(kw_only=True)
class NewHold:
    """A draft that waits for a person. `encoded` are its exact JSON bytes, `sha256` their hash."""

    account_id: str
    message_id: str
    draft: Draft
    encoded: bytes = field(repr=False)
    sha256: bytes
    reason: Mapping[str, Any]
    findings: Sequence[Mapping[str, Any]]
    on_expiry: str
    method: str
    threaded: bool
    thread: Thread
    at: datetime
    expires_at: datetime
    notice: NewNotice | None


async def hold(executor: Executor, new: NewHold) -> None:
    """Write it: the message in `pending_review`, the hold, its first revision, and the notice if there is one."""
    draft = new.draft
    await executor.execute(
        _SQL["hold"],
        {
            "account_id": new.account_id,
            "message_id": new.message_id,
            "agent_email": draft.agent_email,
            "method": new.method,
            "message_type": draft.kind.value,
            "at": new.at,
            "expires_at": new.expires_at,
            "delivered_to": draft.recipients[0],
            "sender_name": draft.sender_name,
            "to": Jsonb(draft.to),
            "cc": Jsonb(draft.cc),
            "bcc": Jsonb(draft.bcc),
            "reply_to": Jsonb(draft.reply_to),
            "subject": draft.subject,
            "conversation_id": draft.conversation_id,
            "threaded": new.threaded,
            "thread_id": new.thread.id,
            "thread_parent_id": new.thread.parent_id,
            "adopts": new.thread.adopts,
            "text": draft.text,
            "html": draft.html,
            "hops": draft.hops,
            "reason": Jsonb(new.reason),
            "findings": Jsonb(new.findings),
            "on_expiry": new.on_expiry,
            "send_at": draft.send_at,
            "draft": new.encoded,
            "sha256": new.sha256,
            "editor": draft.agent_email,
            "notice_id": None if new.notice is None else new.notice.id,
            "notice_to": None if new.notice is None else new.notice.recipient,
            "notice": None if new.notice is None else new.notice.content,
        },
    )
    if new.notice is not None:
        await submissions.announce(executor)
