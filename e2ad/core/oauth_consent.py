"""The form by which a person lets a program in: what was asked, carried from the question to the answer.

The request travels inside the form, signed and bound to the session it was shown to, so that nothing of it
can be changed on the way, another page cannot send it (RFC 6819 section 4.4.1.8), and nothing has to be stored
for a question that nobody answers.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from attrs import frozen

from e2ad.core.signing import open_token, signed_token

__all__ = ["FORM_SECONDS", "ConsentRequest"]

FORM_SECONDS: Final = 900
"""How long a person may think about it."""


@frozen
class ConsentRequest:
    """What a program asks for, checked.

    Attributes:
        redirect_uri: where the answer goes, and nowhere else.
        scopes: what the person may choose from.
        state: the client's own, handed back as it came.
        nonce: makes each form another one.
        expires_at: in seconds since the epoch.
    """

    account_id: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    challenge: str
    resource: str | None
    nonce: str
    expires_at: int

    def token(self, secret: str, session: bytes) -> str:
        """The form's token, for the session with this hash."""
        return signed_token(secret, _encoder.encode(self).decode(), purpose=_purpose(session))

    @classmethod
    def opened(cls, secrets: Iterable[str], token: str, session: bytes, now: float) -> "ConsentRequest | None":
        """What a token asks, if it was made by us, for this session, and not too long ago."""
        payload = open_token(secrets, token, purpose=_purpose(session))
        if payload is None:
            return None
        try:
            request = _decoder.decode(payload)
        except msgspec.DecodeError:
            # Signed by another version of this program, a moment before it was replaced.
            return None
        return request if now < request.expires_at else None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(ConsentRequest)


def _purpose(session: bytes) -> str:
    return f"oauth-consent:{session.hex()}"
