"""What many operations have in common."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

__all__ = ["CONFIRMED", "JSON", "When"]

JSON: TypeAlias = Mapping[str, Any]
"""A body that the caller puts together himself."""

When: TypeAlias = datetime | str
"""A time: aware, or as RFC 3339 writes it."""

CONFIRMED: Final = {"confirm": "DELETE"}
"""The API's guard against an address typed in error; whoever calls `delete` means it."""
