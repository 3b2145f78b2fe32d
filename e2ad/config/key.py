"""One configuration key."""

from typing import Any

from attrs import field

from e2ad.config.checks import Check

__all__ = ["key"]


def key(default: Any, check: Check | None = None, *, secret: bool = False) -> Any:
    """One configuration key: its default, what makes a value wrong, whether it is a secret."""
    return field(default=default, metadata={"check": check, "secret": secret})
