"""A model that is asked over HTTP, and everything that an endpoint can do instead of answering."""

import json
from typing import Any

import pytest
import trio
from attrs import evolve

from e2ad.config.sections import Screening
from e2ad.core.screening import Material, Signal
from e2ad.delivery.egress import Egress
from e2ad.delivery.screening_model import HttpScreeningModel, ModelUnavailable, ModelVerdict
from tests.delivery import endpoint as far

MAIL = Material("inbound", "Hello", "Ada", "ada@northwind.example", "Please pay.", None)
GOOD = (
    b'{"score": 0.7, "categories": [{"name": "spam", "score": 0.2}, {"name": "fraud", "score": 0.7}], "summary": "pay"}'
)


def model(endpoint: far.Endpoint, networks: tuple[str, ...] = ("127.0.0.0/8",), **changes: Any) -> HttpScreeningModel:
    usual = {"model_url": endpoint.url("model.example", "/judge?v=1"), "model_token": "tok", "deadline_seconds": 5.0}
    settings = evolve(Screening(), **usual | changes)
    egress = Egress(
        evolve(far.Settings(), allow_networks=networks), far.StaticResolver({"model.example": ["127.0.0.1"]})
    )
    return HttpScreeningModel(settings, egress)


async def judged(
    model: HttpScreeningModel, material: Material = MAIL, signals: tuple[Signal, ...] = ()
) -> ModelVerdict:
    with trio.fail_after(20):
        return await model.judge(material, signals)


async def test_a_question_and_its_answer(endpoint: Any) -> None:
    endpoint.answers = [far.Answer(body=GOOD, close_after=True)]
    verdict = await judged(model(endpoint, model_name="small"), signals=(Signal("hidden_text", 0.3, "…", "…"),))
    assert verdict == ModelVerdict(0.7, (("fraud", 0.7), ("spam", 0.2)), "pay")
    (request,) = endpoint.received
    assert request.path == "/judge?v=1"
    assert request.headers["authorization"] == "Bearer tok"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "version": 1,
        "model": "small",
        "direction": "inbound",
        "subject": "Hello",
        "sender": "Ada <ada@northwind.example>",
        "text": "Please pay.",
        "truncated": False,
        "signals": [{"name": "hidden_text", "score": 0.3}],
    }


async def test_a_long_text_keeps_beginning_and_end(endpoint: Any) -> None:
    endpoint.answers = [far.Answer(body=b'{"score": 0}', close_after=True)]
    text = "begin" + "x" * 5000 + "\udcff end"
    assert await judged(model(endpoint, max_characters=400, model_token=""), evolve(MAIL, text=text)) == ModelVerdict(
        0.0
    )
    (request,) = endpoint.received
    sent = json.loads(request.body)
    assert sent["text"].startswith("begin")
    assert sent["text"].endswith("\udcff end")
    assert len(sent["text"]) < 420
    assert sent["truncated"] is True
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (far.Answer(500), "status 500"),
        (far.Answer(401), "status 401"),
        (far.Answer(302, headers=(("Location", "https://elsewhere.example/"),)), "status 302"),
        (far.Answer(raw=b"HTTP/1.1 204 No Content\r\n\r\n"), "status 204"),
        (far.Answer(reset=True), "closed without an answer|broke"),
        (far.Answer(raw=b"HELO\r\n\r\n"), "not HTTP/1.1"),
        (far.Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), "closed without|broke|not HTTP/1.1"),
        (far.Answer(endless=True), "more than 65536 octets"),
        (far.Answer(body=b" " * 65_537), "more than 65536 octets"),
        (far.Answer(raw=b"HTTP/1.1 103 soon\r\n\r\n" * 10_000), "more than 65536 octets"),
        (far.Answer(never=True), "within 0.3 s"),
        (far.Answer(delay=5), "within 0.3 s"),
        (far.Answer(body=b""), "not as agreed"),
        (far.Answer(body=b"<html>"), "not as agreed"),
        (far.Answer(body=b"\xff\xfe{}"), "not as agreed"),
        (far.Answer(body=b"{}"), "not as agreed"),
        (far.Answer(body=b"[0.5]"), "not as agreed"),
        (far.Answer(body=b'{"score": "0.5"}'), "not as agreed"),
        (far.Answer(body=b'{"score": true}'), "not as agreed"),
        (far.Answer(body=b'{"score": NaN}'), "not as agreed"),
        (far.Answer(body=b'{"score": 1.01}'), "not as agreed"),
        (far.Answer(body=b'{"score": -0.01}'), "not as agreed"),
        (far.Answer(body=b'{"score": 1e999}'), "not as agreed"),
        (far.Answer(body=b'{"score": 0, "summary": 5}'), "not as agreed"),
        (far.Answer(body=b'{"score": 0, "categories": [{"name": "a"}]}'), "not as agreed"),
        (far.Answer(body=b'{"score": 0, "categories": [{"name": "", "score": 0}]}'), "not as agreed"),
        (
            far.Answer(
                body=b'{"score": 0, "categories": ['
                + b'{"name": "a", "score": 0},' * 32
                + b'{"name": "a", "score": 0}]}'
            ),
            "not as",
        ),
        (far.Answer(body=b'{"score": 0, "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"), "not as agreed"),
    ],
)
async def test_what_is_no_opinion(endpoint: Any, answer: far.Answer, words: str) -> None:
    endpoint.reply = lambda _: evolve(answer, close_after=True)
    slow = answer.never or answer.delay
    with pytest.raises(ModelUnavailable, match=words):
        await judged(model(endpoint, deadline_seconds=0.3 if slow else 10.0))


