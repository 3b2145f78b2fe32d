"""Screening: what speaks against a mail by its content, as a score with its reasons.

Pure heuristics: nothing is asked, fetched or remembered. Each family of detectors looks at one kind of trick; a
strong find of one is never watered down by the silence of the others. What could not be looked at as a whole is
`degraded`, and nobody may rely on its score being low. The time is linear in the size of the mail.

The names of signals are an open set: `instruction_override`, `prompt_leak`, `secret_request`, `mail_exfiltration`,
`concealment`, `role_change`, `machine_addressed`, `tool_call`, `unasked_action`, `mail_deletion`, `role_marker`,
`obfuscated_instructions`; `hidden_instructions`, `hidden_text`, `divergent_alternatives`; `unicode_tags`,
`zero_width`, `variation_selectors`, `bidi_override`, `homoglyphs`; `encoded_instructions`, `encoded_text`,
`data_url`; `deceptive_link`, `split_link`, `exfiltration_address`; `lookalike_sender`, `sender_break`,
`deceptive_name`, `deceptive_file_name`; `secret`, `bulk_addresses`; `unreadable`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import evolve, field, frozen

from e2ad.core.screening_characters import character_signals
from e2ad.core.screening_hidden import alternatives_apart, hidden_signals
from e2ad.core.screening_links import carried_away, link_signals, template_signals
from e2ad.core.screening_markup import Page, read_page
from e2ad.core.screening_material import (
    MAX_CHARACTERS,
    Action,
    Material,
    Screening,
    Sensitivity,
    Signal,
    excerpt,
    noisy_or,
    strongest,
)
from e2ad.core.screening_payloads import payload_signals
from e2ad.core.screening_phrases import read_orders
from e2ad.core.screening_secrets import bulk_signals, secret_signals
from e2ad.core.screening_sender import sender_signals

__all__ = ["Action", "Material", "Screening", "Sensitivity", "Signal", "action", "combine", "screen", "thresholds"]

_BANDS: Final[dict[Sensitivity, tuple[float, float, float]]] = {
    "low": (0.50, 0.70, 0.95),
    "medium": (0.30, 0.50, 0.90),
    "high": (0.15, 0.30, 0.80),
}
"""From which score on a mail is flagged, held, blocked. Flagged is what the next stricter level would hold."""

_WORTH_COUNTING: Final = 0.15
_STRONG: Final = 0.4
_OUTBOUND_ORDERS: Final = 0.6
"""An agent may quote what it was told; that it gives orders to another machine is less than receiving them."""
_REVERSED_NAME: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


@frozen
class _View:
    """The mail in the forms that detectors look at, each at most `MAX_CHARACTERS` long."""

    material: Material
    page: Page
    texts: tuple[str, ...]
    """What a reader may meet: subject, text, visible HTML, names."""
    source: str
    """The HTML as it came."""
    unread: list[bool] = field(factory=list)

    @property
    def outbound(self) -> bool:
        return self.material.direction == "outbound"


_Detector = Callable[[_View], Iterator[Signal]]


def screen(material: Material) -> Screening:
    """Look at the whole of it. Total: a detector that fails leaves the rest, and the mail degraded."""
    material, cut = _cut(material)
    page = Page()
    unread: list[bool] = []
    if material.html:
        try:
            page = read_page(material.html)
        except Exception:  # noqa: BLE001 - a mail that cannot be read is a find, never a failure of its delivery
            unread.append(True)
    visible = "" if _same(page.visible, material.text) else page.visible
    names = "\n".join((material.sender_name, *material.attachments))
    if len(names) > MAX_CHARACTERS:
        names = names[:MAX_CHARACTERS]
        unread.append(True)
    texts = tuple(text for text in (material.subject, material.text, visible, names) if text)
    view = _View(material, page, texts, material.html or "", unread)
    families = [_family(view, detect) for detect in _FAMILIES]
    found = strongest(signal for family in families for signal in family)
    degraded = cut or material.truncated or bool(unread)
    if degraded:
        found.append(Signal("unreadable", 0.0, "parts of the mail could not be looked at"))
    return Screening(round(combine(map(_together, families)), 4), tuple(found), degraded)


def action(screening: Screening, sensitivity: Sensitivity) -> Action:
    """What follows from it at this sensitivity (contract: bands). What could not be seen whole is held at least."""
    if sensitivity == "off":
        return "allow"
    flag, review, block = _BANDS[sensitivity]
    if screening.score >= block:
        return "block"
    if screening.score >= review or screening.degraded:
        return "review"
    if screening.score >= flag or any(signal.name == "unicode_tags" for signal in screening.signals):
        return "flag"
    return "allow"


def thresholds(sensitivity: Sensitivity) -> tuple[float, float]:
    """From which score on a mail is held, and from which it is blocked; above all scores where nothing is looked at."""
    return (1.0, 1.0) if sensitivity == "off" else _BANDS[sensitivity][1:]


def combine(scores: Iterable[float]) -> float:
    """One score of several: at least the strongest, and a little more where others agree.

    Not a mean: detectors that see nothing are no evidence for innocence, since each looks for another trick.
    Those behind the first count half, since one trick often shows to several.
    """
    first, *others = sorted(scores, reverse=True) or [0.0]
    return noisy_or([first, *(other / 2 for other in others if other >= _WORTH_COUNTING)])


def _together(family: list[Signal]) -> float:
    """Of one family, strongest first. Weak signals behind the first are habits of honest mail too: they count half."""
    scores = [signal.score for signal in family]
    return noisy_or([*scores[:1], *(score if score >= _STRONG else score / 2 for score in scores[1:])])


def _family(view: _View, detect: _Detector) -> list[Signal]:
    try:
        return strongest(detect(view))
    except Exception:  # noqa: BLE001 - as above: the others still look, and a person decides
        view.unread.append(True)
        return []


def _orders(view: _View) -> Iterator[Signal]:
    for text in view.texts:
        phrases = read_orders(text)
        if phrases.unread:
            view.unread.append(True)
        for signal in phrases.signals:
            yield evolve(signal, score=signal.score * _OUTBOUND_ORDERS) if view.outbound else signal


def _hidden(view: _View) -> Iterator[Signal]:
    yield from hidden_signals(view.page)
    if view.material.html and (apart := alternatives_apart(view.material.text, view.page)) is not None:
        yield apart


def _characters(view: _View) -> Iterator[Signal]:
    for text in view.texts:
        yield from character_signals(text)
    for text in view.page.behind():
        yield from character_signals(text)


def _payloads(view: _View) -> Iterator[Signal]:
    for text in (*view.texts, *view.page.behind()):
        yield from payload_signals(text)
    for link in view.page.links[:3000]:
        if "%" in link.target:
            yield from payload_signals(link.target[:4096])


def _links(view: _View) -> Iterator[Signal]:
    yield from link_signals(view.page, view.material.header_from)
    for text in view.texts:
        yield from template_signals(text)
        if view.outbound:
            yield from carried_away(text, view.page.images)


def _sender(view: _View) -> Iterator[Signal]:
    if not view.outbound:
        yield from sender_signals(view.material)
    for name in view.material.attachments[:1000]:
        if _REVERSED_NAME.search(name):
            yield Signal("deceptive_file_name", 0.7, "a file name is written backwards", excerpt(name))


def _leaving(view: _View) -> Iterator[Signal]:
    if view.outbound:
        for text in (*view.texts, *view.page.behind()):
            yield from secret_signals(text)
            yield from bulk_signals(text)


_FAMILIES: Final[tuple[_Detector, ...]] = (_orders, _hidden, _characters, _payloads, _links, _sender, _leaving)


def _cut(material: Material) -> tuple[Material, bool]:
    """Within bounds, and whether something fell away."""
    page = material.html or ""
    if max(len(material.text), len(page)) <= MAX_CHARACTERS and len(material.subject) <= _LONGEST_SUBJECT:
        return material, False
    short = evolve(
        material,
        subject=material.subject[:_LONGEST_SUBJECT],
        text=material.text[:MAX_CHARACTERS],
        html=page[:MAX_CHARACTERS] if material.html is not None else None,
    )
    return short, True


_LONGEST_SUBJECT: Final = 20_000


def _same(one: str, other: str) -> bool:
    """Do both say the same, blanks aside? Then one of them is enough."""
    return "".join(one.split()) == "".join(other.split())
