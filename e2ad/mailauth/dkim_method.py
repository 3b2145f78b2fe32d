"""DKIM (RFC 6376 with 8301, 8463 and 8616): one result for each signature, in header order.

A signature passes only if the field, the key record and the mail each keep all the rules: see
`signature`, `keys` and `engine`. The results are those of RFC 8601 section 2.7.1:
`permerror` for what can never be verified, `temperror` for DNS that did not answer, `fail` for a
mail that was changed, `policy` for a signature that may be right and is not trusted all the same,
`neutral` for one that was not looked at or that its own domain declares a test.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import trio
from attrs import evolve, frozen

from e2ad.core.authentication import DkimResult, DkimStatus
from e2ad.mailauth.engine import Check
from e2ad.mailauth.header_section import RawHeader
from e2ad.mailauth.keys import KeyProblem, KeyRecord, read_key_records
from e2ad.mailauth.resolver import DnsTemporaryError
from e2ad.mailauth.signature import Signature, SignatureProblem, read_signature

__all__ = ["Evaluate", "Lookup", "check_dkim", "check_of", "fetch_key"]

Lookup: TypeAlias = Callable[[str], Awaitable[list[bytes]]]
"""TXT records of a name; raises DnsTemporaryError."""

Evaluate: TypeAlias = Callable[[bytes, Sequence[Check]], Awaitable[list[str | None]]]
"""`engine.evaluate`, wherever it runs."""

MAX_LISTED: Final = 50

_FIELD: Final = b"dkim-signature"
# RFC 6376 section 8.15: fields that a mail may have once (RFC 5322 section 3.6, RFC 2045). Where a
# signature covers fewer of them than there are, readers may be shown the one that nobody signed.
_SINGLE_FIELDS: Final = frozenset(
    b"from sender reply-to to cc subject date message-id in-reply-to references"
    b" mime-version content-type content-transfer-encoding".split()
)


@frozen
class _Pending:
    place: int
    index: int
    signature: Signature


async def check_dkim(
    header: RawHeader,
    results: list[DkimResult],
    *,
    lookup: Lookup,
    evaluate: Evaluate,
    now: float,
    max_signatures: int,
) -> None:
    """Evaluate the signatures of one mail.

    Args:
        header: the mail.
        results: filled in place, so that what is known stands there when the deadline cuts in;
            what is not known yet reads `temperror`.
        lookup: DNS.
        evaluate: the processor's part.
        now: seconds since the epoch.
        max_signatures: how many are evaluated, from the top; the others read `neutral`.
    """
    pending = _read_all(header, results, now, max_signatures)
    ready: list[tuple[_Pending, KeyRecord]] = []

    async def prepare(item: _Pending) -> None:
        try:
            key = await fetch_key(item.signature, lookup)
        except DnsTemporaryError as error:
            results[item.place] = _result(item, DkimStatus.TEMPERROR, str(error))
        except KeyProblem as problem:
            results[item.place] = _result(item, problem.status, problem.detail)
        else:
            ready.append((item, key))

    async with trio.open_nursery() as nursery:
        for item in pending:
            nursery.start_soon(prepare, item)
    if not ready:
        return
    checks = [check_of(header, item.index, item.signature, key) for item, key in ready]
    outcomes = await evaluate(header.body, checks)
    for (item, key), outcome in zip(ready, outcomes, strict=True):
        results[item.place] = _judge(header, item, key, outcome)


async def fetch_key(signature: Signature, lookup: Lookup) -> KeyRecord:
    """The key of a signature, once it is known to be for it.

    Raises:
        DnsTemporaryError: DNS did not answer.
        KeyProblem: no key, or not for this signature.
    """
    key = read_key_records(await lookup(signature.key_name), signature.key_type)
    if key.strict_identity and signature.identity_domain != signature.domain:
        raise KeyProblem("the key does not allow i= below d=")
    return key


def check_of(header: RawHeader, index: int, signature: Signature, key: KeyRecord) -> Check:
    """What `engine.evaluate` needs for the signature field at this index."""
    return Check(
        fields=header.select(signature.names, without=index),
        own=(header.fields[index][0], signature.field),
        header_canonicalization=signature.header_canonicalization,
        body_canonicalization=signature.body_canonicalization,
        body_hash=signature.body_hash,
        key_type=key.key_type,
        key=key.key,
        signature=signature.signature,
    )


def _read_all(header: RawHeader, results: list[DkimResult], now: float, max_signatures: int) -> list[_Pending]:
    pending = []
    places = header.all(_FIELD)
    for place, index in enumerate(places[:MAX_LISTED]):
        if place >= max_signatures:
            results.append(DkimResult(DkimStatus.NEUTRAL, detail=f"only {max_signatures} signatures are evaluated"))
            continue
        if not header.well_formed:
            results.append(DkimResult(DkimStatus.PERMERROR, detail="the header section is malformed"))
            continue
        try:
            signature = read_signature(header.fields[index][1].removesuffix(b"\r\n"), now)
        except SignatureProblem as problem:
            results.append(DkimResult(problem.status, problem.domain, problem.selector, detail=problem.detail))
            continue
        item = _Pending(place, index, signature)
        results.append(_result(item, DkimStatus.TEMPERROR, "not finished in time"))
        pending.append(item)
    if len(places) > MAX_LISTED:
        results[-1] = evolve(results[-1], detail=f"{len(places) - MAX_LISTED} more signatures are not listed")
    return pending


def _judge(header: RawHeader, item: _Pending, key: KeyRecord, outcome: str | None) -> DkimResult:
    if key.testing:
        # RFC 6376 section 3.6.1, t=y: not to be treated differently from unsigned mail, pass or fail.
        return _result(item, DkimStatus.NEUTRAL, "the domain declares this key a test (t=y)")
    if outcome is not None:
        return _result(item, DkimStatus.FAIL, outcome)
    names = item.signature.names
    for name in _SINGLE_FIELDS.intersection(names):
        if header.count(name) > names.count(name):
            return _result(item, DkimStatus.POLICY, f"a second {name.decode().title()} field is not signed")
    return _result(item, DkimStatus.PASS, None)


def _result(item: _Pending, status: DkimStatus, detail: str | None) -> DkimResult:
    return DkimResult(status, item.signature.domain, item.signature.selector, detail=detail)
