"""Sending with a template: what leaves is what the template says with this data."""

import json
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest

from tests.api.conftest import Answer, Client
from tests.api.test_sending import AGENT, MESSAGES, Bench, Hand

TO = {"to": ["ada@example.org"]}
REVIEW = {
    "inbound": {"gate": {}, "scan": {}},
    "outbound": {"gate": {}, "scan": {}, "require_review": True},
    "holds": {},
}


@pytest.fixture
async def bench(client: Client, caller: Any, api: Any) -> Bench:
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    hand = Hand(client.services.db)
    client.services.courier = hand
    client.services.public_url = "https://e2ad.test"
    return Bench(client, caller.account_id, hand)


async def store(bench: Bench, **parts: str) -> str:
    body = {"name": "t", "subject": "Order {{id}}", "text": "Dear {{user.name}}, {{id}}", **parts}
    answer = await bench.client.post("/v1/templates", body)
    assert answer.status == 201, answer.text
    return str(answer.json()["id"])


async def send(bench: Bench, raw: bytes | None = None, **body: Any) -> Answer:
    if raw is not None:
        return await bench.client.post(MESSAGES, raw=raw)
    return await bench.client.post(MESSAGES, {**TO, **body})


async def mail(bench: Bench, answer: Answer) -> EmailMessage:
    assert answer.status == 202, answer.text
    return cast(EmailMessage, message_from_bytes(await bench.raw(answer), policy=policy.default))


def text_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


async def test_a_mail_from_a_template(bench: Bench) -> None:
    template_id = await store(bench, alias="order", html="<p>{{user.name}} {{{sign}}} {{none}}</p>")
    data = {"id": 7, "user": {"name": "Ada & <Bob>"}, "sign": "<b>x</b>"}
    for reference in ({"template_id": template_id}, {"template_alias": "order"}):
        answer = await send(bench, **reference, template_data=data)
        sent = await mail(bench, answer)
        assert sent["Subject"] == "Order 7"
        assert text_of(sent, "plain") == "Dear Ada & <Bob>, 7"
        assert text_of(sent, "html") == "<p>Ada &amp; &lt;Bob&gt; <b>x</b> </p>"
        row = await bench.row(answer)
        assert row["subject"] == "Order 7"
        assert row["body_text"].strip() == "Dear Ada & <Bob>, 7"


async def test_without_data_what_is_missing_is_empty(bench: Bench) -> None:
    await store(bench, alias="order")
    for more in ({}, {"template_data": {}}, {"template_data": None}):
        sent = await mail(bench, await send(bench, template_alias="order", **more))
        assert sent["Subject"] == "Order"
        assert text_of(sent, "plain") == "Dear , "
        assert sent.get_body(("html",)) is None


async def test_numbers_are_printed_as_they_came(bench: Bench) -> None:
    await store(bench, alias="order", text="{{price}} {{big}}")
    raw = (
        b'{"to": ["ada@example.org"], "template_alias": "order",'
        b' "template_data": {"price": 19.90, "big": 12345678901234567890123, "id": 1e2}}'
    )
    sent = await mail(bench, await send(bench, raw))
    assert sent["Subject"] == "Order 1e2"
    assert text_of(sent, "plain") == "19.90 12345678901234567890123"


async def test_an_html_part_that_is_empty_is_none(bench: Bench) -> None:
    await store(bench, alias="order", html="{{html}}")
    sent = await mail(bench, await send(bench, template_alias="order"))
    assert sent.get_content_type() == "text/plain"


async def test_data_brings_no_tags_and_no_headers(bench: Bench) -> None:
    await store(bench, alias="order", subject="Re: {{id}}")
    sent = await mail(bench, await send(bench, template_alias="order", template_data={"id": "{{user}}", "user": "x"}))
    assert sent["Subject"] == "Re: {{user}}"
    for evil in ("x\r\nBcc: eve@example.org", "x\n", "\r"):
        answer = await send(bench, template_alias="order", template_data={"id": evil})
        assert (answer.status, answer.code) == (400, "template_render_failed")
        details = answer.json()["error"]["details"]
        assert details["part"] == "subject"
        assert "line break" in details["message"]
    assert len(await bench.rows("messages")) == 1


@pytest.mark.parametrize(
    ("parts", "data", "part"),
    [
        ({"subject": "{{x}}"}, {}, "subject"),
        ({"subject": " {{x}}{{y.z}}"}, {"x": " "}, "subject"),
        ({"text": "{{x}}"}, {"x": ["y"]}, "text"),
    ],
)
async def test_an_empty_mail_is_refused(bench: Bench, parts: dict[str, str], data: Any, part: str) -> None:
    await store(bench, alias="order", **parts)
    answer = await send(bench, template_alias="order", template_data=data)
    assert (answer.status, answer.code) == (400, "template_rendered_empty")
    details = answer.json()["error"]["details"]
    assert details == {"part": part, "variables": ["x", "y.z"] if len(parts[part]) > 5 else ["x"]}
    assert not any((await bench.counts()).values())


