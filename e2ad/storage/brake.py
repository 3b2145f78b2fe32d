"""How long a row of mails between agents has become, read from the messages themselves."""

from collections.abc import Sequence

from attrs import frozen

from e2ad.storage.adaptation import texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Inside", "hops"]

_SQL = load("brake")


@frozen
class Inside:
    """An address inside, in lower case, with what RCPT would look for: without its plus-tag, and its domain."""

    address: str
    base: str
    domain: str


async def hops(
    executor: Executor,
    account_id: str,
    agent_email: str,
    *,
    parent_id: str | None,
    conversation_id: str,
    inside: Sequence[Inside],
    window_seconds: float,
) -> int:
    """One more than the highest count among what this mail answers. One statement.

    Args:
        parent_id: the message that is answered or forwarded.
        conversation_id: the conversation that is continued, or "".
        inside: the recipients that are agents here.
        window_seconds: how long ago another agent's mail may have come to be what a fresh one answers.
    """
    return int(
        await executor.fetch_value(
            _SQL["hops"],
            {
                "account_id": account_id,
                "agent_email": agent_email,
                "parent_id": parent_id,
                "conversation_id": conversation_id or None,
                "addresses": texts(one.address for one in inside),
                "bases": texts(one.base for one in inside),
                "domains": texts(one.domain for one in inside),
                "window_seconds": window_seconds,
            },
        )
    )
