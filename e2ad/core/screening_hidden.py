"""What a machine reads and a person does not: hidden text, comments, alternatives, two versions of one mail.

Marketing mail hides text honestly: a line of preview at its head, the same block once for phones and once for
desks, words for screen readers. So hiding alone says little; orders that were hidden say nearly all.
"""

import re
from collections.abc import Iterator
from typing import Final

from e2ad.core.screening_markup import Hidden, Page
from e2ad.core.screening_material import Signal, excerpt, noisy_or, strongest
from e2ad.core.screening_phrases import orders, read_orders

__all__ = ["alternatives_apart", "hidden_signals"]

PREVIEW_CHARACTERS: Final = 400
PREVIEW_AT: Final = 600
_LITTLE: Final = 120
_MUCH: Final = 500
_HIDDEN_ORDER: Final = 0.25
"""As sure as this of an order, and its hiding place makes up for the rest."""
_PREVIEW_ORDER: Final = 0.4
"""The same where honest words come near to it: previews, and code."""
_CONDITIONAL: Final = re.compile(r"\s*+(?:\[if|<!\[endif)", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_CONTACT: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[a-z]{2,}|https?://", re.IGNORECASE)


def hidden_signals(page: Page) -> Iterator[Signal]:
    """What hidden text, comments, spoken attributes and elements that are never shown say."""
    yield from _hidden_text(page)
    comments = "\n".join(comment for comment in page.comments if not _CONDITIONAL.match(comment))
    if comments and (score := orders(comments)) >= _HIDDEN_ORDER:
        summary = "a comment in the HTML gives orders to a machine"
        yield Signal("hidden_instructions", max(0.8, score), summary, excerpt(comments))
    unrendered = "\n".join(page.unrendered)
    if unrendered and (score := orders(unrendered)) >= _PREVIEW_ORDER:
        summary = "a part of the HTML that is never shown gives orders to a machine"
        yield Signal("hidden_instructions", max(0.8, score), summary, excerpt(unrendered))
    spoken = "\n".join(page.spoken)
    if spoken and (score := orders(spoken)) >= _HIDDEN_ORDER:
        summary = "an attribute that is not shown gives orders to a machine"
        yield Signal("hidden_instructions", max(0.75, score), summary, excerpt(spoken))


def _hidden_text(page: Page) -> Iterator[Signal]:
    seen = {word.lower() for word in _WORD.findall(page.visible)} if page.hidden else set()
    # What is shown as well is judged where it is shown.
    alone = [run for run in page.hidden if not _is_repeated(run, seen)]
    if not alone:
        return
    everything = "\n".join(run.text for run in alone)
    found = strongest(read_orders(everything, bare=True).signals)
    score = noisy_or(signal.score for signal in found)
    # A preview in a shop's mail may say "forward to a friend": there it takes more than a habit of honest mail.
    least = _PREVIEW_ORDER if all(_is_preview(run) for run in alone) else _HIDDEN_ORDER
    if found and found[0].score >= least:
        reasons = ", ".join(sorted({run.reason for run in alone}))
        summary = f"text that cannot be seen gives orders to a machine ({reasons})"
        yield Signal("hidden_instructions", max(0.92, score), summary, excerpt(_telling(alone)))
        return
    left = [run for run in alone if not _is_preview(run)]
    amount = sum(len("".join(run.text.split())) for run in left)
    if amount < _LITTLE and not any(_CONTACT.search(run.text) for run in left):
        return
    score = 0.5 if amount >= _MUCH else 0.3 if amount >= _LITTLE else 0.2
    summary = f"{amount} characters of text cannot be seen ({left[0].reason})"
    yield Signal("hidden_text", score, summary, excerpt(left[0].text))


def _telling(runs: list[Hidden]) -> str:
    """The run that gives the orders, of the first few."""
    return max(runs[:20], key=lambda run: orders(run.text[:4000])).text


def _is_preview(run: Hidden) -> bool:
    return run.at <= PREVIEW_AT and len(" ".join(run.text.split())) <= PREVIEW_CHARACTERS


def _is_repeated(run: Hidden, seen: set[str]) -> bool:
    """Is it shown elsewhere, as where one block stands there for phones and another for desks?"""
    words = [word.lower() for word in _WORD.findall(run.text)]
    return bool(words) and sum(word in seen for word in words) >= 0.75 * len(words)


def alternatives_apart(text: str, page: Page) -> Signal | None:
    """Do the two versions of a mail say different things? Whoever reads one is told what the other never saw."""
    plain, shown = _words(text), _words(page.visible)
    if len(plain) < _FEWEST or not shown:
        return None
    hidden = _words(" ".join([*(run.text for run in page.hidden), *page.spoken]))
    only_plain = len(plain - shown - hidden) / len(plain)
    only_shown = len(shown - plain) / len(shown)
    if only_plain < _APART or (len(shown) >= _FEWEST and only_shown < _APART / 2):
        return None
    summary = "the plain text and the HTML of the mail say different things"
    return Signal("divergent_alternatives", 0.4, summary, excerpt(text))


def _words(text: str) -> set[str]:
    # Addresses differ honestly, where clicks are counted.
    said = " ".join(part for part in text.split() if "@" not in part and "://" not in part and "www." not in part)
    words = {word.lower() for word in _WORD.findall(said)}
    # Without blanks between them, words are too long to be found again: their characters are compared.
    return {part for word in words for part in (word if "\u0e00" <= word[0] <= "\u9fff" else (word,))}


_FEWEST: Final = 15
_APART: Final = 0.6
