"""Conversations of an inbox: reading only, for they are what their messages make them."""

from typing import Final

from e2ad.core.errors import InvalidRequest, NotFound
from e2ad.storage import conversations as storage
from e2ad.storage.conversations import Conversation
from e2ad.storage.pool import Executor

__all__ = ["MAX_MEMBERS", "read"]

MAX_ID_CHARACTERS: Final = 200
MAX_MEMBERS: Final = 1000
"""Of a longer conversation the newest are shown; its counts are of all."""


async def read(executor: Executor, account_id: str, agent_email: str, conversation_id: str) -> Conversation:
    """One conversation with its messages, oldest first. One statement.

    Raises:
        InvalidRequest: no id can look like this one.
        NotFound: no message of it may be seen in this inbox.
    """
    if len(conversation_id) > MAX_ID_CHARACTERS or "\r" in conversation_id or "\n" in conversation_id:
        raise InvalidRequest(f"a conversation id has at most {MAX_ID_CHARACTERS} characters and no line breaks")
    found = await storage.members(executor, account_id, agent_email, conversation_id, limit=MAX_MEMBERS)
    if found is None:
        raise NotFound("conversation not found")
    return found