def deep(levels: int) -> Any:
    found: Any = "x"
    for _ in range(levels):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (deep(8), 202, ""),
        (deep(9), 400, "template_render_failed"),
        ({"big": "x" * 60_000}, 400, "template_render_failed"),
        ({"big": "x" * 30_000}, 400, "invalid_request"),
        ({"id": "x" * 1990}, 202, ""),
        ({"id": "x" * 2000}, 400, "invalid_request"),
        ([1], 422, "invalid_request"),
        ("x", 422, "invalid_request"),
    ],
)
async def test_limits_hold_for_what_is_rendered(bench: Bench, data: Any, status: int, code: str) -> None:
    await store(bench, alias="order", text="x" + "{{big}}" * 40)
    answer = await send(bench, template_alias="order", template_data=data)
    assert answer.status == status, answer.text
    if code:
        assert answer.code == code
        assert not any((await bench.counts()).values())


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"template_alias": "order", "subject": "x"}, 400, "invalid_request"),
        ({"template_alias": "order", "text": "x"}, 400, "invalid_request"),
        ({"template_alias": "order", "html": "x"}, 400, "invalid_request"),
        ({"template_alias": "order", "template_id": "tmpl_1"}, 400, "invalid_request"),
        ({"subject": "x", "text": "x", "template_data": {}}, 400, "invalid_request"),
        ({"template_alias": "Order"}, 404, "template_not_found"),
        ({"template_alias": "x" * 5000}, 404, "template_not_found"),
        ({"template_id": "order"}, 404, "template_not_found"),
        ({"template_alias": ""}, 400, "invalid_request"),
        ({"template_alias": "order", "subject": "", "text": "", "html": ""}, 202, ""),
    ],
)
async def test_how_a_template_is_named(bench: Bench, body: Any, status: int, code: str) -> None:
    await store(bench, alias="order")
    answer = await send(bench, **body)
    assert answer.status == status, answer.text
    assert not code or answer.code == code


async def test_a_template_of_another_account_is_unknown(bench: Bench, stranger: str) -> None:
    template_id = (
        await bench.client.post(
            "/v1/templates", {"name": "t", "subject": "s", "text": "t", "alias": "theirs"}, key=stranger
        )
    ).json()["id"]
    unknown = await send(bench, template_id="tmpl_" + "0" * 32)
    for reference in ({"template_id": template_id}, {"template_alias": "theirs"}):
        answer = await send(bench, **reference)
        assert (answer.status, answer.code) == (404, "template_not_found")
        assert answer.json()["error"]["message"] == unknown.json()["error"]["message"]


async def test_an_unknown_agent_comes_first(bench: Bench) -> None:
    answer = await bench.client.post("/v1/agents/nobody@agents.localhost/messages", {**TO, "template_alias": "none"})
    assert (answer.status, answer.code) == (404, "not_found")


async def test_an_agents_key_sends_with_them(bench: Bench, api: Any) -> None:
    await store(bench, alias="order")
    agent = await api.make_caller(bench.db, scope="agent", agent_email=AGENT)
    answer = await bench.client.post(MESSAGES, {**TO, "template_alias": "order"}, key=agent.key)
    assert answer.status == 202


async def test_a_person_reviews_the_words_that_leave(bench: Bench) -> None:
    await store(bench, alias="order")
    assert (await bench.client.put(f"/v1/agents/{AGENT}/protection", REVIEW)).status == 200
    held = (await send(bench, template_alias="order", template_data={"id": 7})).json()
    assert held["status"] == "pending_review"
    shown = (await bench.client.get(f"/v1/reviews/{held['message_id']}")).json()
    assert shown["subject"] == "Order 7"
    template = (await bench.client.get("/v1/templates")).json()["items"][0]
    await bench.client.patch(f"/v1/templates/{template['id']}", {"subject": "Changed since"})
    approved = await bench.client.post(f"/v1/reviews/{held['message_id']}/approve", {})
    assert (await mail(bench, approved))["Subject"] == "Order 7"


async def test_a_repeat_is_the_first_answer(bench: Bench) -> None:
    template_id = await store(bench, alias="order")
    headers = {"Idempotency-Key": "once"}
    body = {**TO, "template_alias": "order", "template_data": {"id": 7}}
    first = await bench.client.post(MESSAGES, body, headers=headers)
    await bench.client.delete(f"/v1/templates/{template_id}", query={"confirm": "DELETE"})
    again = await bench.client.post(MESSAGES, body, headers=headers)
    assert (again.status, again.body) == (first.status, first.body)
    assert len(await bench.rows("messages")) == 1
    # A call that failed frees its key.
    other = {"Idempotency-Key": "other"}
    assert (await bench.client.post(MESSAGES, body, headers=other)).code == "template_not_found"
    await store(bench, alias="order")
    assert (await bench.client.post(MESSAGES, body, headers=other)).status == 202


async def test_it_costs_one_statement_more(bench: Bench) -> None:
    await store(bench, alias="order")
    counts = []
    for body in ({"subject": "x", "text": "x"}, {"template_alias": "order"}):
        await send(bench, **body)
        before = bench.db.statements
        assert (await send(bench, **body)).status == 202
        counts.append(bench.db.statements - before)
    assert counts[1] == counts[0] + 1


async def test_what_is_stored_of_a_starter_is_sent(bench: Bench) -> None:
    starter = (await bench.client.get("/v1/starter-templates/verify-code")).json()
    assert (await bench.client.post("/v1/templates", {"from_starter": "verify-code"})).status == 201
    data = {value["name"]: value["example"] for value in starter["variables"]}
    sent = await mail(bench, await send(bench, template_alias="verify-code", template_data=data))
    assert sent["Subject"] == "038 261 is your code for Harbour Notes"
    assert "038 261" in text_of(sent, "plain")
    assert "038 261" in text_of(sent, "html")
    assert json.dumps(data) not in text_of(sent, "html")
