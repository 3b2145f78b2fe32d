"""How to listen, as tables: what each end means, how long to wait, where to go on, what was given."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.sdk import (
    WS_CLOSE_REPLACED,
    E2AAuthError,
    E2AConnectionError,
    E2AConnectionReplacedError,
    E2AError,
    E2ANotFoundError,
    E2APermissionError,
    E2AServerError,
    listening,
)
from e2ad.sdk.listening import Again, Listening, socket_path
from e2ad.sdk.sockets import Address

START = datetime(2026, 1, 1, tzinfo=UTC)


def frame(number: int, announced: float = 0, came_in: float | None = None) -> str:
    """Of a mail that was announced, and came in, so many seconds after the start."""
    at = (START + timedelta(seconds=announced)).isoformat()
    data = {"received_at": (START + timedelta(seconds=announced if came_in is None else came_in)).isoformat()}
    return json.dumps(
        {"type": "email.received", "id": f"evt_{number}", "schema_version": "1", "created_at": at, "data": data}
    )


@pytest.mark.parametrize(
    ("email", "after", "path"),
    [
        ("a@b.test", None, "/v1/agents/a%40b.test/ws"),
        ("a+tag/..@b.test", None, "/v1/agents/a%2Btag%2F..%40b.test/ws"),
        ("a@b.test", "evt_1&x=y", "/v1/agents/a%40b.test/ws?after=evt_1%26x%3Dy"),
    ],
)
def test_the_path_of_the_socket(email: str, after: str | None, path: str) -> None:
    assert socket_path(email, after) == path


@pytest.mark.parametrize(
    ("base", "host", "port", "secure", "named", "target"),
    [
        ("http://127.0.0.1:8080/", "127.0.0.1", 8080, False, "127.0.0.1:8080", "/x"),
        ("https://mail.example", "mail.example", 443, True, "mail.example", "/x"),
        ("http://mail.example/e2a/", "mail.example", 80, False, "mail.example", "/e2a/x"),
        ("http://[::1]:81", "::1", 81, False, "[::1]:81", "/x"),
    ],
)
def test_the_address_of_the_socket(base: str, host: str, port: int, secure: bool, named: str, target: str) -> None:
    address = Address(base, "key")
    assert (address.host, address.port, address.is_secure) == (host, port, secure)
    assert (address.request("/x").host, address.request("/x").target) == (named, target)


@pytest.mark.parametrize("code", [1001, 1002, 1003, 1005, 1006, 1007, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 3000])
def test_ends_that_pass(code: int) -> None:
    assert Listening("a@b.test").closed(code, "why") == Again(1.0, f"closed with {code} why")


@pytest.mark.parametrize(
    ("code", "error", "kind"),
    [
        (1008, E2APermissionError, "ws_policy_violation"),
        (WS_CLOSE_REPLACED, E2AConnectionReplacedError, "connection_replaced"),
        (4001, E2AError, "ws_closed"),
        (4999, E2AError, "ws_closed"),
    ],
)
def test_ends_for_good(code: int, error: type[E2AError], kind: str) -> None:
    with pytest.raises(error, match=f"closed with {code} why") as ended:
        Listening("a@b.test").closed(code, "why")
    assert (ended.value.code, ended.value.retryable) == (kind, False)


def test_the_servers_own_end() -> None:
    assert Listening("a@b.test").closed(1000, "") is None


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (408, None, 1),
        (429, "7", 7),
        (429, "3600", 60),
        (500, None, 1),
        (503, "2", 2),
        (503, "Wed, 21 Oct", 1),
        (502, "-1", 1),
    ],
)
def test_refusals_that_pass(status: int, retry_after: str | None, seconds: float) -> None:
    assert Listening("a@b.test").refused(status, b"x", retry_after) == Again(seconds, f"the server answered {status}")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, "unauthorized", E2AAuthError),
        (403, "forbidden", E2APermissionError),
        (404, "not_found", E2ANotFoundError),
        (400, "invalid_request", E2AError),
        (426, "whatever", E2AError),
    ],
)
def test_refusals_for_good(status: int, code: str, error: type[E2AError]) -> None:
    body = json.dumps({"error": {"code": code, "message": "in its words", "request_id": "req_1"}}).encode()
    with pytest.raises(error, match="in its words") as refused:
        Listening("a@b.test").refused(status, body, None)
    assert (refused.value.code, refused.value.status, refused.value.request_id) == (code, status, "req_1")


@pytest.mark.parametrize("body", [b"", b"\xff", b"<html>", b"[]", b'{"error": "text"}'])
def test_refusals_by_something_else(body: bytes) -> None:
    with pytest.raises(E2AAuthError):
        Listening("a@b.test").refused(401, body, None)


@pytest.mark.parametrize("status", [200, 204, 301, 302])
def test_what_is_no_deployment(status: int) -> None:
    with pytest.raises(E2AServerError, match="the address of a deployment") as refused:
        Listening("a@b.test").refused(status, b"", None)
    assert refused.value.code == "invalid_response"


def test_waits_grow_up_to_half_a_minute_and_begin_anew_with_a_frame() -> None:
    told: list[str] = []
    one = Listening("a@b.test", on_state=told.append)
    assert [one.lost("x").seconds for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert told[0] == "x; trying again in 1 s"
    one.take("garbage")
    assert one.lost("x").seconds == 30
    one.take(frame(1))
    assert [one.lost("x").seconds for _ in range(2)] == [1, 2]


def test_one_connection_alone() -> None:
    with pytest.raises(E2AConnectionError, match="closed with 1001"):
        Listening("a@b.test", reconnects=False).closed(1001, "")


def test_an_event_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "REMEMBERED", 2)
    one = Listening("a@b.test")
    given_ones = [one.take(frame(number)) is not None for number in (1, 2, 1, 3, 1)]
    assert given_ones == [True, True, False, True, True]


def position(one: Listening) -> str | None:
    return one.path.partition("after=")[2] or None


def test_where_it_goes_on() -> None:
    one = Listening("a@b.test")
    assert position(one) is None
    one.take(frame(1, 0))
    one.take(frame(2, 30))
    assert position(one) is None, "nothing is old enough to be sure that nothing becomes visible in front of it"
    one.take(frame(3, 61))
    assert position(one) == "evt_1"
    one.take(frame(4, 95))
    assert position(one) == "evt_2"
    one.take(frame(5, 5000))
    assert position(one) == "evt_4"


def test_where_the_caller_wants_it_to_go_on() -> None:
    one = Listening("a@b.test", after="evt_0")
    assert position(one) == "evt_0"
    one.take(frame(1, 0))
    assert position(one) == "evt_0"
    one.take(frame(2, 100))
    assert position(one) == "evt_1"


def test_a_mail_that_was_let_through_late_is_no_measure() -> None:
    """Unread mail comes in the order in which it came in; what was announced in between may still be to come."""
    one = Listening("a@b.test")
    one.take(frame(1, announced=0))
    one.take(frame(2, announced=10_000, came_in=5))
    assert position(one) is None
    one.take(frame(3, announced=100))
    assert position(one) == "evt_1"


@pytest.mark.parametrize("members", [{"created_at": "x"}, {"data": {}}, {"data": {"received_at": 7}}])
def test_events_without_times_are_given_all_the_same(members: dict[str, Any]) -> None:
    one = Listening("a@b.test")
    event = {"type": "a", "id": "evt_1", "schema_version": "1", "created_at": "2026-01-01T00:00:00Z", "data": {}}
    assert one.take(json.dumps({**event, **members})) is not None
    assert position(one) is None


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 300)), min_size=1, max_size=40), st.integers(0, 40))
def test_nothing_is_lost_by_going_on(mails: list[tuple[int, int]], broken_after: int) -> None:
    """Mails come in at one time and are announced at once or later; a backlog in the server's order breaks anywhere."""
    came = sorted((came_in, number, came_in + held) for number, (came_in, held) in enumerate(mails))
    one = Listening("a@b.test")
    seen = set()
    for came_in, number, announced in came[:broken_after]:
        assert one.take(frame(number, announced, came_in)) is not None
        seen.add(number)
    behind = position(one)
    if behind is None:
        return  # all that is unread comes again
    at = {f"evt_{number}": (announced, f"evt_{number}") for _, number, announced in came}
    again = {number for _, number, announced in came if (announced, f"evt_{number}") > at[behind]}
    assert seen | again == set(range(len(mails)))


def test_the_memory_of_marks_is_bounded() -> None:
    one = Listening("a@b.test")
    for number in range(5000):
        one.take(frame(number, number))
    assert len(one._marks) < 20
