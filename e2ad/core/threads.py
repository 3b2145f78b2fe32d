"""Which mails belong together: canonical Message-ID keys and the rule that picks a conversation.

Subjects, participants and dates never decide (contract: behaviour-inbound 1.9, behaviour-post-ga 13.4).
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from attrs import frozen

__all__ = [
    "MAX_CANDIDATES",
    "Begin",
    "Decision",
    "Join",
    "Match",
    "candidates",
    "conversation_for",
    "message_id_key",
    "message_id_keys",
    "thread_for",
]

MAX_CANDIDATES: Final = 100
MAX_ID: Final = 998

# RFC 5322 section 3.6.4. The left part may hold any visible character that is no delimiter: more
# than the grammar's atoms, because large senders use colons and slashes, and nothing that a
# second reader could split differently. A quoted left part keeps its quotes.
_LEFT: Final = r'(?:[^\s\x00-\x1f\x7f<>@"\\()\[\],;]{1,900}+|"(?:[^"\\\s\x00-\x1f\x7f<>]|\\[\x21-\x7e]){1,900}+")'
_RIGHT: Final = r"(?:[^\s\x00-\x1f\x7f<>@\"\\()\[\],;]{1,255}+|\[[^\s\x00-\x1f\x7f<>\[\]\\]{1,255}+\])"
_MSG_ID: Final = re.compile(f"<({_LEFT})@({_RIGHT})>")
_BRACKETED: Final = re.compile(r"<[^<>]{1,1100}+>")


def message_id_key(raw_msg_id: str) -> str | None:
    """The form under which two spellings of one msg-id are equal, or None when it is malformed.

    The left part stays as it is, the domain becomes lower-case; angle brackets stay.
    """
    found = _MSG_ID.fullmatch(raw_msg_id.strip(" \t\r\n"))
    if found is None or len(found[0]) > MAX_ID:
        return None
    return f"<{found[1]}@{found[2].lower()}>"


def message_id_keys(value: str) -> tuple[str, ...]:
    """The keys in an In-Reply-To or References field, in its order; what is malformed is left out.

    A hostile field may hold thousands: only the last `MAX_CANDIDATES` are kept, because the nearest
    ancestors stand at its end (RFC 5322 section 3.6.4).
    """
    keys = [key for text in _BRACKETED.findall(value) if (key := message_id_key(text)) is not None]
    return tuple(keys[-MAX_CANDIDATES:])


def candidates(in_reply_to: Sequence[str], references: Sequence[str]) -> tuple[str, ...]:
    """The keys to look for, nearest ancestor first: In-Reply-To from right to left, then References."""
    ordered = dict.fromkeys([*reversed(in_reply_to), *reversed(references)])
    return tuple(ordered)[:MAX_CANDIDATES]


@frozen
class Match:
    """A stored mail of the same agent whose key is among the candidates."""

    key: str
    message_id: str
    created_at: datetime
    conversation_id: str | None = None
    thread_id: str | None = None


@frozen
class Join:
    """The mail belongs to this conversation."""

    conversation_id: str


@frozen
class Begin:
    """The mail begins a conversation of its own."""


Decision: TypeAlias = Join | Begin


def conversation_for(matches: Iterable[Match]) -> Decision:
    """The newest match that has a conversation decides; equal times by the greater message id."""
    found = [match for match in matches if match.conversation_id]
    if not found:
        return Begin()
    newest = max(found, key=lambda match: (match.created_at, match.message_id))
    assert newest.conversation_id is not None
    return Join(newest.conversation_id)


def thread_for(keys: Sequence[str], matches: Iterable[Match]) -> str | None:
    """The thread of the first candidate whose matches all agree, or None to start one.

    A candidate without a threaded match, or with matches in several threads, is skipped
    (contract: behaviour-post-ga 13.4).
    """
    threads: dict[str, set[str]] = {}
    for match in matches:
        if match.thread_id:
            threads.setdefault(match.key, set()).add(match.thread_id)
    for key in keys:
        if len(agreed := threads.get(key, set())) == 1:
            return next(iter(agreed))
    return None
