"""What reports about mail are matched with: return paths, provider ids, and reports that were heard before."""

from collections.abc import Sequence

from attrs import frozen

from e2ad.storage.adaptation import texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Addressee", "Sent", "correlate", "find_return_path", "recipients", "remember", "sweep"]

_SQL = load("feedback")


@frozen
class Sent:
    """A message that left, and the agent that sent it."""

    account_id: str
    message_id: str
    agent_email: str


@frozen
class Addressee:
    """A recipient that the relay carries; `ledger_rows` is how much the message's ledger holds already."""

    address: str
    ledger_rows: int


async def find_return_path(executor: Executor, token: str, domain: str | None) -> Sent | None:
    """The message that a return path belongs to.

    Args:
        token: its 32 hexadecimal digits, lower-case.
        domain: for an address below `bounce.<domain>`, that domain: it has to be verified here, or to be the
            one that the message left with. None for the deployment's own names.

    Raises:
        Unavailable: the database does not answer.
    """
    return await executor.fetch_one(_SQL["find_return_path"], {"token": token, "domain": domain}, row=Sent)


async def correlate(executor: Executor, provider_ids: Sequence[str], tokens: Sequence[str]) -> Sent | None:
    """The one message that these name; None for none, and for more than one, since then somebody errs."""
    found = await executor.fetch_all(
        _SQL["correlate"], {"provider_ids": texts(provider_ids), "tokens": texts(tokens)}, row=Sent
    )
    return found[0] if len(found) == 1 else None


async def recipients(executor: Executor, account_id: str, message_id: str) -> list[Addressee]:
    """The recipients of a message that a report from outside can be about."""
    named = {"account_id": account_id, "message_id": message_id}
    return await executor.fetch_all(_SQL["recipients"], named, row=Addressee)


async def remember(executor: Executor, event_id: str) -> bool:
    """Note a provider's event in the transaction of what it says; False when it was noted before."""
    return await executor.fetch_one(_SQL["remember"], {"id": event_id}) is not None


async def sweep(executor: Executor, days: int, batch: int) -> int:
    """Forget a batch of events that were noted longer ago; how many."""
    return await executor.execute(_SQL["sweep"], {"days": days, "batch": batch})
