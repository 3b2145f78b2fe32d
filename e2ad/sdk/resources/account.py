"""The account itself, its keys, and whom no agent of it writes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from e2ad.sdk import bodies, models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import Driver, F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.signing_secrets import SigningSecrets
from e2ad.sdk.resources.terms import CONFIRMED, JSON, When

__all__ = ["APIKeys", "Account", "Suppressions"]


class Suppressions(Resource[F]):
    """`client.account.suppressions`."""

    @paged
    def list(self, *, limit: int | None = None) -> Paging[models.SuppressionView]:
        """Addresses that no agent of the account writes to."""
        return self._list(models.SuppressionView, "/v1/account/suppressions", limit=limit)

    @operation
    def delete(self, email: str) -> Steps[models.DeleteSuppressionResult]:
        """Let agents write to an address again."""
        route = "/v1/account/suppressions/{}"
        return self._call(models.DeleteSuppressionResult, "DELETE", route, email, query=CONFIRMED)


class APIKeys(Resource[F]):
    """`client.account.api_keys`."""

    @paged
    def list(self, *, limit: int | None = None) -> Paging[models.APIKeyView]:
        """All keys; what they are made of is stored nowhere."""
        return self._list(models.APIKeyView, "/v1/account/api-keys", limit=limit)

    @operation
    def create(
        self, body: bodies.CreateAPIKeyRequest | JSON, *, idempotency_key: str | None = None
    ) -> Steps[models.CreateAPIKeyResponse]:
        """A new key, for the account or for one agent. The answer alone shows it."""
        return self._call(
            models.CreateAPIKeyResponse,
            "POST",
            "/v1/account/api-keys",
            body=body,
            keyed=True,
            idempotency_key=idempotency_key,
        )

    @operation
    def delete(self, key_id: str) -> Steps[models.DeleteApiKeyResult]:
        """Have a key be valid no more."""
        return self._call(models.DeleteApiKeyResult, "DELETE", "/v1/account/api-keys/{}", key_id, query=CONFIRMED)


class Account(Resource[F]):
    """`client.account`."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.suppressions: Suppressions[F] = Suppressions(driver)
        self.api_keys: APIKeys[F] = APIKeys(driver)
        self.signing_secrets: SigningSecrets[F] = SigningSecrets(driver)

    @operation
    def get(self) -> Steps[models.AccountView]:
        """Who the key belongs to, with limits and usage."""
        return self._call(models.AccountView, "GET", "/v1/account")

    @operation
    def metrics(
        self,
        *,
        start: When | None = None,
        end: When | None = None,
        group_by: str | None = None,
        bucket: str | None = None,
    ) -> Steps[models.AccountMetricsView]:
        """What became of all mail between two times; by `agent`, by `day`."""
        query = {"start": start, "end": end, "group_by": group_by, "bucket": bucket}
        return self._call(models.AccountMetricsView, "GET", "/v1/metrics", query=query)

    @operation
    def export(self) -> Steps[models.UserExport]:
        """All data of the account at once; of a large one rather `export_to`."""
        return self._call(models.UserExport, "GET", "/v1/account/export")

    @operation
    def export_to(self, file: BinaryIO, *, progress: Callable[[int], object] | None = None) -> Steps[int]:
        """Write all data of the account into `file` while it comes, as JSON; how many octets there were.

        A connection that breaks off leaves in the file what came until then: it is no complete JSON.

        Args:
            progress: called with the number of octets so far.
        """
        return self._poured("/v1/account/export", file, progress)

    @operation
    def delete(self) -> Steps[models.DeleteUserDataResult]:
        """Delete the account with all it has, for good. Never tried twice: the key is gone with it."""
        return self._call(models.DeleteUserDataResult, "DELETE", "/v1/account", query=CONFIRMED, retried=False)
