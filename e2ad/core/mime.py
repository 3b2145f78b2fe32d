"""Raw bytes to what a reader needs. Total: hostile mail degrades and says how, it never raises.

Bounded on any input: the header section, the number and depth of parts, the text kept and the
number of addresses all have limits, and every step between them is linear.
"""

from datetime import UTC, datetime
from email.utils import parsedate_tz
from typing import Final

from attrs import frozen

from e2ad.core import automation, quoting
from e2ad.core.address import Mailbox
from e2ad.core.charset import clean_line, decode_raw_header
from e2ad.core.defects import Defects
from e2ad.core.html_text import HtmlText, html_to_text
from e2ad.core.message import AttachmentMeta, Automation, ParsedMessage
from e2ad.core.mime_address import NamedMailbox, read_addresses
from e2ad.core.mime_body import read_body
from e2ad.core.mime_header import HeaderSection, read_header_section
from e2ad.core.mime_parts import Part, content_bytes, leaves, read_parts
from e2ad.core.seen_markup import seen_markup
from e2ad.core.threads import candidates, message_id_key, message_id_keys, strict_message_id_keys

__all__ = ["SeenBody", "attachment", "author_of", "header_values", "parse", "seen_body"]

MAX_IDS: Final = 64 * 1024
"""Octets of In-Reply-To or References that are read, from the end."""


@frozen
class SeenBody:
    """The words that are seen; `hidden` characters of HTML are not."""

    text: str
    new_text: str
    hidden: int


def parse(raw: bytes, *, null_reverse_path: bool = False) -> ParsedMessage:
    """Read a whole mail.

    Args:
        raw: the mail as it came, any bytes at all.
        null_reverse_path: whether the envelope had one, if there is an envelope; tells a bounce.

    Returns:
        Clean text only (no NUL, no lone surrogate), and in `defects` the words of
        `core.defects.DEFECTS` for whatever had to be mended.
    """
    defects = Defects()
    if not raw:
        defects.add("empty")
    header = read_header_section(raw, 0, len(raw), defects)
    author, first, name = _author(header, defects)
    root = read_parts(raw, defects, header)
    subject = header.text("subject", defects)
    body = read_body(raw, root, defects, forwarded=quoting.is_forward(subject))
    message_id = _message_id(header)
    return ParsedMessage(
        subject=subject,
        author=author,
        header_from=str(first.mailbox) if first else None,
        sender_name=name,
        to=_bare(header, "to", defects),
        cc=_bare(header, "cc", defects),
        reply_to=_bare(header, "reply-to", defects),
        sent_at=_date(header.first("date")),
        message_id=message_id,
        message_id_key=message_id_key(message_id) if message_id else None,
        in_reply_to=_ids(header, "in-reply-to"),
        references=_ids(header, "references"),
        thread_keys=candidates(_only_ids(header, "in-reply-to"), _only_ids(header, "references")),
        text=body.text,
        new_text=body.new_text,
        html=body.html,
        truncated=body.truncated,
        attachments=tuple(
            _meta(index, part, len(content_bytes(raw, part, defects))) for index, part in enumerate(_attached(root))
        ),
        automation=_automation(header, root, null_reverse_path=null_reverse_path),
        received_count=len(header.all("received")),
        conversation_id=header.text("x-e2a-conversation-id", defects)[:255] or None,
        defects=defects.frozen(),
    )


def seen_body(raw: bytes) -> SeenBody:
    """The words of a mail as a person sees them: where HTML stands for the text, without what it hides. Total.

    Everything else is as `parse` gives it.
    """
    defects = Defects()
    header = read_header_section(raw, 0, len(raw), defects)
    hidden = 0

    def convert(markup: str) -> HtmlText:
        nonlocal hidden
        shown, left_out = seen_markup(markup)
        hidden += left_out
        return html_to_text(shown)

    forwarded = quoting.is_forward(header.text("subject", defects))
    body = read_body(raw, read_parts(raw, defects, header), defects, forwarded=forwarded, convert=convert)
    return SeenBody(body.text, body.new_text, hidden)


