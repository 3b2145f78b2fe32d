"""What a script called of a published client, the happy way and refused; plain Python, for any interpreter.

A script is written once, with `await` and `async for`, and is run with the asynchronous client by asyncio, and
with the blocking one by `drive`: there no event loop runs, and nothing that is awaited ever waits. So both
clients are called in the same way, and each in the surroundings that it is made for.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import httpx


class Recorder:
    """The names of what was called: happily, with a request to the server or without, and refused, by whom."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.happy: set[str] = set()
        self.asked: set[str] = set()
        self.refused: set[str] = set()
        self.refused_here: set[str] = set()
        self.failures: set[str] = set()
        self.requests = 0
        for kind in (httpx.Client, httpx.AsyncClient):
            kind.send = self._counted(kind.send)

    def watch(self, target: Any, name: str | None = None) -> Any:
        """A stand-in for a client, a part of it, or a function: calls go through and are noted."""
        name = name or getattr(target, "__name__", type(target).__name__)
        return _watched(self, name, target) if inspect.isroutine(target) else Watched(self, target, name)

    @contextmanager
    def noting(self, names: tuple[str, ...], before: int) -> Iterator[None]:
        """What happens inside happens to these; `before` is how many requests there had been."""
        try:
            yield
        except Exception as error:
            self.failures.add(type(error).__name__)
            status = getattr(error, "status", getattr(error, "status_code", 0))
            (self.refused if status else self.refused_here).update(names)
            raise
        except GeneratorExit:  # enough was read
            self._went_well(before, names)
            raise
        self._went_well(before, names)

    def _went_well(self, before: int, names: tuple[str, ...]) -> None:
        self.happy.update(names)
        if self.requests > before:
            self.asked.update(names)

    def _counted(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **named: Any) -> Any:
            self.requests += 1
            return send(*arguments, **named)

        return counting

    def own(self, value: Any, *credit: str) -> Any:
        """A value, watched if it has a public method of the client's own making."""
        if isinstance(value, list):
            return [self.own(one) for one in value]
        if _is_own(value, self.package) or hasattr(type(value), "__aiter__"):
            return Watched(self, value, type(value).__name__, credit)
        return value

    def told(self, **more: set[str]) -> dict[str, list[str]]:
        """For the test that started the script."""
        names = ("happy", "asked", "refused", "refused_here", "failures")
        return {name: sorted(one) for name, one in ({name: getattr(self, name) for name in names} | more).items()}


class Watched:
    """Stands for an object of the client. Each call is awaited; what comes page by page is iterated.

    Args:
        credit: the methods that made a pager or a stream: no request was made before it is asked.
    """

    def __init__(self, recorder: Recorder, target: Any, name: str, credit: tuple[str, ...] = ()) -> None:
        self._recorder, self._target, self._name, self._credit = recorder, target, name, credit

    def __getattr__(self, name: str) -> Any:
        value, full = getattr(self._target, name), f"{self._name}.{name}"
        if inspect.isroutine(value):
            return _watched(self._recorder, full, value, *self._credit)
        if isinstance(value, list):
            return self._recorder.own(value)
        return Watched(self._recorder, value, full) if _is_own(value, self._recorder.package) else value

    async def __aiter__(self) -> AsyncIterator[Any]:
        with self._recorder.noting(self._credit, self._recorder.requests):
            if hasattr(type(self._target), "__aiter__"):
                async with aclosing(aiter(self._target)) as items:
                    async for item in items:
                        yield item
            else:
                for item in self._target:
                    yield item


def _watched(recorder: Recorder, name: str, call: Callable[..., Any], *credit: str) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        before = recorder.requests
        try:
            result = call(*arguments, **named)
        except Exception as error:
            return settle(None, error, before)
        if _is_iterable(result, recorder.package):
            return recorder.own(result, name)
        return settle(result, None, before)

    async def settle(result: Any, error: Exception | None, before: int) -> Any:
        with recorder.noting((name, *credit), before):
            if error is not None:
                raise error
            return recorder.own(await result if inspect.isawaitable(result) else result)

    return called


def _is_own(value: Any, package: str) -> bool:
    """An object of the client that is no data: data is made by a generator, or is a dataclass."""
    kind = type(value)
    module = kind.__module__
    return module.startswith(f"{package}.") and ".generated" not in module and not hasattr(kind, "__dataclass_fields__")


def _is_iterable(value: Any, package: str) -> bool:
    kind = type(value)
    return hasattr(kind, "__aiter__") or (_is_own(value, package) and hasattr(kind, "__iter__"))


def surface(target: Any, name: str, package: str, kinds: set[type]) -> dict[str, Any]:
    """The public methods of an object and of its parts, by their names; `kinds` gets the classes of the parts."""
    found: dict[str, Any] = {}
    kinds.add(type(target))
    for attribute in dir(target):
        if attribute.startswith("_"):
            continue
        value, full = getattr(target, attribute), f"{name}.{attribute}"
        if inspect.isroutine(value):
            found[full] = value
        elif _is_own(value, package):
            found |= surface(value, full, package, kinds)
    return found


def exported(module: Any, package: str, but: set[type]) -> dict[str, Any]:
    """The functions that a module exports, and the public methods of its classes: no failures and no mere data."""
    found: dict[str, Any] = {}
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isfunction(value):
            found[name] = value
        elif inspect.isclass(value) and value not in but and value.__module__.startswith(f"{package}."):
            if ".generated" in value.__module__ or issubclass(value, Exception) or dict in value.__mro__:
                continue
            inside = inspect.getmembers(value, inspect.isroutine)
            found |= {f"{name}.{member}": one for member, one in inside if not member.startswith("_")}
    return found


def failures(module: Any) -> set[str]:
    """The names of the failures that a module exports."""
    values = {name: getattr(module, name) for name in module.__all__}
    return {name for name, one in values.items() if inspect.isclass(one) and issubclass(one, Exception)}


def can_refuse(method: Any) -> bool:
    """It takes something, or asks somebody."""
    given = [name for name in inspect.signature(method).parameters if name != "self"]
    return bool(given) or inspect.iscoroutinefunction(method)


async def refused(kind: type[Exception], code: object, call: Awaitable[Any], name: str = "code") -> Any:
    """The call fails with exactly this class of error, and with this code; the error."""
    try:
        await call
    except Exception as error:
        assert type(error) is kind, (kind, error)
        assert code is None or getattr(error, name) == code, (code, getattr(error, name), error)
        return error
    raise AssertionError(f"not refused with {kind.__name__} {code}")


def drive(script: Coroutine[Any, Any, None]) -> None:
    """Run a script that never waits."""
    try:
        script.send(None)
    except StopIteration:
        return
    raise AssertionError("the blocking client waited for an event loop")


async def eventually(look: Callable[[], Awaitable[Any]], seconds: float = 15) -> Any:
    """The first true value; sleeps as the surroundings demand."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := await look():
            return value
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            time.sleep(0.05)
        else:
            await asyncio.sleep(0.05)
    raise AssertionError(f"{look} stayed empty")


async def every(pager: Any) -> list[Any]:
    """All items, page by page."""
    return [item async for item in pager]
