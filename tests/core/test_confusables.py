"""The fold brings together what looks alike, keeps apart what does not, and is the sum of its parts."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.confusables import (
    ascii_lower,
    domain_labels,
    fold,
    local_base,
    read_punycode,
    read_tags,
    skeleton,
)


@given(st.text(), st.text())
def test_the_fold_of_a_text_contains_the_folds_of_its_parts(first: str, second: str) -> None:
    """Else an address could be hidden by what stands beside it."""
    assert fold(first + second) == fold(first) + fold(second)


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_a_fold_is_letters_digits_and_at_signs(text: str) -> None:
    assert all(character.isalnum() or character == "@" for character in fold(text))


def test_each_ascii_letter_and_digit_stays_apart_but_for_those_that_look_alike() -> None:
    folds: dict[str, str] = {}
    for character in string.ascii_lowercase + string.digits:
        folds.setdefault(fold(character), "")
        folds[fold(character)] += character
    assert {alike for alike in folds.values() if len(alike) > 1} == {"il1", "o0"}
    assert all(fold(character.upper()) == fold(character) for character in string.ascii_lowercase)


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("аеорсухі", "aeopcyxi"),
        ("АВЕКМНОРСТХ", "ABEKMHOPCTX"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
        ("οναρ", "ovap"),
        ("ⅰⅴⅹⅼⅽⅾⅿ", "ivxlcdm"),
        ("①②③", "123"),
        ("٠١٢٣", "0123"),
        ("०१२", "012"),
        ("ℓ№ﬁ", "lnofi"),
        ("ßæœ", "baoe"),
        ("straße", "strabe"),
        ("ñøðłıŧ", "nodlit"),
        ("㎏", "kg"),
        ("🅰🅓🇦", "ada"),
        ("\N{SNOWMAN}", ""),
    ],
)
def test_lookalikes(text: str, like: str) -> None:
    assert fold(text) == fold(like)


def test_other_scripts_stay_what_they_are() -> None:
    assert fold("会議") == "会議"
    assert fold("会議") != fold("会社")


@pytest.mark.parametrize(
    ("local_part", "base"),
    [
        ("ada", "ada"),
        ("ada+x", "ada"),
        ("ada+x+y", "ada"),
        ("ada＋x", "ada"),
        ('"ada"', "ada"),
        ('"ada+x y"', "ada"),
        ('"a\\d\\"a"', 'ad"a'),
        ("+ada", "+ada"),
        ('"', '"'),
        ("", ""),
    ],
)
def test_the_base_of_a_local_part(local_part: str, base: str) -> None:
    assert local_base(local_part) == base


def test_punycode_is_read_where_it_can_be() -> None:
    assert read_punycode("a@xn--bcher-kva.example") == "a@bücher.example"
    assert domain_labels("XN--BCHER-KVA.example") == ["bücher", "example"]
    for broken in ("xn--", "xn--\u00e9", "xn--99999999999", "xn--" + "z" * 59):
        assert isinstance(read_punycode(broken), str)


def test_tag_characters_are_read() -> None:
    assert read_tags("a" + "".join(chr(0xE0000 + ord(one)) for one in "Hi!")) == "aHi!"
    assert read_tags("plain") == "plain"


def test_only_ascii_letters_are_lowered() -> None:
    assert ascii_lower("ABZÄ\u212a\u0130") == "abzÄ\u212a\u0130"


@given(st.text())
def test_skeletons_are_total(address: str) -> None:
    assert "@" in skeleton(address)
