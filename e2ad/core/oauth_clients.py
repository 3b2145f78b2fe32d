"""What a program says about itself: when it registers (RFC 7591), or in a document at a URL that is its name.

Nothing of it is proven but one thing: who has a document at a URL has that URL.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from attrs import frozen

from e2ad.core.oauth import AUTHORIZATION_CODE, REFRESH_TOKEN, SCOPES, redirect_problem
from e2ad.core.oauth_failures import OAuthRefused

__all__ = ["MAX_REDIRECT_URIS", "Client", "document_url", "is_registered_id", "read_document", "read_registration"]

MAX_NAME: Final = 200
MAX_REDIRECT_URIS: Final = 10
_ID: Final = re.compile(r"mcp_[0-9a-f]{12}")
_SECRETS: Final = ("client_secret", "client_secret_expires_at")


@frozen
class Client:
    """A program that asks for access.

    Attributes:
        name: what it calls itself; nobody has checked it.
        metadata_url: of the document that describes it; None of one that has registered.
    """

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    metadata_url: str | None = None

    @property
    def host(self) -> str | None:
        """The host that vouches for it, where one does."""
        return urlsplit(self.metadata_url).hostname if self.metadata_url else None

    def view(self) -> dict[str, Any]:
        """As RFC 7591 section 3.2.1 has it. A client that asked for a secret reads here that it has none."""
        return {
            "client_id": self.id,
            "client_name": self.name,
            "redirect_uris": list(self.redirect_uris),
            "grant_types": [AUTHORIZATION_CODE, REFRESH_TOKEN],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": " ".join(SCOPES),
        }


def is_registered_id(client_id: str) -> bool:
    """Whether the id is one that we gave out."""
    return _ID.fullmatch(client_id) is not None


def document_url(client_id: str) -> bool:
    """Whether the id is the URL of a document: https, with a path, and nothing that could be written in two ways."""
    if not client_id.startswith("https://") or len(client_id) > 1024:
        return False
    if not client_id.isascii() or not client_id.isprintable() or any(one in client_id for one in ' #\\"<>'):
        return False
    try:
        parts = urlsplit(client_id)
        whole = bool(parts.hostname) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return whole and len(parts.path) > 1 and not {".", ".."} & set(parts.path.split("/"))


def read_registration(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """Name and redirect URIs of a client that registers.

    Raises:
        OAuthRefused: `invalid_redirect_uri` or `invalid_client_metadata` (RFC 7591 section 3.2.2).
    """
    return _read(_document(raw))


def read_document(raw: bytes, url: str) -> Client:
    """The client that the document at `url` describes.

    Raises:
        OAuthRefused: it describes another one, or none that could be let in.
    """
    document = _document(raw)
    if document.get("client_id") != url:
        raise OAuthRefused("invalid_client_metadata", "its client_id is not the URL that it lies at")
    if any(name in document for name in _SECRETS):
        raise OAuthRefused("invalid_client_metadata", "a public document cannot hold a secret")
    name, redirect_uris = _read(document)
    return Client(url, name, redirect_uris, metadata_url=url)


def _document(raw: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OAuthRefused("invalid_client_metadata", "the body must be a JSON object") from error
    if not isinstance(document, dict):
        raise OAuthRefused("invalid_client_metadata", "the body must be a JSON object")
    return document


def _read(document: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    # Many libraries write null for what they do not say.
    document = {member: value for member, value in document.items() if value is not None}
    name = document.get("client_name", "")
    if not isinstance(name, str) or len(name) > MAX_NAME or "\0" in name:
        raise OAuthRefused("invalid_client_metadata", f"client_name must be a text of at most {MAX_NAME} characters")
    uris = document.get("redirect_uris")
    if not isinstance(uris, list) or not _texts(uris) or not 1 <= len(uris) <= MAX_REDIRECT_URIS:
        raise OAuthRefused("invalid_redirect_uri", f"redirect_uris must be a list of 1 to {MAX_REDIRECT_URIS} URIs")
    for uri in uris:
        if (problem := redirect_problem(uri)) is not None:
            raise OAuthRefused("invalid_redirect_uri", problem)
    _offers(document, "grant_types", AUTHORIZATION_CODE)
    _offers(document, "response_types", "code")
    return " ".join(name.split()), tuple(dict.fromkeys(uris))


def _offers(document: Mapping[str, Any], member: str, needed: str) -> None:
    """Check that a client that says what it will use names the one way that there is."""
    said = document.get(member, [needed])
    if not _texts(said) or needed not in said:
        raise OAuthRefused("invalid_client_metadata", f"{member} must be a list with {needed} in it")


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
