"""What the messages of an agent say about whom it knows. Both statements are bounded by what they ask for."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from e2ad.storage.adaptation import texts
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Header", "Mail", "known", "passages"]

_SQL = load("provenance")

# Few senders differ only in what PostgreSQL thinks is a capital; the caller tells them apart.
_PER_SENDER = 5


@frozen
class Header:
    """The addresses of one mail. `kind` is sender (of whom only `header_from` is given) or member of the conversation.

    The lists are empty where the header section is not as true as its author, and behind the budget.
    """

    kind: str
    id: str
    header_from: str | None
    to_addresses: list[str]
    cc_addresses: list[str]
    bcc_addresses: list[str]
    reply_to_addresses: list[str]


@frozen
class Mail:
    """All of one mail to the agent that an address may stand in. `text` and `html` end where the budget does."""

    id: str
    header_from: str | None
    sender_name: str
    believed: bool
    to_addresses: list[str]
    cc_addresses: list[str]
    reply_to_addresses: list[str]
    subject: str
    attachments: list[Mapping[str, Any]]
    text: str
    html: str | None


async def known(
    executor: Executor,
    account_id: str,
    agent_email: str,
    *,
    forms: Sequence[str],
    conversation_id: str,
    parent_id: str | None,
    members: int,
    octets: int,
) -> list[Header]:
    """The mails that verified senders of these addresses sent, and those of the conversation. One statement.

    Args:
        forms: the addresses in lower case, in every spelling that a header section may have been stored with.
        conversation_id: "" for none.
        members: that many newest mails of the conversation.
        octets: so much of lists of addresses in all; the mail that passes it is the last that gives its own.
    """
    return await executor.fetch_all(
        _SQL["known"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "forms": texts(forms),
            "conversation_id": conversation_id or None,
            "parent_id": parent_id,
            "members": members,
            "octets": octets,
            "per_sender": _PER_SENDER,
        },
        row=Header,
    )


async def passages(
    executor: Executor,
    account_id: str,
    agent_email: str,
    *,
    conversation_id: str,
    parent_id: str | None,
    members: int,
    newest: int,
    texts_of: int,
    octets: int,
    list_octets: int,
) -> list[Mail]:
    """The mails that the agent may have read, nearest first. One statement.

    Args:
        members: so many of the conversation.
        newest: so many in all.
        texts_of: so many with their texts, the others with their header sections.
        octets: so much text in all.
        list_octets: so much of lists of addresses and files in all, counted as in `known`.
    """
    return await executor.fetch_all(
        _SQL["passages"],
        {
            "account_id": account_id,
            "agent_email": agent_email,
            "conversation_id": conversation_id or None,
            "parent_id": parent_id,
            "members": members,
            "newest": newest,
            "texts": texts_of,
            "octets": octets,
            "list_octets": list_octets,
        },
        row=Mail,
    )
