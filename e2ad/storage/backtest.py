"""The stored mail of an agent as the gate would have met it: read only, and never written to."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import field, frozen

from e2ad.storage.adaptation import texts
from e2ad.storage.messages import Position
from e2ad.storage.pool import Executor
from e2ad.storage.provenance import Header, Mail
from e2ad.storage.sql import load

__all__ = ["FIRST", "LAST", "Acquainted", "Agent", "Moment", "Place", "StoredMail", "acquaintances", "agent", "known"]
__all__ += ["mails", "passages", "places", "senders"]

_SQL = load("backtest")
_PER_SENDER: Final = 5

FIRST: Final = Position(datetime(1, 1, 2, tzinfo=UTC), "")
LAST: Final = Position(datetime(9999, 12, 30, tzinfo=UTC), "")


@frozen
class Agent:
    """A live agent; `stored` counts all its mail."""

    email: str
    name: str
    domain: str
    registered_domain: str
    stored: int


@frozen
class Place:
    """Where a mail stands, and the octets of its texts."""

    id: str
    created_at: datetime
    octets: int


@frozen(kw_only=True)
class StoredMail:
    """A mail as it is stored, with what became of it.

    Attributes:
        parent_id: of a mail out: the mail that it answers or hands on.
        text, html: empty where nobody looks at texts; otherwise up to the limit that was asked for.
        hold_summary: why it was held, where it was.
        draft: what was held, as the agent wrote it, where it is kept still and not large.
        taken_by: recipients whose server took it.
    """

    id: str
    direction: str
    created_at: datetime
    message_type: str | None
    header_from: str | None
    sender_name: str
    to_addresses: list[str]
    cc_addresses: list[str]
    bcc_addresses: list[str]
    reply_to_addresses: list[str]
    subject: str
    conversation_id: str
    parent_id: str | None
    hops: int
    attachments: list[dict[str, Any]] = field(repr=False)
    truncated: bool
    verified: bool
    verified_domain: str | None
    authentication: dict[str, Any] | None = field(repr=False)
    flagged: bool
    flag_reason: str | None
    review_status: str | None
    text: str = field(repr=False)
    html: str | None = field(repr=False)
    hold_summary: str | None
    was_held: bool
    draft: bytes | None = field(repr=False)
    taken_by: list[str]


@frozen
class Acquainted:
    """What the agent knew of an address; `evidence` as the look-up of mail in gives it."""

    address: str
    skeleton: str
    inbound_count: int
    outbound_count: int
    since: datetime
    is_proven: bool
    evidence: list[str]


@frozen
class Moment:
    """The time of a mail, in a past in which all mail from `start` on was delivered but for some.

    Attributes:
        at: the place of the mail: what came before it is seen.
        kept_back: of the mails since the start those that were held or refused; only those that can matter.
        never: those of them of which there would be no row at all.
    """

    at: Position
    start: Position
    kept_back: Sequence[str] = ()
    never: Sequence[str] = ()


async def agent(executor: Executor, account_id: str, agent_email: str) -> Agent | None:
    """A live agent of the account."""
    return await executor.fetch_one(_SQL["agent"], {"account_id": account_id, "agent_email": agent_email}, row=Agent)


async def places(
    executor: Executor, account_id: str, agent_email: str, *, after: Position, before: Position, limit: int
) -> list[Place]:
    """The newest mails between two places, newest first."""
    parameters = {
        "account_id": account_id,
        "agent_email": agent_email,
        "after_at": after.at,
        "after_id": after.id,
        "before_at": before.at,
        "before_id": before.id,
        "limit": limit,
    }
    return await executor.fetch_all(_SQL["places"], parameters, row=Place)


async def mails(
    executor: Executor,
    account_id: str,
    agent_email: str,
    ids: Iterable[str],
    *,
    reads_inbound: bool,
    reads_outbound: bool,
    most_characters: int,
    draft_octets: int,
) -> list[StoredMail]:
    """Those of these mails that are there still, oldest first."""
    parameters = {
        "account_id": account_id,
        "agent_email": agent_email,
        "ids": texts(ids),
        "reads_inbound": reads_inbound,
        "reads_outbound": reads_outbound,
        "most": most_characters,
        "draft_octets": draft_octets,
    }
    return await executor.fetch_all(_SQL["mails"], parameters, row=StoredMail)


async def senders(executor: Executor, account_id: str, agent_email: str, ids: Iterable[str]) -> list[str]:
    """The authors of those of these mails that came in."""
    parameters = {"account_id": account_id, "agent_email": agent_email, "ids": texts(ids)}
    return [row["header_from"] for row in await executor.fetch_all(_SQL["senders"], parameters)]


async def acquaintances(
    executor: Executor,
    account_id: str,
    agent_email: str,
    *,
    addresses: Iterable[str],
    looks: Iterable[str],
    at: datetime,
) -> list[Acquainted]:
    """What the agent knew before a time of these addresses, and of others with these looks."""
    parameters = {
        "account_id": account_id,
        "agent_email": agent_email,
        "addresses": texts(addresses),
        "looks": texts(looks),
        "at": at,
    }
    return await executor.fetch_all(_SQL["acquaintances"], parameters, row=Acquainted)


async def known(executor: Executor, account_id: str, agent_email: str, moment: Moment, **asked: Any) -> list[Header]:
    """`storage.provenance.known` at that moment."""
    parameters = {**_common(account_id, agent_email, moment, asked), "per_sender": _PER_SENDER}
    parameters |= {
        "forms": texts(asked["forms"]),
        "start_at": moment.start.at,
        "start_id": moment.start.id,
        "kept_back": texts(moment.kept_back),
        "never": texts(moment.never),
    }
    return await executor.fetch_all(_SQL["known"], parameters, row=Header)


async def passages(executor: Executor, account_id: str, agent_email: str, moment: Moment, **asked: Any) -> list[Mail]:
    """`storage.provenance.passages` at that moment."""
    parameters = _common(account_id, agent_email, moment, asked)
    parameters |= {"newest": asked["newest"], "texts": asked["texts_of"], "list_octets": asked["list_octets"]}
    return await executor.fetch_all(_SQL["passages"], parameters, row=Mail)


def _common(account_id: str, agent_email: str, moment: Moment, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "agent_email": agent_email,
        "at": moment.at.at,
        "id": moment.at.id,
        "conversation_id": asked["conversation_id"] or None,
        "parent_id": asked["parent_id"],
        "members": asked["members"],
        "octets": asked["octets"],
    }
