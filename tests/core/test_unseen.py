"""What nobody sees goes, what scripts and emoji need stays."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.unseen import KINDS, remove_unseen

ANY = st.text(st.characters(exclude_categories=()), max_size=300)
HOSTILE = st.text(
    "ab\u200b\u200c\u200d\ufe0f\ufe0e\ufe00\u202e\u2066\U000e0041\U000e0100🎉👨👩نم\u00ad\r\n\t\x00\ue000\ud800#",
    max_size=60,
)
SEEN = frozenset(map(chr, [*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD]))


@pytest.mark.parametrize(
    ("text", "seen", "counts"),
    [
        ("plain\ttext\r\nwith\rbreaks\u2028here", "plain\ttext\nwith\nbreaks\nhere", {}),
        ("a\x00b\x1b[31mc\x9b", "ab[31mc", {"control": 3}),
        ("pass\u200bword\ufeff \u00adx", "password x", {"zero_width": 3}),
        ("\u202eevil\u202c\u2066x\u2069", "evilx", {"bidi": 4}),
        ("hi\U000e0069\U000e0067\U000e007f", "hi", {"tag": 3}),
        ("a\ufe00b\U000e0101\U000e0102c", "abc", {"variation": 3}),
        ("x\ue000\U00100000", "x", {"private_use": 2}),
        ("x\ud800\uffff", "x", {"invalid": 2}),
        ("👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3", "👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3", {}),
        ("❤\ufe0f\ufe0f\ufe0f x\ufe0f", "❤\ufe0f x", {"variation": 3}),
        ("می\u200cخواهم क्\u200dष", "می\u200cخواهم क्\u200dष", {}),
        ("a\u200db \u200c\u200c نم\u200c\u200cنم", "ab  نمنم", {"zero_width": 5}),
        ("", "", {}),
    ],
)
def test_what_is_seen(text: str, seen: str, counts: dict[str, int]) -> None:
    assert remove_unseen(text) == (seen, counts)


@given(ANY | HOSTILE)
def test_nothing_unseen_is_left(text: str) -> None:
    seen, counts = remove_unseen(text)
    assert set(counts) <= set(KINDS)
    for character in seen:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co"):
            assert character in "\n\t\u200c\u200d" or character in SEEN
    assert len(text.replace("\r\n", "\n")) == len(seen) + sum(counts.values())


@given(ANY | HOSTILE)
def test_a_second_time_changes_nothing(text: str) -> None:
    seen, _ = remove_unseen(text)
    assert remove_unseen(seen) == (seen, {})
