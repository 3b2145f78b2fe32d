"""If-Match as it is written, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.errors import InvalidRequest
from e2ad.core.etags import ANY, Condition, etag, parse_if_match

ONE, TWO = bytes(range(16)), b"\xff" * 16


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("*", ANY),
        (" * ", ANY),
        (etag(ONE), Condition((ONE,))),
        ("W/" + etag(ONE), Condition((ONE,))),
        (f" {etag(ONE)} ,\tW/{etag(TWO)}", Condition((ONE, TWO))),
        (f'"stale", {etag(TWO)}', Condition((TWO,))),
        ('"stale"', Condition(())),
        (ONE.hex(), Condition(())),
        (etag(ONE).upper(), Condition(())),
        ("w/" + etag(ONE), Condition(())),
        (f"*, {etag(ONE)}", Condition((ONE,))),
        ('""', Condition(())),
    ],
)
def test_what_it_asks_for(header: str | None, expected: Condition | None) -> None:
    assert parse_if_match(header) == expected


@pytest.mark.parametrize("header", ["", " ", "\t"])
def test_an_empty_one_is_a_mistake(header: str) -> None:
    with pytest.raises(InvalidRequest, match="leave the header out"):
        parse_if_match(header)


def test_there_is_an_end_to_it() -> None:
    assert parse_if_match(", ".join([etag(ONE)] * 20)) == Condition((ONE,) * 20)
    with pytest.raises(InvalidRequest):
        parse_if_match(", ".join([etag(ONE)] * 21))


def test_a_tag_is_strong_and_opaque() -> None:
    assert etag(ONE) == '"000102030405060708090a0b0c0d0e0f"'


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_a_version_is_matched_by_itself_alone(one: bytes, other: bytes) -> None:
    condition = parse_if_match(etag(one))
    assert condition is not None
    assert condition.holds(one)
    assert condition.holds(other) == (one == other)
    assert ANY.holds(other)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        parse_if_match(text)
    except InvalidRequest:
        assert not text.strip() or text.count(",") >= 20
