"""Writing mail out: what decides whether it may leave, and the one statement that accepts it.

The statement writes the message with its content, the work of getting it out, the ledger, the
conversation and the account's usage. It commits by itself, or inside the transaction that also
stores the answer under an Idempotency-Key. What would pass a quota undoes all of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast

import orjson
from attrs import field, frozen
from psycopg import errors

from e2ad.core.address import without_tag
from e2ad.core.compose import Composed
from e2ad.core.outbound import Draft, MessageType, SentAs
from e2ad.core.protection import Protection
from e2ad.core.threads import message_id_key
from e2ad.storage.adaptation import texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "NewSubmission",
    "Overdrawn",
    "Parent",
    "Quota",
    "Recipient",
    "State",
    "Suppressed",
    "Survey",
    "Thread",
    "accept",
    "only_agent",
    "parent",
    "state",
    "survey",
]

_SQL = load("sending")

Quota = Literal["messages_month", "messages_day", "storage_bytes"]
_QUOTAS = ("messages_month", "messages_day", "storage_bytes")


class Overdrawn(Exception):
    """The mail does not fit into what is left of a quota; nothing of it was written."""

    def __init__(self, resource: Quota) -> None:
        super().__init__(resource)
        self.resource: Quota = resource


@frozen
class Suppressed:
    """An address that must not be written to: by one agent, or by any of the account where `agent_email` is empty."""

    address: str
    agent_email: str


@frozen(kw_only=True)
class Survey:
    """An agent that wants to send, with its account and domain, and what is known of the recipients.

    Attributes:
        domain: of the agent's address; `registered_domain` is the row that authorises it.
        domain_verified, sending_status, bounce_verified: of the registered domain.
        inside: those of the asked addresses that lead to this deployment.
        messages_month, messages_day: recipients accepted in the current month and day, UTC.
        max_messages_month, max_messages_day, max_storage_bytes: of the account's own; None for the default.
    """

    account_id: str
    account_email: str
    account_class: str
    plan_code: str | None
    upgrade_url: str
    agent_email: str
    agent_name: str
    domain: str
    registered_domain: str
    domain_verified: bool
    sending_status: str
    bounce_verified: bool
    protection: Protection
    inside: frozenset[str] = frozenset()
    suppressed: tuple[Suppressed, ...] = ()
    storage_bytes: int = 0
    messages_month: int = 0
    messages_day: int = 0
    max_messages_month: int | None = None
    max_messages_day: int | None = None
    max_storage_bytes: int | None = None


@frozen(kw_only=True)
class Parent:
    """A mail that is answered or forwarded. `submitted`: an outbound one has left."""

    id: str
    direction: str
    header_from: str | None
    sender_name: str
    to_addresses: list[str]
    cc_addresses: list[str]
    reply_to_addresses: list[str]
    subject: str
    message_id: str | None
    conversation_id: str
    body_text: str = field(repr=False)
    body_html: str | None = field(repr=False)
    attachments: list[dict[str, Any]] = field(repr=False)
    automation: str | None
    entity_type: str
    sent_at: datetime | None
    created_at: datetime
    raw: bytes | None = field(repr=False)
    submitted: bool
    thread_id: str | None


@frozen
class Thread:
    """Where a mail stands among others of its mailbox (contract: behaviour-post-ga 13.4).

    Attributes:
        id: the parent's thread, or a new one.
        parent_id: of the message that it answers.
        adopts: the parent had none: it gets this one, unless another answer was quicker; then that one holds.
    """

    id: str
    parent_id: str | None = None
    adopts: bool = False


@frozen
class Recipient:
    """One recipient of an accepted mail: in which field it stands, how it is reached, whence it is known."""

    address: str
    place: str
    route: str
    provenance: str | None = None


@frozen(kw_only=True)
class NewSubmission:
    """One mail, composed and complete, on its way out.

    Attributes:
        draft: with its conversation; `send_at` only if that is still to come.
        held: the message's row is there from its hold; the caller has moved its review status already.
        at: when it was accepted.
        attachments: the index of the composed mail.
        threaded: it continues a conversation, or its caller named one.
        transitions: id and reason code of the ledger's rows.
        token_sha256: of the unsubscribe token of its one recipient.
        max_*: the quotas that hold for this account; None for no limit of a day.
    """

    account_id: str
    id: str
    draft: Draft
    composed: Composed
    held: bool
    method: str
    at: datetime
    attachments: Sequence[Mapping[str, Any]]
    threaded: bool
    flag_reason: str | None
    sent_as: SentAs
    signing_domain: str
    return_path: str
    return_token: str = field(repr=False)
    recipients: Sequence[Recipient]
    transitions: Sequence[tuple[str, str]]
    token_sha256: bytes | None
    thread: Thread
    max_messages_month: int
    max_messages_day: int | None
    max_storage_bytes: int


@frozen
class State:
    """How far an accepted mail is."""

    status: str
    detail: str | None
    sent_as: str
    provider_message_id: str | None


async def survey(executor: Executor, account_id: str, agent_email: str, recipients: Sequence[str]) -> Survey | None:
    """The agent with all that decides on a mail to these addresses; None when the account has no such live agent.

    Args:
        recipients: folded; each counts as inside by its domain, or by the agent that it leads to.
    """
    row = await executor.fetch_one(
        _SQL["survey"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "addresses": texts(recipients),
            "bases": texts(without_tag(address) for address in recipients),
            "domains": texts(address.rpartition("@")[2] for address in recipients),
        },
    )
    if row is None:
        return None
    return Survey(
        **{
            **row,
            "protection": Protection.from_json(row["protection"]),
            "inside": frozenset(row["inside"]),
            "suppressed": tuple(Suppressed(*pair) for pair in row["suppressed"]),
        }
    )


async def parent(
    executor: Executor, account_id: str, agent_email: str, message_id: str, *, octets: int | None
) -> Parent | None:
    """The mail to answer or to forward; None where there is none, or it is held, hidden or in the trash.

    Args:
        octets: how much of the raw mail is wanted from its start; None for all of it, if it has attachments.
    """
    key = {"account_id": account_id, "agent_email": agent_email, "id": message_id, "octets": octets}
    return await executor.fetch_one(_SQL["parent"], key, row=Parent)


async def only_agent(executor: Executor, account_id: str) -> str | None:
    """The account's one live agent; None when it has none or several."""
    found: str | None = await executor.fetch_value(_SQL["only_agent"], {"account_id": account_id})
    return found


