"""Memory for large requests: bounded for the whole process, and nothing of it for strangers."""

import json
from base64 import b64encode
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from e2ad.api.bodies import FREE_BYTES, Bodies
from e2ad.gateway.limits import RateLimits
from tests.api.classic.test_sending import Dispatch
from tests.api.conftest import Client

AGENT = "bot@agents.localhost"
MAIL = {
    "to": ["ada@example.org"],
    "subject": "Hi",
    "text": "Hello",
    "attachments": [{"filename": "a", "content_type": "text/plain", "data": b64encode(b"x" * FREE_BYTES).decode()}],
}
CLASSIC = {"to": "ada@example.org", "subject": "Hi", "body": "Hello", "attachments": MAIL["attachments"]}


@pytest.fixture
async def sender(client: Client, caller: Any, api: Any, nursery: trio.Nursery) -> Client:
    await api.make_agent(client.services.db, caller.account_id, AGENT)
    client.services.courier = Dispatch(client.services.db, nursery)
    return client


def budget(client: Client, size: int) -> Bodies:
    client.services.bodies = Bodies(size)
    return client.services.bodies


PATHS = [(f"/v1/agents/{AGENT}/messages", MAIL), ("/api/v1/send", CLASSIC)]


@pytest.mark.parametrize(("path", "mail"), PATHS)
async def test_a_large_request_has_its_room_until_it_is_answered(
    sender: Client, monkeypatch: pytest.MonkeyPatch, path: str, mail: Any
) -> None:
    bodies = budget(sender, 10**7)
    seen: list[int] = []
    take = RateLimits.take

    async def spy(*args: Any) -> Any:
        seen.append(bodies.taken_bytes)
        return await take(*args)

    monkeypatch.setattr(RateLimits, "take", spy)
    answer = await sender.post(path, mail)
    assert answer.status in (200, 202), answer.text
    assert seen == [len(json.dumps(mail))]
    assert bodies.taken_bytes == 0


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("path", "mail"), PATHS)
async def test_a_strangers_large_body_is_not_read(sender: Client, path: str, mail: Any, declared: bool) -> None:
    headers = {"authorization": "Bearer e2a_acct_" + "0" * 64}
    if not declared:
        headers |= {"transfer-encoding": "chunked", "content-length": ""}
    answer = await sender.post(path, mail, headers=headers)
    assert answer.status == 401
    assert sender.sent == []


async def test_the_answer_to_one_too_many(sender: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2ad.api.bodies.WAIT_SECONDS", 0.01)
    bodies = budget(sender, 41_943_040)
    for headers in ({}, {"transfer-encoding": "chunked", "content-length": ""}):
        with bodies.lease() as other:
            await other.take(41_943_040)
            for path, mail in PATHS:
                answer = await sender.post(path, mail, headers=headers)
                assert (answer.status, answer.headers["retry-after"]) == (503, "5"), answer.text
            small = await sender.post(PATHS[0][0], {**MAIL, "attachments": []})
            assert small.status == 202
        assert bodies.taken_bytes == 0
    assert (await sender.post(PATHS[0][0], MAIL)).status == 202


async def test_who_waits_goes_on_when_there_is_room(autojump_clock: MockClock) -> None:
    bodies = Bodies(1_000_000)
    order: list[str] = []

    async def one(name: str, size: int, seconds: float) -> None:
        with bodies.lease() as lease:
            await lease.take(size)
            order.append(name)
            assert bodies.taken_bytes <= 1_000_000
            await trio.sleep(seconds)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, "first", 900_000, 1)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(one, "second", 900_000, 1)
        nursery.start_soon(one, "all of it", 10**9, 1)
        with trio.move_on_after(0.5):
            await one("cancelled", 900_000, 0)
    assert order[0] == "first"
    assert sorted(order[1:]) == ["all of it", "second"]
    assert bodies.taken_bytes == 0
