"""What an agent has seen of an address: mail that was delivered in, and mail that the next server has taken out.

Three statements write it, each with the fact itself: the one that stores mail in (`storage.intake`), the one that
records the outcomes of mail out (`storage.outcomes`), and the one here for mail that was kept back first.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from e2ad.core.authentication import Authentication
from e2ad.core.continuity import Evidence, is_memorable, look, vouching
from e2ad.core.provenance import comparable
from e2ad.storage.adaptation import texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["received"]

_SQL = load("correspondents")


async def received(
    executor: Executor,
    account_id: str,
    agent_email: str,
    header_from: str | None,
    *,
    verified_domain: str | None,
    authentication: Mapping[str, Any] | None,
    conversation_id: str,
    at: datetime,
) -> None:
    """Count a mail that is delivered now although it came before. One statement, or none where nobody is to be counted.

    Args:
        executor: the transaction that delivers it, with the message's row locked.
        authentication: the stored evidence.
        at: when the mail came.
    """
    address = None if header_from is None else comparable(header_from)
    if address is None or not is_memorable(address):
        return
    evidence = _evidence(authentication)
    await executor.execute(
        _SQL["received"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "address": address,
            "look": look(address),
            "verified": verified_domain is not None,
            "conversation_id": conversation_id,
            "at": at,
            "mechanisms": texts(one.mechanism for one in evidence),
            "domains": texts(one.domain for one in evidence),
            "selectors": texts(one.selector for one in evidence),
        },
    )


def _evidence(authentication: Mapping[str, Any] | None) -> tuple[Evidence, ...]:
    """What vouches for a stored mail; nothing where its evidence is of an older form."""
    if authentication is None:
        return ()
    try:
        return vouching(Authentication.from_json(authentication, verified=True))
    except (KeyError, ValueError):
        return ()
