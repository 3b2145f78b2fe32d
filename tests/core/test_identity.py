"""Identity tokens: only what we signed, for this use, in our one form, is ever read."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.identity import ACCESS, ASSERTION, Expired, Identity, NotOurs, SigningKey

ISSUER = "https://mail.example.com"
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AGENT = Identity("a@x.test", 7, ACCESS, "jti_1", AT, AT + timedelta(minutes=15))


@cache
def private(name: str = "ours", bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, encryption: Any = None) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()))


@cache
def ours() -> SigningKey:
    return SigningKey.read(pem(private()), "v1")


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    header, claims, signature = (urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(header), json.loads(claims), signature


def made(
    header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, key: rsa.RSAPrivateKey | None = None
) -> str:
    """A token with these changes (None removes a member), signed well."""
    base, body, _ = parts(ours().sign(AGENT, ISSUER))
    base = {name: value for name, value in (base | (header or {})).items() if value is not None}
    body = {name: value for name, value in (body | (claims or {})).items() if value is not None}
    message = f"{b64(json.dumps(base).encode())}.{b64(json.dumps(body).encode())}"
    return message + "." + b64((key or private()).sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()))


def test_what_is_said_is_read() -> None:
    token = ours().sign(AGENT, ISSUER)
    assert ours().read_token(token, ISSUER, ACCESS, AT) == AGENT
    header, claims, _ = parts(token)
    assert header == {"alg": "RS256", "kid": "v1", "typ": "JWT"}
    assert claims == {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "a@x.test",
        "typ": "access",
        "scope": "agent",
        "assertion_version": 7,
        "jti": "jti_1",
        "iat": int(AT.timestamp()),
        "exp": int(AT.timestamp()) + 900,
    }
    assert ours().read_token(made(), ISSUER, ACCESS, AT) == AGENT


def test_others_can_check_it() -> None:
    (public,) = ours().public_set()["keys"]
    assert set(public) == {"kty", "n", "e", "kid", "use", "alg"}
    number = int.from_bytes(urlsafe_b64decode(public["n"] + "=="), "big")
    exponent = int.from_bytes(urlsafe_b64decode(public["e"] + "=="), "big")
    message, _, signature = ours().sign(AGENT, ISSUER).rpartition(".")
    key = rsa.RSAPublicNumbers(exponent, number).public_key()
    key.verify(urlsafe_b64decode(signature + "=="), message.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(-61, NotOurs), (-60, None), (0, None), (959, None), (960, Expired), (10**9, Expired)]
)
def test_its_time(seconds: int, outcome: type[Exception] | None) -> None:
    token = ours().sign(AGENT, ISSUER)
    if outcome is None:
        assert ours().read_token(token, ISSUER, ACCESS, AT + timedelta(seconds=seconds))
        return
    with pytest.raises(NotOurs) as caught:
        ours().read_token(token, ISSUER, ACCESS, AT + timedelta(seconds=seconds))
    assert type(caught.value) is outcome


HOSTILE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "alg none": ({"alg": "none"}, {}),
    "alg other": ({"alg": "RS512"}, {}),
    "alg pss": ({"alg": "PS256"}, {}),
    "alg lower": ({"alg": "rs256"}, {}),
    "alg missing": ({"alg": None}, {}),
    "alg list": ({"alg": ["RS256"]}, {}),
    "kid other": ({"kid": "v2"}, {}),
    "kid path": ({"kid": "../../dev/null"}, {}),
    "kid sql": ({"kid": "v1' or '1'='1"}, {}),
    "kid missing": ({"kid": None}, {}),
    "kid number": ({"kid": 1}, {}),
    "typ other": ({"typ": "at+jwt"}, {}),
    "typ missing": ({"typ": None}, {}),
    "jku": ({"jku": "https://evil.test/keys"}, {}),
    "x5u": ({"x5u": "https://evil.test/keys"}, {}),
    "jwk": ({"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, {}),
    "crit": ({"crit": ["b64"], "b64": False}, {}),
    "iss": ({}, {"iss": "https://evil.test"}),
    "iss slash": ({}, {"iss": ISSUER + "/"}),
    "iss missing": ({}, {"iss": None}),
    "aud": ({}, {"aud": "https://evil.test"}),
    "aud list": ({}, {"aud": [ISSUER, "https://evil.test"]}),
    "aud missing": ({}, {"aud": None}),
    "kind": ({}, {"typ": "assertion"}),
    "kind missing": ({}, {"typ": None}),
    "scope": ({}, {"scope": "account"}),
    "scope more": ({}, {"scope": "agent account"}),
    "scope missing": ({}, {"scope": None}),
    "sub missing": ({}, {"sub": None}),
    "sub number": ({}, {"sub": 1}),
    "version missing": ({}, {"assertion_version": None}),
    "version text": ({}, {"assertion_version": "7"}),
    "version true": ({}, {"assertion_version": True}),
    "exp missing": ({}, {"exp": None}),
    "exp text": ({}, {"exp": "9999999999"}),
    "exp never": ({}, {"exp": 10**30}),
    "exp fraction": ({}, {"exp": 9999999999.5}),
    "iat missing": ({}, {"iat": None}),
    "iat future": ({}, {"iat": int(AT.timestamp()) + 61}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_another_form_is_not_ours_although_the_signature_is(case: str) -> None:
    with pytest.raises(NotOurs) as caught:
        ours().read_token(made(*HOSTILE[case]), ISSUER, ACCESS, AT)
    assert type(caught.value) is NotOurs


def test_an_assertion_is_no_access_token_and_the_other_way_round() -> None:
    assertion = ours().sign(Identity("a@x.test", 7, ASSERTION, "j", AT, AT + timedelta(days=30)), ISSUER)
    assert ours().read_token(assertion, ISSUER, ASSERTION, AT)
    with pytest.raises(NotOurs):
        ours().read_token(assertion, ISSUER, ACCESS, AT)
    with pytest.raises(NotOurs):
        ours().read_token(ours().sign(AGENT, ISSUER), ISSUER, ASSERTION, AT)


def test_another_key_of_the_same_name() -> None:
    with pytest.raises(NotOurs):
        ours().read_token(made(key=private("theirs")), ISSUER, ACCESS, AT)


@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_our_public_key_is_no_shared_secret(form: PublicFormat, encoding: Encoding) -> None:
    """HS256 with the public key, the old confusion."""
    secret = private().public_key().public_bytes(encoding, form)
    header, claims, _ = parts(ours().sign(AGENT, ISSUER))
    for algorithm in ("HS256", "RS256"):
        message = f"{b64(json.dumps(header | {'alg': algorithm}).encode())}.{b64(json.dumps(claims).encode())}"
        token = message + "." + b64(hmac.digest(secret, message.encode(), "sha256"))
        with pytest.raises(NotOurs):
            ours().read_token(token, ISSUER, ACCESS, AT)


def test_without_a_signature() -> None:
    message, _, signature = ours().sign(AGENT, ISSUER).rpartition(".")
    header, _, claims = message.partition(".")
    unsigned = b64(b'{"alg":"none","typ":"JWT","kid":"v1"}')
    for token in (
        message + ".",
        message,
        f"{unsigned}.{claims}.",
        f"{unsigned}.{claims}.{signature}",
        f"{header}..{signature}",
        f"{header}.{claims}.{signature}.{signature}",
        f"{header}.{claims}.{signature}=",
        f" {header}.{claims}.{signature}",
    ):
        with pytest.raises(NotOurs):
            ours().read_token(token, ISSUER, ACCESS, AT)


@given(st.integers(0, 400), st.integers(1, 255))
def test_one_changed_byte(position: int, change: int) -> None:
    token = ours().sign(AGENT, ISSUER)
    position %= len(token)
    changed = token[:position] + chr(ord(token[position]) ^ change) + token[position + 1 :]
    if changed.rpartition(".")[0] == token.rpartition(".")[0] and len(changed) == len(token):
        try:
            # The last character holds bits that decode to nothing.
            if urlsafe_b64decode(changed.rpartition(".")[2] + "==") == parts(token)[2]:
                return
        except ValueError:
            pass
    with pytest.raises(NotOurs):
        ours().read_token(changed, ISSUER, ACCESS, AT)


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    with pytest.raises(NotOurs):
        ours().read_token(text, ISSUER, ACCESS, AT)
    with pytest.raises(NotOurs):
        ours().read_token("eyJ" + text + ".a.b", ISSUER, ACCESS, AT)


@pytest.mark.parametrize("payload", [b"[]", b"1", b'"x"', b"{", b"\xff", b"[" * 3000])
def test_a_signed_payload_that_is_no_object(payload: bytes) -> None:
    header = b64(json.dumps({"alg": "RS256", "kid": "v1", "typ": "JWT"}).encode())
    message = f"{header}.{b64(payload)}"
    signature = private().sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(NotOurs):
        ours().read_token(f"{message}.{b64(signature)}", ISSUER, ACCESS, AT)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_keys_that_do(form: PrivateFormat) -> None:
    assert SigningKey.read(pem(private(), form), "v1").public_set() == ours().public_set()
    assert "PRIVATE" not in repr(ours())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lambda: pem(rsa.generate_private_key(65537, 1024)), "1024 bits"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
        (lambda: pem(ed25519.Ed25519PrivateKey.generate()), "not an RSA key"),
        (lambda: pem(private(), encryption=BestAvailableEncryption(b"x")), "without a password"),
        (
            lambda: private().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "not a private key",
        ),
        (lambda: b"", "not a private key"),
        (lambda: b"\xff\xfe hello", "not a private key"),
    ],
)
def test_keys_that_do_not(text: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SigningKey.read(text(), "v1")
