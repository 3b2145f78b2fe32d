"""Run by an interpreter that has e2a==2.5.0: the classic client, unchanged, against a running server."""

import asyncio
import base64
import json
import os
import smtplib
import sys

from e2a.v1 import AsyncE2AClient, E2AApiError, E2AClient, UnverifiedEmailError, fetch_info

told = json.loads(sys.argv[1])
base, key = told["api_url"], told["api_key"]
host, _, port = told["smtp"].rpartition(":")


def send(to: str, subject: str) -> None:
    with smtplib.SMTP(host, int(port), local_hostname="sender.test") as smtp:
        smtp.sendmail(
            "ada@example.test",
            [to],
            f"From: Ada <ada@example.test>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.test>\r\n\r\nHello {subject}\r\n",
        )


info = fetch_info(base)
assert info.shared_domain == told["shared_domain"], info
assert info.slug_registration_enabled, info

client = E2AClient(api_key=key, base_url=base)
made = client.register_agent("classic-bot", agent_mode="local")
email = made.email
assert email == f"classic-bot@{told['shared_domain']}", made
assert email in [agent.email for agent in client.list_agents().agents]
assert client.get_agent(email).agent_mode == "local"
try:
    client.register_agent("classic-bot", agent_mode="local")
    raise AssertionError("a taken slug must be refused")
except E2AApiError as error:
    assert error.status_code == 409, error.status_code
try:
    client.register_agent("A slug!", agent_mode="local")
    raise AssertionError("a bad slug must be refused")
except E2AApiError as error:
    assert error.status_code == 400, error.status_code

client = E2AClient(api_key=key, base_url=base, agent_email=email)
send(email, "first")
send(email, "second")
page = client.get_messages(page_size=1)
assert [m.subject for m in page.messages] == ["second"], page
assert page.next_token
rest = client.get_messages(page_size=1, token=page.next_token)
assert [m.subject for m in rest.messages] == ["first"], rest
message = client.get_message(rest.messages[0].message_id)
assert message.subject == "first"
assert message.sender == "ada@example.test"
assert message.text_body.strip() == "Hello first"
assert message.auth.verified is False or message.auth.verified is True
assert [m.subject for m in client.get_messages().messages] == ["second"], "reading marks it read"
try:
    client.get_message("msg_" + "0" * 32)
    raise AssertionError("an unknown message must be refused")
except E2AApiError as error:
    assert error.status_code == 404, error.status_code

# A webhook's body, as it would be posted to this agent: verified with the account's signing secret.
secrets = client.api.list_signing_secrets().secrets if hasattr(client.api, "list_signing_secrets") else None
body = sys.stdin.read()
if body:
    posted, secret = json.loads(body)["body"], json.loads(body)["secret"]
    unread = client.parse_webhook(posted, secret=secret)
    assert unread.is_verified or unread.verified is not None
    assert unread.sender == "ada@example.test", unread.sender
    tampered = json.loads(posted)
    tampered["raw_message"] = base64.b64encode(b"Subject: changed\r\n\r\n").decode()
    try:
        client.parse_webhook(json.dumps(tampered), secret=secret)
        raise AssertionError("a changed mail must not verify")
    except PermissionError:
        pass
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unverified = client.parse(posted)
    try:
        _ = unverified.sender
        raise AssertionError("an unverified sender must not be readable")
    except UnverifiedEmailError:
        pass


async def listen() -> None:
    async with AsyncE2AClient(api_key=key, base_url=base, agent_email=email) as listener:
        seen = []
        async for notification in listener.listen(email):
            seen.append(notification.subject)
            if notification.subject == "second":
                send(email, "third")
            if notification.subject == "third":
                assert notification.from_ == "ada@example.test"
                assert notification.recipient == email
                break
        assert seen == ["second", "third"], seen


asyncio.run(asyncio.wait_for(listen(), 20))

updated = client.update_agent(email, agent_mode="cloud", webhook_url=os.environ["WEBHOOK_URL"])
assert updated.agent_mode == "cloud", updated
assert client.update_agent(email, agent_mode="local").webhook_url == ""
client.delete_agent(email)
try:
    client.get_agent(email)
    raise AssertionError("a deleted agent is gone")
except E2AApiError as error:
    assert error.status_code in (403, 404), error.status_code
print("ok")
