"""ARC (RFC 8617): what intermediaries claim to have seen, and whether their chain holds.

Evidence for a person who asks why a forwarded mail failed; never part of `verified`, since a valid
chain says only that somebody sealed it, not that this somebody is to be trusted.
"""

import re
from typing import Final

import trio
from attrs import define, frozen

from e2ad.core.authentication import ArcResult, ArcStatus
from e2ad.mailauth.dkim_method import Evaluate, Lookup, check_of, fetch_key
from e2ad.mailauth.engine import Check
from e2ad.mailauth.header_section import RawField, RawHeader
from e2ad.mailauth.keys import KeyProblem
from e2ad.mailauth.resolver import DnsTemporaryError
from e2ad.mailauth.signature import (
    Signature,
    SignatureProblem,
    check_timestamp,
    read_common,
    read_domain,
    read_selector,
    read_tags,
)
from e2ad.mailauth.tags import TagList, TagSyntaxError

__all__ = ["check_arc"]

# RFC 8617 section 4.2.1 allows 50; each set costs a key, and real chains have two or three.
MAX_SETS: Final = 20

_RESULTS: Final = b"arc-authentication-results"
_MESSAGE_SIGNATURE: Final = b"arc-message-signature"
_SEAL: Final = b"arc-seal"
_ATTRIBUTES: Final = {_RESULTS: "results", _MESSAGE_SIGNATURE: "message_signature", _SEAL: "seal"}
_NAMES: Final = tuple(_ATTRIBUTES)
_INSTANCE: Final = re.compile(r"[1-9][0-9]?")
_RESULTS_INSTANCE: Final = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([1-9][0-9]?)[ \t\r\n]*;")
_SEAL_FORBIDDEN: Final = ("h", "bh", "c", "l")


class _Broken(Exception):
    """The chain does not hold; the text says where."""


@define
class _Set:
    """The three fields of one instance, as indices into the header section."""

    results: int | None = None
    message_signature: int | None = None
    seal: int | None = None

    def complete(self) -> tuple[int, int, int] | None:
        if self.results is None or self.message_signature is None or self.seal is None:
            return None
        return self.results, self.message_signature, self.seal


@frozen
class _Chain:
    """A chain that is complete: indices of each instance's fields, and the parsed seals."""

    sets: tuple[tuple[int, int, int], ...]
    seals: tuple[Signature, ...]
    message_signature: Signature


async def check_arc(header: RawHeader, *, lookup: Lookup, evaluate: Evaluate, now: float) -> ArcResult | None:
    """Validate the chain (RFC 8617 section 5.2). Never raises but Cancelled.

    Every seal and the newest message signature must hold; older message signatures need not, they
    were made over other bytes.

    Returns:
        None where the mail has no chain. The domain is that of the newest seal.
    """
    if not any(header.count(name) for name in _NAMES):
        return None
    domain = None
    try:
        chain = _read_chain(header, now)
        domain = chain.seals[-1].domain
        checks = await _checks(header, chain, lookup)
        for number, outcome in enumerate(await evaluate(header.body, checks)):
            if outcome is not None:
                what = "the newest message signature" if number == 0 else f"seal {number}"
                raise _Broken(f"{what}: {outcome}")
    except (_Broken, KeyProblem, SignatureProblem, TagSyntaxError) as error:
        return ArcResult(ArcStatus.FAIL, domain, str(error))
    except DnsTemporaryError as error:
        return ArcResult(ArcStatus.TEMPERROR, domain, str(error))
    return ArcResult(ArcStatus.PASS, domain)


def _read_chain(header: RawHeader, now: float) -> _Chain:
    if not header.well_formed:
        raise _Broken("the header section is malformed")
    sets = _collect(header)
    seals = []
    for number, (_, _, place) in enumerate(sets, start=1):
        text, tags = _tags_at(header, place)
        _check_seal(tags, number, now)
        domain, selector = read_domain(tags["d"]), read_selector(tags["s"])
        seals.append(read_common(text, tags, domain, selector, seal=True))
    text, tags = _tags_at(header, sets[-1][1])
    _require(tags, ("a", "b", "bh", "d", "h", "s"))
    check_timestamp(tags, now)
    if "l" in tags:
        raise _Broken("the message signature covers only a part of the body")
    newest = read_common(text, tags, read_domain(tags["d"]), read_selector(tags["s"]))
    if _SEAL in newest.names:
        raise _Broken("the message signature covers a seal")
    if b"from" not in newest.names:
        raise _Broken("the message signature does not cover From")
    return _Chain(sets, tuple(seals), newest)


