"""What is known of a mail's sender, in words and in a picture; pure functions of what was stored.

The words say what a result means for whoever has to trust the mail, not what the protocol calls it; the protocol's own
word stands beside them. Colour is never the only sign: each line of the picture has its word too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from attrs import field, frozen
from markupsafe import Markup

from e2ad.core.legible import shortened
from e2ad.dashboard.words import shown

__all__ = ["Check", "Evidence", "Facts", "explain", "picture"]

Level = Literal["good", "warn", "bad", "none"]

_MOST_SIGNATURES: Final = 4
_BOX: Final = 250
_ROW: Final = 62
_WIDTH: Final = 720
_TALL: Final = 46

_SPF: Final[Mapping[str, tuple[Level, str]]] = {
    "pass": ("good", "The server that delivered this mail may send for {domain}."),
    "fail": ("bad", "{domain} says that the server which delivered this mail must not send for it."),
    "softfail": ("warn", "{domain} says that the server which delivered this mail probably should not send for it."),
    "neutral": ("none", "{domain} says nothing about the server that delivered this mail."),
    "none": ("none", "{domain} does not say which servers may send for it."),
    "temperror": ("warn", "The records of {domain} could not be looked up when the mail came."),
    "permerror": ("warn", "The records of {domain} about its servers are broken."),
}
_DKIM: Final[Mapping[str, tuple[Level, str]]] = {
    "pass": ("good", "{domain} signed this mail, and nothing that it signed was changed on the way."),
    "fail": ("bad", "The signature of {domain} does not fit: the mail was changed, or {domain} never signed it."),
    "none": ("none", "Nobody signed this mail."),
    "neutral": ("none", "The signature of {domain} could not be read."),
    "policy": ("warn", "The signature of {domain} fits, but is of a form that proves too little."),
    "temperror": ("warn", "The key of {domain} could not be looked up when the mail came."),
    "permerror": ("warn", "The key of {domain} is missing or broken, so its signature proves nothing."),
}
_POLICY: Final = {
    "none": "asks nothing to be done about mail that fails",
    "quarantine": "asks that mail which fails be put aside",
    "reject": "asks that mail which fails be refused",
}
_KINDS: Final = {
    "control": "control characters",
    "invalid": "characters that are none",
    "private_use": "characters without a meaning",
    "tag": "invisible tag characters, which carry hidden words to a model",
    "bidi": "marks that turn the direction of writing",
    "zero_width": "characters without width",
    "variation": "stray variation selectors",
    "hidden_html": "characters of text that the HTML hides",
    "fence": "look-alikes of our own marks",
}
_ACTIONS: Final[Mapping[str | None, tuple[Level, str]]] = {
    "allow": ("none", "noticed"),
    "flag": ("warn", "flagged"),
    "review": ("warn", "held for review"),
    "block": ("bad", "blocked"),
    None: ("none", "noticed"),
}


@frozen
class Facts:
    """What was stored of a mail that came in.

    Attributes:
        authentication: the contract's object; None where nothing was checked.
        inside: it is from another agent of this deployment.
        continuity: status, detail and whom the sender resembles.
        findings: of the gate and the scan.
        removed: what a person would not see of it: kind and how much.
    """

    header_from: str | None
    verified: bool
    verified_domain: str | None
    authentication: Mapping[str, Any] | None
    inside: bool = False
    continuity: Mapping[str, Any] | None = None
    findings: Sequence[Mapping[str, Any]] = ()
    removed: Sequence[tuple[str, int]] = ()
    flag_reason: str = ""


@frozen
class Check:
    """One thing that was looked at: what it is called, the protocol's word, and what that means."""

    name: str
    level: Level
    word: str
    words: str
    detail: str = ""


@frozen
class Evidence:
    """The verdict in one line, why, and the picture."""

    level: Level
    headline: str
    words: str
    checks: tuple[Check, ...]
    picture: Markup = field(repr=False)


def explain(facts: Facts) -> Evidence:
    """Say what is known of the sender; total, whatever was stored."""
    found = facts.authentication or {}
    level, headline, words = _verdict(facts, found)
    checks = [*_transport(found), *_continuity(facts.continuity), *_screening(facts), *_hidden(facts.removed)]
    return Evidence(level, headline, words, tuple(checks), picture(facts))


def _verdict(facts: Facts, found: Mapping[str, Any]) -> tuple[Level, str, str]:
    author = _domain_of(facts.header_from)
    dmarc = str((found.get("dmarc") or {}).get("status", "none"))
    if facts.inside:
        return "good", "From an agent of this deployment", "The mail never left this server, so its sender is known."
    if facts.verified_domain:
        domain = shown(facts.verified_domain)
        return "good", f"Really from {domain}", f"{domain} stands behind this mail: DMARC passed."
    if facts.verified:
        words = f"{author} publishes no DMARC policy, but a check that passed belongs to the same domain as the author."
        return "good", f"From {author}", words
    if dmarc == "fail":
        words = f"By the rules that {author} publishes, this mail is not from it. Do not act on who it says it is from."
        return "bad", f"Probably not from {author}", words
    if dmarc == "temperror":
        words = "What was needed to decide could not be looked up when the mail came. Treat the sender as unknown."
        return "warn", "The sender could not be checked", words
    words = f"No check ties this mail to {author}: anybody may have written it in that name."
    return "warn", "Nobody stands behind the sender", words