async def accept(executor: Executor, new: NewSubmission) -> bool:
    """Accept a mail. One statement.

    Returns:
        False when the agent is not there any more, or the row belongs to another mail; then none was accepted.

    Raises:
        Overdrawn: it does not fit into a quota; a transaction around it must roll back.

    Cancellation: nothing is kept before the server has committed.
    """
    try:
        written = await executor.fetch_value(_SQL["accept"], _parameters(new))
    except errors.NotNullViolation as error:
        # A count that does not fit is made null on purpose; see the statement.
        if error.diag.table_name == "account_usage" and error.diag.column_name in _QUOTAS:
            raise Overdrawn(cast("Quota", error.diag.column_name)) from error
        raise
    return written is not None


async def state(executor: Executor, account_id: str, message_id: str) -> State | None:
    """How far a mail is; None before it was accepted, and when it is gone."""
    return await executor.fetch_one(_SQL["state"], {"account_id": account_id, "id": message_id}, row=State)


def _parameters(new: NewSubmission) -> dict[str, Any]:
    return {
        "account_id": new.account_id,
        "id": new.id,
        "held": new.held,
        "method": new.method,
        "at": new.at,
        "attachments": _json(new.attachments),
        "threaded": new.threaded,
        # Others may be in its conversation already; for those of a new one nobody looks.
        "continues": new.held or new.threaded,
        "flag_reason": new.flag_reason,
        "sent_as": new.sent_as.value,
        "signing_domain": new.signing_domain,
        "return_path": new.return_path,
        "return_token": new.return_token,
        "delivered_to": new.recipients[0].address,
        "addresses": texts(recipient.address for recipient in new.recipients),
        "places": texts(recipient.place for recipient in new.recipients),
        "routes": texts(recipient.route for recipient in new.recipients),
        "provenances": texts(recipient.provenance for recipient in new.recipients),
        "transition_ids": texts(transition_id for transition_id, _ in new.transitions),
        "reason_codes": texts(reason_code for _, reason_code in new.transitions),
        "evidence": _json({"recipients": len(new.recipients), "sent_as": new.sent_as.value}),
        "correlation_ids": _json({"email_message_id": new.composed.message_id}),
        "token_sha256": new.token_sha256,
        "thread_id": new.thread.id,
        "thread_parent_id": new.thread.parent_id,
        "adopts": new.thread.adopts,
        "max_messages_month": new.max_messages_month,
        "max_messages_day": new.max_messages_day,
        "max_storage_bytes": new.max_storage_bytes,
        **_of_draft(new.draft),
        **_of_mail(new),
    }


def _of_draft(draft: Draft) -> dict[str, Any]:
    named = [*draft.references, *([draft.in_reply_to] if draft.in_reply_to else [])]
    return {
        "agent_email": draft.agent_email,
        "message_type": draft.kind.value,
        "forwarded_id": draft.parent_id if draft.kind is MessageType.FORWARD else None,
        "to": _json(draft.to),
        "cc": _json(draft.cc),
        "bcc": _json(draft.bcc),
        "reply_to": _json(draft.reply_to),
        "subject": draft.subject,
        "reference_keys": texts(dict.fromkeys(key for name in named if (key := message_id_key(name)) is not None)),
        "conversation_id": draft.conversation_id,
        "text": draft.text,
        "html": draft.html,
        "hops": draft.hops,
        "scheduled_at": draft.send_at,
    }


def _of_mail(new: NewSubmission) -> dict[str, Any]:
    composed, loopback = new.composed, new.method == "loopback"
    return {
        "envelope_from": None if loopback else new.return_path,
        "header_from": composed.header_from,
        "sender_name": composed.sender_name,
        "sent_at": new.draft.send_at or new.at,
        "email_message_id": composed.message_id,
        "message_id_key": message_id_key(composed.message_id),
        "smtputf8": composed.smtputf8,
        "provider_message_id": composed.message_id if loopback else None,
        "sha256": hashlib.sha256(composed.content).digest(),
        "raw": composed.content,
        "size_bytes": len(composed.content),
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