async def test_an_answer_may_know_more_than_we_do_and_is_made_fit_for_the_eye(endpoint: Any) -> None:
    body = {
        "score": 1,
        "reasoning": {"a": [1]},
        "summary": "x\u202ey\n" + "z" * 9000,
        "categories": [{"name": "a\u200b", "score": 1}],
    }
    endpoint.answers = [far.Answer(body=json.dumps(body).encode(), close_after=True)]
    verdict = await judged(model(endpoint))
    assert verdict.score == 1
    assert verdict.categories == (("a[U+200B]", 1.0),)
    assert verdict.summary.startswith("x[U+202E]y zzz")
    assert len(verdict.summary) == 500


async def test_the_guard_holds_for_models_too(endpoint: Any) -> None:
    with pytest.raises(ModelUnavailable, match="not public"):
        await judged(model(endpoint, networks=()))
    assert endpoint.connections == 0


async def test_a_model_that_fails_is_left_alone_and_tried_again(endpoint: Any, monkeypatch: Any) -> None:
    endpoint.reply = lambda _: far.Answer(500, close_after=True)
    judge = model(endpoint, breaker_failures=2, breaker_open_seconds=60.0)
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="status 500"):
            await judged(judge)
    assert judge.is_open
    with pytest.raises(ModelUnavailable, match="left alone"):
        await judged(judge)
    assert len(endpoint.received) == 2
    later = trio.current_time() + 61
    monkeypatch.setattr("e2ad.delivery.screening_model.trio.current_time", lambda: later)
    endpoint.reply = lambda _: far.Answer(body=GOOD, close_after=True)
    assert (await judged(judge)).score == 0.7
    assert not judge.is_open
    assert (await judged(judge)).score == 0.7


async def test_only_so_many_questions_at_a_time_and_a_cancelled_one_gives_its_place_back(endpoint: Any) -> None:
    endpoint.reply = lambda _: far.Answer(never=True)
    judge = model(endpoint, concurrency=1, breaker_failures=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(judge.judge, MAIL)
        await endpoint.wait_received(1)
        with pytest.raises(ModelUnavailable, match="enough to do"):
            await judged(judge)
        nursery.cancel_scope.cancel()
    assert not judge.is_open
    endpoint.reply = lambda _: far.Answer(body=GOOD, close_after=True)
    assert (await judged(judge)).score == 0.7


def test_a_token_that_no_header_can_carry() -> None:
    with pytest.raises(ValueError, match="model_token"):
        model(far.Endpoint(port=1), model_token="a\nb")
