"""Where an agent knows a recipient from. Against the mail that tells an agent to write to somebody else.

A text that an agent reads can make it write to an address which stands in that text. So each recipient of
an outgoing mail has a class, the strongest that holds, and the owner says what each class may do.

1. operator_list: the owner listed the address or its domain.
2. correspondent: a mail from that very address reached the agent, authenticated, or from an agent of this deployment.
3. participant: it is in the header section of a mail of this conversation, or of the mail being answered, whose
   header section can be believed: an authenticated one, or one that the agent sent itself. Of a mail that is not
   authenticated only From counts: answering whoever wrote is what mail is, and a false From leads
   the answer away from its forger. Its To, Cc and Reply-To are as good as its text, since they are how a forger
   would make an answer come to himself.
4. content: it stands anywhere else in a mail to the agent, in whatever spelling; or it looks like an address of the
   first three classes, and is none.
5. unseen.

The first three need the same address: the domain as lower-case A-labels, the local part without needless
quotes and with ASCII letters in lower case. RFC 5321 would let a host tell Ada@ from ada@; no provider does, and
whoever could own only one of them is trusted by the same domain. Anything beyond ASCII is compared as it is.

What is not seen: text inside attached files, and addresses that a reader has to work out (read backwards,
spelled in words, taken from a picture). An owner who minds lets `unseen` be reviewed too.
"""

import re
from collections.abc import Container, Iterable, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import Final
from urllib.parse import unquote

from attrs import frozen

from e2ad.core.address import AddressError, parse_mailbox
from e2ad.core.confusables import (
    ascii_lower,
    domain_labels,
    fold,
    local_base,
    read_punycode,
    read_tags,
    skeleton,
)
from e2ad.core.markup import unescape
from e2ad.core.protection import ProvenanceAction, ProvenancePolicy

__all__ = [
    "MAX_EXCERPT",
    "Familiar",
    "Known",
    "Needle",
    "Passage",
    "Provenance",
    "Sighting",
    "action_for",
    "comparable",
    "listed",
    "listing",
    "needle",
    "search",
]

MAX_EXCERPT: Final = 120


class Provenance(StrEnum):
    """The classes, strongest first; the names are those of `ProvenancePolicy`."""

    OPERATOR_LIST = "operator_list"
    CORRESPONDENT = "correspondent"
    PARTICIPANT = "participant"
    CONTENT = "content"
    UNSEEN = "unseen"


@frozen
class Sighting:
    """A recipient, its class, and the evidence.

    Attributes:
        message_id: the mail that it was seen in; None of a list, and of what was never seen.
        place: where in there: from, to, cc, bcc, reply_to, sender name, subject, text, html, attachment name;
            or allowlist.
        excerpt: the words around it, at most `MAX_EXCERPT` characters, of content alone.
        resembles: a known address that it looks like and is not.
    """

    address: str
    provenance: Provenance
    message_id: str | None = None
    place: str | None = None
    excerpt: str | None = None
    resembles: str | None = None


@frozen
class Passage:
    """A piece of a mail to be searched. `is_markup`: HTML, which is read with and without its tags."""

    message_id: str
    place: str
    text: str
    is_markup: bool = False


@frozen
class Known:
    """An address of the first three classes, and the mail that says so."""

    address: str
    message_id: str | None
    place: str


@frozen
class Needle:
    """An address and the pattern that finds it in the folds of texts; `in_text`: in the texts themselves."""

    address: str
    pattern: re.Pattern[str]
    in_text: bool = False


@frozen
class Found:
    """Where an address was found."""

    message_id: str
    place: str
    excerpt: str


def action_for(provenance: Provenance, policy: ProvenancePolicy, gate_is_on: bool) -> ProvenanceAction:
    """What is done with a recipient of this class: what the owner says, else review of content where the gate is on."""
    said: ProvenanceAction | None = getattr(policy, provenance.value)
    if said is not None:
        return said
    return "review" if provenance is Provenance.CONTENT and gate_is_on else "allow"


def comparable(address: str) -> str:
    """The one form in which two addresses are the same or are not. Total."""
    try:
        mailbox = parse_mailbox(address)
    except AddressError:
        return ascii_lower(address)
    return f"{ascii_lower(mailbox.local_part)}@{mailbox.domain}"


def listing(allowlist: Iterable[str]) -> frozenset[str]:
    """The owner's list as `listed` asks it: addresses, and domains with or without an at sign before them."""
    return frozenset(comparable(entry) if "@" in entry[1:] else _domain_form(entry) for entry in allowlist)


def listed(address: str, entries: Container[str]) -> bool:
    """Does the list name the address, or exactly its domain? Lists that are stored are as `listing` would make them."""
    form = comparable(address)
    return form in entries or form[form.rfind("@") + 1 :] in entries


def _domain_form(entry: str) -> str:
    form = comparable(f"x@{entry.removeprefix('@')}")
    return form[form.rfind("@") + 1 :]


class Familiar:
    """Those who are known, by what they look like: made once, asked for each recipient.

    Args:
        known: the first of those who look alike is the one that is named.
        allowlist: addresses and domains; they come after the known ones.
    """

    def __init__(self, known: Iterable[Known], allowlist: Iterable[str] = ()) -> None:
        self._addresses: dict[str, list[Known]] = {}
        self._domains: dict[str, list[Known]] = {}
        for one in known:
            self._addresses.setdefault(skeleton(one.address), []).append(one)
        for entry in allowlist:
            listing = Known(entry, None, "allowlist")
            if "@" in entry[1:]:
                self._addresses.setdefault(skeleton(entry), []).append(listing)
            else:
                self._domains.setdefault(_domain_shape(entry), []).append(listing)

    def resembled(self, address: str) -> Known | None:
        """The first known address, or listed domain, that this one looks like and is not."""
        form = comparable(address)
        for one in self._addresses.get(skeleton(address), ()):
            if comparable(one.address) != form:
                return one
        domain = address[address.rfind("@") + 1 :]
        for one in self._domains.get(_domain_shape(domain), ()):
            if _domain_form(one.address) != _domain_form(domain):
                return one
        return None


