"""Contacts and outreach: the rules of what callers keep about the people they write to (contract: contacts).

A contact is an address that an account deals with; an engagement is how one agent stands with it. What they hold is
the callers' own and never interpreted, within bounds. An import is read row by row, so that one bad line costs itself
and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from attrs import field, frozen

from e2ad.core.address import AddressError
from e2ad.core.errors import InvalidRecipient, InvalidRequest
from e2ad.core.recipients import address_of

__all__ = [
    "MAX_ADDRESS",
    "MAX_CONTACTS",
    "MAX_NAME",
    "MAX_ROWS",
    "MAX_STAGE",
    "Entry",
    "Outcome",
    "Row",
    "canonical",
    "check_metadata",
    "in_order",
    "read_rows",
    "schedule",
]

MAX_CONTACTS: Final = 10_000
MAX_ROWS: Final = 1000
MAX_ADDRESS: Final = 320
MAX_NAME: Final = 320
MAX_STAGE: Final = 128

MAX_KEYS: Final = 50
KEY_OCTETS: Final = 128
VALUE_OCTETS: Final = 4096
METADATA_OCTETS: Final = 16_384
_MOST: Final = 2**63
"""Integers that do not fit 64 bits are refused or rounded by most readers of JSON."""
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)

Status = Literal["created", "updated", "skipped", "failed"]

_encoder = msgspec.json.Encoder()


@frozen
class Row:
    """One line of an import as it was written. None is what it does not say."""

    address: str
    display_name: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, repr=False)


@frozen
class Entry:
    """A line that can be imported: its place, and its values as they are stored.

    Attributes:
        metadata: as JSON text.
    """

    index: int
    address: str
    display_name: str | None
    metadata: str | None = field(repr=False)


@frozen
class Outcome:
    """What became of one line.

    Attributes:
        code, message: why it was skipped or failed.
        enrolled: whether the import made its engagement.
    """

    index: int
    status: Status
    address: str | None = None
    code: str | None = None
    message: str | None = None
    enrolled: bool = False
    suppressed: bool = False


def canonical(text: str) -> str:
    """The one spelling of an address, written bare or with a display name.

    Raises:
        InvalidRecipient: it is not one mailbox that mail can be sent to.
    """
    try:
        address = address_of(text)
    except AddressError as error:
        raise InvalidRecipient(f"address: {error}") from error
    if address.endswith("]"):
        raise InvalidRecipient("address: has the number of a host in the place of a domain")
    return address


def check_metadata(metadata: Mapping[str, Any]) -> str:
    """Metadata as the JSON text that is stored.

    Raises:
        InvalidRequest: it is not flat, or larger than it may be, and where.
    """
    if len(metadata) > MAX_KEYS:
        raise InvalidRequest(f"metadata has {len(metadata)} keys: at most {MAX_KEYS} are allowed")
    for key, value in metadata.items():
        if len(key.encode()) > KEY_OCTETS:
            raise InvalidRequest(f"metadata: the key {key[:40]!r}… has more than {KEY_OCTETS} bytes")
        _check_value(key, value)
    text = _encoder.encode(metadata)
    if len(text) > METADATA_OCTETS:
        raise InvalidRequest(f"metadata has {len(text)} bytes as JSON: at most {METADATA_OCTETS} are allowed")
    return text.decode()


def schedule(at: datetime) -> datetime:
    """A time of a next action, in UTC.

    Raises:
        InvalidRequest: it lies in no year that a calendar or the database can hold.
    """
    if not _FIRST <= at < _LAST:
        raise InvalidRequest("next_action_at must lie between the years 2000 and 9998")
    return at.astimezone(UTC)


def read_rows(rows: Sequence[Row]) -> tuple[list[Entry], list[Outcome]]:
    """The lines that can be imported, and the outcomes of all others; both in order.

    Of lines with one address the first good one counts.
    """
    entries: dict[str, Entry] = {}
    others: list[Outcome] = []
    for index, row in enumerate(rows):
        try:
            address = canonical(row.address)
        except InvalidRecipient as error:
            others.append(Outcome(index, "failed", code="invalid_recipient", message=error.message))
            continue
        first = entries.get(address)
        if first is not None:
            message = f"row {first.index} has the same address"
            others.append(Outcome(index, "skipped", address, "duplicate_in_batch", message))
            continue
        try:
            entries[address] = _entry(index, address, row)
        except InvalidRequest as error:
            others.append(Outcome(index, "failed", address, "invalid_request", error.message))
    return list(entries.values()), others


def _entry(index: int, address: str, row: Row) -> Entry:
    if row.display_name is not None and len(row.display_name) > MAX_NAME:
        raise InvalidRequest(f"display_name must have at most {MAX_NAME} characters")
    metadata = None if row.metadata is None else check_metadata(row.metadata)
    return Entry(index, address, row.display_name, metadata)


def _check_value(key: str, value: Any) -> None:
    shown = key[:40]
    match value:
        case None | bool() | float():
            pass
        case int():
            if not -_MOST <= value < _MOST:
                raise InvalidRequest(f"metadata: the number at {shown!r} has more than 64 bits: send it as a string")
        case str():
            if len(value.encode()) > VALUE_OCTETS:
                raise InvalidRequest(f"metadata: the text at {shown!r} has more than {VALUE_OCTETS} bytes")
        case _:
            raise InvalidRequest(f"metadata: the value at {shown!r} must be a string, a number, a boolean or null")


def in_order(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Outcomes as the lines stood."""
    return sorted(outcomes, key=lambda outcome: outcome.index)
