"""The DNS records of a domain: which to publish, what to ask, and how what was seen is judged.

Pure: the questions are asked elsewhere (`questions` lists them), the answers come in as a mapping in which
a question that DNS had trouble with has no answer. A record is judged by what it means: a key by
its p=, SPF by whether it names our host, DMARC by whether it can be read at all.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, Literal

from attrs import field, frozen

from e2ad.core.alignment import parse_dmarc

__all__ = [
    "OWNERSHIP_LABEL",
    "PROOF_PREFIX",
    "Answer",
    "Answers",
    "DomainKey",
    "Finding",
    "Purpose",
    "Question",
    "Record",
    "Wanted",
    "Word",
    "everything_found",
    "is_key_slot",
    "judge",
    "judge_ownership",
    "key_slot",
    "ownership_questions",
    "ownership_token",
    "questions",
    "records",
]

PROOF_PREFIX: Final = "e2a-verify="
OWNERSHIP_LABEL: Final = "_e2a"
MX_PRIORITY: Final = 10
MAX_SEEN: Final = 5
MAX_SEEN_CHARACTERS: Final = 500

_KEY_SLOT: Final = "dkim:"

_WHITE: Final = re.compile(r"\s+")
_SPF: Final = re.compile(rb"v=spf1(?: |$)", re.IGNORECASE)
_MECHANISM: Final = re.compile(r"(?P<sign>[+?~-]?)(?P<name>[a-z0-9]+)(?:[:=](?P<host>[^/]+))?(?:/.*)?")


class Purpose(StrEnum):
    """What a record is for; the first six are the contract's, the set is open."""

    OWNERSHIP = "ownership"
    INBOUND_MX = "inbound_mx"
    INBOUND_MX_WILDCARD = "inbound_mx_wildcard"
    DKIM = "dkim"
    MAIL_FROM_MX = "mail_from_mx"
    MAIL_FROM_SPF = "mail_from_spf"
    SPF = "spf"
    DMARC = "dmarc"
    DKIM_NEXT = "dkim_next"
    DKIM_RETIRED = "dkim_retired"


class Word(StrEnum):
    """What a look at the DNS found. `DEFERRED`: it gave no answer, which says nothing about the record."""

    FOUND = "found"
    MISSING = "missing"
    DEFERRED = "deferred"
    MISMATCH = "mismatch"


@frozen
class Finding:
    """The judgement of one record, and the values that stand in its place, cut where they are long."""

    word: Word
    seen: tuple[str, ...] = ()


@frozen
class Question:
    """One question to the DNS."""

    type: Literal["TXT", "MX"]
    name: str


Answer = Sequence[bytes] | Sequence[tuple[int, str]]
Answers = Mapping[Question, Answer]
"""TXT values or MX records. A question without an answer is not in it; "no such record" is an empty one."""


@frozen
class DomainKey:
    """A DKIM key of a domain, without its private part. `state` is next, active or retired."""

    selector: str
    algorithm: str
    record: str
    state: str
    created_at: datetime
    retired_at: datetime | None = None


@frozen
class Wanted:
    """All that decides which records a domain needs.

    Attributes:
        token: the whole TXT value that proves ownership.
        mail_host: our name, which MX records point to.
        relay_host: through which mail leaves; "" where none does.
        organization: the organizational domain, where a DMARC record may stand as well.
        proofs: further values that prove as much as `token`.
    """

    domain: str
    token: str
    mail_host: str
    relay_host: str = ""
    organization: str = ""
    keys: tuple[DomainKey, ...] = ()
    proofs: tuple[str, ...] = field(default=(), repr=False)

    @property
    def bounce_domain(self) -> str:
        """Where reports about sent mail come back to."""
        return f"bounce.{self.domain}"


@frozen
class Record:
    """A record to publish. `slot` is where its finding stands; "" for one that is not looked for."""

    type: Literal["TXT", "MX"]
    name: str
    value: str
    priority: int | None
    purpose: Purpose
    slot: str


def ownership_token(secret: str, account_id: str, domain: str) -> str:
    """The TXT value that proves that an account owns a domain: always the same for these three.

    It can be told to an account whose claim has to wait for another's, and is known again when it is seen.
    """
    mac = hmac.new(secret.encode(), b"\0".join((b"e2a-verify", account_id.encode(), domain.encode())), hashlib.sha256)
    return PROOF_PREFIX + mac.hexdigest()[:32]


def key_slot(selector: str) -> str:
    """Where the finding about a key stands."""
    return f"{_KEY_SLOT}{selector}"


def is_key_slot(slot: str) -> bool:
    """Is the finding there about a key?"""
    return slot.startswith(_KEY_SLOT)


