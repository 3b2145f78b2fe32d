"""The vocabulary of defects."""

import re

import pytest

from e2ad.core.defects import DEFECTS, Defects


def test_words_keep_their_order_and_stand_once() -> None:
    defects = Defects()
    for word in ("too-deep", "empty", "too-deep"):
        defects.add(word)
    assert defects.frozen() == ("too-deep", "empty")
    assert "empty" in defects
    assert "no-from" not in defects


def test_a_word_outside_the_vocabulary_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Defects().add("typo")


def test_words_are_short_and_stable_in_shape() -> None:
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){0,3}", word) and meaning for word, meaning in DEFECTS.items())
