"""The audit log as the verbs write it and people read it: who decided what about mail and access, on which evidence.

A row is written by the verb itself, in the transaction of its effect and after all in it that may wait: the head of
the account is locked by it until COMMIT, and whoever has that lock waits for nobody any more. So an effect without its
row cannot be, nor a row without its effect, nor two transactions that wait for each other because of it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from e2ad import maillog
from e2ad.core.audit import Actor, Flaw, Head, Row, Verifier, text_of
from e2ad.gateway import mint
from e2ad.gateway.principals import Principal
from e2ad.storage import audit as storage
from e2ad.storage.audit import ANY, Entry, Line, Wanted
from e2ad.storage.pool import Executor

__all__ = [
    "ACTIONS",
    "Checked",
    "accounts",
    "actor_of",
    "alone",
    "check",
    "difference",
    "find_account",
    "go_on",
    "page",
    "public_part",
    "record",
    "record_elsewhere",
    "rows",
]

ACTIONS: Final = (
    "review.approved",
    "review.rejected",
    "review.edited",
    "review.expired_approved",
    "review.expired_rejected",
    "outcome.resolved",
    "protection.changed",
    "key.created",
    "key.deleted",
    "signing_secret.created",
    "signing_secret.deleted",
    "session.begun",
    "session.ended",
    "connection.allowed",
    "connection.ended",
    "webhook.created",
    "webhook.changed",
    "webhook.deleted",
    "webhook.secret_rotated",
    "events.replayed",
    "domain.registered",
    "domain.displaced",
    "domain.verified",
    "domain.lapsed",
    "domain.keys_rotated",
    "domain.deleted",
    "agent.created",
    "agent.changed",
    "agent.trashed",
    "agent.restored",
    "agent.deleted",
    "account.exported",
    "account.deleted",
)
"""What is told: all that decides which mail leaves or is shown, where its copies go, and who may do any of it."""

PAGE: Final = 500
MOST_ENTRIES: Final = 100


def actor_of(principal: Principal, client_address: str = "") -> Actor:
    """Who a caller is in the log."""
    if principal.key_id:
        return Actor("key", principal.key_id, client_address)
    if principal.session_id:
        return Actor("session", principal.session_id, client_address)
    if principal.grant_id:
        return Actor("program", principal.grant_id, client_address)
    if principal.agent_email is not None:
        return Actor("identity", principal.agent_email, client_address)
    return Actor("session", "", client_address)


async def record(
    executor: Executor,
    account_id: str,
    actor: Actor,
    action: str,
    subject: str,
    evidence: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
) -> None:
    """Tell of an effect.

    Args:
        executor: the effect's transaction, in which nothing follows that could wait for another transaction.
        action: one of `ACTIONS`.
        subject: a message, an agent, a key, a domain, a webhook, ...: its id.
        evidence: what was known and decided, and no secrets and no texts of mail: their hashes.
    """
    await storage.append(executor, _entry(account_id, actor, action, subject, evidence, at))


async def record_elsewhere(
    executor: Executor, account_id: str, actor: Actor, action: str, subject: str, evidence: Mapping[str, Any]
) -> None:
    """Tell the account of somebody else what it lost by an effect; one that is closed is told nothing.

    Args:
        executor: the effect's transaction, after `alone`; what it tells of its own account comes last.
    """
    await storage.append_if_there(executor, _entry(account_id, actor, action, subject, evidence))


async def alone(transaction: Executor) -> None:
    """Before a transaction tells of two accounts: one at a time does so, or two of them could wait for each other."""
    await storage.alone(transaction)


async def page(
    executor: Executor,
    account_id: str,
    *,
    before: int | None = None,
    limit: int,
    wanted: Wanted = ANY,
) -> list[Line]:
    """Rows of an account, newest first, with numbers below `before`; only those that are wanted."""
    return await storage.page(executor, account_id, before=before, limit=limit, wanted=wanted)


@frozen
class Checked:
    """What was found about an account's log: `rows` good ones up to `head`, and the first bad row, if there is one."""

    account_id: str
    rows: int
    head: Head
    flaw: Flaw | None


