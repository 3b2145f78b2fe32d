"""Running one statement: the four verbs that every storage function is written with.

A storage function takes an `Executor` and does not care whether that is the whole database (each
statement commits by itself, on any connection of the pool) or one connection inside a transaction.

Parameters are ``%(name)s``; a literal percent sign is ``%%`` in a statement that has parameters.
Results travel in binary, so that a raw mail is not sent as twice its size in hex; a type that
psycopg has no binary loader for (an enum, ``regclass``) needs a cast to text in the statement.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, overload

import psycopg
import trio
from psycopg import errors
from psycopg.rows import class_row, dict_row, scalar_row, tuple_row

from e2ad.core.errors import Unavailable
from e2ad.storage.adaptation import Column
from e2ad.storage.connection import TrioConnection

__all__ = ["Connection", "Executor", "Params", "UnstorableText", "translate"]

T = TypeVar("T")
Params = Mapping[str, Any]

_LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    # The former primary after a failover: the connection is closed, the next one finds the new one.
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
)
"""What may go better in a moment."""

_HOPELESS = (errors.ProgramLimitExceeded,)
"""Operational by class, yet the same statement will fail again."""


class UnstorableText(psycopg.DataError):
    """A text parameter holds NUL, which PostgreSQL has no place for. Clean it where it came in."""


def translate(error: psycopg.Error) -> Exception:
    """What the rest of e2ad is told: `Unavailable` for a database that does not answer, else the error itself."""
    if isinstance(error, _LOST) and not isinstance(error, _HOPELESS):
        return Unavailable()
    return error


def refuse_nul(params: Params) -> None:
    """Binary arrays get past psycopg's own check, and the server's answer does not name the parameter."""
    for name, value in params.items():
        if isinstance(value, str):
            if "\0" in value:
                raise UnstorableText(f"parameter {name} holds NUL, which PostgreSQL cannot store as text")
        elif isinstance(value, list | Column):
            for index, item in enumerate(value.values if isinstance(value, Column) else value):
                if isinstance(item, str) and "\0" in item:
                    raise UnstorableText(f"parameter {name}[{index}] holds NUL, which PostgreSQL cannot store as text")


class Executor(ABC):
    """Whatever runs statements. All verbs raise `core.errors.Unavailable` when the database cannot
    be reached, is too slow or was lost on the way, and psycopg's own errors for everything else.

    Cancellation: a statement that was not sent is not carried out. One that was sent is cancelled
    on the server; whether it still took effect can be known inside a transaction only (it did not).
    """

    @abstractmethod
    async def _run(
        self, statement: str, params: Params | None, rows: Callable[[Any], Any], prepare: bool | None
    ) -> tuple[list[Any], int]:
        """The rows, if any, and the number of rows that were touched."""

    @overload
    async def fetch_all(
        self, statement: str, params: Params | None = None, row: None = None, *, prepare: bool | None = None
    ) -> list[dict[str, Any]]: ...

    @overload
    async def fetch_all(
        self, statement: str, params: Params | None = None, *, row: type[T], prepare: bool | None = None
    ) -> list[T]: ...

    async def fetch_all(
        self,
        statement: str,
        params: Params | None = None,
        row: type[Any] | None = None,
        *,
        prepare: bool | None = None,
    ) -> list[Any]:
        """All rows.

        Args:
            statement: a named query.
            params: by name.
            row: made from each row, its arguments the column names; without it a row is a dict.
            prepare: True to prepare at once, False never; else after a few executions.
        """
        fetched, _ = await self._run(statement, params, class_row(row) if row else dict_row, prepare)
        return fetched

    @overload
    async def fetch_one(
        self, statement: str, params: Params | None = None, row: None = None, *, prepare: bool | None = None
    ) -> dict[str, Any] | None: ...

    @overload
    async def fetch_one(
        self, statement: str, params: Params | None = None, *, row: type[T], prepare: bool | None = None
    ) -> T | None: ...

    async def fetch_one(
        self,
        statement: str,
        params: Params | None = None,
        row: type[Any] | None = None,
        *,
        prepare: bool | None = None,
    ) -> Any:
        """The first row, or None. Arguments as in `fetch_all`."""
        fetched, _ = await self._run(statement, params, class_row(row) if row else dict_row, prepare)
        return fetched[0] if fetched else None

    async def fetch_value(self, statement: str, params: Params | None = None, *, prepare: bool | None = None) -> Any:
        """The first column of the first row, or None."""
        fetched, _ = await self._run(statement, params, scalar_row, prepare)
        return fetched[0] if fetched else None

    async def execute(self, statement: str, params: Params | None = None, *, prepare: bool | None = None) -> int:
        """Run a statement for its effect and return how many rows it touched (-1 where that has no meaning)."""
        _, touched = await self._run(statement, params, tuple_row, prepare)
        return touched


class Connection(Executor):
    """One connection, for as long as the pool lends it.

    Attributes:
        driver: psycopg's connection, for COPY, pipelines and server-side cursors. A statement run
            on it directly is not counted and raises psycopg's own errors.
    """

    def __init__(self, driver: TrioConnection) -> None:
        self.driver = driver

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """A transaction, or a savepoint inside one: ``async with connection.transaction():``."""
        return self.driver.transaction()

    async def _run(
        self, statement: str, params: Params | None, rows: Callable[[Any], Any], prepare: bool | None
    ) -> tuple[list[Any], int]:
        driver = self.driver
        if params:
            refuse_nul(params)
        # The server ends a statement that takes too long. This is for a server that does not answer at all.
        seconds = driver.limits.statement_seconds + driver.limits.cancel_seconds
        driver.meter.statements += 1
        try:
            with trio.fail_after(seconds if driver.limits.statement_seconds else float("inf")):
                cursor = driver.cursor(row_factory=rows, binary=True)
                await cursor.execute(statement, params, prepare=prepare)
                return (await cursor.fetchall() if cursor.description else []), cursor.rowcount
        except trio.TooSlowError as error:
            raise Unavailable from error
        except psycopg.Error as error:
            if isinstance(error, errors.ReadOnlySqlTransaction):
                driver.shut()
            known = translate(error)
            if known is error:
                raise
            raise known from error
