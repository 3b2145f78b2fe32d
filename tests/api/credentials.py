"""Every way to show who one is, ready to be sent: for tests that hold the same of all of them."""

import re
from collections.abc import Mapping
from datetime import timedelta

import attrs
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2ad.api.credentials import COOKIE
from e2ad.core.identity import ACCESS, Identity, SigningKey
from e2ad.core.signing import key_hash
from e2ad.gateway.identity import Identities
from e2ad.gateway.mint import new_id, now
from tests import factories
from tests.api.conftest import Client

ISSUER = "https://mail.example.com"
ACCOUNTS = ("key", "session", "oauth")
"""Credentials of an account as a whole."""
AGENTS = ("agent key", "agent oauth", "agent identity")
"""Credentials of one inbox."""

_private = rsa.generate_private_key(65537, 2048)
_KEY = SigningKey.read(_private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "v1")


async def every_credential(client: Client, account_id: str, agent_email: str) -> dict[str, Mapping[str, str]]:
    """The request headers of each kind, for an account and one live agent of it."""
    db, services = client.services.db, client.services
    identities = Identities(db, _KEY, ISSUER)
    services.identities = services.access.identities = identities
    cookie = await services.sessions.begin(account_id)
    statement = "select assertion_version from agents where email = %(email)s"
    version = await db.fetch_value(statement, {"email": agent_email})
    identity = Identity(agent_email, version, ACCESS, new_id("jti_"), now(), now() + timedelta(minutes=5))
    bearers = {
        "key": await factories.api_key(db, account_id),
        "oauth": await _oauth(client, account_id, None),
        "agent key": await factories.api_key(db, account_id, agent_email=agent_email),
        "agent oauth": await _oauth(client, account_id, agent_email),
        "agent identity": _KEY.sign(identity, ISSUER),
    }
    found: dict[str, Mapping[str, str]] = {name: {"authorization": f"Bearer {text}"} for name, text in bearers.items()}
    own_page = {"sec-fetch-site": "same-origin", "origin": "http://test"}
    return found | {"session": {"cookie": f"{COOKIE}={cookie}", **own_page}}


async def _oauth(client: Client, account_id: str, agent_email: str | None) -> str:
    db, token, grant, program = client.services.db, "ate2a_" + new_id("") + "x" * 11, new_id("grant_"), new_id("mcp_")
    assert re.fullmatch(r"ate2a_[A-Za-z0-9_-]{43}", token)
    await factories.insert(
        db, "oauth_clients", {"id": program, "name": "A program", "redirect_uris": ["http://localhost/"]}
    )
    row = {"account_id": account_id, "id": grant, "client_id": program, "agent_email": agent_email}
    await factories.insert(db, "oauth_grants", row | {"scope": "agent" if agent_email else "account"})
    kept = {"token_sha256": key_hash(token), "kind": "access", "account_id": account_id, "grant_id": grant}
    await factories.insert(db, "oauth_tokens", kept | {"expires_at": now() + timedelta(hours=1)})
    return token


def anonymous(client: Client) -> Client:
    """The same app, called without a credential of its own."""
    return attrs.evolve(client, key=None)