def records(wanted: Wanted) -> tuple[Record, ...]:
    """What to publish, in the contract's order, ours after it."""
    domain, host = wanted.domain, _host(wanted.mail_host)

    def txt(name: str, value: str, purpose: Purpose, slot: str | None = None) -> Record:
        return Record("TXT", name, value, None, purpose, purpose.value if slot is None else slot)

    def mx(name: str, purpose: Purpose, slot: str) -> Record:
        return Record("MX", name, host, MX_PRIORITY, purpose, slot)

    def dkim(state: str, purpose: Purpose) -> list[Record]:
        # The RSA key first: it is the one that every client knows.
        keys = sorted((key for key in wanted.keys if key.state == state), key=lambda key: key.algorithm, reverse=True)
        return [txt(_key_name(wanted, key), key.record, purpose, key_slot(key.selector)) for key in keys]

    return (
        txt(domain, wanted.token, Purpose.OWNERSHIP),
        mx(domain, Purpose.INBOUND_MX, Purpose.INBOUND_MX.value),
        mx(f"*.{domain}", Purpose.INBOUND_MX_WILDCARD, ""),
        *dkim("active", Purpose.DKIM),
        mx(wanted.bounce_domain, Purpose.MAIL_FROM_MX, Purpose.MAIL_FROM_MX.value),
        txt(wanted.bounce_domain, _spf(wanted), Purpose.MAIL_FROM_SPF),
        txt(domain, _spf(wanted), Purpose.SPF),
        txt(f"_dmarc.{domain}", "v=DMARC1; p=none; adkim=r; aspf=r", Purpose.DMARC),
        *dkim("next", Purpose.DKIM_NEXT),
        *dkim("retired", Purpose.DKIM_RETIRED),
    )


def ownership_questions(domain: str) -> tuple[Question, ...]:
    """Where the proof of ownership may stand: beside everything else, or at a label of its own."""
    return Question("TXT", domain), Question("TXT", f"{OWNERSHIP_LABEL}.{domain}")


def questions(wanted: Wanted) -> tuple[Question, ...]:
    """Everything to ask about a domain, each once."""
    asked = (
        *ownership_questions(wanted.domain),
        Question("MX", wanted.domain),
        *(Question("TXT", _key_name(wanted, key)) for key in wanted.keys),
        Question("MX", wanted.bounce_domain),
        Question("TXT", wanted.bounce_domain),
        *_dmarc_questions(wanted),
    )
    return tuple(dict.fromkeys(asked))


def judge(wanted: Wanted, answers: Answers) -> dict[str, Finding]:
    """What was found for each record, by its slot."""
    inbound = _judge_mx(wanted, answers.get(Question("MX", wanted.domain)))
    bounce = _judge_mx(wanted, answers.get(Question("MX", wanted.bounce_domain)))
    found = {
        Purpose.OWNERSHIP.value: judge_ownership(wanted, answers),
        Purpose.INBOUND_MX.value: inbound,
        Purpose.MAIL_FROM_MX.value: bounce,
        Purpose.MAIL_FROM_SPF.value: _judge_spf(
            wanted, _texts(answers, wanted.bounce_domain), mx_is_ours=bounce.word is Word.FOUND
        ),
        Purpose.SPF.value: _judge_spf(wanted, _texts(answers, wanted.domain), mx_is_ours=inbound.word is Word.FOUND),
        Purpose.DMARC.value: _judge_dmarc(wanted, answers),
    }
    for key in wanted.keys:
        found[key_slot(key.selector)] = _judge_key(key, _texts(answers, _key_name(wanted, key)))
    return found


def everything_found(wanted: Wanted) -> dict[str, Finding]:
    """What a check finds that is told to assume it."""
    return {record.slot: Finding(Word.FOUND, (record.value,)) for record in records(wanted) if record.slot}


def judge_ownership(wanted: Wanted, answers: Answers) -> Finding:
    """Is the proof there? The whole value counts, blanks around it aside: a part of another text proves nothing."""
    proofs = {wanted.token, *wanted.proofs}
    values: list[bytes] = []
    trouble = False
    for question in ownership_questions(wanted.domain):
        answer = answers.get(question)
        trouble = trouble or answer is None
        values += [value for value in answer or () if isinstance(value, bytes)]
    tokens = [value for value in values if value.strip().startswith(PROOF_PREFIX.encode())]
    if any(_text(value).strip() in proofs for value in tokens):
        return Finding(Word.FOUND, _shown(tokens))
    if trouble:
        return Finding(Word.DEFERRED, _shown(tokens or values))
    return Finding(Word.MISMATCH if tokens else Word.MISSING, _shown(tokens or values))


