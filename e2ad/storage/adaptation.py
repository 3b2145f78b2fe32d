"""How Python's values travel to PostgreSQL and back, the same on every connection.

- Lists go as binary arrays: inserting a hundred rows by `unnest` costs a fifth of what text arrays cost.
- A statement that runs all the time takes its lists as `texts(...)`, `octets(...)`, `integers(...)` and so on. psycopg
  reads the type of a plain list off its values, so one that holds only nulls or only small numbers makes another
  statement of it, which PostgreSQL parses and plans anew; these have one type whatever they hold.
- `dict` goes as jsonb, and `Jsonb(value)` wraps any other JSON value; both ways through orjson.
- `timestamptz` comes back as aware UTC, since every session runs in UTC.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, ClassVar, Final

import orjson
import psycopg
from attrs import frozen
from psycopg.adapt import AdaptersMap, Dumper, PyFormat
from psycopg.pq import Format
from psycopg.types.array import ListBinaryDumper
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads

__all__ = ["ADAPTERS", "Column", "Jsonb", "booleans", "floats", "instants", "integers", "octets", "texts"]

_HEAD: Final = Struct("!iiIii")
_EMPTY_HEAD: Final = Struct("!iiI")
_LENGTH: Final = Struct("!i")
_INT4: Final = Struct("!i")
_INT8: Final = Struct("!q")
_FLOAT8: Final = Struct("!d")
_NULL: Final = _LENGTH.pack(-1)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@frozen
class Column:
    """A list of values of one type, null among them, as one parameter. Made by the functions below."""

    values: Sequence[Any]


class _Texts(Column):
    pass


class _Octets(Column):
    pass


class _Integers(Column):
    pass


class _Floats(Column):
    pass


class _Booleans(Column):
    pass


class _Instants(Column):
    pass


def texts(values: Iterable[str | None]) -> Column:
    """As `text[]`."""
    return _Texts(list(values))


def octets(values: Iterable[bytes | None]) -> Column:
    """As `bytea[]`."""
    return _Octets(list(values))


def integers(values: Iterable[int | None]) -> Column:
    """As `integer[]`."""
    return _Integers(list(values))


def floats(values: Iterable[float | None]) -> Column:
    """As `double precision[]`."""
    return _Floats(list(values))


def booleans(values: Iterable[bool | None]) -> Column:
    """As `boolean[]`."""
    return _Booleans(list(values))


def instants(values: Iterable[datetime | None]) -> Column:
    """Aware datetimes as `timestamptz[]`."""
    return _Instants(list(values))


class _ColumnDumper(Dumper):
    """The wire form of a one-dimensional array (PostgreSQL, array_recv): a head, then length and value of each."""

    format = Format.BINARY
    element_oid: ClassVar[int]
    encode: ClassVar[Callable[[Any], bytes]]

    def dump(self, obj: Column) -> bytes:
        values = obj.values
        if not values:
            return _EMPTY_HEAD.pack(0, 0, self.element_oid)
        encode, length = type(self).encode, _LENGTH.pack
        parts = [_HEAD.pack(1, None in values, self.element_oid, len(values), 1)]
        for value in values:
            if value is None:
                parts.append(_NULL)
            else:
                data = encode(value)
                parts.append(length(len(data)))
                parts.append(data)
        return b"".join(parts)


def _microseconds(at: datetime) -> bytes:
    return _INT8.pack((at - _EPOCH) // _MICROSECOND)


def _column_dumper(array: str, element: str, encode: Callable[[Any], bytes]) -> type[Dumper]:
    known = psycopg.postgres.types
    members = {"oid": known[element].array_oid, "element_oid": known[element].oid, "encode": staticmethod(encode)}
    return type(array, (_ColumnDumper,), members)


_COLUMNS: Final = (
    (_Texts, _column_dumper("TextsDumper", "text", str.encode)),
    (_Octets, _column_dumper("OctetsDumper", "bytea", bytes)),
    (_Integers, _column_dumper("IntegersDumper", "int4", _INT4.pack)),
    (_Floats, _column_dumper("FloatsDumper", "float8", _FLOAT8.pack)),
    (_Booleans, _column_dumper("BooleansDumper", "bool", lambda value: b"\1" if value else b"\0")),
    (_Instants, _column_dumper("InstantsDumper", "timestamptz", _microseconds)),
)


class _Context:
    """What psycopg calls a context: something that has adapters, here with no connection behind it."""

    connection = None

    def __init__(self, adapters: AdaptersMap) -> None:
        self.adapters = adapters


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    context = _Context(adapters)
    set_json_dumps(orjson.dumps, context)
    set_json_loads(orjson.loads, context)
    adapters.register_dumper(list, ListBinaryDumper)
    for column, dumper in _COLUMNS:
        adapters.register_dumper(column, dumper)
    for form in (PyFormat.TEXT, PyFormat.BINARY):  # the last one is what an unmarked parameter gets
        adapters.register_dumper(dict, adapters.get_dumper(Jsonb, form))
    return adapters


ADAPTERS = _adapters()
"""Copied onto every connection."""
