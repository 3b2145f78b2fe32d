"""Writing mail in: a batch of accepted messages and all that follows from them, in one statement.

One statement in autocommit is one transaction and one round trip; with binary arrays it costs
a tenth of a statement for each message. It stores content once for all recipients in an
account, leaves out what came before (same Message-ID and bytes, same agent, within 72 hours),
skips agents that went away since RCPT, writes events, deliveries and usage, and notifies.
"""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from e2ad.storage.adaptation import booleans, instants, integers, octets, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["NewMessage", "Reference", "Stored", "resolve", "store"]

_SQL = load("intake")


@frozen
class NewMessage:
    """One message for one agent, complete. JSON documents come as text, ready to be stored.

    `addresses` is `{"to": [...], "cc": [...], "reply_to": [...]}`; `reference_keys` are joined by blanks,
    which no canonical key contains. `new_text` is None where it is the same as `text`.

    What the gate says of it: `event_type` is another one than `email.received` where the mail stays hidden, and
    `review_status` then says why; `hold` is `{"reason", "findings", "on_expiry", "transition_id", "evidence"}` of
    mail that waits for a person. `flag_reason` marks mail that goes through; `flag_event_id` and `flag_envelope` are
    the second event of it.
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
    hops: int = 0
    event_type: str = "email.received"
    review_status: str | None = None
    review_expires_at: datetime | None = None
    hold: str | None = None
    flag_reason: str | None = None
    flag_event_id: str | None = None
    flag_envelope: str | None = None


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
            "positions": integers(r.position for r in references),
            "account_ids": texts(r.account_id for r in references),
            "agent_emails": texts(r.agent_email for r in references),
            "keys": texts(r.key for r in references),
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
            "ids": texts(m.id for m in batch),
            "account_ids": texts(m.account_id for m in batch),
            "agent_emails": texts(m.agent_email for m in batch),
            "dedupe_keys": octets(m.dedupe_key for m in batch),
            "created_ats": instants(m.created_at for m in batch),
            "forward_paths": texts(m.forward_path for m in batch),
            "envelope_froms": texts(m.envelope_from for m in batch),
            "header_froms": texts(m.header_from for m in batch),
            "sender_names": texts(m.sender_name for m in batch),
            "addresses": texts(m.addresses for m in batch),
            "subjects": texts(m.subject for m in batch),
            "sent_ats": instants(m.sent_at for m in batch),
            "message_ids": texts(m.message_id for m in batch),
            "message_id_keys": texts(m.message_id_key for m in batch),
            "reference_keys": texts(m.reference_keys for m in batch),
            "conversation_ids": texts(m.conversation_id for m in batch),
            "threadeds": booleans(m.threaded for m in batch),
            "texts": texts(m.text for m in batch),
            "new_texts": texts(m.new_text for m in batch),
            "htmls": texts(m.html for m in batch),
            "truncateds": booleans(m.truncated for m in batch),
            "attachments": texts(m.attachments for m in batch),
            "automations": texts(m.automation for m in batch),
            "defects": texts(m.defects for m in batch),
            "peer_addresses": texts(m.peer_address for m in batch),
            "helos": texts(m.helo for m in batch),
            "authentications": texts(m.authentication for m in batch),
            "verifieds": booleans(m.verified for m in batch),
            "verified_domains": texts(m.verified_domain for m in batch),
            "domain_checks": texts(m.domain_check for m in batch),
            "entity_types": texts(m.entity_type for m in batch),
            "delegations": texts(m.delegation for m in batch),
            "content_sha256s": octets(m.content_sha256 for m in batch),
            "sizes": integers(m.size for m in batch),
            "event_ids": texts(m.event_id for m in batch),
            "hops": integers(m.hops for m in batch),
            "event_types": texts(m.event_type for m in batch),
            "review_statuses": texts(m.review_status for m in batch),
            "review_expires_ats": instants(m.review_expires_at for m in batch),
            "holds": texts(m.hold for m in batch),
            "flag_reasons": texts(m.flag_reason for m in batch),
            "flag_event_ids": texts(m.flag_event_id for m in batch),
            "flag_envelopes": texts(m.flag_envelope for m in batch),
            "envelopes": texts(m.envelope for m in batch),
            "raw_account_ids": texts(account_id for account_id, _ in contents),
            "raw_sha256s": octets(sha256 for _, sha256 in contents),
            "raws": octets(contents.values()),
            "outbox": outbox,
        },
        row=Stored,
    )
    return {row.id: row for row in rows}
