"""Writing mail in: a batch of accepted messages and all that follows from them, in one statement.

One statement in autocommit is one transaction and one round trip; with binary arrays it costs
a tenth of a statement for each message. It stores content once for all recipients in an
account, leaves out what came before (same Message-ID and bytes, same agent, within 72 hours),
skips agents that went away since RCPT, writes events, deliveries and usage, and notifies.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen

from e2ad.core.continuity import Evidence, Known
from e2ad.storage.adaptation import booleans, floats, instants, integers, octets, texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Knowledge", "NewMessage", "Reference", "Sender", "Stored", "look_up", "store"]

_SQL = load("intake")


@frozen
class NewMessage:
    """One message for one agent, complete. JSON documents come as text, ready to be stored.

    `addresses` is `{"to": [...], "cc": [...], "reply_to": [...]}`; `reference_keys` are joined by blanks,
    which no canonical key contains. `new_text` is None where it is the same as `text`.

    What the gate says of it: `event_type` is another one than `email.received` where the mail stays hidden, and
    `review_status` then says why; `hold` is `{"reason", "findings", "on_expiry", "transition_id", "evidence"}` of
    mail that waits for a person. `flag_reason` marks mail that goes through; `flag_event_id` and `flag_envelope` are
    the second event of it. `notices` are the rows of `protection_events`; `noticed` is what the heuristics said of mail
    that waits for the word of the model, whose `event_type` is "".

    `sender` is the author's address in the form in which addresses are compared, None where there is none to remember;
    `look` is its skeleton, `evidence` what vouches for it.
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
    sender: str | None = None
    look: str = ""
    evidence: tuple[Evidence, ...] = ()
    continuity: str | None = None
    continuity_detail: str | None = None
    resembles: str | None = None
    scan_score: float | None = None
    scan_action: str | None = None
    notices: str | None = None
    noticed: str | None = None
    thread_id: str | None = None


@frozen
class Sender:
    """That the message at `position` of a batch claims to be from `address`."""

    position: int
    account_id: str
    agent_email: str
    address: str
    look: str


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
class Knowledge:
    """What was found, by position: conversation ids of those that continue one, and what is known of senders.

    `threads` are those that the stored mails under each key are in: all of them, or two where they are in several.
    """

    conversations: Mapping[int, str]
    senders: Mapping[int, Known]
    threads: Mapping[int, Mapping[str, Sequence[str]]] = field(factory=dict)


@frozen
class _Row:
    position: int
    conversation_id: str | None
    threads: list[str] | None
    inbound_count: int | None
    verified_count: int | None
    outbound_count: int | None
    evidence: list[str] | None
    lookalikes: list[str] | None


async def look_up(executor: Executor, references: Sequence[Reference], senders: Sequence[Sender]) -> Knowledge:
    """All that a batch has to know of the past. One statement; none where nothing is asked.

    Raises:
        Unavailable: the database does not answer.
    """
    if not references and not senders:
        return Knowledge({}, {})
    rows = await executor.fetch_all(
        _SQL["look_up"],
        {
            "positions": integers(r.position for r in references),
            "account_ids": texts(r.account_id for r in references),
            "agent_emails": texts(r.agent_email for r in references),
            "keys": texts(r.key for r in references),
            "sender_positions": integers(s.position for s in senders),
            "sender_account_ids": texts(s.account_id for s in senders),
            "sender_agent_emails": texts(s.agent_email for s in senders),
            "senders": texts(s.address for s in senders),
            "looks": texts(s.look for s in senders),
        },
        row=_Row,
    )
    addresses = {one.position: one.address for one in senders}
    conversations = {row.position: row.conversation_id for row in rows if row.conversation_id is not None}
    known = {row.position: _known(addresses[row.position], row) for row in rows if row.conversation_id is None}
    return Knowledge(
        conversations, known, {row.position: _threads(references, row.threads) for row in rows if row.threads}
    )


def _threads(references: Sequence[Reference], lines: Sequence[str]) -> dict[str, Sequence[str]]:
    found = (line.split(" ") for line in lines)
    return {references[int(place) - 1].key: threads for place, *threads in found}


def _known(address: str, row: _Row) -> Known:
    evidence = []
    for line in row.evidence or ():
        mechanism, domain, selector = line.split(" ", 2)
        evidence.append(Evidence("dkim" if mechanism == "dkim" else "spf", domain, selector))
    return Known(
        address,
        row.inbound_count or 0,
        row.verified_count or 0,
        row.outbound_count or 0,
        tuple(evidence),
        tuple(row.lookalikes or ()),
    )


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
            "thread_ids": texts(m.thread_id for m in batch),
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
            "hops": integers(m.hops for m in batch),
            "raw_account_ids": texts(account_id for account_id, _ in contents),
            "raw_sha256s": octets(sha256 for _, sha256 in contents),
            "raws": octets(contents.values()),
            "outbox": outbox,
            **_judgements(batch),
            **_senders(batch),
        },
        row=Stored,
    )
    return {row.id: row for row in rows}


def _judgements(batch: Sequence[NewMessage]) -> dict[str, Any]:
    """What becomes of the messages, what tells of it, and what was noticed."""
    return {
        "event_ids": texts(m.event_id for m in batch),
        "event_types": texts(m.event_type for m in batch),
        "envelopes": texts(m.envelope for m in batch),
        "review_statuses": texts(m.review_status for m in batch),
        "review_expires_ats": instants(m.review_expires_at for m in batch),
        "holds": texts(m.hold for m in batch),
        "flag_reasons": texts(m.flag_reason for m in batch),
        "flag_event_ids": texts(m.flag_event_id for m in batch),
        "flag_envelopes": texts(m.flag_envelope for m in batch),
        "scan_scores": floats(m.scan_score for m in batch),
        "scan_actions": texts(m.scan_action for m in batch),
        "notices": texts(m.notices for m in batch),
        "noticeds": texts(m.noticed for m in batch),
    }


def _senders(batch: Sequence[NewMessage]) -> dict[str, Any]:
    """Who sent them, and what vouches for that; evidence by the place of its message, counted from 1."""
    evidence = [(place, one) for place, message in enumerate(batch, 1) for one in message.evidence]
    return {
        "senders": texts(m.sender for m in batch),
        "looks": texts(m.look for m in batch),
        "continuities": texts(m.continuity for m in batch),
        "continuity_details": texts(m.continuity_detail for m in batch),
        "resembleds": texts(m.resembles for m in batch),
        "evidence_places": integers(place for place, _ in evidence),
        "mechanisms": texts(one.mechanism for _, one in evidence),
        "domains": texts(one.domain for _, one in evidence),
        "selectors": texts(one.selector for _, one in evidence),
    }
