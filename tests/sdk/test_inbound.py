"""From an event to the mail, through each face, over a real socket; with the attributes of the published client."""

import asyncio
import base64
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from e2ad.sdk import AsyncE2AClient, E2AClient, E2ANotFoundError, E2AValidationError, WebhookEvent
from tests.api.conftest import Caller, Client
from tests.api.world import AGENT, populate
from tests.sdk.serving import Served, serving

PUBLISHED = {
    *("attachments", "authentication", "cc", "conversation_id", "envelope_from", "event", "flag_reason", "flagged"),
    *("forward", "from_", "html", "id", "inbox", "message", "received_at", "reply", "reply_targets", "reply_to"),
    *("subject", "text", "text_truncated", "to", "to_dict", "verified"),
}


def envelope(message_id: str, **members: Any) -> dict[str, Any]:
    data = {"delivered_to": AGENT, "message_id": message_id, "subject": "what the event says"}
    head = {"type": "email.received", "id": "evt_1", "schema_version": "1", "created_at": "2026-01-01T00:00:00Z"}
    return {**head, "data": data, **members}


async def use(client: Any, wait: Callable[[Any], Awaitable[Any]], message_id: str) -> dict[str, Any]:
    """What one does with a mail; `wait` awaits what has to be awaited."""
    event: WebhookEvent[Any] = WebhookEvent.from_payload(envelope(message_id))
    email = await wait(client.inbound.from_event(event))
    assert set(dir(email)) > PUBLISHED
    assert (email.id, email.inbox, email.recipient, email.event) == (message_id, AGENT, AGENT, event)
    assert (email.from_, email.sender, email.subject) == ("grace@example.org", "grace@example.org", "Hello")
    assert (email.text.strip(), email.html, email.text_truncated) == ("Good morning.", None, False)
    assert (email.verified, email.flagged, email.reply_targets) == (False, False, ["grace@example.org"])
    assert email.message.id == message_id
    assert "what the event says" not in repr(email)
    assert json.dumps(email.to_dict())
    [attachment] = email.attachments
    assert (attachment.index, attachment.filename, attachment.content_type) == (0, "a.csv", "text/csv")
    found = await wait(attachment.get(inline=True))
    assert base64.b64decode(found.data) == b"1,2"
    assert (await wait(attachment.get())).data is None
    assert attachment.to_dict()["filename"] == "a.csv"
    answer = await wait(email.reply("Thank you", idempotency_key="reply-1"))
    again = await wait(email.reply({"text": "Thank you"}, idempotency_key="reply-1"))
    assert answer.message_id == again.message_id
    sent = await wait(client.messages.get(AGENT, answer.message_id))
    assert (sent.to, sent.subject) == (["grace@example.org"], "Re: Hello")
    handed = await wait(email.forward({"to": ["boss@example.org"], "text": "Look"}))
    assert (await wait(client.messages.get(AGENT, handed.message_id))).to == ["boss@example.org"]
    with pytest.raises(E2ANotFoundError):
        await wait(client.inbound.from_event(envelope("msg_" + "0" * 32)))
    plain = await wait(client.plain.inbound.from_event(envelope(message_id)))
    fetched = await wait(client.webhooks.fetch_message(event))
    assert (plain["subject"], fetched.subject) == ("Hello", "Hello")
    return dict(plain)


async def _at_once(found: Any) -> Any:
    assert not inspect.isawaitable(found)
    return found


async def _awaited(found: Any) -> Any:
    return await found


async def with_threads(served: Served, message_id: str) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        with E2AClient(served.key, base_url=served.url) as client:
            coroutine = use(client, _at_once, message_id)
            with pytest.raises(StopIteration) as done:
                coroutine.send(None)  # it waits for nothing
            return dict(done.value.value)

    return await trio.to_thread.run_sync(run)


async def with_trio(served: Served, message_id: str) -> dict[str, Any]:
    async with AsyncE2AClient(served.key, base_url=served.url) as client:
        return await use(client, _awaited, message_id)


async def with_asyncio(served: Served, message_id: str) -> dict[str, Any]:
    return await trio.to_thread.run_sync(asyncio.run, with_trio(served, message_id))


@pytest.mark.parametrize("run", [with_threads, with_trio, with_asyncio])
async def test_a_mail_and_what_one_does_with_it(
    run: Callable[..., Awaitable[dict[str, Any]]], client: Client, caller: Caller
) -> None:
    world = await populate(client, caller.account_id)
    async with serving(client) as served:
        shown = await run(served, world.message)
    assert shown["attachments"] == [{"index": 0, "size_bytes": 3, "content_type": "text/csv", "filename": "a.csv"}]


@pytest.mark.parametrize(
    "event",
    [
        {},
        envelope("msg_1", type="email.sent"),
        envelope("msg_1", schema_version="2"),
        envelope("msg_1", data=[]),
        envelope("msg_1", data={"message_id": "msg_1"}),
        envelope("msg_1", data={"delivered_to": AGENT, "message_id": ""}),
        envelope("msg_1", data={"delivered_to": AGENT, "message_id": 7}),
        WebhookEvent("email.sent", "evt_1", "1", "2026-01-01T00:00:00Z", {}),
    ],
)
def test_an_event_that_tells_of_no_mail(event: Any) -> None:
    with E2AClient("key") as client, pytest.raises(E2AValidationError) as refused:
        client.inbound.from_event(event)
    assert refused.value.code == "invalid_email_received_event"
