"""Markup taken apart: each shape of a piece, and nothing twice, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.markup import pieces, unescape


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("", []),
        ("a < b", [("text", "", "a "), ("text", "", "<"), ("text", "", " b")]),
        ("<P Class='a>b'>x</p >", [("open", "p", " Class='a>b'"), ("text", "", "x"), ("close", "p", "")]),
        ("<!doctype html><?x?></ >a", [("text", "", "a")]),
        ("<!--a--b-->c<!--d", [("comment", "", "a--b"), ("text", "", "c"), ("comment", "", "d")]),
        ("<style>a<b></style >c", [("raw", "style", "a<b>"), ("text", "", "c")]),
        ("<Title>a<b>", [("raw", "title", "a<b>")]),
        # A quote without an end takes no tags with it.
        ('<a href="x>y<b>z', [("open", "a", ' href="x'), ("text", "", "y"), ("open", "b", ""), ("text", "", "z")]),
    ],
)
def test_the_shapes_of_a_piece(markup: str, found: list[tuple[str, str, str]]) -> None:
    assert [(kind, name, inside) for kind, _, _, name, inside in pieces(markup)] == found


SHREDS = (
    "<",
    ">",
    "/",
    "!",
    "--",
    "a",
    " ",
    "b",
    "'",
    '"',
    "<!--",
    "-->",
    "<style>",
    "</style>",
    "<p>",
    "</p>",
    "&#1;",
)


@given(st.lists(st.sampled_from(SHREDS)).map("".join))
def test_pieces_stand_behind_each_other_and_say_what_is_there(markup: str) -> None:
    last = 0
    for kind, start, end, _, inside in pieces(markup):
        assert last <= start < end <= len(markup)
        assert inside in markup[start:end]
        assert kind != "text" or inside == markup[start:end]
        last = end


@pytest.mark.parametrize(
    ("text", "meant"), [("a &amp; b", "a & b"), ("&#65;", "A"), ("&#" + "9" * 5000 + ";", "\ufffd"), ("&#1;x", "x")]
)
def test_references(text: str, meant: str) -> None:
    assert unescape(text) == meant
