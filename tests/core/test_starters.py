"""Each starter is a good mail: it reads, it renders, it says one thing in both its forms."""

import re

import pytest

from e2ad.core.html_text import html_to_text
from e2ad.core.starters import STARTERS, VERSION, Starter
from e2ad.core.templates import PARTS, Template, parse, variables

CONTRACT = ["agent-status", "approval-request", "daily-digest", "password-reset", "receipt", "verify-code", "welcome"]
ALL = pytest.mark.parametrize("starter", STARTERS.values(), ids=list(STARTERS))


def read(starter: Starter) -> list[Template]:
    return [
        parse(part, source) for part, source in zip(PARTS, (starter.subject, starter.text, starter.html), strict=True)
    ]


def examples(starter: Starter, *, only_required: bool = False) -> dict[str, str]:
    return {one.name: one.example for one in starter.variables if one.required or not only_required}


def words(text: str) -> list[str]:
    """Without what only one of the two forms has: colons behind labels, brackets around addresses."""
    return [word.strip("():") for word in text.split()]


def test_the_seven_are_there() -> None:
    assert list(STARTERS) == CONTRACT
    assert {one.version for one in STARTERS.values()} == {VERSION} == {"1.0.0"}
    for alias, one in STARTERS.items():
        assert one.alias == alias
        assert one.name
        assert one.description.endswith(".")


@ALL
def test_what_is_declared_is_what_is_used(starter: Starter) -> None:
    used = variables(read(starter))
    assert sorted(used) == sorted(one.name for one in starter.variables)
    assert not any(used.values()), "a value that goes into the HTML as it is"
    for one in starter.variables:
        assert one.description.endswith(".")
        assert one.example


@ALL
def test_with_its_examples_it_is_a_mail(starter: Starter) -> None:
    for data in (examples(starter), examples(starter, only_required=True)):
        subject, text, markup = (template.render(data) for template in read(starter))
        assert 0 < len(subject) <= 70
        assert subject == subject.strip()
        for part in (subject, text, markup):
            assert "{{" not in part
        assert text.endswith("\n")
        assert "\n\n\n" not in text
        assert all(len(line) < 200 for line in text.splitlines())
        for value in data.values():
            for line in value.splitlines():
                assert line in text


@ALL
def test_text_and_html_say_the_same(starter: Starter) -> None:
    _, text, markup = (template.render(examples(starter)) for template in read(starter))
    assert words(html_to_text(markup).text) == words(text)


@ALL
def test_the_html_is_what_mail_programs_agree_on(starter: Starter) -> None:
    markup = starter.html
    assert re.findall(r"<(?:script|img|link|iframe|form|input|button|svg|video|div|flex)\b", markup) == []
    assert re.findall(r"display:\s*none|visibility|font-size:\s*[0-5]px|position|float|@import|url\(", markup) == []
    assert 'lang="en"' in markup
    assert 'name="color-scheme" content="light dark"' in markup
    assert "prefers-color-scheme: dark" in markup
    assert markup.count("<table") == markup.count('role="presentation"') == markup.count("</table>")
    for tag in ("html", "head", "body", "table", "tr", "td", "p", "h1", "pre", "a", "style", "title"):
        assert len(re.findall(rf"<{tag}[\s>]", markup)) == markup.count(f"</{tag}>"), tag
    for link in re.findall(r"<a [^>]*>", markup):
        assert re.search(r'href="\{\{[a-z_]+\}\}"', link)
    assert "\t" not in markup
    assert max(len(line) for line in markup.splitlines()) < 998
    assert len(markup) < 16_384


@ALL
def test_no_value_can_break_out(starter: Starter) -> None:
    evil = "\"><script>alert('{{name}}')</script>&"
    _, _, markup = (template.render(dict.fromkeys(examples(starter), evil)) for template in read(starter))
    assert "<script" not in markup
    assert markup.count("<") == starter.html.count("<")
    assert "&quot;&gt;&lt;script&gt;alert(&#x27;{{name}}&#x27;)" in markup
