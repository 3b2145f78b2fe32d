"""A small OpenID provider of our own, which lies on request."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import define, field
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from e2ad.gateway.mint import now
from tests.delivery.endpoint import Answer, Endpoint, Received

CLIENT_ID = "e2ad at home"
SECRET = "a secret: of the client"
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve"})


@define
class Issuer:
    """Its documents and claims are as they should be until a test changes them.

    Attributes:
        claims, header, metadata: over what it would say; None leaves a member out.
        sign: makes the ID token of header and claims.
        keys: what it publishes.
    """

    endpoint: Endpoint
    claims: dict[str, Any] = field(factory=dict)
    header: dict[str, Any] = field(factory=dict)
    metadata: dict[str, Any] = field(factory=dict)
    userinfo: dict[str, Any] = field(factory=dict)
    keys: list[Any] = field(factory=lambda: [RSA])
    sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    answers: dict[str, Answer] = field(factory=dict)
    forms: list[dict[str, str]] = field(factory=list)
    codes: dict[str, Mapping[str, str]] = field(factory=dict)
    forgetful: bool = True
    """A code works once."""

    def __attrs_post_init__(self) -> None:
        self.endpoint.reply = self.reply

    @property
    def url(self) -> str:
        return self.endpoint.url(path="")

    def asked(self, path: str) -> int:
        return sum(one.path == path for one in self.endpoint.received)

    def agree(self, url: str) -> dict[str, str]:
        """The person says yes: what the browser comes back with."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert url.startswith(f"{self.url}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    def reply(self, request: Received) -> Answer:
        path = request.path.partition("?")[0]
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/.well-known/openid-configuration":
                return said(self._described())
            case "/jwks":
                return said({"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/token":
                return self._token(request)
            case "/userinfo":
                assert request.headers["authorization"] == "Bearer the access token"
                return said(self.userinfo)
            case _:
                return Answer(404)

    def _described(self) -> dict[str, Any]:
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return {name: value for name, value in (document | self.metadata).items() if value is not None}

    def _token(self, request: Received) -> Answer:
        form = dict(parse_qsl(request.body.decode()))
        self.forms.append(form)
        if "authorization" in request.headers:
            pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().split(":")
            assert [unquote(one) for one in pair] == [CLIENT_ID, SECRET]
        else:
            assert form["client_id"] == CLIENT_ID
        asked = self.codes.get(form["code"])
        if asked is None:
            return Answer(400, body=b'{"error":"invalid_grant"}')
        if self.forgetful:
            del self.codes[form["code"]]
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        assert challenge.decode() == asked["code_challenge"]
        assert form["redirect_uri"] == asked["redirect_uri"]
        return said({"token_type": "Bearer", "access_token": "the access token", "id_token": self._id_token(asked)})

    def _id_token(self, asked: Mapping[str, str]) -> str:
        at = int(now().timestamp())
        claims = {
            "iss": self.url,
            "sub": "subject-1",
            "aud": CLIENT_ID,
            "exp": at + 300,
            "iat": at,
            "nonce": asked["nonce"],
            "email": "Owner@example.com",
            "email_verified": True,
            "name": "Ada",
        } | self.claims
        header = {"alg": "RS256", "kid": "one"} | self.header
        claims, header = ({name: value for name, value in one.items() if value is not None} for one in (claims, header))
        return (self.sign or signed_with(RSA))(header, claims)


def said(document: Any) -> Answer:
    return Answer(headers=(("Content-Type", "application/json"),), body=json.dumps(document).encode())


def signed_with(key: Any) -> Callable[[dict[str, Any], dict[str, Any]], str]:
    """Signs as the header says."""
    return lambda header, claims: jwt.encode(header, claims, key, algorithms=[header["alg"]])


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """`alg` none: two parts, and an empty signature."""
    return f"{_parts(header, claims)}."


def mac_with_the_public_key(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A MAC whose key is what everybody can read."""
    signed = _parts(header, claims)
    mac = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def criticised(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Signed well, with a header that demands what nobody knows (RFC 7515 section 4.1.11)."""
    signed = _parts(header | {"crit": ["x"], "x": 1}, claims)
    signature = RSA.private_key.sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def half_hash(access_token: str) -> str:
    """`at_hash` of RS256."""
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()[:16]).rstrip(b"=").decode()


def _parts(*documents: dict[str, Any]) -> str:
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in documents)
