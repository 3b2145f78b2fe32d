"""How things are said."""

from datetime import UTC, datetime

import pytest

from e2ad.core import errors
from e2ad.dashboard import words
from e2ad.dashboard.desk import Form

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "plain"),
        (None, ""),
        ("two\r\n lines", "two lines"),
        ("Ünïcödé 日本語 عربى", "Ünïcödé 日本語 عربى"),
        ("👩‍💻 works", "👩‍💻 works"),
        ("gpj\u202e.exe", "gpj[U+202E].exe"),
        ("pay\u200bpal", "pay[U+200B]pal"),
        ("\x00\x1b[31m", "[U+0000][U+001B][31m"),
    ],
)
def test_a_strangers_line(text: str | None, said: str) -> None:
    assert words.shown(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-03-01T11:59:30Z", "now"),
        ("2026-03-01T09:05:00Z", "09:05"),
        ("2026-02-28T09:05:00Z", "28 Feb"),
        ("2025-02-28T09:05:00Z", "2025-02-28"),
        ("2026-03-01T12:00:05Z", "12:00"),
    ],
)
def test_a_short_time(text: str, said: str) -> None:
    assert words.ago(text, NOW) == said


def test_a_whole_time() -> None:
    assert words.exact("2026-03-01T09:05:07.5Z") == "Sunday, 1 March 2026, 09:05:07 UTC"


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (12_345, "12 kB"),
        (9_990_000, "10.0 MB"),
        (10**12, "1000 GB"),
    ],
)
def test_a_size(octets: int, said: str) -> None:
    assert words.size(octets) == said


@pytest.mark.parametrize(("name", "letter"), [("ada", "A"), ('"Bob"', "B"), ("", "?"), ("<>", "?"), ("ß", "SS")])
def test_the_letter_of_a_sender(name: str, letter: str) -> None:
    assert words.initial(name) == letter


def test_counts_are_told_as_far_as_they_go() -> None:
    assert (words.told_count(99), words.told_count(100)) == ("99", "99+")


@pytest.mark.parametrize(
    "failure", [errors.NotFound(), errors.RateLimited(), errors.InvalidRecipient("no"), errors.Unavailable()]
)
def test_every_failure_says_what_to_do(failure: errors.Failure) -> None:
    assert words.sentence(failure).endswith((".", "!", "?"))
    assert words.hint(failure)


def test_what_is_wrong_with_which_field_is_said() -> None:
    failure = errors.ValidationFailed(
        details={"fields": [{"location": "body.to", "message": "expected at most 50 items"}]}
    )
    assert "expected at most 50 items" in words.sentence(failure)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a@b.example", ["a@b.example"]),
        (
            " a@b.example , c@d.example;e@f.example\n g@h.example",
            ["a@b.example", "c@d.example", "e@f.example", "g@h.example"],
        ),
        ('"Lovelace, Ada" <a@b.example>, b@c.example', ['"Lovelace, Ada" <a@b.example>', "b@c.example"]),
        ('"open <a@b.example>, b@c.example', ['"open <a@b.example>', "b@c.example"]),
        (" ,, ;\n", []),
        ('"' * 5000, ['"' * 5000]),
    ],
)
def test_addresses_of_a_form(text: str, found: list[str]) -> None:
    assert Form({"to": [text]}).addresses("to") == found
