"""The new part of a reply, without the quoted history that mail programs append.

A loss is worse than a remainder: whatever is not clearly history stays. Answers written between
quoted lines keep those lines, a forward keeps what it forwards, and the whole text is stored too.
Each line is looked at a bounded number of times.
"""

import re
from typing import Final

from e2ad.core.quoting_words import (
    ATTRIBUTION_STARTS,
    ATTRIBUTION_VERBS,
    FORWARD_LINES,
    FORWARD_PREFIXES,
    FORWARD_TITLES,
    LABELS,
    ORIGINAL_TITLES,
)

__all__ = ["is_forward", "new_text"]

MAX_ATTRIBUTION_LINES: Final = 5
MAX_LINE: Final = 400
"""Longer lines are prose: no program writes such attributions or labels."""
MAX_SIGNATURE_LINES: Final = 12
MAX_BLOCK_LINES: Final = 10
MAX_ATTRIBUTIONS: Final = 500
"""Lines that end in a colon and are looked at closely; a hostile text has a hundred thousand."""

_QUOTE_MARKS: Final = (">", "＞")
_OPENINGS: Final = frozenset(">＞-_=*\u2500")
_DASHED: Final = re.compile(r"[-_=*]{2,}\s*([^-_=*\s].{0,60}?)\s*[-_=*]{2,}:?")
_RULE: Final = re.compile(r"[-_=*\u2500]{5,}")
_LIST_FOOTER: Final = re.compile(r"_{20,}")
_LABEL: Final = re.compile(r"\*?\s*([^:：*]{1,24}?)\s*\*?\s*[:：]\*?")
_ADDRESS: Final = re.compile(r"[^\s<>@()\[\]]{1,64}@[^\s<>@()\[\]]{2,}")
_WHEN: Final = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}[:.h]\d\d(?!\d)|(?<!\d)\d{1,2}[./-]\d{1,2}[./-]\d\d"
)
_SUBJECT_PREFIX: Final = re.compile(r"\s*\[?([^\s:：\[\]]{1,12})\s*[:：]")
_DIRECTIONAL: Final = dict.fromkeys(
    map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)


def is_forward(subject: str) -> bool:
    """Does a subject's first prefix say that the mail is a forward (FW:, WG:, TR:, 转发: ...)?"""
    found = _SUBJECT_PREFIX.match(subject)
    return found is not None and found[1].casefold() in FORWARD_PREFIXES


def new_text(text: str, history_at: frozenset[int] = frozenset(), *, forwarded: bool = False) -> str:
    """Cut the quoted history, and the signature behind a "-- " line, off a reply.

    Args:
        text: the whole text, LF line ends.
        history_at: numbers of the lines at which the sender's own HTML says that history begins.
        forwarded: the mail is a forward, so that a block of From:, Sent: and To: is its content.

    Returns:
        The new part without blank lines around it; "" when the mail is nothing but quotation.
    """
    probes = _probes(text)
    suspects = _suspects(probes, history_at)
    if not suspects:
        return text.strip("\n").rstrip()
    lines = text.split("\n")
    forward = _first_forward(probes, suspects)
    cut = _first_separator(probes, suspects, history_at, forwarded=forwarded)
    if cut is not None and (forward is None or cut < forward):
        if not any(probe and not _is_quoted(probe) for probe in probes[:cut]):
            return text.strip()  # nothing above it: the block is all there is to read
        lines, probes, forward = lines[:cut], probes[:cut], None
    head_end = len(lines) if forward is None else forward
    head = _without_quotes(lines[:head_end], probes[:head_end], history_at)
    if forward is None:
        return head
    return f"{head}\n\n{_trimmed(lines[forward:])}" if head else _trimmed(lines[forward:])


