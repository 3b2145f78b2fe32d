"""The account, its keys and the programs that were let in."""

from datetime import datetime
from typing import Literal, NotRequired, TypedDict

__all__ = ["CreateAPIKeyRequest"]


class CreateAPIKeyRequest(TypedDict):
    """A new key. An agent key is bound to one inbox."""

    name: NotRequired[str]
    scope: NotRequired[Literal["account", "agent"]]
    agent_email: NotRequired[str]
    expires_at: NotRequired[datetime | str]
