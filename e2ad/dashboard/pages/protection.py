"""What is checked of an agent's mail, and what other settings would have done to the mail that is stored."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from e2ad.core.errors import Conflict, Failure, InvalidCursor, answer
from e2ad.core.events import parse_rfc3339, rfc3339
from e2ad.core.protection import Protection
from e2ad.dashboard import protection_form
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.pages.agent import agent_path
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.protection_form import CHOICES, CLASSES, PRESETS, Entered, body_of, fields_of, mark_of
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway import protection as verbs
from e2ad.gateway.backtest import MOST_MAILS, Backtest, Fate, Judged, Preview, Shelf
from e2ad.storage.backtest import FIRST, LAST
from e2ad.storage.messages import Position

__all__ = ["PAGES"]

PROTECTION: Final = "/agents/<email>/protection"
ROWS: Final = 50
_FATES: Final = (
    (Fate.PASSED, "Passed", "good"),
    (Fate.FLAGGED, "Marked", "warn"),
    (Fate.HELD, "Held", "warn"),
    (Fate.BLOCKED, "Refused", "bad"),
    (Fate.UNWRITTEN, "Never written", "none"),
)
_NAMES: Final = {fate: (name, level) for fate, name, level in _FATES}
_DIRECTIONS: Final = (("inbound", "Mail to the agent"), ("outbound", "Mail of the agent"))

_shelf: Final = Shelf()


@frozen
class Row:
    """One fate in one direction: how many mails had it, and how many would have had it."""

    name: str
    level: str
    then: int
    now: int


@frozen
class Line:
    """A mail that would have fared otherwise."""

    href: str
    outbound: bool
    who: str
    subject: str
    at: str
    was: tuple[str, str]
    fate: tuple[str, str]
    why: str
    was_why: str


@frozen
class Window:
    """Which mails are looked at: the newest between two places."""

    after: Position = FIRST
    before: Position = LAST


@page("GET", PROTECTION)
async def protection(desk: Desk) -> View:
    """The protection that is in force, or with `preset` what it would be with that one."""
    email, current = await _current(desk)
    preset = PRESETS.get(desk.asked("preset"))
    given = fields_of(current if preset is None else preset[2](current))
    return _show(desk, email, current, Entered(given, None), preset=desk.asked("preset") if preset else "")


@page("POST", PROTECTION)
async def change(desk: Desk) -> View | See:
    """Show what the entered settings would have done, or put them in force."""
    email, current = await _current(desk)
    entered = protection_form.read(desk.form, current, screening=desk.services.config.features.screening)
    if entered.protection is None:
        return _show(desk, email, current, entered)
    if desk.form.text("do") == "save":
        return await _save(desk, email, current, entered, entered.protection)
    return await _preview(desk, email, current, entered, entered.protection)


async def _current(desk: Desk) -> tuple[str, Protection]:
    """The agent as it is stored, and its protection.

    Raises:
        NotFound: the account has no such agent.
    """
    agent = await desk.call("getAgent", path={"email": desk.email})
    email = str(agent["email"])
    return email, await verbs.get(desk.services.db, desk.account_id, email)


async def _save(desk: Desk, email: str, current: Protection, entered: Entered, wanted: Protection) -> View | See:
    if desk.form.line("seen") != mark_of(current):
        said = "The protection was changed elsewhere since this page was opened."
        todo = "Save again to put in its place what stands here, or open the page anew to see the other."
        return _show(desk, email, current, entered, trouble=(said, todo), status=409)
    try:
        await desk.call("putAgentProtection", path={"email": email}, body=body_of(wanted))
    except Failure as failure:
        trouble = (sentence(failure), hint(failure))
        return _show(desk, email, current, entered, trouble=trouble, status=answer(failure).status)
    return See(f"{agent_path(email)}/protection", "protected")


async def _preview(desk: Desk, email: str, current: Protection, entered: Entered, wanted: Protection) -> View:
    window, number = _window(desk), _page_number(desk)
    asked = (email, wanted, window)
    found = _shelf.get(desk.account_id, asked) if number > 1 else None
    if found is None:
        backtest = Backtest.of(desk.services.config, desk.services.db)
        try:
            found = await backtest.run(desk.account_id, email, wanted, after=window.after, before=window.before)
        except Conflict as failure:
            trouble = (sentence(failure), "Then press Preview again.")
            return _show(desk, email, current, entered, trouble=trouble, status=409)
        _shelf.put(desk.account_id, asked, found)
    return _show(desk, email, current, entered, told=_told(email, found, window, number))


def _window(desk: Desk) -> Window:
    """Where the button that was pressed leads; `Preview` begins at the newest."""
    do = desk.form.text("do")
    if do == "older":
        return Window(before=_place(desk.form.line("older")))
    if do == "newer":
        return Window(after=_place(desk.form.line("last")), before=_place(desk.form.line("before"), LAST))
    if do.startswith("page-"):
        return Window(_place(desk.form.line("after"), FIRST), _place(desk.form.line("before"), LAST))
    return Window()


def _page_number(desk: Desk) -> int:
    number = desk.form.text("do").removeprefix("page-")
    return min(int(number), MOST_MAILS) if number.isascii() and number.isdigit() and len(number) < 6 else 1


def _place(text: str, otherwise: Position | None = None) -> Position:
    """A place as `_named` wrote it.

    Raises:
        InvalidCursor: it is none.
    """
    if not text and otherwise is not None:
        return otherwise
    at, _, message_id = text.partition(" ")
    try:
        return Position(parse_rfc3339(at), message_id[:100])
    except (ValueError, OverflowError) as error:
        raise InvalidCursor from error


def _named(position: Position | None) -> str:
    return "" if position is None or position in (FIRST, LAST) else f"{rfc3339(position.at)} {position.id}"


def _told(email: str, preview: Preview, window: Window, number: int) -> Mapping[str, Any]:
    """A preview for the page."""
    changed = preview.changed
    pages = max(1, -(-len(changed) // ROWS))
    number = max(1, min(number, pages))
    times: Sequence[datetime] = [one.at for one in preview.judged]
    return {
        "directions": [(heading, _rows(preview, direction)) for direction, heading in _DIRECTIONS],
        "looked_at": len(preview.judged),
        "asked": preview.asked,
        "stored": preview.stored,
        "gone": preview.gone,
        "unread": preview.unread,
        "ran_out": preview.ran_out,
        "first_at": rfc3339(times[0]) if times else "",
        "last_at": rfc3339(times[-1]) if times else "",
        "changed": len(changed),
        "lines": [_line(email, one) for one in changed[(number - 1) * ROWS : number * ROWS]],
        "page": number,
        "pages": pages,
        "after": _named(window.after),
        "before": _named(window.before),
        "older": _named(preview.older),
        "last": _named(preview.last),
    }


def _rows(preview: Preview, direction: str) -> list[Row]:
    then, now = preview.count(direction, before=True), preview.count(direction, before=False)
    return [
        Row(name, level, then[fate], now[fate])
        for fate, name, level in _FATES
        if then[fate] or now[fate] or fate is not Fate.UNWRITTEN
    ]


def _line(email: str, one: Judged) -> Line:
    inbound = one.direction == "inbound"
    kept_back = inbound and one.was in (Fate.HELD, Fate.BLOCKED)
    return Line(
        href=f"/reviews/{one.id}" if kept_back else message_path(email, one.id),
        outbound=not inbound,
        who=one.who,
        subject=one.subject,
        at=rfc3339(one.at),
        was=_NAMES[one.was],
        fate=_NAMES[one.fate],
        why=one.why,
        was_why=one.was_why,
    )


def _show(
    desk: Desk,
    email: str,
    current: Protection,
    entered: Entered,
    *,
    preset: str = "",
    told: Mapping[str, Any] | None = None,
    trouble: tuple[str, str] = ("", ""),
    status: int = 200,
) -> View:
    if entered.problems and not trouble[0]:
        trouble, status = ("Nothing was saved or looked at yet.", "Change what is marked below and send it again."), 400
    config = desk.services.config
    return show(
        "protection.html",
        # A part of a page is put in its place whatever it says; htmx would drop one that is called an error.
        status=200 if desk.part else status,
        email=email,
        path=f"{agent_path(email)}/protection",
        agent_path=agent_path(email),
        given=entered.given,
        problems=entered.problems,
        trouble=trouble[0],
        todo=trouble[1],
        seen=mark_of(current),
        choices=CHOICES,
        classes=CLASSES,
        presets=[(key, name, what) for key, (name, what, _) in PRESETS.items()],
        preset=preset,
        screening=config.features.screening,
        model=bool(config.features.screening and config.screening.model_url),
        told=told,
        most=MOST_MAILS,
    )


PAGES = (protection, change)
