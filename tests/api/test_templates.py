"""Templates: stored, changed, tried, and copied from starters."""

from typing import Any

import pytest
import trio

from e2ad.core.starters import STARTERS
from tests.api.conftest import Answer, Client

ALL = "/v1/templates"
STARTERS_PATH = "/v1/starter-templates"
CONFIRM = {"confirm": "DELETE"}
ORDER = {"name": "Order", "subject": "Order {{id}}", "text": "Dear {{user.name}}"}


async def make(client: Client, **more: Any) -> dict[str, Any]:
    answer = await client.post(ALL, {**ORDER, **more})
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_template_lives(client: Client) -> None:
    answer = await client.post(ALL, {**ORDER, "html": "<p>{{user.name}}</p>", "alias": "order.v1_a-b"})
    made = answer.json()
    assert (answer.status, answer.headers["location"]) == (201, f"{ALL}/{made['id']}")
    assert made["id"].startswith("tmpl_")
    assert len(made["id"]) == 37
    assert made["created_at"] == made["updated_at"]
    assert made == {
        "id": made["id"],
        **ORDER,
        "html": "<p>{{user.name}}</p>",
        "alias": "order.v1_a-b",
        "created_at": made["created_at"],
        "updated_at": made["updated_at"],
    }
    path = f"{ALL}/{made['id']}"
    assert (await client.get(path)).json() == made
    summary = {name: made[name] for name in ("id", "name", "subject", "created_at", "updated_at", "alias")}
    assert (await client.get(ALL)).json() == {"items": [summary], "next_cursor": None}

    changed = (await client.patch(path, {"subject": "Your order {{id}}"})).json()
    assert changed["subject"] == "Your order {{id}}"
    assert changed["updated_at"] > made["updated_at"]
    assert {**changed, "subject": made["subject"], "updated_at": made["updated_at"]} == made
    bare = (await client.patch(path, {"alias": "", "html": "", "name": "Plain"})).json()
    assert set(made) - set(bare) == {"alias", "html"}
    assert (bare["name"], bare["text"]) == ("Plain", ORDER["text"])
    again = (await client.patch(path, {"alias": "order", "html": "<b>", "text": "x"})).json()
    assert (again["alias"], again["html"], again["text"]) == ("order", "<b>", "x")

    assert (await client.delete(path)).status == 422
    gone = await client.delete(path, query=CONFIRM)
    assert (gone.status, gone.json()) == (200, {"deleted": True, "id": made["id"]})
    for answer in (
        await client.get(path),
        await client.patch(path, {"name": "x"}),
        await client.patch(path, {}),
        await client.delete(path, query=CONFIRM),
        await client.get(f"{ALL}/{'x' * 2000}"),
        await client.delete(f"{ALL}/{'x' * 2000}", query=CONFIRM),
    ):
        assert (answer.status, answer.code) == (404, "template_not_found")
    assert (await client.get(f"{ALL}/validate")).code == "template_not_found"


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        ({}, 400, "invalid_request", "name is required"),
        ({**ORDER, "name": ""}, 400, "invalid_request", "name is required"),
        ({**ORDER, "name": " "}, 400, "invalid_request", "name is required"),
        ({**ORDER, "name": None}, 400, "invalid_request", "name is required"),
        ({**ORDER, "name": "é" * 100}, 201, "", ""),
        ({**ORDER, "name": "é" * 100 + "x"}, 400, "invalid_request", "200 bytes"),
        ({**ORDER, "subject": ""}, 400, "invalid_request", "subject is required"),
        ({**ORDER, "subject": None}, 400, "invalid_request", "subject is required"),
        ({**ORDER, "text": ""}, 400, "invalid_request", "text is required"),
        ({**ORDER, "text": "\n"}, 400, "invalid_request", "text is required"),
        ({**ORDER, "html": ""}, 201, "", ""),
        ({**ORDER, "alias": ""}, 201, "", ""),
        ({**ORDER, "alias": None}, 201, "", ""),
        ({**ORDER, "alias": "a" * 128}, 201, "", ""),
        ({**ORDER, "alias": "a" * 129}, 400, "invalid_request", "alias"),
        ({**ORDER, "alias": "1a"}, 400, "invalid_request", "alias"),
        ({**ORDER, "alias": "a b"}, 400, "invalid_request", "alias"),
        ({**ORDER, "alias": "a\n"}, 400, "invalid_request", "alias"),
        ({**ORDER, "alias": "é"}, 400, "invalid_request", "alias"),
        ({**ORDER, "subject": "{{"}, 400, "invalid_template", "subject: line 1, column 1"),
        ({**ORDER, "subject": "a\r\nBcc: b"}, 400, "invalid_template", "one line"),
        ({**ORDER, "text": "a\n {{#if}}"}, 400, "invalid_template", "text: line 2, column 2"),
        ({**ORDER, "html": "{{> x}}"}, 400, "invalid_template", "html: "),
        ({**ORDER, "html": "x" * 262_144}, 201, "", ""),
        ({**ORDER, "html": "x" * 262_145}, 400, "invalid_template", "262144"),
        ({**ORDER, "from_starter": "welcome"}, 400, "invalid_request", "from_starter"),
        ({"from_starter": "welcome", "html": "x"}, 400, "invalid_request", "from_starter"),
        ({"from_starter": "nothing"}, 404, "starter_template_not_found", "starter-templates"),
        ({**ORDER, "from_starter": ""}, 201, "", ""),
        ({**ORDER, "body": "x"}, 422, "invalid_request", "validation failed"),
        ({**ORDER, "name": 7}, 422, "invalid_request", "validation failed"),
    ],
)
async def test_what_a_template_is(client: Client, body: Any, status: int, code: str, words: str) -> None:
    answer = await client.post(ALL, body)
    assert answer.status == status, answer.text
    if status != 201:
        assert answer.code == code
        assert words in answer.json()["error"]["message"]
    if code == "invalid_template":
        details = answer.json()["error"]["details"]
        assert set(details) == {"part", "message"}
        assert answer.json()["error"]["message"] == f"{details['part']}: {details['message']}"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "invalid_request"),
        ({"name": ""}, "invalid_request"),
        ({"name": "x" * 201}, "invalid_request"),
        ({"subject": ""}, "invalid_request"),
        ({"text": " "}, "invalid_request"),
        ({"alias": "-"}, "invalid_request"),
        ({"alias": "taken"}, "alias_taken"),
        ({"subject": "{{!x}}"}, "invalid_template"),
        ({"subject": "a\nb"}, "invalid_template"),
        ({"text": "{{", "name": "new"}, "invalid_template"),
        ({"html": "{{/x}}"}, "invalid_template"),
        ({"from_starter": "welcome"}, "invalid_request"),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(client: Client, change: Any, code: str) -> None:
    await make(client, alias="taken")
    made = await make(client, alias="mine")
    answer = await client.patch(f"{ALL}/{made['id']}", change)
    assert answer.code == code, answer.text
    assert answer.status == (409 if code == "alias_taken" else 422 if "from_starter" in change else 400)
    assert (await client.get(f"{ALL}/{made['id']}")).json() == made


