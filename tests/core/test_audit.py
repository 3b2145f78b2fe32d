"""The chain of the audit log: whatever is done to a row, the first one that is not what it was is named."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core import audit
from e2ad.core.audit import GENESIS, Flaw, Head, Row, Verifier, digest, form, instant, parse_head, text_of, verify

ACCOUNT = "a" * 32
AT = datetime(2026, 6, 13, 10, 0, tzinfo=UTC)
COLUMNS = ("at", "actor_kind", "actor", "action", "subject", "evidence", "previous", "digest")
WORDS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12)


def chained(rows: Sequence[Row]) -> list[Row]:
    """The rows as the database would have written them: numbered, chained, with their digests."""
    found: list[Row] = []
    previous = GENESIS
    for number, row in enumerate(rows, 1):
        whole = evolve(row, number=number, previous=previous)
        whole = evolve(whole, digest=digest(whole))
        previous = whole.digest
        found.append(whole)
    return found


def head_of(rows: Sequence[Row]) -> Head | None:
    return Head(rows[-1].number, rows[-1].digest) if rows else None


@st.composite
def fresh_row(draw: st.DrawFn) -> Row:
    at = AT + timedelta(microseconds=draw(st.integers(0, 10**15)))
    evidence = text_of({"a": draw(WORDS), "n": draw(st.integers(-9, 9))})
    return Row(
        ACCOUNT,
        0,
        instant(at),
        draw(st.sampled_from(["key", "link", "expiry"])),
        draw(WORDS),
        "review.approved",
        draw(WORDS),
        evidence,
        b"",
        b"",
    )


LOGS = st.lists(fresh_row(), min_size=1, max_size=8).map(chained)


def flipped(value: Any, bit: int) -> Any:
    """The value with one bit changed, of all that it has; None where the result is no value of a text column."""
    if isinstance(value, bytes):
        changed = bytearray(value)
        changed[bit // 8 % len(changed)] ^= 1 << bit % 8
        return bytes(changed)
    raw = bytearray(value.encode())
    if not raw:
        return "x"
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


@given(LOGS)
def test_what_was_written_is_fine(rows: list[Row]) -> None:
    assert verify(ACCOUNT, rows, head_of(rows)) is None
    assert verify(ACCOUNT, rows, head_of(rows), expected=head_of(rows[: len(rows) // 2 + 1])) is None


@given(LOGS, st.data())
def test_any_bit_of_any_column(rows: list[Row], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(COLUMNS))
    row = rows[index]
    value = flipped(getattr(row, column), data.draw(st.integers(0, 4096)))
    if value is None or value == getattr(row, column):
        return
    changed = [*rows[:index], evolve(row, **{column: value}), *rows[index + 1 :]]
    flaw = verify(ACCOUNT, changed, head_of(rows))
    assert flaw is not None
    assert (flaw.number, flaw.reason) == (row.number, "altered")


@given(LOGS, st.data())
def test_a_number_or_an_account_that_is_changed(rows: list[Row], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    other = rows[index].number ^ (1 << data.draw(st.integers(0, 62)))
    changed = sorted([*rows[:index], evolve(rows[index], number=other), *rows[index + 1 :]], key=lambda row: row.number)
    flaw = verify(ACCOUNT, changed, head_of(rows))
    assert flaw is not None
    assert flaw.number == min(index + 1, other)
    foreign = [*rows[:index], evolve(rows[index], account_id="b" * 32), *rows[index + 1 :]]
    flaw = verify(ACCOUNT, foreign, head_of(rows))
    assert flaw is not None
    assert (flaw.number, flaw.reason) == (index + 1, "foreign")


@given(LOGS, st.data())
def test_any_two_rows_that_are_exchanged(rows: list[Row], data: st.DataObject) -> None:
    if len(rows) < 2:
        return
    first, second = sorted(data.draw(st.permutations(range(len(rows))))[:2])
    swapped = list(rows)
    swapped[first], swapped[second] = (
        evolve(rows[second], number=rows[first].number),
        evolve(rows[first], number=rows[second].number),
    )
    flaw = verify(ACCOUNT, swapped, head_of(rows))
    assert flaw is not None
    assert flaw.number == first + 1


@given(LOGS, st.data())
def test_any_row_that_is_removed(rows: list[Row], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    gone = [*rows[:index], *rows[index + 1 :]]
    flaw = verify(ACCOUNT, gone, head_of(rows))
    assert flaw is not None
    assert flaw.number == index + 1
    assert flaw.reason == ("missing" if index + 1 < len(rows) else "cut_off")
    closed = [row if row.number <= index else evolve(row, number=row.number - 1) for row in gone]
    flaw = verify(ACCOUNT, closed, head_of(rows))
    assert flaw is not None
    assert flaw.number == index + 1


@given(LOGS, fresh_row(), st.data())
def test_any_row_that_is_put_in(rows: list[Row], extra: Row, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows)))
    before = rows[index - 1].digest if index else GENESIS
    extra = evolve(extra, number=index + 1, previous=before)
    extra = evolve(extra, digest=digest(extra))
    later = [evolve(row, number=row.number + 1) for row in rows[index:]]
    flaw = verify(ACCOUNT, [*rows[:index], extra, *later], head_of(rows))
    assert flaw is not None
    assert flaw.number == index + 1
    assert flaw.reason == ("inserted" if later else "unknown_to_head")


@given(LOGS, st.integers(0, 7))
def test_rows_that_are_cut_off(rows: list[Row], kept: int) -> None:
    kept = min(kept, len(rows) - 1)
    flaw = verify(ACCOUNT, rows[:kept], head_of(rows))
    assert flaw == Flaw(kept + 1, "cut_off", f"rows {kept + 1} to {len(rows)} are gone")
    # With the head cut off as well, only who kept it knows.
    assert verify(ACCOUNT, rows[:kept], head_of(rows[:kept])) is None
    flaw = verify(ACCOUNT, rows[:kept], head_of(rows[:kept]), expected=head_of(rows))
    assert flaw is not None
    assert (flaw.number, flaw.reason) == (kept + 1, "cut_off")


@given(LOGS, st.data())
def test_a_row_that_is_written_anew_with_a_digest_of_its_own(rows: list[Row], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    forged = evolve(rows[index], subject=rows[index].subject + "!")
    forged = evolve(forged, digest=digest(forged))
    flaw = verify(ACCOUNT, [*rows[:index], forged, *rows[index + 1 :]], head_of(rows))
    assert flaw is not None
    assert (flaw.number, flaw.reason) == (index + 1, "replaced")


@given(LOGS, st.data())
def test_a_whole_log_that_is_written_anew_differs_from_the_head_that_was_kept(
    rows: list[Row], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    forged = chained([*rows[:index], evolve(rows[index], actor="somebody else"), *rows[index + 1 :]])
    assert forged != rows
    assert verify(ACCOUNT, forged, head_of(forged)) is None
    flaw = verify(ACCOUNT, forged, head_of(forged), expected=head_of(rows))
    assert flaw is not None
    assert flaw.reason == "replaced"


@given(LOGS)
def test_rows_behind_the_head_and_a_head_that_is_another(rows: list[Row]) -> None:
    flaw = verify(ACCOUNT, rows, head_of(rows[:-1]))
    assert flaw is not None
    assert (flaw.number, flaw.reason) == (len(rows), "unknown_to_head")
    flaw = verify(ACCOUNT, rows, None)
    assert flaw is not None
    assert (flaw.number, flaw.reason) == (1, "unknown_to_head")
    flaw = verify(ACCOUNT, rows, Head(len(rows), bytes(32)))
    assert flaw is not None
    assert (flaw.number, flaw.reason) == (len(rows), "replaced")


def test_nothing_is_fine() -> None:
    assert verify(ACCOUNT, [], None) is None
    assert verify(ACCOUNT, [], Head(2, bytes(32))) == Flaw(1, "cut_off", "rows 1 to 2 are gone")


def test_lines_cannot_be_moved_between_columns() -> None:
    """Two rows of one form would have one digest; the one that has a line feed where none can be is refused."""
    (row,) = chained([Row(ACCOUNT, 1, instant(AT), "key", "k", "key.created", "s", '{"a":1}', b"", b"")])
    forged = evolve(row, actor="k\nkey.created", action="s", subject='{"a":1}', evidence="")
    assert form(forged) == form(row) + b"\n"
    for column in ("actor", "subject", "evidence"):
        broken = evolve(row, **{column: getattr(row, column) + "\n"})
        broken = evolve(broken, digest=digest(broken))
        flaw = verify(ACCOUNT, [broken], Head(1, broken.digest))
        assert flaw is not None
        assert flaw.reason == "altered"


def test_the_form_is_the_documented_one() -> None:
    evidence = text_of({"b": [1, None], "a": "é"})
    assert evidence == '{"a":"é","b":[1,null]}'
    row = Row(ACCOUNT, 7, instant(AT), "key", "apk_1", "review.approved", "msg_1", evidence, b"\x01" * 32, b"")
    assert form(row).decode() == "\n".join(
        [
            "e2ad audit 1",
            ACCOUNT,
            "7",
            "01" * 32,
            "2026-06-13T10:00:00.000000Z",
            "key",
            "apk_1",
            "review.approved",
            "msg_1",
            '{"a":"é","b":[1,null]}',
        ]
    )
    assert digest(row) == hashlib.sha256(form(row)).digest()
    assert instant(AT.astimezone(timezone(timedelta(hours=5)))) == "2026-06-13T10:00:00.000000Z"
    with pytest.raises(ValueError, match="not JSON compliant"):
        text_of({"x": float("nan")})


def test_the_verifier_keeps_one_row() -> None:
    verifier, previous = Verifier(ACCOUNT), GENESIS
    for number in range(1, 2001):
        row = Row(ACCOUNT, number, instant(AT), "key", "k", "key.created", "s", "{}", previous, b"")
        row = evolve(row, digest=digest(row))
        assert verifier.add(row) is None
        before, previous = previous, row.digest
    assert attrs.asdict(verifier, recurse=False) == {
        "account_id": ACCOUNT,
        "expected": None,
        "head": Head(2000, previous),
        "_before": before,
    }
    assert verifier.end(Head(2000, previous)) is None


@pytest.mark.parametrize("text", ["", "1", "0:" + "a" * 64, "1:" + "a" * 63, "1:" + "g" * 64, "-1:" + "a" * 64])
def test_what_is_no_head(text: str) -> None:
    with pytest.raises(ValueError, match="NUMBER:DIGEST"):
        parse_head(text)


def test_a_head_reads_as_it_is_written() -> None:
    head = Head(12, bytes(range(32)))
    assert parse_head(f" {head} ") == head


def recipe() -> str:
    """The program of the documentation."""
    assert audit.__doc__ is not None
    lines = audit.__doc__.partition("this Python::\n\n")[2].partition("\n\nWhat it prints")[0].splitlines()
    assert len(lines) <= 20
    return "\n".join(line.removeprefix("    ") for line in lines)


def exported(row: Row) -> str:
    told = attrs.asdict(row) | {"previous": row.previous.hex(), "digest": row.digest.hex()}
    return json.dumps(told, ensure_ascii=False) + "\n"


def test_the_documented_program_verifies(tmp_path: Path) -> None:
    rows = chained(
        [Row(ACCOUNT, 0, instant(AT), "key", "ké\u2028y", "key.created", f"s{n}", "{}", b"", b"") for n in range(5)]
    )
    file = tmp_path / "log.jsonl"

    def run(rows: Sequence[Row]) -> "subprocess.CompletedProcess[str]":
        file.write_text("".join(exported(row) for row in rows), encoding="utf-8")
        command = [sys.executable, "-c", recipe(), str(file)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert run(rows).stdout.strip() == str(head_of(rows))
    for damaged in (
        [*rows[:2], evolve(rows[2], actor="x"), *rows[3:]],
        [*rows[:2], *rows[3:]],
        [*rows[:2], evolve(rows[2], digest=bytes(32)), *rows[3:]],
    ):
        answer = run(damaged)
        assert (answer.returncode, answer.stderr.strip()) == (1, "row 3 is bad")
