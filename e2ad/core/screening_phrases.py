"""Text that gives orders to a machine: what was found, how sure, and whether it only talks about such orders.

Words are folded, so case, look-alike letters, digits for letters and invisible characters are no way around;
lines do not matter. Letters that were spread apart, and text written backwards, are looked for by whole phrases.
Whoever quotes such an order to warn of it is not its author: quotation marks, quoted lines and code, and a mail
that is about the subject, each make a hit weaker. One of them alone does not free it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from attrs import define, field, frozen

from e2ad.core.screening_fold import CLAUSE, END, QUOTE, fold_stem, fold_text, has_cjk, squeezed
from e2ad.core.screening_material import Signal, excerpt, noisy_or, strongest
from e2ad.core.screening_orders import MOST_WORDS, Found, find, order_named, within_quotes
from e2ad.core.screening_words import CJK, EXACT, PREFIX_LENGTHS, PREFIXES, Meaning

__all__ = ["Phrases", "orders", "read_orders"]

_QUOTED_FACTOR: Final = 0.6
_ABOUT_FACTOR: Final = 0.65
_REPORTED_FACTOR: Final = 0.8
_NEGATED_FACTOR: Final = 0.3
_UNREAD_ORDER: Final = 0.5
_ABOUT_WORDS: Final = 2
# Words of two sentences, or within and without a quotation, belong together less than their distance says.
_GAPS: Final = {END: 4, CLAUSE: 2, "。": 4, "！": 4, "？": 4, "，": 2}
_QUOTE_GAP: Final = 2

_ROLE_MARK: Final = re.compile(
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>|\[/?INST\]|<</?SYS>>"
    r"|^[ \t]{0,8}+#{2,4}+ ?(?:instruction|system|new instructions|assistant)s?:?[ \t]*+$"
    r"|</?(?:system|system_prompt|system-prompt|tool_call|function_call|instructions|assistant|tool_result)>"
    r"|^[ \t]{0,8}+[\[(*<{-]{0,3}(?:begin |end of |new )?(?:system|admin|developer)"
    r"[ _-](?:prompt|override|instructions?)\b",
    re.IGNORECASE | re.MULTILINE,
)
_MOST_CALLS: Final = 1000
_ROLE_LINE: Final = re.compile(
    r"^[ \t]{0,8}+[\[(*<]{0,3}(?:system|assistant|developer)(?: (?:message|note|update|notice))?[\])*>]{0,3}:[ \t]",
    re.IGNORECASE | re.MULTILINE,
)
_CALL: Final = re.compile(
    r"\b(?:send|forward|read|delete|list|get|search|fetch|reply)_(?:to_)?(?:e?mails?|messages?|inbox|files?|contacts?)\b",
    re.IGNORECASE,
)
_ARGUMENTS: Final = re.compile(r"[\"'`]?\s?(?:\(|with\b|to\b|mit\b|an\b|avec\b|con\b|com\b|met\b)", re.IGNORECASE)
_CALLED: Final = re.compile(
    r"(?:\b(?:execute|call|run|invoke|use|continue with|führe|rufe|appelle|ejecuta|esegui)|执行|调用|実行)"
    r"[ \n](?:the |tool |function ){0,2}[\"'`]?\Z",
    re.IGNORECASE,
)
_WIRED: Final = re.compile(r"(?:tool|name|function|action|recipient_name)[\"']?\s?[:=]\s?[\"']\Z", re.IGNORECASE)
"""How programs write that a tool is called, in JSON or as an attribute."""
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,60}|https?://", re.IGNORECASE)


def _phrases() -> str:
    """Whole orders, as they stand in folded text without blanks."""

    def words(text: str) -> str:
        return "(?:" + "|".join(fold_stem(word) for word in text.split()) + ")"

    filler = words(
        "all any the your my of these those every todas todos as las os le tutte alle toutes les vos tes die"
    )
    return "|".join(
        f"{words(verb)}{filler}{{0,4}}(?:{words(prior)}{words(rules)}|{words(rules)}{words(prior)})"
        for verb, prior, rules in (
            (
                "ignore disregard forget override bypass",
                "previous prior above earlier preceding",
                "instruction prompt rule directive guideline command",
            ),
            (
                "ignoriere ignorieresie ignorier vergiss missachte",
                "vorherigen bisherigen früheren obigen vorigen",
                "anweisung regel instruktion",
            ),
            ("ignore ignorez oublie oubliez", "précédentes antérieures", "instructions consignes"),
            (
                "ignora ignore olvida esqueça dimentica",
                "anteriores previas precedenti",
                "instrucciones instruções istruzioni",
            ),
            ("негативно игнорируй игнорируйте забудь", "все предыдущие всепредыдущие", "инструкции указания"),
        )
    )


_WHOLE: Final = re.compile(_phrases())


def _cjk_pattern() -> str:
    by_first: dict[str, list[str]] = {}
    for term in sorted(CJK, key=len, reverse=True):
        by_first.setdefault(term[0], []).append(re.escape(term[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_first.items())


_CJK_TERM: Final = re.compile(_cjk_pattern() + r"|[「」『』“”\"]|(?i:LLM|GPT|AI)|[。！？，]")


@frozen
class Phrases:
    """What a text orders: signals, and whether it was too strange to be read to its end."""

    signals: tuple[Signal, ...] = ()
    unread: bool = False


@define
class _Reading:
    """Folded words with a meaning, and where they stand."""

    words: list[tuple[int, int]] = field(factory=list)
    quotes: list[int] = field(factory=list)
    paragraphs: list[int] = field(factory=lambda: [0])
    starts: list[int] = field(factory=list)
    """Of each line the position of its first word."""
    lines: list[str] = field(factory=list)
    quoted: list[bool] = field(factory=list)
    places: dict[int, int] = field(factory=dict)
    """Where there are no lines, of each position its place in the text."""

    def line(self, position: int) -> int:
        return max(0, bisect_right(self.starts, position) - 1)

    def piece(self, found: Found) -> str:
        return " ".join(self.lines[self.line(found.first) : self.line(found.last) + 1])

    def is_quoted(self, found: Found) -> bool:
        lines = self.quoted[self.line(found.first) : self.line(found.last) + 1]
        return (bool(lines) and all(lines)) or within_quotes(self.quotes, self.paragraphs, found.first, found.last)


def read_orders(text: str, *, bare: bool = False) -> Phrases:
    """The orders in a text. Linear.

    Args:
        bare: nobody sees this text, so nothing in it is a quotation or a report.
    """
    folded = fold_text(text)
    reading = _read(text, folded)
    signals = list(_judged(reading, bare=bare))
    if has_cjk(text):
        signals += _judged(_read_cjk(text), bare=bare)
    if not any(signal.name == "instruction_override" for signal in signals):
        signals += _torn(squeezed(folded))
    signals += _marks(text, reading, bare=bare)
    return Phrases(tuple(signals), len(reading.words) > MOST_WORDS)


def orders(text: str) -> float:
    """How sure it is that a text that nobody was to see gives orders; one too strange to be read to its end may."""
    read = read_orders(text, bare=True)
    return max(noisy_or(signal.score for signal in strongest(read.signals)), _UNREAD_ORDER if read.unread else 0.0)


def _read(text: str, folded: str) -> _Reading:
    reading = _Reading()
    position, fenced, known = 0, False, dict[str, int]()
    for line, line_folded in zip(text.split("\n"), folded.split("\n"), strict=False):
        words = line_folded.split()
        if not words:
            reading.paragraphs.append(position)
            continue
        begin = line.lstrip()[:3]
        if begin == "```":
            fenced = not fenced
        reading.starts.append(position)
        reading.lines.append(line)
        reading.quoted.append(fenced or begin[:1] in (">", "|"))
        for word in words:
            if word in _GAPS:
                position += _GAPS[word]
                continue
            mask = known.get(word)
            if mask is None:
                mask = known[word] = _meaning(word)
            if mask:
                if word == QUOTE:
                    reading.quotes.append(position)
                    position += _QUOTE_GAP
                reading.words.append((position, mask))
            position += 1
    return reading


def _meaning(word: str) -> int:
    mask = EXACT.get(word, 0)
    for length in PREFIX_LENGTHS:
        if length > len(word):
            break
        mask |= PREFIXES.get(word[:length], 0)
    return mask


def _read_cjk(text: str) -> _Reading:
    """The same for Chinese and Japanese: terms wherever they stand, two characters for a word."""
    squeezed_text = "".join(text.split())
    reading = _Reading(starts=[0], lines=[squeezed_text], quoted=[False])
    gaps = 0
    for term in _CJK_TERM.finditer(squeezed_text):
        position = term.start() // 2 + gaps
        if (gap := _GAPS.get(term[0])) is not None:
            gaps += gap
            continue
        reading.places[position] = term.start()
        if (mask := CJK.get(term[0])) is not None:
            reading.words.append((position, mask))
        elif term[0].isascii() and term[0].isalnum():
            reading.words.append((position, int(Meaning.MACHINE)))
        else:
            reading.quotes.append(position)
    return reading


def _judged(reading: _Reading, *, bare: bool) -> Iterable[Signal]:
    words = reading.words
    about = len({position for position, mask in words if mask & Meaning.ABOUT})
    factor_about = _ABOUT_FACTOR if about >= _ABOUT_WORDS and not bare else 1.0
    reports = [position for position, mask in words if mask & Meaning.REPORT]
    refusals = [position for position, mask in words if mask & Meaning.NOT]
    for found in find(words):
        score = found.order.score
        piece = _around(reading, found)
        if found.order.name == "mail_exfiltration" and _ADDRESS.search(piece):
            score = min(0.75, score + 0.2)
        if found.order.name in ("secret_request", "mail_deletion") and _near(refusals, found.first, 4, found.last):
            score *= _NEGATED_FACTOR
        if not bare:
            score *= factor_about
            quoted = reading.is_quoted(found)
            score *= _QUOTED_FACTOR if quoted else 1.0
            score *= _REPORTED_FACTOR if (about or quoted) and _near(reports, found.first, 8, found.first) else 1.0
        yield Signal(found.order.name, round(score, 3), order_named(found.order.name), excerpt(piece))


def _around(reading: _Reading, found: Found) -> str:
    if reading.places:
        first, last = reading.places[found.first], reading.places[found.last]
        return reading.lines[0][max(0, first - 10) : last + 60]
    piece = reading.piece(found)
    if len(piece) <= 400:
        return piece
    # A long line: near the words, as far as their number tells.
    begin = reading.starts[reading.line(found.first)]
    words = piece.split(None, found.last - begin + 12)
    return " ".join(words[max(0, found.first - begin - 4) : found.last - begin + 12])


def _near(positions: list[int], first: int, before: int, last: int) -> bool:
    at = bisect_right(positions, last) - 1
    return at >= 0 and positions[at] >= first - before


def _torn(text: str) -> list[Signal]:
    """Whole orders with their letters spread apart, or written backwards."""
    found = []
    if (whole := _WHOLE.search(text)) is not None:
        found.append(
            Signal("obfuscated_instructions", 0.85, "hides an order by spreading its letters", excerpt(whole[0]))
        )
    if (whole := _WHOLE.search(text[::-1])) is not None:
        found.append(
            Signal("obfuscated_instructions", 0.85, "hides an order by writing it backwards", excerpt(whole[0]))
        )
    return found


def _marks(text: str, reading: _Reading, *, bare: bool) -> list[Signal]:
    """What only programs write: the marks of a dialogue with a model, names of tools."""
    about = sum(1 for _, mask in reading.words[:MOST_WORDS] if mask & Meaning.ABOUT) >= _ABOUT_WORDS and not bare
    factor = _ABOUT_FACTOR if about else 1.0
    found = []
    if (mark := _ROLE_MARK.search(text)) is not None:
        line = text[text.rfind("\n", 0, mark.start()) + 1 : mark.end()]
        quoted = not bare and (line.lstrip()[:1] == ">" or line[: mark.start()].count("`") % 2 == 1)
        score = 0.65 * factor * (_QUOTED_FACTOR if quoted else 1.0)
        found.append(Signal("role_marker", score, "imitates the marks of a dialogue with a model", excerpt(mark[0])))
    elif (mark := _ROLE_LINE.search(text)) is not None:
        found.append(Signal("role_marker", 0.25 * factor, "speaks in the name of the system", excerpt(mark[0])))
    for number, call in enumerate(_CALL.finditer(text)):
        if number >= _MOST_CALLS:
            break
        before = text[max(0, call.start() - 40) : call.start()]
        if told := _CALLED.search(before):
            sure = 0.55 if _ARGUMENTS.match(text, call.end()) else 0.4
        elif told := _WIRED.search(before):
            sure = 0.55 if _ADDRESS.search(text[call.end() : call.end() + 200]) else 0.4
        else:
            sure = 0.25
        summary = "tells an agent which tool to call" if told else "names a tool of an agent"
        found.append(Signal("tool_call", sure * factor, summary, excerpt(call[0])))
    return found
