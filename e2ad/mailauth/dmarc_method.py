"""DMARC's DNS (RFC 9989 section 4.10): which record applies, and which organization a domain is of."""

from collections.abc import Iterable
from typing import Final

import trio
from attrs import frozen

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
from e2ad.mailauth.suffixes import is_host_suffix, is_registry_suffix, listed_organization

__all__ = ["Discovery", "align", "discover"]

_QUERY_PREFIX: Final = "_dmarc."


@frozen
class Discovery:
    """What DNS says about an Author Domain.

    Attributes:
        result: domain and policy, or why there is no verdict.
        published: the record that applies; None where none is published, or could be found.
        known: False if DNS did not answer: then nothing may be concluded, not even "none".
        trouble: why the organization is not known though the domain's own record is: only the very
            same domain is known to align then.
    """

    result: DmarcResult
    published: PublishedPolicy | None = None
    known: bool = True
    trouble: str | None = None


async def discover(resolver: Resolver, domain: str) -> Discovery:
    """Find the record for an Author Domain. Never raises but Cancelled.

    Only the suffixes of registries check the walk: a record at the suffix of a host is its policy for
    what is below it.

    A record with no usable policy and no wish for reports asks for no processing, and reads `none`.
    """
    try:
        records, trouble = await _walk(resolver, domain)
        if trouble is not None and domain not in records:
            raise trouble
        published = published_policy(domain, records, is_registry_suffix)
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
    result = DmarcResult(DmarcStatus.FAIL, domain, policy, detail=detail)
    return Discovery(result, published, trouble=None if trouble is None else str(trouble))


async def align(resolver: Resolver, discovery: Discovery, author_domain: str, domains: Iterable[str]) -> Aligner:
    """Find the organizations of the domains that passed, as far as they can matter.

    Where a record is published the organization is what the tree walk finds; where none is, it is
    what the public suffix list says, since a walk that finds nothing cannot say more. In one case the
    list overrules the walk: see `_strangers`.

    Args:
        resolver: DNS.
        discovery: for the author's domain.
        author_domain: the domain in From.
        domains: those of SPF and of the signatures.

    Raises:
        DnsTemporaryError: a walk that was needed met DNS trouble.
    """
    if discovery.published is None:
        organization = listed_organization(author_domain)
        return Aligner(author_domain, organization, {domain: listed_organization(domain) for domain in domains})
    organization = discovery.published.organizational_domain
    if discovery.trouble is not None and any(domain != author_domain for domain in domains):
        raise DnsTemporaryError(discovery.trouble)
    organizations: dict[str, str] = {}
    for domain in domains:
        if (
            domain != author_domain
            and may_align(domain, organization)
            and not _strangers(author_domain, domain, organization)
        ):
            records, trouble = await _walk(resolver, domain)
            if trouble is not None:
                raise trouble
            organizations[domain] = organizational_domain(domain, records, is_registry_suffix) or domain
    return Aligner(author_domain, organization, organizations)


async def _walk(resolver: Resolver, domain: str) -> tuple[dict[str, DmarcRecord], DnsTemporaryError | None]:
    """The records on the way up, as far as it could be walked, and what cut it short."""
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
                return found, error
            case record:
                found[name] = record
                # Section 4.10: the walk ends here, whatever is further up.
                if record.psd in ("y", "n"):
                    break
    return found, None


def _strangers(author_domain: str, domain: str, organization: str) -> bool:
    """Do two customers of one host, or a customer and the host, stand behind these domains?

    A host of other people's domains (the private part of the list) that publishes a record without
    `psd=y` makes them all one organization, and each could vouch for the others. The host itself may
    vouch for its customers, nobody else.
    """
    if domain == organization or not is_host_suffix(organization):
        return False
    return listed_organization(domain) != listed_organization(author_domain)
