"""Return paths of mail that left: `bounces+<token>@…`, an address of its own for each message.

A message leaves with its own reverse-path (VERP), so that a report about it needs no guessing: the
address it comes to says which message is meant. The token is 128 random bits. Whoever got a copy of
the mail knows it, and nobody else; it opens that one message and nothing more.
"""

import re
from collections.abc import Iterable
from typing import Final

from e2ad.core.address import Mailbox
from e2ad.core.errors import UnknownReturnPath
from e2ad.core.message import Recipient
from e2ad.storage import feedback as storage
from e2ad.storage.pool import Executor

__all__ = ["MAX_TOKENS", "ReturnPaths", "tokens_in"]

_LOCAL_PART: Final = re.compile(r"bounces\+([0-9a-f]{32})")
_ANYWHERE: Final = re.compile(r"(?<![0-9a-z.+_-])bounces\+([0-9a-f]{32})@")
_BELOW: Final = "bounce."
MAX_TOKENS: Final = 4


class ReturnPaths:
    """Look-up of return paths at RCPT. Nothing is cached: hardly any address is asked for twice.

    Args:
        database: holds the tokens.
        domains: the deployment's own names that mail leaves with; an empty one counts for nothing.
    """

    def __init__(self, database: Executor, domains: Iterable[str]) -> None:
        self._database = database
        self._domains = frozenset(domain.lower() for domain in domains if domain)

    async def find(self, mailbox: Mailbox) -> Recipient | None:
        """The message that an address is the return path of; None for an address of any other kind.

        The domain is one of ours, or `bounce.` of a verified domain. Letter case does not matter:
        there are hosts that change it on the way.

        Raises:
            UnknownReturnPath: it looks like one, and no mail of ours left with it.
            Unavailable: the database does not answer.
        """
        match = _LOCAL_PART.fullmatch(mailbox.local_part.lower())
        if match is None:
            return None
        below = None
        if mailbox.domain not in self._domains:
            below = mailbox.domain.removeprefix(_BELOW)
            if below == mailbox.domain:
                return None
        sent = await storage.find_return_path(self._database, match[1], below)
        if sent is None:
            raise UnknownReturnPath
        return Recipient(sent.account_id, sent.agent_email, sent.agent_email, reports_on=sent.message_id)


def tokens_in(text: str) -> tuple[str, ...]:
    """The return tokens in a field that somebody else copied, such as Return-Path; a few at most."""
    return tuple(dict.fromkeys(_ANYWHERE.findall(text[:2000].lower())))[:MAX_TOKENS]
