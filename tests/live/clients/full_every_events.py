"""Events and the ways in which they come: webhooks, the log, the stream; and mail made of them."""

import dataclasses
import json
from typing import Any

from e2a import v1
from e2a.v1 import (
    E2AConflictError,
    E2AError,
    E2ANotFoundError,
    E2APermissionError,
    E2AValidationError,
    E2AWebhookSignatureError,
    WSEvent,
    construct_event,
)
from full_world import UNKNOWN, World
from neighbours import Cable
from recorder import eventually, every, refused

STABLE = [
    "email.received",
    "email.sent",
    "email.failed",
    "email.delivered",
    "email.bounced",
    "email.complained",
    "domain.sending_verified",
    "domain.sending_failed",
    "domain.suppression_added",
]
MAIL = {"subject": "Hello", "text": "Good morning"}


async def run(world: World) -> None:
    hook, secret = await _webhooks(world)
    events = await _every_kind(world, hook, secret)
    await _helpers(world, hook, secret)
    await _guards(world, events)
    await _log(world, hook, secret)
    await _inbound(world, events["email.received"])
    await _stream(world)
    await _reconnection(world)
    assert (await world.client.webhooks.delete(hook)).deleted
    await refused(E2ANotFoundError, "not_found", world.client.webhooks.delete(hook))


def _next(world: World, secret: str) -> v1.WebhookEvent[Any]:
    headers, body = world.endpoint.got.get(timeout=15)
    return construct_event(body, headers["x-e2a-signature"], secret)


def _posted(world: World, kind: str, data: Any) -> tuple[dict[str, str], str]:
    """The next delivery of this content; what was sent before may be posted still."""
    while True:
        headers, body = world.endpoint.got.get(timeout=15)
        told = json.loads(body)
        if (told["type"], told["data"]) == (kind, data):
            return headers, body


async def _webhooks(world: World) -> tuple[str, str]:
    webhooks = world.client.webhooks
    wanted = {"url": world.endpoint.url, "events": STABLE}
    made = await webhooks.create(wanted, idempotency_key="hook-once")
    assert (await webhooks.create(wanted, idempotency_key="hook-once")).signing_secret == made.signing_secret
    bad = webhooks.create({**wanted, "url": "http://10.0.0.1/"})
    await refused(E2AValidationError, "invalid_webhook_url", bad)
    assert (await webhooks.get(made.id)).url == world.endpoint.url
    await refused(E2ANotFoundError, "not_found", webhooks.get("wh_nobody"))
    assert [one.id for one in await every(webhooks.list(limit=1))] == [made.id]
    await refused(E2AValidationError, "invalid_cursor", webhooks.list().page("x"))
    assert (await webhooks.update(made.id, {"description": "mine"})).description == "mine"
    await refused(E2ANotFoundError, "not_found", webhooks.update("wh_nobody", {"description": "x"}))
    off = await webhooks.update(made.id, {"enabled": False})
    assert off.enabled is False, off
    await refused(E2AConflictError, "webhook_disabled", webhooks.test(made.id))
    await webhooks.update(made.id, {"enabled": True})
    rotated = await webhooks.rotate_secret(made.id)
    assert rotated.signing_secret != made.signing_secret
    await refused(E2ANotFoundError, "not_found", webhooks.rotate_secret("wh_nobody"))
    tried = await webhooks.test(made.id, {"type": "email.failed", "data": {"n": 1}})
    headers, body = _posted(world, "email.failed", {"n": 1})
    for secret in (made.signing_secret, rotated.signing_secret):  # the old one is good for a while
        event = construct_event(body, headers["x-e2a-signature"], secret)
        assert (event.type, event.data) == ("email.failed", {"n": 1}), event

    async def delivered() -> bool:
        done = await every(webhooks.deliveries(made.id, status="delivered", limit=1))
        return tried.delivery_id in [one.id for one in done]

    await eventually(delivered)
    await refused(E2ANotFoundError, "not_found", webhooks.deliveries("wh_nobody").page())
    return made.id, rotated.signing_secret