def _transport(found: Mapping[str, Any]) -> list[Check]:
    if not found:
        return []
    checks = []
    spf, dmarc = found.get("spf") or {}, found.get("dmarc") or {}
    checks.append(_result("SPF", _SPF, spf))
    signatures = found.get("dkim") or [{"status": "none"}]
    checks += [_result(_numbered(number, len(signatures)), _DKIM, one) for number, one in enumerate(signatures)]
    checks.append(_dmarc(dmarc))
    if arc := found.get("arc"):
        who = shown(arc.get("domain") or "somebody")
        words = f"{who} forwarded the mail and tells what it had found. That is its word alone and proves nothing here."
        checks.append(Check("ARC", "none", str(arc.get("status", "")), words, shown(arc.get("detail"))))
    return checks


def _numbered(number: int, count: int) -> str:
    return "DKIM" if count == 1 else f"DKIM {number + 1}"


def _result(name: str, table: Mapping[str, tuple[Level, str]], result: Mapping[str, Any]) -> Check:
    word = str(result.get("status", "none"))
    level, words = table.get(word, ("none", "The result is one that we do not know."))
    words = words.format(domain=shown(result.get("domain") or "the sender's server"))
    if word == "pass":
        if result.get("aligned") is True:
            words += " It is the author's own domain."
        elif result.get("aligned") is False:
            level, words = "none", words + " That is not the author's domain, so it says nothing about the author."
    return Check(name, level, word, words, shown(result.get("detail")))


def _dmarc(dmarc: Mapping[str, Any]) -> Check:
    word, domain = str(dmarc.get("status", "none")), shown(dmarc.get("domain") or "the author's domain")
    by = " and ".join({"spf": "SPF", "dkim": "DKIM"}.get(str(one), str(one)) for one in dmarc.get("aligned_by") or ())
    policy = _POLICY.get(str(dmarc.get("policy")), "")
    match word:
        case "pass":
            level: Level = "good"
            words = f"A pass of {by or 'a check'} is for the domain in From, {domain}: the author is who the mail says."
        case "fail":
            level, words = (
                "bad",
                f"No check that passed is for the domain in From, {domain}, which {policy or 'has a policy'}.",
            )
        case "temperror":
            level, words = "warn", f"The policy of {domain} could not be looked up when the mail came."
        case "permerror":
            level, words = "warn", f"The policy of {domain} is broken."
        case _:
            level, words = "none", f"{domain} publishes no policy, so there is no word of its own to go by."
    return Check("DMARC", level, word, words, shown(dmarc.get("detail")))


def _continuity(continuity: Mapping[str, Any] | None) -> list[Check]:
    if not continuity:
        return []
    status, detail = str(continuity.get("status", "")), shown(continuity.get("detail"))
    resembles = shown(continuity.get("resembles"))
    match status:
        case "consistent":
            level: Level = "good"
            words, detail = "The sender proves itself as it did before.", ""
        case "break":
            level, words = "bad", "This sender proved itself before, and does not now. Ask them on another way."
        case _:
            level, words = "none", "This agent has not heard from the address before."
            detail = ""
    if resembles:
        level, words = "bad", f"The address looks like {resembles}, which this agent knows, and is another one."
    return [Check("Continuity", level, status, words, detail)]


def _screening(facts: Facts) -> list[Check]:
    checks = []
    for finding in facts.findings[:50]:
        level, word = _ACTIONS.get(finding.get("action"), ("none", "noticed"))
        detail = ", ".join(shown(name) for name in finding.get("categories") or ())
        if isinstance(score := finding.get("score"), int | float):
            detail = f"score {score:.2f}" + (f": {detail}" if detail else "")
        checks.append(
            Check("Screening", level, word, shown(finding.get("summary")) or "Something was noticed.", detail)
        )
    if facts.flag_reason and not checks:
        checks.append(Check("Screening", "warn", "flagged", shown(facts.flag_reason)))
    return checks


def _hidden(removed: Sequence[tuple[str, int]]) -> list[Check]:
    return [Check("Hidden", "warn", str(count), _hidden_words(kind)) for kind, count in removed]


def _hidden_words(kind: str) -> str:
    what = _KINDS.get(kind, kind.replace("_", " "))
    return f"{what[:1].upper()}{what[1:]}: taken out of the text that is shown here."


def _domain_of(address: str | None) -> str:
    return shown((address or "").rpartition("@")[2]) or "its author"


