"""What mail to an agent's own URL is signed with."""

from __future__ import annotations

from datetime import datetime
from types import NoneType
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from e2ad.sdk.exchange import Answer, Patience, Request, Steps, call, decode
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Page, Paging

__all__ = ["SigningSecret", "SigningSecrets"]

T = TypeVar("T")

SECRETS = "/api/v1/users/me/signing-secrets"


@frozen(kw_only=True)
class SigningSecret:
    """A secret of the account, for `parse_webhook`; the newest one signs."""

    id: str
    name: str
    secret: str = field(repr=False)
    secret_prefix: str
    created_at: datetime
    last_signed_at: datetime | None = None


@frozen
class _All(Paging[SigningSecret]):
    """The classic API lists in its own way, and all at once."""

    def steps(self, cursor: str | None, wanted: int | None, patience: Patience) -> Steps[Page[SigningSecret]]:
        return _AllAnswer((yield from call(Request("GET", self.path), patience)), self.kind)


class _AllAnswer(Answer[Page[SigningSecret]]):
    def plain(self) -> Page[Any]:
        return self._page(Any)

    def model(self) -> Page[SigningSecret]:
        return self._page(self.type)

    def _page(self, kind: Any) -> Page[Any]:
        return Page(decode(self.response, _Listed[kind]).secrets, None)


@frozen
class _Listed(Generic[T]):
    secrets: list[T]


class SigningSecrets(Resource[F]):
    """`client.account.signing_secrets`: to change one, create another, give it to all that verify, delete the old."""

    @paged
    def list(self) -> Paging[SigningSecret]:
        """All secrets, whole, the newest first."""
        return _All(SigningSecret, SECRETS)

    @operation
    def create(self, name: str = "") -> Steps[SigningSecret]:
        """A new secret, which signs from now on. Never tried twice."""
        return self._call(SigningSecret, "POST", SECRETS, body={"name": name})

    @operation
    def delete(self, secret_id: str) -> Steps[None]:
        """Delete a secret: what it signed is refused from then on. The last one stays."""
        return self._call(NoneType, "DELETE", SECRETS + "/{}", secret_id)