def _domain_shape(domain: str) -> str:
    shape = skeleton(f"x@{domain.removeprefix('@')}")
    return shape[shape.rfind("@") + 1 :]


# How people and machines write the two signs of an address when they do not want to, or may not, write them.
_AT_WORDS: Final = (
    "@", "at", "arroba", "chiocciola", "klammeraffe", "sobaka", "собака", "40", "x40", "64", "064", "u0040", "commat",
)  # fmt: skip
_DOT_WORDS: Final = ("dot", "punkt", "point", "punto", "ponto", "tochka", "точка", "2e", "x2e", "46", "046", "period")


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted({fold(word) for word in words} - {""}, key=len, reverse=True))


_AT: Final = _alternatives(_AT_WORDS)
_DOT: Final = _alternatives(_DOT_WORDS)
# Shorter than this, an address without its at sign is too likely to be made of two words that meet.
_CERTAIN_LENGTH: Final = 12


def needle(address: str) -> Needle:
    """What to search for, given an address in its stored form."""
    local_part, _, domain = address.rpartition("@")
    locals_ = _folds(local_base(local_part))
    if not locals_:
        # Of signs alone: nothing of it is left in a fold.
        return Needle(address, re.compile(re.escape(address), re.IGNORECASE), in_text=True)
    domains = {
        f"(?:{_DOT})?".join(re.escape(fold(label)) for label in labels)
        for labels in (domain.split("."), domain_labels(domain), [label.lower() for label in domain_labels(domain)])
    }
    shortest = min(map(len, locals_)) + len(fold(domain))
    signs = "{0,3}" if shortest >= _CERTAIN_LENGTH else "{1,3}"
    whose = "|".join(map(re.escape, sorted(locals_)))
    # A single local part stays bare, so that the engine can look for it as a literal.
    whose = whose if len(locals_) == 1 else f"(?:{whose})"
    return Needle(address, re.compile(f"{whose}(?:{_AT}){signs}(?:{'|'.join(sorted(domains))})"))


def _folds(text: str) -> set[str]:
    return {fold(text), fold(text.lower())} - {""}


_TAG: Final = re.compile(r"<[^<>]*>")
_PLUS_TAG: Final = re.compile(r"[+\N{FULLWIDTH PLUS SIGN}\N{SMALL PLUS SIGN}][\w.=\-]{1,64}")
_QUOTED_PRINTABLE: Final = re.compile(r"=([0-9A-Fa-f]{2})")


def search(needles: Sequence[Needle], passages: Iterable[Passage]) -> dict[str, Found]:
    """The first place of each address that stands in the passages. Linear in their text, for each address."""
    found: dict[str, Found] = {}
    for passage in passages:
        if not passage.text:
            continue
        missing = [one for one in needles if one.address not in found]
        if not missing:
            break
        for spelling in _spellings(passage):
            folded = fold(spelling)
            for one in missing:
                hit = one.pattern.search(spelling if one.in_text else folded)
                if one.address not in found and hit is not None:
                    at = hit.start() if one.in_text else _unfolded(spelling, hit.start())
                    found[one.address] = Found(passage.message_id, passage.place, _excerpt(spelling, at))
    return found


def _spellings(passage: Passage) -> Iterable[str]:
    """The text as it stands, and as it reads once what is encoded in it is decoded."""
    yield from _decoded(passage.text)
    if passage.is_markup:
        # Twice: what a comment hid may be a tag only when the tag inside it is gone.
        bare = _TAG.sub("", _TAG.sub("", passage.text))
        if bare != passage.text:
            yield from _decoded(bare)


def _decoded(text: str) -> Iterable[str]:
    yield text
    plain = read_tags(text)
    for _ in range(2):
        plain = unescape(plain)
        if "%" in plain:
            plain = unquote(plain, errors="replace")
    if "=4" in plain or "=2" in plain:
        plain = _QUOTED_PRINTABLE.sub(lambda octet: chr(int(octet[1], 16)), plain)
    if "xn--" in plain or "XN--" in plain or "Xn--" in plain or "xN--" in plain:
        plain = read_punycode(plain)
    if plain != text:
        yield plain
    bare = _PLUS_TAG.sub("", plain)
    if bare != plain:
        yield bare
    if not bare.isascii() and (lower := bare.lower()) != bare:
        yield lower


_CHUNK: Final = 2048
_BEFORE: Final = 40


def _unfolded(text: str, folded_at: int) -> int:
    """Where the character stands whose fold stands at a position of the text's fold."""
    at, done = 0, 0
    while at < len(text) and done + (length := len(fold(text[at : at + _CHUNK]))) <= folded_at:
        at, done = at + _CHUNK, done + length
    lengths = accumulate(len(fold(character)) for character in text[at : at + _CHUNK])
    return at + next((offset for offset, length in enumerate(lengths) if done + length > folded_at), 0)


def _excerpt(text: str, at: int) -> str:
    words = "".join(
        character if character.isprintable() else " " for character in text[max(0, at - _BEFORE) : at + MAX_EXCERPT]
    )
    return " ".join(words.split())[:MAX_EXCERPT].rstrip()