def attachment(raw: bytes, index: int) -> tuple[AttachmentMeta, bytes] | None:
    """Cut one attachment out of the raw mail, or None when there is none of this index.

    The index is the one that `parse` gave: both walk the same tree.
    """
    defects = Defects()
    for number, part in enumerate(_attached(read_parts(raw, defects))):
        if number == index:
            content = content_bytes(raw, part, defects)
            return _meta(index, part, len(content)), content
    return None


def author_of(raw: bytes) -> Mailbox | None:
    """The author, from the header section alone: exactly one From field with exactly one mailbox.

    Cheap, for the authenticator, and the same answer that `parse` gives.
    """
    defects = Defects()
    return _author(read_header_section(raw, 0, len(raw), defects), defects)[0]


def header_values(raw: bytes, name: str) -> list[str]:
    """Each value of one field, unfolded, one clean line each, encoded words left as they are."""
    section = read_header_section(raw, 0, len(raw), Defects())
    return [clean_line(decode_raw_header(value)) for value in section.all(name.lower())]


def _author(header: HeaderSection, defects: Defects) -> tuple[Mailbox | None, NamedMailbox | None, str]:
    """The author if there is exactly one, what to show as the sender, and the sender's display name."""
    values = header.all("from")
    found, exact = read_addresses(values, defects, names=True)
    first = found[0] if found else None
    name = first.name if first else ""
    count = len(values) + header.hidden_from
    if count != 1:
        defects.add("duplicate-from" if count else "no-from")
        return None, first, name
    if len(found) != 1 or not exact or "header-section-too-big" in defects:
        defects.add("from-not-one-mailbox")
        return None, first, name
    return found[0].mailbox, first, name


def _bare(header: HeaderSection, name: str, defects: Defects) -> tuple[str, ...]:
    found, _ = read_addresses(header.all(name), defects)
    return tuple(str(entry.mailbox) for entry in found)


def _date(value: bytes | None) -> datetime | None:
    """RFC 5322 section 3.3; None for what is no date."""
    if value is None:
        return None
    try:
        parts = parsedate_tz(value[:128].decode("latin-1"))
        if parts is None:
            return None
        offset = parts[9] or 0
        naive = datetime(*parts[:6], tzinfo=UTC)
        return datetime.fromtimestamp(naive.timestamp() - offset, UTC)
    except (ValueError, OverflowError, TypeError, IndexError, OSError):
        return None


def _message_id(header: HeaderSection) -> str | None:
    value = clean_line(decode_raw_header((header.first("message-id") or b"")[:2048]))
    opened, closed = value.find("<"), value.find(">")
    if 0 <= opened < closed:
        value = value[opened : closed + 1]
    elif "@" in value:  # some senders forget the brackets
        value = f"<{value}>"
    return value if 2 < len(value) <= 998 and value[0] == "<" and " " not in value else None


def _ids(header: HeaderSection, name: str) -> tuple[str, ...]:
    value = b" ".join(header.all(name))[-MAX_IDS:]
    return message_id_keys(clean_line(decode_raw_header(value)))


def _only_ids(header: HeaderSection, name: str) -> tuple[str, ...]:
    """Of a field that stands there once (RFC 5322 section 3.6), can be read whole, and holds nothing else."""
    values = header.all(name)
    if len(values) != 1 or len(values[0]) > MAX_IDS:
        return ()
    return strict_message_id_keys(clean_line(decode_raw_header(values[0])))


def _automation(header: HeaderSection, root: Part, *, null_reverse_path: bool) -> Automation | None:
    def field(name: str) -> str | None:
        value = header.first(name)
        return None if value is None else value[:998].decode("latin-1")

    return automation.classify(
        field,
        content_type=root.content_type,
        report_type=root.params.get("report-type", ""),
        null_reverse_path=null_reverse_path,
    )


def _attached(root: Part) -> list[Part]:
    return [part for part in leaves(root) if part.is_attachment]


def _meta(index: int, part: Part, size_bytes: int) -> AttachmentMeta:
    return AttachmentMeta(
        index=index,
        size_bytes=size_bytes,
        filename=part.filename,
        content_type=part.declared_type or part.content_type,
        content_id=part.content_id,
    )
