"""The message filter: what it means, what it refuses, and that no text of a caller gets out of its literal."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.errors import InvalidFilter
from e2ad.core.message_filter import Bounds, compile_filter, like_pattern

A, B, C = ('$.s like_regex "a" flag "is"', '$.s like_regex "b" flag "is"', '$.s like_regex "c" flag "is"')
X, Y, Z = ('$.l[*] == "x"', '$.l[*] == "y"', '$.l[*] == "z"')

MEANINGS = [
    ("subject:a", A),
    ("label:X", X),
    ("label:x label:y", f"({X}) && ({Y})"),
    ("label:x AND label:y", f"({X}) && ({Y})"),
    ("label:x OR label:y", f"({X}) || ({Y})"),
    # OR binds tighter than a blank, and a blank tighter than AND.
    ("label:x label:y OR label:z", f"({X}) && (({Y}) || ({Z}))"),
    ("label:x OR label:y label:z", f"(({X}) || ({Y})) && ({Z})"),
    ("label:x AND label:y label:z", f"({X}) && (({Y}) && ({Z}))"),
    ("label:x AND label:y OR label:z", f"({X}) && (({Y}) || ({Z}))"),
    ("(label:x AND label:y) OR label:z", f"(({X}) && ({Y})) || ({Z})"),
    ("NOT label:x", f"!({X})"),
    ("-label:x", f"!({X})"),
    ("- label:x", f"!({X})"),
    ("NOT NOT label:x", f"!(!({X}))"),
    ("-(label:x OR label:y)", f"!(({X}) || ({Y}))"),
    ("NOT label:x OR label:y", f"(!({X})) || ({Y})"),
    ("  ( label:x )  ", X),
    ("label : x", X),
    # Many patterns on one field become one.
    ("subject:a OR subject:b OR label:x", f'($.s like_regex "a|b" flag "is") || ({X})'),
    ("-subject:a -subject:b label:x", f'({X}) && (!($.s like_regex "a|b" flag "is"))'),
    ("subject:a subject:b", f"({A}) && ({B})"),
    ("subject=a", '$.s like_regex "^a$" flag "is"'),
    ("from!=a", '!($.f like_regex "^a$" flag "is")'),
    ("subject:a*b", '$.s like_regex "a.*b" flag "is"'),
    ("subject=a*b", r'$.s like_regex "^a\\u002ab$" flag "is"'),
    (r'subject:"a \"b\" \\"', r'$.s like_regex "a\\u0020\\u0022b\\u0022\\u0020\\u005c" flag "is"'),
    ("subject:AND", '$.s like_regex "AND" flag "is"'),
    ("subject:a-b", r'$.s like_regex "a\\u002db" flag "is"'),
    ("subject:a:b=c", r'$.s like_regex "a\\u003ab\\u003dc" flag "is"'),
    ("created>=1970-01-02", "($.t >= 86400000000)"),
    ("created<1970-01-02", "($.t < 86400000000)"),
    ("created>1970-01-02", "($.t >= 172800000000)"),
    ("created<=1970-01-02", "($.t < 172800000000)"),
    ("created=1970-01-02", "($.t >= 86400000000) && ($.t < 172800000000)"),
    ("created!=1970-01-02", "!(($.t >= 86400000000) && ($.t < 172800000000))"),
    ("created>1970-01-01T00:00:01Z", "($.t >= 1000001)"),
    ("created=1970-01-01T01:00:01+01:00", "($.t >= 1000000) && ($.t < 1000001)"),
]


@pytest.mark.parametrize(("text", "path"), MEANINGS)
def test_meaning(text: str, path: str) -> None:
    compiled = compile_filter(text)
    assert compiled is not None
    assert compiled.path == path


@pytest.mark.parametrize("text", ["", "   ", "\t\n"])
def test_a_blank_filter_restricts_nothing(text: str) -> None:
    assert compile_filter(text) is None


REFUSED = [
    ("invoice", 1),
    ("label:x invoice", 9),
    ("to:bob", 1),
    ("subject>a", 8),
    ("label=x", 6),
    ("created:2026-01-01", 8),
    ("created>yesterday", 9),
    ("created>2026-13-01", 9),
    ("created>2026-01-01T00:00:00", 9),
    ("created>=9999-12-31", 10),
    ("label:Ä", 7),
    ("label:" + "x" * 65, 7),
    ('subject:""', 9),
    ("subject:", 9),
    ("subject: ", 10),
    ('subject:"a', 9),
    ('subject:"a\\n"', 9),
    ('subject:"a"b', 12),
    ('subject:a"b', 10),
    ("(label:x", 1),
    ("label:x)", 8),
    ("()", 2),
    ("AND label:x", 1),
    ("label:x AND", 12),
    ("label:x OR", 11),
    ("OR label:x", 1),
    ("label:x AND AND label:y", 13),
    ("NOT", 4),
    ("-", 2),
    ("label:x and label:y", 9),
    ("label:x\0", 8),
    ("(" * 65 + "label:x" + ")" * 65, 65),
    ("-" * 65 + "label:x", 65),
]


@pytest.mark.parametrize(("text", "column"), REFUSED)
def test_what_is_wrong_is_named_with_its_column(text: str, column: int) -> None:
    with pytest.raises(InvalidFilter, match=rf"column {column}: "):
        compile_filter(text)


def test_length_depth_and_number_are_bounded() -> None:
    assert compile_filter("label:x " * 62) is not None
    assert compile_filter("(" * 63 + "label:x" + ")" * 63) is not None
    with pytest.raises(InvalidFilter, match="500"):
        compile_filter("label:x " * 63)


BOUNDS = [
    ("subject:ab label:x created>=2026-07-01 created<2026-07-03", Bounds("%ab%", None, ("x",))),
    ("subject:ab subject:abc", Bounds("%abc%")),
    ("from=a@b.test", Bounds(None, "a@b.test")),
    ("from:50%_", Bounds(None, "%50\\%\\_%")),
    ("subject:a*b", Bounds("%a%b%")),
    ("subject:a OR subject:b", Bounds()),
    ("label:x OR label:y", Bounds()),
    ("-label:x", Bounds()),
    ("(label:x label:y) AND from:a", Bounds(None, "%a%", ("x", "y"))),
]


@pytest.mark.parametrize(("text", "bounds"), BOUNDS)
def test_bounds_are_what_every_match_fulfils(text: str, bounds: Bounds) -> None:
    compiled = compile_filter(text)
    assert compiled is not None
    found = compiled.bounds
    assert (found.subject_like, found.from_like, sorted(found.labels)) == (
        bounds.subject_like,
        bounds.from_like,
        sorted(bounds.labels),
    )


def test_bounds_of_time_are_the_narrowest() -> None:
    compiled = compile_filter("created>2026-07-01 created>=2026-07-01 created<2026-07-09 created<=2026-07-05")
    assert compiled is not None
    assert compiled.bounds.since == datetime(2026, 7, 2, tzinfo=UTC)
    assert compiled.bounds.until == datetime(2026, 7, 6, tzinfo=UTC)


printable = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30)


@given(printable)
def test_a_literal_stays_a_literal(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    compiled = compile_filter(f'subject="{quoted}"')
    assert compiled is not None
    prefix, suffix = "$.s like_regex ", ' flag "is"'
    assert compiled.path.startswith(prefix)
    assert compiled.path.endswith(suffix)
    # One JSON string and nothing behind it: the text has not left its literal.
    regex = json.loads(compiled.path.removeprefix(prefix).removesuffix(suffix))
    assert re.fullmatch(regex.removeprefix("^").removesuffix("$"), text)


@given(st.text(st.sampled_from('ab :="*()-\\%ANDORNOTlabelfromsubjectcreated<>!2026'), max_size=60))
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    try:
        compile_filter(text)
    except InvalidFilter as error:
        refusal = error.message
    else:
        return
    assert "column" in refusal


def test_like_pattern() -> None:
    assert like_pattern(r"50%_\x") == r"%50\%\_\\x%"
