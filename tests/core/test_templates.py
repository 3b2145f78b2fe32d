"""The template engine: what a tag is, what becomes of a value, and where it stops."""

import html
import json
import re
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.templates import (
    MAX_DATA_DEPTH,
    MAX_RENDERED_BYTES,
    MAX_SOURCE_BYTES,
    Part,
    TemplateError,
    parse,
    suggested_data,
    variables,
)

PARTS = st.sampled_from(["subject", "text", "html"])
TAGS = st.sampled_from(
    ["{{a}}", "{{{a}}}", "{{ a.b }}", "{{", "}}", "{{{", "}}}", "{", "}", "{{#a}}", "{{a.b.c}}", "\n"]
)
SOURCES = st.lists(st.one_of(TAGS, st.text(max_size=8)), max_size=12).map("".join)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=12,
)
DATA = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def rendered(part: Part, source: str, data: dict[str, Any]) -> str:
    return parse(part, source).render(data)


def mistake(part: Part, source: str, data: dict[str, Any] | None = None) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        rendered(part, source, data or {})
    assert caught.value.part == part
    return caught.value


@pytest.mark.parametrize(
    ("source", "data", "text", "markup"),
    [
        ("", {}, "", ""),
        ("Hello {{name}}!", {"name": "Ada & <Bob>"}, "Hello Ada & <Bob>!", "Hello Ada &amp; &lt;Bob&gt;!"),
        ("{{{name}}}", {"name": "<b>'\"&"}, "<b>'\"&", "<b>'\"&"),
        ('<a href="{{u}}">', {"u": "\" onclick='x"}, '<a href="" onclick=\'x">', '<a href="&quot; onclick=&#x27;x">'),
        ("{{ a }}{{\ta\n}}{{{ a }}}", {"a": "x"}, "xxx", "xxx"),
        ("{{a.b.c}}", {"a": {"b": {"c": "deep"}}}, "deep", "deep"),
        ("{{a.b}}{{c}}{{a.b.c.d}}", {"a": {"b": None}}, "", ""),
        ("{{a.b}}", {"a": "text"}, "", ""),
        ("{{a.1}}{{_x1}}", {"a": {"1": "one"}, "_x1": "two"}, "onetwo", "onetwo"),
        ("{{a}}{{b}}", {"a": {"x": 1}, "b": [1, 2]}, "", ""),
        ("{{a.0}}", {"a": ["x"]}, "", ""),
        ("{{i}} {{f}} {{t}} {{n}}", {"i": 12, "f": 1.5, "t": True, "n": False}, "12 1.5 true false", None),
        ("{{i}}", {"i": 10**30}, "1" + "0" * 30, None),
        ("{{a}}", {"a": "{{b}} {{{b}}}", "b": "never"}, "{{b}} {{{b}}}", "{{b}} {{{b}}}"),
        ("{ {{a}} } }} {a} {", {"a": "x"}, "{ x } }} {a} {", None),
        ("p{color:{{c}}}", {"c": "red"}, "p{color:red}", None),
        ("a\r\nb {{a}}\n", {"a": "1\n2"}, "a\r\nb 1\n2\n", None),
        ("{{a}}{{a}}{{{a}}}", {"a": "<"}, "<<<", "&lt;&lt;<"),
        ("{{a}}", {"a": "x\0\ud800"}, "x\ufffd", "x\ufffd"),
    ],
)
def test_values_go_where_their_tags_are(source: str, data: dict[str, Any], text: str, markup: str | None) -> None:
    assert rendered("text", source, data) == text
    assert rendered("html", source, data) == (text if markup is None else markup)


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        ("{{", 1, 1, "never closed"),
        ("Hi {{name", 1, 4, "never closed"),
        ("a\nbc {{{x}}", 2, 4, "{{{ is never closed with }}}"),
        ("a\r\n\n  {{}}", 3, 3, "write {{name}}"),
        ("{{ }}", 1, 1, "write {{name}}"),
        ("é{{#each}}x{{/each}}", 1, 2, "sections"),
        ("{{/if}}", 1, 1, "sections"),
        ("{{^a}}", 1, 1, "sections"),
        ("{{> footer}}", 1, 1, "includes"),
        ("{{! note }}", 1, 1, "comments"),
        ("{{&a}}", 1, 1, "{{{name}}}"),
        ("{{=<% %>=}}", 1, 1, "delimiters"),
        ("{{a b}}", 1, 1, "'a b' is no path"),
        ("{{1a}}", 1, 1, "no path"),
        ("{{a-b}}", 1, 1, "no path"),
        ("{{.a}}", 1, 1, "no path"),
        ("{{a.}}", 1, 1, "no path"),
        ("{{a..b}}", 1, 1, "no path"),
        ("{{é}}", 1, 1, "no path"),
        ("{{a\n.b}}", 1, 1, "no path"),
        ("{{{{a}}}}", 1, 1, "no path"),
        ("{{{a}} }}}", 1, 1, "no path"),
        ("{{" + "x" * 30 + " " + "y" * 3000 + "}}", 1, 1, "yyy…"),
        ("ok {{a}} {{a.b.c.d.e.f.g.h}}\n{{a.b.c.d.e.f.g.h.i}}", 2, 1, "at most 8 names"),
    ],
)
def test_a_mistake_has_a_place(source: str, line: int, column: int, words: str) -> None:
    for part in ("text", "html"):
        error = mistake(part, source)
        assert (error.line, error.column) == (line, column)
        assert error.message.startswith(f"line {line}, column {column}: ")
        assert words in error.message
        assert len(error.message) < 300


@pytest.mark.parametrize("source", ["a\nb", "a\r", "{{a}}\n", "\r\n{{"])
def test_a_subject_is_one_line(source: str) -> None:
    assert "one line" in mistake("subject", source).message


