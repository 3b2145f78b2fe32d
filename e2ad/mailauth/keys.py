"""DKIM public keys: from TXT records to something that verifies (RFC 6376 section 3.6, 8301, 8463).

A key record is written by whoever owns a domain, strangers included, so size and form are checked
before the cryptographic library computes with it: an RSA key of 16,384 bits with a large exponent
would cost it seconds of processor.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from attrs import frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from e2ad.core.authentication import DkimStatus
from e2ad.mailauth.tags import TagList, TagSyntaxError, decode_base64, parse_tags, split_colons

__all__ = ["KeyProblem", "KeyRecord", "PublicKey", "read_key_records", "verify_digest"]

MAX_RECORD_OCTETS: Final = 4096
MIN_RSA_BITS: Final = 1024  # RFC 8301 section 3.2
MAX_RSA_BITS: Final = 4096  # the same: what a verifier must be able to do, and we do no more
MAX_RSA_EXPONENT: Final = 2**33

_ED25519_OCTETS: Final = 32
_VERSION: Final = "DKIM1"

PublicKey: TypeAlias = RSAPublicKey | Ed25519PublicKey


class KeyProblem(Exception):
    """The key cannot be used. `status` is what that makes of the signature."""

    def __init__(self, detail: str, status: DkimStatus = DkimStatus.PERMERROR) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


@frozen
class KeyRecord:
    """A usable key.

    Attributes:
        key_type: `rsa` or `ed25519`.
        key: the public key as octets, for `verify_digest`.
        testing: the flag `t=y`: the domain asks to be treated as if it did not sign.
        strict_identity: the flag `t=s`: the domain in i= must be d= itself.
    """

    key_type: str
    key: bytes
    testing: bool = False
    strict_identity: bool = False


def read_key_records(records: Sequence[bytes], key_type: str) -> KeyRecord:
    """Find the one key record among the TXT records of a selector.

    RFC 6376 section 3.6.2.2 leaves several records undefined: what is no key record at all (a
    wildcard's SPF record, say) is passed over, two key records are one too many.

    Args:
        records: each with its strings joined.
        key_type: what the signature's algorithm needs, `rsa` or `ed25519`.

    Raises:
        KeyProblem: none, several, revoked, not for this use, or not usable.
    """
    if not records:
        raise KeyProblem("no key for this selector")
    candidates: list[TagList] = []
    trouble = "no key record for this selector"
    for record in records:
        try:
            tags = _read_tags(record)
        except TagSyntaxError as error:
            trouble = f"the key record is malformed: {error}"
            continue
        if tags is not None:
            candidates.append(tags)
    if not candidates:
        raise KeyProblem(trouble)
    if len(candidates) > 1:
        raise KeyProblem("several key records for one selector")
    return _read_record(candidates[0], key_type)


def verify_digest(key_type: str, key: bytes, digest: bytes, signature: bytes) -> bool:
    """Does the signature fit the SHA-256 digest? RFC 8463 section 3: ed25519, too, signs the digest.

    Raises:
        KeyProblem: the key is none.
    """
    public_key = _load(key_type, key)
    try:
        match public_key:
            case RSAPublicKey():
                public_key.verify(signature, digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
            case _:
                public_key.verify(signature, digest)
    except InvalidSignature:
        return False
    return True


def _read_tags(record: bytes) -> TagList | None:
    if len(record) > MAX_RECORD_OCTETS:
        raise TagSyntaxError("it is too long")
    try:
        tags = parse_tags(record.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise TagSyntaxError("it is not text") from error
    # RFC 6376 section 3.6.1: v=, if there, is the first tag and reads DKIM1; other records are discarded.
    if "v" in tags and (tags.first != "v" or tags["v"] != _VERSION):
        if tags["v"] == _VERSION:
            raise TagSyntaxError("v= is not its first tag")
        return None
    if "p" not in tags:
        if "v" not in tags:
            return None
        raise TagSyntaxError("it has no p=")
    return tags


def _read_record(tags: TagList, key_type: str) -> KeyRecord:
    if tags.get("k", "rsa") != key_type:
        raise KeyProblem("the key is of another type than the signature")
    if "h" in tags and "sha256" not in split_colons(tags["h"]):
        raise KeyProblem("the key is not for sha256")
    if "s" in tags and not {"*", "email"}.intersection(split_colons(tags["s"])):
        raise KeyProblem("the key is not for mail")
    if not tags["p"]:
        raise KeyProblem("the key is revoked")
    try:
        key = decode_base64(tags["p"], "p")
    except TagSyntaxError as error:
        raise KeyProblem(f"the key record is malformed: {error}") from error
    _load(key_type, key)
    flags = split_colons(tags.get("t", ""))
    return KeyRecord(key_type, key, testing="y" in flags, strict_identity="s" in flags)


def _load(key_type: str, key: bytes) -> PublicKey:
    loaded = _parse(key_type, key)
    if isinstance(loaded, str):
        raise KeyProblem(loaded)
    if isinstance(loaded, int):
        word = "shorter" if loaded < MIN_RSA_BITS else "longer"
        limit = MIN_RSA_BITS if loaded < MIN_RSA_BITS else MAX_RSA_BITS
        raise KeyProblem(f"the RSA key of {loaded} bits is {word} than {limit}", DkimStatus.POLICY)
    return loaded


@lru_cache(maxsize=512)
def _parse(key_type: str, key: bytes) -> PublicKey | str | int:
    # Problems are values here, so that the cache holds them too: a sentence, or a size out of bounds.
    if key_type == "ed25519":
        # RFC 8463 section 4.2: the bare public key, no ASN.1 around it.
        return Ed25519PublicKey.from_public_bytes(key) if len(key) == _ED25519_OCTETS else "not an ed25519 key"
    try:
        loaded = load_der_public_key(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "not an RSA key"
    if not isinstance(loaded, RSAPublicKey):
        return "not an RSA key"
    if not MIN_RSA_BITS <= loaded.key_size <= MAX_RSA_BITS:
        return loaded.key_size
    if loaded.public_numbers().e >= MAX_RSA_EXPONENT:
        return "the RSA key has too large an exponent"
    return loaded
