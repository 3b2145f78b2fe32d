"""Who calls: what every kind of credential comes down to."""

from datetime import datetime
from typing import Final

from attrs import frozen

__all__ = ["EXEMPT", "Known", "Principal"]

EXEMPT: Final = frozenset({"system", "internal"})
"""Classes of accounts that no rate limit counts (contract: rates)."""


@frozen
class Principal:
    """Who calls: an account, or one agent of it.

    Attributes:
        scope: `account` or `agent`.
        agent_email: the one inbox of an agent credential.
        key_id: of the API key; empty for other credentials.
        session_id: what the session of a person who is signed in is called; empty for other credentials.
        grant_id: of the program whose token it is; empty for other credentials.
        exempt: accounts of the deployment itself are not rate limited.
    """

    account_id: str
    scope: str = "account"
    agent_email: str | None = None
    key_id: str = ""
    session_id: str = ""
    grant_id: str = ""
    exempt: bool = False


@frozen
class Known:
    """What a credential was found to stand for, and until when."""

    principal: Principal
    expires_at: datetime | None
