"""The audit log: who decided what on which evidence, in rows of which each vouches for all before it.

A row is bytes, and its digest is their SHA-256. The bytes are ten lines of UTF-8, joined by a line feed and
with none at the end:

1. ``e2ad audit 1``
2. the account's id
3. the row's number, decimal: 1, 2, 3, ... without gaps
4. the digest of the row before, 64 lower-case hexadecimal digits; of row 1 sixty-four zeros
5. the time in UTC as ``2026-06-13T10:00:00.000000Z``
6. the kind of actor
7. the actor
8. the action
9. the subject
10. the evidence: a JSON text in one line, exactly as it is stored

No line but the last could hold a line feed and none does, so that no two rows have the same bytes. Whoever keeps the
digest of row N somewhere else can prove later that rows 1 to N are what they were then; without that the newest
digest is compared with the one that the database keeps apart, which finds rows that were cut off at the end.

What ``e2ad audit export`` writes, one JSON object a line, is verified without e2ad by this Python::

    import hashlib, json, sys

    number, digest = 0, "0" * 64
    for line in open(sys.argv[1], encoding="utf-8"):
        row = json.loads(line)
        names = ["account_id", "number", "previous", "at", "actor_kind", "actor", "action", "subject", "evidence"]
        text = chr(10).join(["e2ad audit 1", *(str(row[name]) for name in names)])
        whole = text.count(chr(10)) == 9 and row["number"] == number + 1 and row["previous"] == digest
        if not whole or row["digest"] != hashlib.sha256(text.encode()).hexdigest():
            sys.exit(f"row {number + 1} is bad")
        number, digest = row["number"], row["digest"]
    print(f"{number}:{digest}")

What it prints is what ``e2ad audit verify`` printed when the log was whole.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from attrs import define, field, frozen

__all__ = [
    "GENESIS",
    "SYSTEM",
    "Actor",
    "ActorKind",
    "Flaw",
    "Head",
    "Row",
    "Verifier",
    "digest",
    "form",
    "instant",
    "parse_head",
    "text_of",
    "verify",
]

ActorKind = Literal["key", "session", "link", "program", "identity", "expiry", "system"]

MAGIC: Final = "e2ad audit 1"
GENESIS: Final = bytes(32)
"""What row 1 continues."""

_HEAD: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


@frozen
class Actor:
    """Who acts: an API key by its id, a person signed in by the session's, a mailed link by the start of its
    token's hash, a program by its grant, an agent's own token by the agent; or the clock; or the deployment itself.
    """

    kind: ActorKind
    id: str = ""
    client_address: str = ""


SYSTEM: Final = Actor("system")
"""The operator at the command line, or a rule of the deployment."""


@frozen
class Row:
    """One row as it is stored; `at` and `evidence` are the texts that the digest is made of."""

    account_id: str
    number: int
    at: str
    actor_kind: str
    actor: str
    action: str
    subject: str
    evidence: str = field(repr=False)
    previous: bytes = field(repr=False)
    digest: bytes


@frozen
class Head:
    """The newest row: kept elsewhere, it proves what came before it."""

    number: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.digest.hex()}"


@frozen
class Flaw:
    """The first row that is not what it was, and how that shows."""

    number: int
    reason: Literal["altered", "replaced", "inserted", "missing", "disordered", "cut_off", "unknown_to_head", "foreign"]
    detail: str


def instant(at: datetime) -> str:
    """A time as the digest has it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text_of(evidence: Mapping[str, Any]) -> str:
    """Evidence as it is stored: JSON in one line, its keys in order.

    Raises:
        ValueError: it is no JSON, such as a number that is none.
    """
    return json.dumps(evidence, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def form(row: Row) -> bytes:
    """The bytes that the digest of a row is of."""
    lines = (
        MAGIC,
        row.account_id,
        str(row.number),
        row.previous.hex(),
        row.at,
        row.actor_kind,
        row.actor,
        row.action,
        row.subject,
        row.evidence,
    )
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def digest(row: Row) -> bytes:
    """What the digest of a row has to be."""
    return hashlib.sha256(form(row)).digest()


def parse_head(text: str) -> Head:
    """What `Head` reads as.

    Raises:
        ValueError: it is not NUMBER:DIGEST.
    """
    match = _HEAD.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError("a head is NUMBER:DIGEST, the digest 64 hexadecimal digits, as `e2ad audit verify` prints it")
    return Head(int(match[1]), bytes.fromhex(match[2]))


@define
class Verifier:
    """Looks at the rows of one account in the order of their numbers; what it keeps does not grow with them.

    Args:
        account_id: whose rows they have to be.
        expected: a head that somebody kept.

    Attributes:
        head: the last row that was good.
    """

    account_id: str
    expected: Head | None = None
    head: Head = field(default=Head(0, GENESIS), init=False)
    _before: bytes | None = field(default=None, init=False)

    @classmethod
    def behind(cls, account_id: str, head: Head, before: bytes | None) -> "Verifier":
        """One that goes on where another one stopped: behind `head`, which continues the row of the digest `before`."""
        verifier = cls(account_id)
        verifier.head, verifier._before = head, before
        return verifier

    @property
    def before(self) -> bytes | None:
        """What the last row that was good continues."""
        return self._before

    def add(self, row: Row) -> Flaw | None:
        """Look at the next row; nothing may be added behind a flaw."""
        number = self.head.number + 1
        if row.number < number:
            return Flaw(row.number, "disordered", f"a row has the number {row.number} where {number} has to come")
        if row.number > number:
            return Flaw(number, "missing", f"there is no row {number}: the next one is {row.number}")
        if row.account_id != self.account_id:
            return Flaw(number, "foreign", f"row {number} is a row of the account {row.account_id}")
        if form(row).count(b"\n") != 9 or digest(row) != row.digest:
            if row.previous == self._before:
                return Flaw(
                    number - 1, "inserted", f"row {number - 1} was put in: row {number} continues the one before it"
                )
            return Flaw(number, "altered", f"row {number} is not what was written: its digest is of other content")
        if row.previous != self.head.digest:
            # By itself the row is whole, so it continues another row than the one that stands before it now.
            replaced = max(1, self.head.number)
            return Flaw(replaced, "replaced", f"row {number} continues another row {number - 1} than the one there is")
        if self.expected is not None and self.expected.number == number and self.expected.digest != row.digest:
            return Flaw(number, "replaced", f"row {number} is not the one whose digest was kept, or one before it")
        self._before, self.head = self.head.digest, Head(number, row.digest)
        return None

    def end(self, head: Head | None) -> Flaw | None:
        """Compare the end of the rows with the newest row that the database remembers apart from them."""
        last = self.head.number
        known = head or Head(0, GENESIS)
        furthest = max(known.number, self.expected.number if self.expected is not None else 0)
        if furthest > last:
            return Flaw(last + 1, "cut_off", f"rows {last + 1} to {furthest} are gone")
        if known.number < last:
            return Flaw(
                known.number + 1, "unknown_to_head", f"row {known.number + 1} was added past the head of the log"
            )
        if known.digest != self.head.digest:
            return Flaw(last, "replaced", f"row {last} is not the one that the head of the log remembers")
        return None


def verify(account_id: str, rows: Iterable[Row], head: Head | None, expected: Head | None = None) -> Flaw | None:
    """The first bad row of an account, None where all are what they were.

    Args:
        rows: all of them, in the order of their numbers.
        head: the newest one, as the database remembers it.
        expected: one that somebody kept.
    """
    verifier = Verifier(account_id, expected)
    for row in rows:
        flaw = verifier.add(row)
        if flaw is not None:
            return flaw
    return verifier.end(head)
