"""DMARC without its DNS: records, the tree walk's order, organizational domains, alignment, verdict.

The rules are those of RFC 9989 (which replaced RFC 7489 and 9091). Who asks DNS feeds the answers in;
everything here is a pure function of them. Section numbers in comments are of RFC 9989.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from e2ad.core.authentication import (
    AlignedBy,
    ArcResult,
    Authentication,
    DkimResult,
    DkimStatus,
    DmarcPolicy,
    DmarcResult,
    DmarcStatus,
    SpfResult,
    SpfStatus,
)

__all__ = [
    "Aligner",
    "DmarcRecord",
    "PublishedPolicy",
    "conclude",
    "effective_policy",
    "may_align",
    "organizational_domain",
    "parse_dmarc",
    "published_policy",
    "select_record",
    "walk",
]

MAX_QUERIES: Final = 8
MAX_RECORD_OCTETS: Final = 4096

_TAG: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*([\x20-\x3a\x3c-\x7e]*?)\s*")
_VERSION: Final = re.compile(r"v\s*=\s*DMARC1\s*(?:;|\Z)")
_REPORT_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s,!]+(?:![0-9]+[kmgt]?)?", re.IGNORECASE)


@frozen
class DmarcRecord:
    """A policy record, its defaults filled in.

    Attributes:
        policy: p=.
        subdomain_policy: sp=, None where not given.
        nonexistent_policy: np=, the same.
        strict_dkim: adkim=s.
        strict_spf: aspf=s.
        psd: `y` a public suffix, `n` an organizational domain, `u` not said.
        testing: t=y, the owner asks for one step less than the policy says.
        usable: False where no processing is asked for.
    """

    policy: DmarcPolicy
    subdomain_policy: DmarcPolicy | None = None
    nonexistent_policy: DmarcPolicy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    testing: bool = False
    usable: bool = True


@frozen
class PublishedPolicy:
    """The record that applies to an Author Domain.

    Attributes:
        record: as published.
        found_at: the domain that publishes it.
        organizational_domain: that of the Author Domain.
    """

    record: DmarcRecord
    found_at: str
    organizational_domain: str


def walk(domain: str) -> tuple[str, ...]:
    """The names to ask, from the domain itself towards the root, at most eight (section 4.10)."""
    labels = domain.split(".")
    names = [domain]
    # A long name is asked for itself, then cut to seven labels: nobody can make us climb further.
    parents = labels[1:] if len(labels) < MAX_QUERIES else labels[-(MAX_QUERIES - 1) :]
    for start in range(len(parents)):
        names.append(".".join(parents[start:]))
    return tuple(names)


def select_record(texts: Sequence[bytes]) -> DmarcRecord | None:
    """The policy record among the TXT records of one name; None if there is none, or more than one (section 4.10)."""
    records = [text for text in texts if _is_policy(text)]
    return parse_dmarc(records[0]) if len(records) == 1 else None


def parse_dmarc(text: bytes) -> DmarcRecord | None:
    """Read a policy record (section 4.7); None if it is none.

    Unknown tags and bad values of tags with a default are passed over. Where p= is missing, or p=,
    sp= or np= has a bad value, the record counts as p=none if it asks for reports, and as one that
    asks for no processing (`usable` is false) if it does not.
    """
    if not _is_policy(text) or len(text) > MAX_RECORD_OCTETS:
        return None
    tags: dict[str, str] = {}
    for piece in text.decode("utf-8", "replace").split(";"):
        match = _TAG.fullmatch(piece)
        if match is None:
            continue
        name, value = match[1].lower(), match[2]
        if name in tags:
            return None
        tags[name] = value
    policies = {name: _policy(tags[name]) for name in ("p", "sp", "np") if name in tags}
    policy = policies.get("p")
    usable = True
    if policy is None or None in policies.values():
        policy, policies = DmarcPolicy.NONE, {}
        usable = any(_REPORT_URI.fullmatch(uri.strip()) for uri in tags.get("rua", "").split(","))
    psd = tags.get("psd", "u").lower()
    return DmarcRecord(
        policy=policy,
        subdomain_policy=policies.get("sp"),
        nonexistent_policy=policies.get("np"),
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        psd=psd if psd in ("y", "n") else "u",
        testing=tags.get("t", "n").lower() == "y",
        usable=usable,
    )


def organizational_domain(
    domain: str, records: Mapping[str, DmarcRecord], is_public_suffix: Callable[[str], bool]
) -> str | None:
    """Where the domain's organization begins, from the records on its walk (section 4.10.2).

    Args:
        domain: where the walk started.
        records: those found on the way, by the domain that publishes them.
        is_public_suffix: the cross-check: a record at a public suffix that does not say what it is
            would make one organization of all the strangers below it, so it is read as `psd=y`.

    Returns:
        The organizational domain; None where no record was found.
    """
    names = [name for name in walk(domain) if name in records]
    for name in names:
        record = records[name]
        if record.psd == "n":
            return name
        if name != domain and (record.psd == "y" or is_public_suffix(name)):
            return _one_below(name, domain)
    # The record with the fewest labels; the walk ends there.
    return names[-1] if names else None


def published_policy(
    domain: str, records: Mapping[str, DmarcRecord], is_public_suffix: Callable[[str], bool]
) -> PublishedPolicy | None:
    """The record that applies: the domain's own, its organization's, or its public suffix's (section 4.10.1)."""
    organization = organizational_domain(domain, records, is_public_suffix)
    if organization is None:
        return None
    for name in (domain, organization, organization.partition(".")[2]):
        if name in records:
            return PublishedPolicy(records[name], name, organization)
    return None


