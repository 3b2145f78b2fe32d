"""The shapes of templates and starters, and how a stored one becomes one."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.shapes import Instant
from e2ad.core.events import rfc3339
from e2ad.core.starters import Starter
from e2ad.storage.templates import Summary, Template

__all__ = [
    "CreateTemplateRequest",
    "DeleteTemplateResult",
    "PageStarterTemplateView",
    "PageTemplateSummaryView",
    "RenderedTemplateView",
    "StarterTemplateDetailView",
    "StarterTemplateView",
    "TemplatePartError",
    "TemplateSummaryView",
    "TemplateView",
    "UpdateTemplateRequest",
    "ValidateTemplateRequest",
    "ValidateTemplateResponse",
    "summary_view",
    "template_view",
    "variable_views",
    "verbatim",
]

Alias = Annotated[str, Meta(description="a name of your own for sends: a letter, then up to 127 of A-Z a-z 0-9 . _ -")]
Name = Annotated[str, Meta(description="at most 200 bytes")]
Source = Annotated[str, Meta(description="at most 256 KiB; {{path}} is filled in")]
Html = Annotated[str, Meta(description="at most 256 KiB; {{path}} is filled in escaped, {{{path}}} as it is")]


@frozen
class CreateTemplateRequest:
    """A template: name, subject and text, or a starter to copy."""

    name: Name | UnsetType = UNSET
    subject: Source | UnsetType = UNSET
    text: Source | UnsetType = UNSET
    html: Html | UnsetType = UNSET
    alias: Alias | UnsetType = UNSET
    from_starter: (
        Annotated[str, Meta(description="alias of a starter to copy; excludes subject, text and html")] | UnsetType
    ) = UNSET


@frozen
class UpdateTemplateRequest:
    """What to change; what is absent stays."""

    name: Name | UnsetType = UNSET
    subject: Source | UnsetType = UNSET
    text: Source | UnsetType = UNSET
    html: Annotated[str, Meta(description='as in a new one; "" takes the part away')] | UnsetType = UNSET
    alias: Annotated[str, Meta(description='as in a new one; "" takes it away')] | UnsetType = UNSET


@frozen
class ValidateTemplateRequest:
    """Sources to be tried."""

    subject: Source | UnsetType = UNSET
    text: Source | UnsetType = UNSET
    html: Html | UnsetType = UNSET
    test_data: Annotated[dict[str, Any], Meta(description="for the preview; what is missing is empty")] | UnsetType = (
        UNSET
    )


@frozen
class TemplateSummaryView:
    """A template without its bodies."""

    id: str
    name: str
    subject: str
    created_at: Instant
    updated_at: Instant
    alias: str | UnsetType = UNSET


@frozen
class PageTemplateSummaryView:
    """A page of them."""

    items: list[TemplateSummaryView]
    next_cursor: str | None


@frozen
class TemplateView:
    """A template with its sources."""

    id: str
    name: str
    subject: str
    text: str
    created_at: Instant
    updated_at: Instant
    alias: str | UnsetType = UNSET
    html: str | UnsetType = UNSET
    from_starter_alias: str | UnsetType = UNSET
    from_starter_version: str | UnsetType = UNSET


@frozen
class DeleteTemplateResult:
    """The template is gone."""

    deleted: bool
    id: str


@frozen
class TemplatePartError:
    """What is wrong with one part."""

    part: str
    message: str


@frozen
class RenderedTemplateView:
    """A mail's words."""

    subject: str
    text: str
    html: str | UnsetType = UNSET


@frozen
class ValidateTemplateResponse:
    """Whether the sources can be read; how they look with the data; data to try them with.

    `errors` says what cannot be read, or, where all can, what cannot be rendered with this data.
    """

    valid: bool
    errors: list[TemplatePartError]
    rendered: RenderedTemplateView | UnsetType = UNSET
    suggested_data: dict[str, Any] | UnsetType = UNSET


@frozen
class StarterTemplateVariableView:
    """A value that a starter wants."""

    name: str
    required: bool
    raw: bool
    description: str
    example: str


@frozen
class StarterTemplateView:
    """A starter without its bodies."""

    alias: str
    name: str
    description: str
    version: str
    subject: str
    variables: list[StarterTemplateVariableView]


@frozen
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


@frozen
class PageStarterTemplateView:
    """A page of starters."""

    items: list[StarterTemplateView]
    next_cursor: str | None


def summary_view(row: Summary) -> TemplateSummaryView:
    """A template in a list."""
    return TemplateSummaryView(
        id=row.id,
        name=row.name,
        subject=row.subject,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        alias=row.alias or UNSET,
    )


def template_view(row: Template) -> TemplateView:
    """A template by itself."""
    return TemplateView(
        id=row.id,
        name=row.name,
        subject=row.subject,
        text=row.body_text,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        alias=row.alias or UNSET,
        html=row.body_html or UNSET,
        from_starter_alias=row.from_starter_alias or UNSET,
        from_starter_version=row.from_starter_version or UNSET,
    )


def variable_views(one: Starter) -> list[StarterTemplateVariableView]:
    """What a starter wants to know."""
    # No starter lets a value into its HTML unescaped; a test holds it.
    return [
        StarterTemplateVariableView(value.name, value.required, False, value.description, value.example)
        for value in one.variables
    ]


def verbatim(raw_body: bytes, member: str) -> dict[str, Any]:
    """An object of a body that has passed its schema, its fractions as the text that the caller wrote.

    A price of 19.90 is printed as 19.90 (contract: numbers print verbatim), which no float remembers.
    """
    members: Mapping[str, msgspec.Raw] = _members.decode(raw_body)
    found: dict[str, Any] = _exact.decode(members[member])
    return found


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_exact = msgspec.json.Decoder(dict[str, Any], float_hook=str)
