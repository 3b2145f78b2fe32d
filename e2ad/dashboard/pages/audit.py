"""The audit log as people read it: who decided what on which evidence; whether it is whole; and all of it as a file."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import quote

import orjson
import trio
from attrs import frozen

from e2ad.core.audit import Flaw, Head, Verifier
from e2ad.core.errors import InvalidFilter, Unavailable
from e2ad.core.events import rfc3339
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.ledger import ACTORS, WORDS, Fact, action_words, actor_words, facts
from e2ad.dashboard.page import Told, View, page, show
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.words import sentence
from e2ad.gateway import audit as gateway
from e2ad.gateway.audit import actor_of
from e2ad.gateway.exports import Export
from e2ad.storage import audit as storage
from e2ad.storage import belongings
from e2ad.storage.audit import Line
from e2ad.storage.belongings import Place

__all__ = ["PAGES"]

ROWS: Final = 50
AROUND: Final = 5
STEP_ROWS: Final = 20_000
"""So many rows are looked at before the page says how far it is."""
SNAPSHOT_SECONDS: Final = 60.0
_checking: Final = trio.CapacityLimiter(2)
_HIDDEN: Final = ("review_rejected", "review_expired_rejected", "pending_screening")
_LIST: Final = "desk_audit"
_CHECK: Final = "desk_audit_check"


@frozen
class Shown:
    """A row of the log as a person reads it."""

    number: int
    at: str
    kind: str
    who: str
    whence: str
    actor: str
    action: str
    what: str
    level: str
    subject: str
    href: str
    content: str
    facts: Sequence[Fact]
    previous: str
    digest: str


@frozen
class Asked:
    """What the list is asked for, as it was typed."""

    action: str = ""
    kind: str = ""
    actor: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""

    def link(self, **other: str) -> str:
        """The address of this list with something else about it, at its first page."""
        now = {"action": self.action, "kind": self.kind, "actor": self.actor, "subject": self.subject}
        return link("/account/audit", **(now | {"since": self.since, "until": self.until} | other))

    @property
    def any(self) -> bool:
        """Whether not all rows are asked for."""
        return bool(self.action or self.kind or self.actor or self.subject or self.since or self.until)


@page("GET", "/account/audit")
async def audit(desk: Desk) -> View:
    """The log, newest first, and what of it is asked for."""
    asked, cursor = _asked(desk), desk.asked("cursor")
    trouble, rows, onward = "", list[Line](), ""
    cursors, filters = desk.services.cursors, {"query": asked.link()}
    try:
        before = int(cursors.open(cursor, desk.account_id, _LIST, filters, length=1)[0]) if cursor else None
        rows = await gateway.page(
            desk.services.db, desk.account_id, before=before, limit=ROWS + 1, wanted=_wanted(asked)
        )
    except InvalidFilter as failure:
        trouble = sentence(failure)
    if len(rows) > ROWS:
        rows = rows[:ROWS]
        onward = asked.link(cursor=cursors.seal(desk.account_id, _LIST, filters, [rows[-1].number]))
    return show(
        "audit.html",
        asked=asked,
        rows=await _shown(desk, rows),
        actions=WORDS,
        kinds=ACTORS,
        trouble=trouble,
        first=asked.link() if cursor else "",
        next=onward,
        status=400 if trouble else 200,
    )


@page("GET", "/account/audit/verify")
async def verify(desk: Desk) -> View:
    """Look at every row, so many at a time; the page goes on by itself until the end or the first bad row."""
    verifier = _verifier(desk)
    async with _checking, desk.services.db.snapshot(SNAPSHOT_SECONDS) as snapshot:
        over, flaw = await gateway.go_on(snapshot, verifier, STEP_ROWS)
        head = await storage.head(snapshot, desk.account_id)
    onward = ""
    if not over:
        place: list[str | int] = [verifier.head.number, verifier.head.digest.hex(), (verifier.before or b"").hex()]
        onward = link("/account/audit/verify", at=desk.services.cursors.seal(desk.account_id, _CHECK, {}, place))
    return show(
        "audit_verify.html",
        over=over,
        flaw=flaw,
        bad=_place_of(desk, flaw),
        good=verifier.head.number,
        head=str(verifier.head) if verifier.head.number else "",
        of=max(head.number if head else 0, verifier.head.number),
        onward=onward,
        account_id=desk.account_id,
    )


@page("POST", "/account/audit/export")
async def export(desk: Desk) -> Told:
    """What `e2ad audit export` writes: a JSON object a line, which can be verified without e2ad."""
    actor = actor_of(desk.principal, desk.client_address)
    begun = await desk.services.exports.begin(desk.account_id, actor, "audit")
    lines = _lines(desk, begun)
    await anext(lines)
    headers = {"Content-Disposition": f'attachment; filename="e2a-audit-{desk.account_id}.jsonl"'}
    return Told(lines, "application/jsonl", begun.seconds, headers)


async def _lines(desk: Desk, begun: Export) -> AsyncGenerator[bytes, None]:
    """The rows after an empty piece."""
    ends_at, account = trio.current_time() + begun.seconds, {"account_id": desk.account_id}
    try:
        yield b""
        async with aclosing(begun.pages("audit")) as pages:
            async for found in pages:
                if trio.current_time() > ends_at:
                    raise Unavailable("the export took too long")
                told = [{name: value for name, value in row.items() if name != "place"} for row in found]
                chunk = b"".join(orjson.dumps(account | row) + b"\n" for row in told)
                desk.services.exports.note(desk.account_id, len(chunk))
                yield chunk
    finally:
        await begun.aclose()


def _verifier(desk: Desk) -> Verifier:
    """One that goes on where the page before stopped.

    Raises:
        InvalidCursor: no page of ours says so.
    """
    at = desk.asked("at")
    if not at:
        return Verifier(desk.account_id)
    number, digest, before = desk.services.cursors.open(at, desk.account_id, _CHECK, {}, length=3)
    head = Head(int(number), bytes.fromhex(digest))
    return Verifier.behind(desk.account_id, head, bytes.fromhex(before) or None)


def _place_of(desk: Desk, flaw: Flaw | None) -> str:
    """Where the rows around a bad one are listed."""
    if flaw is None:
        return ""
    place = [flaw.number + AROUND]
    cursor = desk.services.cursors.seal(desk.account_id, _LIST, {"query": Asked().link()}, place)
    return Asked().link(cursor=cursor) + f"#row-{flaw.number}"


def _asked(desk: Desk) -> Asked:
    return Asked(
        action=desk.asked("action"),
        kind=desk.asked("kind"),
        actor=desk.asked("actor")[:400],
        subject=desk.asked("subject")[:400],
        since=desk.asked("since"),
        until=desk.asked("until"),
    )


def _wanted(asked: Asked) -> storage.Wanted:
    """What is asked of the table; days are whole days of UTC.

    Raises:
        InvalidFilter: a day is none.
    """
    since, until = _day(asked.since), _day(asked.until)
    return storage.Wanted(
        action=asked.action or None,
        subject=asked.subject or None,
        actor=asked.actor or None,
        actor_kind=asked.kind or None,
        since=since,
        until=None if until is None else until + timedelta(days=1),
    )


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidFilter("a day is written like 2026-06-13") from error
    if not 2000 <= found.year < 9999:
        raise InvalidFilter("a day lies between the years 2000 and 9998")
    return datetime.combine(found, time(), UTC)


async def _shown(desk: Desk, rows: Sequence[Line]) -> list[Shown]:
    """The rows with the names of who acted, and the way to what is still there."""
    db, account_id = desk.services.db, desk.account_id
    names = await belongings.names(db, account_id, sorted({row.actor for row in rows if row.actor}))
    places = await belongings.places(db, account_id, sorted({row.subject for row in rows}))
    found = []
    for row in rows:
        who, whence = actor_words(row.actor_kind, row.actor, names.get(row.actor), mine=desk.principal.session_id)
        what, level = action_words(row.action, row.evidence)
        found.append(
            Shown(
                number=row.number,
                at=rfc3339(row.at),
                kind=row.actor_kind,
                who=who,
                whence=whence,
                actor=row.actor,
                action=row.action,
                what=what,
                level=level,
                subject="" if row.subject == account_id else row.subject,
                href=_href(row.subject, places),
                content=str(row.evidence.get("content_sha256") or "")[:16],
                facts=facts(row.evidence),
                previous=row.previous.hex(),
                digest=row.digest.hex(),
            )
        )
    return found


def _href(subject: str, places: Mapping[str, Place]) -> str:
    place: Any = places.get(subject)
    if place is None:
        return ""
    if place.place in ("agent", "domain", "webhook"):
        return f"/{place.place}s/{quote(subject, safe='@')}"
    if place.review_status in _HIDDEN:
        return ""
    return "/reviews" if place.review_status == "pending_review" else message_path(place.place, subject)


PAGES = (audit, verify, export)
