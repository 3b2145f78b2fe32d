"""Rows for tests, written straight into the tables: accounts, domains, agents, messages.

Each function fills in whatever a test does not care about, so that a test says only what it is about.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen

from e2ad.core import mime
from e2ad.core.sealing import KeyRing, signing_secret_context
from e2ad.core.signing import key_hash
from e2ad.gateway.mint import new_id, new_secret, nonce
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor

EPOCH = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
"""When the first message of a test comes in, unless it says otherwise."""

RAW = (
    b"From: Ada <ada@example.org>\r\nTo: bot@agents.test\r\nSubject: Hello\r\n"
    b"Message-ID: <m1@example.org>\r\n\r\nGood morning.\r\n"
)


@frozen
class Owner:
    """An account and a key of it."""

    account_id: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


async def insert(executor: Executor, table: str, values: Mapping[str, Any]) -> None:
    """One row; names come from tests alone."""
    columns = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    await executor.execute(f"insert into {table} ({columns}) values ({places})", dict(values), prepare=False)


async def account(executor: Executor, email: str | None = None, *, key: str | None = None, **columns: Any) -> Owner:
    """An account with one account key."""
    account_id = new_id("")
    await insert(executor, "accounts", {"id": account_id, "email": email or f"{account_id}@owner.test", **columns})
    return Owner(account_id, await api_key(executor, account_id, key=key))


async def api_key(
    executor: Executor, account_id: str, *, key: str | None = None, agent_email: str | None = None, **columns: Any
) -> str:
    """A key of the account, bound to an agent where one is named; its text."""
    key = key or new_secret("e2a_agt_" if agent_email else "e2a_acct_")
    values = {
        "account_id": account_id,
        "id": new_id("apk_"),
        "key_hash": key_hash(key),
        "key_prefix": key[:16],
        "scope": "agent" if agent_email else "account",
        "agent_email": agent_email,
    }
    await insert(executor, "api_keys", values | columns)
    return key


async def signing_secret(executor: Executor, keys: KeyRing, account_id: str, secret: str, **columns: Any) -> str:
    """A signing secret of the account; its id."""
    secret_id = new_id("wsec_")
    sealed = keys.seal(secret, context=signing_secret_context(secret_id), nonce=nonce())
    values = {"account_id": account_id, "id": secret_id, "name": "test", "sealed_secret": sealed}
    await insert(executor, "signing_secrets", values | columns)
    return secret_id


async def domain(executor: Executor, name: str, account_id: str | None = None, *, verified: bool = True) -> None:
    """A domain; nobody's unless an account is named. Again is no error."""
    await executor.execute(
        "insert into domains (domain, account_id, verified, verification_token)"
        " values (%(domain)s, %(account_id)s, %(verified)s, 'e2a-verify=x') on conflict do nothing",
        {"domain": name, "account_id": account_id, "verified": verified},
    )


async def agent(executor: Executor, account_id: str, email: str = "bot@agents.test", **columns: Any) -> str:
    """A live agent on a verified domain; its address."""
    name = email.rpartition("@")[2]
    await domain(executor, name)
    values = {"email": email, "account_id": account_id, "domain": name, "registered_domain": name}
    await insert(executor, "agents", values | columns)
    return email


async def message(
    executor: Executor,
    account_id: str,
    agent_email: str = "bot@agents.test",
    *,
    raw: bytes | None = RAW,
    number: int = 0,
    to: Sequence[str] = (),
    cc: Sequence[str] = (),
    reply_to: Sequence[str] = (),
    **columns: Any,
) -> str:
    """A stored message as intake writes it; its id.

    Args:
        raw: the mail, parsed for the columns that are not given; None stores no content.
        number: minutes after `EPOCH` at which it came.
        columns: of `messages`, by name; these win.
    """
    message_id = str(columns.pop("id", new_id("msg_")))
    parsed = mime.parse(raw or b"")
    sha256 = hashlib.sha256(raw).digest() if raw is not None else None
    if raw is not None:
        await executor.execute(
            "insert into contents (account_id, sha256, raw) values (%(account_id)s, %(sha256)s, %(raw)s)"
            " on conflict do nothing",
            {"account_id": account_id, "sha256": sha256, "raw": raw},
        )
    direction = str(columns.get("direction", "inbound"))
    values: dict[str, Any] = {
        "account_id": account_id,
        "id": message_id,
        "agent_email": agent_email,
        "direction": direction,
        "method": "smtp",
        "created_at": EPOCH + timedelta(minutes=number),
        "delivered_to": agent_email,
        "envelope_from": parsed.header_from,
        "header_from": parsed.header_from,
        "sender_name": parsed.sender_name,
        "to_addresses": Jsonb(list(to or parsed.to)),
        "cc_addresses": Jsonb(list(cc or parsed.cc)),
        "reply_to_addresses": Jsonb(list(reply_to or parsed.reply_to)),
        "subject": parsed.subject,
        "message_id": parsed.message_id,
        "message_id_key": parsed.message_id_key,
        "conversation_id": new_id("conv_"),
        "body_text": parsed.text,
        "new_text": parsed.new_text,
        "body_html": parsed.html,
        "attachments": Jsonb([meta.to_json() for meta in parsed.attachments]),
        "content_sha256": sha256,
        "size_bytes": len(raw or b""),
        "unread": direction == "inbound",
    }
    await insert(executor, "messages", values | columns)
    return message_id


