"""Texts with gaps, and the starters that come with the server."""

from __future__ import annotations

from e2ad.sdk import bodies, models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Paging
from e2ad.sdk.resources.terms import CONFIRMED, JSON

__all__ = ["Templates"]

TEMPLATE = "/v1/templates/{}"


class Templates(Resource[F]):
    """`client.templates`."""

    @paged
    def list(self, *, limit: int | None = None) -> Paging[models.TemplateSummaryView]:
        """All templates."""
        return self._list(models.TemplateSummaryView, "/v1/templates", limit=limit)

    @operation
    def get(self, template_id: str) -> Steps[models.TemplateView]:
        """One template with its texts."""
        return self._call(models.TemplateView, "GET", TEMPLATE, template_id)

    @operation
    def create(self, body: bodies.CreateTemplateRequest | JSON) -> Steps[models.TemplateView]:
        """A new template. Never tried twice."""
        return self._call(models.TemplateView, "POST", "/v1/templates", body=body)

    @operation
    def update(self, template_id: str, patch: bodies.UpdateTemplateRequest | JSON) -> Steps[models.TemplateView]:
        """Change what `patch` names."""
        return self._call(models.TemplateView, "PATCH", TEMPLATE, template_id, body=patch)

    @operation
    def delete(self, template_id: str) -> Steps[models.DeleteTemplateResult]:
        """Delete a template."""
        return self._call(models.DeleteTemplateResult, "DELETE", TEMPLATE, template_id, query=CONFIRMED)

    @operation
    def validate(self, body: bodies.ValidateTemplateRequest | JSON) -> Steps[models.ValidateTemplateResponse]:
        """Try texts without keeping them. It changes nothing, and so may be tried twice."""
        return self._call(models.ValidateTemplateResponse, "POST", "/v1/templates/validate", body=body, retried=True)

    @paged
    def list_starters(self, *, limit: int | None = None) -> Paging[models.StarterTemplateView]:
        """The starters."""
        return self._list(models.StarterTemplateView, "/v1/starter-templates", limit=limit)

    @operation
    def get_starter(self, alias: str) -> Steps[models.StarterTemplateDetailView]:
        """One starter with its texts."""
        return self._call(models.StarterTemplateDetailView, "GET", "/v1/starter-templates/{}", alias)