async def rows(snapshot: Executor, account_id: str) -> AsyncGenerator[list[Row], None]:
    """All rows of an account in the order of their numbers, a page at a time. No page is empty."""
    after: int | None = None
    while found := await storage.rows(snapshot, account_id, after=after, limit=PAGE):
        yield found
        after = found[-1].number


async def check(
    snapshot: Executor,
    account_id: str,
    expected: Head | None,
    progress: Callable[[int], None],
    write: Callable[[list[Row]], Awaitable[None]] | None = None,
) -> Checked:
    """Look at every row of an account, from one snapshot, keeping one page of them.

    Args:
        expected: a head that somebody kept.
        progress: called with the number of rows that were looked at, after each page.
        write: called with each page; then bad rows do not end it.

    Raises:
        Unavailable: the database does not answer.
    """
    verifier, seen, flaw = Verifier(account_id, expected), 0, None
    async with aclosing(rows(snapshot, account_id)) as pages:
        async for found in pages:
            for row in found:
                flaw = flaw or verifier.add(row)
            seen += len(found)
            progress(seen)
            if write is not None:
                await write(found)
            elif flaw is not None:
                break
    if flaw is None:
        flaw = verifier.end(await storage.head(snapshot, account_id))
    if flaw is not None:
        maillog.audit_broken(account_id, flaw.number, flaw.reason)
    return Checked(account_id, verifier.head.number, verifier.head, flaw)


async def go_on(snapshot: Executor, verifier: Verifier, most: int) -> tuple[bool, Flaw | None]:
    """Look at about so many rows more; whether that was all of them, and the first bad one.

    Raises:
        Unavailable: the database does not answer.
    """
    seen = 0
    while seen < most:
        after = verifier.head.number or None
        found = await storage.rows(snapshot, verifier.account_id, after=after, limit=PAGE)
        flaw = next((flaw for row in found if (flaw := verifier.add(row)) is not None), None)
        if flaw is None and len(found) < PAGE:
            flaw = verifier.end(await storage.head(snapshot, verifier.account_id))
        if flaw is not None:
            maillog.audit_broken(verifier.account_id, flaw.number, flaw.reason)
        if flaw is not None or len(found) < PAGE:
            return True, flaw
        seen += len(found)
    return False, None


async def find_account(snapshot: Executor, wanted: str) -> str | None:
    """The account with this id or owner's address, also one of which nothing but its log is left."""
    return await storage.find_account(snapshot, wanted.strip())


async def accounts(snapshot: Executor) -> AsyncGenerator[str, None]:
    """Every account that has a log or the head of one, also one whose own row is gone."""
    account_id: str | None = ""
    while (account_id := await storage.next_account(snapshot, account_id or "")) is not None:
        yield account_id


def public_part(url: str) -> str:
    """A URL as the log may keep it: without user, password and query, which open what it leads to."""
    scheme, mark, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def difference(before: Any, after: Any, path: str = "") -> dict[str, Any]:
    """What changed between two settings, by the path of each; of lists what came and what went."""
    if isinstance(before, dict) and isinstance(after, dict):
        changed: dict[str, Any] = {}
        for name in sorted(before.keys() | after.keys()):
            below = f"{path}.{name}" if path else name
            changed |= difference(before.get(name), after.get(name), below)
        return changed
    if before == after:
        return {}
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        were, are = {repr(one) for one in before}, {repr(one) for one in after}
        added = [one for one in after if repr(one) not in were]
        removed = [one for one in before if repr(one) not in are]
        return {path: {"added": _few(added), "removed": _few(removed), "entries": len(after)}}
    return {path: {"before": before, "after": after}}


def _entry(
    account_id: str,
    actor: Actor,
    action: str,
    subject: str,
    evidence: Mapping[str, Any] | None,
    at: datetime | None = None,
) -> Entry:
    assert action in ACTIONS, action
    told = dict(evidence or {})
    if actor.client_address:
        told["client_address"] = actor.client_address
    return Entry(account_id, at or mint.now(), actor.kind, _line(actor.id), action, _line(subject), text_of(told))


def _few(entries: list[Any]) -> list[Any]:
    """So many that a row stays a row; how many there are in all stands beside them."""
    return entries if len(entries) <= MOST_ENTRIES else [*entries[:MOST_ENTRIES], f"... {len(entries)} in all"]


def _line(text: str) -> str:
    return text.replace("\n", " ").replace("\0", "")
