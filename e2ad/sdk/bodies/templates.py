"""Templates and starters."""

from typing import Any, NotRequired, TypedDict

__all__ = ["CreateTemplateRequest", "UpdateTemplateRequest", "ValidateTemplateRequest"]


class CreateTemplateRequest(TypedDict):
    """A template: name, subject and text, or a starter to copy."""

    name: NotRequired[str]
    """At most 200 bytes."""
    subject: NotRequired[str]
    """At most 256 KiB; {{path}} is filled in."""
    text: NotRequired[str]
    """At most 256 KiB; {{path}} is filled in."""
    html: NotRequired[str]
    """At most 256 KiB; {{path}} is filled in escaped, {{{path}}} as it is."""
    alias: NotRequired[str]
    """A name of your own for sends: a letter, then up to 127 of A-Z a-z 0-9 . _ -."""
    from_starter: NotRequired[str]
    """Alias of a starter to copy; excludes subject, text and html."""


class UpdateTemplateRequest(TypedDict):
    """What to change; what is absent stays."""

    name: NotRequired[str]
    """At most 200 bytes."""
    subject: NotRequired[str]
    """At most 256 KiB; {{path}} is filled in."""
    text: NotRequired[str]
    """At most 256 KiB; {{path}} is filled in."""
    html: NotRequired[str]
    """As in a new one; "" takes the part away."""
    alias: NotRequired[str]
    """As in a new one; "" takes it away."""


class ValidateTemplateRequest(TypedDict):
    """Sources to be tried."""

    subject: NotRequired[str]
    """At most 256 KiB; {{path}} is filled in."""
    text: NotRequired[str]
    """At most 256 KiB; {{path}} is filled in."""
    html: NotRequired[str]
    """At most 256 KiB; {{path}} is filled in escaped, {{{path}}} as it is."""
    test_data: NotRequired[dict[str, Any]]
    """For the preview; what is missing is empty."""
