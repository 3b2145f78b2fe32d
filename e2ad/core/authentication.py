"""What is known of a sender, and how far: SPF, DKIM, DMARC and ARC results as values.

The words are those of RFC 8601 section 2.7; the JSON shape is the contract's
(behaviour-inbound 1.5). Results are evidence: no value here ever refuses a mail.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import field, frozen

__all__ = [
    "NO_AUTHENTICATION",
    "AlignedBy",
    "ArcResult",
    "ArcStatus",
    "Authentication",
    "DkimResult",
    "DkimStatus",
    "DmarcPolicy",
    "DmarcResult",
    "DmarcStatus",
    "SpfResult",
    "SpfStatus",
]


class SpfStatus(StrEnum):
    """RFC 7208 section 2.6."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class DkimStatus(StrEnum):
    """RFC 8601 section 2.7.1; `policy`: the signature holds but we do not trust its form."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"
    NONE = "none"
    NEUTRAL = "neutral"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class DmarcStatus(StrEnum):
    """RFC 8601 section 2.7, dmarc: as registered by RFC 9989."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class DmarcPolicy(StrEnum):
    """What the Author Domain asks for mail that fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class AlignedBy(StrEnum):
    """The mechanism whose identifier aligns with the Author Domain."""

    SPF = "spf"
    DKIM = "dkim"


class ArcStatus(StrEnum):
    """RFC 8617 section 5.2: the chain as a whole."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"
    TEMPERROR = "temperror"


@frozen
class SpfResult:
    """One SPF check. `domain` is the one checked, of MAIL FROM or, for the null reverse-path, of HELO."""

    status: SpfStatus
    domain: str | None = None
    aligned: bool | None = None
    detail: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract's object; `detail` only where there is one."""
        return _with_detail({"status": self.status.value, "domain": self.domain, "aligned": self.aligned}, self.detail)


@frozen
class DkimResult:
    """One DKIM-Signature field, in the order of the header section."""

    status: DkimStatus
    domain: str | None = None
    selector: str | None = None
    aligned: bool | None = None
    detail: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract's object; `detail` only where there is one."""
        return _with_detail(
            {
                "status": self.status.value,
                "domain": self.domain,
                "selector": self.selector,
                "aligned": self.aligned,
            },
            self.detail,
        )


@frozen
class DmarcResult:
    """The DMARC verdict for the Author Domain (the domain of the one From mailbox)."""

    status: DmarcStatus
    domain: str | None = None
    policy: DmarcPolicy | None = None
    aligned_by: tuple[AlignedBy, ...] = ()
    detail: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract's object; `detail` only where there is one."""
        return _with_detail(
            {
                "status": self.status.value,
                "domain": self.domain,
                "policy": None if self.policy is None else self.policy.value,
                "aligned_by": [mechanism.value for mechanism in self.aligned_by],
            },
            self.detail,
        )


@frozen
class ArcResult:
    """What an intermediary claims to have seen. Evidence for a person; never part of `verified`."""

    status: ArcStatus
    domain: str | None = None
    detail: str | None = None

    def to_json(self) -> dict[str, Any]:
        """An addition to the contract's object: `arc`, present only where there is a chain."""
        return _with_detail({"status": self.status.value, "domain": self.domain}, self.detail)


@frozen
class Authentication:
    """All that was found out about one mail's sender.

    `verified` is the one question most agents ask: did a pass that is *aligned* with the
    domain in From stand behind this mail? Where that domain publishes DMARC it is its DMARC
    pass; where it publishes none it is the same alignment in relaxed mode. It is computed
    where the alignment is (mailauth), and stored, so that every channel says the same.

    `aligned_domains` are those of the passes behind it, known only while the mail comes in: where no DMARC is
    published, the results themselves do not say which of them align.
    """

    spf: SpfResult
    dmarc: DmarcResult
    dkim: tuple[DkimResult, ...] = ()
    arc: ArcResult | None = None
    verified: bool = field(default=False, kw_only=True)
    aligned_domains: frozenset[str] = field(default=frozenset(), kw_only=True, eq=False, repr=False)

    @property
    def verified_domain(self) -> str | None:
        """The From domain when DMARC passed, else None (contract http-v1 4.7)."""
        return self.dmarc.domain if self.dmarc.status is DmarcStatus.PASS else None

    @property
    def domain_check(self) -> str:
        """The value of X-E2A-Auth-Domain-Check (behaviour-signing 2.1): the contract's five words.

        Several DKIM signatures are summed up as the best of them, so that one broken
        signature of a list server does not hide the author's own.
        """
        dkim = "none"
        for word in ("pass", "temperror", "permerror", "fail"):
            if any(_five_words(result.status) == word for result in self.dkim):
                dkim = word
                break
        return f"spf={_five_words(self.spf.status)}; dkim={dkim}"

    def to_json(self) -> dict[str, Any]:
        """The contract's `authentication` object."""
        document: dict[str, Any] = {
            "spf": self.spf.to_json(),
            "dkim": [result.to_json() for result in self.dkim],
            "dmarc": self.dmarc.to_json(),
        }
        if self.arc is not None:
            document["arc"] = self.arc.to_json()
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, verified: bool) -> "Authentication":
        """Read back what `to_json` wrote.

        Raises:
            KeyError, ValueError: the document is not one of ours.
        """
        spf, dmarc, arc = document["spf"], document["dmarc"], document.get("arc")
        dkim: Sequence[Mapping[str, Any]] = document["dkim"]
        return cls(
            spf=SpfResult(SpfStatus(spf["status"]), spf["domain"], spf["aligned"], spf.get("detail")),
            dkim=tuple(
                DkimResult(DkimStatus(d["status"]), d["domain"], d["selector"], d["aligned"], d.get("detail"))
                for d in dkim
            ),
            dmarc=DmarcResult(
                DmarcStatus(dmarc["status"]),
                dmarc["domain"],
                None if dmarc["policy"] is None else DmarcPolicy(dmarc["policy"]),
                tuple(AlignedBy(name) for name in dmarc["aligned_by"]),
                dmarc.get("detail"),
            ),
            arc=None if arc is None else ArcResult(ArcStatus(arc["status"]), arc["domain"], arc.get("detail")),
            verified=verified,
        )


def _with_detail(document: dict[str, Any], detail: str | None) -> dict[str, Any]:
    if detail is not None:
        document["detail"] = detail
    return document


def _five_words(status: SpfStatus | DkimStatus) -> str:
    match status:
        case SpfStatus.SOFTFAIL | DkimStatus.POLICY:
            return "fail"
        case SpfStatus.NEUTRAL | DkimStatus.NEUTRAL:
            return "none"
        case _:
            return status.value


NO_AUTHENTICATION = Authentication(
    spf=SpfResult(SpfStatus.NONE),
    dmarc=DmarcResult(DmarcStatus.NONE),
)
"""Nothing was checked: a mail without a peer or without an author."""
