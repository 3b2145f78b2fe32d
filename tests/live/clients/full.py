"""Run by an interpreter that has e2a==5.8.1: the full client, unchanged, against a running server."""

import asyncio
import json
import os
import smtplib
import sys

from e2a.v1 import (
    AsyncE2AClient,
    E2AAuthError,
    E2AClient,
    E2AConflictError,
    E2ANotFoundError,
    E2AValidationError,
    construct_event,
    is_email_received,
)

told = json.loads(sys.argv[1])
base, key, domain = told["api_url"], told["api_key"], told["shared_domain"]
host, _, port = told["smtp"].rpartition(":")
email = f"full-bot@{domain}"


def send(to: str, subject: str, references: str = "") -> None:
    extra = f"In-Reply-To: {references}\r\n" if references else ""
    with smtplib.SMTP(host, int(port), local_hostname="sender.test") as smtp:
        smtp.sendmail(
            "ada@example.test",
            [to],
            f"From: Ada <ada@example.test>\r\nTo: {to}\r\nSubject: {subject}\r\n"
            f"Message-ID: <{subject}@example.test>\r\n{extra}MIME-Version: 1.0\r\n"
            'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
            f"--b\r\nContent-Type: text/plain\r\n\r\nHello {subject}\r\n"
            '--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\n1,2\r\n--b--\r\n',
        )


def refused(kind: type[Exception], call: object, *arguments: object) -> Exception:
    try:
        call(*arguments)
    except kind as error:
        return error
    raise AssertionError(f"{call} must be refused with {kind.__name__}")


with E2AClient(api_key=key, base_url=base) as client:
    info = client.info()
    assert info.shared_domain == domain
    account = client.account.get()
    assert account.user.email == told["account_email"]
    assert account.scope == "account"

    agent = client.agents.create({"email": email, "name": "Full"})
    assert (agent.email, agent.name, agent.domain_verified) == (email, "Full", True)
    refused(E2AConflictError, client.agents.create, {"email": email})
    refused(E2AValidationError, client.agents.create, {"email": f"x@{domain}"})
    assert email in [a.email for a in client.agents.list()]
    assert client.agents.update(email, {"name": "Renamed"}).name == "Renamed"

    created = client.webhooks.create(
        {"url": os.environ["WEBHOOK_URL"], "events": ["email.received"], "filters": {"agent_emails": [email]}}
    )
    assert created.signing_secret.startswith("whsec_")
    assert client.webhooks.get(created.id).url == os.environ["WEBHOOK_URL"]

    send(email, "one")
    send(email, "two", "<one@example.test>")
    listed = list(client.messages.list(email))
    assert [m.subject for m in listed] == ["two", "one"], listed
    assert [m.subject for m in client.messages.list(email, limit=1, sort="asc")] == ["one", "two"]
    assert [m.subject for m in client.messages.list(email, subject_contains="tw")] == ["two"]
    assert [m.subject for m in client.messages.list(email, filter='subject = "one"')] == ["one"]
    message = client.messages.get(email, listed[0].id)
    assert message.header_from == "ada@example.test"
    assert message.parsed.text.strip() == "Hello two"
    assert message.authentication.spf.status in ("none", "temperror"), message.authentication
    attachment = client.messages.get_attachment(email, message.id, 0, inline=True)
    assert (attachment.filename, attachment.data) == ("a.csv", "MSwy")
    assert [m.subject for m in client.messages.list(email)] == ["one"], "reading marks it read"
    labels = client.messages.update_labels(email, message.id, {"add_labels": ["vip"]})
    assert labels.labels == ["vip"]
    assert [m.id for m in client.messages.list(email, labels=["vip"], read_status="all")] == [message.id]
    refused(E2ANotFoundError, client.messages.get, email, "msg_" + "0" * 32)
    conversations = list(client.conversations.list(email))
    assert conversations[0].message_count == 2, conversations
    assert [m.subject for m in client.conversations.get(email, conversations[0].id).messages] == ["one", "two"]

    events = list(client.events.list(type="email.received", agent_email=email))
    assert len(events) == 2, events
    assert client.events.get(events[0].id).data["subject"] == "two"
    again = client.events.redeliver(events[0].id, {})
    assert again.status == "scheduled", again
    rotated = client.webhooks.rotate_secret(created.id)
    assert rotated.signing_secret != created.signing_secret
    test = client.webhooks.test(created.id, {})
    assert test.delivery_id.startswith("whd_")
    assert len(list(client.webhooks.deliveries(created.id))) >= 3
    assert client.webhooks.update(created.id, {"description": "mine"}).description == "mine"

    key_made = client.account.api_keys.create({"name": "k", "scope": "agent", "agent_email": email})
    assert key_made.id in [k.id for k in client.account.api_keys.list()]
    with E2AClient(api_key=key_made.key, base_url=base) as own:
        assert own.account.get().agent_email == email
        assert [m.subject for m in own.messages.list(email, read_status="all")] == ["two", "one"]
    client.account.api_keys.delete(key_made.id)
    with E2AClient(api_key=key_made.key, base_url=base) as revoked:
        refused(E2AAuthError, revoked.account.get)

    claimed = client.domains.create({"domain": "full.example"})
    assert claimed.verification_token.startswith("e2a-verify="), claimed
    assert claimed.capabilities.inbound == "pending", claimed
    assert claimed.dns_records[0].purpose == "ownership"
    assert client.domains.get("full.example").domain == "full.example"
    assert "full.example" in [d.domain for d in client.domains.list()]
    looked = client.domains.verify("full.example")
    assert looked.verified, looked
    assert client.domains.get("full.example").capabilities.outbound == "verified"
    refused(E2AValidationError, client.domains.create, {"domain": "example"})
    assert client.domains.delete("full.example").deleted

    client.messages.delete(email, message.id)
    assert [m.id for m in client.messages.list(email, deleted=True)] == [message.id]
    assert client.messages.restore(email, message.id).id == message.id


async def listen() -> None:
    async with AsyncE2AClient(api_key=key, base_url=base) as listener:
        seen = []
        stream = listener.listen(email)
        async for event in stream:
            seen.append(event.data["subject"])
            if event.data["subject"] == "one":
                send(email, "three")
            if event.data["subject"] == "three":
                break
        assert seen == ["one", "three"], seen


asyncio.run(asyncio.wait_for(listen(), 20))

posted = sys.stdin.read()
if posted:
    hook = json.loads(posted)
    event = construct_event(hook["body"], hook["signature"], hook["secret"])
    assert is_email_received(event), event
    refused(Exception, construct_event, hook["body"] + " ", hook["signature"], hook["secret"])

with E2AClient(api_key=key, base_url=base) as client:
    client.webhooks.delete(created.id)
    client.agents.delete(email)
    assert email in [a.email for a in client.agents.list(deleted=True)]
    client.agents.restore(email)
    client.agents.delete(email)
print("ok")
