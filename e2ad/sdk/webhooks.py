"""What a webhook's receiver calls: is it ours, and what does it say? Needs no client and no network.

Pass the body as it came. JSON that was decoded and encoded again is another body, and its signature is wrong.
"""

import os
import time
from typing import Any, Final

from e2ad.sdk.errors import E2AWebhookSignatureError
from e2ad.sdk.events import WebhookEvent, decode_object
from e2ad.sdk.received import Content, ReceivedEmail, content_of, proven_content
from e2ad.sdk.signatures import (
    TOLERANCE_SECONDS,
    Headers,
    Moment,
    Secret,
    auth_fields,
    check_delivery,
    check_mail,
    read_headers,
    refusal,
    same_mail,
    secrets_of,
)

__all__ = ["SECRET_VARIABLE", "construct_event", "parse_webhook", "verify_webhook_signature"]

SECRET_VARIABLE: Final = "E2A_WEBHOOK_SECRET"  # noqa: S105 - the name of it


def verify_webhook_signature(
    raw_body: bytes | str,
    header: Headers,
    secret: Secret,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> bool:
    """Whether a body was signed with one of the secrets, lately.

    Args:
        raw_body: as it came.
        header: the value of `X-E2A-Signature`, or all headers.
        secret: `whsec_…` of the webhook, or several of which any will do; for an agent's own URL the account's
            signing secret.
        tolerance_seconds: how far the signature's time may be from now, either way.
        now: seconds since 1970, for tests.
    """
    try:
        _proven(_octets(raw_body), header, secret, _moment(tolerance_seconds, now))
    except E2AWebhookSignatureError:
        return False
    return True


def construct_event(
    body: bytes | str,
    headers: Headers,
    secret: Secret,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> WebhookEvent[Any]:
    """The event that a webhook of the account was sent, once its signature is found right.

    Args:
        body: as it came.
        headers: the request's, of any framework, or the value of `X-E2A-Signature` alone. `X-E2A-Signature` and
            `webhook-signature` are both known; of the two those that are there have to be right.
        secret: the webhook's (`whsec_…`, shown once by `client.webhooks.create` and `rotate_secret`), or several.
        tolerance_seconds: how far the signature's time may be from now, either way.
        now: seconds since 1970, for tests.

    Raises:
        E2AWebhookSignatureError: not signed, not with one of the secrets, not for this body, or not lately
            (`details["reason"]`: missing, malformed, stale, no_match, no_secret); or no event (`body`).
    """
    octets = _octets(body)
    _proven(octets, headers, secret, _moment(tolerance_seconds, now))
    try:
        return WebhookEvent.from_payload(decode_object(octets))
    except ValueError as error:
        raise refusal("body", f"the body is {error}; what an agent's own URL gets is for parse_webhook") from None


def parse_webhook(
    body: bytes | str,
    headers: Headers = None,
    secret: Secret | None = None,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> ReceivedEmail:
    """The mail in a request: to an agent's own URL, to a webhook of the account, or from `e2a listen --forward`.

    Without a secret nothing can be checked: the object is there, but reading what the mail says raises
    `UnverifiedEmailError`. With one, every proof that is there has to be right. A webhook tells of mail in both
    directions: `event.type` says what happened to it.

    Args:
        body: as it came.
        headers: the request's, of any framework. Without them the proof inside the body is looked at, where it has one.
        secret: that of the webhook (`whsec_…`, shown once by `client.webhooks.create` and `rotate_secret`); for an
            agent's own URL and `e2a listen --forward` the account's (`client.account.signing_secrets.list()`); or
            several in a list. Where none is given, the environment variable E2A_WEBHOOK_SECRET, if it is set.
        tolerance_seconds: how far the signature's time may be from now.
        now: seconds since 1970, for tests.

    Raises:
        E2AWebhookSignatureError: there is a secret, and the payload is not proven with it; or the body is not JSON.
    """
    octets = _octets(body)
    try:
        payload = decode_object(octets)
    except ValueError as error:
        raise refusal("body", f"the body is {error}") from None
    if secret is None:
        secret = os.environ.get(SECRET_VARIABLE) or None
    if secret is None:
        return ReceivedEmail(payload, None)
    return ReceivedEmail(
        payload, _open(octets, payload, read_headers(headers), secrets_of(secret), _moment(tolerance_seconds, now))
    )


def _open(
    body: bytes, payload: dict[str, Any], headers: dict[str, str], secrets: tuple[str, ...], moment: Moment
) -> Content:
    """What the payload says, as far as it is proven."""
    found = content_of(payload)
    whole = check_delivery(headers, body, secrets, moment)
    outside, inside = auth_fields(headers), auth_fields(found.auth_headers)
    if outside and inside and outside != inside:
        raise refusal("mismatch", "X-E2A-Auth-* of the request and of the body are of two deliveries")
    fields = outside or inside
    proof = None
    if fields:
        same_mail(fields, found.message_id, found.raw)
        proof = check_mail(fields, secrets, moment)
    if whole:
        return proven_content(found, proof)
    if not fields:
        raise refusal("missing", "nothing proves the payload: no X-E2A-Signature, webhook-signature or X-E2A-Auth-*")
    if proof is None:
        raise refusal(
            "no_match",
            "X-E2A-Auth-* was made with none of the given secrets: it takes the account's"
            " (client.account.signing_secrets.list)",
        )
    if found.raw is None:
        raise refusal(
            "missing", "X-E2A-Auth-* proves a mail, and the mail is not in the payload: nothing proves the rest"
        )
    return proven_content(found, proof, mail_alone=True)


def _proven(body: bytes, headers: Headers, secret: Secret, moment: Moment) -> None:
    if not check_delivery(read_headers(headers), body, secrets_of(secret), moment):
        raise refusal("missing", "the request is not signed: no X-E2A-Signature, and no webhook-signature")


def _moment(tolerance_seconds: float, now: float | None) -> Moment:
    return Moment(time.time() if now is None else now, tolerance_seconds)


def _octets(body: bytes | str) -> bytes:
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise refusal("body", "the body is no text that was ever sent: pass its bytes") from None
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise TypeError(f"the body is bytes or text as it came, not {type(body).__name__}: what was decoded proves nothing")
