"""Sending over `/v1`: codes, statuses, and what is in the tables afterwards."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
import trio
from attrs import define, evolve, field

from e2ad.api.app import build_app
from e2ad.core import mime, signing
from e2ad.core.compose import compose
from e2ad.core.errors import Unavailable
from e2ad.core.outbound import Draft, DraftAttachment, SentAs
from e2ad.gateway import acceptance
from e2ad.gateway import sending as verbs
from e2ad.storage import sending as storage
from tests import factories
from tests.api.conftest import Answer, Client

AGENT = "bot@agents.localhost"
MESSAGES = f"/v1/agents/{AGENT}/messages"
BODY: Mapping[str, Any] = {"to": ["ada@example.org"], "subject": "Hi", "text": "Hello"}
TABLES = ("messages", "contents", "submissions", "recipients", "lifecycle", "events", "holds", "unsubscribe_tokens")


@define
class Hand:
    """A courier that notes what it is told, and does what a test says with mail to carry."""

    db: Any
    kicks: int = 0
    carried: list[str] = field(factory=list)
    outcome: str = "sent"

    def kick(self) -> None:
        self.kicks += 1

    async def carry(self, account_id: str, message_id: str) -> None:
        self.carried.append(message_id)
        if self.outcome == "elsewhere":
            raise Unavailable
        await settle(self.db, message_id, self.outcome)


async def settle(db: Any, message_id: str, status: str, detail: str | None = None) -> None:
    """What a dispatcher would write."""
    await db.execute(
        "update submissions set status = %(status)s, detail = %(detail)s, next_attempt_at = null,"
        " submitted_at = case when %(status)s = 'failed' then null else now() end where message_id = %(id)s",
        {"id": message_id, "status": status, "detail": detail},
    )


@define
class Bench:
    """An agent, its API, and a look into the tables."""

    client: Client
    account_id: str
    hand: Hand

    @property
    def db(self) -> Any:
        return self.client.services.db

    async def send(self, body: Mapping[str, Any] | None = None, **more: Any) -> Answer:
        headers = more.pop("headers", None)
        query = more.pop("query", None)
        return await self.client.post(MESSAGES, {**(body or BODY), **more}, headers=headers, query=query)

    async def reply(self, parent: str, **body: Any) -> Answer:
        return await self.client.post(f"{MESSAGES}/{parent}/reply", {"text": "Thanks", **body})

    async def forward(self, parent: str, **body: Any) -> Answer:
        return await self.client.post(f"{MESSAGES}/{parent}/forward", {"to": ["eve@x.test"], "text": "FYI", **body})

    async def rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.db.fetch_all(f"select * from {table}", prepare=False)
        return found

    async def only(self, table: str) -> dict[str, Any]:
        (row,) = await self.rows(table)
        return row

    async def row(self, answer: Answer) -> dict[str, Any]:
        message_id = answer.json()["message_id"]
        return next(row for row in await self.rows("messages") if row["id"] == message_id)

    async def raw(self, answer: Answer) -> bytes:
        sha256 = (await self.row(answer))["content_sha256"]
        return next(bytes(row["raw"]) for row in await self.rows("contents") if row["sha256"] == sha256)

    async def counts(self) -> dict[str, int]:
        return {table: len(await self.rows(table)) for table in TABLES}

    async def inbound(self, **columns: Any) -> str:
        return await factories.message(self.db, self.account_id, AGENT, **columns)

    def configure(self, **sections: Any) -> None:
        config = self.client.services.config
        self.client.services.config = attrs.evolve(
            config, **{name: attrs.evolve(getattr(config, name), **values) for name, values in sections.items()}
        )


@pytest.fixture
async def bench(client: Client, caller: Any, api: Any) -> Bench:
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    hand = Hand(client.services.db)
    client.services.courier = hand
    client.services.public_url = "https://e2ad.test"
    return Bench(client, caller.account_id, hand)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def file(data: bytes = b"abc", filename: str = "a.txt", content_type: str = "text/plain") -> dict[str, str]:
    return {"filename": filename, "content_type": content_type, "data": b64(data)}


async def test_a_mail_is_accepted_with_all_that_belongs_to_it(bench: Bench) -> None:
    answer = await bench.send(
        to=["Ada <Ada@Example.org>", "bob@example.com"], cc=["ada@example.org", AGENT], bcc=["c@d.test"]
    )
    message_id = answer.json()["message_id"]
    assert (answer.status, answer.json()) == (202, {"status": "accepted", "message_id": message_id, "method": "smtp"})
    row = await bench.row(answer)
    assert (row["to_addresses"], row["cc_addresses"], row["bcc_addresses"]) == (
        ["ada@example.org", "bob@example.com"],
        [],
        ["c@d.test"],
    )
    assert (row["direction"], row["method"], row["message_type"], row["delivered_to"]) == (
        "outbound",
        "smtp",
        "send",
        "ada@example.org",
    )
    raw = await bench.raw(answer)
    parsed = mime.parse(raw)
    assert hashlib.sha256(raw).digest() == bytes(row["content_sha256"])
    assert parsed.message_id == row["message_id"]
    assert parsed.to == ("ada@example.org", "bob@example.com")
    assert b"c@d.test" not in raw
    submission = await bench.only("submissions")
    assert (submission["status"], submission["sent_as"], submission["signing_domain"]) == (
        "accepted",
        "own_address",
        "agents.localhost",
    )
    assert submission["return_path"] == f"bounces+{submission['return_token']}@agents.localhost"
    assert submission["next_attempt_at"] == submission["accepted_at"]
    places = {(one["address"], one["place"], one["route"], one["status"]) for one in await bench.rows("recipients")}
    assert places == {
        ("ada@example.org", "to", "relay", "pending"),
        ("bob@example.com", "to", "relay", "pending"),
        ("c@d.test", "bcc", "relay", "pending"),
    }
    assert {one["reason_code"] for one in await bench.rows("lifecycle")} == {
        "acceptance.outbound_api",
        "queue.outbound_submission",
    }
    steps = (await bench.client.get(f"{MESSAGES}/{message_id}/lifecycle")).json()["items"]
    assert [one["stage"] for one in steps] == ["accepted", "queued"]
    usage = await bench.only("account_usage")
    assert (usage["messages_month"], usage["messages_day"], usage["storage_bytes"]) == (3, 3, len(raw))
    assert bench.hand.kicks == 1
    account = (await bench.client.get("/v1/account")).json()
    assert account["usage"]["messages_month"] == 3


async def test_the_normal_way_is_one_look_and_one_write(bench: Bench) -> None:
    await bench.send()
    before = bench.db.statements
    assert (await bench.send()).status == 202
    # The rate comes in chunks: its statement is not needed for each send.
    assert bench.db.statements - before <= 3


async def test_it_is_seen_in_the_list_and_alone(bench: Bench) -> None:
    answer = await bench.send()
    message_id = answer.json()["message_id"]
    listed = (await bench.client.get(MESSAGES, query={"direction": "outbound"})).json()["items"]
    (shown,) = listed
    assert shown["id"] == message_id
    assert (shown["delivery_status"], shown["review_status"], shown["sent_as"], shown["read_status"]) == (
        "accepted",
        "sent",
        "own_address",
        "",
    )
    assert shown["conversation_id"].startswith("conv_")
    assert "scheduled_at" not in shown
    await settle(bench.db, message_id, "bounced", "550 5.1.1 no such user")
    message = (await bench.client.get(f"{MESSAGES}/{message_id}")).json()
    assert (message["delivery_status"], message["delivery_detail"]) == ("bounced", "550 5.1.1 no such user")
    assert (message["reply_to"], message["authentication"], message["method"]) == ([], None, "smtp")
    assert message["envelope_from"].startswith("bounces+")
    assert "bcc" not in message
    assert base64.b64decode(message["raw_message"]).startswith(b"From: bot@agents.localhost\r\n")
    conversation = (await bench.client.get(f"/v1/agents/{AGENT}/conversations/{shown['conversation_id']}")).json()
    assert conversation["messages"][0]["delivery_status"] == "bounced"


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"to": ["nobody"]}, 400, "invalid_recipient"),
    ({"to": ["a@b.test\r\nBcc: eve@evil.test"]}, 400, "invalid_recipient"),
    ({"to": ["x: a@b.test;"]}, 400, "invalid_recipient"),
    ({"to": ["a@b.test, c@d.test"]}, 400, "invalid_recipient"),
    ({"to": ["x" * 65 + "@b.test"]}, 400, "invalid_recipient"),
    ({"to": []}, 400, "invalid_recipient"),
    ({"to": [], "bcc": ["a@b.test"]}, 400, "invalid_recipient"),
    ({"to": [], "cc": [AGENT]}, 400, "invalid_recipient"),
    ({"to": ["n" * 320 + " <a@b.test>"]}, 422, "invalid_request"),
    ({"to": [f"a{n}@b.test" for n in range(51)]}, 400, "too_many_recipients"),
    ({"cc": [f"a{n}@b.test" for n in range(50)]}, 400, "too_many_recipients"),
    ({"subject": ""}, 400, "invalid_request"),
    ({"subject": " "}, 400, "invalid_request"),
    ({"subject": None}, 400, "invalid_request"),
    ({"subject": "a\r\nBcc: eve@evil.test"}, 400, "invalid_request"),
    ({"subject": "a\nb"}, 400, "invalid_request"),
    ({"subject": "x" * 2001}, 422, "invalid_request"),
    ({"text": ""}, 400, "invalid_request"),
    ({"text": None}, 400, "invalid_request"),
    ({"text": "x" * 1_048_577}, 422, "invalid_request"),
    ({"reply_to": "a@b.test\r\nBcc: x@y.test"}, 400, "invalid_request"),
    ({"reply_to": ["a@b.test"] * 6}, 400, "invalid_request"),
    ({"reply_to": 5}, 422, "invalid_request"),
    ({"conversation_id": "a\nb"}, 400, "invalid_request"),
    ({"conversation_id": "c" * 201}, 422, "invalid_request"),
    ({"attachments": [file(filename="a\r\nb")]}, 400, "invalid_request"),
    ({"attachments": [file(filename="")]}, 400, "invalid_request"),
    ({"attachments": [file(content_type="text/plain\r\nX: y")]}, 400, "invalid_request"),
    ({"attachments": [{**file(), "data": "no base64!"}]}, 400, "invalid_attachment"),
    ({"attachments": [{**file(), "data": "YWJ"}]}, 400, "invalid_attachment"),
    ({"attachments": [{**file(), "data": "YWJj\u00e4"}]}, 400, "invalid_attachment"),
    ({"attachments": [{**file(), "data": "_-__"}]}, 400, "invalid_attachment"),
    ({"attachments": [{"filename": "a", "data": ""}]}, 422, "invalid_request"),
    ({"unsubscribe": {"mode": "other"}}, 422, "invalid_request"),
    ({"unsubscribe": None}, 422, "invalid_request"),
    ({"unsubscribe": {"mode": "managed"}, "cc": ["c@d.test"]}, 400, "invalid_request"),
    ({"send_at": "tomorrow"}, 422, "invalid_request"),
    ({"send_at": "2026-07-01T12:00:00"}, 422, "invalid_request"),
    ({"from": "ceo@bank.test"}, 422, "invalid_request"),
    ({"template_id": "tmpl_1", "template_alias": "x", "subject": None, "text": None}, 400, "invalid_request"),
    ({"template_id": "tmpl_1"}, 400, "invalid_request"),
    ({"template_data": {"a": 1}}, 400, "invalid_request"),
    ({"template_id": "tmpl_1", "subject": None, "text": None}, 404, "template_not_found"),
    ({"template_alias": "welcome", "subject": None, "text": None}, 404, "template_not_found"),
]


@pytest.mark.parametrize(("change", "status", "code"), REFUSED)
async def test_a_request_that_breaks_a_rule_leaves_nothing(
    bench: Bench, change: dict[str, Any], status: int, code: str
) -> None:
    answer = await bench.send(**change)
    assert (answer.status, answer.code) == (status, code), answer.text
    assert not any((await bench.counts()).values())
    assert bench.hand.kicks == 0
    assert not any(row["messages_month"] or row["storage_bytes"] for row in await bench.rows("account_usage"))


async def test_which_entry_is_wrong(bench: Bench) -> None:
    answer = await bench.send(to=["a@b.test"], cc=["c@d.test", "nobody"])
    assert "cc[1]" in answer.json()["error"]["message"]
    answer = await bench.send(attachments=[file()] * 11)
    assert (answer.status, answer.code, answer.fields) == (400, "invalid_request", ["body.attachments"])
    answer = await bench.send(to=[f"a{n}@b.test" for n in range(51)])
    assert answer.json()["error"]["details"] == {"max_recipients": 50, "provided": 51}


async def test_sizes(bench: Bench) -> None:
    ten = 10_485_760
    answer = await bench.send(attachments=[file(b"x" * (ten + 1), "big.bin")])
    assert (answer.status, answer.code) == (413, "payload_too_large")
    assert answer.json()["error"]["details"] == {
        "scope": "attachment",
        "actual_bytes": ten + 1,
        "max_bytes": ten,
        "filename": "big.bin",
    }
    third = b"x" * (ten - 1_000_000)
    answer = await bench.send(attachments=[file(third)] * 3)
    assert answer.json()["error"]["details"]["scope"] == "attachments_total"
    answer = await bench.send(attachments=[file(b"x" * (ten - 5), "a"), file(b"y", "b")])
    assert answer.json()["error"]["details"] == {
        "scope": "composed_message",
        "actual_bytes": ten + 3,
        "max_bytes": ten,
    }
    assert not any((await bench.counts()).values())
    answer = await bench.send(attachments=[file(b"x" * (ten - 8), "a"), file(b"y", "b")])
    assert answer.status == 202, answer.text


LARGE = "grüße\n" * 50_000


def off_loop(monkeypatch: pytest.MonkeyPatch, draft: str) -> list[bool]:
    """Whether the rules `draft`, and after them composing, were left to another thread, as it comes to pass."""
    loop, seen = threading.get_ident(), list[bool]()

    def noting(work: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **named: Any) -> Any:
            seen.append(threading.get_ident() != loop)
            return work(*arguments, **named)

        return noted

    monkeypatch.setattr(verbs, draft, noting(getattr(verbs, draft)))
    monkeypatch.setattr(acceptance, "compose", noting(acceptance.compose))
    return seen


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, False),
        ({"text": LARGE}, True),
        ({"html": LARGE}, True),
        ({"attachments": [{"filename": "a", "content_type": "text/plain", "data": "QUFB" * 90_000}]}, True),
    ],
)
async def test_large_mail_does_not_stop_the_event_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, body: Mapping[str, Any], expected: bool
) -> None:
    seen = off_loop(monkeypatch, "send_draft")
    assert (await bench.send(**body)).status == 202
    assert seen == [expected, expected]


async def test_large_mail_is_quoted_off_the_event_loop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = off_loop(monkeypatch, "reply_draft")
    assert (await bench.reply(await bench.inbound(body_text=LARGE), quote_history=True)).status == 202
    assert (await bench.reply(await bench.inbound())).status == 202
    assert seen == [True, True, False, False]


async def test_attachments_can_be_read_back(bench: Bench) -> None:
    spaced = {**file(), "data": " YW\r\nJj "}
    answer = await bench.send(
        attachments=[spaced, file(b"\0\1", "übung.bin", "application/x-thing")], html="<b>Hello</b>"
    )
    assert answer.status == 202
    message_id = answer.json()["message_id"]
    metas = (await bench.client.get(f"{MESSAGES}/{message_id}")).json()["attachments"]
    assert [(meta["filename"], meta["size_bytes"]) for meta in metas] == [("a.txt", 3), ("übung.bin", 2)]
    inline = await bench.client.get(f"{MESSAGES}/{message_id}/attachments/1", query={"inline": "true"})
    assert base64.b64decode(inline.json()["data"]) == b"\0\1"


async def test_names_of_any_script_pass_through_safely(bench: Bench) -> None:
    await bench.db.execute("update agents set name = %(name)s", {"name": 'Пётр "раypal"\u202e <ceo@bank.test>'})
    answer = await bench.send(subject="Grüße \u202e 你好", to=["ä@bücher.example"])
    assert answer.status == 202
    parsed = mime.parse(await bench.raw(answer))
    assert parsed.header_from == AGENT
    assert "\u202e" not in parsed.sender_name
    assert parsed.to == ("ä@xn--bcher-kva.example",)
    assert (await bench.only("submissions"))["smtputf8"]


async def test_reply_to_may_be_one_or_several(bench: Bench) -> None:
    answer = await bench.send(reply_to="Desk <desk@example.org>")
    assert mime.parse(await bench.raw(answer)).reply_to == ("desk@example.org",)
    answer = await bench.send(reply_to=["a@x.test", "b@x.test"])
    assert mime.parse(await bench.raw(answer)).reply_to == ("a@x.test", "b@x.test")
    answer = await bench.send()
    assert mime.parse(await bench.raw(answer)).reply_to == (AGENT,)


@pytest.mark.parametrize("path", ["", "/msg_x/reply", "/msg_x/forward"])
async def test_foreign_agents_are_not_there(bench: Bench, stranger: str, path: str) -> None:
    bench.client.key = stranger
    answer = await bench.client.post(
        MESSAGES + path,
        {**BODY, "to": ["nobody"]} if not path else {"text": "x", "to": []} if "forward" in path else {"text": "x"},
    )
    assert answer.code == "not_found"
    assert (await bench.client.post(f"/v1/agents/{AGENT}/test")).code == "not_found"
    assert not any((await bench.counts()).values())


async def test_an_agents_key_sends_for_itself_alone(bench: Bench, api: Any) -> None:
    other = "other@agents.localhost"
    await api.make_agent(bench.db, bench.account_id, other)
    bench.client.key = (await api.make_caller(bench.db, scope="agent", agent_email=AGENT)).key
    assert (await bench.send()).status == 202
    assert (await bench.client.post(f"/v1/agents/{other}/messages", dict(BODY))).status == 403


async def test_a_domain_that_is_not_verified(bench: Bench) -> None:
    await bench.db.execute("update domains set verified = false")
    answer = await bench.send()
    assert (answer.status, answer.code) == (403, "domain_not_verified")
    assert not any((await bench.counts()).values())


async def test_in_whose_name(bench: Bench, api: Any) -> None:
    mine = "bot@own.test"
    await api.make_agent(bench.db, bench.account_id, mine)
    path = f"/v1/agents/{mine}/messages"
    first = await bench.client.post(path, dict(BODY))
    parsed = mime.parse(await bench.raw(first))
    assert (parsed.header_from, parsed.sender_name, parsed.reply_to) == (
        "agent@agents.localhost",
        "bot@own.test via e2a",
        (mine,),
    )
    assert str(parsed.message_id).endswith("@agents.localhost>")
    await bench.db.execute(
        "update domains set sending_status = 'verified', bounce_verified = true where domain = 'own.test'"
    )
    second = await bench.client.post(path, dict(BODY))
    parsed = mime.parse(await bench.raw(second))
    assert parsed.header_from == mine
    assert str(parsed.message_id).endswith("@own.test>")
    submissions = {row["message_id"]: row for row in await bench.rows("submissions")}
    one, two = submissions[first.json()["message_id"]], submissions[second.json()["message_id"]]
    assert (one["sent_as"], one["signing_domain"]) == ("relay", "agents.localhost")
    assert (two["sent_as"], two["signing_domain"]) == ("own_address", "own.test")
    assert two["return_path"].endswith("@bounce.own.test")


async def test_who_is_inside(bench: Bench, api: Any) -> None:
    await api.make_agent(bench.db, bench.account_id, "desk@sub.own.test")
    await bench.db.execute("update domains set domain = domain")
    for domain, verified in (("agents.localhost", True), ("lapsed.test", False)):
        await factories.domain(bench.db, domain, verified=verified)
    await factories.agent(bench.db, bench.account_id, "x@lapsed.test")
    to = ["desk@sub.own.test", "desk+tag@sub.own.test", "nobody@agents.localhost", "x@lapsed.test", "p@example.org"]
    assert (await bench.send(to=to)).status == 202
    routes = {row["address"]: row["route"] for row in await bench.rows("recipients")}
    assert routes == dict(zip(to, ["inside", "inside", "inside", "relay", "relay"], strict=True))


async def test_the_order_of_checks(bench: Bench) -> None:
    """Everything is wrong at once; each thing that is put right brings the next to light."""
    db = bench.db
    await db.execute("update agents set deleted_at = now()")
    await db.execute("update domains set verified = false")
    await db.execute("update accounts set max_messages_month = 0")
    await factories.insert(
        db, "suppressions", {"account_id": bench.account_id, "address": "ada@example.org", "source": "manual"}
    )
    gate = '{"outbound": {"gate": {"policy": "allowlist", "action": "block", "allowlist": []}}}'
    await db.execute("update agents set protection = %(gate)s::jsonb", {"gate": gate})
    wish: dict[str, Any] = {"subject": "", "unsubscribe": {"mode": "managed"}, "bcc": ["b@x.test"]}
    bench.configure(rate_limits={"send_per_minute": 3})
    found = []
    for step in ("agent", "rule", "rate", "domain", "quota", "unsubscribe", "suppression", "gate"):
        if step == "rate":
            spent = [(await bench.send(**wish)).code for _ in range(3)]
            assert spent == ["domain_not_verified"] * 3
        found.append((await bench.send(**wish)).code)
        match step:
            case "agent":
                await db.execute("update agents set deleted_at = null")
            case "rule":
                wish["subject"] = "Hi"
            case "rate":
                bench.configure(rate_limits={"send_per_minute": 0})
            case "domain":
                await db.execute("update domains set verified = true")
            case "quota":
                await db.execute("update accounts set max_messages_month = null")
            case "unsubscribe":
                del wish["unsubscribe"]
            case "suppression":
                await db.execute("delete from suppressions")
            case "gate":
                pass
    assert found == [
        "not_found",
        "invalid_request",
        "rate_limited",
        "domain_not_verified",
        "limit_exceeded",
        "invalid_request",
        "recipient_suppressed",
        "blocked_by_policy",
    ]
    assert await bench.counts() == {**dict.fromkeys(TABLES, 0), "events": 1}


async def test_quotas(bench: Bench) -> None:
    await bench.db.execute("update accounts set max_messages_month = 3, plan_code = 'small', upgrade_url = 'https://u'")
    assert (await bench.send(cc=["b@x.test"])).status == 202
    answer = await bench.send(cc=["b@x.test"])
    assert (answer.status, answer.code) == (402, "limit_exceeded")
    assert answer.json()["error"]["details"] == {
        "resource": "messages_month",
        "limit": 3,
        "current": 2,
        "plan_code": "small",
        "upgrade_url": "https://u",
    }
    assert (await bench.send()).status == 202
    await bench.db.execute("update account_usage set month = '2020-01-01', day = '2020-01-01'")
    assert (await bench.send()).status == 202
    usage = await bench.only("account_usage")
    assert (usage["messages_month"], usage["messages_day"]) == (1, 1)
    await bench.db.execute("update accounts set max_messages_day = 1")
    assert (await bench.send()).json()["error"]["details"]["resource"] == "messages_day"
    await bench.db.execute("update accounts set max_messages_day = null, max_storage_bytes = 1500")
    counts = await bench.counts()
    answer = await bench.send(text="x" * 1000)
    assert answer.json()["error"]["details"]["resource"] == "storage_bytes"
    assert await bench.counts() == counts


async def test_two_sends_at_once_do_not_share_the_last_place(bench: Bench) -> None:
    await bench.db.execute("update accounts set max_messages_month = 4")
    answers: list[Answer] = []

    async def one() -> None:
        answers.append(await bench.send(headers={"Idempotency-Key": f"k{len(answers)}"} if len(answers) % 2 else None))

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(one)
    assert sorted(answer.status for answer in answers) == [202] * 4 + [402] * 8
    assert (await bench.only("account_usage"))["messages_month"] == 4
    assert len(await bench.rows("messages")) == len(await bench.rows("submissions")) == 4


async def test_the_rate_is_the_agents(bench: Bench) -> None:
    bench.configure(rate_limits={"send_per_minute": 2})
    assert [(await bench.send()).status for _ in range(2)] == [202, 202]
    answer = await bench.send()
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert answer.json()["error"]["details"]["retry_after_seconds"] >= 1
    assert int(answer.headers["retry-after"]) >= 1
    assert len(await bench.rows("messages")) == 2
    await bench.db.execute("update accounts set account_class = 'internal'")
    assert (await bench.send()).status == 202


async def test_suppressed_addresses_are_named(bench: Bench) -> None:
    for address, agent in (("ada@example.org", ""), ("bob@example.org", AGENT), ("c@x.test", "other@agents.localhost")):
        await factories.insert(
            bench.db,
            "suppressions",
            {"account_id": bench.account_id, "address": address, "agent_email": agent, "source": "manual"},
        )
    answer = await bench.send(to=["Ada@example.org", "c@x.test"], cc=["bob@example.org"])
    assert (answer.status, answer.code) == (422, "recipient_suppressed")
    message = answer.json()["error"]["message"]
    assert "ada@example.org" in message
    assert "bob@example.org" in message
    assert "c@x.test" not in message
    assert not any((await bench.counts()).values())
    assert (await bench.send(to=["c@x.test"])).status == 202


async def test_managed_unsubscribe_keeps_only_the_hash(bench: Bench) -> None:
    answer = await bench.send(unsubscribe={"mode": "managed"}, html="<p>Hello</p>")
    assert answer.status == 202
    raw = await bench.raw(answer)
    (field_value,) = mime.header_values(raw, "List-Unsubscribe")
    url = field_value.strip("<>")
    assert url.startswith("https://e2ad.test/u/u1_")
    assert mime.header_values(raw, "List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    token = await bench.only("unsubscribe_tokens")
    assert bytes(token["token_sha256"]) == hashlib.sha256(url.rpartition("/")[2].encode()).digest()
    assert (token["agent_email"], token["address"]) == (AGENT, "ada@example.org")
    assert (await bench.send(unsubscribe={"mode": "managed"})).status == 202
    assert len(await bench.rows("unsubscribe_tokens")) == 1
    bench.client.services.public_url = ""
    assert (await bench.send(unsubscribe={"mode": "managed"})).status == 400


def rfc3339(at: datetime) -> str:
    return at.isoformat()


async def test_a_schedule(bench: Bench) -> None:
    at = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    answer = await bench.send(send_at=rfc3339(at), query={"wait": "sent"})
    body = answer.json()
    assert (answer.status, body["status"], body["scheduled_at"]) == (202, "scheduled", at.isoformat()[:-6] + "Z")
    submission = await bench.only("submissions")
    assert (submission["scheduled_at"], submission["next_attempt_at"], submission["status"]) == (at, at, "accepted")
    shown = (await bench.client.get(f"{MESSAGES}/{body['message_id']}")).json()
    assert (shown["scheduled_at"], shown["delivery_status"]) == (body["scheduled_at"], "accepted")
    assert mime.parse(await bench.raw(answer)).sent_at == at


async def test_when_a_schedule_is_none(bench: Bench) -> None:
    now = datetime.now(UTC)
    past = await bench.send(send_at=rfc3339(now - timedelta(days=400)))
    assert past.json()["status"] == "accepted"
    far = await bench.send(send_at=rfc3339(now + timedelta(days=91)))
    assert (far.status, far.code) == (400, "invalid_request")
    alone = await bench.send(to=[AGENT], send_at=rfc3339(now + timedelta(hours=1)))
    assert (alone.status, alone.code) == (400, "invalid_request")
    assert len(await bench.rows("messages")) == 1


@pytest.mark.parametrize(
    ("row", "status", "told"), [("sent", 200, "sent"), ("delivered", 200, "sent"), ("failed", 200, "failed")]
)
async def test_waiting_until_it_has_left(bench: Bench, row: str, status: int, told: str) -> None:
    async def dispatch() -> None:
        while not (found := await bench.rows("submissions")):
            await trio.sleep(0.01)
        await settle(bench.db, found[0]["message_id"], row)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatch)
        answer = await bench.send(query={"wait": "sent"})
    assert (answer.status, answer.json()["status"]) == (status, told)
    assert answer.json()["sent_as"] == "own_address"


async def test_waiting_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs.Sending.wait, "__defaults__", (0.2,))
    answer = await bench.send(query={"wait": "sent"})
    assert (answer.status, answer.json()["status"]) == (202, "accepted")


async def test_the_same_request_twice_is_one_mail(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = await bench.send(headers=key), await bench.send(headers=key, query={"wait": "sent"})
    assert first.status == second.status == 202
    assert first.body == second.body
    assert len(await bench.rows("messages")) == 1
    other = await bench.send(subject="Other", headers=key)
    assert (other.status, other.code) == (422, "idempotency_key_reuse")


async def test_a_refused_request_frees_its_key(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    await bench.db.execute("update accounts set max_messages_month = 0")
    assert (await bench.send(headers=key)).status == 402
    await bench.db.execute("update accounts set max_messages_month = null")
    assert (await bench.send(headers=key)).status == 202


async def test_key_and_mail_are_one_transaction(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: Any) -> bool:
        return False

    monkeypatch.setattr("e2ad.storage.sending.accept", gone)
    assert (await bench.send(headers={"Idempotency-Key": "once"})).status == 404
    assert await bench.rows("idempotency_keys") == []
    assert not any((await bench.counts()).values())


async def test_an_agent_that_goes_away_between_look_and_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = storage.accept

    async def late(executor: Any, new: Any) -> bool:
        await bench.db.execute("update agents set deleted_at = now()")
        return await accept(executor, new)

    monkeypatch.setattr("e2ad.storage.sending.accept", late)
    assert (await bench.send()).status == 404
    assert not any((await bench.counts()).values())


async def test_mail_to_oneself(bench: Bench) -> None:
    key = {"Idempotency-Key": "once"}
    answer = await bench.send(to=[f"Me <{AGENT}>"], cc=[AGENT], headers=key)
    message_id, submission = answer.json()["message_id"], await bench.only("submissions")
    assert (answer.status, answer.json()) == (
        200,
        {
            "status": "sent",
            "message_id": message_id,
            "method": "loopback",
            "sent_as": "own_address",
            "provider_message_id": submission["provider_message_id"],
        },
    )
    assert submission["provider_message_id"].endswith("@loopback.agents.localhost>")
    assert bench.hand.carried == [message_id]
    assert [row["reason_code"] for row in await bench.rows("lifecycle")] == ["acceptance.local_loopback"]
    again = await bench.send(to=[f"Me <{AGENT}>"], cc=[AGENT], headers=key)
    assert (again.status, again.body) == (200, answer.body)
    bench.hand.outcome = "failed"
    assert (await bench.send(to=[AGENT])).json()["status"] == "failed"
    bench.hand.outcome = "accepted"
    late = await bench.send(to=[AGENT])
    assert (late.status, late.json()["status"]) == (202, "accepted")


async def test_mail_to_oneself_that_another_carries(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.hand.outcome = "elsewhere"

    async def another() -> None:
        while not bench.hand.kicks:
            await trio.sleep(0.01)
        await settle(bench.db, bench.hand.carried[0], "sent")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(another)
        answer = await bench.send(to=[AGENT])
    assert (answer.status, answer.json()["status"]) == (200, "sent")
    monkeypatch.setattr(verbs, "LOOPBACK_SECONDS", 0.1)
    late = await bench.send(to=[AGENT])
    assert (late.status, late.json()["status"], late.json()["method"]) == (202, "accepted", "loopback")


async def test_the_platform_writes_to_an_agent(bench: Bench) -> None:
    answer = await bench.client.post(f"/v1/agents/{AGENT}/test")
    assert (answer.status, answer.json()["status"], answer.json()["method"]) == (202, "accepted", "smtp")
    parsed = mime.parse(await bench.raw(answer))
    assert (parsed.header_from, parsed.to) == ("noreply@agents.localhost", (AGENT,))
    assert (await bench.row(answer))["message_type"] == "test"
    assert (await bench.only("recipients"))["route"] == "inside"
    assert bench.hand.carried == []


async def test_the_conversation(bench: Bench) -> None:
    fresh = await bench.row(await bench.send())
    assert fresh["conversation_id"].startswith("conv_")
    assert not fresh["threaded"]
    named = await bench.row(await bench.send(conversation_id="ticket-7"))
    assert (named["conversation_id"], named["threaded"]) == ("ticket-7", True)
    mine = "bot@agents.localhost"
    parent = await bench.inbound()
    (before,) = [row for row in await bench.rows("messages") if row["id"] == parent]
    assert not before["threaded"]
    answer = await bench.row(await bench.reply(parent))
    (after,) = [row for row in await bench.rows("messages") if row["id"] == parent]
    assert answer["conversation_id"] == after["conversation_id"]
    assert (answer["threaded"], after["threaded"], answer["agent_email"]) == (True, True, mine)
    assert (await bench.row(await bench.reply(parent, conversation_id="mine")))["conversation_id"] == "mine"
    assert (await bench.row(await bench.forward(parent)))["conversation_id"] != after["conversation_id"]


def mail(header: str, body: str = "Good morning.\n") -> bytes:
    return (header.strip() + "\n\n" + body).replace("\n", "\r\n").encode()


async def test_an_answer(bench: Bench) -> None:
    raw = mail(
        "From: Ada <ada@example.org>\nTo: bot@agents.localhost, Bob <bob@x.test>, bot+tag@agents.localhost, <broken\n"
        "Cc: c@d.test\nReply-To: Desk <desk@example.org>, second@example.org\nSubject: Tea\n"
        "Message-ID: <m1@Example.org>\nReferences: <m0@example.org>"
    )
    parent = await bench.inbound(raw=raw)
    answer = await bench.reply(parent, bcc=["secret@x.test"])
    assert answer.status == 202, answer.text
    parsed, row = mime.parse(await bench.raw(answer)), await bench.row(answer)
    assert parsed.to == ("desk@example.org", "second@example.org")
    assert parsed.cc == ()
    assert parsed.subject == "Re: Tea"
    assert mime.header_values(await bench.raw(answer), "In-Reply-To") == ["<m1@Example.org>"]
    assert mime.header_values(await bench.raw(answer), "References") == ["<m0@example.org> <m1@Example.org>"]
    assert mime.header_values(await bench.raw(answer), "Auto-Submitted") == ["auto-replied"]
    assert sorted(row["reference_keys"]) == ["<m0@example.org>", "<m1@example.org>"]
    assert (row["message_type"], row["bcc_addresses"]) == ("reply", ["secret@x.test"])
    everybody = await bench.row(await bench.reply(parent, reply_all=True, cc=["e@f.test"]))
    assert everybody["cc_addresses"] == ["e@f.test", "bob@x.test", "c@d.test"]


async def test_an_answer_quotes_what_came(bench: Bench) -> None:
    parent = await bench.inbound(raw=mail("From: Ada <ada@example.org>\nSubject: Re: Tea\nMessage-ID: <m@x>"))
    row = await bench.row(await bench.reply(parent, quote_history=True, html="<p>Thanks</p>"))
    assert row["subject"] == "Re: Tea"
    assert "Ada <ada@example.org> wrote:\n> Good morning." in row["body_text"]
    assert "<blockquote>" in row["body_html"]
    plain = await bench.row(await bench.reply(parent))
    assert plain["body_text"] == "Thanks"


async def test_an_answer_to_own_mail_goes_to_its_recipients(bench: Bench) -> None:
    sent = await bench.send(to=["a@x.test"], cc=["b@x.test"])
    parent = sent.json()["message_id"]
    for answer in (await bench.reply(parent), await bench.forward(parent)):
        assert (answer.status, answer.code) == (409, "message_not_yet_delivered")
    assert len(await bench.rows("messages")) == 1
    await settle(bench.db, parent, "sent")
    row = await bench.row(await bench.reply(parent, reply_all=True))
    assert (row["to_addresses"], row["cc_addresses"]) == (["a@x.test"], ["b@x.test"])
    assert row["reference_keys"] == [(await bench.row(sent))["message_id_key"]]
    assert (await bench.forward(parent)).status == 202


@pytest.mark.parametrize(
    "columns",
    [
        {"review_status": "pending_review"},
        {"review_status": "review_rejected"},
        {"review_status": "review_expired_rejected"},
        {"deleted_at": datetime(2026, 7, 1, tzinfo=UTC)},
    ],
)
async def test_what_is_held_or_trashed_is_not_answered(bench: Bench, columns: dict[str, Any]) -> None:
    parent = await bench.inbound(**columns)
    assert (await bench.reply(parent)).code == "not_found"
    assert (await bench.forward(parent)).code == "not_found"
    assert await bench.rows("submissions") == []


async def test_whom_to_answer(bench: Bench) -> None:
    nobody = await bench.inbound(raw=mail("Subject: x\nMessage-ID: <m@x>"))
    assert (await bench.reply(nobody)).code == "invalid_recipient"
    many = await bench.inbound(raw=None, header_from="a@b.test", reply_to=[f"a{n}@b.test" for n in range(51)])
    assert (await bench.reply(many)).code == "too_many_recipients"
    # Counted before they are read: reading takes long where there are many.
    assert (await bench.reply(many, cc=["nobody"] * 51)).code == "too_many_recipients"
    assert (await bench.reply(nobody, text=" ")).code == "invalid_request"
    assert (await bench.reply("msg_unknown")).code == "not_found"
    assert await bench.rows("submissions") == []


@pytest.mark.parametrize("kind", ["bounce", "list", "bulk", "auto-replied", "auto-generated"])
async def test_a_machine_outside_is_not_answered(bench: Bench, kind: str) -> None:
    parent = await bench.inbound(automation=kind)
    answer = await bench.reply(parent)
    assert (answer.status, answer.code) == (403, "blocked_by_policy")
    assert kind in answer.json()["error"]["message"]
    assert await bench.rows("submissions") == []
    assert (await bench.forward(parent)).status == 202
    inside = await bench.inbound(automation=kind, entity_type="agent")
    assert (await bench.reply(inside)).status == 202


async def test_a_forward_carries_the_attachments(bench: Bench) -> None:
    draft = Draft(agent_email="ada@example.org", to=(AGENT,), subject="Plans", text="See file", html="<p>See file</p>")
    draft = evolve(draft, attachments=(_file("plan.pdf", b"%PDF", "application/pdf"), _file("ü.txt", b"x" * 100)))
    at = datetime(2026, 7, 1, tzinfo=UTC)
    raw = compose(draft, message_id="<m@x.test>", at=at, sent_as=SentAs.OWN_ADDRESS, from_domain="x.test").content
    parent = await bench.inbound(raw=raw)
    answer = await bench.forward(parent, attachments=[file(b"mine", "mine.txt")])
    parsed = mime.parse(await bench.raw(answer))
    assert [meta.filename for meta in parsed.attachments] == ["plan.pdf", "ü.txt", "mine.txt"]
    first = mime.attachment(await bench.raw(answer), 0)
    assert first is not None
    assert first[1] == b"%PDF"
    row = await bench.row(answer)
    assert (row["subject"], row["message_type"], row["message_id"] is not None) == ("Fwd: Plans", "forward", True)
    assert row["body_text"].startswith("FYI\n\n---------- Forwarded message ----------\nFrom: ada@example.org\n")
    assert "<p>See file</p>" in row["body_html"]
    assert mime.header_values(await bench.raw(answer), "In-Reply-To") == []
    too_many = await bench.forward(parent, attachments=[file()] * 9)
    assert (too_many.status, too_many.fields) == (400, ["body.attachments"])
    assert (await bench.forward(parent, to=[])).code == "invalid_recipient"
    assert (await bench.forward(parent, text="")).status == 202


def _file(filename: str, data: bytes, content_type: str = "text/plain") -> DraftAttachment:
    return DraftAttachment(filename, content_type, data)


async def test_the_app_has_the_routes(bench: Bench) -> None:
    app = build_app(bench.client.services)
    assert app.owns("/u/u1_x")
    assert (await bench.client.request("PUT", MESSAGES)).status == 405


async def test_what_is_held_is_told_and_not_sent(bench: Bench) -> None:
    await bench.db.execute("""update agents set protection = '{"outbound": {"require_review": true}}'""")
    key = {"Idempotency-Key": "once"}
    answer = await bench.send(headers=key, query={"wait": "sent"})
    body = answer.json()
    assert (answer.status, set(body)) == (202, {"status", "message_id", "approval_expires_at"})
    assert body["status"] == "pending_review"
    assert (await bench.send(headers=key)).body == answer.body
    assert (await bench.row(answer))["review_status"] == "pending_review"
    assert await bench.rows("submissions") == []
    shown = (await bench.client.get(f"{MESSAGES}/{body['message_id']}")).json()
    assert (shown["review_status"], shown["raw_message"], shown["envelope_from"]) == ("pending_review", None, None)
    assert "delivery_status" not in shown
    assert "sent_as" not in shown


async def test_what_is_blocked_leaves_an_event_alone(bench: Bench) -> None:
    gate = '{"outbound": {"gate": {"policy": "allowlist", "action": "block", "allowlist": []}}}'
    await bench.db.execute("update agents set protection = %(gate)s::jsonb", {"gate": gate})
    answer = await bench.send()
    assert (answer.status, answer.code) == (403, "blocked_by_policy")
    assert await bench.counts() == {**dict.fromkeys(TABLES, 0), "events": 1}


@pytest.mark.parametrize("key", [None, "once"])
async def test_what_is_flagged_leaves_with_an_event(bench: Bench, key: str | None) -> None:
    gate = '{"outbound": {"gate": {"policy": "allowlist", "action": "flag", "allowlist": ["ada@example.org"]}}}'
    await bench.db.execute("update agents set protection = %(gate)s::jsonb", {"gate": gate})
    assert (await bench.send()).status == 202
    assert await bench.rows("events") == []
    headers = None if key is None else {"Idempotency-Key": key}
    answer = await bench.send(to=["eve@example.org"], bcc=["joe@example.org"], reply_to="desk@x.test", headers=headers)
    message = await bench.row(answer)
    assert (answer.status, message["flagged"]) == (202, True)
    event = await bench.only("events")
    assert (event["type"], event["message_id"]) == ("email.flagged", message["id"])
    assert event["id"] == signing.event_id(message["id"], "email.flagged")
    assert json.loads(event["envelope"])["data"] == {
        "message_id": message["id"],
        "agent_email": AGENT,
        "direction": "outbound",
        "message_type": "send",
        "from": AGENT,
        "to": ["eve@example.org"],
        "cc": [],
        "bcc": ["joe@example.org"],
        "reply_to": ["desk@x.test"],
        "subject": "Hi",
        "conversation_id": message["conversation_id"],
        "policy": "allowlist",
        "reason": message["flag_reason"],
    }


async def test_a_flag_and_its_mail_are_one_transaction(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = '{"outbound": {"gate": {"policy": "allowlist", "action": "flag"}}}'
    await bench.db.execute("update agents set protection = %(gate)s::jsonb", {"gate": gate})

    async def gone(*_: Any, **__: Any) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    monkeypatch.setattr(storage, "accept", gone)
    assert (await bench.send()).status == 404
    assert await bench.rows("events") == []


async def test_a_time_without_its_offset_is_no_time(bench: Bench) -> None:
    answer = await bench.send(send_at=(datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S"))
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert answer.json()["error"]["details"]["fields"][0]["location"] == "body.send_at"
    assert await bench.rows("messages") == []
