"""Run by an interpreter that has e2a==5.8.1: mail out by the full client, unchanged, against a running server."""

import base64
import json
import sys
import time
from datetime import UTC, datetime, timedelta

from e2a.v1 import (
    E2AClient,
    E2AConflictError,
    E2AIdempotencyError,
    E2ANotFoundError,
    E2APermissionError,
    E2AValidationError,
)

told = json.loads(sys.argv[1])
base, key, domain = told["api_url"], told["api_key"], told["shared_domain"]
email, other = f"full-out@{domain}", f"full-peer@{domain}"
MAIL = {"to": ["Bob <BOB@people.test>"], "subject": "Hello", "text": "Good morning"}
OPEN = {"gate": {}, "scan": {}}


def refused(kind: type[Exception], code: str, call: object, *arguments: object, **named: object) -> None:
    try:
        call(*arguments, **named)
    except kind as error:
        assert error.code == code, (error.code, error)
        return
    raise AssertionError(f"{call} must be refused with {kind.__name__}")


def eventually(look: object) -> object:
    for _ in range(100):
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{look} stayed empty")


def policy(**outbound: object) -> dict[str, object]:
    return {"inbound": OPEN, "outbound": {"gate": {}, "scan": {}, **outbound}, "holds": {}}


with E2AClient(api_key=key, base_url=base) as client:
    for address in (email, other):
        client.agents.create({"email": address, "name": "Out"})
    send, get = client.messages.send, client.messages.get

    # Send: to people, to oneself, later, once.
    sent = send(email, {**MAIL, "html": "<p>Good", "cc": ["c@people.test"], "reply_to": ["x@y.test", "z@y.test"]})
    assert (sent.status, sent.method) == ("accepted", "smtp"), sent
    waited = send(email, MAIL, wait="sent", idempotency_key="full-out-once")
    assert (waited.status, waited.sent_as) == ("sent", "own_address"), waited
    assert send(email, MAIL, idempotency_key="full-out-once").message_id == waited.message_id
    refused(
        E2AIdempotencyError,
        "idempotency_key_reuse",
        send,
        email,
        {**MAIL, "text": "x"},
        idempotency_key="full-out-once",
    )
    assert send(email, {**MAIL, "to": [email]}).method == "loopback"
    at = datetime.now(UTC) + timedelta(hours=1)
    later = send(email, {**MAIL, "send_at": at})
    assert (later.status, later.scheduled_at.replace(microsecond=0)) == ("scheduled", at.replace(microsecond=0)), later
    assert get(email, later.message_id).delivery_status == "accepted"
    refused(
        E2AConflictError, "message_not_yet_delivered", client.messages.reply, email, later.message_id, {"text": "x"}
    )
    client.messages.delete(email, later.message_id)
    refused(E2AValidationError, "invalid_recipient", send, email, {**MAIL, "to": ["nobody"]})
    refused(E2AValidationError, "too_many_recipients", send, email, {**MAIL, "to": [f"u{n}@p.test" for n in range(51)]})
    refused(E2ANotFoundError, "not_found", send, f"nobody@{domain}", MAIL)
    mine = get(email, sent.message_id)
    assert (mine.direction, mine.to, mine.cc, mine.read_status) == (
        "outbound",
        ["bob@people.test"],
        ["c@people.test"],
        "",
    )
    assert mine.review_status == "sent", mine
    assert sent.message_id in [one.id for one in client.messages.list(email, direction="outbound")]
    steps = [row.reason_code for row in client.messages.get_lifecycle(email, waited.message_id).items]
    assert sorted(steps) == [
        "acceptance.outbound_api",
        "queue.outbound_submission",
        "submission.upstream_accepted",
    ], steps

    # To an agent, its answer, and handing on.
    file = {"filename": "a.csv", "content_type": "text/csv", "data": base64.b64encode(b"1,2").decode()}
    send(email, {**MAIL, "to": [other], "subject": "Question", "conversation_id": "conv_full", "attachments": [file]})
    question = eventually(lambda: [one for one in client.messages.list(other) if one.subject == "Question"])[0]
    assert (question.header_from, question.verified_domain) == (email, domain), question
    assert question.conversation_id == "conv_full", question
    answered = client.messages.reply(other, question.id, {"text": "Two."}, quote_history=True, wait="sent")
    assert answered.status == "sent", answered
    answer = eventually(lambda: [one for one in client.messages.list(email) if one.subject == "Re: Question"])[0]
    assert answer.conversation_id == "conv_full", answer
    assert "> Good morning" in base64.b64decode(get(email, answer.id).raw_message).decode()
    handed = client.messages.forward(other, question.id, {"to": ["eve@people.test"], "text": "See below"})
    forward = get(other, handed.message_id)
    assert (forward.subject, forward.attachments[0].filename) == ("Fwd: Question", "a.csv"), forward
    assert forward.conversation_id not in ("", "conv_full"), forward
    assert client.agents.test(email).status == "accepted"

    # Protection and reviews.
    shown = client.agents.replace_protection(email, policy(gate={"policy": "allowlist", "action": "review"}))
    assert (shown.outbound.gate.policy, shown.holds.ttl_seconds) == ("allowlist", 604800), shown
    assert client.agents.get_protection(email).outbound.gate.action == "review"
    held = [send(email, MAIL, wait="sent") for _ in range(3)]
    assert {one.status for one in held} == {"pending_review"}, held
    assert all(one.approval_expires_at is not None for one in held), held
    first, second, third = (one.message_id for one in held)
    waiting = [one.id for one in client.reviews.list() if one.agent_email == email]
    assert waiting == [third, second, first], waiting
    review = client.reviews.get(first)
    assert (review.body.text, review.raw_message) == ("Good morning", None), review
    assert review.hold_reason.type == "gate", review.hold_reason
    assert review.protection[0].action == "review", review.protection
    assert get(email, first).body.text == "Good morning"
    refused(E2AConflictError, "message_held", client.messages.delete, email, first)
    approved = client.reviews.approve(first, {"subject": "Changed", "to": ["ada@people.test"]}, idempotency_key="ap-1")
    assert (approved.status, approved.edited, approved.sent_as) == ("accepted", True, "own_address"), approved
    again = client.reviews.approve(first, {"subject": "Changed", "to": ["ada@people.test"]}, idempotency_key="ap-1")
    assert again.message_id == first, again
    assert (get(email, first).subject, get(email, first).to) == ("Changed", ["ada@people.test"])
    assert client.reviews.approve(second, {}).edited is False
    refused(E2AConflictError, "message_not_pending", client.reviews.reject, second, {})
    rejected = client.reviews.reject(third, {"reason": "too many"})
    assert (rejected.status, rejected.rejection_reason) == ("review_rejected", "too many"), rejected
    refused(E2ANotFoundError, "not_found", client.reviews.get, "msg_" + "0" * 32)
    inward = {"gate": {"policy": "allowlist", "action": "review", "allowlist": ["ada@people.test"]}, "scan": {}}
    client.agents.replace_protection(other, {**policy(), "inbound": inward})
    client.agents.replace_protection(email, policy(gate={"policy": "domain", "action": "block"}))
    refused(E2APermissionError, "blocked_by_policy", send, email, MAIL)
    send(email, {**MAIL, "to": [other], "subject": "Inward"})
    hidden = eventually(lambda: [one for one in client.reviews.list() if one.subject == "Inward"])[0]
    assert hidden.direction == "inbound", hidden
    refused(E2ANotFoundError, "not_found", get, other, hidden.id)
    assert client.reviews.approve(hidden.id, {}).status == "review_approved"
    assert get(other, hidden.id).subject == "Inward"
    client.agents.replace_protection(email, policy(gate={"policy": "allowlist", "action": "flag"}))
    flagged = get(email, send(email, MAIL).message_id)
    assert flagged.flagged is True, flagged
    assert flagged.flag_reason, flagged
    client.agents.replace_protection(email, policy())

    # Suppressions.
    block = client.agents.create_suppression(email, {"address": "Bob@people.test", "reason": "asked"})
    assert (block.address, block.source, block.reason) == ("bob@people.test", "manual", "asked"), block
    assert [one.address for one in client.agents.list_suppressions(email)] == ["bob@people.test"]
    refused(E2AValidationError, "recipient_suppressed", send, email, MAIL)
    assert client.agents.delete_suppression(email, "bob@people.test").address == "bob@people.test"
    refused(E2ANotFoundError, "not_found", client.agents.delete_suppression, email, "bob@people.test")
    assert list(client.account.suppressions.list()) is not None
    refused(E2ANotFoundError, "not_found", client.account.suppressions.delete, "nobody@people.test")
    managed = send(email, {**MAIL, "to": ["leaver@people.test"]}, unsubscribe={"mode": "managed"})
    raw = base64.b64decode(get(email, managed.message_id).raw_message).decode()
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw, raw

    # Events: each kind once at least, for this agent.
    wanted = {
        "agent.suppression_added",
        "email.blocked",
        "email.flagged",
        "email.received",
        "email.review_approved",
        "email.review_rejected",
        "email.review_requested",
        "email.sent",
    }
    eventually(lambda: wanted == {event.type for event in client.events.list(agent_email=email)})

    # A domain of one's own, and an agent's own key.
    client.domains.create({"domain": "full-out.example"})
    refused(E2AValidationError, "domain_not_verified", client.agents.create, {"email": "bot@full-out.example"})
    assert client.domains.verify("full-out.example").verified
    bot = client.agents.create({"email": "bot@full-out.example"}).email
    assert get(bot, send(bot, MAIL).message_id).header_from == bot
    made = client.account.api_keys.create({"name": "k", "scope": "agent", "agent_email": bot})
    with E2AClient(api_key=made.key, base_url=base) as own:
        assert own.messages.send(bot, MAIL).status == "accepted"
        refused(E2APermissionError, "forbidden", own.messages.send, email, MAIL)
        refused(E2APermissionError, "forbidden", own.reviews.approve, first, {})
        refused(E2APermissionError, "forbidden", own.agents.replace_protection, bot, policy())
    refused(E2AValidationError, "domain_has_agents", client.domains.delete, "full-out.example")
    for address in (email, other):
        client.agents.delete(address)
print("ok")