@pytest.mark.parametrize("value", ["x\r\nBcc: eve@example.org", "\n", "x\r", {"b": "1\n2"}])
def test_no_header_comes_in_through_a_subject(value: Any) -> None:
    for source in ("Re: {{a}}{{a.b}}", "{{{a}}}{{{a.b}}}"):
        assert "line break" in mistake("subject", source, {"a": value}).message


def test_the_source_is_bounded_in_bytes() -> None:
    assert rendered("text", "é" * (MAX_SOURCE_BYTES // 2), {})
    error = mistake("text", "é" * (MAX_SOURCE_BYTES // 2) + "x")
    assert str(MAX_SOURCE_BYTES + 1) in error.message
    assert error.line == 0


@pytest.mark.parametrize(("part", "value"), [("text", "é"), ("html", "<"), ("html", "'"), ("html", "&"), ("text", "x")])
def test_the_result_is_bounded_in_bytes(part: Part, value: str) -> None:
    size = len((html.escape(value) if part == "html" else value).encode())
    times = MAX_RENDERED_BYTES // size
    rest = "x" * (MAX_RENDERED_BYTES - times * size)
    assert len(rendered(part, "{{a}}" + rest, {"a": value * times}).encode()) == MAX_RENDERED_BYTES
    assert str(MAX_RENDERED_BYTES) in mistake(part, "{{a}}x" + rest, {"a": value * times}).message
    assert str(MAX_RENDERED_BYTES) in mistake(part, "{{a}}{{a}}" + rest, {"a": value * times}).message
    assert str(MAX_RENDERED_BYTES) in mistake(part, "{{a}}", {"a": value * (MAX_RENDERED_BYTES + 1)}).message


def nested(levels: int, innermost: Any) -> Any:
    for _ in range(levels):
        innermost = {"a": innermost}
    return innermost


def test_the_data_is_bounded_in_depth() -> None:
    path = ".".join("a" * MAX_DATA_DEPTH)
    assert rendered("text", f"{{{{{path}}}}}", nested(MAX_DATA_DEPTH, "x")) == "x"
    assert "more than 8 deep" in mistake("text", "no tag", nested(MAX_DATA_DEPTH + 1, "x")).message
    assert "more than 8 deep" in mistake("text", "", {"a": [[[[[[[[]]]]]]]]}).message
    assert rendered("text", "x", {"a": [[[[[[[]]]]]]]}) == "x"
    assert mistake("text", "", nested(100_000, "x"))


def test_a_number_without_end_is_named() -> None:
    assert "digits" in mistake("text", "{{n}}", {"n": 10**5000}).message


@pytest.mark.parametrize(
    "source",
    [
        "{{a}}" * (MAX_SOURCE_BYTES // 5),
        "{{{a}}}" * (MAX_SOURCE_BYTES // 7),
        "{{a" * (MAX_SOURCE_BYTES // 3),
        "{{" * (MAX_SOURCE_BYTES // 2),
        "{{{a}}" * (MAX_SOURCE_BYTES // 6),
        "{{" + "a." * (MAX_SOURCE_BYTES // 2 - 2) + "}}",
        "{{" + " " * (MAX_SOURCE_BYTES - 4) + "}}",
        "\n" * (MAX_SOURCE_BYTES - 4) + "{{!}",
    ],
)
def test_hostile_sources_take_no_time(source: str) -> None:
    began = time.perf_counter()
    with suppress(TemplateError):
        parse("html", source).render({"a": "<" * 1000})
    assert time.perf_counter() - began < 2


@given(PARTS, st.one_of(SOURCES, st.text()), DATA)
def test_it_raises_nothing_but_its_own(part: Part, source: str, data: dict[str, Any]) -> None:
    with suppress(TemplateError):
        template = parse(part, source)
        filled = template.render(suggested_data(variables([template])))
        assert not re.search(r"\{\{\{?\s*[a-c.]+\s*\}\}", filled)
        text = template.render(data)
        assert "\0" not in text
        text.encode()
        assert part != "subject" or not set("\r\n") & set(text)


@given(st.text(), st.text(alphabet="<>&\"'{}ab#/", max_size=30), st.text(alphabet="<>&\"'{}a", max_size=30))
def test_data_is_never_markup_and_never_a_template(around: str, first: str, second: str) -> None:
    around = around.replace("{", "(")
    data = {"a": first, "b": second}
    markup = rendered("html", around + "[{{a}}|{{b}}]", data)
    inside = markup[len(around.replace("\0", "")) :]
    assert not set("<>\"'") & set(inside)
    assert html.unescape(inside) == f"[{first}|{second}]"
    assert rendered("text", "[{{a}}|{{b}}]", data) == f"[{first}|{second}]"


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), st.text(max_size=10)))
def test_what_is_suggested_fills_everything(values: dict[str, str]) -> None:
    source = " ".join(f"{{{{top.{name}}}}}" for name in values)
    suggested = suggested_data(variables([parse("text", source)]))
    assert rendered("text", source, suggested) == " ".join(f"{name}_value" for name in values)
    json.dumps(suggested)


def test_variables_are_listed_once_in_their_order() -> None:
    read = [parse("subject", "{{b}} {{a.x}}"), parse("html", "{{a.x}}{{{b}}}{{c}}{{a}}")]
    assert variables(read) == {"b": True, "a.x": False, "c": False, "a": False}
    assert list(variables(read)) == ["b", "a.x", "c", "a"]
    assert suggested_data(variables(read)) == {"b": "b_value", "a": {"x": "x_value"}, "c": "c_value"}
    assert suggested_data(["a", "a.b", "a"]) == {"a": {"b": "b_value"}}
    assert suggested_data([]) == {}
