"""Writing mail in: a batch of accepted messages and all that follows from them, in one statement.

One statement in autocommit is one transaction and one round trip; with binary arrays it costs
a tenth of a statement for each message. It stores content once for all recipients in an
account, leaves out what came before (same Message-ID and bytes, same agent, within 72 hours),
skips agents that went away since RCPT, writes events, deliveries and usage, and notifies.
"""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["NewMessage", "Reference", "Stored", "resolve", "store"]

_SQL = load("intake")


@frozen
class NewMessage:
    """One message for one agent, complete. JSON documents come as text, ready to be stored.

    `addresses` is `{"to": [...], "cc": [...], "reply_to": [...]}`; `reference_keys` are joined by blanks,
    which no canonical key contains. `new_text` is None where it is the same as `text`.
    """

    id: str
    account_id: str
    agent_email: str
    dedupe_key: bytes
    created_at: datetime
    forward_path: str
    envelope_from: str | None
    header_from: str | None
    sender_name: str
    addresses: str
    subject: str
    sent_at: datetime | None
    message_id: str | None
    message_id_key: str | None
    reference_keys: str | None
    conversation_id: str
    threaded: bool
    text: str
    new_text: str | None
    html: str | None
    truncated: bool
    attachments: str
    automation: str | None
    defects: str
    peer_address: str
    helo: str
    authentication: str
    verified: bool
    verified_domain: str | None
    domain_check: str
    entity_type: str
    delegation: str
    content_sha256: bytes
    size: int
    event_id: str
    envelope: str
    raw: bytes


@frozen
class Reference:
    """That the message at `position` of a batch refers to `key`."""

    position: int
    account_id: str
    agent_email: str
    key: str


@frozen
class Stored:
    """What became of one message.

    Attributes:
        live: the agent still exists.
        stored: it is a new row; otherwise it was there before (or the agent is gone).
        original_id: the id of the message that was there before, when it is known.
        deliveries: rows that now wait for a worker.
        storage_bytes: what the account uses now; None when nothing of it changed.
    """

    id: str
    live: bool
    stored: bool
    original_id: str | None
    deliveries: int
    storage_bytes: int | None


@frozen
class _Match:
    position: int
    conversation_id: str


async def resolve(executor: Executor, references: Sequence[Reference]) -> dict[int, str]:
    """Conversation ids by position, for the messages that continue one. One statement."""
    rows = await executor.fetch_all(
        _SQL["resolve"],
        {
            "positions": [r.position for r in references],
            "account_ids": [r.account_id for r in references],
            "agent_emails": [r.agent_email for r in references],
            "keys": [r.key for r in references],
        },
        row=_Match,
    )
    return {row.position: row.conversation_id for row in rows}


async def store(executor: Executor, batch: Sequence[NewMessage], *, outbox: bool) -> dict[str, Stored]:
    """Commit the batch; when this returns, every message in it is on disk or known not to be wanted.

    Args:
        batch: no two with the same account, agent and dedupe key.
        outbox: whether subscribed webhooks get deliveries.

    Returns:
        The outcome by message id.

    Cancellation:
        Before the server has committed, nothing is kept; the caller then learns nothing and
        must not answer 250. A repeat of the same mail is recognised by its dedupe key.
    """
    contents = {(m.account_id, m.content_sha256): m.raw for m in batch}
    rows = await executor.fetch_all(
        _SQL["store"],
        {
            "ids": [m.id for m in batch],
            "account_ids": [m.account_id for m in batch],
            "agent_emails": [m.agent_email for m in batch],
            "dedupe_keys": [m.dedupe_key for m in batch],
            "created_ats": [m.created_at for m in batch],
            "forward_paths": [m.forward_path for m in batch],
            "envelope_froms": [m.envelope_from for m in batch],
            "header_froms": [m.header_from for m in batch],
            "sender_names": [m.sender_name for m in batch],
            "addresses": [m.addresses for m in batch],
            "subjects": [m.subject for m in batch],
            "sent_ats": [m.sent_at for m in batch],
            "message_ids": [m.message_id for m in batch],
            "message_id_keys": [m.message_id_key for m in batch],
            "reference_keys": [m.reference_keys for m in batch],
            "conversation_ids": [m.conversation_id for m in batch],
            "threadeds": [m.threaded for m in batch],
            "texts": [m.text for m in batch],
            "new_texts": [m.new_text for m in batch],
            "htmls": [m.html for m in batch],
            "truncateds": [m.truncated for m in batch],
            "attachments": [m.attachments for m in batch],
            "automations": [m.automation for m in batch],
            "defects": [m.defects for m in batch],
            "peer_addresses": [m.peer_address for m in batch],
            "helos": [m.helo for m in batch],
            "authentications": [m.authentication for m in batch],
            "verifieds": [m.verified for m in batch],
            "verified_domains": [m.verified_domain for m in batch],
            "domain_checks": [m.domain_check for m in batch],
            "entity_types": [m.entity_type for m in batch],
            "delegations": [m.delegation for m in batch],
            "content_sha256s": [m.content_sha256 for m in batch],
            "sizes": [m.size for m in batch],
            "event_ids": [m.event_id for m in batch],
            "envelopes": [m.envelope for m in batch],
            "raw_account_ids": [account_id for account_id, _ in contents],
            "raw_sha256s": [sha256 for _, sha256 in contents],
            "raws": list(contents.values()),
            "outbox": outbox,
        },
        row=Stored,
    )
    return {row.id: row for row in rows}
