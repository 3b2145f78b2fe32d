"""DMARC's DNS (RFC 9989 section 4.10): which record applies, and which organization a domain is of."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import trio
from attrs import frozen
from publicsuffixlist import PublicSuffixList

from e2ad.core.alignment import (
    Aligner,
    DmarcRecord,
    PublishedPolicy,
    effective_policy,
    may_align,
    organizational_domain,
    published_policy,
    select_record,
    walk,
)
from e2ad.core.authentication import DmarcResult, DmarcStatus
from e2ad.mailauth.resolver import DnsTemporaryError, Resolver

__all__ = ["Discovery", "align", "discover", "listed_organization"]

_QUERY_PREFIX: Final = "_dmarc."


@frozen
class Discovery:
    """What DNS says about an Author Domain.

    Attributes:
        result: domain and policy, or why there is no verdict.
        published: the record that applies; None where none is published, or could be found.
        known: False if DNS did not answer: then nothing may be concluded, not even "none".
    """

    result: DmarcResult
    published: PublishedPolicy | None = None
    known: bool = True


async def discover(resolver: Resolver, domain: str) -> Discovery:
    """Find the record for an Author Domain. Never raises but Cancelled.

    A record with no usable policy and no wish for reports asks for no processing, and reads `none`.
    """
    try:
        published = published_policy(domain, await _walk(resolver, domain), _is_listed_suffix)
        if published is None or not published.record.usable:
            detail = None if published is None else "the record has no valid policy"
            return Discovery(DmarcResult(DmarcStatus.NONE, domain, detail=detail))
        exists = True
        if published.found_at != domain and published.record.nonexistent_policy is not None:
            exists = await resolver.exists(domain)
    except DnsTemporaryError as error:
        return Discovery(DmarcResult(DmarcStatus.TEMPERROR, domain, detail=str(error)), known=False)
    policy = effective_policy(published, domain, exists=exists)
    detail = "the domain tests its policy (t=y)" if published.record.testing else None
    return Discovery(DmarcResult(DmarcStatus.FAIL, domain, policy, detail=detail), published)


async def align(resolver: Resolver, discovery: Discovery, author_domain: str, domains: Iterable[str]) -> Aligner:
    """Find the organizations of the domains that passed, as far as they can matter.

    Where a record is published the organization is what the tree walk finds; where none is, it is
    what the public suffix list says, since a walk that finds nothing cannot say more.

    Args:
        resolver: DNS.
        discovery: for the author's domain.
        author_domain: the domain in From.
        domains: those of SPF and of the signatures.

    Raises:
        DnsTemporaryError: a walk met DNS trouble.
    """
    if discovery.published is None:
        organization = listed_organization(author_domain)
        return Aligner(author_domain, organization, {domain: listed_organization(domain) for domain in domains})
    organization = discovery.published.organizational_domain
    organizations: dict[str, str] = {}
    for domain in domains:
        if domain != author_domain and may_align(domain, organization):
            records = await _walk(resolver, domain)
            organizations[domain] = organizational_domain(domain, records, _is_listed_suffix) or domain
    return Aligner(author_domain, organization, organizations)


def listed_organization(domain: str) -> str:
    """The organizational domain by the public suffix list; a suffix itself is its own organization."""
    return _suffixes().privatesuffix(domain) or domain


async def _walk(resolver: Resolver, domain: str) -> dict[str, DmarcRecord]:
    names = walk(domain)
    answers: dict[str, DmarcRecord | DnsTemporaryError | None] = {}

    async def ask(name: str) -> None:
        try:
            answers[name] = select_record(await resolver.txt(_QUERY_PREFIX + name))
        except DnsTemporaryError as error:
            answers[name] = error

    # All at once: they are few, and one round trip is what a sender can wait for at the final dot.
    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(ask, name)
    found: dict[str, DmarcRecord] = {}
    for name in names:
        match answers[name]:
            case None:
                continue
            case DnsTemporaryError() as error:
                raise error
            case record:
                found[name] = record
                # Section 4.10: the walk ends here, whatever is further up.
                if record.psd in ("y", "n"):
                    break
    return found


def _is_listed_suffix(domain: str) -> bool:
    # Only the part kept by registries: who runs a private suffix does publish DMARC for what is below it.
    return bool(_registries().is_public(domain))


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=1)
def _registries() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)
