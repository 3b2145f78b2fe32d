"""What a contact may hold, and how an import is read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.contacts import (
    MAX_ROWS,
    Outcome,
    Row,
    canonical,
    check_metadata,
    in_order,
    read_rows,
    schedule,
)
from e2ad.core.errors import InvalidRecipient, InvalidRequest


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("ann@far.test", "ann@far.test"),
        ("ANN@Far.Test", "ann@far.test"),
        ('"A. Partner" <Ann@FAR.test>', "ann@far.test"),
        ("A. Partner (of ours) <ann@far.test>", "ann@far.test"),
        (" ann@far.test ", "ann@far.test"),
        ('"ann"@far.test', "ann@far.test"),
        ("ann@bücher.test", "ann@xn--bcher-kva.test"),
        ("ÄNN@far.test", "änn@far.test"),
    ],
)
def test_an_address_has_one_spelling(written: str, stored: str) -> None:
    assert canonical(written) == stored
    assert canonical(stored) == stored


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ann",
        "ann@",
        "a@b.test, c@d.test",
        "ann@[127.0.0.1]",
        "x" * 65 + "@far.test",
        "a\r\n@far.test",
        "a@b@c.test",
    ],
)
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(InvalidRecipient, match=r"^address: "):
        canonical(written)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"a": "x", "b": 1, "c": 1.5, "d": True, "e": None, "": "empty key"},
        {str(n): n for n in range(50)},
        {"k" * 128: 1},
        {"ä" * 64: 1},
        {"a": "x" * 4096},
        {"a": 2**63 - 1, "b": -(2**63)},
    ],
)
def test_metadata_that_may_be_kept(metadata: dict[str, Any]) -> None:
    assert json.loads(check_metadata(metadata)) == metadata


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({str(n): n for n in range(51)}, "51 keys"),
        ({"k" * 129: 1}, "128 bytes"),
        ({"ä" * 65: 1}, "128 bytes"),
        ({"a": "x" * 4097}, "'a' has more than 4096 bytes"),
        ({"a": "ä" * 2049}, "4096 bytes"),
        ({"a": {"b": 1}}, "'a' must be a string"),
        ({"a": [1]}, "'a' must be a string"),
        ({"a": 2**63}, "64 bits"),
        ({"a": -(2**63) - 1}, "64 bits"),
        ({str(n): "x" * 4000 for n in range(5)}, "16384"),
    ],
)
def test_metadata_that_may_not(metadata: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        check_metadata(metadata)


def test_the_whole_is_bounded_to_the_byte() -> None:
    most = {"a": "x" * 4000, "b": "x" * 4000, "c": "x" * 4000, "d": "x" * 4000}
    left = 16384 - len(json.dumps(most, separators=(",", ":")))
    exact = most | {"e": "x" * (left - len(',"e":""'))}
    assert len(check_metadata(exact)) == 16384
    with pytest.raises(InvalidRequest, match="16385 bytes"):
        check_metadata(exact | {"e": exact["e"] + "x"})


def test_each_line_of_an_import_stands_for_itself() -> None:
    rows = [
        Row("ann@far.test"),
        Row("nobody"),
        Row("Ann <ANN@far.test>"),
        Row("long@far.test", "x" * 321),
        Row("long@far.test", "x" * 320, {"a": 1}),
        Row("deep@far.test", None, {"a": {}}),
        Row("x" * 400 + "@far.test"),
    ]
    entries, others = read_rows(rows)
    assert [(entry.index, entry.address, entry.metadata) for entry in entries] == [
        (0, "ann@far.test", None),
        (4, "long@far.test", '{"a":1}'),
    ]
    assert [(one.index, one.status, one.code, one.address) for one in others] == [
        (1, "failed", "invalid_recipient", None),
        (2, "skipped", "duplicate_in_batch", "ann@far.test"),
        (3, "failed", "invalid_request", "long@far.test"),
        (5, "failed", "invalid_request", "deep@far.test"),
        (6, "failed", "invalid_recipient", None),
    ]
    assert others[1].message == "row 0 has the same address"


@given(st.lists(st.sampled_from(["a@x.test", "A@X.test", "b@x.test", "no", ""]) | st.text(max_size=20), max_size=40))
def test_every_line_is_told_of_once(addresses: list[str]) -> None:
    entries, others = read_rows([Row(address) for address in addresses])
    told = in_order([*others, *(Outcome(entry.index, "created", entry.address) for entry in entries)])
    assert [one.index for one in told] == list(range(len(addresses)))
    stored = [entry.address for entry in entries]
    assert len(set(stored)) == len(stored)
    assert MAX_ROWS == 1000


def test_a_schedule_is_a_time_that_can_be_kept() -> None:
    at = datetime(2026, 7, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert schedule(at) == datetime(2026, 7, 1, 12, tzinfo=UTC)
    for late in (datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))), datetime(1, 1, 1, tzinfo=UTC)):
        with pytest.raises(InvalidRequest):
            schedule(late)
    assert schedule(datetime(9998, 12, 31, 23, tzinfo=timezone(-timedelta(hours=0)))).year == 9998
