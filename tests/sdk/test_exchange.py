"""What a call does, without a server: repeats, waits, keys, and how answers are read."""

import io
import itertools
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from attrs import define, frozen
from hypothesis import given
from hypothesis import strategies as st

from e2ad.sdk import (
    E2AConflictError,
    E2AConnectionError,
    E2AError,
    E2AIdempotencyError,
    E2ARateLimitError,
    E2AServerError,
    E2AValidationError,
)
from e2ad.sdk.exchange import (
    BytesAnswer,
    Patience,
    Pause,
    Request,
    Response,
    Sink,
    TaggedAnswer,
    call,
    decode,
    path,
)

READ = Request("GET", "/v1/agents")
WRITE = Request("POST", "/v1/agents", body={})
KEYED = Request("POST", "/v1/agents/a/messages", body={}, keyed=True)
BUSY = Response(503, {}, b"")
GOOD = Response(200, {}, b"{}")
LOST = E2AConnectionError("gone", maybe_done=True)


def refusal(code: str, status: int, **headers: str) -> Response:
    body = json.dumps({"error": {"code": code, "message": "no", "request_id": "req_1"}}).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@define
class Told:
    """What became of a call."""

    sent: list[Request]
    pauses: list[float]
    result: Response | None = None
    error: E2AError | None = None


def conduct(
    request: Request,
    answers: Iterable[Response | E2AConnectionError],
    *,
    takes: float = 0.0,
    chance: float = 0.0,
    **patience: Any,
) -> Told:
    """Answer a call as told; each attempt takes some seconds of a clock of its own."""
    now = 0.0
    steps = call(request, Patience(clock=lambda: now, chance=lambda: chance, **patience))
    told = Told([], [])
    left = iter(answers)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Pause):
                told.pauses.append(step.seconds)
                now += step.seconds
                step = steps.send(None)
                continue
            told.sent.append(step)
            now += takes
            answer = next(left)
            step = steps.throw(answer) if isinstance(answer, E2AConnectionError) else steps.send(answer)
    except StopIteration as stop:
        told.result = stop.value
    except E2AError as error:
        told.error = error
    return told


@frozen
class Case:
    request: Request
    answers: tuple[Response | E2AConnectionError, ...]
    attempts: int
    ends: type[E2AError] | None
    code: str = ""


CASES = {
    "good at once": Case(READ, (GOOD,), 1, None),
    "a read is repeated": Case(READ, (BUSY, BUSY, GOOD), 3, None),
    "twice and no more": Case(READ, (BUSY,) * 3, 3, E2AServerError, "invalid_response"),
    "408": Case(READ, (Response(408, {}, b""), GOOD), 2, None),
    "429": Case(READ, (refusal("rate_limited", 429), GOOD), 2, None),
    "500": Case(READ, (refusal("internal_error", 500), GOOD), 2, None),
    "no answer": Case(READ, (LOST, GOOD), 2, None),
    "never an answer": Case(READ, (LOST,) * 3, 3, E2AConnectionError, "connection_error"),
    "400 says all": Case(READ, (refusal("invalid_request", 400),), 1, E2AValidationError, "invalid_request"),
    "409 says all": Case(READ, (refusal("agent_held", 409),), 1, E2AConflictError, "agent_held"),
    "in flight": Case(KEYED, (refusal("idempotency_in_flight", 409), GOOD), 2, None),
    "in flight, unkeyed": Case(WRITE, (refusal("idempotency_in_flight", 409),), 1, E2AIdempotencyError),
    "key reuse": Case(KEYED, (refusal("idempotency_key_reuse", 422),), 1, E2AIdempotencyError),
    "a POST is not repeated": Case(WRITE, (BUSY,), 1, E2AServerError),
    "nor after silence": Case(WRITE, (LOST,), 1, E2AConnectionError),
    "nor when it is too fast": Case(WRITE, (refusal("rate_limited", 429),), 1, E2ARateLimitError),
    "a keyed POST is": Case(KEYED, (BUSY, LOST, GOOD), 3, None),
    "PUT": Case(Request("PUT", "/x"), (BUSY, GOOD), 2, None),
    "PATCH": Case(Request("PATCH", "/x"), (BUSY, GOOD), 2, None),
    "DELETE": Case(Request("DELETE", "/x"), (LOST, GOOD), 2, None),
    "a DELETE that must not be": Case(Request("DELETE", "/x", retried=False), (LOST,), 1, E2AConnectionError),
    "a POST that may be": Case(Request("POST", "/x", retried=True), (BUSY, GOOD), 2, None),
    "a redirection": Case(READ, (Response(302, {"location": "/"}, b""),), 1, E2AServerError, "invalid_response"),
    "not modified": Case(READ, (Response(304, {}, b""),), 1, E2AServerError, "invalid_response"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_tried_again(case: Case) -> None:
    told = conduct(case.request, case.answers)
    assert len(told.sent) == case.attempts
    assert len(told.pauses) == case.attempts - 1
    if case.ends is None:
        assert told.result is GOOD
    else:
        assert type(told.error) is case.ends
        if case.code:
            assert told.error.code == case.code


def test_each_attempt_of_a_keyed_call_carries_the_same_key() -> None:
    told = conduct(KEYED, (BUSY, LOST, GOOD))
    keys = {one.headers["Idempotency-Key"] for one in told.sent}
    assert len(keys) == 1
    assert len(key := keys.pop()) == 32
    assert int(key, 16)
    assert conduct(KEYED, (GOOD,)).sent[0].headers["Idempotency-Key"] != key
    given_key = Request("POST", "/x", headers={"Idempotency-Key": "mine"}, keyed=True)
    assert [one.headers["Idempotency-Key"] for one in conduct(given_key, (BUSY, GOOD)).sent] == ["mine"] * 2
    assert "Idempotency-Key" not in conduct(READ, (GOOD,)).sent[0].headers


def test_waits_double_up_to_eight_seconds() -> None:
    told = conduct(READ, [BUSY] * 9, max_retries=8)
    assert told.pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8.0, 8.0]
    assert conduct(READ, [BUSY] * 3, chance=1.0).pauses == [0.1, 0.2]
    assert conduct(READ, [BUSY], max_retries=0).pauses == []


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("2.5", 2.5),
        ("60", 60.0),
        ("3600", 60.0),
        ("999999999", 60.0),
        ("-5", 0.2),
        ("nan", 0.2),
        ("inf", 0.2),
        ("soon", 0.2),
        ("", 0.2),
        ("9" * 400, 0.2),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00", 0.2),
    ],
)
def test_the_server_says_how_long_to_wait(value: str, seconds: float) -> None:
    answers = (Response(503, {"retry-after": value}, b""), GOOD)
    assert conduct(READ, answers).pauses == [seconds]


