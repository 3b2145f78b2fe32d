"""Canonical Message-ID keys and the choice of a conversation."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.threads import (
    Begin,
    Join,
    Match,
    candidates,
    conversation_for,
    message_id_key,
    message_id_keys,
    thread_for,
)

NOON = datetime(2024, 6, 3, 12, tzinfo=UTC)

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


def match(name: str, minutes: int, conversation: str | None, thread: str | None = None, key: str = "<a@x>") -> Match:
    return Match(key, name, NOON + timedelta(minutes=minutes), conversation, thread)


def test_the_newest_hit_with_a_conversation_wins() -> None:
    assert conversation_for([]) == Begin()
    assert conversation_for([match("m1", 0, None)]) == Begin()
    found = [match("m1", 1, "conv_1"), match("m3", 3, None), match("m2", 2, "conv_2")]
    assert conversation_for(found) == conversation_for(found[::-1]) == Join("conv_2")
    tied = [match("m1", 1, "conv_1"), match("m2", 1, "conv_2")]
    assert conversation_for(tied) == conversation_for(tied[::-1]) == Join("conv_2")


def test_the_first_candidate_whose_matches_agree_names_the_thread() -> None:
    keys = ("<a@x>", "<b@x>", "<c@x>")
    split = [match("m1", 0, None, "thr_1"), match("m2", 0, None, "thr_2"), match("m3", 0, None, "thr_3", "<c@x>")]
    assert thread_for(keys, split) == "thr_3"
    assert (
        thread_for(keys, [match("m1", 0, None, "thr_1"), match("m2", 9, None, "thr_1"), match("m3", 9, None)])
        == "thr_1"
    )
    assert thread_for(keys, split[:2]) is None
    assert thread_for((), split) is None
