"""Whose credential it is, and which agent is meant."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from e2ad.mcp.caller import ASK_SECONDS, REMEMBERED, REMEMBERED_SECONDS, Account, Accounts, Caller
from e2ad.sdk import E2AConnectionError, E2AError
from e2ad.sdk.pages import Page


class Asked:
    """`GET /v1/account`, counted."""

    def __init__(self, view: dict[str, Any] | None = None) -> None:
        self.count = 0
        self.view = view or {"scope": "account"}

    async def __call__(self) -> dict[str, Any]:
        self.count += 1
        await trio.lowlevel.checkpoint()
        return self.view


async def test_an_answer_is_good_for_a_minute(autojump_clock: MockClock) -> None:
    accounts, asked = Accounts(), Asked({"scope": "agent", "agent_email": "bot@agents.test"})
    for _ in range(3):
        assert await accounts.of("key", asked) == Account("bot@agents.test")
    assert asked.count == 1
    await trio.sleep(REMEMBERED_SECONDS + 1)
    asked.view = {"scope": "account"}
    assert (await accounts.of("key", asked)).rules_account
    assert asked.count == 2


async def test_credentials_are_told_apart_and_the_oldest_forgotten(autojump_clock: MockClock) -> None:
    accounts, asked = Accounts(), Asked()
    for number in range(REMEMBERED):
        await accounts.of(f"key{number}", asked)
    await accounts.of("key0", asked)  # used again, so key1 is the oldest
    await accounts.of("one more", asked)
    assert asked.count == REMEMBERED + 1
    await accounts.of("key0", asked)
    assert asked.count == REMEMBERED + 1
    await accounts.of("key1", asked)
    assert asked.count == REMEMBERED + 2


async def test_silence_has_an_end_and_is_not_remembered(autojump_clock: MockClock) -> None:
    accounts, began = Accounts(), trio.current_time()
    with pytest.raises(E2AConnectionError):
        await accounts.of("key", trio.sleep_forever)  # type: ignore[arg-type]  # it never returns
    assert trio.current_time() - began == ASK_SECONDS
    assert (await accounts.of("key", Asked())).rules_account


async def test_a_refusal_is_not_remembered() -> None:
    accounts = Accounts()

    async def no() -> Any:
        raise E2AError("no", code="unauthorized", status=401)

    for _ in range(2):
        with pytest.raises(E2AError):
            await accounts.of("key", no)
    assert (await accounts.of("key", Asked())).rules_account


class Agents:
    """As much of the API as is asked for the list of agents."""

    def __init__(self, *emails: str, more: str | None = None) -> None:
        self.agents, self.emails, self.more = self, emails, more

    def list(self, *, limit: int) -> "Agents":
        assert limit <= 100
        return self

    async def page(self) -> Page[dict[str, Any]]:
        await trio.lowlevel.checkpoint()
        return Page([{"email": email} for email in self.emails], self.more)


def caller(*emails: str, more: str | None = None, bound: str = "", configured: str = "") -> Caller:
    api: Any = Agents(*emails, more=more)
    return Caller(api, Account(bound), configured)


@pytest.mark.parametrize(
    ("who", "arguments", "expected"),
    [
        (caller("a@x", "b@x", bound="c@x", configured="d@x"), {"email": "e@x"}, "e@x"),
        (caller("a@x", "b@x", bound="c@x", configured="d@x"), {}, "c@x"),
        (caller("a@x", "b@x", configured="d@x"), {}, "d@x"),
        (caller("a@x"), {}, "a@x"),
    ],
)
async def test_the_agent_is_named_or_bound_or_configured_or_the_only_one(
    who: Caller, arguments: dict[str, str], expected: str
) -> None:
    assert await who.agent(arguments) == expected


async def test_with_several_agents_the_error_names_them() -> None:
    with pytest.raises(E2AError) as caught:
        await caller("a@x", "b@x").agent({})
    assert caught.value.message == "which agent? Say email, one of: a@x, b@x"
    assert caught.value.details == {"agents": ["a@x", "b@x"]}
    assert caught.value.code == "agent_required"
    with pytest.raises(E2AError, match="and more: see list_agents"):
        await caller("a@x", more="cursor").agent({})
    with pytest.raises(E2AError, match="make one with create_agent"):
        await caller().agent({})
