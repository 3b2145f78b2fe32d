"""One key, one effect: also for requests at once, and for one that was given up at any moment."""

import attrs
import pytest
import trio

from e2ad.api.app import OPERATIONS
from e2ad.api.operation import Operation
from tests.api.conftest import Answer, Caller, Client
from tests.api.world import REQUESTS, Request, World, call, named, populate, rows

KEYED = [one for one in OPERATIONS if one.idempotent]
MADE = {
    "createApiKey": "api_keys",
    "sendMessage": "messages",
    "replyToMessage": "messages",
    "forwardMessage": "messages",
    "createWebhook": "webhooks",
    "createContact": "contacts",
    "importContacts": "contact_imports",
}
"""What there is one more of after each request that works."""
STEPS = [*range(1, 40, 2), *range(40, 160, 12)]


@pytest.fixture
async def world(client: Client, caller: Caller) -> World:
    return await populate(client, caller.account_id)


async def count(client: Client, table: str) -> int:
    return int(await client.services.db.fetch_value(f"select count(*) from {table}"))


@pytest.mark.parametrize("one", KEYED, ids=named)
async def test_of_requests_at_once_one_has_the_effect(client: Client, world: World, one: Operation) -> None:
    request, answers = REQUESTS[one.id](world), list[Answer]()
    headers = {**request.headers, "Idempotency-Key": "k" * 32}
    table = MADE.get(one.id)
    before = await count(client, table) if table else 0

    async def ask() -> None:
        answers.append(await call(client, one, request, headers=headers))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(ask)
    good = [answer for answer in answers if answer.status in one.success]
    assert len({answer.body for answer in good}) == 1
    refused = {(answer.status, answer.code) for answer in answers if answer not in good}
    assert refused <= {(409, "idempotency_in_flight")}
    if table:
        assert await count(client, table) == before + 1
    after = await rows(client)
    again = await call(client, one, request, headers=headers)
    assert (again.status, again.body) == (good[0].status, good[0].body)
    assert await rows(client) == after


class CancelAt(trio.abc.Instrument):
    """Cancels a scope at the k-th step of the tasks that run."""

    def __init__(self, scope: trio.CancelScope, step: int) -> None:
        self.scope, self.left = scope, step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


def fresh(one: Operation, request: Request, step: int) -> Request:
    """The same request, about somebody else where one contact can be made only once."""
    if one.id == "createContact":
        return attrs.evolve(request, body={"address": f"step{step}@example.org"})
    return request


@pytest.mark.parametrize("one", [one for one in KEYED if one.id in MADE], ids=named)
async def test_a_request_given_up_at_any_step_can_be_repeated(client: Client, world: World, one: Operation) -> None:
    """The client is gone, and comes again with its key: there is one effect, and the key is never stuck."""
    table, ends = MADE[one.id], set[bool]()
    for step in STEPS:
        request = fresh(one, REQUESTS[one.id](world), step)
        headers = {**request.headers, "Idempotency-Key": f"step {step}"}
        before = await count(client, table)
        with trio.CancelScope() as scope:
            instrument = CancelAt(scope, step)
            trio.lowlevel.add_instrument(instrument)
            try:
                await call(client, one, request, headers=headers)
            finally:
                trio.lowlevel.remove_instrument(instrument)
        ends.add(await count(client, table) > before)
        answer = await call(client, one, request, headers=headers)
        assert answer.status in one.success, (step, answer.text)
        assert await count(client, table) == before + 1, step
    assert ends == {True, False}, "the steps do not reach from before the effect to after it"
