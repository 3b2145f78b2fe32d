"""What is read of a provider's documents and tokens: what is right, and nothing else, without a surprise."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from e2ad.core.oidc import (
    Asked,
    NotBelieved,
    UnknownKey,
    discovery_url,
    person_of,
    read_id_token,
    read_keys,
    read_provider,
)

ISSUER = "https://id.example"
AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
RSA = RSAKey.generate_key(2048, {"kid": "r"})
CURVE = ECKey.generate_key("P-521", {"kid": "e"})
EDWARDS = OKPKey.generate_key("Ed25519", {"kid": "o"})
KEYS = read_keys(json.dumps({"keys": [key.as_dict(private=False) for key in (RSA, CURVE, EDWARDS)]}).encode())
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize?a=b",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def token(key: Any = RSA, algorithm: str = "RS256", **claims: Any) -> str:
    at = int(AT.timestamp())
    whole = {"iss": ISSUER, "sub": "1", "aud": "us", "exp": at + 60, "iat": at, "nonce": "n"} | claims
    return jwt.encode({"alg": algorithm, "kid": key.kid}, whole, key, algorithms=[algorithm])


def read(text: str) -> Any:
    return read_id_token(text, KEYS, issuer=ISSUER, client_id="us", nonce="n", access_token="a", now=AT)


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS384"), (RSA, "RS512"), (CURVE, "ES512"), (EDWARDS, "Ed25519")]
)
def test_signatures(key: Any, algorithm: str) -> None:
    assert read(token(key, algorithm))["sub"] == "1"
    signed = token(key, algorithm)
    with pytest.raises(NotBelieved):
        read(signed[:-6] + ("AAAAAA" if signed[-6:] != "AAAAAA" else "BBBBBB"))
    head, _, signature = signed.split(".")
    forged = base64.urlsafe_b64encode(b'{"iss":"https://id.example","sub":"2"}').rstrip(b"=").decode()
    with pytest.raises(NotBelieved):
        read(f"{head}.{forged}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "None", "", "HS256", "HS512", "RS1", "EdDSA", "dir", None, ["RS256"]])
def test_algorithms_that_are_not_taken(algorithm: Any) -> None:
    _, claims, signature = token().split(".")
    with pytest.raises(NotBelieved, match=r"an algorithm that is not taken|does not hold"):
        read(f"{encoded({'alg': algorithm, 'kid': 'r'})}.{claims}.{signature}")
    with pytest.raises(NotBelieved, match="an algorithm that is not taken"):
        read(f"{encoded({'alg': str(algorithm), 'kid': 'r'})}.{claims}.")


def test_at_hash_of_the_specification() -> None:
    """OpenID Connect Core 1.0, appendix A.4: the access token and the hash of it."""
    access_token, half = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"
    given_at_hash = token(at_hash=half)
    asked = {"issuer": ISSUER, "client_id": "us", "nonce": "n", "now": AT}
    assert read_id_token(given_at_hash, KEYS, access_token=access_token, **asked)["at_hash"] == half
    with pytest.raises(NotBelieved, match="another access token"):
        read_id_token(given_at_hash, KEYS, access_token=access_token + "x", **asked)


def test_a_key_that_is_not_known_is_told_apart() -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "x"})
    with pytest.raises(UnknownKey):
        read(token(stranger))


def test_a_question_is_the_browsers_alone() -> None:
    one, same = Asked.of("s", "b" * 64), Asked.of("s", "b" * 64)
    others = [Asked.of("t", "b" * 64), Asked.of("s", "c" * 64)]
    assert one == same
    assert len({one.nonce, one.verifier, *(o.nonce for o in others), *(o.verifier for o in others)}) == 6
    assert len(one.verifier) == 43  # RFC 7636 section 4.1: 43 to 128


def test_the_way_there() -> None:
    provider = read_provider(json.dumps(DOCUMENT).encode(), ISSUER, allow_http=False)
    url = provider.asking(
        client_id="a b", redirect_uri="https://us/", scopes="openid", prompt="", asked=Asked("s", "n", "v" * 43)
    )
    assert url.startswith(f"{ISSUER}/authorize?a=b&response_type=code&client_id=a+b&")
    assert "v" * 43 not in url


@pytest.mark.parametrize("issuer", ["https://id.example", "https://id.example/", "https://id.example/realms/x"])
def test_where_it_describes_itself(issuer: str) -> None:
    assert discovery_url(issuer) == issuer.rstrip("/") + "/.well-known/openid-configuration"


@given(st.binary(max_size=200) | JSON.map(msgspec.json.encode))
def test_documents_are_read_or_not_believed(raw: bytes) -> None:
    for attempt in (lambda: read_keys(raw), lambda: read_provider(raw, ISSUER, allow_http=True)):
        try:
            attempt()
        except NotBelieved:
            continue


@given(st.dictionaries(st.sampled_from([*DOCUMENT, "token_endpoint_auth_methods_supported"]), JSON))
def test_descriptions_are_read_or_not_believed(changes: Any) -> None:
    try:
        provider = read_provider(msgspec.json.encode(DOCUMENT | changes), ISSUER, allow_http=False)
    except NotBelieved:
        return
    for url in (provider.authorization_endpoint, provider.token_endpoint, provider.jwks_uri):
        assert url.startswith("https://")


@given(st.lists(st.dictionaries(st.sampled_from(["kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"]), JSON)))
def test_keys_are_read_or_left_out(keys: Any) -> None:
    read_keys(msgspec.json.encode({"keys": keys}))


@given(st.text(max_size=100) | st.tuples(JSON, JSON).map(lambda parts: ".".join([*map(encoded, parts), "AAAA"])))
def test_no_token_is_a_surprise(text: str) -> None:
    with pytest.raises(NotBelieved):
        read(text)


@given(st.dictionaries(st.sampled_from(["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash"]), JSON))
def test_no_claim_is_a_surprise(claims: Any) -> None:
    try:
        read(token(**claims))
    except NotBelieved:
        return
    assert not {"iss", "nonce"} & {name for name, value in claims.items() if value not in (ISSUER, "n")}


@given(st.dictionaries(st.sampled_from(["sub", "email", "email_verified", "name"]), JSON))
def test_nobody_is_a_surprise(claims: Any) -> None:
    try:
        person = person_of(claims)
    except NotBelieved:
        return
    assert claims["email_verified"] is True
    assert person.subject


def encoded(document: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(document)).rstrip(b"=").decode()
