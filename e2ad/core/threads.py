"""Which mails belong together: canonical Message-ID keys and the rule that picks a thread.

Subjects, participants and dates never decide (contract: behaviour-inbound 1.9, behaviour-post-ga 13.4).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

__all__ = [
    "MAX_CANDIDATES",
    "candidates",
    "message_id_key",
    "message_id_keys",
    "strict_message_id_keys",
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
_ONLY_MSG_IDS: Final = re.compile(f"(?:[ \\t]*+<{_LEFT}@{_RIGHT}>)*+[ \\t]*+")
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


def strict_message_id_keys(value: str) -> tuple[str, ...]:
    """The same of a field that holds msg-ids and nothing else; of every other field there are none.

    A thread is told apart by these alone: what one reader could split differently from another names nobody's
    (contract: behaviour-post-ga 13.4).
    """
    return message_id_keys(value) if _ONLY_MSG_IDS.fullmatch(value) else ()


def candidates(in_reply_to: Sequence[str], references: Sequence[str]) -> tuple[str, ...]:
    """The keys to look for, nearest ancestor first: In-Reply-To from right to left, then References."""
    ordered = dict.fromkeys([*reversed(in_reply_to), *reversed(references)])
    return tuple(ordered)[:MAX_CANDIDATES]


def thread_for(keys: Iterable[str], threads: Mapping[str, Collection[str]]) -> str | None:
    """The thread of the first candidate whose matches all agree, or None to start one.

    A candidate without a threaded match, or with matches in several threads, is skipped
    (contract: behaviour-post-ga 13.4).

    Args:
        keys: nearest ancestor first.
        threads: in which threads the mails under a key are; those in none are left out.
    """
    for key in keys:
        if len(agreed := set(threads.get(key, ()))) == 1:
            return agreed.pop()
    return None
