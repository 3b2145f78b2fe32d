"""The recipients of a mail to be, from the strings that a caller wrote (contract: normalisation of recipients).

A caller writes `Ada <ada@example.org>` or the bare address. Only the address is kept, in the one spelling that
is stored, compared and suppressed. What can be read in more than one way is refused, not repaired: a mail that
goes to somebody else than was meant cannot be called back.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from attrs import frozen

from e2ad.core.address import AddressError, Mailbox
from e2ad.core.compose_header import written_address
from e2ad.core.errors import InvalidRecipient, TooManyRecipients

__all__ = [
    "ADDRESS_OCTETS",
    "MAX_CHARACTERS",
    "MAX_RECIPIENTS",
    "Addressing",
    "address_of",
    "normalise",
    "refuse_too_many",
]

MAX_CHARACTERS: Final = 320
"""Code points of one string, its display name included."""
ADDRESS_OCTETS: Final = 254
"""Octets of an addr-spec (RFC 5321 section 4.5.3.1.3 without the angle brackets); its local part has at most 64."""
MAX_RECIPIENTS: Final = 50

# No control of any alphabet and no separator of lines: a header field is made of this.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# A quoted string, a domain literal, an opened comment, a mark, blanks, or a run of anything else.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|\[[^\[\]]*+\]|[<>,;:()@]|[ ]++|[^<>,;:()@"\[\] ]++')
_IN_COMMENT: Final = re.compile(r"[()]|\\.")


@frozen
class Addressing:
    """Whom a mail goes to: bare, folded, and distinct over all three fields."""

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """To first, then Cc, then Bcc."""
        return (*self.to, *self.cc, *self.bcc)


def address_of(text: str) -> str:
    """The address in one mailbox (RFC 5322 section 3.4, RFC 6532), lower-case, its domain as A-labels.

    Comments are left out, a display name too; groups, routes and lists are refused.

    Raises:
        AddressError: it is not exactly one mailbox, or too long; the message does not quote it.
    """
    if len(text) > MAX_CHARACTERS:
        raise AddressError(f"longer than {MAX_CHARACTERS} characters")
    if _CONTROL.search(text):
        raise AddressError("has a line break or another control character")
    spec = _spec(_tokens(text))
    folded = _checked(spec).folded
    # Lower case can be longer, and in some alphabets another character: what is stored must stand by itself.
    return str(_checked(folded))


def normalise(
    to: Iterable[str], cc: Iterable[str] = (), bcc: Iterable[str] = (), *, own: Collection[str] = ()
) -> Addressing:
    """All recipients of one mail, each once, in the first of To, Cc and Bcc that names it.

    Args:
        own: addresses of the sender, folded; they are left out of Cc and Bcc. In To they stay: that is mail to oneself.

    Raises:
        InvalidRecipient: an entry cannot be read, and which; or neither To nor Cc has one left.
    """
    seen: set[str] = set()
    fields: list[tuple[str, ...]] = []
    for name, texts in (("to", to), ("cc", cc), ("bcc", bcc)):
        if name == "cc":
            seen.update(own)
        addresses = [_entry(name, index, text) for index, text in enumerate(texts)]
        fresh = tuple(dict.fromkeys(address for address in addresses if address not in seen))
        seen.update(fresh)
        fields.append(fresh)
    addressing = Addressing(*fields)
    if not addressing.to and not addressing.cc:
        raise InvalidRecipient("no recipient is left: to or cc needs an address other than the sender's own")
    refuse_too_many(len(addressing.all))
    return addressing


def refuse_too_many(provided: int) -> None:
    """Hold a number of recipients against the limit.

    Raises:
        TooManyRecipients: with the numbers.
    """
    if provided > MAX_RECIPIENTS:
        raise TooManyRecipients(
            f"{provided} recipients over to, cc and bcc: at most {MAX_RECIPIENTS} are allowed",
            details={"max_recipients": MAX_RECIPIENTS, "provided": provided},
        )


def _entry(name: str, index: int, text: str) -> str:
    try:
        address = address_of(text)
    except ValueError as error:
        raise InvalidRecipient(f"{name}[{index}]: {error}") from error
    if address.endswith("]"):
        # Whoever could name a host by its number would have the relay knock at doors inside.
        raise InvalidRecipient(f"{name}[{index}]: has the number of a host in the place of a domain")
    return address


def _checked(spec: str) -> Mailbox:
    mailbox = written_address(spec)
    if len(str(mailbox).encode()) > ADDRESS_OCTETS:
        raise AddressError(f"the address is longer than {ADDRESS_OCTETS} octets")
    return mailbox


def _tokens(text: str) -> list[str]:
    """The text's tokens without its comments. A quote, bracket or parenthesis without its partner is refused."""
    tokens: list[str] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or token[0] == ")":
            raise AddressError("has an unmatched quote, bracket or parenthesis")
        position = token.end()
        if token[0] == "(":
            position = _comment_end(text, position)
            tokens.append(" ")
        else:
            tokens.append(token[0])
    return tokens


def _comment_end(text: str, position: int) -> int:
    depth = 1
    for mark in _IN_COMMENT.finditer(text, position):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if not depth:
            return mark.end()
    raise AddressError("has an unmatched quote, bracket or parenthesis")


def _spec(tokens: Sequence[str]) -> str:
    """The addr-spec among the tokens of one mailbox."""
    if ";" in tokens or ":" in tokens or "," in tokens:
        raise AddressError("is a list or a group: each entry is one mailbox")
    if "<" in tokens or ">" in tokens:
        opened = tokens.index("<") if "<" in tokens else len(tokens)
        name, rest = tokens[:opened], tokens[opened + 1 :]
        if rest.count(">") != 1 or "<" in rest or any(not word.isspace() for word in rest[rest.index(">") + 1 :]):
            raise AddressError("has the form Name <local-part@domain>, with nothing behind it")
        if "@" in name:
            raise AddressError("has an @ in its display name outside quotes")
        tokens = rest[: rest.index(">")]
    # RFC 5322 section 3.2.3: blanks and comments may stand around a dot-atom, and so beside the @.
    spec = "@".join(part.strip(" ") for part in "".join(tokens).split("@"))
    if not spec:
        raise AddressError("is empty")
    return spec
