"""Templates and starters."""

from datetime import datetime
from typing import Any

from attrs import frozen

__all__ = [
    "DeleteTemplateResult",
    "RenderedTemplateView",
    "StarterTemplateDetailView",
    "StarterTemplateVariableView",
    "StarterTemplateView",
    "TemplatePartError",
    "TemplateSummaryView",
    "TemplateView",
    "ValidateTemplateResponse",
]


@frozen(kw_only=True)
class DeleteTemplateResult:
    """The template is gone."""

    deleted: bool
    id: str


@frozen(kw_only=True)
class RenderedTemplateView:
    """A mail's words."""

    subject: str
    text: str
    html: str | None = None


@frozen(kw_only=True)
class StarterTemplateVariableView:
    """A value that a starter wants."""

    name: str
    required: bool
    raw: bool
    description: str
    example: str


@frozen(kw_only=True)
class StarterTemplateDetailView:
    """A starter with its sources."""

    alias: str
    name: str
    description: str
    version: str
    subject: str
    text: str
    html: str
    variables: list[StarterTemplateVariableView]


@frozen(kw_only=True)
class StarterTemplateView:
    """A starter without its bodies."""

    alias: str
    name: str
    description: str
    version: str
    subject: str
    variables: list[StarterTemplateVariableView]


@frozen(kw_only=True)
class TemplatePartError:
    """What is wrong with one part."""

    part: str
    message: str


@frozen(kw_only=True)
class TemplateSummaryView:
    """A template without its bodies."""

    id: str
    name: str
    subject: str
    created_at: datetime
    updated_at: datetime
    alias: str | None = None


@frozen(kw_only=True)
class TemplateView:
    """A template with its sources."""

    id: str
    name: str
    subject: str
    text: str
    created_at: datetime
    updated_at: datetime
    alias: str | None = None
    html: str | None = None
    from_starter_alias: str | None = None
    from_starter_version: str | None = None


@frozen(kw_only=True)
class ValidateTemplateResponse:
    """Whether the sources can be read; how they look with the data; data to try them with.

    `errors` says what cannot be read, or, where all can, what cannot be rendered with this data.
    """

    valid: bool
    errors: list[TemplatePartError]
    rendered: RenderedTemplateView | None = None
    suggested_data: dict[str, Any] | None = None
