"""DKIM signing: rsa-sha256 and ed25519-sha256 (RFC 6376 section 5, RFC 8463), keys parsed once."""

import base64
import re
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import dkim
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from e2ad.mailauth.engine import body_hash, header_hash
from e2ad.mailauth.header_section import RawHeader, read_header

__all__ = ["Canonicalization", "PrivateKey", "SigningError", "key_record", "load_private_key", "sign"]

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey
Canonicalization: TypeAlias = Literal["simple", "relaxed"]

MIN_RSA_BITS: Final = 1024

# RFC 6376 section 5.4.1. From is signed once more than it is there, so that none can be added.
_SIGNED: Final = frozenset(dkim.DKIM.SHOULD)
_FIELD: Final = b"DKIM-Signature"
_LINE: Final = 70
_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]+")


class SigningError(ValueError):
    """The mail or the key cannot be used for a signature."""


@lru_cache(maxsize=256)
def load_private_key(pem: bytes) -> PrivateKey:
    """Parse a private key, once: it takes the library tens of milliseconds.

    Raises:
        SigningError: not an unencrypted PEM key of type RSA (1,024 bits or more) or ed25519.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise SigningError("not a private key in PEM form") from error
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise SigningError(f"an RSA key needs {MIN_RSA_BITS} bits or more (RFC 8301)")
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise SigningError("the key must be RSA or ed25519")


def key_record(key: PrivateKey) -> str:
    """The TXT record to publish for this key."""
    if isinstance(key, RSAPrivateKey):
        octets = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(octets).decode()}"
    octets = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={base64.b64encode(octets).decode()}"


def sign(
    content: bytes,
    *,
    domain: str,
    selector: str,
    private_key: PrivateKey,
    header: Canonicalization = "relaxed",
    body: Canonicalization = "relaxed",
    names: Sequence[bytes] | None = None,
    extra: str = "",
    signed_at: int | None = None,
) -> bytes:
    """The DKIM-Signature field for a mail, to be put in front of it.

    Args:
        content: header section and body with CRLF line ends.
        domain: d=, in A-labels.
        selector: s=.
        private_key: from `load_private_key`.
        header: the canonicalization of the header section.
        body: that of the body.
        names: h=, in order; without it, what RFC 6376 section 5.4.1 recommends and the mail has.
        extra: more tags, such as `x=…; `, each with its semicolon and blank.
        signed_at: t=, in seconds since the epoch; without it, now.

    Returns:
        The field with its final line end.

    Raises:
        SigningError: the mail has no From or a malformed header section, or a name is not one.
    """
    if _TOKEN.fullmatch(domain) is None or _TOKEN.fullmatch(selector) is None:
        raise SigningError("domain and selector are names in A-labels")
    mail = read_header(content)
    if not mail.well_formed or not mail.count(b"from"):
        raise SigningError("a mail needs a well-formed header section with From to be signed")
    covered = _names(mail) if names is None else [name.lower() for name in names]
    algorithm = "rsa-sha256" if isinstance(private_key, RSAPrivateKey) else "ed25519-sha256"
    time_of_signing = int(time.time()) if signed_at is None else signed_at
    tags = [
        f"v=1; a={algorithm}; c={header}/{body};",
        f"d={domain}; s={selector};",
        f"t={time_of_signing}; {extra}".rstrip(),
        *_folded_names(covered),
        f"bh={base64.b64encode(body_hash(body, mail.body)).decode()};",
        "b=",
    ]
    value = " " + "\r\n\t".join(tags)
    digest = header_hash(header, mail.select(covered), (_FIELD, value.encode()))
    signature = base64.b64encode(_sign_digest(private_key, digest)).decode()
    lines = [signature[at : at + _LINE] for at in range(0, len(signature), _LINE)]
    return _FIELD + b":" + value.encode() + "\r\n\t ".join(lines).encode() + b"\r\n"


def _sign_digest(key: PrivateKey, digest: bytes) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    return key.sign(digest)


def _names(mail: RawHeader) -> list[bytes]:
    present = [name for name in mail.places if name in _SIGNED]
    return [name for name in present for _ in mail.all(name)] + [b"from"]


def _folded_names(names: Sequence[bytes]) -> list[str]:
    lines, line = [], "h="
    for number, name in enumerate(names):
        word = name.decode("ascii") + (":" if number < len(names) - 1 else ";")
        if len(line) + len(word) > _LINE:
            lines.append(line)
            line = ""
        line += word
    return [*lines, line]