def _probes(text: str) -> list[str]:
    """What each line is compared by: no blanks around it, no invisible marks, casefolded; long prose as "."."""
    folded = text.lower() if text.isascii() else text.translate(_DIRECTIONAL).casefold().replace("i\u0307", "i")
    return [
        line.strip() if len(line) <= MAX_LINE else (">" if line.startswith(">") else ".") for line in folded.split("\n")
    ]


def _suspects(probes: list[str], history_at: frozenset[int]) -> list[int]:
    """The only lines that can be an attribution, a title, a label, a rule or a quotation; mostly there are none."""
    return [
        number
        for number, probe in enumerate(probes)
        if probe and (probe[0] in _OPENINGS or ":" in probe or "：" in probe or number in history_at)
    ]


def _trimmed(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n").rstrip()


def _is_quoted(probe: str) -> bool:
    return probe.startswith(_QUOTE_MARKS)


def _first_forward(probes: list[str], suspects: list[int]) -> int | None:
    """The line that opens a forwarded message."""
    for number in suspects:
        probe = probes[number]
        if _is_quoted(probe):
            continue
        if probe[0] in "-_=*" and (dashed := _DASHED.fullmatch(probe)) and _title(dashed[1]) in FORWARD_TITLES:
            return number
        if probe[-1] in ":：" and f"{_title(probe[:-1])}:" in FORWARD_LINES:
            return number
    return None


def _title(words: str) -> str:
    return words.rstrip(" :：").lstrip()


def _first_separator(
    probes: list[str], suspects: list[int], history_at: frozenset[int], *, forwarded: bool
) -> int | None:
    """The line from which on everything is history: a separator, or a block of header labels."""
    for number in suspects:
        probe = probes[number]
        if _is_quoted(probe):
            continue
        if number in history_at and not forwarded and not _quotes_follow(probes, number):
            return number
        if probe[0] in "-_=*":
            dashed = _DASHED.fullmatch(probe)
            if dashed and _title(dashed[1]) in ORIGINAL_TITLES:
                return number
        if not forwarded and _label(probe) == "from" and _is_header_block(probes, number):
            return _above_rule(probes, number)
    return None


def _quotes_follow(probes: list[str], number: int) -> bool:
    """Marked lines before a quotation are its attribution; `_without_quotes` judges those."""
    return any(_is_quoted(probe) for probe in probes[number : number + MAX_BLOCK_LINES])


def _label(probe: str) -> str | None:
    if ":" not in probe and "：" not in probe:
        return None
    found = _LABEL.match(probe)
    return LABELS.get(found[1]) if found else None


def _is_header_block(probes: list[str], number: int) -> bool:
    """From, and two more labels close behind it, one of them a date or a subject."""
    kinds: set[str] = set()
    for probe in probes[number + 1 : number + MAX_BLOCK_LINES]:
        if not probe and kinds:
            break
        if (kind := _label(probe)) is not None:
            kinds.add(kind)
    return len(kinds) >= 2 and not kinds.isdisjoint({"date", "subject"})


def _above_rule(probes: list[str], number: int) -> int:
    """Take the rule that Outlook draws above the block with it."""
    above = number - 1
    while above >= 0 and number - above < 4 and not probes[above]:
        above -= 1
    return above if above >= 0 and _RULE.fullmatch(probes[above]) else number


def _without_quotes(lines: list[str], probes: list[str], history_at: frozenset[int]) -> str:
    """Drop attribution and quotation where nothing new follows, or where nothing new came before."""
    lines, probes = _without_signature(lines, probes)
    quoted = [probe.startswith(_QUOTE_MARKS) for probe in probes]
    for number in sorted(history_at):
        _mark_marked(probes, quoted, number)
    cut = _mark_attributions(probes, quoted)
    if cut is not None:
        lines, probes, quoted = lines[:cut], probes[:cut], quoted[:cut]
    new = [number for number, line in enumerate(lines) if not quoted[number] and line.strip()]
    if not new:
        return ""
    start, end = 0, new[-1] + 1
    end = _before_list_footer(probes, quoted, end)
    if any(quoted[: new[0]]) and not any(quoted[new[0] : end]):
        start = new[0]  # the answer stands below the quotation
    return _trimmed(_without_signature(lines[start:end], probes[start:end])[0])


def _before_list_footer(probes: list[str], quoted: list[bool], end: int) -> int:
    """A mailing list's footer below the quotation is not an answer to it."""
    for number in range(end - 1, max(-1, end - MAX_SIGNATURE_LINES), -1):
        if _LIST_FOOTER.fullmatch(probes[number]):
            above = number - 1
            while above >= 0 and not probes[above]:
                above -= 1
            if above < 0 or not quoted[above]:
                return end
            while above >= 0 and (quoted[above] or not probes[above]):
                above -= 1
            return above + 1 if above >= 0 else end
    return end


def _without_signature(lines: list[str], probes: list[str]) -> tuple[list[str], list[str]]:
    """Cut at the last "-- " (RFC 3676 section 4.3) if only a few unquoted lines stand below it."""
    written = 0
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if line in ("-- ", "--") and any(probe and not _is_quoted(probe) for probe in probes[:number]):
            return lines[:number], probes[:number]
        written += bool(line.strip())
        if written > MAX_SIGNATURE_LINES or line.startswith(">"):
            break
    return lines, probes


def _mark_marked(probes: list[str], quoted: list[bool], number: int) -> None:
    """What stands between a program's own mark and the quotation is the attribution, in whatever language."""
    for below in range(number, min(number + MAX_ATTRIBUTION_LINES, len(probes))):
        if quoted[below]:
            quoted[number:below] = [True] * (below - number)
            return


def _mark_attributions(probes: list[str], quoted: list[bool]) -> int | None:
    """Mark attribution lines above quotations as quoted; a line number where unquoted history begins."""
    ends = [number for number, probe in enumerate(probes) if probe and not quoted[number] and probe[-1] in ":："]
    first_line = next((number for number, probe in enumerate(probes) if probe), len(probes))
    last_quoted = max((number for number, is_quoted in enumerate(quoted) if is_quoted), default=-1)
    for number in ends[:MAX_ATTRIBUTIONS]:
        start, sure = _attribution_start(probes, quoted, number)
        if start is None:
            continue
        below = number + 1
        while below < len(probes) and below - number < 4 and not probes[below]:
            below += 1
        if below < len(probes) and quoted[below]:
            quoted[start : number + 1] = [True] * (number + 1 - start)
        elif sure and first_line < start and last_quoted < number:
            return start
    return None


def _attribution_start(probes: list[str], quoted: list[bool], end: int) -> tuple[int | None, bool]:
    """Where the attribution that ends in this line starts, and whether it can be nothing else.

    The shortest run of lines that reads like one is taken, so that a line above it that the
    writer did not separate is kept.
    """
    joined = ""
    for start in range(end, max(-1, end - MAX_ATTRIBUTION_LINES), -1):
        if not probes[start] or quoted[start]:
            break
        joined = f"{probes[start]} {joined}" if joined else probes[start]
        if len(joined) > MAX_LINE:
            break
        dated, addressed = _WHEN.search(joined), _ADDRESS.search(joined)
        for opening, verbs in ATTRIBUTION_STARTS.items():
            if joined.startswith(opening) and any(verb in joined for verb in verbs) and any(map(str.isdigit, joined)):
                return start, bool(dated)
        if dated and (addressed or any(verb in joined for verb in ATTRIBUTION_VERBS)):
            opened = any(probe.startswith(tuple(ATTRIBUTION_STARTS)) for probe in probes[max(0, start - 2) : start])
            if opened and start > 0 and probes[start - 1]:
                continue  # "On Monday, ... <a@b.test>" of the line above belongs to it
            return start, bool(addressed or any(joined.rstrip(" :：").endswith(verb) for verb in ATTRIBUTION_VERBS))
    return None, False