def test_the_server_says_until_when() -> None:
    at = datetime.now(UTC) + timedelta(seconds=30)
    answers = (Response(503, {"retry-after": format_datetime(at, usegmt=True)}, b""), GOOD)
    assert 25 < conduct(READ, answers).pauses[0] <= 30


def test_the_body_may_say_how_long_to_wait() -> None:
    body = b'{"error": {"code": "rate_limited", "message": "slowly", "details": {"retry_after_seconds": 3}}}'
    assert conduct(READ, (Response(429, {}, body), GOOD)).pauses == [3.0]
    told = conduct(WRITE, (Response(429, {"retry-after": "5"}, body),))
    assert told.error is not None
    assert told.error.retry_after_seconds == 5.0


def test_no_wait_ends_after_the_time_that_there_is() -> None:
    answers = [BUSY] * 20
    assert conduct(READ, answers, max_retries=19, max_elapsed_seconds=1.0).pauses == [0.2, 0.4]
    assert conduct(READ, answers, max_retries=19, max_elapsed_seconds=1.0, takes=0.5).pauses == [0.2]
    assert conduct(READ, answers, max_elapsed_seconds=0.0).pauses == []
    patient = conduct(READ, [Response(429, {"retry-after": "40"}, b"")], max_elapsed_seconds=30.0)
    assert patient.pauses == []
    assert isinstance(patient.error, E2ARateLimitError)


def test_what_a_sink_has_taken_is_not_asked_for_again() -> None:
    sink = Sink(io.BytesIO())
    request = Request("GET", "/v1/account/export", sink=sink)
    assert len(conduct(request, (refusal("rate_limited", 429), GOOD)).sent) == 2
    told: list[int] = []
    sink.progress = told.append
    sink.write(b"half")
    sink.write(b"!")
    assert told == [4, 5]
    assert isinstance(conduct(request, (LOST,)).error, E2AConnectionError)


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_no_part_of_a_path_leads_elsewhere(part: str) -> None:
    with pytest.raises(E2AValidationError):
        path("/v1/agents/{}/messages/{}", "a@b.test", part)


@given(st.lists(st.text(min_size=1).filter(lambda text: text not in (".", "..")), min_size=1, max_size=3))
def test_parts_stay_segments(parts: list[str]) -> None:
    try:
        found = path("/v1/x" + "/{}" * len(parts), *parts)
    except UnicodeEncodeError:  # half a character cannot be sent
        return
    assert found.count("/") == 2 + len(parts)
    assert found.isascii()
    assert not set(found) & set("?#{} ")


def test_queries_are_text() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    query = {"a": None, "b": True, "c": False, "d": at, "e": ["x", "y"], "f": ("z",), "g": 7, "h": "t", "i": []}
    assert Request("GET", "/", query=query).parameters == {
        "b": "true",
        "c": "false",
        "d": "2026-01-02T03:04:05+00:00",
        "e": "x,y",
        "f": "z",
        "g": "7",
        "h": "t",
        "i": "",
    }


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe", b'{"a":', b'"\xff"', b"[1]", b'"text"', b"null"])
def test_what_cannot_be_read_is_a_failure_of_the_server(content: bytes) -> None:
    with pytest.raises(E2AServerError) as caught:
        decode(Response(200, {}, content), dict[str, str])
    assert (caught.value.code, caught.value.status) == ("invalid_response", 200)
    assert not caught.value.retryable


def test_answers_of_other_shapes() -> None:
    tagged = TaggedAnswer(Response(200, {"etag": '"7"'}, b'{"a": 1}'), dict[str, int])
    assert tagged.plain() == tagged.model() == ({"a": 1}, '"7"')
    assert TaggedAnswer(Response(200, {}, b"{}"), dict[str, int]).plain() == ({}, None)
    octets = BytesAnswer(Response(200, {}, b"\x00\xff"), bytes)
    assert octets.plain() == octets.model() == b"\x00\xff"


def test_a_line_of_text_is_an_error_of_the_older_surface() -> None:
    answer = Response(400, {"content-type": "text/plain; charset=utf-8"}, b"message is required\n")
    told = conduct(WRITE, (answer,))
    assert isinstance(told.error, E2AValidationError)
    assert (told.error.message, told.error.code) == ("message is required", "error")


def test_no_two_clients_come_back_together() -> None:
    waits = set()
    for _ in range(20):
        steps = call(READ, Patience())
        next(steps)
        pause = steps.send(BUSY)
        assert isinstance(pause, Pause)
        assert 0.1 <= pause.seconds <= 0.2
        waits.add(pause.seconds)
    assert len(waits) > 10
    assert all(one != other for one, other in itertools.pairwise(sorted(waits)))
