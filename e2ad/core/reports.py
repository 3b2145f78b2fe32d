"""Reports about mail that was sent, read: what became of it (RFC 3464, 6533) and who complained (RFC 5965).

Total: whatever comes in, out comes a report or None. What is said here is only what the report claims; whether
it is to be believed is for whoever knows by which return path it came. Bounded: the octets read, the recipients
named and the length of every value have limits, and each is passed over once.

Bounces that follow no standard, written as prose for people, are read by `reports_prose`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias, cast

from attrs import frozen

from e2ad.core.defects import Defects
from e2ad.core.mime_address import read_addresses, read_mailbox
from e2ad.core.mime_header import HeaderSection, read_header_section
from e2ad.core.mime_parts import Part, content_bytes, leaves, read_parts
from e2ad.core.reports_prose import Finding, read_prose

__all__ = ["MAX_RECIPIENTS", "Action", "ComplaintReport", "DeliveryReport", "RecipientReport", "read_report"]

MAX_RECIPIENTS: Final = 1000
MAX_OCTETS: Final = 4 * 1024 * 1024
"""Of the mail; reports return whole mails, and only their beginnings are of interest."""
MAX_FIELDS_OCTETS: Final = 1024 * 1024
MAX_DIAGNOSTIC: Final = 1000

Action: TypeAlias = Literal["failed", "delayed", "delivered", "relayed", "expanded"]

_ACTIONS: Final = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_BY_CLASS: Final[dict[str, Action]] = {"5": "failed", "4": "delayed", "2": "delivered"}
_CLASS_OF: Final = {"failed": "5.0.0", "delayed": "4.0.0"}
_STATUS: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_REPLY: Final = re.compile(r"(?<![\d.])([245])\d\d(?![\d.])")
_GROUP_END: Final = re.compile(rb"\n[ \t]*\n\s*")
_TYPED: Final = re.compile(r"\s*([A-Za-z0-9\-]{1,40})\s*;\s*(.*)", re.DOTALL)
# RFC 6533 section 3: any character may be written so, whether or not it has to be.
_UNITEXT: Final = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
# RFC 3461 section 4: xtext must write these two so; some reports forget to undo it.
_XTEXT: Final = re.compile(r"\+(2B|3D)")

_STATUS_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_ORIGINAL_TYPES: Final = frozenset(
    [
        "message/rfc822",
        "message/global",
        "message/rfc822-headers",
        "message/global-headers",
        "text/rfc822-headers",
        "text/rfc822",
    ]
)


@frozen
class RecipientReport:
    """What a report says about one recipient.

    Attributes:
        recipient: the address that we sent to (Original-Recipient), or what it became if only that is named.
        action: what happened, as RFC 3464 section 2.3.3 has it.
        status: the enhanced status code, RFC 3463; `5.0.0` and the like where the report has none.
        diagnostic: the other server's words, without their type, or "".
        final_recipient: the address at the end of the way, or "" where it is not named.
    """

    recipient: str
    action: Action
    status: str
    diagnostic: str
    final_recipient: str = ""


@frozen
class DeliveryReport:
    """What became of one mail for some of its recipients. Which mail that is, the return path says."""

    recipients: tuple[RecipientReport, ...]


@frozen
class ComplaintReport:
    """Somebody, or somebody's provider, says something about a mail of ours.

    Attributes:
        feedback_type: `abuse`, `fraud`, `not-spam`, `opt-out` and others (RFC 5965 section 7.3); "other" if
            the report does not say.
        recipients: who complained, where the report tells.
    """

    feedback_type: str
    recipients: tuple[str, ...]


def read_report(content: bytes) -> DeliveryReport | ComplaintReport | None:
    """Read a mail as a report; None when it is none, or names nobody. Never raises."""
    raw = content[:MAX_OCTETS]
    defects = Defects()
    root = read_parts(raw, defects)
    parts = list(leaves(root))
    for part in parts:
        if part.content_type == "message/feedback-report":
            return _complaint(raw, part, parts)
        if part.content_type in _STATUS_TYPES:
            recipients = _recipients(_fields(raw, part))
            if recipients:
                return DeliveryReport(recipients)
    found = read_prose(raw, root)
    return DeliveryReport(tuple(_from_prose(finding) for finding in found[:MAX_RECIPIENTS])) if found else None


def _fields(raw: bytes, part: Part) -> Iterator[HeaderSection]:
    """The groups of fields in a status part (RFC 3464 section 2.1)."""
    data = content_bytes(raw, part, Defects(), MAX_FIELDS_OCTETS)[:MAX_FIELDS_OCTETS].replace(b"\r\n", b"\n")
    start = len(data) - len(data.lstrip())
    for number, end in enumerate(_GROUP_END.finditer(data, start)):
        if number > MAX_RECIPIENTS:
            return
        yield read_header_section(data, start, end.start() + 1, Defects())
        start = end.end()
    yield read_header_section(data, start, len(data), Defects())


def _recipients(groups: Iterable[HeaderSection]) -> tuple[RecipientReport, ...]:
    reports: dict[tuple[str, str], RecipientReport] = {}
    for group in groups:
        report = _recipient(group)
        if report is not None:
            reports.setdefault((report.recipient, report.final_recipient), report)
        if len(reports) >= MAX_RECIPIENTS:
            break
    return tuple(reports.values())


def _recipient(group: HeaderSection) -> RecipientReport | None:
    original = _address(_text(group, "original-recipient"))
    final = _address(_text(group, "final-recipient"))
    recipient = original or final
    if not recipient:
        return None
    diagnostic = _untyped(_text(group, "diagnostic-code"))
    status = _status(_text(group, "status"), diagnostic)
    named = group.token("action")
    if named in _ACTIONS:
        action = cast(Action, named)
    elif status:
        action = _BY_CLASS[status[0]]
    else:
        return None
    return RecipientReport(
        recipient=recipient,
        action=action,
        status=status or _CLASS_OF.get(action, "2.0.0"),
        diagnostic=diagnostic[:MAX_DIAGNOSTIC],
        final_recipient=final,
    )


def _text(group: HeaderSection, name: str) -> str:
    return group.text(name, Defects())


def _untyped(value: str) -> str:
    typed = _TYPED.match(value)
    return typed[2] if typed else value


def _address(value: str) -> str:
    """An address of the types `rfc822` and `utf-8`, or of none, in the form we store; "" for another."""
    typed = _TYPED.match(value)
    kind, text = (typed[1].lower(), typed[2]) if typed else ("rfc822", value)
    if kind not in ("rfc822", "utf-8", "smtp"):
        return ""
    text = text.strip()
    if "<" in text:
        text = text.partition("<")[2].partition(">")[0]
    text = _XTEXT.sub(_xtext_character, _UNITEXT.sub(_unitext_character, text[:600]))
    mailbox = read_mailbox(text)
    return str(mailbox) if mailbox else ""


def _unitext_character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number < 0x110000 else "\ufffd"  # which no address has, nor a surrogate


def _xtext_character(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _status(named: str, diagnostic: str) -> str:
    """The code that says most: a general one gives way to what the other server said."""
    codes = [found[1] for text in (named, diagnostic[:MAX_DIAGNOSTIC]) if (found := _STATUS.search(text))]
    if not codes:
        reply = _REPLY.match(diagnostic)
        return f"{reply[1]}.0.0" if reply else ""
    first, last = codes[0], codes[-1]
    return last if first.endswith(".0.0") and first[0] == last[0] else first


def _from_prose(finding: Finding) -> RecipientReport:
    status = _status("", finding.diagnostic)
    action: Action = "delayed" if finding.delayed else "failed"
    if not finding.delayed and status.startswith("2"):
        status = ""
    return RecipientReport(
        recipient=finding.address,
        action=action,
        status=status or _CLASS_OF[action],
        diagnostic=finding.diagnostic[:MAX_DIAGNOSTIC],
    )


def _complaint(raw: bytes, part: Part, parts: list[Part]) -> ComplaintReport:
    group = next(_fields(raw, part))
    recipients = dict.fromkeys(
        address
        for name in ("original-rcpt-to", "removal-recipient")
        for value in group.all(name)[:MAX_RECIPIENTS]
        if (address := _address(value[:998].decode("utf-8", "replace")))
    )
    if not recipients and (original := _original(raw, parts)) is not None:
        recipients = dict.fromkeys(_only_recipient(original))
    return ComplaintReport(
        feedback_type=group.token("feedback-type")[:64] or "other",
        recipients=tuple(recipients)[:MAX_RECIPIENTS],
    )


def _only_recipient(original: HeaderSection) -> list[str]:
    """The one recipient in the header of the mail; nobody where there are several, as only one complained."""
    found, exact = read_addresses(original.all("to") + original.all("cc"), Defects())
    return [str(found[0].mailbox)] if exact and len(found) == 1 else []


def _original(raw: bytes, parts: list[Part]) -> HeaderSection | None:
    """The header section of the mail that the report is about."""
    for part in parts:
        if part.content_type in _ORIGINAL_TYPES:
            data = content_bytes(raw, part, Defects(), MAX_FIELDS_OCTETS).lstrip()
            return read_header_section(data, 0, len(data), Defects())
    return None
