"""The order of checks, and every way in which a request can be wrong."""

from datetime import datetime
from typing import Annotated, Any, Literal

import attrs
import pytest
import trio
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Meta, UnsetType

from e2ad.api import app as application
from e2ad.api.operation import Call, Operation, Result, Scope, operation
from e2ad.api.shapes import NULL_REFUSED, BodyShape, Malformed, Problem, open_body
from e2ad.core import errors


@frozen
class Part:
    name: Annotated[str, Meta(max_length=3)]
    size: int | UnsetType = UNSET


@frozen
class ThingRequest:
    title: Annotated[str, Meta(max_length=5)]
    count: Annotated[int, Meta(ge=1, le=10)] = 7
    kind: Literal["red", "blue"] | UnsetType = UNSET
    at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    parts: list[Part] | UnsetType = UNSET
    strictly: Annotated[str, NULL_REFUSED] | UnsetType = UNSET
    note: str | UnsetType | None = UNSET


@open_body
@frozen
class OpenRequest:
    title: str = ""


@frozen
class ThingQuery:
    limit: Annotated[int, Meta(ge=1, le=100)] = 100
    deep: bool = False
    from_: str | UnsetType = UNSET
    color: Literal["red", "blue"] | UnsetType = UNSET


@frozen
class ThingView:
    seen: Any
    other: str | UnsetType = UNSET


@operation("makeThing", "POST", "/v1/things", tag="t", summary="s", body=ThingRequest, query=ThingQuery,
           success={201: ThingView}, max_body=2000)  # fmt: skip
async def make_thing(call: Call[ThingQuery, ThingRequest]) -> ThingView:
    return ThingView([call.body.title, call.body.count, call.query.limit, call.principal.scope])


@operation("getThing", "GET", "/v1/things/{email}/{index}", tag="t", summary="s", query=ThingQuery,
           path_types={"index": Annotated[int, Meta(ge=0)]}, success={200: ThingView}, scope=Scope.OWN,
           poll=True)  # fmt: skip
async def get_thing(call: Call[ThingQuery, None]) -> Any:
    match call.path["index"]:
        case "1":
            raise ExceptionGroup("nested", [ExceptionGroup("more", [errors.Conflict("no, not now")])])
        case "2":
            raise RuntimeError("secret detail")
        case "3":
            raise errors.InvalidRequest("bad thing")
        case "4":
            return Result(202, ThingView(1), {"Location": "/v1/elsewhere\r\nX-Evil: 1"})
        case "5":
            raise errors.Unavailable
        case "6":
            await trio.sleep_forever()
    return ThingView([call.path["email"], call.query.from_ or None, call.query.deep])


@operation("dropThing", "POST", "/v1/things/{id}/drop", tag="t", summary="s", success={200: ThingView}, max_body=100)
async def drop_thing(call: Call[None, None]) -> ThingView:
    return ThingView(call.path["id"])


@operation("joinThing", "POST", "/v1/registrations", tag="t", summary="s", body=OpenRequest, success={201: ThingView},
           registration=True)  # fmt: skip
async def join_thing(call: Call[None, OpenRequest]) -> ThingView:
    return ThingView(call.client_address)


@pytest.fixture(autouse=True)
def things(monkeypatch: pytest.MonkeyPatch) -> None:
    declared: tuple[Operation, ...] = (make_thing, get_thing, drop_thing, join_thing)
    monkeypatch.setattr(application, "OPERATIONS", declared)


GOOD = {"title": "abc"}

