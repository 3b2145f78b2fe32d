"""Bounces written for people: qmail, Exim, old Exchange and whoever else wrote before, or beside, RFC 3464.

A mail is only taken for one when its header says so; then addresses are believed where the layout or a
code of the server stands with them. What cannot be told is left out: a wrong bounce ends somebody's mail.
"""

import re
from typing import Final

from attrs import frozen

from e2ad.core.charset import clean, decode
from e2ad.core.defects import Defects
from e2ad.core.html_text import html_to_text
from e2ad.core.mime_address import read_addresses, read_mailbox
from e2ad.core.mime_parts import Part, content_bytes, leaves

__all__ = ["Finding", "read_prose"]

MAX_PROSE: Final = 64 * 1024
MAX_LINES: Final = 2000
MAX_LINE: Final = 500
MAX_FINDINGS: Final = 1000
LINES_AFTER: Final = 6
"""How far behind an address the code about it may stand."""

_DAEMON: Final = re.compile(r"(mailer-?daemon|postmaster|mail-?delivery.*|microsoftexchange[0-9a-f]*)\Z", re.IGNORECASE)
_SUBJECT: Final = re.compile(
    r"undeliver|fail|return(?:ed|ing) (?:mail|to sender)|delivery (?:status|problem|notif)|delay|not delivered"
    r"|warning: could not send",
    re.IGNORECASE,
)
_DELAYED: Final = re.compile(
    r"\bdelayed\b|will (?:be retried|continue|keep trying|try again)|still (?:trying|being retried)"
    r"|not yet been delivered|you do not need to resend|this is a warning message only",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"(?<![^\s<(\"':;,=])[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}+@[A-Za-z0-9.\-]{1,253}+")
_CODE: Final = re.compile(r"(?<![\d.])(?:[45]\.\d{1,3}\.\d{1,3}|[45]\d\d)(?![\d]|\.\d)")
_QMAIL: Final = re.compile(r"<([^<>\s]{3,320})>:\s*\Z")
# From here on it is the mail that came back, not what is said about it.
_COPY: Final = re.compile(
    r"-{2,10} ?(?:below this line is a copy|this is a copy of|original message|the body of the message"
    r"|unsent message below|message header follows|headers? follow|returned message|the header of the original)",
    re.IGNORECASE,
)


@frozen
class Finding:
    """A recipient that the prose names, and the words that stand with it."""

    address: str
    diagnostic: str
    delayed: bool


def read_prose(raw: bytes, root: Part) -> tuple[Finding, ...]:
    """The recipients of a bounce without a standard; empty when it is none, or tells nothing usable."""
    defects = Defects()
    failed = _mailboxes(root, "x-failed-recipients", defects)
    subject = root.header.text("subject", defects)
    if not failed and not (_from_daemon(root, defects) and _SUBJECT.search(subject)):
        return ()
    lines = _lines(raw, root)
    delayed = bool(_DELAYED.search(subject) or any(_DELAYED.search(line) for line in lines[:40]))
    ours = {*_mailboxes(root, "to", defects), *_mailboxes(root, "from", defects)} - set(failed)
    stated = _stated(lines, ours)
    if failed:
        return tuple(Finding(address, stated.get(address, ""), delayed) for address in failed)
    return tuple(Finding(address, diagnostic, delayed) for address, diagnostic in stated.items())


def _from_daemon(root: Part, defects: Defects) -> bool:
    """A null return path is not enough: vacation replies have it too, and numbers beside addresses."""
    found, _ = read_addresses(root.header.all("from")[:1], defects)
    return any(_DAEMON.match(entry.mailbox.local_part) for entry in found[:1])


def _mailboxes(root: Part, name: str, defects: Defects) -> list[str]:
    found, _ = read_addresses(root.header.all(name), defects)
    return list(dict.fromkeys(str(entry.mailbox) for entry in found))[:MAX_FINDINGS]


def _lines(raw: bytes, root: Part) -> list[str]:
    """The words of the first text, up to the copy of the mail."""
    for part in leaves(root):
        if part.content_type in ("text/plain", "text/html"):
            text = clean(decode(content_bytes(raw, part, Defects(), MAX_PROSE), part.charset, Defects()))
            if part.content_type == "text/html":
                text = html_to_text(text).text
            lines = [line.strip()[:MAX_LINE] for line in text.split("\n", MAX_LINES)[:MAX_LINES]]
            ends = (number for number, line in enumerate(lines) if _COPY.match(line))
            return lines[: next(ends, len(lines))]
    return []


def _stated(lines: list[str], ours: set[str]) -> dict[str, str]:
    """Address to the words about it, for each address with which a code, or qmail's layout, stands."""
    stated: dict[str, str] = {}
    for number, line in enumerate(lines):
        if "@" not in line or len(stated) >= MAX_FINDINGS:
            continue
        qmail = _QMAIL.match(line)
        about = _about(lines, number)
        if not qmail and not _CODE.search(about):
            continue
        for text in [qmail[1]] if qmail else _ADDRESS.findall(line):
            mailbox = read_mailbox(text.rstrip("."))
            if mailbox and str(mailbox) not in ours:
                words = about.partition(">:")[2].strip() if qmail else about
                stated.setdefault(str(mailbox), words)
                break  # others in the line are names of servers' replies, not recipients
    return stated


def _about(lines: list[str], number: int) -> str:
    """The line of an address and those behind it, to the next address or, once there are words, the next gap."""
    about = [lines[number]]
    for line in lines[number + 1 : number + 1 + LINES_AFTER]:
        if _QMAIL.match(line) or (not line and len(about) > 1):
            break
        if line:
            about.append(line)
    return " ".join(about)