@frozen
class Sent:
    """A message that left, and the token of its return path."""

    account_id: str
    message_id: str
    token: str
    return_path: str


async def sent(
    executor: Executor,
    account_id: str,
    recipients: Sequence[str] = ("ann@far.test",),
    agent_email: str = "bot@agents.test",
    *,
    inside: Sequence[str] = (),
    state: str = "sent",
    domain: str = "agents.test",
    **columns: Any,
) -> Sent:
    """An outbound message that the relay took for these recipients, in one state with all of them.

    Args:
        inside: recipients that are agents of this deployment.
        state: of the recipients and the submission; `pending` is a submission that is accepted.
        domain: of the return path.
        columns: of `submissions`; these win.
    """
    token = new_id("")
    message_id = await message(
        executor, account_id, agent_email, direction="outbound", message_type="send", to=(*recipients, *inside)
    )
    values: dict[str, Any] = {
        "account_id": account_id,
        "message_id": message_id,
        "agent_email": agent_email,
        "status": "accepted" if state == "pending" else state,
        "sent_as": "own_address",
        "signing_domain": "agents.test",
        "return_path": f"bounces+{token}@{domain}",
        "return_token": token,
        "submitted_at": None if state in ("pending", "outcome_unknown") else EPOCH,
    }
    await insert(executor, "submissions", values | columns)
    for address in (*recipients, *inside):
        row = {"account_id": account_id, "message_id": message_id, "address": address, "place": "to", "status": state}
        await insert(executor, "recipients", row | {"route": "inside" if address in inside else "relay"})
    return Sent(account_id, message_id, token, values["return_path"])


async def submission(
    executor: Executor,
    account_id: str,
    agent_email: str = "bot@agents.test",
    *,
    relay: Sequence[str] = (),
    inside: Sequence[str] = (),
    raw: bytes | None = None,
    message: Mapping[str, Any] | None = None,
    **columns: Any,
) -> str:
    """An accepted mail that is due now, as acceptance writes it; the id of its message.

    Args:
        relay, inside: its recipients on each route.
        message: columns of `messages`.
        columns: of `submissions`.
    """
    mail_id = new_id("")
    everyone = [*relay, *inside]
    if raw is None:
        fields = (f"From: Bot <{agent_email}>", f"To: {', '.join(everyone)}", "Subject: Hello", f"X-Test: {mail_id}")
        head = "\r\n".join((*fields, f"Message-ID: <{mail_id}@agents.test>"))
        raw = f"{head}\r\n\r\nGood morning.\r\n".encode()
    given = {"direction": "outbound", "message_type": "send", "to": everyone, "unread": False, **(message or {})}
    message_id = await _message(executor, account_id, agent_email, raw=raw, **given)
    token = new_id("")
    values = {
        "account_id": account_id,
        "message_id": message_id,
        "agent_email": agent_email,
        "sent_as": "own_address",
        "signing_domain": agent_email.rpartition("@")[2],
        "return_path": f"bounces+{token}@agents.test",
        "return_token": token,
        "next_attempt_at": datetime.now(UTC) - timedelta(seconds=1),
    }
    # Recipients first: a dispatcher may be at work, and takes the submission as soon as it is there.
    for route, addresses in (("relay", relay), ("inside", inside)):
        for address in addresses:
            row = {
                "account_id": account_id,
                "message_id": message_id,
                "address": address,
                "place": "to",
                "route": route,
            }
            await insert(executor, "recipients", row)
    await insert(executor, "submissions", values | columns)
    return message_id


_message = message
