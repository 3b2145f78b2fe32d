"""The public suffix list: where a registry or a host ends and its customers begin."""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

__all__ = ["is_host_suffix", "is_registry_suffix", "listed_organization"]


@lru_cache(maxsize=4096)
def listed_organization(domain: str) -> str:
    """The organizational domain by the public suffix list; a suffix itself is its own organization."""
    return _all().privatesuffix(domain) or domain


def is_registry_suffix(domain: str) -> bool:
    """Is it a suffix below which registries register, such as `co.uk`?"""
    return bool(_registries().is_public(domain))


def is_host_suffix(domain: str) -> bool:
    """Is it such a suffix, or one below which somebody hosts other people's names, such as `github.io`?"""
    return bool(_all().is_public(domain))


@lru_cache(maxsize=1)
def _all() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=1)
def _registries() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)
