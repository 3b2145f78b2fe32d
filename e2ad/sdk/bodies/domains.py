"""Domains and the DNS records that they need."""

from typing import TypedDict

__all__ = ["RegisterDomainRequest"]


class RegisterDomainRequest(TypedDict):
    """The name to claim."""

    domain: str
