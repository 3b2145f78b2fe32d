"""What has happened."""

from typing import NotRequired, TypedDict

__all__ = ["RedeliverEventRequest"]


class RedeliverEventRequest(TypedDict):
    """One webhook, or all that the event matched."""

    webhook_id: NotRequired[str]
