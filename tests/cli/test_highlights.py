"""`e2a inbox --search`."""

import json
from typing import Any

import pytest

from tests.cli.conftest import FarApi

INBOX = "/v1/agents/bot@agents.test/messages"
FOUND = {
    "id": "msg_1",
    "header_from": "ada@example.org",
    "subject": "Your invoice",
    "read_status": "unread",
    "created_at": "2026-07-01T12:00:00Z",
    "highlights": [
        {"field": "subject", "text": "Your invoice", "ranges": [[5, 12]]},
        {"field": "text", "text": "…the invoice \x1b[2J is late", "ranges": [[5, 12]]},
        {"field": "attachment", "text": "invoice.pdf", "ranges": [[0, 7]]},
    ],
}


def test_the_pieces_stand_below_their_message(far: FarApi, page: Any) -> None:
    far.on("GET", INBOX, page(FOUND))
    done = far.e2a("inbox", "--search", "invoice", "--all")
    assert far.last("GET").query["search"] == "invoice"
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert "Your invoice" in lines[0]
    assert lines[2:] == ["  …the invoice \ufffd[2J is late", "  attachment: invoice.pdf"]


def test_the_words_are_marked_on_a_terminal(far: FarApi, page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    far.on("GET", INBOX, page(FOUND))
    output = far.e2a("inbox", "--search", "invoice").output
    assert output.count("\x1b[1;33minvoice\x1b[0m") == 3
    assert "\x1b[2J" not in output


def test_programs_get_what_the_server_says(far: FarApi, page: Any) -> None:
    far.on("GET", INBOX, page(FOUND))
    assert json.loads(far.e2a("inbox", "--search", "invoice", "--json").output) == [FOUND]


def test_nothing_found_says_so(far: FarApi, page: Any) -> None:
    far.on("GET", INBOX, page())
    assert "try --all" in far.e2a("inbox", "--search", "x").output
    assert far.e2a("inbox", "--search", "x", "--all").output == "nothing found\n"
    assert far.e2a("inbox").output == "nothing unread\n"


def test_a_mistake_is_explained(far: FarApi) -> None:
    message = "search, column 3: this quotation mark has no partner"
    far.on("GET", INBOX, (400, {"error": {"code": "invalid_filter", "message": message, "request_id": "req_1"}}))
    done = far.e2a("inbox", "--search", 'a "b')
    assert (done.exit_code, message in done.output) == (5, True)