async def test_an_alias_is_one_templates(client: Client, stranger: str) -> None:
    first = await make(client, alias="order")
    answer = await client.post(ALL, {**ORDER, "alias": "order"})
    assert (answer.status, answer.code) == (409, "alias_taken")
    assert "'order'" in answer.json()["error"]["message"]
    assert (await client.patch(f"{ALL}/{first['id']}", {"alias": "order"})).status == 200
    assert (await make(client, alias="Order"))["alias"] == "Order"
    await client.patch(f"{ALL}/{first['id']}", {"alias": ""})
    assert (await make(client, alias="order"))["alias"] == "order"
    client.key = stranger
    assert (await make(client, alias="order"))["alias"] == "order"


async def test_templates_are_the_accounts_own(client: Client, caller: Any, stranger: str, api: Any) -> None:
    made = await make(client, alias="order")
    path = f"{ALL}/{made['id']}"
    own, client.key = client.key, stranger
    assert (await client.get(ALL)).json()["items"] == []
    for answer in (
        await client.get(path),
        await client.patch(path, {"name": "x"}),
        await client.delete(path, query=CONFIRM),
    ):
        assert answer.code == "template_not_found"
    client.key = own
    assert (await client.get(path)).json() == made
    await api.make_agent(client.services.db, caller.account_id, "bot@agents.localhost")
    agent = await api.make_caller(client.services.db, scope="agent", agent_email="bot@agents.localhost")
    assert (await client.get(path, key=agent.key)).code == "forbidden"
    client.key = None
    assert (await client.get(path)).status == 401


