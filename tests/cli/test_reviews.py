"""`e2a reviews` and `e2a pending`: what a person sees before a decision, and what the decision is bound to."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from e2ad.cli import drafts
from tests.cli.conftest import FarApi

SHA = "ab" * 32
HELD: dict[str, Any] = {
    "id": "msg_1",
    "direction": "outbound",
    "agent_email": "bot@agents.test",
    "header_from": "bot@agents.test",
    "to": ["ada@b.test"],
    "cc": ["c@b.test"],
    "bcc": ["hidden@b.test"],
    "reply_to": [],
    "subject": "Offer\x1b[2J",
    "review_status": "pending_review",
    "created_at": "2026-07-01T12:00:00Z",
    "approval_expires_at": "2026-07-08T12:00:00Z",
    "content_sha256": SHA,
    "attachments": [],
    "body": {
        "text": "Dear Ada,\n\n1,000 pieces.",
        "html": "<p>Dear Ada</p>",
        "attachments": [{"filename": "a\u202efdp.exe", "content_type": "application/pdf", "size_bytes": 7}],
    },
    "hold_reason": {"type": "gate", "code": "recipient_provenance", "summary": "ada@b.test was seen only in content"},
    "protection": [
        {"source": "gate", "action": "review", "detector": "provenance",
         "summary": "ada@b.test was seen only in content", "address": "ada@b.test",
         "message_id": "msg_7", "place": "body"},
        {"source": "gate", "detector": "provenance", "summary": "c@b.test takes part in this conversation"},
    ],
}  # fmt: skip
REVIEW = "/v1/reviews/msg_1"
SENT = {"status": "accepted", "message_id": "msg_1", "method": "smtp", "sent_as": "own_address", "edited": False}


@pytest.fixture(autouse=True)
def held(far: FarApi) -> None:
    far.on("GET", REVIEW, HELD)
    far.on("POST", f"{REVIEW}/approve", (202, SENT))
    far.on("POST", f"{REVIEW}/reject", {"status": "review_rejected", "message_id": "msg_1"})
    far.on("PATCH", REVIEW, {**HELD, "content_sha256": "cd" * 32})


@pytest.mark.parametrize("group", ["reviews", "pending"])
def test_the_list(far: FarApi, page: Callable[..., Any], group: str) -> None:
    inbound = {**HELD, "id": "msg_2", "direction": "inbound", "header_from": "x@b.test", "subject": ""}
    far.on("GET", "/v1/reviews", page(HELD, inbound))
    done = far.e2a(group, "list")
    assert done.exit_code == 0, done.stderr
    assert "out  bot@agents.test -> ada@b.test  Offer�[2J" in done.stdout
    assert "in   x@b.test -> bot@agents.test  (no subject)" in done.stdout
    assert "msg_1  until 2026-07-08T12:00:00Z" in done.stdout
    assert len(json.loads(far.e2a(group, "list", "--json").stdout)) == 2
    far.on("GET", "/v1/reviews", page())
    assert far.e2a(group, "list").stdout == "nothing waits for a decision\n"


def test_a_hold_shows_all_that_would_leave_and_all_that_speaks_against_it(far: FarApi) -> None:
    done = far.e2a("reviews", "show", "msg_1")
    assert done.exit_code == 0, done.stderr
    for part in (
        "ada@b.test", "c@b.test", "hidden@b.test", SHA, "2026-07-08T12:00:00Z", "pending review",
        "review: ada@b.test was seen only in content  seen in msg_7 (body)",
        "noted: c@b.test takes part in this conversation",
        "Dear Ada,", "1,000 pieces.", "[an HTML part of 15 characters", "a�fdp.exe, application/pdf, 7 bytes",
    ):  # fmt: skip
        assert part in done.stdout, part
    assert not {"\x1b", "\u202e"} & set(done.stdout)
    assert json.loads(far.e2a("reviews", "show", "msg_1", "--json").stdout) == HELD


def test_an_approval_is_bound_to_what_was_shown(far: FarApi) -> None:
    done = far.e2a("reviews", "approve", "msg_1", "--yes")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.index("Dear Ada,") < done.stdout.index("approved, accepted: msg_1")
    assert far.last("POST").body == {"content_sha256": SHA}
    assert len(far.last("POST").key or "") == 32
    assert far.e2a("reviews", "approve", "msg_1", "--yes", "--content", "ef" * 32).exit_code == 0
    assert far.last("POST").body == {"content_sha256": "ef" * 32}


def test_nobody_approves_by_accident(far: FarApi) -> None:
    done = far.e2a("reviews", "approve", "msg_1")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert not [one for one in far.asked if one.method == "POST"]


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize(("said", "code", "posts"), [("y\n", 0, 1), ("n\n", 5, 0), ("\n", 5, 0)])
def test_a_terminal_is_asked(far: FarApi, said: str, code: int, posts: int) -> None:
    done = far.e2a("reviews", "approve", "msg_1", input=said)
    assert done.exit_code == code, done.stderr
    assert "Let msg_1 go?" in done.stderr
    assert len([one for one in far.asked if one.method == "POST"]) == posts


def test_an_approval_may_change_the_draft(far: FarApi, tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("b")
    far.on("POST", f"{REVIEW}/approve", (202, {**SENT, "edited": True}))
    done = far.e2a(
        "reviews", "approve", "msg_1", "--yes", "--edit-subject", "New", "--edit-text", "-", "--to", "x@b.test",
        "--to", "y@b.test", "--cc", "z@b.test", "--attach", "b.txt", input="other",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "(changed)" in done.stdout
    assert far.last("POST").body == {
        "to": ["x@b.test", "y@b.test"],
        "cc": ["z@b.test"],
        "subject": "New",
        "text": "other",
        "attachments": [{"filename": "b.txt", "content_type": "text/plain", "data": "Yg=="}],
        "content_sha256": SHA,
    }


def test_somebody_else_was_faster(far: FarApi) -> None:
    error = {"error": {"code": "message_not_pending", "message": "decided already", "request_id": "r"}}
    far.on("POST", f"{REVIEW}/approve", (409, error))
    done = far.e2a("reviews", "approve", "msg_1", "--yes")
    assert done.exit_code == 5
    assert "e2a reviews show" in done.stderr


def test_a_release_and_a_rejection(far: FarApi) -> None:
    far.on("POST", f"{REVIEW}/approve", {"status": "review_approved", "message_id": "msg_1"})
    assert "released to the agent" in far.e2a("reviews", "approve", "msg_1", "--yes").stdout
    assert far.e2a("reviews", "reject", "msg_1", "--reason", "no").stdout == "rejected: msg_1\n"
    assert far.last("POST").body == {"reason": "no"}
    assert far.e2a("reviews", "reject", "msg_1").exit_code == 0
    assert far.last("POST").body == {}


def test_an_edit_by_options(far: FarApi) -> None:
    done = far.e2a("reviews", "edit", "msg_1", "--edit-subject", "New")
    assert done.exit_code == 0, done.stderr
    assert far.last("PATCH").body == {"subject": "New", "content_sha256": SHA}
    assert "cd" * 32 in done.stdout
    assert far.e2a("reviews", "edit", "msg_1").exit_code == 2
    far.on("GET", REVIEW, {**HELD, "review_status": "sent"})
    assert far.e2a("reviews", "edit", "msg_1", "--edit-subject", "New").exit_code == 5


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize(
    ("change", "body"),
    [
        (lambda text: text.replace("ada@b.test", "eve@b.test, d@b.test"), {"to": ["eve@b.test", "d@b.test"]}),
        (lambda text: text.replace("1,000", "900"), {"text": "Dear Ada,\n\n900 pieces."}),
        (lambda text: text.replace("Cc: c@b.test", "Cc:"), {"cc": []}),
        (lambda text: text, None),
        (lambda text: text + "\n", None),
        (lambda _text: None, None),
    ],
)
def test_an_edit_by_hand(
    far: FarApi, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str | None], body: Any
) -> None:
    monkeypatch.setattr(click, "edit", lambda text, **_: change(text))
    done = far.e2a("reviews", "edit", "msg_1")
    assert done.exit_code == 0, done.stderr
    if body is None:
        assert done.stdout == "nothing was changed\n"
        assert not [one for one in far.asked if one.method == "PATCH"]
    else:
        assert far.last("PATCH").body == {**body, "content_sha256": SHA}


def test_what_is_changed_is_shown(far: FarApi, tmp_path: Path) -> None:
    (tmp_path / "n.html").write_text("<p>Hi</p>")
    (tmp_path / "b\u202ex.txt").write_text("b")
    changed = ["--edit-text", "Dear Ada,\n\n900 pieces.", "--cc", "z@b.test", "--edit-html", "n.html"]
    done = far.e2a("reviews", "edit", "msg_1", *changed, "--attach", "b\u202ex.txt")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    for line in (
        "-Cc: c@b.test", "+Cc: z@b.test", "-1,000 pieces.", "+900 pieces.", "- HTML part of 15 characters",
        "+ HTML part of 9 characters", "- file a\ufffdfdp.exe", "+ file b\ufffdx.txt",
    ):  # fmt: skip
        assert line in lines
    assert not [line for line in lines if line[:3] in ("-To", "+To", "-Su", "+Su", "@@ ")]


@pytest.mark.usefixtures("at_a_terminal")
def test_an_approval_after_an_edit_by_hand_is_of_what_was_edited(far: FarApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click, "edit", lambda text, **_: text.replace("1,000", "900"))
    done = far.e2a("pending", "approve", "msg_1", "--edit", input="y\n")
    assert done.exit_code == 0, done.stderr
    assert "+900 pieces." in done.stdout
    assert far.last("POST").body == {"text": "Dear Ada,\n\n900 pieces.", "content_sha256": SHA}


def test_nothing_is_edited_where_nobody_is(far: FarApi) -> None:
    done = far.e2a("reviews", "approve", "msg_1", "--edit", "--yes")
    assert done.exit_code == 2
    assert "no editor" in done.stderr


def test_several_decisions_at_once(far: FarApi) -> None:
    far.on("GET", "/v1/reviews/msg_2", {**HELD, "id": "msg_2", "content_sha256": "cd" * 32})
    far.on("POST", "/v1/reviews/msg_2/approve", (409, error("content_changed", "it has changed since")))
    assert far.e2a("reviews", "approve", "msg_1", "msg_2").exit_code == 2
    done = far.e2a("reviews", "approve", "msg_1", "msg_2", "msg_1", "--yes")
    assert done.exit_code == 5
    assert "approved, accepted: msg_1\n" in done.stdout
    assert done.stderr == "e2a: msg_2: it has changed since (content_changed)\n1 approved, 1 failed\n"
    bodies = [one.body for one in far.asked if one.method == "POST"]
    assert bodies == [{"content_sha256": SHA}, {"content_sha256": "cd" * 32}]
    machine = far.e2a("reviews", "approve", "msg_1", "msg_2", "--yes", "--json")
    assert [one.get("error", {}).get("code") for one in json.loads(machine.stdout)] == [None, "content_changed"]
    for more in (["--edit-subject", "x"], ["--edit"], ["--content", SHA], ["--idempotency-key", "k"]):
        assert far.e2a("reviews", "approve", "msg_1", "msg_2", "--yes", *more).exit_code == 2
    far.on("POST", "/v1/reviews/msg_2/reject", {"status": "review_rejected", "message_id": "msg_2"})
    done = far.e2a("reviews", "reject", "msg_1", "msg_2", "--reason", "no", "--json")
    assert [one["message_id"] for one in json.loads(done.stdout)] == ["msg_1", "msg_2"]
    assert far.last("POST").body == {"reason": "no"}
    assert done.stderr == "2 rejected\n"
    assert far.e2a("reviews", "reject", "msg_1", "msg_2", "--content", SHA).exit_code == 2


def test_a_credential_that_is_refused_ends_it(far: FarApi) -> None:
    far.on("POST", f"{REVIEW}/reject", (401, error("unauthorized", "no such key")))
    done = far.e2a("reviews", "reject", "msg_1", "msg_2", "msg_3", "--json")
    assert done.exit_code == 4
    assert [one["error"]["code"] for one in json.loads(done.stdout)] == ["unauthorized", "not_tried", "not_tried"]
    assert len(far.asked) == 1


def error(code: str, message: str) -> Any:
    return {"error": {"code": code, "message": message, "request_id": "r"}}


def test_a_draft_survives_the_editor() -> None:
    text = drafts.as_text({**HELD, "subject": "S"})
    assert drafts.parse(text) == {
        "to": ["ada@b.test"],
        "cc": ["c@b.test"],
        "bcc": ["hidden@b.test"],
        "subject": "S",
        "text": "Dear Ada,\n\n1,000 pieces.",
    }
    with pytest.raises(click.ClickException, match="no field"):
        drafts.parse("To: x\nHello there\n\ntext")
