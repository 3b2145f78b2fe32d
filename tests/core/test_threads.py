"""Canonical Message-ID keys and the choice of a thread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.threads import candidates, message_id_key, message_id_keys, strict_message_id_keys, thread_for

KEYS = {
    "<a@b.test>": "<a@b.test>",
    " <a@B.Test>\r\n": "<a@b.test>",
    "<CaSe+x=1@MAIL.test>": "<CaSe+x=1@mail.test>",
    "<20240603.1:2/3@x.test>": "<20240603.1:2/3@x.test>",
    '<"odd left"@x.test>': None,
    '<"odd@left"@x.test>': '<"odd@left"@x.test>',
    "<a@[192.0.2.1]>": "<a@[192.0.2.1]>",
    "<ü@b.test>": "<ü@b.test>",
    "a@b.test": None,
    "<ab.test>": None,
    "<a@b@c>": None,
    "<a b@c>": None,
    "<a@b c>": None,
    "<@b>": None,
    "<a@>": None,
    "<<a@b>>": None,
    "<a@b><c@d>": None,
    "<a\0@b>": None,
    "": None,
    f"<{'a' * 999}@b.test>": None,
}


@pytest.mark.parametrize(("raw", "key"), KEYS.items())
def test_message_id_key(raw: str, key: str | None) -> None:
    assert message_id_key(raw) == key


@given(st.text())
def test_a_key_is_its_own_key(raw: str) -> None:
    for text in (raw, f"<{raw}@x.test>", f"<a@{raw}>"):
        key = message_id_key(text)
        assert key is None or message_id_key(key) == key


def test_keys_of_a_field_leave_out_what_is_malformed() -> None:
    assert message_id_keys('Your mail of "Monday" <a@B><bad> <c@d>, <e f@g>') == ("<a@b>", "<c@d>")
    many = message_id_keys(" ".join(f"<{number}@x>" for number in range(500)))
    assert (many[0], many[-1], len(many)) == ("<400@x>", "<499@x>", 100)


def test_candidates_are_nearest_first_and_bounded() -> None:
    assert candidates(["<a@x>", "<b@x>"], ["<c@x>", "<a@x>", "<d@x>"]) == ("<b@x>", "<a@x>", "<d@x>", "<c@x>")
    assert candidates([], []) == ()
    assert len(candidates([f"<{n}@x>" for n in range(80)], [f"<r{n}@x>" for n in range(80)])) == 100


STRICT = {
    "": (),
    "<a@B.test>": ("<a@b.test>",),
    " <a@b> \t<c@D>": ("<a@b>", "<c@d>"),
    "<a@b><c@d>": ("<a@b>", "<c@d>"),
    'Your mail of "Monday" <a@b>': (),
    "<a@b>, <c@d>": (),
    "<a@b> <bad>": (),
    "<a@b> (a comment)": (),
    "<a@b> <c@d": (),
    "a@b": (),
}


@pytest.mark.parametrize(("field", "keys"), STRICT.items())
def test_a_field_that_holds_something_else_names_no_thread(field: str, keys: tuple[str, ...]) -> None:
    assert strict_message_id_keys(field) == keys


def test_the_first_candidate_whose_matches_agree_names_the_thread() -> None:
    keys = ("<a@x>", "<b@x>", "<c@x>")
    split = {"<a@x>": ["thr_1", "thr_2"], "<c@x>": ["thr_3", "thr_3"]}
    assert thread_for(keys, split) == "thr_3"
    assert thread_for(keys, split | {"<b@x>": ["thr_4"]}) == "thr_4"
    assert thread_for(keys, {"<a@x>": ["thr_1", "thr_2"], "<b@x>": []}) is None
    assert thread_for((), split) is None
