"""What our server really posts, read by the Python client: agents' own URLs, both kinds of webhooks, forwarded mail."""

import json
from typing import Any

import pytest

from e2ad.sdk import (
    E2AClient,
    E2AWebhookSignatureError,
    UnverifiedEmailError,
    construct_event,
    is_email_received,
    parse_webhook,
)
from tests.live.conftest import Endpoint, Request
from tests.live.running import Running

pytestmark = pytest.mark.live

MAIL = (
    "From: Zoë Müller <zoe@example.test>\r\nReply-To: desk@elsewhere.test\r\nTo: {to}\r\nSubject: Hello ✉\r\n"
    "Message-ID: <{to}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n"
    "--cut\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße!\r\n"
    '--cut\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\n1,2\r\n--cut--\r\n'
)


def signing_secret(dev: Running) -> str:
    return str(dev.api("GET", "/api/v1/users/me/signing-secrets")[1]["secrets"][0]["secret"])


def check(posted: Request, secret: Any, agent: str, *, whole: bool = True) -> None:
    """The same mail, whichever way it came; closed without a secret, refused with another."""
    email = parse_webhook(posted.body, posted.headers, secret)
    assert email.verified
    assert (email.sender, email.recipient, email.subject) == ("zoe@example.test", agent, "Hello ✉")
    assert (email.sender_verified, email.reply_to) == (False, ["desk@elsewhere.test"])
    assert email.message_id.startswith("msg_")
    assert email.received_at is not None
    [attachment] = email.attachments
    assert (attachment.filename, attachment.size_bytes) == ("a.csv", 3)
    assert attachment.data == (b"1,2" if whole else None)
    assert (email.text or "").strip() == ("Grüße!" if whole else "")
    assert not parse_webhook(posted.body, posted.headers).verified
    with pytest.raises(UnverifiedEmailError):
        _ = parse_webhook(posted.body).subject
    for wrong in ("whsec_" + "0" * 64, "0" * 64):
        with pytest.raises(E2AWebhookSignatureError):
            parse_webhook(posted.body, posted.headers, wrong)
    with pytest.raises(E2AWebhookSignatureError):
        parse_webhook(posted.body.replace(b"zoe@", b"ceo@"), posted.headers, secret)


def test_an_agents_own_url(dev: Running, endpoint: Endpoint) -> None:
    agent = dev.agent("own-url", agent_mode="cloud", webhook_url=endpoint.url)
    dev.send(agent, MAIL.format(to=agent).encode())
    check(endpoint.next(), signing_secret(dev), agent)


def test_a_webhook_of_the_account(dev: Running, endpoint: Endpoint) -> None:
    agent = dev.agent("subscribed")
    with E2AClient(dev.api_key, base_url=dev.api_url) as client:
        made = client.webhooks.create(
            {"url": endpoint.url, "events": ["email.received"], "filters": {"agent_emails": [agent]}}
        )
        dev.send(agent, MAIL.format(to=agent).encode())
        posted = endpoint.next()
        check(posted, made.signing_secret, agent, whole=False)
        check(posted, [signing_secret(dev), made.signing_secret], agent, whole=False)
        event = construct_event(posted.body, posted.headers, made.signing_secret)
        assert is_email_received(event)
        email = client.inbound.from_event(event)
        assert (email.subject, (email.text or "").strip()) == ("Hello ✉", "Grüße!")
        assert email.reply_targets == ["desk@elsewhere.test"]
        assert parse_webhook(posted.body, posted.headers, made.signing_secret).event == event
        renewed = client.webhooks.rotate_secret(made.id)
        other = dev.agent("subscribed-2")
        client.webhooks.update(made.id, {"filters": {"agent_emails": [other]}})
        dev.send(other, MAIL.format(to=other).encode())
        posted = endpoint.next()
        for secret in (made.signing_secret, renewed.signing_secret):
            assert construct_event(posted.body, posted.headers, secret).data["delivered_to"] == other
        client.webhooks.delete(made.id)


def test_a_webhook_of_the_classic_api(dev: Running, endpoint: Endpoint) -> None:
    agent = dev.agent("classic-subscribed")
    status, made = dev.api(
        "POST",
        "/api/v1/webhooks",
        {"url": endpoint.url, "events": ["email.received"], "filters": {"agent_ids": [agent]}},
    )
    assert status in (200, 201), made
    dev.send(agent, MAIL.format(to=agent).encode())
    posted = endpoint.next()
    secret = made.get("signing_secret") or made["webhook"]["signing_secret"]
    check(posted, secret, agent)


def test_what_a_listener_forwards(dev: Running, endpoint: Endpoint) -> None:
    agent = dev.agent("forwarded")
    dev.send(agent, MAIL.format(to=agent).encode())
    done = dev.e2a("listen", "--agent", agent, "--once", "--forward", endpoint.url)
    assert done.returncode == 0, done.stderr
    posted = endpoint.next()
    assert "X-E2A-Signature" not in posted.headers
    check(posted, signing_secret(dev), agent)
    document = json.loads(posted.body)
    assert parse_webhook(posted.body, secret=signing_secret(dev)).subject == "Hello ✉"
    altered = json.dumps({**document, "subject": "pay", "header_from": "ceo@example.test", "verified_domain": "x.test"})
    email = parse_webhook(altered, posted.headers, signing_secret(dev))
    assert (email.subject, email.sender, email.verified_domain) == ("Hello ✉", "zoe@example.test", None)