def _judge_mx(wanted: Wanted, answer: Answer | None) -> Finding:
    if answer is None:
        return Finding(Word.DEFERRED)
    found = sorted((one[0], _host(one[1])) for one in answer if isinstance(one, tuple))
    seen = tuple(f"{preference} {host or '.'}" for preference, host in found[:MAX_SEEN])
    if any(host == _host(wanted.mail_host) for _, host in found):
        return Finding(Word.FOUND, seen)
    return Finding(Word.MISMATCH if found else Word.MISSING, seen)


def _judge_key(key: DomainKey, values: Sequence[bytes] | None) -> Finding:
    """RFC 6376 section 3.6.1, as far as it matters: one key record, of our type, with our p=."""
    if values is None:
        return Finding(Word.DEFERRED)
    ours = _key_tags(key.record)
    found = [tags for tags in (_key_tags(_text(value)) for value in values) if tags is not None]
    if len(found) == 1 and ours is not None and found[0] == ours:
        return Finding(Word.FOUND, _shown(values))
    return Finding(Word.MISMATCH if values else Word.MISSING, _shown(values))


def _key_tags(record: str) -> tuple[str, str] | None:
    """Key type and key of a key record; None for another text."""
    tags: dict[str, str] = {}
    for piece in record.split(";"):
        name, equals, value = piece.partition("=")
        if equals:
            tags.setdefault(name.strip(), _WHITE.sub("", value))
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return None
    return tags.get("k", "rsa"), tags["p"]


def _judge_spf(wanted: Wanted, values: Sequence[bytes] | None, *, mx_is_ours: bool) -> Finding:
    """Does the one SPF record (RFC 7208 section 3.2) let our host or our relay send, by any mechanism?"""
    if values is None:
        return Finding(Word.DEFERRED)
    found = [value for value in values if _SPF.match(value)]
    if not found:
        return Finding(Word.MISSING)
    ours = {_host(wanted.mail_host), _host(wanted.relay_host)} - {""}
    if len(found) == 1 and any(_names_us(term, ours, mx_is_ours) for term in _text(found[0]).lower().split()[1:]):
        return Finding(Word.FOUND, _shown(found))
    return Finding(Word.MISMATCH, _shown(found))


def _names_us(term: str, ours: set[str], mx_is_ours: bool) -> bool:
    mechanism = _MECHANISM.fullmatch(term)
    if mechanism is None or mechanism["sign"] == "-":
        return False
    if mechanism["name"] == "mx" and mechanism["host"] is None:
        return mx_is_ours
    return mechanism["host"] is not None and _host(mechanism["host"]) in ours


def _judge_dmarc(wanted: Wanted, answers: Answers) -> Finding:
    trouble = False
    for question in _dmarc_questions(wanted):
        values = _texts(answers, question.name)
        trouble = trouble or values is None
        found = [value for value in values or () if parse_dmarc(value) is not None]
        if len(found) == 1:
            return Finding(Word.FOUND, _shown(found))
        if values:
            return Finding(Word.MISMATCH, _shown(values))
    return Finding(Word.DEFERRED if trouble else Word.MISSING)


def _dmarc_questions(wanted: Wanted) -> tuple[Question, ...]:
    names = dict.fromkeys((wanted.domain, wanted.organization or wanted.domain))
    return tuple(Question("TXT", f"_dmarc.{name}") for name in names)


def _spf(wanted: Wanted) -> str:
    """What the mail of the bounce domain comes from. Where a relay passes it on, the addresses that it sends from
    are for its operator to say, so the record then ends without a judgement on others."""
    host, relay = _host(wanted.mail_host), _host(wanted.relay_host)
    if not relay or relay == host or relay == "localhost" or _address(relay, "loopback"):
        return f"v=spf1 a:{host} ~all"
    if version := _address(relay, "any"):
        return f"v=spf1 a:{host} {version}:{relay} ?all"
    return f"v=spf1 a:{host} a:{relay} ?all"


def _address(host: str, kind: Literal["loopback", "any"]) -> str | None:
    """`ip4` or `ip6` for an address of the kind, None for a name or another address."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    return f"ip{address.version}" if kind == "any" or address.is_loopback else None


def _key_name(wanted: Wanted, key: DomainKey) -> str:
    return f"{key.selector}._domainkey.{wanted.domain}"


def _texts(answers: Answers, name: str) -> Sequence[bytes] | None:
    answer = answers.get(Question("TXT", name))
    return None if answer is None else [value for value in answer if isinstance(value, bytes)]


def _host(name: str) -> str:
    return name.strip().rstrip(".").lower()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _shown(values: Iterable[bytes]) -> tuple[str, ...]:
    """A few values as they may be shown: what a stranger published, kept short and printable."""
    texts = ("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in _text(value)) for value in values)
    return tuple(text[:MAX_SEEN_CHARACTERS] for text, _ in zip(texts, range(MAX_SEEN), strict=False))
