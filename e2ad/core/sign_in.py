"""Signing in with a browser: where it may lead, and the form that carries it from the page to the answer.

What a link asks for travels inside the form, signed and bound to the browser that it was shown to. So nobody can
sign a stranger's browser in as himself (RFC 6819 section 4.4.1.8), and nothing has to be stored for a form that
nobody sends.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode

import msgspec
from attrs import frozen

from e2ad.core.oauth import is_loopback, redirect_problem
from e2ad.core.signing import open_token, signed_token

__all__ = ["FORM_SECONDS", "SignIn", "callback_problem", "is_local"]

FORM_SECONDS: Final = 3600
"""How long a form may lie on a screen."""
MAX_NEXT: Final = 16_384
MAX_STATE: Final = 512

_LOCAL: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path of ours: ASCII without blanks and backslashes, of which browsers make slashes, and no host behind `//`."""


@frozen
class SignIn:
    """What somebody who signs in wants after that.

    Attributes:
        next: a path of ours, or "".
        callback: of a program on this computer that waits for a key, or "".
        state: by which that program knows its own question again.
        account_id: whose page this is; "" for somebody who is not signed in yet.
        expires_at: in seconds since the epoch.
    """

    next: str
    callback: str
    state: str
    account_id: str
    expires_at: int

    def token(self, secret: str, browser: str) -> str:
        """The form's token, for the browser that this cookie was given to."""
        return signed_token(secret, _encoder.encode(self).decode(), purpose=_purpose(browser))

    def query(self) -> str:
        """What a link to the page says so that it asks for the same again."""
        asked = {"next": self.next, "cli_callback": self.callback, "cli_state": self.state}
        return urlencode({name: value for name, value in asked.items() if value})

    @classmethod
    def opened(cls, secrets: Iterable[str], token: str, browser: str, now: float) -> "SignIn | None":
        """What a token says, if we made it for this browser, and not too long ago."""
        payload = open_token(secrets, token, purpose=_purpose(browser)) if browser else None
        if payload is None:
            return None
        try:
            asked = _decoder.decode(payload)
        except msgspec.DecodeError:
            # Signed by another version of this program, a moment before it was replaced.
            return None
        return asked if now < asked.expires_at else None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(SignIn)


def is_local(path: str) -> bool:
    """Whether a browser that is sent to `path` stays with us, however it reads it."""
    return len(path) <= MAX_NEXT and _LOCAL.fullmatch(path) is not None


def callback_problem(callback: str, state: str) -> str | None:
    """What is wrong with where a key is to be handed to, or None: it must be this computer, by http."""
    if redirect_problem(callback) is not None or not is_loopback(callback):
        return "cli_callback must be an http:// address of this computer, such as http://127.0.0.1:8976/callback"
    if not 0 < len(state) <= MAX_STATE or not state.isascii() or not state.isprintable():
        return f"cli_state must have 1 to {MAX_STATE} characters"
    return None


def _purpose(browser: str) -> str:
    return f"sign-in:{browser}"
