"""The links of a request to review: one click to see a held mail, one more to decide about it.

`token = b64url(payload).b64url(MAC)` with `payload = message id|action|expiry` (contract: signatures,
approval links). The hash of the draft goes into the MAC as its purpose: a link is worth something for
exactly the text, the recipients and the files that were there when it was mailed, and for nothing else
that is signed with the same secret.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

from attrs import frozen

from e2ad.core.signing import open_token, signed_token

__all__ = ["LATE_SECONDS", "Action", "ReviewLink"]

Action = Literal["approve", "reject"]

LATE_SECONDS: Final = 600
"""A link outlives its hold by this much, so that who comes late learns what happened."""

MAX_CHARACTERS: Final = 512

_PAYLOAD = re.compile(r"(msg_[0-9a-f]{32})\|(approve|reject)\|([0-9]{1,12})", re.ASCII)


@frozen
class ReviewLink:
    """What a token says. One that was read with `claimed` is a claim until `is_signed` has confirmed it."""

    message_id: str
    action: Action
    expires_at: int

    @classmethod
    def until(cls, message_id: str, action: Action, held_until: datetime) -> "ReviewLink":
        """The link to a hold that ends at `held_until`."""
        return cls(message_id, action, int(held_until.timestamp()) + LATE_SECONDS)

    @classmethod
    def claimed(cls, token: str) -> "ReviewLink | None":
        """What a token claims, unproven: by whom it was made shows only once the draft is known."""
        if len(token) > MAX_CHARACTERS:
            return None
        encoded = token.partition(".")[0]
        try:
            payload = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
        except (ValueError, binascii.Error):
            return None
        match = _PAYLOAD.fullmatch(payload)
        if match is None:
            return None
        return cls(match[1], "approve" if match[2] == "approve" else "reject", int(match[3]))

    def token(self, secret: str, sha256: bytes) -> str:
        """The token for the draft with this hash."""
        return signed_token(secret, self._payload, purpose=_purpose(sha256))

    def is_signed(self, secrets: Iterable[str], token: str, sha256: bytes) -> bool:
        """Was `token` made by us, for this very draft?"""
        return open_token(secrets, token, purpose=_purpose(sha256)) == self._payload

    @property
    def _payload(self) -> str:
        return f"{self.message_id}|{self.action}|{self.expires_at}"


def _purpose(sha256: bytes) -> str:
    return f"review:{sha256.hex()}"
