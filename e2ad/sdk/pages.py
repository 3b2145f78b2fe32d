"""Lists: a page at a time, or every item without thinking of pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar, cast

from attrs import field, frozen

from e2ad.sdk.errors import E2AServerError, E2AValidationError
from e2ad.sdk.exchange import Answer, Patience, Request, Steps, call, decode

__all__ = ["AutoPager", "Page", "Paging", "SyncAutoPager"]

T = TypeVar("T")

MAX_PAGES: Final = 10_000
LARGEST_PAGE: Final = 100


@frozen
class Page(Generic[T]):
    """Some items, and where the list goes on; `next_cursor` is None at its end."""

    items: list[T]
    next_cursor: str | None


@frozen
class Paging(Generic[T]):
    """A list operation: what to ask, and what its items are.

    Attributes:
        kind: the type of an item.
        query: what narrows the list; `limit` is the size of a page.
    """

    kind: Any
    path: str
    query: Mapping[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Refuse a page size that the API would refuse.

        Raises:
            E2AValidationError: not 1 to 100.
        """
        limit = self.query.get("limit")
        if limit is not None and not 1 <= limit <= LARGEST_PAGE:
            raise E2AValidationError(
                f"limit is the size of a page, 1 to {LARGEST_PAGE}, not {limit}", code="invalid_request"
            )

    def steps(self, cursor: str | None, wanted: int | None, patience: Patience) -> Steps[Page[T]]:
        """Ask for one page.

        Args:
            wanted: how many items the reader can still use; None for all that there are.
        """
        query = {**self.query, "cursor": cursor}
        if wanted is not None and query.get("limit") is None:
            query["limit"] = min(wanted, LARGEST_PAGE)
        request = Request("GET", self.path, query=query)
        kind: Any = self.kind  # a type made at run time
        return _PageAnswer((yield from call(request, patience)), cast(type[Page[T]], Page[kind]))


class _PageAnswer(Answer[Page[T]]):
    """A page is one through each face; only its items differ."""

    def plain(self) -> Page[Any]:
        return cast(Page[Any], decode(self.response, Page[Any]))


class _Walk:
    """Where a reader is in a list, and how much more he wants; stops a server that goes in circles."""

    def __init__(self, wanted: int | None) -> None:
        self.wanted = wanted
        self.is_over = wanted is not None and wanted <= 0
        self._next: str | None = None
        self._seen: set[str] = set()

    def ask(self) -> tuple[str | None, int | None]:
        """The cursor to ask with, and how many items are wanted.

        Raises:
            E2AServerError: the server named this cursor before, or names no end of pages.
        """
        if self._next in self._seen or len(self._seen) >= MAX_PAGES:
            raise E2AServerError("the list does not end: the server repeats its pages", code="invalid_response")
        if self._next is not None:
            self._seen.add(self._next)
        return self._next, self.wanted

    def take(self, page: Page[Any]) -> None:
        """Go on behind this page."""
        if self.wanted is not None:
            self.wanted -= len(page.items)
        self._next = page.next_cursor
        self.is_over = not self._next or (self.wanted is not None and self.wanted <= 0)


class SyncAutoPager(Generic[T]):
    """A list, read as far as you go on: `for agent in client.agents.list()`."""

    def __init__(self, fetch: Callable[[str | None, int | None], Page[T]]) -> None:
        self._fetch = fetch

    def page(self, cursor: str | None = None) -> Page[T]:
        """One page: the first, or the one that `cursor` (`next_cursor` of another) leads to."""
        return self._fetch(cursor, None)

    def pages(self) -> Iterator[Page[T]]:
        """Page after page."""
        return self._walk(_Walk(None))

    def _walk(self, walk: _Walk) -> Iterator[Page[T]]:
        while not walk.is_over:
            page = self._fetch(*walk.ask())
            walk.take(page)
            yield page

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def to_list(self, limit: int | None = None) -> list[T]:
        """All items, or the first `limit` of them; nothing is asked for in vain."""
        items: list[T] = []
        for page in self._walk(_Walk(limit)):
            items += page.items
        return items[:limit]

    def for_each(self, visit: Callable[[T], object]) -> None:
        """Call `visit` with each item; an answer of False ends it."""
        for item in self:
            if visit(item) is False:
                return


class AutoPager(Generic[T]):
    """A list, read as far as you go on: `async for agent in client.agents.list()`."""

    def __init__(self, fetch: Callable[[str | None, int | None], Awaitable[Page[T]]]) -> None:
        self._fetch = fetch

    async def page(self, cursor: str | None = None) -> Page[T]:
        """One page: the first, or the one that `cursor` (`next_cursor` of another) leads to."""
        return await self._fetch(cursor, None)

    def pages(self) -> AsyncIterator[Page[T]]:
        """Page after page."""
        return _Pages(self._fetch, _Walk(None))

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(self.pages())

    async def to_list(self, limit: int | None = None) -> list[T]:
        """All items, or the first `limit` of them; nothing is asked for in vain."""
        items: list[T] = []
        async for page in _Pages(self._fetch, _Walk(limit)):
            items += page.items
        return items[:limit]

    async def for_each(self, visit: Callable[[T], object]) -> None:
        """Call `visit` with each item, and wait for what it returns if that can be awaited; False ends it."""
        async for item in self:
            result = visit(item)
            if isinstance(result, Awaitable):
                result = await result
            if result is False:
                return


class _Pages(AsyncIterator[Page[T]]):
    """No generator: a reader who stops early would leave one behind that nobody closes."""

    def __init__(self, fetch: Callable[[str | None, int | None], Awaitable[Page[T]]], walk: _Walk) -> None:
        self._fetch = fetch
        self._walk = walk

    async def __anext__(self) -> Page[T]:
        if self._walk.is_over:
            raise StopAsyncIteration
        page = await self._fetch(*self._walk.ask())
        self._walk.take(page)
        return page


class _Items(AsyncIterator[T]):
    """The items of pages, one by one."""

    def __init__(self, pages: AsyncIterator[Page[T]]) -> None:
        self._pages = pages
        self._left: Iterator[T] = iter(())

    async def __anext__(self) -> T:
        while True:
            for item in self._left:
                return item
            self._left = iter((await anext(self._pages)).items)