SHAPES: list[tuple[Any, list[str]]] = [
    ({}, ["body"]),
    ([], ["body"]),
    ("text", ["body"]),
    ({"title": None}, ["body.title"]),
    ({"title": 1}, ["body.title"]),
    ({"title": "abcdef"}, ["body.title"]),
    ({"title": "äöüßé", "x": 1, "y": 2}, ["body.x", "body.y"]),
    ({"title": "a", "count": 11}, ["body.count"]),
    ({"title": "a", "count": "1"}, ["body.count"]),
    ({"title": "a", "count": 1.5}, ["body.count"]),
    ({"title": "a", "count": True}, ["body.count"]),
    ({"title": "a", "kind": ""}, ["body.kind"]),
    ({"title": "a", "count": ""}, ["body.count"]),
    ({"title": "a", "count": False}, ["body.count"]),
    ({"title": "a", "at": "2026-01-01"}, ["body.at"]),
    ({"title": "a", "at": "2026-01-01T00:00:00"}, ["body.at"]),
    ({"title": "a", "strictly": None}, ["body.strictly"]),
    ({"title": "a", "parts": [{"name": "ab"}, {"name": "long"}, {}, {"name": "a", "z": 1}, 5]},
     ["body.parts[1].name", "body.parts[2]", "body.parts[3].z", "body.parts[4]"]),
    ({"count": 0, "kind": "green", "title": 5, "nope": []}, ["body.kind", "body.nope", "body.title"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "fields"), SHAPES)
async def test_every_problem_of_a_body_is_named(client: Any, body: Any, fields: list[str]) -> None:
    answer = await client.post("/v1/things", body)
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert sorted(answer.fields) == fields
    assert answer.json()["error"]["message"] == "validation failed"


async def test_problems_of_query_and_body_come_together(client: Any) -> None:
    answer = await client.post("/v1/things", {}, query={"limit": "0", "deep": "maybe", "color": "green"})
    assert answer.status == 422
    assert answer.fields == ["query.limit", "query.deep", "query.color", "body"]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"title": "a", "count": 0}, 7),
        ({"title": "a", "count": None}, 7),
        ({"title": "a", "kind": None, "at": None, "parts": None}, 7),
        ({"title": "a", "at": "2026-01-01T00:00:00.123456789+02:00"}, 7),
        ({"title": "a", "parts": [{"name": "x", "size": None}]}, 7),
    ],
)
async def test_null_is_absence_and_zero_is_the_default(client: Any, body: Any, count: int) -> None:
    answer = await client.post("/v1/things", body)
    assert answer.status == 201
    assert answer.json() == {"seen": ["a", count, 100, "account"]}


MALFORMED = [
    b"{", b"{} x", b"nul", b'{"title":"\xff"}', b'{"title":"\\ud800"}', b'{"title":"a\\u0000"}', b'{"a\\u0000":1}',
    b"[" * 900, b'{"a":' * 400, b"\xef\xbb\xbf{}", b'{"count": 1e999}',
]  # fmt: skip


@pytest.mark.parametrize("raw", MALFORMED)
async def test_what_is_not_json_is_400_at_body(client: Any, raw: bytes) -> None:
    answer = await client.request("POST", "/v1/things", raw=raw)
    assert (answer.status, answer.code, answer.fields) == (400, "invalid_request", ["body"])


@pytest.mark.parametrize("raw", [b"", b"  \n"])
async def test_an_empty_body_is_400_without_details(client: Any, raw: bytes) -> None:
    answer = await client.request("POST", "/v1/things", raw=raw)
    assert answer.status == 400
    assert "details" not in answer.json()["error"]


async def test_backslashes_before_u0000_are_only_text(client: Any) -> None:
    assert (await client.request("POST", "/v1/things", raw=b'{"title":"\\\\u0"}')).status == 201


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("application/json; charset=utf-8", 201),
        ("APPLICATION/JSON", 201),
        ("text/plain", 415),
        ("application/xml", 415),
    ],
)
async def test_the_media_type(client: Any, given: str, status: int) -> None:
    answer = await client.post("/v1/things", GOOD, headers={"Content-Type": given})
    assert answer.status == status
    if status == 415:
        assert (answer.code, answer.fields) == ("unsupported_media_type", ["body"])


async def test_a_body_over_the_limit_is_refused_by_its_declared_length(client: Any) -> None:
    answer = await client.request("POST", "/v1/things", raw=b" " * 5000)
    assert (answer.status, answer.code) == (413, "payload_too_large")
    details = answer.json()["error"]["details"]
    assert details == {"scope": "request_body", "actual_bytes": 5000, "max_bytes": 2000}
    assert client.sent == []


async def test_a_body_over_the_limit_is_never_held(client: Any) -> None:
    client.chunks = 700
    answer = await client.request("POST", "/v1/things", raw=b" " * 50000, headers={"Content-Length": ""})
    assert answer.status == 413
    assert len(client.sent) == 3


async def test_a_body_nobody_wants_is_dropped(client: Any) -> None:
    assert (await client.request("POST", "/v1/things/a/drop", raw=b"\xff not json")).status == 200
    assert (await client.request("POST", "/v1/things/a/drop", raw=b"x" * 101)).status == 413


async def test_validation_comes_before_authentication_and_that_before_scope(client: Any) -> None:
    client.key = None
    assert (await client.post("/v1/things", {})).status == 422
    answer = await client.post("/v1/things", GOOD)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="e2a"'


async def test_an_access_token_that_fails_says_so(client: Any) -> None:
    answer = await client.post("/v1/things", GOOD, key="ate2a_nope")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_scopes_and_ownership(client: Any, database: Any, caller: Any, api: Any) -> None:
    other = await api.make_caller(database, "other@example.com")
    for owner, email in ((caller, "a@x.test"), (caller, "b@x.test"), (other, "c@y.test")):
        await api.make_agent(database, owner.account_id, email)
    agent = await api.make_caller(database, scope="agent", agent_email="a@x.test")
    cases = {"a@x.test": 200, "A@X.test": 200, "b@x.test": 403, "c@y.test": 404, "nobody@z.test": 404}
    for email, status in cases.items():
        assert (await client.get(f"/v1/things/{email}/0", key=agent.key)).status == status, email
    assert (await client.post("/v1/things", GOOD, key=agent.key)).code == "forbidden"
    assert (await client.get("/v1/things/anything@z.test/0")).status == 200


