"""format=flowed, by the examples of RFC 3676's rules."""

import pytest

from e2ad.core.flowed import unflow

CASES = [
    ("one \ntwo", False, "one two"),
    ("one \ntwo", True, "onetwo"),
    ("one\ntwo", False, "one\ntwo"),
    (" From here", False, "From here"),
    (" >not a quote", False, ">not a quote"),
    ("> one \n> two\n> three", False, "> one two\n> three"),
    (">> deep \n> shallow", False, ">> deep \n> shallow"),
    ("text \n-- \nname \nmore", False, "text \n-- \nname more"),
    ("one \n\ntwo", False, "one \ntwo"),
    ("", False, ""),
    ("open ", False, "open "),
]


@pytest.mark.parametrize(("text", "delsp", "expected"), CASES)
def test_unflow(text: str, delsp: bool, expected: str) -> None:
    assert unflow(text, delsp=delsp) == expected
