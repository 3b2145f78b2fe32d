"""One definition of an operation, four ways to call it.

A resource's method is written once, as `exchange.Steps`. What a caller gets depends on the client that the resource
hangs on: `Sync` blocks and returns a model, `Async` returns an awaitable of it (under asyncio and under Trio), the
two `Plain` ones give the JSON as it came. Type checkers see each with its own signature.
"""

from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, BinaryIO, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from e2ad.sdk.errors import E2AValidationError
from e2ad.sdk.exchange import (
    Answer,
    BytesAnswer,
    CountAnswer,
    Patience,
    Request,
    Sink,
    Steps,
    TaggedAnswer,
    call,
    path,
)
from e2ad.sdk.pages import AutoPager, Paging, SyncAutoPager

__all__ = ["Async", "AsyncPlain", "Driver", "F", "Plain", "Resource", "Sync", "operation", "paged"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")


class Sync:
    """Blocks; models."""


class Async:
    """Awaitable; models."""


class Plain:
    """Blocks; JSON values."""


class AsyncPlain:
    """Awaitable; JSON values."""


F = TypeVar("F")


class Driver(Protocol):
    """Does the I/O of one face."""

    @property
    def patience(self) -> Patience:
        """How long a call is tried."""

    def run(self, steps: Steps[Any]) -> Any:
        """Carry a call out."""

    def pager(self, paging: Paging[Any]) -> Any:
        """Hand out a list."""


class Resource(Generic[F]):
    """A group of operations."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    # What the operations are written with. Each returns the steps of one call.

    def _call(
        self,
        kind: type[M],
        method: str,
        route: str,
        *parts: str | int,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
        keyed: bool = False,
        idempotency_key: str | None = None,
        retried: bool | None = None,
    ) -> Steps[M]:
        """Ask, and read the answer as `kind`; `exchange.Request` says what the rest means.

        Raises:
            E2AValidationError: an idempotency key that is none: the server would not tell a repetition by it.
        """
        if idempotency_key is not None and not str(idempotency_key).strip():
            raise E2AValidationError("an idempotency key is empty", code="invalid_request")
        request = Request(
            method,
            path(route, *parts),
            query=query or {},
            body=body,
            headers=_given({**(headers or {}), "Idempotency-Key": idempotency_key}),
            keyed=keyed or idempotency_key is not None,
            retried=retried,
        )
        return Answer((yield from call(request, self._driver.patience)), kind)

    def _list(self, kind: type[M], route: str, *parts: str | int, **query: Any) -> Paging[M]:
        """A list; `query` narrows it."""
        return Paging(kind, path(route, *parts), query)

    def _tagged(self, kind: type[M], route: str, *parts: str | int) -> Steps[tuple[M, str | None]]:
        """Read a thing together with its version."""
        return TaggedAnswer((yield from call(Request("GET", path(route, *parts)), self._driver.patience)), kind)

    def _octets(self, route: str, *parts: str | int, query: Mapping[str, Any] | None = None) -> Steps[bytes]:
        """Read what is not JSON, or is not to be read as that."""
        request = Request("GET", path(route, *parts), query=query or {})
        return BytesAnswer((yield from call(request, self._driver.patience)), bytes)

    def _poured(self, address: str, file: BinaryIO, progress: Callable[[int], object] | None) -> Steps[int]:
        """Read something large into a file; `address` is a path with its query."""
        sink = Sink(file, progress)
        response = yield from call(Request("GET", address, sink=sink), self._driver.patience)
        return CountAnswer(response, int, sink.taken)


def _given(headers: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if value is not None}


class operation(Generic[P, T]):  # noqa: N801  # used as a decorator
    """Makes a method that returns `Steps` callable through each face."""

    def __init__(self, function: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    @overload
    def __get__(self, instance: None, owner: type) -> "operation[P, T]": ...
    @overload
    def __get__(self, instance: Resource[Sync], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Resource[Async], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, instance: Resource[Plain], owner: type) -> Callable[P, Any]: ...
    @overload
    def __get__(self, instance: Resource[AsyncPlain], owner: type) -> Callable[P, Coroutine[Any, Any, Any]]: ...
    def __get__(self, instance: Resource[Any] | None, owner: type) -> Any:
        """The method, bound to its resource."""
        if instance is None:
            return self
        steps, driver = self.__wrapped__.__get__(instance), instance._driver

        @wraps(steps)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return driver.run(steps(*args, **kwargs))

        return method


class paged(Generic[P, T]):  # noqa: N801  # used as a decorator
    """Makes a method that returns `Paging` callable through each face."""

    def __init__(self, function: Callable[Concatenate[Any, P], Paging[T]]) -> None:
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    @overload
    def __get__(self, instance: None, owner: type) -> "paged[P, T]": ...
    @overload
    def __get__(self, instance: Resource[Sync], owner: type) -> Callable[P, SyncAutoPager[T]]: ...
    @overload
    def __get__(self, instance: Resource[Async], owner: type) -> Callable[P, AutoPager[T]]: ...
    @overload
    def __get__(self, instance: Resource[Plain], owner: type) -> Callable[P, SyncAutoPager[Any]]: ...
    @overload
    def __get__(self, instance: Resource[AsyncPlain], owner: type) -> Callable[P, AutoPager[Any]]: ...
    def __get__(self, instance: Resource[Any] | None, owner: type) -> Any:
        """The method, bound to its resource."""
        if instance is None:
            return self
        list_of, driver = self.__wrapped__.__get__(instance), instance._driver

        @wraps(list_of)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return driver.pager(list_of(*args, **kwargs))

        return method