async def _every_kind(world: World, hook: str, secret: str) -> dict[str, Any]:
    """Each stable event, as it is posted: most of them happen, two are asked for."""
    messages, email = world.client.messages, world.email
    world.sender.mail(email, "posted")
    for recipient, action, status in (("ok", "delivered", "2.0.0"), ("gone", "failed", "5.1.1"), ("angry2", "", "")):
        address = f"{recipient}@people.test"
        sent = await messages.send(email, {**MAIL, "to": [address]}, wait="sent")
        path = (await messages.get(email, sent.message_id)).envelope_from
        if action:
            world.sender.report(path, address, action, status)
        else:
            world.sender.complaint(path, address)
    late = f"late-{world.own_domain}"
    await world.client.domains.create({"domain": late})
    await world.client.domains.verify(late)
    for kind in ("email.failed", "domain.sending_failed"):
        await world.client.webhooks.test(hook, {"type": kind})
    found: dict[str, Any] = {}
    while set(found) != set(STABLE):
        event = _next(world, secret)
        if event.type != "email.received" or event.data["subject"] == "posted":
            found.setdefault(event.type, event)
    return found


async def _helpers(world: World, hook: str, secret: str) -> None:
    watch = world.recorder.watch
    await world.client.webhooks.test(hook, {})
    headers, body = _posted(world, "email.received", {"test": True})
    signature = headers["x-e2a-signature"]
    verify, construct = watch(v1.verify_webhook_signature), watch(v1.construct_event)
    assert await verify(body, signature, secret)
    assert await verify(body.encode(), signature, ["whsec_other", secret])
    for arguments in ((body + " ", signature, secret), (body, signature, "whsec_other"), (body, "", secret)):
        assert not await verify(*arguments)
        await refused(E2AWebhookSignatureError, "webhook_signature_invalid", construct(*arguments))
    assert not await verify(body, signature, secret, now=float(signature.split(",")[0][2:]) + 301)
    world.recorder.refused_here.add("verify_webhook_signature")
    assert (await construct(body, signature, secret)).raw == json.loads(body)
    parse = watch(WSEvent).from_payload
    assert (await parse(json.loads(body))).type == "email.received"
    await refused(ValueError, None, parse({"type": "email.received"}))


async def _guards(world: World, events: dict[str, Any]) -> None:
    """Each says yes to its own event, and no to all others."""
    for kind in STABLE:
        name = f"is_{kind.replace('.', '_')}"
        guard = world.recorder.watch(getattr(v1, name))
        assert [one for one, event in events.items() if await guard(event)] == [kind]
        world.recorder.refused_here.add(name)
    received = events["email.received"].data
    assert (received["delivered_to"], received["subject"]) == (world.email, "posted"), received
    bounced = events["email.bounced"].data
    assert (bounced["delivered_to"], bounced["bounce_type"]) == ("gone@people.test", "permanent"), bounced
    added = events["domain.suppression_added"].data
    assert added["source"] in ("bounce", "complaint"), added
    assert events["domain.sending_verified"].data["domain"] == f"late-{world.own_domain}"


async def _log(world: World, hook: str, secret: str) -> None:
    events = world.client.events
    listed = await every(events.list(type="email.received", agent_email=world.email, limit=1))
    assert listed[0].data["subject"] == "posted", listed[0]
    await refused(E2AValidationError, "invalid_cursor", events.list().page("x"))
    await refused(E2APermissionError, "forbidden", world.own.events.list(agent_email=world.peer).page())
    assert (await events.get(listed[0].id)).data == listed[0].data
    await refused(E2ANotFoundError, "not_found", events.get("evt_nobody"))
    again = await events.redeliver(listed[0].id, {"webhook_id": hook})
    assert (again.status, bool(again.delivery_id)) == ("pending", True), again
    while _next(world, secret).id != listed[0].id:
        pass
    await refused(E2ANotFoundError, "not_found", events.redeliver("evt_nobody"))


