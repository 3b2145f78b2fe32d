"""The table of agents, and what goes with an agent that is deleted for good.

Every write notifies `e2ad_agents` with the address, in the same statement, so that no cache
outlives the change. An account is part of every question: somebody else's agent is no agent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import asdict, frozen
from psycopg.errors import UniqueViolation

from e2ad.core.errors import Conflict
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Agent",
    "Change",
    "Domain",
    "Holder",
    "NewAgent",
    "Protected",
    "Survey",
    "drop_contents",
    "find",
    "insert",
    "lock_account",
    "lock_contents",
    "page",
    "protect",
    "protection",
    "purge",
    "purge_messages",
    "restore",
    "survey",
    "trash",
    "unowned",
    "update",
]

_SQL = load("agents")


@frozen
class Agent:
    """An agent as it is stored. `registered_domain` is the row that authorises its address."""

    email: str
    account_id: str
    domain: str
    registered_domain: str
    domain_verified: bool
    name: str
    agent_mode: str
    webhook_url: str
    catch_all: bool
    created_at: datetime
    deleted_at: datetime | None
    protection: Mapping[str, Any]


@frozen
class Protected:
    """The stored protection of an agent; `version` counts its changes."""

    protection: Mapping[str, Any]
    version: int


@frozen
class NewAgent:
    """What an agent starts with."""

    email: str
    account_id: str
    domain: str
    registered_domain: str
    name: str
    agent_mode: str
    webhook_url: str
    catch_all: bool


@frozen
class Change:
    """What to change of an agent; None leaves it."""

    name: str | None = None
    agent_mode: str | None = None
    webhook_url: str | None = None
    catch_all: bool | None = None


@frozen
class Domain:
    """A registered domain. `account_id` None: the deployment's own."""

    domain: str
    account_id: str | None
    verified: bool


@frozen
class Holder:
    """Whose agent an address is already."""

    account_id: str
    trashed: bool


@frozen
class Survey:
    """What the database knows about an address that somebody wants. `max_agents` None: the default."""

    account_class: str
    plan_code: str | None
    max_agents: int | None
    upgrade_url: str
    live_agents: int
    domains: tuple[Domain, ...]
    holder: Holder | None


async def page(
    executor: Executor, account_id: str, *, deleted: bool, before: tuple[datetime, str] | None, limit: int
) -> list[Agent]:
    """Live or trashed agents, newest first, after the position `before` (its `created_at` and address)."""
    before_at, before_email = before or (None, "")
    return await executor.fetch_all(
        _SQL["page"],
        {
            "account_id": account_id,
            "deleted": deleted,
            "before_at": before_at,
            "before_email": before_email,
            "limit": limit,
        },
        row=Agent,
    )


async def find(executor: Executor, email: str) -> Agent | None:
    """The agent with this address, whoever owns it and also in the trash: the caller decides what may be said."""
    return await executor.fetch_one(_SQL["find"], {"email": email}, row=Agent)


async def survey(executor: Executor, account_id: str, email: str, domains: Sequence[str]) -> Survey | None:
    """All that decides whether `email` may become an agent; None when the account is gone."""
    row = await executor.fetch_one(_SQL["survey"], {"account_id": account_id, "email": email, "domains": list(domains)})
    if row is None:
        return None
    return Survey(
        account_class=row["account_class"],
        plan_code=row["plan_code"],
        max_agents=row["max_agents"],
        upgrade_url=row["upgrade_url"],
        live_agents=row["live_agents"],
        domains=tuple(Domain(**domain) for domain in row["domains"]),
        holder=Holder(**row["holder"]) if row["holder"] else None,
    )


async def lock_account(executor: Executor, account_id: str) -> None:
    """Wait until no other transaction counts what this account has; held to the end of the transaction."""
    await executor.execute(_SQL["lock_account"], {"account_id": account_id})


async def insert(executor: Executor, agent: NewAgent, *, max_agents: int) -> Agent | None:
    """The new agent, or None when the address is taken, the domain not verified any more, or the quota used up.

    The quota holds under concurrency only after `lock_account` in the same transaction.

    Raises:
        Conflict: another agent is the domain's catch-all.
    """
    try:
        return await executor.fetch_one(_SQL["insert"], asdict(agent) | {"max_agents": max_agents}, row=Agent)
    except UniqueViolation as error:
        raise _second_catch_all(agent.domain) from error


async def update(executor: Executor, account_id: str, email: str, change: Change) -> Agent | None:
    """The changed live agent; None when there is none, or when it would be cloud without a URL.

    Raises:
        Conflict: another agent is the domain's catch-all.
    """
    try:
        return await executor.fetch_one(
            _SQL["update"], asdict(change) | {"account_id": account_id, "email": email}, row=Agent
        )
    except UniqueViolation as error:
        raise _second_catch_all(email.rpartition("@")[2]) from error


async def trash(executor: Executor, account_id: str, email: str) -> bool:
    """Move a live agent to the trash; False when there is none."""
    return await executor.fetch_value(_SQL["trash"], {"account_id": account_id, "email": email}) is not None


async def restore(executor: Executor, account_id: str, email: str) -> Agent | None:
    """Bring an agent back from the trash; None when it is not there."""
    return await executor.fetch_one(_SQL["restore"], {"account_id": account_id, "email": email}, row=Agent)


async def protection(executor: Executor, account_id: str, email: str) -> Protected | None:
    """What is stored of a live agent's protection; None when there is no such agent."""
    return await executor.fetch_one(_SQL["protection"], {"account_id": account_id, "email": email}, row=Protected)


async def protect(
    executor: Executor, account_id: str, email: str, document: Mapping[str, Any], *, seen_version: int | None = None
) -> dict[str, Any] | None:
    """Store a live agent's protection; what it was before. None: there is none, or not `seen_version` any more."""
    before: dict[str, Any] | None = await executor.fetch_value(
        _SQL["protect"],
        {"account_id": account_id, "email": email, "protection": Jsonb(document), "seen_version": seen_version},
    )
    return before


async def purge_messages(executor: Executor, account_id: str, email: str, *, batch: int) -> tuple[int, list[bytes]]:
    """Delete up to `batch` messages of an agent; how many went, and the contents they referred to."""
    row = await executor.fetch_one(_SQL["purge_messages"], {"account_id": account_id, "email": email, "batch": batch})
    assert row is not None  # an aggregate always has a row
    return row["messages"], row["contents"]


async def lock_contents(executor: Executor, account_id: str, contents: Sequence[bytes]) -> None:
    """Hold raw mail that may have lost its last message, in one order for all transactions."""
    await executor.execute(_SQL["lock_contents"], {"account_id": account_id, "contents": list(contents)})


async def drop_contents(executor: Executor, account_id: str, contents: Sequence[bytes]) -> None:
    """Delete what `lock_contents` holds and no message refers to."""
    await executor.execute(_SQL["drop_contents"], {"account_id": account_id, "contents": list(contents)})


async def purge(executor: Executor, account_id: str, email: str) -> bool:
    """Remove an agent, and the keys bound to it; False when there is none. Its messages must have gone before."""
    return await executor.fetch_value(_SQL["purge"], {"account_id": account_id, "email": email}) is not None


async def unowned(executor: Executor, account_id: str, emails: Sequence[str]) -> list[str]:
    """Those of `emails` that are no live agents of the account."""
    rows = await executor.fetch_all(_SQL["unowned"], {"account_id": account_id, "emails": list(emails)})
    return [row["email"] for row in rows]


def _second_catch_all(domain: str) -> Conflict:
    return Conflict(f"another agent takes all other mail of {domain} already: switch its catch_all off first")
