"""SPF (RFC 7208) by pyspf, with our DNS and without threads.

pyspf asks DNS in the middle of its work and cannot wait. So it is run on the answers that are
known; where one is missing it is stopped, the question is asked under Trio, and it is run again
(each run takes a fraction of a millisecond; a look-up takes longer). What a hostile record can
make it compute is bounded before it sees the record, and by a budget of processor time besides.
"""

import ipaddress
import time
from collections.abc import Mapping
from typing import Final, TypeAlias

import spf
import trio
from attrs import frozen

from e2ad.core.address import NULL_PATH, AddressError, ReversePath, parse_domain
from e2ad.core.authentication import SpfResult, SpfStatus
from e2ad.mailauth.resolver import DnsTemporaryError, Resolver

__all__ = ["check_spf", "spf_identity"]

MAX_RECORD_OCTETS: Final = 4096
MAX_TOTAL_OCTETS: Final = 16 * 1024
MAX_DOMAIN_SPEC: Final = 512
MAX_MACROS: Final = 40
MAX_LOCAL_PART: Final = 64
MAX_RUNS: Final = 64
PROCESSOR_SECONDS: Final = 0.2
# RFC 7208 section 4.6.4: names behind one mx or ptr that are looked up.
_MAX_NAMES: Final = 10
_MAX_NAME: Final = 253

_Question: TypeAlias = tuple[str, str]
_Memo: TypeAlias = dict[tuple[object, ...], object]
_Answers: TypeAlias = dict[_Question, list[object] | DnsTemporaryError]


@frozen
class Identity:
    """Whom SPF is asked about: a local part and a domain, taken from MAIL FROM or from HELO."""

    local_part: str
    domain: str


def spf_identity(helo: str, reverse_path: ReversePath) -> Identity | str:
    """The identity to check, or why there is none.

    RFC 7208 section 2.4: the null reverse-path stands for postmaster at the HELO name. Section 4.3:
    a literal, or a name of one label, has no SPF result.
    """
    if reverse_path is NULL_PATH:
        local_part, domain, where = "postmaster", helo, "HELO"
    else:
        local_part, domain, where = reverse_path.local_part, reverse_path.domain, "MAIL FROM"
    try:
        name = parse_domain(domain, underscores=True)
    except AddressError:
        return f"the domain in {where} is not a domain name"
    if "." not in name or _is_address(name):
        return f"the domain in {where} is not a domain name of two labels or more"
    return Identity(local_part, name)


async def check_spf(resolver: Resolver, peer_address: str, helo: str, reverse_path: ReversePath) -> SpfResult:
    """Is this peer one of those that the domain lets send mail? Never raises but Cancelled.

    Args:
        resolver: DNS.
        peer_address: of the SMTP client; empty if there is none.
        helo: as given in HELO or EHLO.
        reverse_path: of MAIL FROM.
    """
    peer = peer_address.partition("%")[0]
    identity = spf_identity(helo, reverse_path)
    if isinstance(identity, str):
        return SpfResult(SpfStatus.NONE, detail=identity)
    if not _is_address(peer):
        return SpfResult(SpfStatus.NONE, identity.domain, detail="no peer address")
    if len(identity.local_part) > MAX_LOCAL_PART:
        return SpfResult(SpfStatus.PERMERROR, identity.domain, detail="the local part is too long")
    answers: _Answers = {}
    memo: _Memo = {}
    family = "AAAA" if ":" in peer and not peer.lower().startswith("::ffff:") else "A"
    spent = 0.0
    for _ in range(MAX_RUNS):
        started = time.perf_counter()
        outcome = _run(peer, helo, identity, answers, memo)
        spent += time.perf_counter() - started
        if isinstance(outcome, SpfResult):
            return outcome
        if spent > PROCESSOR_SECONDS:
            return SpfResult(SpfStatus.PERMERROR, identity.domain, detail="the record takes too long to evaluate")
        trouble = await _fetch(resolver, outcome, answers, family)
        if trouble is not None:
            return SpfResult(SpfStatus.PERMERROR, identity.domain, detail=trouble)
    return SpfResult(SpfStatus.PERMERROR, identity.domain, detail="the record needs too many look-ups")


class _Need(BaseException):
    """A message to our own caller; not an Exception, since pyspf has broad except clauses on its way."""

    def __init__(self, question: _Question) -> None:
        super().__init__(question)
        self.question = question


