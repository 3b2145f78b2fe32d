"""The tree of methods: every operation of the document through every face over a real socket, and its names."""

import asyncio
import base64
import inspect
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from e2ad.api.app import OPERATIONS
from e2ad.sdk import AsyncE2AClient, E2AClient, E2AError, E2AValidationError, models
from e2ad.sdk.faces import Resource, operation, paged
from e2ad.sdk.pages import Page
from tests.api.conftest import Caller, Client
from tests.api.world import AGENT, World, populate
from tests.sdk.calls import CALLS, LISTS, MORE
from tests.sdk.serving import Served, serving

Report = list[tuple[str, Any, list[str]]]
"""Operation, answer (or the items of a list), and what the server was asked."""


def test_every_operation_has_a_call() -> None:
    assert {one.id for one in OPERATIONS} == CALLS.keys()


def blocking(tree: Any, served: Served, world: World) -> Report:
    report: Report = []
    for name, (_, call) in CALLS.items():
        found = call(tree, world)
        report.append((name, found.to_list() if name in LISTS else found, served.taken()))
    return report


async def awaiting(tree: Any, served: Served, world: World) -> Report:
    report: Report = []
    for name, (_, call) in CALLS.items():
        found = call(tree, world)
        answer = await (found.to_list() if name in LISTS else found)
        report.append((name, answer, served.taken()))
    return report


async def with_threads(served: Served, world: World, *, plain: bool) -> Report:
    def run() -> Report:
        with E2AClient(served.key, base_url=served.url) as client:
            return blocking(client.plain if plain else client, served, world)

    return await trio.to_thread.run_sync(run)


async def with_trio(served: Served, world: World, *, plain: bool) -> Report:
    async with AsyncE2AClient(served.key, base_url=served.url) as client:
        return await awaiting(client.plain if plain else client, served, world)


async def with_asyncio(served: Served, world: World, *, plain: bool) -> Report:
    return await trio.to_thread.run_sync(asyncio.run, with_trio(served, world, plain=plain))


@pytest.mark.parametrize("plain", [False, True], ids=["models", "plain"])
@pytest.mark.parametrize("run", [with_threads, with_asyncio, with_trio])
async def test_every_operation(
    run: Callable[..., Awaitable[Report]], plain: bool, client: Client, caller: Caller
) -> None:
    world = await populate(client, caller.account_id)
    async with serving(client) as served:
        report = await run(served, world, plain=plain)
    assert [name for name, _, _ in report] == list(CALLS)
    for name, answer, asked in report:
        assert asked == [name]
        kind = CALLS[name][0]
        if name in LISTS:
            assert answer, f"{name} has something to list"
        for one in answer if name in LISTS else [answer]:
            if kind == "bytes":
                assert isinstance(one, bytes)
            elif plain:
                assert isinstance(one, dict)
            else:
                assert isinstance(one, Page if kind == "Page" else getattr(models, kind)), name


async def test_what_is_more_than_an_operation(client: Client, caller: Caller) -> None:
    """Methods that several operations share, or that put an answer into another shape."""
    world = await populate(client, caller.account_id)
    async with serving(client) as served, AsyncE2AClient(served.key, base_url=served.url) as api:
        for name, (operations, kind, call) in MORE.items():
            assert isinstance(await call(api, world), kind), name
            assert served.taken() == operations
            assert await call(api.plain, world)
            served.taken()
        contact, tag = await api.contacts.get_with_etag("ada0@example.org")
        changed = await api.contacts.update(contact.address, {"display_name": "A"}, if_match=tag)
        assert changed.display_name == "A"
        with pytest.raises(E2AError) as caught:
            await api.contacts.update(contact.address, {"display_name": "B"}, if_match=tag)
        assert caught.value.status == 412
        newest, *_ = secrets = await api.account.signing_secrets.list().to_list()
        assert newest.name == "new"
        assert newest.secret not in repr(secrets)
        await api.account.signing_secrets.delete(newest.id)
        assert await api.account.signing_secrets.list().to_list() == secrets[1:]
        agents = await api.pages("/v1/agents", query={"limit": 1}).to_list()
        assert [one["email"] for one in agents] == [one.email for one in await api.agents.list().to_list()]
        file = io.BytesIO()
        shown = await api.messages.get_attachment(AGENT, world.message, 0, inline=True)
        assert await api.messages.download_attachment(AGENT, world.message, 0, file) == shown.size_bytes
        assert shown.data is not None
        assert file.getvalue() == base64.b64decode(shown.data)
        assert b"Good morning" in await api.messages.get_raw(AGENT, world.message)
        assert (await api.request("GET", "/v1/account"))["user"]["id"] == caller.account_id
        for event in ({"type": "email.sent", "data": {}}, {"type": "email.received", "data": None}, {}):
            with pytest.raises(E2AValidationError):
                await api.webhooks.fetch_message(event)


def methods(resource: Any, prefix: str = "") -> dict[str, inspect.Signature]:
    """What can be called, by its dotted name."""
    found: dict[str, inspect.Signature] = {}
    for name in dir(resource):
        if name.startswith("_") or name in ("plain", "base_url"):
            continue
        value = getattr(resource, name)
        if isinstance(value, Resource):
            found |= methods(value, f"{prefix}{name}.")
        elif inspect.isroutine(value):
            found[prefix + name] = inspect.signature(value)
        else:
            found |= {
                f"{prefix}{name}.{one}": inspect.signature(getattr(value, one))
                for one in dir(value)
                if not one.startswith("_") and inspect.isroutine(getattr(value, one))
            }
    return found


@pytest.mark.parametrize("kind", [E2AClient, AsyncE2AClient])
def test_names_are_those_of_the_published_client(kind: Callable[[], Any]) -> None:
    """Each of its methods takes what it took, in the same places and by the same names; ours may take more."""
    ours = methods(kind())
    published: dict[str, str] = json.loads((Path(__file__).parent / "published_tree.json").read_text())
    for name, told in published.items():
        if name == "aclose" and kind is E2AClient:
            continue
        assert name in ours, name
        parameters = ours[name].parameters
        places = [one.name for one in parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
        expected = [one.strip("?") for one in told.split() if not one.startswith("*")]
        assert places == expected, name
        for one in told.split():
            parameter = parameters[one.strip("*?")]
            assert (parameter.default is not parameter.empty) == one.endswith("?"), f"{name}({one})"


@pytest.mark.parametrize("kind", [E2AClient, AsyncE2AClient])
def test_all_faces_have_the_same_methods(kind: Callable[[], Any]) -> None:
    client = kind()
    faces = methods(client.plain)
    assert faces.items() <= methods(client).items()
    assert not [name for name, one in faces.items() if "self" in one.parameters]


def test_every_method_says_what_it_does() -> None:
    seen = 0

    def visit(resource: Any) -> None:
        nonlocal seen
        for name in dir(type(resource)):
            member = inspect.getattr_static(type(resource), name)
            if isinstance(member, operation | paged):
                seen += 1
                assert member.__doc__, name
                assert getattr(resource, name).__doc__ == member.__doc__
        for one in vars(resource).values():
            if isinstance(one, Resource):
                visit(one)

    visit(E2AClient().plain)
    assert seen > 80
