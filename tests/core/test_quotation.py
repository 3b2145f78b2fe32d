"""What an answer and a forward take over."""

from datetime import UTC, datetime

import pytest

from e2ad.core.quotation import Original, ancestors, forwarded, forwarded_subject, quoted, reply_subject

AT = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
ORIGINAL = Original(
    author="Ada <ada@example.org>",
    sent_at=AT,
    subject="Tea & <cake>",
    to=["bot@a.test"],
    cc=["c@d.test"],
    text="One\n> Two\n",
)


@pytest.mark.parametrize(
    ("subject", "reply", "forward"),
    [
        ("Tea", "Re: Tea", "Fwd: Tea"),
        ("re: Tea", "re: Tea", "Fwd: re: Tea"),
        ("RE:Tea", "RE:Tea", "Fwd: RE:Tea"),
        ("Fwd: Tea", "Re: Fwd: Tea", "Fwd: Tea"),
        ("FW: Tea", "Re: FW: Tea", "FW: Tea"),
        ("Really", "Re: Really", "Fwd: Really"),
        ("", "Re:", "Fwd: (no subject)"),
        ("x" * 2000, ("Re: " + "x" * 2000)[:2000], ("Fwd: " + "x" * 2000)[:2000]),
    ],
)
def test_subjects(subject: str, reply: str, forward: str) -> None:
    assert reply_subject(subject) == reply
    assert forwarded_subject(subject) == forward


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"References: <a@x> <b@x>\r\n", ("<a@x>", "<b@x>", "<m@X>")),
        (b"In-Reply-To: <b@x>\r\n", ("<b@x>", "<m@X>")),
        (b"References: <a@x>\r\nIn-Reply-To: <b@x>\r\n", ("<a@x>", "<m@X>")),
        (b"References: <a@x> garbage <b x> <>\r\n", ("<a@x>", "<m@X>")),
        (b"References: <m@X> <a@x>\r\n", ("<a@x>", "<m@X>")),
        (b"", ("<m@X>",)),
    ],
)
def test_ancestors(header: bytes, expected: tuple[str, ...]) -> None:
    assert ancestors(header + b"Subject: x\r\n\r\nReferences: <body@x>\r\n", "<m@X>") == expected


def test_an_answer_quotes_line_by_line() -> None:
    text, html = quoted(ORIGINAL, "Thanks.\n", "<p>Thanks</p>")
    assert text == ("Thanks.\n\nOn Wed, 01 Jul 2026 12:00:00 +0000, Ada <ada@example.org> wrote:\n> One\n>> Two\n")
    assert html is not None
    assert html.startswith("<p>Thanks</p>")
    assert "Ada &lt;ada@example.org&gt; wrote:" in html
    assert "&gt; Two" in html
    assert quoted(ORIGINAL, "Thanks.", None)[1] is None


def test_a_forward_has_a_block_of_header_fields() -> None:
    text, html = forwarded(ORIGINAL, "See below", None)
    assert html is None
    assert text.startswith("See below\n\n---------- Forwarded message ----------\nFrom: Ada <ada@example.org>\n")
    assert (
        "\nDate: Wed, 01 Jul 2026 12:00:00 +0000\nSubject: Tea & <cake>\nTo: bot@a.test\nCc: c@d.test\n\nOne\n" in text
    )
    assert forwarded(ORIGINAL, "", None)[0].startswith("----------")


def test_a_forward_of_html_stays_html() -> None:
    original = Original(author="<script>", sent_at=AT, subject="<b>", text="x", html="<i>theirs</i>")
    _, html = forwarded(original, "my <note>", None)
    assert html is not None
    assert "my &lt;note&gt;" in html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "<b>Subject:</b> &lt;b&gt;" in html
    assert "<i>theirs</i>" in html
