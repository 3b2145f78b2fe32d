"""What a page is: one declaration, and the three things that a page may answer.

A module of pages writes::

    @page("GET", "/inbox")
    async def inbox(desk: Desk) -> View:
        return show("inbox.html", agents=await desk.call("listAgents"))

    PAGES = (inbox,)

The handler gets a `Desk` that knows who is signed in; it answers a view, the way on after a form, or bytes, and raises
a `core.errors.Failure` for everything else: `app` makes a page of that too.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from e2ad.dashboard.desk import Desk

__all__ = ["ROOT", "File", "Page", "See", "Told", "View", "page", "show"]

ROOT: Final = "/dashboard"


@frozen
class View:
    """A template and what it is filled with."""

    template: str
    context: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)


@frozen
class See:
    """The way on after a form: `path` below `/dashboard`, and a word of `words.NOTICES` for what was done."""

    path: str
    did: str = ""


@frozen
class File:
    """Bytes with their own headers, which win over those of pages. With status 204 a page stays as it is."""

    body: bytes = field(repr=False)
    content_type: str
    headers: Mapping[str, str] = field(factory=dict)
    status: int = 200


@frozen
class Told:
    """A file that is told while it is made. `chunks` has begun, so that whatever it holds is let go of with it.

    After so many `seconds` it breaks off, also where nobody reads it.
    """

    chunks: AsyncGenerator[bytes, None] = field(repr=False)
    content_type: str
    seconds: float
    headers: Mapping[str, str] = field(factory=dict)


Handler = Callable[["Desk"], Awaitable[View | See | File | Told]]


@frozen(eq=False)
class Page:
    """One page or the taker of one form; `path` is below `/dashboard`, its variables stand in angle brackets.

    `large`: its form may bring a whole mail along.
    """

    method: str
    path: str
    handler: Handler
    large: bool = False

    @property
    def name(self) -> str:
        """Of its handler, for logs and for the framework."""
        return f"{self.handler.__module__.rpartition('.')[2]}_{getattr(self.handler, '__name__', 'page')}"


def page(method: str, path: str, *, large: bool = False) -> Callable[[Handler], Page]:
    """Declare a page. `GET` shows, `POST` takes a form that one of our own pages shows."""

    def declare(handler: Handler) -> Page:
        return Page(method, path, handler, large)

    return declare


def show(template: str, *, status: int = 200, **context: Any) -> View:
    """A view of this template with these values."""
    return View(template, context, status)