async def _inbound(world: World, event: Any) -> None:
    """A mail made of an event: read, answered, handed on, and its file."""
    client = world.client
    message = await client.webhooks.fetch_message(event)
    assert message.subject == "posted", message
    unknown = dataclasses.replace(event, data={**event.data, "message_id": UNKNOWN})
    await refused(E2ANotFoundError, "not_found", client.webhooks.fetch_message(unknown))
    await refused(ValueError, None, client.webhooks.fetch_message(dataclasses.replace(event, type="email.sent")))
    mail = await client.inbound.from_event(event)
    await refused(E2ANotFoundError, "not_found", client.inbound.from_event(unknown))
    other = dataclasses.replace(event, type="email.sent")
    await refused(E2AValidationError, "invalid_email_received_event", client.inbound.from_event(other))
    assert (mail.inbox, mail.from_, mail.subject, mail.verified) == (
        world.email,
        "ada@example.test",
        "posted",
        False,
    )
    assert mail.text.strip() == "Hello posted", mail.text
    shown = await mail.to_dict()
    assert (shown["id"], shown["from"], shown["reply_targets"]) == (mail.id, "ada@example.test", ["ada@example.test"])
    (file,) = mail.attachments
    assert await file.to_dict() == {"index": 0, "size_bytes": 3, "content_type": "text/csv", "filename": "a.csv"}
    assert (await file.get(inline=True)).data == "MSwy"
    answered = await mail.reply({"text": "Thanks"}, idempotency_key="inbound-once")
    assert (await mail.reply({"text": "Thanks"}, idempotency_key="inbound-once")).message_id == answered.message_id
    assert (await mail.forward({"to": ["eve@people.test"], "text": "x"})).status == "accepted"
    await refused(E2AValidationError, "invalid_recipient", mail.forward({"to": ["nobody"], "text": "x"}))
    await client.messages.delete(world.email, mail.id)
    await refused(E2ANotFoundError, "not_found", mail.reply({"text": "x"}))
    await client.messages.delete(world.email, mail.id, permanent=True)
    await refused(E2ANotFoundError, "not_found", file.get())


async def _stream(world: World) -> None:
    """What is unread comes first; two who listen get the same; who may not is told."""
    world.sender.mail(world.peer, "streamed")
    first = aiter(world.client.listen(world.peer))
    event = await anext(first)
    while event.data["subject"] != "streamed":
        event = await anext(first)
    assert (await world.client.webhooks.fetch_message(event)).subject == "streamed"
    world.sender.mail(world.peer, "streamed again")
    assert (await anext(first)).data["subject"] == "streamed again"
    second = aiter(world.client.listen(world.peer))
    while (await anext(second)).data["subject"] != "streamed again":
        pass
    world.sender.mail(world.peer, "streamed to both")
    for stream in (first, second):
        assert (await anext(stream)).data["subject"] == "streamed to both"
        await stream.aclose()
    await refused(E2ANotFoundError, "not_found", anext(aiter(world.client.listen(world.nobody))))
    await refused(E2APermissionError, "forbidden", anext(aiter(world.own.listen(world.peer))))
    await refused(E2AError, "missing_email", _listening(world, ""))


async def _listening(world: World, email: str) -> None:
    await world.client.listen(email)


async def _reconnection(world: World) -> None:
    """A stream goes on after its connection was cut."""
    cable = Cable(world.base)
    client = world.open(world.key, cable.url)
    world.sender.mail(world.peer, "before the cut")
    subjects: list[str] = []
    stream = aiter(client.listen(world.peer))
    while "before the cut" not in subjects:
        subjects.append((await anext(stream)).data["subject"])
    cable.cut()
    world.sender.mail(world.peer, "after the cut")
    while "after the cut" not in subjects:
        subjects.append((await anext(stream)).data["subject"])
    await stream.aclose()
    await world.close(client)
