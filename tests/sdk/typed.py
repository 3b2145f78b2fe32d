"""What a type checker makes of each face: never run, only read by mypy in `test_typing`."""

import io
from typing import Any, assert_type

from e2ad.sdk import AsyncE2AClient, AutoPager, E2AClient, Page, SyncAutoPager, models
from e2ad.sdk.bodies import SendEmailRequest


def blocking(client: E2AClient) -> None:
    assert_type(client.info(), models.DeploymentInfoView)
    assert_type(client.agents.get("a@b.test"), models.AgentView)
    assert_type(client.agents.get("a@b.test").deleted_at is None, bool)
    assert_type(client.agents.list(limit=10), SyncAutoPager[models.AgentView])
    assert_type([agent.email for agent in client.agents.list()], list[str])
    assert_type(client.agents.list().page(), Page[models.AgentView])
    assert_type(client.account.api_keys.create({"name": "x"}), models.CreateAPIKeyResponse)
    assert_type(client.contacts.get_with_etag("x@y.test"), tuple[models.ContactView, str | None])
    assert_type(client.messages.get_raw("a@b.test", "m"), bytes)
    assert_type(client.messages.get_lifecycle("a@b.test", "m"), Page[models.MessageLifecycleTransition])
    assert_type(client.account.export_to(io.BytesIO()), int)
    body: SendEmailRequest = {"to": ["x@y.test"], "subject": "Hi", "text": "Hello"}
    assert_type(client.messages.send("a@b.test", body, wait="sent"), models.SendResultView)
    loose: dict[str, Any] = {"to": ["x@y.test"]}
    assert_type(client.messages.send("a@b.test", loose), models.SendResultView)
    assert_type(client.request("GET", "/v1/info"), Any)
    assert_type(client.pages("/v1/agents"), SyncAutoPager[Any])
    with client as same:
        assert_type(same, E2AClient)


def blocking_plain(client: E2AClient) -> None:
    assert_type(client.plain.agents.get("a@b.test"), Any)
    assert_type(client.plain.agents.list(), SyncAutoPager[Any])


async def awaiting(client: AsyncE2AClient) -> None:
    assert_type(await client.agents.get("a@b.test"), models.AgentView)
    assert_type(client.agents.list(), AutoPager[models.AgentView])
    assert_type([agent.email async for agent in client.agents.list()], list[str])
    assert_type(await client.agents.list().to_list(limit=3), list[models.AgentView])
    assert_type(await client.contacts.get_with_etag("x@y.test"), tuple[models.ContactView, str | None])
    assert_type(await client.account.suppressions.delete("x@y.test"), models.DeleteSuppressionResult)
    assert_type(await client.plain.agents.get("a@b.test"), Any)
    assert_type(client.plain.agents.list(), AutoPager[Any])
    async with client as same:
        assert_type(same, AsyncE2AClient)


async def mistakes(client: E2AClient, later: AsyncE2AClient) -> None:
    client.agents.get()  # type: ignore[call-arg]
    client.agents.get(7)  # type: ignore[arg-type]
    print(client.agents.get("a@b.test").emial)  # type: ignore[attr-defined]
    client.agents.list(pages=3)  # type: ignore[call-arg]
    client.messages.send("a@b.test", {}, wait="delivered")  # type: ignore[arg-type]
    client.plain.agents.get()  # type: ignore[call-arg]
    await later.agents.get()  # type: ignore[call-arg]
    body: SendEmailRequest = {"to": "x@y.test"}  # type: ignore[typeddict-item]
    assert body
