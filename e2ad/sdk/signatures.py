"""Is this payload from the deployment that knows our secrets? Pure: headers, bytes and the time come in.

Three proofs exist (contract: signatures). `X-E2A-Signature` and the Standard Webhooks trio cover a body to the
last byte. `X-E2A-Auth-*` covers a mail, its id and what was found out about its sender, so that it outlives the
body that it came in. Whatever is there has to be right; comparisons take the same time for every guess.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen

from e2ad.core.signing import (
    AUTH_HEADER_NAMES,
    AUTH_MAX_SKEW_SECONDS,
    WEBHOOK_TOLERANCE_SECONDS,
    Verdict,
    auth_headers,
    body_hash,
    standard_webhook_headers,
    webhook_signature,
)
from e2ad.sdk.errors import E2AWebhookSignatureError

__all__ = [
    "TOLERANCE_SECONDS",
    "Headers",
    "MailProof",
    "Moment",
    "Reason",
    "Secret",
    "auth_fields",
    "check_delivery",
    "check_mail",
    "read_headers",
    "refusal",
    "same_mail",
    "secrets_of",
]

TOLERANCE_SECONDS: Final = WEBHOOK_TOLERANCE_SECONDS
SIGNATURES_AT_MOST: Final = 16
DIGITS_AT_MOST: Final = 12

Secret: TypeAlias = str | Iterable[str]
"""One secret, or several of which any will do, as while one is replaced."""

Headers: TypeAlias = Any
"""A mapping of any framework, pairs of names and values (text or bytes), or the bare value of `X-E2A-Signature`."""

Reason = Literal["missing", "malformed", "stale", "no_match", "mismatch", "no_secret", "body"]

_SIGNATURE: Final = "x-e2a-signature"
_STANDARD: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_AUTH_SIGNATURE: Final = "x-e2a-auth-signature"
_AUTH: Final = (*(name.lower() for name in AUTH_HEADER_NAMES), _AUTH_SIGNATURE)
# In ASCII, as all that is said here: a receiver may answer with it in the status line.
_WANTED: Final = (
    "a webhook of the account has its own secret (whsec_..., of client.webhooks.create or rotate_secret), an agent's"
    " own URL that of the account (client.account.signing_secrets.list)"
)
_READ: Final = frozenset({_SIGNATURE, *_STANDARD, *_AUTH})


@frozen
class Moment:
    """When it is, and how far a signature's time may be from it.

    Attributes:
        now: seconds since 1970.
    """

    now: float
    tolerance_seconds: float = TOLERANCE_SECONDS

    def check(self, what: str, at: float, *, ahead_seconds: float | None = None) -> None:
        """Refuse what was signed too long ago, or in the future.

        Raises:
            E2AWebhookSignatureError: stale.
        """
        age = self.now - at
        ahead = self.tolerance_seconds if ahead_seconds is None else min(ahead_seconds, self.tolerance_seconds)
        if not -ahead <= age <= self.tolerance_seconds:  # in this form, so that a time that is no number is refused
            told = f"{age:.0f} s ago" if age >= 0 else f"{-age:.0f} s in the future"
            raise refusal(
                "stale", f"{what} was signed {told}; at most {self.tolerance_seconds:g} s are taken: check the clock"
            )


@frozen
class MailProof:
    """A set of `X-E2A-Auth-*` whose MAC was right."""

    verdict: Verdict
    message_id: str


def refusal(reason: Reason, message: str) -> E2AWebhookSignatureError:
    """What to raise; `details["reason"]` says in a word what `message` says in a sentence."""
    error = E2AWebhookSignatureError(message)
    error.details = {"reason": reason}
    if reason == "body":
        error.code = "webhook_body_invalid"
    return error


def secrets_of(secret: Secret | None) -> tuple[str, ...]:
    """The secrets that are any.

    An empty one is not: everybody knows it, and an unset variable looks like it.

    Raises:
        E2AWebhookSignatureError: none is left.
        TypeError: something else than text.
    """
    given = (secret,) if isinstance(secret, str) else tuple(secret or ())
    for one in given:
        if not isinstance(one, str):
            raise TypeError(f"a secret is text, not {type(one).__name__}")
    known = tuple(one for one in given if one.removeprefix("whsec_").strip())
    if not known:
        raise refusal("no_secret", f"there is no secret to check with, or an empty one, which all know: {_WANTED}")
    return known


def read_headers(headers: Headers) -> dict[str, str]:
    """Of all headers those that prove something, by lower-case name.

    Takes what frameworks have: mappings of any case, pairs, ASGI's bytes, WSGI's `HTTP_…`, lists of values.

    Raises:
        E2AWebhookSignatureError: a header is there twice, so that nobody can tell which one counts.
        TypeError: these are no headers.
    """
    if headers is None:
        return {}
    if isinstance(headers, str):
        return {_SIGNATURE: headers}
    found: dict[str, str] = {}
    for name, value in _pairs(headers):
        plain = _plain_name(name)
        if plain not in _READ:
            continue
        for one in value if isinstance(value, list | tuple) else (value,):
            if plain in found:
                raise refusal("malformed", f"the header {plain} is there twice")
            found[plain] = _plain_value(one)
    return found


def _pairs(headers: Any) -> Iterable[tuple[Any, Any]]:
    pairs = headers.items() if hasattr(headers, "items") else headers
    try:
        listed = [(name, value) for name, value in pairs]
    except (TypeError, ValueError) as error:
        raise TypeError("headers are a mapping, or pairs of a name and a value") from error
    return listed


def _plain_name(name: Any) -> str:
    text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
    text = text.strip().lower()
    return text.removeprefix("http_").replace("_", "-") if text.startswith("http_") else text


def _plain_value(value: Any) -> str:
    """Addresses may have letters of any language; they travel as UTF-8, which frameworks take for Latin-1."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def check_delivery(headers: Mapping[str, str], body: bytes, secrets: tuple[str, ...], moment: Moment) -> bool:
    """Check each proof of the whole body that is there; whether there is any.

    Args:
        headers: as `read_headers` gives them.

    Raises:
        E2AWebhookSignatureError: one is wrong.
    """
    proven = False
    if _SIGNATURE in headers:
        _check_signature(headers[_SIGNATURE], body, secrets, moment)
        proven = True
    if _STANDARD[2] in headers:
        _check_standard(headers, body, secrets, moment)
        proven = True
    return proven


