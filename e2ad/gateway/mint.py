"""Where ids, secrets and the time of day come from: the gateway, once for each fact."""

import secrets
from datetime import UTC, datetime

__all__ = ["new_id", "new_secret", "nonce", "now"]


def new_id(prefix: str) -> str:
    """`prefix` and 32 hex characters: 128 random bits (contract: identifiers)."""
    return prefix + secrets.token_hex(16)


def new_secret(prefix: str = "") -> str:
    """`prefix` and 64 hex characters: API keys, webhook and signing secrets."""
    return prefix + secrets.token_hex(32)


def nonce() -> bytes:
    """Twelve fresh bytes for `core.sealing`."""
    return secrets.token_bytes(12)


def now() -> datetime:
    """The wall clock, aware, UTC."""
    return datetime.now(UTC)
