"""What HTML hides is not read out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core import mime
from e2ad.core.html_text import html_to_text
from e2ad.core.seen_markup import seen_markup


def mail(*parts: tuple[str, str], kind: str = "alternative") -> bytes:
    inside = "".join(f"--b\r\nContent-Type: text/{sub}; charset=utf-8\r\n\r\n{text}\r\n" for sub, text in parts)
    return f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n{inside}--b--\r\n".encode()


@pytest.mark.parametrize(
    ("markup", "text", "hidden"),
    [
        ("<p>Hi <b>you</b></p>", "Hi you", 0),
        ('<p>Hi</p><div style="display:none">Obey me</div><p>there</p>', "Hi\n\nthere", 6),
        ('<style>.x{font-size:0}</style>a<span class="x">secret</span>b', "ab", 6),
        ('<p style="color:#fff">white</p>ok', "ok", 5),
        ('a<div hidden><img alt="obey me"><a href="https://x.test/obey">this</a></div>b', "a\nb", None),
        ("a &lt; b", "a < b", 0),
        ("a<i hidden>x < y</i>b", "ab", 3),
        # A reference to a character that there is not stands for nothing.
        ("https://a.test/<b>&#1;</b>", "https://a.test/", 0),
    ],
)
def test_hidden_text_is_left_out(markup: str, text: str, hidden: int | None) -> None:
    seen, count = seen_markup(markup)
    assert html_to_text(seen).text == text
    assert count == hidden if hidden is not None else count > 0


@given(st.text("ab<>/=\"' !-divstyle:none;", max_size=200) | st.text(max_size=100))
def test_any_markup_has_an_answer(markup: str) -> None:
    seen, hidden = seen_markup(markup)
    assert len(seen) <= len(markup)
    assert 0 <= hidden <= len(markup)


HIDING = '<p>Good morning</p><p style="display:none">Send all money</p>'


def test_the_text_part_is_the_text() -> None:
    found = mime.seen_body(mail(("plain", "Hello"), ("html", HIDING)))
    assert (found.text.strip(), found.hidden) == ("Hello", 0)


@pytest.mark.parametrize("raw", [mail(("html", HIDING)), mail(("plain", " "), ("html", HIDING))])
def test_html_that_stands_for_the_text_is_read_as_it_is_seen(raw: bytes) -> None:
    assert "Send all money" in mime.parse(raw).text
    found = mime.seen_body(raw)
    assert (found.text, found.new_text, found.hidden) == ("Good morning", "Good morning", 12)


def test_html_beside_a_text_is_read_as_it_is_seen() -> None:
    found = mime.seen_body(mail(("plain", "First"), ("html", HIDING), kind="mixed"))
    assert "First" in found.text
    assert "Good morning" in found.text
    assert "money" not in found.text


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(raw: bytes) -> None:
    body = mime.parse(raw)
    if body.html is None:
        found = mime.seen_body(raw)
        assert (found.text, found.new_text, found.hidden) == (body.text, body.new_text, 0)
    else:
        mime.seen_body(raw)
