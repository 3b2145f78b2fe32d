"""What an export tells of who gets into an account with a browser, and of the programs that were let in."""

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.shapes import Instant

__all__ = ["IdentityExportEntry", "OAuthConnectionEntry", "SessionExportEntry"]


@frozen
class OAuthConnectionEntry:
    """A program that was let in. `agent_email` is empty for one that may act for the whole account."""

    client_id: str
    client_name: str
    agent_email: str
    scope: str
    issued_at: Instant
    expires_at: Instant | UnsetType = UNSET
    revoked_at: Instant | UnsetType = UNSET


@frozen
class SessionExportEntry:
    """A browser that is signed in. `signed_in_by`: `key`, `link` or `oidc`."""

    signed_in_by: str
    browser: str
    network: str
    created_at: Instant
    last_seen_at: Instant
    expires_at: Instant


@frozen
class IdentityExportEntry:
    """Somebody at an OpenID provider who signs in to the account."""

    issuer: str
    subject: str
    email: str
    created_at: Instant
    last_used_at: Instant
