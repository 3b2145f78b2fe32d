"""`e2a templates`: tried, kept, changed, copied."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.serving import Account


def told(account: Account, *arguments: str) -> Any:
    done = account.e2a("templates", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_template_from_its_making_to_its_end(account: Account) -> None:
    Path("t.txt").write_text("Hello {{name}}\n")
    Path("t.html").write_text("<p>{{name}}</p>")
    sources = ["--text-file", "t.txt", "--html-file", "t.html"]
    made = account.e2a("templates", "create", "--name", "Hi", "--alias", "hi", "--subject", "Hi {{name}}", *sources)
    assert made.exit_code == 0, made.stderr
    [listed] = told(account, "list")
    name = listed["id"]
    assert f"made {name}\n" in made.stdout
    assert "hi" in account.e2a("templates", "list").stdout
    shown = account.e2a("templates", "get", name)
    assert "    Hello {{name}}" in shown.stdout
    assert "html: 15 characters" in shown.stdout
    assert account.e2a("templates", "get", name, "--part", "text").stdout == "Hello {{name}}\n"
    assert account.e2a("templates", "get", name, "--part", "html").stdout == "<p>{{name}}</p>"
    assert account.e2a("templates", "get", name, "--part", "subject").stdout == "Hi {{name}}\n"
    assert told(account, "get", name, "--part", "text")["id"] == name
    changed = account.e2a("templates", "update", name, "--text", "-", "--no-html", "--no-alias", input="Bye {{name}}")
    assert changed.exit_code == 0, changed.stderr
    found = told(account, "get", name)
    assert (found["text"], found.get("html"), found.get("alias")) == ("Bye {{name}}", None, None)
    assert account.e2a("templates", "delete", name).exit_code == 2
    assert account.e2a("templates", "delete", name, "--yes").stdout == f"removed {name}\n"
    assert account.e2a("templates", "list").stdout.startswith("no templates yet")
    assert account.e2a("templates", "get", name).exit_code == 5


def test_sources_are_tried_with_data(account: Account) -> None:
    Path("ada.json").write_text('{"user": {"name": "Ada\\u001b[2J"}}')
    Path("t.html").write_text("<p>{{user.name}}</p>")
    sources = ["--subject", "Hi {{user.name}}", "--text", "Bye {{user.name}}, {{day}}", "--html-file", "t.html"]
    done = account.e2a("templates", "validate", *sources, "--data", "@ada.json")
    assert done.exit_code == 0, done.stderr
    assert "nothing is wrong" in done.stdout
    assert "gaps: user.name, day" in done.stdout
    assert "subject: Hi Ada" in done.stdout
    assert "\x1b" not in done.stdout
    from_stdin = account.e2a(
        "templates", "validate", *sources, "--data", "-", "--json", input='{"user": {"name": "B"}}'
    )
    assert json.loads(from_stdin.stdout)["rendered"]["subject"] == "Hi B"
    broken = account.e2a("templates", "validate", "--subject", "Hi {{name")
    assert broken.exit_code == 5
    assert broken.stdout.startswith("subject: ")
    machine = account.e2a("templates", "validate", "--subject", "Hi {{name", "--json")
    assert (machine.exit_code, json.loads(machine.stdout)["valid"]) == (5, False)


def test_a_template_is_tried_with_some_of_it_changed(account: Account) -> None:
    name = told(account, "create", "--name", "n", "--subject", "S {{x}}", "--text", "T {{x}}")["id"]
    found = told(account, "validate", name, "--subject", "New {{x}}", "--data", '{"x": 1}')
    assert found["rendered"] == {"subject": "New 1", "text": "T 1"}
    assert told(account, "get", name)["subject"] == "S {{x}}"


def test_starters(account: Account) -> None:
    assert "welcome" in account.e2a("templates", "starters", "list").stdout
    assert "welcome" in {one["alias"] for one in told(account, "starters", "list")}
    shown = account.e2a("templates", "starters", "get", "welcome")
    assert "{{name}}  needed" in shown.stdout
    assert account.e2a("templates", "starters", "get", "welcome", "--part", "html").stdout.startswith("<!doctype html>")
    made = told(account, "create", "--from-starter", "welcome", "--alias", "w", "--name", "Mine")
    assert made["from_starter_alias"] == "welcome"
    assert account.e2a("templates", "starters", "get", "nothing").exit_code == 5


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["create"], 2),
        (["create", "--name", "x"], 5),
        (["create", "--name", "x", "--subject", "s", "--text", "t", "--text-file", "t.txt"], 2),
        (["create", "--name", "x", "--subject", "s", "--text-file", "none.txt"], 2),
        (["create", "--name", "x", "--subject", "s", "--text-file", "latin.txt"], 2),
        (["create", "--name", "x", "--subject", "{{", "--text", "t"], 5),
        (["update", "tmpl_1"], 2),
        (["update", "tmpl_1", "--alias", "x", "--no-alias"], 2),
        (["update", "tmpl_1", "--name", "x"], 5),
        (["validate"], 2),
        (["validate", "--text", "-", "--data", "-"], 2),
        (["validate", "--text", "x", "--data", "nonsense"], 2),
        (["validate", "tmpl_1"], 5),
        (["delete", "tmpl_1", "--yes"], 5),
    ],
)
def test_what_is_refused(account: Account, arguments: list[str], status: int) -> None:
    Path("t.txt").write_text("t")
    Path("latin.txt").write_bytes(b"M\xfcller")
    done = account.e2a("templates", *arguments)
    assert done.exit_code == status, done.stderr
    assert done.stdout == ""
    assert done.stderr