def _check_signature(header: str, body: bytes, secrets: tuple[str, ...], moment: Moment) -> None:
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    offered = [value for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not 1 <= len(offered) <= SIGNATURES_AT_MOST:
        raise refusal("malformed", "X-E2A-Signature is malformed: it has to read t=<seconds>,v1=<hex>")
    timestamp = _seconds("X-E2A-Signature", times[0])
    moment.check("X-E2A-Signature", timestamp)
    expected = [webhook_signature((secret,), timestamp, body).rpartition("=")[2] for secret in secrets]
    if not _any_same(expected, offered):
        raise _no_match("X-E2A-Signature")


def _check_standard(headers: Mapping[str, str], body: bytes, secrets: tuple[str, ...], moment: Moment) -> None:
    what = "webhook-signature"
    identifier, time, signatures = (headers.get(name, "") for name in _STANDARD)
    offered = [one for one in signatures.split() if one.startswith("v1,")]
    if not identifier or not 1 <= len(offered) <= SIGNATURES_AT_MOST:
        raise refusal("malformed", f"{what} is malformed: webhook-id and v1,<base64> belong to it")
    timestamp = _seconds("webhook-timestamp", time)
    moment.check(what, timestamp)
    usable = [secret for secret in secrets if _has_standard_key(secret)]
    try:
        expected = [standard_webhook_headers(identifier, timestamp, body, (one,))[what] for one in usable]
    except UnicodeEncodeError:
        raise refusal("malformed", "webhook-id is malformed") from None
    if not _any_same(expected, offered):
        raise _no_match(what)


def _has_standard_key(secret: str) -> bool:
    """Whether base64 stands behind `whsec_`: a lenient reader would make an empty key of anything else."""
    text = secret.removeprefix("whsec_")
    try:
        return bool(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, ValueError):
        return False


def auth_fields(found: Any) -> dict[str, str]:
    """The `X-E2A-Auth-*` among headers as `read_headers` gives them, or in the `auth_headers` of a payload.

    Raises:
        E2AWebhookSignatureError: one is there twice.
    """
    fields: dict[str, str] = {}
    for name, value in found.items() if isinstance(found, Mapping) else ():
        plain = _plain_name(name)
        if plain in fields:
            raise refusal("malformed", f"the header {plain} is there twice")
        if plain in _AUTH:
            fields[plain] = str(value)
    return fields


def check_mail(fields: Mapping[str, str], secrets: tuple[str, ...], moment: Moment) -> MailProof | None:
    """What a set of `X-E2A-Auth-*` says, if one of `secrets` signed it; None if it was another one.

    Args:
        fields: as `auth_fields` gives them.

    Raises:
        E2AWebhookSignatureError: not a whole set, or signed too long ago.
    """
    values = {name: fields.get(name, "") for name in _AUTH}
    verified, sender, kind, check, delegation, time, message_id, content_hash, signature = values.values()
    try:
        at = datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise refusal("malformed", "X-E2A-Auth-* is malformed: the timestamp is missing, or none") from None
    # A line break in a value would let one field pass for two.
    if verified not in ("true", "false") or not signature or any("\n" in one for one in values.values()):
        raise refusal("malformed", "X-E2A-Auth-* is malformed: a field is missing, or holds what it cannot")
    verdict = Verdict(verified == "true", sender, kind, check, delegation)
    expected = [
        auth_headers(verdict, message_id=message_id, body_hash=content_hash, at=at, secret=secret)[
            "X-E2A-Auth-Signature"
        ]
        for secret in secrets
    ]
    if not _any_same(expected, [signature]):
        return None
    moment.check("X-E2A-Auth-*", at.timestamp(), ahead_seconds=AUTH_MAX_SKEW_SECONDS)
    return MailProof(verdict, message_id)


def same_mail(fields: Mapping[str, str], message_id: str, raw: bytes | None) -> None:
    """Refuse a set of `X-E2A-Auth-*` that belongs to another mail than the payload.

    Raises:
        E2AWebhookSignatureError: it does.
    """
    about = fields.get("x-e2a-auth-message-id", "")
    if message_id and about != message_id:
        raise refusal("mismatch", "X-E2A-Auth-* is about another message than the payload")
    if raw is not None and not _same(body_hash(raw), fields.get("x-e2a-auth-body-hash", "")):
        raise refusal("mismatch", "X-E2A-Auth-Body-Hash is not that of the mail: it was altered on its way")


def _seconds(what: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_AT_MOST and str(int(text)) == text):
        raise refusal("malformed", f"{what} is malformed: its time is no number of seconds")
    return int(text)


def _no_match(what: str) -> E2AWebhookSignatureError:
    return refusal(
        "no_match",
        f"{what} was made with none of the given secrets, or for another body: {_WANTED}; pass the bytes as they came",
    )


def _any_same(expected: Iterable[str], offered: Iterable[str]) -> bool:
    guesses = list(offered)
    return any([_same(one, guess) for one in expected for guess in guesses])  # noqa: C419 - looks at all of them


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogatepass"))