def effective_policy(published: PublishedPolicy, domain: str, *, exists: bool) -> DmarcPolicy:
    """What the owner asks for mail of this domain that fails, test mode taken into account (section 4.7)."""
    record = published.record
    policy = record.policy
    if published.found_at != domain:
        policy = record.subdomain_policy or policy
        if not exists:
            policy = record.nonexistent_policy or policy
    if not record.testing:
        return policy
    # t=y: one step less.
    return DmarcPolicy.QUARANTINE if policy is DmarcPolicy.REJECT else DmarcPolicy.NONE


@frozen
class Aligner:
    """Answers whether an authenticated domain speaks for the Author Domain.

    Attributes:
        author_domain: the domain of the one From mailbox.
        author_organization: its organizational domain.
        organizations: that of each authenticated domain for which it matters.
    """

    author_domain: str
    author_organization: str
    organizations: Mapping[str, str]

    def aligned(self, domain: str | None, *, strict: bool) -> bool:
        """Strict: the same domain. Relaxed: the same organizational domain (section 4.4)."""
        if domain is None:
            return False
        if domain == self.author_domain:
            return True
        return not strict and self.organizations.get(domain) == self.author_organization


def may_align(domain: str | None, author_organization: str) -> bool:
    """Can the domain be of this organization at all? Spares the walk for those that cannot."""
    return domain is not None and (domain == author_organization or domain.endswith("." + author_organization))


def conclude(
    spf: SpfResult,
    dkim: Sequence[DkimResult],
    arc: ArcResult | None,
    dmarc: DmarcResult,
    *,
    record: DmarcRecord | None,
    aligner: Aligner | None,
) -> Authentication:
    """Put the methods' results together.

    Args:
        spf: as checked, alignment not known yet.
        dkim: the same, in header order.
        arc: evidence beside the verdict.
        dmarc: what is known before alignment: domain and policy, or the reason why there is none.
        record: the record that applies; None where none is published.
        aligner: None where alignment could not be determined, or there is no author.

    Returns:
        The whole, with `verified` (see `Authentication`). Alignment is told (`aligned`) only where
        a mechanism passed and a record is published (contract: authentication evidence).
    """
    if aligner is None:
        return Authentication(spf, dmarc, tuple(dkim), arc, verified=False)
    strict_spf, strict_dkim = (record.strict_spf, record.strict_dkim) if record else (False, False)
    spf_aligned = aligner.aligned(spf.domain, strict=strict_spf)
    dkim_aligned = [aligner.aligned(result.domain, strict=strict_dkim) for result in dkim]
    by_spf = spf.status is SpfStatus.PASS and spf_aligned
    by_dkim = any(
        result.status is DkimStatus.PASS and aligned for result, aligned in zip(dkim, dkim_aligned, strict=True)
    )
    verified = by_spf or by_dkim
    if record is None:
        passes = [(spf.domain, by_spf)]
        passes += [
            (result.domain, result.status is DkimStatus.PASS and aligned)
            for result, aligned in zip(dkim, dkim_aligned, strict=True)
        ]
        domains = frozenset(domain for domain, speaks in passes if speaks and domain is not None)
        return Authentication(spf, dmarc, tuple(dkim), arc, verified=verified, aligned_domains=domains)
    if spf.status is SpfStatus.PASS:
        spf = evolve(spf, aligned=spf_aligned)
    dkim = [
        evolve(result, aligned=aligned) if result.status is DkimStatus.PASS else result
        for result, aligned in zip(dkim, dkim_aligned, strict=True)
    ]
    # Section 5.3.4: a mechanism that would count but could not be asked leaves the question open.
    undecided = (spf.status is SpfStatus.TEMPERROR and spf_aligned) or any(
        result.status is DkimStatus.TEMPERROR and aligned for result, aligned in zip(dkim, dkim_aligned, strict=True)
    )
    status = DmarcStatus.PASS if verified else DmarcStatus.TEMPERROR if undecided else DmarcStatus.FAIL
    mechanisms = [(by_spf, AlignedBy.SPF), (by_dkim, AlignedBy.DKIM)]
    dmarc = evolve(dmarc, status=status, aligned_by=tuple(mechanism for by, mechanism in mechanisms if by))
    return Authentication(spf, dmarc, tuple(dkim), arc, verified=verified)


def _is_policy(text: bytes) -> bool:
    # Section 4.7: v= comes first and its value is exactly this.
    return _VERSION.match(text[:64].decode("ascii", "replace")) is not None


def _policy(value: str) -> DmarcPolicy | None:
    try:
        return DmarcPolicy(value.lower())
    except ValueError:
        return None


def _one_below(name: str, domain: str) -> str:
    below = domain[: -len(name) - 1].rpartition(".")[2]
    return f"{below}.{name}"
