"""Domains of one's own."""

from __future__ import annotations

from e2ad.sdk import bodies, models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import CONFIRMED, JSON

__all__ = ["Domains"]

DOMAIN = "/v1/domains/{}"


class Domains(Resource[F]):
    """`client.domains`."""

    @paged
    def list(self, *, limit: int | None = None) -> Paging[models.DomainView]:
        """All domains."""
        return self._list(models.DomainView, "/v1/domains", limit=limit)

    @operation
    def get(self, domain: str) -> Steps[models.DomainView]:
        """One domain with the DNS records that it needs."""
        return self._call(models.DomainView, "GET", DOMAIN, domain)

    @operation
    def create(self, body: bodies.RegisterDomainRequest | JSON) -> Steps[models.DomainView]:
        """A new domain. Never tried twice."""
        return self._call(models.DomainView, "POST", "/v1/domains", body=body)

    @operation
    def delete(self, domain: str, *, idempotency_key: str | None = None) -> Steps[models.DeleteDomainResult]:
        """Give a domain up."""
        return self._call(
            models.DeleteDomainResult,
            "DELETE",
            DOMAIN,
            domain,
            query=CONFIRMED,
            keyed=True,
            idempotency_key=idempotency_key,
        )

    @operation
    def verify(self, domain: str) -> Steps[models.VerifyDomainView]:
        """Look at the DNS now."""
        return self._call(models.VerifyDomainView, "POST", DOMAIN + "/verify", domain)

    @operation
    def rotate_keys(self, domain: str) -> Steps[models.DomainView]:
        """New DKIM keys; the old ones sign until the new ones are published. Never tried twice."""
        return self._call(models.DomainView, "POST", DOMAIN + "/rotate-keys", domain)
