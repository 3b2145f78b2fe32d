"""The table of tools: names, tiers, schemas and hints, without calling any."""

import re
from typing import Any

import pytest

from e2ad.mcp.arguments import check
from e2ad.mcp.caller import Account
from e2ad.mcp.table import TOOLS, may_call, offered
from e2ad.mcp.tool import ADMIN, RUNTIME, Tool
from e2ad.sdk import E2AError
from tests.mcp import calls

WORLD: Any = type("Anything", (), {"__getattr__": lambda _, name: f"{name}_1"})()
EVERY = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
WRONG = {"string": 5, "integer": "5", "boolean": "true", "array": "x", "object": "x"}


def working(tool: Tool) -> dict[str, Any]:
    return dict(calls.CALLS[tool.name](WORLD))


def refused(tool: Tool, arguments: dict[str, Any]) -> E2AError:
    with pytest.raises(E2AError) as caught:
        check(tool, arguments)
    assert caught.value.code == "invalid_request"
    assert not caught.value.retryable
    return caught.value


def test_each_tier_has_the_tools_of_the_contract() -> None:
    listed = {tool.name: tool.tier for tool in TOOLS.values() if tool.listed}
    assert {name for name, tier in listed.items() if tier is RUNTIME} == set(calls.RUNTIME)
    assert {name for name, tier in listed.items() if tier is ADMIN} == set(calls.ADMIN)
    assert set(TOOLS) - set(listed) == set(calls.ALIASES)


def test_a_credential_of_one_agent_is_shown_at_most_twenty() -> None:
    shown = [tool.name for tool in offered(Account("bot@agents.test"))]
    assert sorted(shown) == sorted(calls.RUNTIME)
    assert len(shown) <= 20
    everything = [tool.name for tool in offered(Account(""))]
    assert everything[: len(shown)] == shown
    assert set(everything) == {*calls.RUNTIME, *calls.ADMIN}


def test_an_alias_is_of_the_tier_of_what_it_means() -> None:
    for name in calls.ALIASES:
        assert may_call(TOOLS[name], Account("bot@agents.test")) == (name in ("send_email", "get_attachment_data"))


@EVERY
def test_the_schema_is_strict_and_says_what_everything_is(tool: Tool) -> None:
    schema = tool.input_schema
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert set(schema.get("required", ())) <= set(schema["properties"])
    for name, one in schema["properties"].items():
        assert one["description"], name
        assert re.fullmatch(r"[a-z][a-z_]*", name)
    if "confirm" in schema["properties"]:
        assert "confirm" in schema["required"]
        assert tool.effect.destroys


@EVERY
def test_what_works_is_taken(tool: Tool) -> None:
    check(tool, working(tool))


@EVERY
def test_an_unknown_argument_is_refused_by_its_name(tool: Tool) -> None:
    error = refused(tool, working(tool) | {"surprise": 1})
    assert "surprise: unknown argument" in error.message
    assert error.details["fields"][0]["location"] == "surprise"
    assert all(name in error.message for name in tool.parameters)


@EVERY
def test_a_wrong_type_is_refused_by_the_argument_s_name(tool: Tool) -> None:
    for name, schema in tool.parameters.items():
        kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
        error = refused(tool, working(tool) | {name: WRONG[kind]})
        assert {field["location"] for field in error.details["fields"]} == {name}, error.message


@EVERY
def test_a_missing_argument_is_refused_by_its_name(tool: Tool) -> None:
    for name in tool.required:
        arguments = working(tool)
        del arguments[name]
        assert f"{name}: is required" in refused(tool, arguments).message


@EVERY
def test_what_is_destroyed_for_good_wants_to_be_confirmed(tool: Tool) -> None:
    if tool.name.startswith("delete_"):
        assert "must be true" in refused(tool, working(tool) | {"confirm": False}).message


@EVERY
def test_a_hint_of_reading_excludes_all_others(tool: Tool) -> None:
    if tool.effect.reads_only:
        assert not tool.effect.destroys
        assert tool.effect.repeatable


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"limit": 0}, "limit: expected at least 1"),
        ({"limit": 101}, "limit: expected at most 100"),
        ({"direction": "up"}, "direction: expected one of inbound, outbound, all"),
        ({"since": "yesterday"}, "since: expected a time as RFC 3339 has it"),
        ({"labels": ["a", 5]}, "labels[1]: expected string"),
        ({"from": "ada"}, "from: unknown argument; it takes direction"),
        ({"subject_contains": None}, "subject_contains: expected string"),
        ({"a" * 5000: 1}, "a" * 200 + "…: unknown argument"),
        ({"filter": "\ud800"}, "not JSON that can be passed on"),
    ],
)
def test_what_is_wrong_is_said_in_words(arguments: dict[str, Any], says: str) -> None:
    assert says in refused(TOOLS["list_messages"], arguments).message


def test_what_is_inside_an_argument_is_held_to_its_schema_too() -> None:
    file = {"filename": "a", "content_type": "text/csv", "data": "", "path": "/etc/passwd"}
    error = refused(TOOLS["send_message"], {**calls.MAIL, "attachments": [file]})
    assert "attachments[0].path: unknown argument" in error.message
    many = refused(TOOLS["send_message"], {str(number): number for number in range(50)})
    assert len(many.details["fields"]) == 10