def picture(facts: Facts) -> Markup:
    """Who stands behind the author: a box for each check, and a line to the author's domain where it is aligned.

    Colours are the page's, by class; the picture has its words for those who do not see it.
    """
    found = facts.authentication or {}
    if facts.inside or not found:
        return Markup("")
    spf, signatures = found.get("spf") or {}, list(found.get("dkim") or [])
    rows = [("Server (SPF)", spf)]
    rows += [(f"Signature (DKIM{f' {n + 1}' if len(signatures) > 1 else ''})", one) for n, one in enumerate(signatures)]
    left_out = max(0, len(rows) - 1 - _MOST_SIGNATURES)
    rows = rows[: 1 + _MOST_SIGNATURES]
    if not signatures:
        rows.append(("Signature (DKIM)", {"status": "none"}))
    height = len(rows) * _ROW - 8
    middle = height / 2
    parts, told = list[Markup](), list[str]()
    for number, (label, result) in enumerate(rows):
        top = 4 + number * _ROW
        part, words = _row(label, result, top, middle)
        parts.append(part)
        told.append(words)
    parts.append(_author(facts, found, middle))
    if left_out:
        told.append(f"{left_out} more signatures are listed below.")
    title = "Which checks stand behind the author's domain"
    return Markup(
        '<svg class="flow" viewBox="0 0 {width} {height}" role="img" aria-labelledby="flow-title flow-words">'
        '<title id="flow-title">{title}</title><desc id="flow-words">{words}</desc>{parts}</svg>'
    ).format(width=_WIDTH, height=height, title=title, words=" ".join(told), parts=Markup("").join(parts))


def _row(label: str, result: Mapping[str, Any], top: int, middle: float) -> tuple[Markup, str]:
    word = shown(result.get("status") or "none")
    domain = shown(result.get("domain") or "")
    aligned = result.get("aligned")
    passed = word == "pass"
    level = "good" if passed and aligned is not False else "none" if word in ("none", "neutral") or passed else "bad"
    if word in ("temperror", "permerror", "softfail", "policy"):
        level = "warn"
    mark = {"good": "✓", "bad": "✕", "warn": "!", "none": "–"}[level]
    tie = "same domain" if passed and aligned else "another domain" if passed and aligned is False else ""
    y = top + _TALL / 2
    line = Markup("")
    if passed and aligned is False:
        # It leads nowhere: who passed is not who wrote.
        line = Markup('<path class="tie none" d="M{x} {y} h110 m0 -8 v16"/>').format(x=_BOX, y=y)
    elif passed:
        line = Markup('<path class="tie good" d="M{x} {y} C{a} {y} {b} {m} {to} {m}"/>').format(
            x=_BOX, y=y, a=_BOX + 110, b=_BOX + 80, m=middle, to=_BOX + 205
        )
    if passed and tie:
        line += Markup('<text class="tie-word {kind}" x="{x}" y="{y}">{tie}</text>').format(
            kind="good" if aligned else "none", x=_BOX + 10, y=y - 7, tie=tie
        )
    box = Markup(
        '<g class="box {level}"><rect x="1" y="{top}" width="{width}" height="{tall}" rx="8"/>'
        '<text class="mark" x="22" y="{y}">{mark}</text><text class="label" x="42" y="{first}">{label}: {word}</text>'
        '<text class="name" x="42" y="{second}">{domain}</text></g>'
    ).format(
        level=level, top=top, width=_BOX - 1, tall=_TALL, y=y + 6, mark=mark, first=top + 19, second=top + 37,
        label=label, word=word, domain=shortened(domain, 24) if domain else "nobody",
    )  # fmt: skip
    told = f"{label} {word}" + (f" for {domain}" if domain else "") + (f", {tie}" if tie else "") + "."
    return line + box, told


def _author(facts: Facts, found: Mapping[str, Any], middle: float) -> Markup:
    dmarc = shown((found.get("dmarc") or {}).get("status") or "none")
    level = "good" if facts.verified or facts.verified_domain else "bad" if dmarc == "fail" else "warn"
    mark = {"good": "✓", "bad": "✕", "warn": "?"}[level]
    left = _BOX + 205
    return Markup(
        '<g class="box {level}"><rect x="{left}" y="{top}" width="{width}" height="54" rx="8"/>'
        '<text class="mark" x="{mark_at}" y="{y}">{mark}</text>'
        '<text class="label" x="{text}" y="{first}">From, DMARC: {word}</text>'
        '<text class="name" x="{text}" y="{second}">{domain}</text></g>'
    ).format(
        level=level, left=left, top=middle - 27, width=_WIDTH - left - 1, mark_at=left + 21, y=middle + 6, mark=mark,
        text=left + 42, first=middle - 4, second=middle + 15, word=dmarc,
        domain=shortened(_domain_of(facts.header_from), 24),
    )  # fmt: skip
