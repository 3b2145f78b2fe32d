"""Lists: every item once, nothing asked for in vain, and an end to servers that know none."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

from e2ad.sdk import AutoPager, E2AServerError, E2AValidationError, Page, SyncAutoPager
from e2ad.sdk.exchange import Patience, Request
from e2ad.sdk.pages import MAX_PAGES, Paging

Asked = list[tuple[str | None, int | None]]
Answer = Callable[[str | None, int | None], Page[int]]


def numbers(count: int, size: int = 10) -> Answer:
    """A list of numbers; a page has `size` of them, or as many as are wanted."""

    def answer(cursor: str | None, wanted: int | None) -> Page[int]:
        start = int(cursor or 0)
        end = min(start + min(size, wanted or size), count)
        return Page(list(range(start, end)), str(end) if end < count else None)

    return answer


class Reader:
    """The same list through both pagers."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: Asked = []

    def fetch(self, cursor: str | None, wanted: int | None) -> Page[int]:
        self.asked.append((cursor, wanted))
        return self.answer(cursor, wanted)

    async def fetch_later(self, cursor: str | None, wanted: int | None) -> Page[int]:
        await trio.lowlevel.checkpoint()
        return self.fetch(cursor, wanted)

    async def both(self, do: Callable[[SyncAutoPager[int]], Any], do_later: Callable[[AutoPager[int]], Any]) -> Any:
        """What both have in common, held equal."""
        self.asked = []
        first = do(SyncAutoPager(self.fetch))
        asked, self.asked = self.asked, []
        assert await do_later(AutoPager(self.fetch_later)) == first
        assert self.asked == asked
        return first


@pytest.mark.parametrize(
    ("count", "limit", "found", "asked"),
    [
        (0, None, 0, [(None, None)]),
        (7, None, 7, [(None, None)]),
        (25, None, 25, [(None, None), ("10", None), ("20", None)]),
        (20, None, 20, [(None, None), ("10", None)]),
        (25, 0, 0, []),
        (25, -1, 0, []),
        (25, 3, 3, [(None, 3)]),
        (25, 10, 10, [(None, 10)]),
        (25, 11, 11, [(None, 11), ("10", 1)]),
        (5, 11, 5, [(None, 11)]),
    ],
)
async def test_as_many_as_are_wanted(count: int, limit: int | None, found: int, asked: Asked) -> None:
    reader = Reader(numbers(count))
    items = await reader.both(lambda p: p.to_list(limit), lambda p: p.to_list(limit))
    assert items == list(range(found))
    assert reader.asked == asked


async def test_a_page_may_be_larger_than_wanted() -> None:
    reader = Reader(lambda *_: Page(list(range(50)), "x"))
    assert await reader.both(lambda p: p.to_list(limit=3), lambda p: p.to_list(limit=3)) == [0, 1, 2]


async def test_a_page_may_be_empty_in_the_middle() -> None:
    pages = {None: Page([1], "a"), "a": Page([], "b"), "b": Page([2], "")}
    reader = Reader(lambda cursor, _: pages[cursor])

    async def read(pager: AutoPager[int]) -> list[int]:
        return [item async for item in pager]

    assert await reader.both(list, read) == [1, 2]


async def test_one_page_and_page_after_page() -> None:
    reader = Reader(numbers(25))
    first = await reader.both(lambda p: p.page(), lambda p: p.page())
    assert first == Page(list(range(10)), "10")
    assert await reader.both(lambda p: p.page("20"), lambda p: p.page("20")) == Page([20, 21, 22, 23, 24], None)

    async def sizes(pager: AutoPager[int]) -> list[int]:
        return [len(page.items) async for page in pager.pages()]

    assert await reader.both(lambda p: [len(page.items) for page in p.pages()], sizes) == [10, 10, 5]


async def test_whoever_stops_early_asks_no_further() -> None:
    reader = Reader(numbers(25))
    for item in SyncAutoPager(reader.fetch):
        if item == 3:
            break
    async for item in AutoPager(reader.fetch_later):
        if item == 9:
            break
    assert reader.asked == [(None, None)] * 2


async def test_for_each_ends_at_false() -> None:
    seen: list[int] = []

    def visit(item: int) -> bool | None:
        seen.append(item)
        return False if item == 12 else None

    async def visit_later(item: int) -> bool | None:
        await trio.lowlevel.checkpoint()
        return visit(item)

    reader = Reader(numbers(25))
    SyncAutoPager(reader.fetch).for_each(visit)
    await AutoPager(reader.fetch_later).for_each(visit_later)
    await AutoPager(reader.fetch_later).for_each(visit)
    assert seen == [*range(13)] * 3
    SyncAutoPager(reader.fetch).for_each(seen.append)
    assert len(seen) == 3 * 13 + 25


@pytest.mark.parametrize("circle", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
async def test_a_server_that_goes_in_circles(circle: list[str]) -> None:
    """Each page is shown once before it is noticed."""

    def answer(cursor: str | None, _wanted: int | None) -> Page[int]:
        return Page([0], circle[0] if cursor is None else circle[circle.index(cursor) + 1])

    seen: list[int] = []
    with pytest.raises(E2AServerError, match="repeats") as caught:
        seen.extend(SyncAutoPager(answer))
    assert caught.value.code == "invalid_response"
    assert len(seen) == len(circle)

    async def later(cursor: str | None, wanted: int | None) -> Page[int]:
        return answer(cursor, wanted)

    with pytest.raises(E2AServerError, match="repeats"):
        await AutoPager(later).to_list()


def test_a_list_without_an_end() -> None:
    pager = SyncAutoPager(lambda cursor, _: Page([0], str(int(cursor or 0) + 1)))
    with pytest.raises(E2AServerError):
        pager.to_list()
    assert len(pager.to_list(MAX_PAGES)) == MAX_PAGES


@pytest.mark.parametrize("limit", [0, -1, 101, 10_000])
def test_a_page_of_no_size(limit: int) -> None:
    with pytest.raises(E2AValidationError, match="1 to 100"):
        Paging(Any, "/v1/agents", {"limit": limit})


@pytest.mark.parametrize(
    ("limit", "wanted", "sent"), [(None, None, None), (None, 7, 7), (None, 700, 100), (20, 7, 20), (20, None, 20)]
)
def test_the_size_of_a_page(limit: int | None, wanted: int | None, sent: int | None) -> None:
    step = next(Paging(Any, "/v1/agents", {"limit": limit}).steps("c", wanted, Patience()))
    assert isinstance(step, Request)
    assert step.query["limit"] == sent
    assert step.query["cursor"] == "c"
