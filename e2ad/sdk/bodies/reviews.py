"""Mail that waits for a person."""

from typing import NotRequired, TypedDict

from e2ad.sdk.bodies.messages import Attachment

__all__ = ["ApproveRequest", "RejectRequest"]


class ApproveRequest(TypedDict):
    """What to change on the way; nothing to let it go as it is. Of received mail nothing can be changed."""

    to: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    cc: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    bcc: NotRequired[list[str]]
    """An address, bare or as Name <address>."""
    subject: NotRequired[str]
    text: NotRequired[str]
    html: NotRequired[str]
    attachments: NotRequired[list[Attachment]]
    content_sha256: NotRequired[str]
    """Content_sha256 of the review that was read: if the draft was changed since, nothing is decided."""


class RejectRequest(TypedDict):
    """Why not."""

    reason: NotRequired[str]
    content_sha256: NotRequired[str]
    """Content_sha256 of the review that was read: if the draft was changed since, nothing is decided."""
