"""Failures of templates: see `core.failures` for what a failure is, `core.errors` for what peers are told."""

from e2ad.core.failures import Failure, NotFound

__all__ = [
    "AliasTaken",
    "InvalidTemplate",
    "StarterTemplateNotFound",
    "TemplateLimitReached",
    "TemplateNotFound",
    "TemplateRenderFailed",
    "TemplateRenderedEmpty",
]


class InvalidTemplate(Failure):
    """A part of a template cannot be read; `details` say which, and where."""

    default = "the template cannot be read"


class TemplateRenderFailed(Failure):
    """A template and its data make no mail."""

    default = "the template cannot be rendered with this data"


class TemplateRenderedEmpty(Failure):
    """With this data the subject or the text of a template is empty."""

    default = "the template renders empty with this data"


class TemplateNotFound(NotFound):
    """No template has this id or alias."""

    default = "no such template"


class StarterTemplateNotFound(NotFound):
    """There is no template of this name to start from."""

    default = "no such starter template: GET /v1/starter-templates lists them"


class AliasTaken(Failure):
    """Another template of the account has this alias."""

    default = "another template has this alias: choose another one"


class TemplateLimitReached(Failure):
    """An account may have so many templates and no more."""

    default = "the account has as many templates as it may have: delete one first"
