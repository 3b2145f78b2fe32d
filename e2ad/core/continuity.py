"""Sender continuity: does a mail come from where this correspondent's mail came from before?

A first forged mail can only be recognised by rules; the second one by memory. What an agent knows of an address is
with what its mail authenticated: which domains signed it, which were its reverse-path. A mail that claims to be
from a known address and brings none of that breaks the row, and so does one from an address that only looks like a
known one. It is evidence beside the verdict and never decides about delivery by itself.

What may change without a break: the selector of a key, since keys are rotated; the way of a mail, as long as one
aligned pass is left (a mailing list changes SPF and ARC, and DKIM stays); and that one who never authenticated
begins to.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal

from attrs import frozen

from e2ad.core.authentication import Authentication, DkimStatus, SpfStatus
from e2ad.core.confusables import ascii_lower, local_base
from e2ad.core.confusables import skeleton as look_of

__all__ = ["MAX_EVIDENCE", "Continuity", "Evidence", "Known", "Status", "compare", "is_memorable", "look", "vouching"]

Status = Literal["new", "consistent", "break"]

MAX_EVIDENCE: Final = 8
"""Passes of one mail that are remembered: a mail may carry any number of signatures."""

MAX_ADDRESS_OCTETS: Final = 320
MAX_DOMAIN_OCTETS: Final = 253
MAX_SELECTOR_OCTETS: Final = 253
MAX_LOOK_OCTETS: Final = 1000
_SHOWN: Final = 3


@frozen
class Evidence:
    """A pass that aligns with the author's domain. `selector` is that of a signature, "" for SPF."""

    mechanism: Literal["dkim", "spf"]
    domain: str
    selector: str = ""


@frozen
class Known:
    """What an agent knows of an address.

    Attributes:
        inbound_count: mails of it that were delivered.
        verified_count: those of them with a DMARC pass.
        outbound_count: mails to it.
        evidence: with what its mail passed; not necessarily all of it.
        lookalikes: other addresses that look the same, were known earlier, and proved themselves or were written to.
    """

    address: str
    inbound_count: int = 0
    verified_count: int = 0
    outbound_count: int = 0
    evidence: tuple[Evidence, ...] = ()
    lookalikes: tuple[str, ...] = ()


@frozen
class Continuity:
    """The comparison: its result, why in words, and whom the sender resembles but is not."""

    status: Status
    detail: str
    resembles: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The member `sender_continuity` of events and messages."""
        document: dict[str, Any] = {"status": self.status, "detail": self.detail}
        if self.resembles is not None:
            document["resembles"] = self.resembles
        return document


def is_memorable(address: str) -> bool:
    """Can it be an address at all? What is longer than one may be is a sender's game, and is not kept."""
    return "@" in address[1:] and len(address) <= MAX_ADDRESS_OCTETS and len(address.encode()) <= MAX_ADDRESS_OCTETS


def look(address: str) -> str:
    """The skeleton of an address as it is kept; "" of one whose look is too long to be searched for."""
    found = look_of(address)
    return found if len(found) <= MAX_LOOK_OCTETS and len(found.encode()) <= MAX_LOOK_OCTETS else ""


def vouching(authentication: Authentication) -> tuple[Evidence, ...]:
    """The passes of a mail that speak for its author's domain, each once, bounded."""
    found: dict[Evidence, None] = {}
    for result in authentication.dkim:
        if (
            result.status is DkimStatus.PASS
            and result.domain
            and _speaks(result.domain, result.aligned, authentication)
        ):
            found[Evidence("dkim", result.domain.lower(), (result.selector or "").lower())] = None
    spf = authentication.spf
    if spf.status is SpfStatus.PASS and spf.domain and _speaks(spf.domain, spf.aligned, authentication):
        # Before the signatures: a mail with many of them still says which way it came.
        found = {Evidence("spf", spf.domain.lower()): None, **found}
    kept = [one for one in found if len(one.domain) <= MAX_DOMAIN_OCTETS and len(one.selector) <= MAX_SELECTOR_OCTETS]
    return tuple(kept[:MAX_EVIDENCE])


def compare(
    known: Known | None, author: str, authentication: Authentication, now: tuple[Evidence, ...] | None = None
) -> Continuity:
    """How the sender of this mail compares with what is known of it.

    Args:
        known: of this very address; None or empty: nothing.
        author: the address in From.
        now: `vouching` of this mail, where it is known already.
    """
    now = vouching(authentication) if now is None else now
    known = known or Known(author)
    resembled = next((one for one in known.lookalikes if not _is_same_mailbox(author, one)), None)
    if resembled is not None:
        return Continuity("break", f"{author} looks like {resembled}, whom this agent knows, but is not it", resembled)
    if known.inbound_count == 0:
        if known.outbound_count:
            return Continuity("new", "the agent has written to this address, but never had mail from it")
        return Continuity("new", "the first mail from this address to this agent")
    if not known.evidence:
        if now:
            return Continuity("consistent", f"earlier mail from this address proved nothing; this one {_proof(now)}")
        return Continuity("consistent", "like earlier mail from this address it proves nothing about who sent it")
    if not now:
        return Continuity("break", _missing(known, authentication))
    own = ascii_lower(author.rpartition("@")[2])
    familiar = {one.domain for one in known.evidence} | {own}
    if any(one.domain in familiar for one in now):
        return Continuity("consistent", f"as before: this mail {_proof(one for one in now if one.domain in familiar)}")
    return Continuity("break", f"this mail {_proof(now)}, but earlier mail came with {_before(known)}")


def _speaks(domain: str, aligned: bool | None, authentication: Authentication) -> bool:
    return aligned if aligned is not None else domain in authentication.aligned_domains


def _missing(known: Known, authentication: Authentication) -> str:
    before = _before(known)
    failed = [result for result in authentication.dkim if result.status is DkimStatus.TEMPERROR]
    if failed or authentication.spf.status is SpfStatus.TEMPERROR:
        return f"earlier mail from this address came with {before}; of this one nothing could be checked just now"
    return f"earlier mail from this address came with {before}; this one comes with nothing that speaks for its author"


def _proof(evidence: Iterable[Evidence]) -> str:
    return f"comes with {_listed(evidence)}"


def _before(known: Known) -> str:
    return _listed(known.evidence)


def _listed(evidence: Iterable[Evidence]) -> str:
    words = list(
        dict.fromkeys(
            f"a signature of {one.domain}" if one.mechanism == "dkim" else f"SPF of {one.domain}" for one in evidence
        )
    )
    more = len(words) - _SHOWN
    return " and ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _is_same_mailbox(one: str, other: str) -> bool:
    """A plus-tag or letter case makes no other person, nor does a look that leads to the very same address."""
    return _mailbox(one) == _mailbox(other)


def _mailbox(address: str) -> tuple[str, str]:
    local_part, _, domain = address.rpartition("@")
    return ascii_lower(local_base(local_part)), ascii_lower(domain)
