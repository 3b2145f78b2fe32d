"""`e2a send`, `reply`, `forward`, `test`, `sent`: what is asked of the API, what is said, how it ends."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FarApi

SEND = "/v1/agents/bot@agents.test/messages"
ACCEPTED = {"status": "accepted", "message_id": "msg_1", "method": "smtp", "sent_as": "own_address"}


def test_a_plain_send(far: FarApi) -> None:
    far.on("POST", SEND, (202, ACCEPTED))
    done = far.e2a("send", "--to", "ada@b.test", "--subject", "Hello", "--text", "Good morning.")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "accepted: msg_1\n  how far it is: e2a trace msg_1\n"
    asked = far.last("POST")
    assert asked.body == {"to": ["ada@b.test"], "subject": "Hello", "text": "Good morning."}
    assert len(asked.key or "") == 32
    assert "wait" not in asked.query


def test_one_of_several_agents_is_named_by_from(far: FarApi, page: Callable[..., Any]) -> None:
    far.on("GET", "/v1/agents", page({"email": "a@agents.test"}, {"email": "b@agents.test"}))
    done = far.e2a("send", "--to", "ada@b.test", "--subject", "Hello", "--text", "x", agent="")
    assert done.exit_code == 2
    assert "add --from with one of: a@agents.test, b@agents.test" in done.stderr


def test_everything_at_once(far: FarApi, tmp_path: Path) -> None:
    far.on("POST", "/v1/agents/other@agents.test/messages", (202, ACCEPTED))
    far.on("GET", "/v1/info", {"shared_domain": "agents.test"})
    (tmp_path / "page.html").write_text("<p>Grüße</p>")
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "b.unknown").write_bytes(b"\0")
    done = far.e2a(
        "send", "--from", "other", "--to", "ada@b.test", "--to", "peer", "--cc", "c@b.test", "--bcc", "d@b.test",
        "--subject", "S", "--html", "page.html", "--text", "-", "--attach", "a.pdf", "--attach", "b.unknown",
        "--reply-to", "x@b.test", "--reply-to", "y@b.test", "--conversation", "conv_1",
        "--send-at", "2030-01-01T00:00:00Z", "--unsubscribe", "--idempotency-key", "mine", "--json",
        input="from standard input\n",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == ACCEPTED
    asked = far.last("POST")
    assert asked.key == "mine"
    assert asked.body == {
        "to": ["ada@b.test", "peer@agents.test"],
        "cc": ["c@b.test"],
        "bcc": ["d@b.test"],
        "subject": "S",
        "text": "from standard input\n",
        "html": "<p>Grüße</p>",
        "attachments": [
            {"filename": "a.pdf", "content_type": "application/pdf", "data": base64.b64encode(b"%PDF").decode()},
            {"filename": "b.unknown", "content_type": "application/octet-stream", "data": "AA=="},
        ],
        "reply_to": ["x@b.test", "y@b.test"],
        "conversation_id": "conv_1",
        "send_at": "2030-01-01T00:00:00Z",
        "unsubscribe": {"mode": "managed"},
    }


def test_an_html_part_alone_makes_its_text(far: FarApi, tmp_path: Path) -> None:
    far.on("POST", SEND, (202, ACCEPTED))
    (tmp_path / "page.html").write_text("<p>One</p><p>Two</p>")
    assert far.e2a("send", "--to", "a@b.test", "--subject", "S", "--html", "page.html").exit_code == 0
    assert far.last("POST").body["text"].split() == ["One", "Two"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["send", "--subject", "S", "--text", "t"], 2, "to whom?"),
        (["send", "--to", "a@b.test", "--text", "t"], 2, "--subject"),
        (["send", "--to", "a@b.test", "--subject", "S"], 2, "what?"),
        (["send", "--to", "a@b.test", "--subject", "S", "--text", "t", "--attach", "none.pdf"], 2, "none.pdf"),
        (["send", "--to", "a@b.test", "--subject", "S", "--html", "latin.html"], 2, "not UTF-8"),
        (["reply", "msg_9"], 2, "what?"),
        (["forward", "msg_9"], 2, "to whom?"),
    ],
)
def test_wrong_usage_asks_nothing(far: FarApi, tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    (tmp_path / "latin.html").write_bytes(b"gr\xfc\xdfe")
    done = far.e2a(*arguments)
    assert done.exit_code == status
    assert words in done.stderr
    assert not [one for one in far.asked if one.method == "POST"]


@pytest.mark.parametrize(
    ("result", "arguments", "status", "words"),
    [
        (ACCEPTED, [], 0, "accepted: msg_1"),
        (ACCEPTED, ["--wait"], 6, "not on its way yet"),
        ({**ACCEPTED, "status": "sent"}, ["--wait"], 0, "sent: msg_1"),
        ({**ACCEPTED, "status": "sent", "method": "loopback"}, [], 0, "delivered to itself"),
        ({**ACCEPTED, "status": "scheduled", "scheduled_at": "2030-01-01T00:00:00Z"}, [], 0, "for 2030-01-01"),
        ({**ACCEPTED, "sent_as": "relay"}, [], 0, "an address of the deployment"),
        ({**ACCEPTED, "status": "outcome_unknown"}, ["--wait"], 7, "outcome unknown: msg_1"),
        ({"status": "pending_review", "message_id": "msg_1", "approval_expires_at": "2030-01-01T00:00:00Z"}, [], 3,
         "held for review until 2030-01-01T00:00:00Z"),
        ({**ACCEPTED, "status": "failed"}, ["--wait"], 7, "550 no such user"),
    ],
)  # fmt: skip
def test_what_became_of_it(far: FarApi, result: Any, arguments: list[str], status: int, words: str) -> None:
    far.on("POST", SEND, result)
    far.on("GET", f"{SEND}/msg_1", {"delivery_detail": "550 no such user"})
    done = far.e2a("send", "--to", "a@b.test", "--subject", "S", "--text", "t", *arguments)
    assert done.exit_code == status, done.stderr
    assert words in done.stdout + done.stderr
    assert far.last("POST").query == ({"wait": "sent"} if arguments else {})
    as_json = far.e2a("send", "--to", "a@b.test", "--subject", "S", "--text", "t", "--json", *arguments)
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (status, result)


def test_a_lost_answer_names_the_key(far: FarApi) -> None:
    far.on("POST", SEND, (0, None))
    done = far.e2a("send", "--to", "a@b.test", "--subject", "S", "--text", "t")
    assert done.exit_code == 1
    assert f"--idempotency-key {far.last('POST').key}" in done.stderr
    far.url = "http://127.0.0.1:1"
    away = far.e2a("send", "--to", "a@b.test", "--subject", "S", "--text", "t")
    assert away.exit_code == 1
    assert "cannot be reached" in away.stderr
    assert "idempotency" not in away.stderr


@pytest.mark.parametrize(
    ("status", "error", "code", "words"),
    [
        (422, {"code": "recipient_suppressed", "message": "a@b.test"}, 5, "e2a suppressions list"),
        (403, {"code": "blocked_by_policy", "message": "no"}, 5, "e2a protection show"),
        (403, {"code": "domain_not_verified", "message": "no"}, 5, "e2a domains"),
        (403, {"code": "forbidden", "message": "no"}, 4, "forbidden"),
        (429, {"code": "rate_limited", "message": "slow", "details": {"retry_after_seconds": 7}}, 1, "again in 7 s"),
        (402, {"code": "limit_exceeded", "message": "full", "details": {
            "resource": "messages_month", "limit": 10, "current": 10}}, 5, "messages_month: 10 of 10 used"),
        (413, {"code": "payload_too_large", "message": "big", "details": {
            "scope": "attachment", "filename": "a\u202e.pdf", "actual_bytes": 9, "max_bytes": 5}},
         5, "9 bytes, at most 5"),
        (503, {"code": "internal_error", "message": "down"}, 1, "internal_error"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_do(far: FarApi, status: int, error: Any, code: int, words: str) -> None:
    far.on("POST", SEND, (status, {"error": {**error, "request_id": "req_1"}}))
    done = far.e2a("send", "--to", "a@b.test", "--subject", "S", "--text", "t")
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr
    assert done.stderr.startswith("e2a: ")
    assert "\u202e" not in done.stderr


def test_reply_and_forward(far: FarApi) -> None:
    far.on("POST", f"{SEND}/msg_9/reply", (202, ACCEPTED))
    far.on("POST", f"{SEND}/msg_9/forward", (202, ACCEPTED))
    assert far.e2a("reply", "msg_9", "--text", "Thanks.").exit_code == 0
    assert far.last("POST").body == {"text": "Thanks."}
    assert far.e2a("reply", "msg_9", "--all", "--quote", "--text", "Thanks.").exit_code == 0
    assert far.last("POST").body == {"text": "Thanks.", "reply_all": True, "quote_history": True}
    assert far.e2a("forward", "msg_9", "--to", "x@b.test").exit_code == 0
    assert far.last("POST").body == {"to": ["x@b.test"], "text": ""}
    assert far.last("POST").path.endswith("/msg_9/forward")


def test_whose_message_it_is_is_found_out(far: FarApi, page: Callable[..., Any]) -> None:
    far.on("GET", "/v1/agents", page({"email": "one@agents.test"}, {"email": "two@agents.test"}))
    far.on("GET", "/v1/reviews/msg_9", {"id": "msg_9", "agent_email": "two@agents.test"})
    far.on("POST", "/v1/agents/two@agents.test/messages/msg_9/reply", (202, ACCEPTED))
    assert far.e2a("reply", "msg_9", "--text", "t", agent="").exit_code == 0
    far.on("GET", "/v1/reviews/msg_9", {"id": "msg_9"})
    which = far.e2a("reply", "msg_9", "--text", "t", agent="")
    assert which.exit_code == 2
    assert "one@agents.test, two@agents.test" in which.stderr


def test_an_agents_own_credential_knows_its_agent(far: FarApi) -> None:
    far.on("GET", "/v1/agents", (403, {"error": {"code": "forbidden", "message": "no", "request_id": "r"}}))
    far.on("GET", "/v1/account", {"agent_email": "bot@agents.test"})
    far.on("POST", SEND, (202, ACCEPTED))
    assert far.e2a("send", "--to", "a@b.test", "--subject", "S", "--text", "t", agent="").exit_code == 0


def test_a_test_mail(far: FarApi) -> None:
    far.on("POST", "/v1/agents/bot@agents.test/test", (202, ACCEPTED))
    done = far.e2a("test")
    assert done.exit_code == 0
    assert "e2a inbox --agent bot@agents.test" in done.stdout


def test_the_list_of_what_was_sent(far: FarApi, page: Callable[..., Any]) -> None:
    common = {"id": "msg_1", "created_at": "2026-07-01T12:00:00Z", "subject": "Hi\x1b[2J", "to": ["a@b.test"]}
    far.on("GET", SEND, page(
        {**common, "delivery_status": "delivered", "review_status": "sent"},
        {**common, "delivery_status": "bounced", "delivery_detail": "550\x07 5.1.1 gone", "review_status": "sent"},
        {**common, "review_status": "pending_review", "to": ["a", "b", "c", "d"], "cc": ["e"]},
        {**common, "review_status": "review_expired_rejected"},
        {**common, "delivery_status": "accepted", "scheduled_at": "2030-01-01T00:00:00Z", "review_status": "sent"},
        {**common, "delivery_status": "outcome_unknown", "review_status": "sent"},
        {**common, "delivery_status": "sent", "delivery_detail": "captured: no relay is configured"},
    ))  # fmt: skip
    done = far.e2a("sent")
    assert done.exit_code == 0, done.stderr
    for words in ("[delivered]", "[bounced]", "550� 5.1.1 gone", "[held for review]", "a, b, c and 2 more",
                  "[rejected]", "[scheduled for 2030-01-01T00:00:00Z]", "[outcome unknown]", "[captured]"):  # fmt: skip
        assert words in done.stdout
    assert "\x1b" not in done.stdout
    assert far.last("GET").query == {"direction": "outbound", "limit": "20"}
    assert len(json.loads(far.e2a("sent", "--json").stdout)) == 7
    far.on("GET", SEND, page())
    assert far.e2a("sent").stdout == "nothing was sent yet\n"


@pytest.mark.parametrize(
    ("options", "standard_input", "body"),
    [
        (["--body", "t"], None, {"text": "t"}),
        (["--body", "-"], "piped", {"text": "piped"}),
        (["--body-file", "-"], "piped", {"text": "piped"}),
        (["--body-file", "a.txt"], None, {"text": "from a file"}),
        (["--html-body", "<p>a</p>", "--body", "t"], None, {"text": "t", "html": "<p>a</p>"}),
        (["--html-body", "-"], "<p>One</p>", {"text": "One", "html": "<p>One</p>"}),
        (["--body", "t", "--html-file", "a.html"], None, {"text": "t", "html": "<b>a</b>"}),
        (["--body", "t", "--conversation-id", "conv_1"], None, {"text": "t", "conversation_id": "conv_1"}),
        (["--body", "t", "--send-at", "2030-01-01T00:00:00Z"], None, {"text": "t", "send_at": "2030-01-01T00:00:00Z"}),
    ],
)
def test_both_spellings(far: FarApi, tmp_path: Path, options: list[str], standard_input: str | None, body: Any) -> None:
    (tmp_path / "a.txt").write_text("from a file")
    (tmp_path / "a.html").write_text("<b>a</b>")
    far.on("POST", SEND, (202, ACCEPTED))
    done = far.e2a("send", "--agent", "bot@agents.test", "--to", "a@b.test", "--subject", "S", *options,
                   input=standard_input)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert far.last("POST").body == {"to": ["a@b.test"], "subject": "S", **body}


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (["--template", "welcome"], {"template_alias": "welcome"}),
        (["--template", "tmpl_1", "--subject", "S"], {"template_id": "tmpl_1", "subject": "S"}),
        (["--template", "welcome", "--data", "name=Ada", "--data", "url=http://x/?a=b"],
         {"template_alias": "welcome", "template_data": {"name": "Ada", "url": "http://x/?a=b"}}),
        (["--template", "welcome", "--data-file", "data.json", "--data", "name=Ada"],
         {"template_alias": "welcome", "template_data": {"name": "Ada", "items": [1, 2]}}),
    ],
)  # fmt: skip
def test_from_a_template(far: FarApi, tmp_path: Path, options: list[str], body: Any) -> None:
    (tmp_path / "data.json").write_text('{"name": "nobody", "items": [1, 2]}')
    far.on("POST", SEND, (202, ACCEPTED))
    done = far.e2a("send", "--to", "a@b.test", *options)
    assert done.exit_code == 0, done.stderr
    assert far.last("POST").body == {"to": ["a@b.test"], **body}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--subject", "S", "--body", "t", "--body-file", "a.txt"], "given twice"),
        (["--subject", "S", "--body", "t", "--data", "a=b"], "add --template"),
        (["--template", "welcome", "--data", "a"], "NAME=VALUE"),
        (["--template", "welcome", "--data-file", "a.txt"], "not JSON"),
        (["--template", "welcome", "--data-file", "list.json"], "a JSON object"),
        (["--subject", "S", "--body", "t", "--send-at", "soon"], "no time"),
    ],
)
def test_what_cannot_be_meant(far: FarApi, tmp_path: Path, options: list[str], words: str) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "list.json").write_text("[]")
    done = far.e2a("send", "--to", "a@b.test", *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert not far.asked
