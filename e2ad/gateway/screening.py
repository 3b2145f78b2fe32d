"""Looking at what mails say, where the owner of an agent asked for it: what is looked at, and when.

The heuristics (`core.screening`) see the mail once for all its recipients, before it is stored; what an agent knows
of the sender is added when that is known. A model, where there is one, is asked later (`workers.screening`): never
while a peer waits for its 250.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

import trio
from attrs import frozen

from e2ad.config import Config
from e2ad.core.continuity import Continuity
from e2ad.core.findings import Scanned, scanned
from e2ad.core.message import ParsedMessage, Recipient
from e2ad.core.outbound import Draft
from e2ad.core.screening import Material, Screening, Sensitivity, Signal, combine, screen
from e2ad.core.screening_material import strongest

__all__ = [
    "OFF",
    "Screener",
    "draft_material",
    "from_json",
    "mail_material",
    "off_loop",
    "to_json",
    "together",
    "with_sender",
]

LARGE_OCTETS: Final = 8 * 1024
"""Content beyond this is looked at off the event loop."""

T = TypeVar("T")


@frozen
class Screener:
    """Whether content is looked at in this deployment.

    Attributes:
        is_on: `features.screening`.
        asks_model: a model has a say as well.
    """

    is_on: bool = False
    asks_model: bool = False

    @classmethod
    def of(cls, config: Config) -> "Screener":
        """As configured."""
        return cls(config.features.screening, config.features.screening and bool(config.screening.model_url))

    def looks_at(self, recipients: Iterable[Recipient]) -> bool:
        """Has the owner of any of these agents asked for it?"""
        return self.is_on and any(one.protection.inbound.sensitivity != "off" for one in recipients)

    async def draft(self, draft: Draft, sensitivity: Sensitivity) -> Scanned | None:
        """Look at a draft, off the event loop where it is large; None where the owner wants no look.

        Cancellation: a thread that is at it is left to end by itself; there are at most two.
        """
        if not self.is_on or sensitivity == "off":
            return None
        material = draft_material(draft)
        seen = await off_loop(partial(screen, material), len(material.text) + len(material.html or ""))
        return scanned(seen, sensitivity)


OFF: Final = Screener()
_threads: Final = trio.CapacityLimiter(2)


async def off_loop(work: Callable[[], T], size: int, *, most: int = LARGE_OCTETS) -> T:
    """Do it here where `size` is at most `most` octets, in a thread where it is more.

    Cancellation: a thread that is at it is left to end by itself; there are at most two.
    """
    if size <= most:
        return work()
    return await trio.to_thread.run_sync(work, limiter=_threads, abandon_on_cancel=True)


def mail_material(parsed: ParsedMessage) -> Material:
    """What is looked at of a mail that came in."""
    return Material(
        direction="inbound",
        subject=parsed.subject,
        sender_name=parsed.sender_name,
        header_from=parsed.header_from,
        text=parsed.text,
        html=parsed.html,
        attachments=tuple(one.filename for one in parsed.attachments if one.filename is not None),
        truncated=parsed.truncated,
    )


def draft_material(draft: Draft) -> Material:
    """What is looked at of a mail that is to leave."""
    return Material(
        direction="outbound",
        subject=draft.subject,
        sender_name=draft.sender_name,
        header_from=draft.agent_email,
        text=draft.text,
        html=draft.html,
        attachments=tuple(one.filename for one in draft.attachments),
    )


def with_sender(screening: Screening, header_from: str | None, continuity: Continuity | None) -> Screening:
    """The screening of a mail together with what the agent knows of who sent it."""
    if continuity is None or continuity.status != "break":
        return screening
    empty = Material(
        direction="inbound",
        subject="",
        sender_name="",
        header_from=header_from,
        text="",
        html=None,
        lookalike_of=continuity.resembles,
        continuity=continuity.status,
    )
    return together(screening, screen(empty))


def together(*screenings: Screening) -> Screening:
    """Several looks at one mail as one: at least the gravest, and degraded where any of them was."""
    return Screening(
        round(combine(one.score for one in screenings), 4),
        tuple(strongest(signal for one in screenings for signal in one.signals)),
        any(one.degraded for one in screenings),
    )


def to_json(screening: Screening) -> dict[str, Any]:
    """The document to store while a mail waits for the model."""
    signals = [
        {"name": s.name, "score": s.score, "summary": s.summary, "excerpt": s.excerpt} for s in screening.signals
    ]
    return {"score": screening.score, "signals": signals, "degraded": screening.degraded}


def from_json(document: dict[str, Any]) -> Screening:
    """Read back what `to_json` wrote; where it cannot be read, nobody may rely on it."""
    try:
        signals = tuple(Signal(s["name"], s["score"], s["summary"], s["excerpt"]) for s in document["signals"])
        return Screening(document["score"], signals, document["degraded"])
    except (KeyError, TypeError):
        return Screening(0.0, (), degraded=True)
