"""Whole mails: each common client's shape and the hostile ones, beside the table of what they must give."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from e2ad.core.defects import DEFECTS
from e2ad.core.message import ParsedMessage
from e2ad.core.mime import attachment, author_of, parse

CORPUS = Path(__file__).parent / "corpus"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((CORPUS / "expected.toml").read_text(encoding="utf-8"))


def as_table(parsed: ParsedMessage) -> dict[str, Any]:
    """A result in the table's words, with defaults left out."""
    author = str(parsed.author) if parsed.author else None
    row = {
        "author": author,
        "header_from": parsed.header_from if parsed.header_from != author else None,
        "sender_name": parsed.sender_name,
        "subject": parsed.subject,
        "to": list(parsed.to),
        "cc": list(parsed.cc),
        "reply_to": list(parsed.reply_to),
        "message_id": parsed.message_id,
        "in_reply_to": list(parsed.in_reply_to),
        "references": list(parsed.references),
        "sent_at": parsed.sent_at.isoformat() if parsed.sent_at else None,
        "text": parsed.text,
        "attachments": [
            f"{meta.index} {meta.content_type} {meta.size_bytes} {meta.filename or '-'} {meta.content_id or '-'}"
            for meta in parsed.attachments
        ],
        "automation": parsed.automation and str(parsed.automation),
        "defects": list(parsed.defects),
    }
    row = {name: value for name, value in row.items() if value not in (None, "", [])}
    if parsed.new_text != parsed.text:
        row["new_text"] = parsed.new_text
    return row


def test_every_mail_has_a_row_and_every_row_a_mail() -> None:
    assert {path.stem for path in CORPUS.glob("*.eml")} == set(EXPECTED)
    assert len(EXPECTED) >= 40


@pytest.mark.parametrize("name", EXPECTED)
def test_mail_reads_as_expected(name: str) -> None:
    assert as_table(parse((CORPUS / f"{name}.eml").read_bytes())) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_author_and_attachments_agree_with_the_whole(name: str) -> None:
    raw = (CORPUS / f"{name}.eml").read_bytes()
    parsed = parse(raw)
    assert author_of(raw) == parsed.author
    for meta in parsed.attachments:
        cut = attachment(raw, meta.index)
        assert cut is not None
        assert cut[0] == meta
        assert len(cut[1]) == meta.size_bytes
    assert attachment(raw, len(parsed.attachments)) is None
    assert attachment(raw, -1) is None


@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in ("hostile_folded_subject",)])
def test_line_ends_make_no_difference_to_what_is_read(name: str) -> None:
    raw = (CORPUS / f"{name}.eml").read_bytes()
    bare = parse(raw.replace(b"\r\n", b"\n"))
    full = parse(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert (bare.text, bare.new_text, bare.subject, bare.author) == (
        full.text,
        full.new_text,
        full.subject,
        full.author,
    )
    assert [meta.filename for meta in bare.attachments] == [meta.filename for meta in full.attachments]


def test_the_corpus_meets_most_defects() -> None:
    met = {word for row in EXPECTED.values() for word in row.get("defects", ())}
    assert met <= set(DEFECTS)
    assert set(DEFECTS) - met == {"header-section-too-big", "too-many-addresses", "too-many-parts"}


def test_sent_at_is_aware() -> None:
    sent_at = parse((CORPUS / "gmail_reply.eml").read_bytes()).sent_at
    assert sent_at == datetime.fromisoformat("2024-06-03T08:05:00+00:00")
