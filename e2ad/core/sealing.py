"""Secrets at rest: AES-256-GCM under a key derived from the deployment's versioned secrets.

The first secret of the ring is current; the others still open what they sealed, so that a
deployment secret can be replaced without losing a single stored key.
"""

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["KeyRing", "SealBroken", "signing_secret_context", "webhook_secret_context"]

_VERSION = b"\x02"
_NONCE = 12
_FINGERPRINT = 4


class SealBroken(Exception):
    """No secret of the ring opens it: a secret was removed too early, or the row was changed."""


class KeyRing:
    """The deployment's secrets, newest first.

    Args:
        secrets: at least one text; the first seals and signs, all of them open and verify.

    Raises:
        ValueError: the ring is empty.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or not all(secrets):
            raise ValueError("a key ring needs at least one secret, and none of them empty")
        self.secrets = tuple(secrets)
        self._ciphers = {_fingerprint(secret): AESGCM(_derive(secret)) for secret in reversed(secrets)}

    @property
    def current(self) -> str:
        """The secret that signs what is made now."""
        return self.secrets[0]

    def seal(self, plaintext: str, *, context: str, nonce: bytes) -> bytes:
        """Encrypt `plaintext`, bound to `context` (what it is and whose), under the current secret.

        Args:
            nonce: 12 fresh random bytes; never the same twice.
        """
        if len(nonce) != _NONCE:
            raise ValueError("the nonce must be 12 bytes")
        name = _fingerprint(self.current)
        return _VERSION + name + nonce + self._ciphers[name].encrypt(nonce, plaintext.encode(), context.encode())

    def unseal(self, sealed: bytes, *, context: str) -> str:
        """Decrypt what `seal` made.

        Raises:
            SealBroken: wrong context, changed bytes, or a secret that is no longer in the ring.
        """
        head = len(_VERSION) + _FINGERPRINT
        cipher = self._ciphers.get(bytes(sealed[len(_VERSION) : head]))
        if sealed[:1] != _VERSION or cipher is None:
            raise SealBroken(f"{context}: sealed under a deployment secret that is not configured")
        nonce, ciphertext = bytes(sealed[head : head + _NONCE]), bytes(sealed[head + _NONCE :])
        try:
            return cipher.decrypt(nonce, ciphertext, context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"{context}: the sealed value does not open") from error


def _derive(secret: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"e2ad-sealing-v2").derive(secret.encode())


def _fingerprint(secret: str) -> bytes:
    return hashlib.sha256(b"e2ad-key-ring\0" + secret.encode()).digest()[:_FINGERPRINT]


def signing_secret_context(secret_id: str) -> str:
    """What an account's signing secret is sealed for."""
    return f"signing_secret:{secret_id}"


def webhook_secret_context(webhook_id: str) -> str:
    """What a webhook's secrets are sealed for, the present one and the one before."""
    return f"webhook_secret:{webhook_id}"
