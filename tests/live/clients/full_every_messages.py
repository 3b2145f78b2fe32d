"""Messages, conversations and reviews."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from e2a.v1 import (
    E2AConflictError,
    E2AIdempotencyError,
    E2ANotFoundError,
    E2APermissionError,
    E2ARateLimitError,
    E2AValidationError,
)
from full_world import OPEN, UNKNOWN, World
from recorder import eventually, every, refused

MAIL = {"to": ["Bob <BOB@people.test>"], "subject": "Hello", "text": "Good morning"}
FILE = {"filename": "b.csv", "content_type": "text/csv", "data": base64.b64encode(b"3,4").decode()}


async def run(world: World) -> None:
    """In the order in which each needs what stood before."""
    world.sender.mail(world.email, "one")
    world.sender.mail(world.email, "two")
    await _read(world)
    await _trash(world)
    await _write(world)
    await _conversations(world)
    await _reviews(world)


async def _read(world: World) -> None:
    messages, email = world.client.messages, world.email
    assert [one.subject for one in await every(messages.list(email, from_="ada@", limit=1))] == ["two", "one"]
    assert [one.subject for one in await every(messages.list(email, from_="ada@", sort="asc"))] == ["one", "two"]
    for narrow in (
        {"subject_contains": "TW"},
        {"filter": 'subject = "two" AND NOT label:vip'},
        {"from_": "ada@", "subject_contains": "two"},
        {"since": (datetime.now(UTC) - timedelta(hours=1)).isoformat(), "subject_contains": "two"},
    ):
        found = [one.subject for one in await every(messages.list(email, limit=1, **narrow))]
        assert found == ["two"], (narrow, found)
    await refused(E2AValidationError, "invalid_filter", messages.list(email, filter="colour = red").page())
    await refused(E2ANotFoundError, "not_found", messages.list(world.nobody).page())

    (listed, _) = await messages.list(email, from_="ada@").to_list(limit=2)
    message = await messages.get(email, listed.id)
    assert (message.header_from, message.parsed.text.strip()) == ("ada@example.test", "Hello two"), message
    await refused(E2ANotFoundError, "not_found", messages.get(email, UNKNOWN))
    steps = await messages.get_lifecycle(email, message.id, limit=1)
    assert (steps.items[0].reason_code, steps.items[0].direction) == ("acceptance.inbound_smtp", "inbound"), steps
    await refused(E2ANotFoundError, "not_found", messages.get_lifecycle(email, UNKNOWN))
    file = await messages.get_attachment(email, message.id, 0, inline=True)
    assert (file.filename, base64.b64decode(file.data)) == ("a.csv", b"1,2"), file
    assert (await messages.get_attachment(email, message.id, 0)).download_url, "a link"
    await refused(E2ANotFoundError, "attachment_not_found", messages.get_attachment(email, message.id, 1))
    labelled = await messages.update_labels(email, message.id, {"add_labels": ["vip"]})
    assert labelled.labels == ["vip"], labelled
    assert [one.id for one in await every(messages.list(email, labels=["vip"], read_status="all"))] == [message.id]
    await refused(E2ANotFoundError, "not_found", messages.update_labels(email, UNKNOWN, {"add_labels": ["x"]}))
    odd = messages.update_labels(email, message.id, {"add_labels": ["e2a:system"]})
    await refused(E2AValidationError, "invalid_request", odd)

    numbers = await messages.get_metrics(email)
    assert (numbers.agent_email, numbers.messages_in_window >= 2) == (email, True), numbers
    assert numbers.messages_with_lifecycle == numbers.messages_in_window, numbers
    assert (await world.own.messages.get_metrics(email)).agent_email == email
    await refused(E2ANotFoundError, "not_found", messages.get_metrics(world.nobody))
    long = {"start": datetime.now(UTC) - timedelta(days=100), "end": datetime.now(UTC)}
    await refused(E2AValidationError, "invalid_request", messages.get_metrics(email, **long))


async def _trash(world: World) -> None:
    messages, email = world.client.messages, world.email
    (two, _) = await messages.list(email, from_="ada@", read_status="all").to_list(limit=2)
    assert (await messages.delete(email, two.id)).id == two.id
    assert [one.id for one in await every(messages.list(email, deleted=True))] == [two.id]
    await refused(E2APermissionError, "forbidden", world.own.messages.delete(email, two.id, permanent=True))
    assert (await messages.restore(email, two.id)).id == two.id
    await refused(E2AConflictError, "not_in_trash", messages.delete(email, two.id, permanent=True))
    await refused(E2AConflictError, "not_in_trash", messages.restore(email, two.id))
    await refused(E2ANotFoundError, "not_found", messages.delete(email, UNKNOWN))
    await refused(E2ANotFoundError, "not_found", messages.restore(email, UNKNOWN))
    world.sender.mail(email, "junk")
    (junk,) = await every(messages.list(email, subject_contains="junk"))
    await messages.delete(email, junk.id)
    assert (await messages.delete(email, junk.id, permanent=True)).deleted
    await refused(E2ANotFoundError, "not_found", messages.restore(email, junk.id))


async def _write(world: World) -> None:
    messages, email, peer = world.client.messages, world.email, world.peer
    sent = await messages.send(email, MAIL, wait="sent", idempotency_key="send-once")
    assert sent.status == "sent", sent
    assert (await messages.send(email, MAIL, wait="sent", idempotency_key="send-once")).message_id == sent.message_id
    changed = messages.send(email, {**MAIL, "text": "x"}, idempotency_key="send-once")
    await refused(E2AIdempotencyError, "idempotency_key_reuse", changed)
    await refused(E2AValidationError, "invalid_recipient", messages.send(email, {**MAIL, "to": ["nobody"]}))
    await refused(E2APermissionError, "forbidden", world.own.messages.send(peer, MAIL))
    managed = await messages.send(email, {**MAIL, "reply_to": "x@y.test"}, unsubscribe={"mode": "managed"})
    raw = base64.b64decode((await messages.get(email, managed.message_id)).raw_message)
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw, raw

    await messages.send(email, {**MAIL, "to": [peer], "subject": "Question", "attachments": [FILE]})
    (question,) = await eventually(lambda: every(messages.list(peer)))
    assert (question.header_from, question.verified_domain) == (email, world.domain), question
    answer = await messages.reply(peer, question.id, {"text": "Two."}, quote_history=True, wait="sent")
    assert answer.status == "sent", answer
    raw = base64.b64decode((await messages.get(peer, answer.message_id)).raw_message)
    assert b"> Good morning" in raw, raw
    await refused(E2ANotFoundError, "not_found", messages.reply(peer, UNKNOWN, {"text": "x"}))
    handed = await messages.forward(peer, question.id, {"to": ["eve@people.test"], "text": "See below"})
    forward = await messages.get(peer, handed.message_id)
    assert (forward.subject, forward.attachments[0].filename) == ("Fwd: Question", "b.csv"), forward
    unknown = messages.forward(peer, UNKNOWN, {"to": ["eve@people.test"], "text": "x"})
    await refused(E2ANotFoundError, "not_found", unknown)


async def _conversations(world: World) -> None:
    conversations = world.client.conversations
    listed = await every(conversations.list(world.peer, limit=1))
    assert sorted(one.message_count for one in listed) == [1, 2], listed
    (thread,) = [one for one in listed if one.message_count == 2]
    detail = await conversations.get(world.peer, thread.id)
    assert [one.subject for one in detail.messages] == ["Question", "Re: Question"], detail
    await refused(E2ANotFoundError, "not_found", conversations.get(world.peer, "conv_nobody"))
    await refused(E2ANotFoundError, "not_found", conversations.list(world.nobody).page())


async def _reviews(world: World) -> None:
    client, email, peer = world.client, world.email, world.peer
    reviews = client.reviews
    await client.agents.replace_protection(email, world.policy("outbound", "review"))
    held = [await client.messages.send(email, MAIL) for _ in range(2)]
    assert {one.status for one in held} == {"pending_review"}, held
    await client.agents.replace_protection(peer, world.policy("inbound", "review"))
    world.sender.mail(peer, "Held")

    async def three() -> Any:
        waiting = await every(reviews.list(limit=1))
        return waiting if len(waiting) == 3 else None

    inward = [one for one in await eventually(three) if one.direction == "inbound"]
    await refused(E2AValidationError, "invalid_cursor", reviews.list().page("x"))
    await refused(E2APermissionError, "forbidden", world.own.reviews.list().page())
    first, second = (one.message_id for one in held)
    assert (await reviews.get(first)).body.text == "Good morning"
    await refused(E2ANotFoundError, "not_found", reviews.get(UNKNOWN))
    approved = await reviews.approve(first, {"subject": "Changed"}, idempotency_key="approve-once")
    assert (approved.status, approved.edited) == ("accepted", True), approved
    again = await reviews.approve(first, {"subject": "Changed"}, idempotency_key="approve-once")
    assert again.message_id == first, again
    await refused(E2AConflictError, "message_not_pending", reviews.approve(first))
    rejected = await reviews.reject(second, {"reason": "too many"})
    assert (rejected.status, rejected.rejection_reason) == ("review_rejected", "too many"), rejected
    await refused(E2AConflictError, "message_not_pending", reviews.reject(second))
    assert (await reviews.approve(inward[0].id)).status == "review_approved"
    for address in (email, peer):
        await client.agents.replace_protection(address, OPEN)


async def hurry(world: World) -> None:
    """More mail in a minute than one may send."""
    quick = world.open(world.key, max_retries=0)

    async def send() -> None:
        for _ in range(300):  # the minute goes on while they are sent
            await quick.messages.send(world.spare, {**MAIL, "to": [world.spare]})

    error = await refused(E2ARateLimitError, "rate_limited", send())
    assert (error.status, error.retryable) == (429, True), error
    assert 0 < error.retry_after_seconds <= 60, error.retry_after_seconds
    await world.close(quick)
