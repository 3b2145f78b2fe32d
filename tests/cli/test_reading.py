"""How messages look on a terminal."""

import io
from typing import Any

import pytest
from rich.console import Console

from e2ad.cli.printing import plain
from e2ad.cli.reading import line_of, show_message

MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "header_from": "Ada <ada@b.test>",
    "subject": "Hello [bold]you",
    "to": ["bot@agents.test"],
    "cc": [],
    "created_at": "2026-07-01T12:00:00Z",
    "verified_domain": None,
    "read_status": "unread",
    "authentication": {
        "spf": {"status": "pass", "domain": "lists.test", "aligned": False},
        "dkim": [],
        "dmarc": {"status": "fail", "domain": "b.test", "policy": "reject", "aligned_by": []},
    },
    "attachments": [{"index": 0, "filename": "a\x1b[2J.pdf", "size_bytes": 7}],
    "parsed": {"text": "one\ntwo\tthree \x1b[31m"},
}


@pytest.mark.parametrize(
    ("text", "lines", "shown"),
    [
        ("a\x1b[2Jb", False, "a�[2Jb"),
        ("a\r\nb\nc", False, "a b c"),
        ("a\r\nb\tc", True, "a\nb\tc"),
        ("a\rb\x9bc\x7f", True, "a�b�c�"),
        ("Grüße 🙂", False, "Grüße 🙂"),
    ],
)
def test_no_control_reaches_the_terminal(text: str, lines: bool, shown: str) -> None:
    assert plain(text, lines=lines) == shown


@pytest.mark.parametrize(
    ("domain", "headers", "words"),
    [
        ("b.test", None, "[verified: b.test]"),
        (None, {"X-E2A-Auth-Verified": "true"}, "[verified by alignment]"),
        (None, {"X-E2A-Auth-Verified": "false"}, "[not verified]"),
        (None, None, "[not verified]"),
    ],
)
def test_trust_is_said(domain: str | None, headers: dict[str, str] | None, words: str) -> None:
    line = line_of({**MESSAGE, "verified_domain": domain, "auth_headers": headers}).plain
    assert line == f"● Ada <ada@b.test>  Hello [bold]you  {words}\n  2026-07-01 12:00  msg_1"


def test_a_message_that_says_nothing_of_itself() -> None:
    assert "(no sender)  (no subject)" in line_of({"id": "msg_2", "header_from": None, "subject": ""}).plain


def test_a_whole_message() -> None:
    out = io.StringIO()
    show_message(Console(file=out, width=100, markup=False, highlight=False), MESSAGE)
    text = out.getvalue()
    for part in (
        "Hello [bold]you",
        "Ada <ada@b.test>",
        "spf pass for lists.test (not the author's domain)",
        "dkim none",
        "dmarc fail for b.test, policy reject",
        "one\n",
        "[attachment 0: ",
    ):
        assert part in text
    assert "\x1b" not in text


def test_a_message_of_ones_own_says_how_far_it_is() -> None:
    out = io.StringIO()
    sent = {**MESSAGE, "direction": "outbound", "authentication": None, "delivery_status": "bounced"}
    show_message(Console(file=out, width=100, markup=False, highlight=False), sent)
    assert "State:    bounced" in out.getvalue()
    assert "verified" not in out.getvalue()


@pytest.mark.parametrize("character", "\u202e\u2066\u200f\u061c\u200b\u2028\ufeff\u00ad")
def test_nothing_turns_or_hides_what_is_read(character: str) -> None:
    assert plain(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"