@pytest.mark.parametrize(
    ("index", "status", "code"),
    [("1", 409, "conflict"), ("2", 500, "internal_error"), ("3", 400, "invalid_request"), ("5", 503, "internal_error")],
)
async def test_what_handlers_raise(client: Any, index: str, status: int, code: str) -> None:
    answer = await client.get(f"/v1/things/a@b.test/{index}")
    assert (answer.status, answer.code) == (status, code)
    assert "secret detail" not in answer.text
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
    if index == "3":
        assert answer.json()["error"]["details"] == {"fields": [{"location": "", "message": "bad thing"}]}


async def test_a_handler_that_never_ends_is_503(client: Any) -> None:
    config = client.services.config
    client.services.config = attrs.evolve(config, http=attrs.evolve(config.http, request_seconds=0.1))
    assert (await client.get("/v1/things/a@b.test/6")).status == 503


async def test_headers_of_a_result_cannot_split_the_answer(client: Any) -> None:
    answer = await client.get("/v1/things/a@b.test/4")
    assert answer.status == 202
    assert answer.headers["location"] == "/v1/elsewhere  X-Evil: 1"
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    ("index", "location"),
    [("-1", "path.index"), ("x", "path.index"), ("1.5", "path.index"), ("1.0", "path.index"), ("1e0", "path.index")],
)
async def test_typed_path_parameters(client: Any, index: str, location: str) -> None:
    answer = await client.get(f"/v1/things/a@b.test/{index}")
    assert (answer.status, answer.fields) == (422, [location])


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", [None, False]),
        ("from=x&from=y&nobody=knows&deep=1", ["x", True]),
        ("limit=&deep=&from=", [None, False]),
        ("from=%C3%A9&deep=TRUE", ["é", True]),
    ],
)
async def test_query_parameters(client: Any, query: str, seen: list[Any]) -> None:
    assert (await client.get(f"/v1/things/a%2Bb@x.test/0?{query}")).json()["seen"] == ["a+b@x.test", *seen]


@pytest.mark.parametrize(
    "path", ["/v1/things/%00/0", "/v1/things/%FF/0", "/v1/things/a/0?x=%00", "/v1/things/a/0?x=%FF"]
)
async def test_nul_and_broken_text_anywhere_are_400(client: Any, path: str) -> None:
    client.key = None
    assert (await client.get(path)).code == "invalid_request"


async def test_request_ids(client: Any) -> None:
    fresh = (await client.get("/v1/nothing")).headers["x-request-id"]
    assert len(fresh) == 28
    assert fresh.startswith("req_")
    answer = await client.get("/v1/nothing", headers={"X-Request-Id": "mine 1"})
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"] == "mine 1"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_polls_are_counted_and_said(client: Any, services: Any) -> None:
    limits = attrs.evolve(services.config.rate_limits, poll_per_minute=2)
    services.config = attrs.evolve(services.config, rate_limits=limits)
    answers = [await client.get("/v1/things/a@b.test/0") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[0].headers["ratelimit-limit"] == "2"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].json()["error"]["details"]["retry_after_seconds"] == int(answers[2].headers["retry-after"])


async def test_registrations_count_invalid_ones_too(client: Any, services: Any) -> None:
    limits = attrs.evolve(services.config.rate_limits, create_agent_per_hour=2)
    services.config = attrs.evolve(services.config, rate_limits=limits)
    client.key = None
    statuses = [(await client.request("POST", "/v1/registrations", raw=b"{")).status for _ in range(3)]
    assert statuses == [400, 400, 429]
    client.address = "192.0.2.8"
    assert (await client.post("/v1/registrations", {"unknown": 1})).status == 401


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    shape = BodyShape(ThingRequest)
    try:
        read = shape.read(raw)
    except Malformed:
        return
    assert isinstance(read, ThingRequest) or all(isinstance(problem, Problem) for problem in read)


def test_a_hostile_body_is_not_answered_with_more_than_it_sent() -> None:
    raw = b"{" + b",".join(b'"%d":1' % number for number in range(20000)) + b"}"
    problems = BodyShape(ThingRequest).read(raw)
    assert isinstance(problems, list)
    assert len(problems) == 100


def test_a_view_with_a_datetime_is_refused_at_import() -> None:
    @frozen
    class Late:
        at: datetime

    with pytest.raises(TypeError, match=r"Late\.at"):
        operation("x", "GET", "/v1/x", tag="t", summary="s", success={200: Late})
