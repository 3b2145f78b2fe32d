"""What screening looks at, and what it says: values that every detector shares.

A score is a number from 0 (nothing speaks against it) to 1. Signals of one family look at the same trick from
several sides, so they add up as independent doubts do; families corroborate each other. Neither ever makes a
strong signal weaker.
"""

from collections.abc import Iterable
from typing import Final, Literal

from attrs import frozen

from e2ad.core.legible import legible, shortened

__all__ = [
    "MAX_CHARACTERS",
    "Action",
    "Material",
    "Screening",
    "Sensitivity",
    "Signal",
    "excerpt",
    "noisy_or",
    "strongest",
]

MAX_CHARACTERS: Final = 1_048_576
"""Of each of text and HTML so many are looked at; what is longer counts as not seen whole."""

EXCERPT_CHARACTERS: Final = 160

Sensitivity = Literal["off", "low", "medium", "high"]
Action = Literal["allow", "flag", "review", "block"]


@frozen
class Material:
    """What is looked at: of mail in, or of a draft.

    Attributes:
        sender_name: the display name of the author.
        header_from: the author's address, None where there is no single one.
        text: the text part, or the text made of the HTML where there is no text part.
        attachments: file names.
        truncated: parts were not seen.
        lookalike_of: a known correspondent whom the sender resembles but is not.
        continuity: how the sender's authentication compares with what is known of it.
    """

    direction: Literal["inbound", "outbound"]
    subject: str
    sender_name: str
    header_from: str | None
    text: str
    html: str | None
    attachments: tuple[str, ...] = ()
    truncated: bool = False
    lookalike_of: str | None = None
    continuity: Literal["new", "consistent", "break"] | None = None


@frozen
class Signal:
    """One thing that was noticed.

    Attributes:
        name: the category, for machines: an open set.
        summary: one sentence for the reviewer.
        excerpt: a short piece of what was found, fit for the eye.
    """

    name: str
    score: float
    summary: str
    excerpt: str | None = None


@frozen
class Screening:
    """All that was noticed, best first.

    Attributes:
        degraded: it could not be looked at as a whole, so nobody may rely on a low score.
    """

    score: float
    signals: tuple[Signal, ...]
    degraded: bool


def noisy_or(scores: Iterable[float]) -> float:
    """The chance that at least one doubt is right, were they independent; in any order the same."""
    remaining = 1.0
    for score in sorted(scores):
        remaining *= 1.0 - min(max(score, 0.0), 1.0)
    return 1.0 - remaining


def strongest(signals: Iterable[Signal]) -> list[Signal]:
    """Of each name the strongest, the best first."""
    best: dict[str, Signal] = {}
    for signal in signals:
        if signal.name not in best or best[signal.name].score < signal.score:
            best[signal.name] = signal
    return sorted(best.values(), key=lambda signal: (-signal.score, signal.name))


def excerpt(text: str) -> str:
    """A short piece on one line, in which what cannot be seen is shown as what it is."""
    return shortened(legible(" ".join(text[: EXCERPT_CHARACTERS * 4].split())), EXCERPT_CHARACTERS)