class _Query(spf.query):
    """pyspf's evaluation with our answers, our bounds, and RFC 7208 where pyspf is laxer."""

    def __init__(
        self, peer: str, helo: str, identity: Identity, answers: Mapping[_Question, object], memo: _Memo
    ) -> None:
        super().__init__(i=peer, s=f"{identity.local_part}@{identity.domain}", h=helo)
        self.answers = answers
        self.memo = memo

    def dns(
        self, name: str, qtype: str, cnames: dict[str, str] | None = None, ignore_void: bool = False
    ) -> list[object]:
        question = (name.lower().rstrip("."), qtype)
        if not all(0 < len(label) < 64 for label in question[0].split(".")):
            return []
        try:
            answer = self.answers[question]
        except KeyError:
            raise _Need(question) from None
        if isinstance(answer, DnsTemporaryError):
            raise spf.TempError(str(answer))
        assert isinstance(answer, list)
        if not answer and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"more than {spf.MAX_VOID_LOOKUPS} look-ups that find nothing")
        return list(answer)

    def validate_mechanism(self, mech: str) -> object:
        # The same text in the same domain means the same on every run, unless it has macros in it.
        if "%" in mech:
            return super().validate_mechanism(mech)
        key = (self.d, mech)
        if key not in self.memo:
            self.memo[key] = super().validate_mechanism(mech)
        return self.memo[key]

    def cidrmatch(self, ipaddrs: list[str], n: int) -> bool:
        key = (*ipaddrs, n)
        if key not in self.memo:
            self.memo[key] = super().cidrmatch(ipaddrs, n)
        return bool(self.memo[key])

    def expand(self, s: str, stripdot: bool = True) -> str:
        # Checked before pyspf expands: its checks take time that grows with the square of the text.
        if len(s) > MAX_DOMAIN_SPEC or s.count("%") > MAX_MACROS:
            raise spf.PermError("a domain name with macros that is too long")
        return super().expand(s, stripdot)

    def expand_domain(self, arg: str) -> str:
        if len(arg) > MAX_DOMAIN_SPEC:
            raise spf.PermError("a domain name with macros that is too long")
        return super().expand_domain(arg)

    def get_explanation(self, spec: str) -> str | None:
        # exp= is a stranger's text for the sender; it is never shown, so it is never fetched.
        return None

    def validated_ptrs(self) -> list[str]:
        # RFC 7208 section 5.5: DNS trouble with PTR means no match, with an address that this name is skipped.
        try:
            names = self.dns_ptr(self.i)[:_MAX_NAMES]
        except spf.TempError:
            return []
        validated = []
        for name in names:
            try:
                if self.cidrmatch(self.dns_a(name, self.A), self.cidrmax):
                    validated.append(name)
            except spf.TempError:
                continue
        return validated


def _run(peer: str, helo: str, identity: Identity, answers: _Answers, memo: _Memo) -> SpfResult | _Question:
    try:
        query = _Query(peer, helo, identity, answers, memo)
        word, _, explanation = query.check()
    except _Need as need:
        return need.question
    except Exception as error:  # noqa: BLE001  # whatever a stranger's record makes pyspf stumble over
        return SpfResult(SpfStatus.PERMERROR, identity.domain, detail=f"not evaluable ({type(error).__name__})")
    try:
        status = SpfStatus(word)
    except ValueError:
        return SpfResult(SpfStatus.PERMERROR, identity.domain, detail="not evaluable")
    detail = None
    if status in (SpfStatus.TEMPERROR, SpfStatus.PERMERROR):
        detail = _shorten(explanation)
    elif query.mechanism:
        detail = f"matched {_shorten(query.mechanism)}"
    return SpfResult(status, identity.domain, detail=detail)


async def _fetch(resolver: Resolver, question: _Question, answers: _Answers, family: str) -> str | None:
    """Ask DNS one question, and for mx and ptr at once those that will follow; a sentence if a bound is broken."""
    _, kind = question
    answers[question] = answer = await _ask(resolver, question)
    if isinstance(answer, DnsTemporaryError):
        return None
    if kind == "TXT":
        return _check_size(answers, answer)
    followers: list[_Question] = []
    if kind == "MX" and len(answer) <= _MAX_NAMES:
        followers = [(str(member[1]), family) for member in answer if isinstance(member, tuple)]
    elif kind == "PTR":
        followers = [(str(member), family) for member in answer[:_MAX_NAMES]]
    if not followers:
        return None

    async def follow(follower: _Question) -> None:
        answers[follower] = await _ask(resolver, follower)

    async with trio.open_nursery() as nursery:
        for follower in dict.fromkeys(followers):
            if follower not in answers:
                nursery.start_soon(follow, follower)
    return None


async def _ask(resolver: Resolver, question: _Question) -> list[object] | DnsTemporaryError:
    name, kind = question
    if len(name) > _MAX_NAME or not name.isascii():
        # RFC 7208 section 4.3: such a name cannot be looked up, so it finds nothing.
        return []
    try:
        match kind:
            case "TXT":
                return [(record,) for record in await resolver.txt(name)]
            case "A":
                return list(await resolver.a(name))
            case "AAAA":
                return list(await resolver.aaaa(name))
            case "MX":
                return list(await resolver.mx(name))
            case "PTR":
                return list(await resolver.ptr(name))
            case _:
                return []
    except DnsTemporaryError as error:
        return error


def _check_size(answers: _Answers, answer: list[object]) -> str | None:
    if any(len(record) > MAX_RECORD_OCTETS for record in _spf_records(answer)):
        return f"an SPF record is longer than {MAX_RECORD_OCTETS} octets"
    total = 0
    for (_, kind), known in answers.items():
        if kind == "TXT" and isinstance(known, list):
            total += sum(len(record) for record in _spf_records(known))
    if total > MAX_TOTAL_OCTETS:
        return f"the SPF records are longer than {MAX_TOTAL_OCTETS} octets together"
    return None


def _spf_records(answer: list[object]) -> list[bytes]:
    records = [member[0] for member in answer if isinstance(member, tuple)]
    return [record for record in records if record[:6].lower() == b"v=spf1"]


def _shorten(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:200]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