def _collect(header: RawHeader) -> tuple[tuple[int, int, int], ...]:
    if any(header.count(name) > MAX_SETS for name in _NAMES):
        raise _Broken(f"more than {MAX_SETS} sets")
    sets: dict[int, _Set] = {}
    for name in _NAMES:
        for place in header.all(name):
            instance = _instance(header, name, place)
            one = sets.setdefault(instance, _Set())
            attribute = _ATTRIBUTES[name]
            if getattr(one, attribute) is not None:
                raise _Broken(f"instance {instance} is there twice")
            setattr(one, attribute, place)
    complete = []
    for instance in range(1, len(sets) + 1):
        found = sets.get(instance, _Set()).complete()
        if found is None:
            raise _Broken(f"instance {instance} is not complete")
        complete.append(found)
    return tuple(complete)


def _instance(header: RawHeader, name: bytes, place: int) -> int:
    if name == _RESULTS:
        match = _RESULTS_INSTANCE.match(header.fields[place][1])
        if match is None:
            raise _Broken("a set without instance")
        return int(match[1])
    _, tags = _tags_at(header, place)
    if _INSTANCE.fullmatch(tags.get("i", "")) is None:
        raise _Broken("a set without instance")
    return int(tags["i"])


def _tags_at(header: RawHeader, place: int) -> tuple[str, TagList]:
    return read_tags(header.fields[place][1].removesuffix(b"\r\n"))


def _check_seal(tags: TagList, number: int, now: float) -> None:
    _require(tags, ("a", "b", "cv", "d", "s"))
    if any(name in tags for name in _SEAL_FORBIDDEN):
        raise _Broken(f"seal {number} has a tag that a seal must not have")
    check_timestamp(tags, now)
    # Section 5.1.1: the first sealer found no chain, each later one found a valid one.
    expected = "none" if number == 1 else "pass"
    if tags["cv"] == "fail":
        raise _Broken(f"seal {number} says that the chain was broken when it came")
    if tags["cv"] != expected:
        raise _Broken(f"seal {number} has cv={tags['cv'][:8]} where {expected} belongs")


def _require(tags: TagList, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in tags:
            raise _Broken(f"the tag {name}= is missing")


async def _checks(header: RawHeader, chain: _Chain, lookup: Lookup) -> list[Check]:
    """The newest message signature first, then the seals from the oldest on."""
    signatures = [(chain.sets[-1][1], chain.message_signature)]
    signatures += [(places[2], seal) for places, seal in zip(chain.sets, chain.seals, strict=True)]
    checks: dict[int, Check] = {}
    errors: list[KeyProblem | DnsTemporaryError] = []

    async def prepare(number: int, place: int, signature: Signature) -> None:
        try:
            key = await fetch_key(signature, lookup)
        except (KeyProblem, DnsTemporaryError) as error:
            errors.append(error)
            return
        if number == 0:
            checks[number] = check_of(header, place, signature, key)
            return
        checks[number] = Check(
            fields=_sealed(header, chain, number),
            own=(header.fields[place][0], signature.field),
            header_canonicalization="relaxed",
            body_canonicalization="relaxed",
            body_hash=None,
            key_type=key.key_type,
            key=key.key,
            signature=signature.signature,
        )

    async with trio.open_nursery() as nursery:
        for number, (place, signature) in enumerate(signatures):
            nursery.start_soon(prepare, number, place, signature)
    if errors:
        # A key that cannot be used decides; one that could not be asked for leaves it open.
        raise next((error for error in errors if isinstance(error, KeyProblem)), errors[0])
    return [checks[number] for number in range(len(signatures))]


def _sealed(header: RawHeader, chain: _Chain, number: int) -> tuple[RawField, ...]:
    # Section 5.1.1: all sets up to this one, oldest first, each as results, message signature, seal.
    covered = [place for places in chain.sets[:number] for place in places]
    return tuple(header.fields[place] for place in covered[:-1])