async def test_no_more_than_there_is_room_for(client: Client) -> None:
    """Also of many at once, on several connections."""
    for _ in range(8):
        await make(client)
    answers: list[Answer] = []

    async def one(number: int) -> None:
        answers.append(await client.post(ALL, {**ORDER, "alias": f"a{number}"}))

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(one, number)
    assert sorted(answer.status for answer in answers) == [201, 201, 400, 400, 400, 400]
    assert {answer.code for answer in answers if answer.status == 400} == {"template_limit_reached"}
    items = (await client.get(ALL)).json()["items"]
    assert len(items) == 10
    taken = next(item["alias"] for item in items if "alias" in item)
    assert (await client.post(ALL, {**ORDER, "alias": taken})).code == "template_limit_reached"
    await client.delete(f"{ALL}/{items[0]['id']}", query=CONFIRM)
    await make(client)


async def test_of_two_with_one_alias_one_is_first(client: Client) -> None:
    answers: list[Answer] = []

    async def one(body: Any) -> None:
        answers.append(await client.post(ALL, body))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(one, {**ORDER, "alias": "same"})
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_the_list_goes_on_where_it_ended(client: Client, stranger: str) -> None:
    made = [(await make(client, name=f"t{number}"))["id"] for number in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = (await client.get(ALL, query={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await make(client, name="new, and before all that is to come")
    assert seen == made[::-1]
    first = (await client.get(ALL, query={"limit": 1})).json()["next_cursor"]
    for other in (STARTERS_PATH, "/v1/webhooks"):
        assert (await client.get(other, query={"cursor": first})).code == "invalid_cursor"
    assert (await client.get(ALL, query={"cursor": first}, key=stranger)).code == "invalid_cursor"
    assert (await client.get(ALL, query={"limit": 0})).status == 422


async def test_one_statement_a_list(client: Client) -> None:
    for _ in range(10):
        await make(client)
    await client.get(ALL)
    before = client.services.db.statements
    assert len((await client.get(ALL)).json()["items"]) == 10
    assert client.services.db.statements == before + 1


async def test_starters_are_listed_by_alias(client: Client, stranger: str) -> None:
    whole = (await client.get(STARTERS_PATH)).json()
    assert [item["alias"] for item in whole["items"]] == sorted(STARTERS)
    assert whole["next_cursor"] is None
    assert set(whole["items"][0]) == {"alias", "name", "description", "version", "subject", "variables"}
    seen: list[Any] = []
    cursor = None
    for _ in range(4):
        page = (await client.get(STARTERS_PATH, query={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is not None:
            last = cursor
    assert cursor is None
    assert seen == whole["items"]
    assert (await client.get(STARTERS_PATH, query={"cursor": last}, key=stranger)).code == "invalid_cursor"
    assert (await client.get(ALL, query={"cursor": last})).code == "invalid_cursor"
    assert (await client.get(STARTERS_PATH, query={"cursor": "x"})).code == "invalid_cursor"


async def test_a_starter_is_shown_whole(client: Client) -> None:
    one = (await client.get(f"{STARTERS_PATH}/verify-code")).json()
    assert one["version"] == "1.0.0"
    assert "{{code}}" in one["text"]
    assert "{{code}}" in one["html"]
    variable = next(value for value in one["variables"] if value["name"] == "code")
    assert set(variable) == {"name", "required", "raw", "description", "example"}
    assert (variable["required"], variable["raw"]) == (True, False)
    answer = await client.get(f"{STARTERS_PATH}/none")
    assert (answer.status, answer.code) == (404, "starter_template_not_found")


@pytest.mark.parametrize("alias", list(STARTERS))
async def test_a_starter_is_copied(client: Client, alias: str) -> None:
    shown = (await client.get(f"{STARTERS_PATH}/{alias}")).json()
    made = (await client.post(ALL, {"from_starter": alias})).json()
    for name in ("name", "alias", "subject", "text", "html"):
        assert made[name] == shown[name]
    assert (made["from_starter_alias"], made["from_starter_version"]) == (alias, "1.0.0")
    assert (await client.post(ALL, {"from_starter": alias})).code == "alias_taken"
    other = (await client.post(ALL, {"from_starter": alias, "name": "Mine", "alias": "mine", "html": ""})).json()
    assert (other["name"], other["alias"], other["html"]) == ("Mine", "mine", shown["html"])
    edited = (await client.patch(f"{ALL}/{made['id']}", {"subject": "x"})).json()
    assert edited["from_starter_alias"] == alias


async def check(client: Client, **body: Any) -> Any:
    answer = await client.post(f"{ALL}/validate", body)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_sources_are_tried(client: Client) -> None:
    found = await check(
        client,
        subject="{{a}}",
        text="{{a.b}} {{c.d}}",
        html="<i>{{{c.d}}}{{c.d}}</i>",
        test_data={"c": {"d": "<&"}, "a": 1},
    )
    assert found == {
        "valid": True,
        "errors": [],
        "rendered": {"subject": "1", "text": " <&", "html": "<i><&&lt;&amp;</i>"},
        "suggested_data": {"a": {"b": "b_value"}, "c": {"d": "d_value"}},
    }
    assert await check(client) == {
        "valid": True,
        "errors": [],
        "rendered": {"subject": "", "text": ""},
        "suggested_data": {},
    }
    assert (await check(client, text="Hi {{name}}", test_data=None))["rendered"] == {"subject": "", "text": "Hi "}
    assert (await client.get(ALL)).json()["items"] == []


async def test_each_part_has_its_mistake(client: Client) -> None:
    found = await check(client, subject="{{", text="ok {{a}}", html="x\n{{#b}}")
    assert found["valid"] is False
    assert [error["part"] for error in found["errors"]] == ["subject", "html"]
    assert found["errors"][1]["message"].startswith("line 2, column 1: ")
    assert "rendered" not in found
    assert found["suggested_data"] == {"a": "a_value"}


async def test_data_that_does_not_fit_is_told(client: Client) -> None:
    """The sources are good all the same."""
    found = await check(client, subject="{{a}}", text="{{a}}", test_data={"a": "x\ny"})
    assert (found["valid"], [error["part"] for error in found["errors"]]) == (True, ["subject"])
    assert "rendered" not in found
    deep: Any = "x"
    for _ in range(9):
        deep = {"a": deep}
    found = await check(client, text="{{a}}", test_data=deep)
    assert "8 deep" in found["errors"][0]["message"]
    found = await check(client, text="{{a}}" * 50_000, test_data={"a": "x" * 50})
    assert "2097152" in found["errors"][0]["message"]
    assert (await client.post(f"{ALL}/validate", {"test_data": [1]})).status == 422


async def test_numbers_are_printed_as_they_came(client: Client) -> None:
    raw = (
        b'{"test_data": {"a": 0}, "text": "{{a}} {{b}} {{c.d}} {{e}} {{f}} {{g}}", "test_data": {"a": 19.90, "b": 1e3,'
        b' "c": {"d": 12345678901234567890123}, "e": -0.50, "f": true, "g": null}}'
    )
    found = (await client.post(f"{ALL}/validate", raw=raw)).json()
    assert found["rendered"]["text"] == "19.90 1e3 12345678901234567890123 -0.50 true "
