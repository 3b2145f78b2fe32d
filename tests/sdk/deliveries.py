"""Deliveries as our server composes them, made by its own code."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import evolve, field, frozen

from e2ad.core.signing import Verdict, auth_headers, body_hash, standard_webhook_headers, webhook_signature

NOW = 1784800800.0
AT = datetime.fromtimestamp(NOW, UTC)
WEBHOOK_SECRET = "whsec_" + "a1" * 32
OTHER_SECRET = "whsec_" + "b2" * 32
SIGNING_SECRET = "00112233445566778899aabbccddeeff" * 2
MESSAGE = "msg_0123456789abcdef0123456789abcdef"
MAIL = (
    b"From: Alice <alice@example.com>\r\nTo: bot@agents.example.com\r\nCc: carl@example.com\r\n"
    b"Reply-To: desk@elsewhere.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <m1@example.com>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello, agent.\r\n"
    b'--b\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nJVBERi0x\r\n--b--\r\n"
)
VERDICT = Verdict(True, "alice@example.com", "human", "spf=pass; dkim=pass")


@frozen
class Delivery:
    """A request as it arrives."""

    body: bytes
    headers: dict[str, str] = field(factory=dict)

    def but(self, **headers: str | None) -> "Delivery":
        """With other headers; None leaves one out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lower = {name.lower() for name in named}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in lower}
        return evolve(self, headers=kept | {name: value for name, value in named.items() if value is not None})


def auth(
    raw: bytes = MAIL, *, message_id: str = MESSAGE, secret: str = SIGNING_SECRET, verdict: Verdict = VERDICT
) -> dict[str, str]:
    return auth_headers(verdict, message_id=message_id, body_hash=body_hash(raw), at=AT, secret=secret)


def signed(body: bytes, secrets: Sequence[str], fields: dict[str, str] | None = None, *, at: float = NOW) -> Delivery:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "e2a-webhooks/1",
        "X-E2A-Signature": webhook_signature(secrets, int(at), body),
        **standard_webhook_headers("evt_1", int(at), body, secrets),
        **(fields or {}),
    }
    return Delivery(body, headers)


def flat(raw: bytes = MAIL, secret: str = SIGNING_SECRET, **more: Any) -> Delivery:
    """To an agent's own URL."""
    fields = auth(raw, secret=secret)
    document = {
        "message_id": MESSAGE,
        "conversation_id": "conv_1",
        "from": "desk@elsewhere.example",
        "to": ["bot@agents.example.com"],
        "recipient": "bot@agents.example.com",
        "raw_message": base64.b64encode(raw).decode(),
        "auth_headers": fields,
        "received_at": "2026-07-23T10:00:00.5Z",
        **more,
    }
    return signed(json.dumps(document).encode(), [secret], fields)


def envelope(**data: Any) -> Delivery:
    """To a webhook of the account."""
    document = {
        "type": "email.received",
        "id": "evt_0123456789abcdef0123456789abcdef",
        "schema_version": "1",
        "created_at": "2026-07-23T10:00:00.123456789Z",
        "data": {
            "message_id": MESSAGE,
            "agent_email": "bot@agents.example.com",
            "delivered_to": "bot@agents.example.com",
            "direction": "inbound",
            "header_from": "alice@example.com",
            "envelope_from": "alice@example.com",
            "verified_domain": "example.com",
            "authentication": {"dmarc": {"status": "pass"}},
            "to": ["bot@agents.example.com"],
            "cc": [],
            "reply_to": ["desk@elsewhere.example"],
            "subject": "Grüße",
            "received_at": "2026-07-23T10:00:00Z",
            "attachments": [{"index": 0, "size_bytes": 6, "filename": "a.pdf", "content_type": "application/pdf"}],
            **data,
        },
    }
    return signed(json.dumps(document, ensure_ascii=False).encode(), [WEBHOOK_SECRET], auth())


def classic() -> Delivery:
    """To a webhook of the classic API."""
    fields = auth()
    data = {
        "message_id": MESSAGE,
        "conversation_id": "",
        "agent": {"id": "bot@agents.example.com"},
        "from": "desk@elsewhere.example",
        "to": ["bot@agents.example.com"],
        "cc": None,
        "recipient": "bot@agents.example.com",
        "subject": "Grüße",
        "raw_message": base64.b64encode(MAIL).decode(),
        "auth_headers": fields,
        "received_at": "2026-07-23T10:00:00Z",
    }
    document = {"event": "email.received", "id": "evt_1", "created_at": "2026-07-23T10:00:00Z", "data": data}
    return signed(json.dumps(document).encode(), [WEBHOOK_SECRET], fields)


def forwarded(**more: Any) -> Delivery:
    """From `e2a listen --forward`: the message as the API answers it, with its own proof alone."""
    fields = auth()
    document = {
        "id": MESSAGE,
        "direction": "inbound",
        "header_from": "alice@example.com",
        "verified_domain": "example.com",
        "authentication": {"dmarc": {"status": "pass"}},
        "to": ["bot@agents.example.com"],
        "cc": [],
        "reply_to": [],
        "delivered_to": "bot@agents.example.com",
        "subject": "what the forwarder says",
        "conversation_id": "conv_1",
        "created_at": "2026-07-23T10:00:00Z",
        "raw_message": base64.b64encode(MAIL).decode(),
        "attachments": [],
        "parsed": {"text": "what the forwarder says", "truncated": False},
        "auth_headers": fields,
        **more,
    }
    document = {name: value for name, value in document.items() if value is not None}
    return Delivery(json.dumps(document).encode(), {"Content-Type": "application/json", **fields})
