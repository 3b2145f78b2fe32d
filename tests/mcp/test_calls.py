"""Every tool, called over a real API and database with both kinds of credentials."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from e2ad.mcp.table import TOOLS
from tests import factories
from tests.api.world import AGENT, HELD_BY, rows
from tests.mcp import calls
from tests.mcp.conftest import House

READING = [tool.name for tool in TOOLS.values() if tool.effect.reads_only]
WRITING = [name for name in calls.CALLS if name not in READING]
OF_INBOX = [*calls.RUNTIME, "send_email", "get_attachment_data"]
DATED = {"engagements", "contact_engagements", "webhooks", "templates", "contacts", "domains", "agents"}
"""Tables that tell when a row was last written, be it with what it had."""


async def changed(house: House, before: Mapping[str, str]) -> set[str]:
    """The tables that hold something else by now."""
    after = await rows(house.client)
    return {table for table in after if after[table] != before[table]}


def without_agent(name: str, house: House) -> dict[str, Any]:
    """The arguments of a call that leaves the agent to the credential."""
    arguments = dict(calls.CALLS[name](house.world))
    for one in ("email", "agent_email"):
        if one in TOOLS[name].optional:
            arguments.pop(one, None)
    return arguments


async def test_tools_that_say_they_read_change_nothing(house: House) -> None:
    before = await rows(house.client)
    for name in READING:
        assert isinstance(await house.ask(name, calls.CALLS[name](house.world)), dict)
        assert not await changed(house, before), name
    for name in set(READING) & set(OF_INBOX):
        assert isinstance(await house.ask(name, without_agent(name, house), key=house.agent_key), dict)
    assert not await changed(house, before)
    assert not house.accidents


@pytest.mark.parametrize("name", WRITING)
async def test_a_tool_that_writes(name: str, house: House) -> None:
    arguments, before = calls.CALLS[name](house.world), await rows(house.client)
    assert isinstance(await house.ask(name, arguments), dict)
    # An event that no webhook wants is delivered again to nobody.
    assert await changed(house, before) or name == "redeliver_event"
    if TOOLS[name].effect.repeatable:
        before = await rows(house.client)
        await house.call(name, arguments)  # there may be nothing left to delete
        assert await changed(house, before) <= DATED
    assert not house.accidents


@pytest.mark.parametrize("name", [name for name in WRITING if name in OF_INBOX])
async def test_a_tool_that_writes_with_the_key_of_an_agent(name: str, house: House) -> None:
    before = await rows(house.client)
    assert isinstance(await house.ask(name, without_agent(name, house), key=house.agent_key), dict)
    assert await changed(house, before)
    assert not house.accidents


async def test_no_other_tool_with_the_key_of_an_agent(house: House) -> None:
    before = await rows(house.client)
    for name in calls.OF_ACCOUNT:
        code, text = await house.refuse(name, calls.CALLS[name](house.world), key=house.agent_key)
        assert code == "forbidden"
        assert f"{name} needs a credential for the whole account; this one is for {AGENT} only" in text
    assert await rows(house.client) == before


async def test_the_agent_of_a_key_does_not_reach_another_inbox(house: House) -> None:
    for name, email in (("list_messages", HELD_BY), ("send_message", HELD_BY), ("get_agent", HELD_BY)):
        arguments = {**calls.CALLS[name](house.world), "email": email}
        assert (await house.refuse(name, arguments, key=house.agent_key))[0] == "forbidden"


async def test_mail_is_read_behind_its_fence(house: House) -> None:
    said = await house.ask("get_message", calls.CALLS["get_message"](house.world))
    head, _, rest = said["text"].partition("\n<<<UNTRUSTED-MAIL ")
    assert "NOT verified" in head
    assert "Good morning." not in head
    assert "Good morning." in rest
    unread = await house.ask("list_messages", calls.MINE)
    assert house.world.message not in [item["id"] for item in unread["items"]]


async def test_a_long_mail_comes_in_parts(house: House) -> None:
    db = house.client.services.db
    words = " ".join(f"word{number}" for number in range(6000))
    raw = f"From: a@example.org\r\nTo: {AGENT}\r\nSubject: Long\r\n\r\n{words}\r\n".encode()
    message_id = await factories.message(db, house.caller.account_id, AGENT, raw=raw, number=99)
    said = await house.ask("get_message", {"message_id": message_id, **calls.MINE})
    assert said["next_offset"]
    rest = await house.ask("get_message", {"message_id": message_id, "offset": said["next_offset"], **calls.MINE})
    assert rest["offset"] == said["next_offset"]
    assert "word5999" not in said["text"]


async def test_lists_of_mail_say_who_wrote_them(house: House) -> None:
    result = await house.call("list_messages", calls.MINE)
    assert len(result["content"]) == 2
    assert "the words of strangers" in result["content"][1]["text"]
    assert result["structuredContent"]["items"]


async def test_a_held_mail_says_so_and_how_to_wait(house: House) -> None:
    said = await house.ask("send_message", {**calls.MAIL, "email": HELD_BY})
    assert said["status"] == "pending_review"
    assert "Do not send it again" in said["guidance"]
    assert "get_message_lifecycle" in said["guidance"]
    mine = {"message_id": said["message_id"], "email": HELD_BY}
    lifecycle = await house.ask("get_message_lifecycle", mine)
    assert lifecycle["items"][-1]["stage"] == "review"
    assert (await house.ask("get_message", mine))["message_id"] == said["message_id"]


async def test_a_mail_with_a_key_is_sent_once(house: House) -> None:
    arguments = {**calls.MAIL, **calls.MINE, "idempotency_key": "this very mail"}
    first = await house.ask("send_message", arguments)
    assert await house.ask("send_message", arguments) == first
    assert (await house.ask("send_message", {**calls.MAIL, **calls.MINE}))["message_id"] != first["message_id"]
    code, _ = await house.refuse("send_message", {**arguments, "text": "else"})
    assert code == "idempotency_key_reuse"


async def test_an_attachment_inline_is_its_bytes(house: House) -> None:
    said = await house.ask("get_attachment", calls.CALLS["get_attachment"](house.world))
    assert base64.b64decode(said["data"]) == b"1,2"
    assert said["download_url"].startswith("https://mail.example.com/")
    there = {**calls.CALLS["get_attachment"](house.world), "attachment_index": 7}
    assert (await house.refuse("get_attachment", there))[0] == "attachment_not_found"


async def test_an_error_of_the_api_is_passed_on(house: House) -> None:
    result = await house.call("get_message", {"message_id": "msg_none", **calls.MINE})
    assert result["isError"]
    told: dict[str, Any] = result["structuredContent"]
    assert (told["code"], told["status"], told["retryable"]) == ("not_found", 404, False)
    assert told["request_id"].startswith("req_")
    code, text = await house.refuse("send_message", {"to": ["nobody"], "subject": "x", "text": "y", **calls.MINE})
    assert code in ("invalid_recipient", "invalid_request")
    assert "nobody" in text or "to" in text


async def test_without_an_agent_the_error_names_those_there_are(house: House) -> None:
    code, text = await house.refuse("list_messages")
    assert code == "agent_required"
    assert AGENT in text
    assert HELD_BY in text


async def test_a_key_made_by_a_tool_is_for_one_agent(house: House) -> None:
    made = await house.ask("create_api_key", {"agent_email": AGENT})
    assert made["scope"] == "agent"
    assert (await house.ask("whoami", key=made["key"]))["agent_email"] == AGENT


async def test_protection_is_changed_where_it_is_named(house: House) -> None:
    before = await house.ask("get_protection", {"email": HELD_BY})
    changed = await house.ask(
        "update_protection",
        {"email": HELD_BY, "inbound_gate_allowlist": ["example.org"], "outbound_scan_sensitivity": "low"},
    )
    assert changed["outbound"]["require_review"] is True  # what no argument names stays
    assert changed["inbound"]["gate"]["allowlist"] == ["example.org"]
    assert changed["inbound"]["gate"]["policy"] == before["inbound"]["gate"]["policy"]
    assert changed["outbound"]["scan"]["sensitivity"] == "low"


async def test_a_change_that_names_what_it_saw_fails_when_another_was_quicker(house: House) -> None:
    seen = await house.ask("get_contact", calls.CALLS["get_contact"](house.world))
    await house.ask("update_contact", {"address": seen["address"], "display_name": "A", "if_match": seen["etag"]})
    code, _ = await house.refuse(
        "update_contact", {"address": seen["address"], "display_name": "B", "if_match": seen["etag"]}
    )
    assert code == "precondition_failed"
