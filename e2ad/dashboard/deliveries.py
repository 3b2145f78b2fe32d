"""Deliveries as a person reads them: where to, how often it was tried, and what came back each time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import frozen

from e2ad.core.events import rfc3339
from e2ad.core.legible import shortened
from e2ad.dashboard.words import shown
from e2ad.gateway.mint import now
from e2ad.storage import delivery_log
from e2ad.storage.delivery_log import Logged, Try
from e2ad.storage.pool import Executor

__all__ = ["Card", "Line", "cards", "latency", "soon"]

Level = Literal["good", "warn", "bad", "none"]

BRIEF: Final = 160
SOON: Final = timedelta(seconds=90)
_STATES: Final[Mapping[str, Level]] = {"delivered": "good", "pending": "warn", "failed": "bad"}
_WHERE: Final = {"webhook": "webhook", "agent": "agent's own URL", "url": "URL of a replay"}
_ADVICE: Final[Mapping[int, str]] = {
    400: "It did not understand the request.",
    401: "It wants a password, or the signature did not verify with its secret.",
    403: "It refused the request: look at its rules and at the secret that it verifies with.",
    404: "There is nothing at this path: look at the URL.",
    405: "It takes no POST at this path.",
    408: "It gave up waiting for the request.",
    410: "It wants no more events; this switches a webhook off.",
    413: "The request was too large for it.",
    415: "It takes no JSON.",
    429: "It asks for fewer requests.",
    502: "Something in front of it could not reach it.",
    503: "It is busy or down.",
    504: "Something in front of it waited too long for it.",
}


@frozen
class Line:
    """One attempt. `at` and `took` are "" where nothing was written of it."""

    number: int
    level: Level
    words: str
    at: str = ""
    took: str = ""
    code: int | None = None
    brief: str = ""
    excerpt: str = ""


@frozen
class Card:
    """One delivery with its attempts, the newest last; `again_at` is when it is tried next."""

    id: str
    level: Level
    state: str
    event_type: str
    event_id: str
    kind: str
    where: str
    url: str
    endpoint: str
    replay_id: str
    at: str
    again_at: str
    note: str
    lines: Sequence[Line]


async def cards(executor: Executor, account_id: str, found: Sequence[Logged]) -> list[Card]:
    """These deliveries with their attempts."""
    if not found:
        return []
    tries = await delivery_log.attempts(executor, account_id, [one.id for one in found])
    at = now()
    return [_card(one, tries.get(one.id, []), at) for one in found]


def soon(found: Sequence[Logged]) -> bool:
    """Whether something happens to one of these in a moment, so that a page should look again."""
    return any(one.status == "pending" and one.next_attempt_at - now() < SOON for one in found)


def latency(milliseconds: int) -> str:
    """How long an answer took."""
    return f"{milliseconds} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f} s"


def _card(one: Logged, tries: Sequence[Try], at: datetime) -> Card:
    written = {row.number: row for row in tries}
    # Beyond what the delivery counts there is nothing; what it counts and nothing is written of, was lost.
    numbers = sorted({*written, *range(1, one.attempts + 1)})
    under_way = one.status == "pending" and one.attempts not in written and one.next_attempt_at > at
    lines = [
        _line(written[number]) if number in written else _unwritten(number, trying=under_way and number == one.attempts)
        for number in numbers
    ]
    trying = bool(lines) and under_way and one.attempts > 0
    waits = one.status == "pending" and not trying
    return Card(
        id=one.id,
        level=_STATES.get(one.status, "none"),
        state="trying now" if trying else one.status,
        event_type=one.event_type,
        event_id=one.event_id or "",
        kind=one.kind,
        where=_WHERE.get(one.kind, one.kind),
        url=one.url,
        endpoint=one.endpoint,
        replay_id=one.replay_id or "",
        at=rfc3339(one.created_at),
        again_at=rfc3339(one.next_attempt_at) if waits and one.next_attempt_at > at else "",
        note=_note(one, lines),
        lines=lines,
    )


def _line(one: Try) -> Line:
    excerpt = one.response_excerpt or ""
    return Line(
        number=one.number,
        level="good" if one.error is None else "bad",
        words=_words(one),
        at=rfc3339(one.at),
        took=latency(one.took),
        code=one.status_code,
        brief=shortened(shown(excerpt), BRIEF),
        excerpt=excerpt,
    )


def _unwritten(number: int, *, trying: bool) -> Line:
    if trying:
        return Line(number, "warn", "Under way.")
    return Line(number, "none", "Its result is not known: the process ended before it could be written down.")


def _words(one: Try) -> str:
    if one.status_code is None:
        error = shown(one.error) or "It was not sent"
        return error[:1].upper() + error[1:] + ("" if error.endswith(".") else ".")
    if one.error is None:
        return "Accepted."
    if 300 <= one.status_code < 400:
        return "It points elsewhere, and redirects are not followed: enter the URL that it leads to."
    if one.status_code in _ADVICE:
        return _ADVICE[one.status_code]
    return "The endpoint failed: look at its own log." if one.status_code >= 500 else "It refused the request."


def _note(one: Logged, lines: Sequence[Line]) -> str:
    """What is to be said besides the attempts."""
    if one.waits and one.status == "pending":
        return "It waits, because the webhook is switched off. It costs no attempt."
    if one.status == "failed" and one.last_error and (not lines or lines[-1].level == "good" or one.attempts == 0):
        error = shown(one.last_error)
        return f"Not sent: {error}."
    if one.status == "failed" and one.last_error == "the replay was cancelled":
        return "The rest was cancelled."
    return ""
