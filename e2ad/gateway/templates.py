"""Templates: the mails that an account has written once, and sends with other values each time (contract: templates).

What is stored can be read: each source is parsed when it comes in. What a template becomes with the data of one mail
is decided when that mail is asked for, before anything else looks at it, so that a person who reviews it, and every
rule about mails, sees the words that leave.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from e2ad.core import templates
from e2ad.core.errors import (
    InvalidRequest,
    InvalidTemplate,
    NotFound,
    StarterTemplateNotFound,
    TemplateNotFound,
    TemplateRenderedEmpty,
    TemplateRenderFailed,
)
from e2ad.core.starters import STARTERS, Starter
from e2ad.core.templates import Part, TemplateError, suggested_data, variables
from e2ad.gateway.acceptance import THREAD_BYTES, off_loop
from e2ad.gateway.mint import new_id
from e2ad.storage import templates as table
from e2ad.storage.pool import Database, Executor
from e2ad.storage.templates import Change, NewTemplate, Summary, Template

__all__ = ["Preview", "Rendered", "Sources", "TemplateDraft", "Templates", "check", "rendered", "starter", "starters"]

MAX_NAME_BYTES: Final = 200
MEMBER_WEIGHT: Final = 128
"""What looking at one value costs, in characters."""

TAG_WEIGHT: Final = 512
"""What reading and filling one tag costs, in characters of plain text: some microseconds."""

_ALIAS: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,127}")


@frozen
class Sources:
    """The parts of a template as they are written; None or "" for one that is not there."""

    subject: str | None
    text: str | None
    html: str | None

    def parts(self) -> list[tuple[Part, str]]:
        """Those that are there, in their order."""
        given: list[tuple[Part, str | None]] = [("subject", self.subject), ("text", self.text), ("html", self.html)]
        return [(part, source) for part, source in given if source]

    @property
    def weight(self) -> int:
        """What reading and filling them costs, in characters of plain text."""
        return sum(len(source) + TAG_WEIGHT * source.count("{{") for _, source in self.parts())


@frozen
class TemplateDraft:
    """What somebody wants a template to be: sources of its own, or those of a starter."""

    name: str
    alias: str
    sources: Sources
    from_starter: str = ""


@frozen
class Rendered:
    """A mail's words."""

    subject: str
    text: str
    html: str | None


@frozen
class Preview:
    """What is found out about sources without storing them.

    Attributes:
        valid: all of them can be read.
        problems: part and sentence, of what cannot be read or, with this data, not be rendered.
        rendered: how they look with the data, if that can be said.
        suggested: data with a value for each variable.
    """

    valid: bool
    problems: list[tuple[str, str]]
    rendered: Rendered | None
    suggested: dict[str, Any]


@frozen
class Templates:
    """The verbs of an account's own templates."""

    database: Database

    async def page(self, account_id: str, *, before: tuple[datetime, str] | None, limit: int) -> list[Summary]:
        """One page of them, newest first."""
        return await table.page(self.database, account_id, before=before, limit=limit)

    async def get(self, account_id: str, template_id: str) -> Template:
        """One of them, with its sources.

        Raises:
            TemplateNotFound: the account has none with this id.
        """
        found = await table.find(self.database, account_id, template_id)
        if found is None:
            raise TemplateNotFound
        return found

    async def create(self, account_id: str, draft: TemplateDraft) -> Template:
        """Store a template, of one's own or as a copy of a starter.

        Raises:
            InvalidRequest: a rule about names or parts is broken.
            StarterTemplateNotFound: there is no starter of that name.
            InvalidTemplate: a part cannot be read.
            TemplateLimitReached, AliasTaken: see there; of many at once, no more get in than there is room for.

        Cancellation: it is stored or it is not.
        """
        new = await _checked(draft)
        async with self.database.transaction() as transaction:
            most = await table.room(transaction, account_id)
            if most is None:
                raise NotFound("the account does not exist any more")
            return await table.insert(transaction, account_id, new, max_templates=most)

    async def update(self, account_id: str, template_id: str, change: Change) -> Template:
        """Change a template; mails that it made already stay as they are.

        Raises:
            TemplateNotFound: the account has none with this id.
            InvalidRequest: nothing to change, or a rule about names or parts is broken.
            InvalidTemplate: a part cannot be read.
            AliasTaken: another one has the alias.
        """
        await self.get(account_id, template_id)
        if change == Change():
            raise InvalidRequest("nothing to change: send at least one of name, alias, subject, text, html")
        if change.name is not None:
            _check_name(change.name)
        if change.alias:
            _check_alias(change.alias)
        for name, source in (("subject", change.subject), ("text", change.body_text)):
            if source is not None:
                _require(name, source)
        sources = Sources(change.subject, change.body_text, change.body_html)
        await off_loop(lambda: _refuse_unreadable(sources), sources.weight)
        changed = await table.update(self.database, account_id, template_id, change)
        if changed is None:
            raise TemplateNotFound
        return changed

    async def delete(self, account_id: str, template_id: str) -> None:
        """Remove a template for good; mails that it made stay.

        Raises:
            TemplateNotFound: the account has none with this id.
        """
        if not await table.delete(self.database, account_id, template_id):
            raise TemplateNotFound


def starters(*, after: str, limit: int) -> list[Starter]:
    """Starters by alias, ascending, those behind `after`."""
    return [one for alias, one in STARTERS.items() if alias > after][:limit]


def starter(alias: str) -> Starter:
    """One of them.

    Raises:
        StarterTemplateNotFound: there is none of this name.
    """
    found = STARTERS.get(alias)
    if found is None:
        raise StarterTemplateNotFound
    return found


async def check(sources: Sources, data: Mapping[str, Any]) -> Preview:
    """Read sources and fill them in, and store nothing."""
    return await off_loop(lambda: _preview(sources, data), sources.weight + _weight(data))


async def rendered(
    executor: Executor, account_id: str, *, template_id: str, alias: str, data: Mapping[str, Any]
) -> Rendered:
    """The words of a mail, from a stored template and its data.

    Args:
        template_id, alias: one of them; the other is "".

    Raises:
        TemplateNotFound: the account has no such template.
        TemplateRenderFailed: the data does not fit it.
        TemplateRenderedEmpty: subject or text would be empty.
    """
    if template_id:
        found = await table.find(executor, account_id, template_id)
    else:
        found = await table.by_alias(executor, account_id, alias)
    if found is None:
        raise TemplateNotFound
    sources = Sources(found.subject, found.body_text, found.body_html)
    return await off_loop(lambda: _filled(sources, data), sources.weight + _weight(data))


async def _checked(draft: TemplateDraft) -> NewTemplate:
    """What to store.

    Raises:
        InvalidRequest, StarterTemplateNotFound, InvalidTemplate: the first rule that is broken.
    """
    name, alias, sources, copied = draft.name, draft.alias, draft.sources, None
    if draft.from_starter:
        if sources.parts():
            raise InvalidRequest(
                "from_starter copies all parts: send no subject, text or html with it, and edit the copy"
            )
        copied = starter(draft.from_starter)
        name, alias = name or copied.name, alias or copied.alias
        sources = Sources(copied.subject, copied.text, copied.html)
    _check_name(name)
    if alias:
        _check_alias(alias)
    subject, text = _require("subject", sources.subject), _require("text", sources.text)
    if copied is None:
        await off_loop(lambda: _refuse_unreadable(sources), sources.weight)
    return NewTemplate(
        id=new_id("tmpl_"),
        name=name,
        alias=alias or None,
        subject=subject,
        body_text=text,
        body_html=sources.html or None,
        from_starter_alias=copied.alias if copied else None,
        from_starter_version=copied.version if copied else None,
    )


def _check_name(name: str) -> None:
    if not name.strip():
        raise InvalidRequest("name is required")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidRequest(f"name must have at most {MAX_NAME_BYTES} bytes")


def _check_alias(alias: str) -> None:
    if not _ALIAS.fullmatch(alias):
        raise InvalidRequest("alias must be a letter, then up to 127 letters, digits, dots, underscores and hyphens")


def _require(name: str, source: str | None) -> str:
    if source is None or not source.strip():
        raise InvalidRequest(f"{name} is required")
    return source


def _refuse_unreadable(sources: Sources) -> None:
    for part, source in sources.parts():
        try:
            templates.parse(part, source)
        except TemplateError as error:
            raise InvalidTemplate(f"{part}: {error.message}", details=_place(error)) from error


def _place(error: TemplateError) -> dict[str, str]:
    return {"part": error.part, "message": error.message}


def _preview(sources: Sources, data: Mapping[str, Any]) -> Preview:
    problems: list[tuple[str, str]] = []
    read: dict[Part, templates.Template] = {}
    for part, source in sources.parts():
        try:
            read[part] = templates.parse(part, source)
        except TemplateError as error:
            problems.append((error.part, error.message))
    valid, words = not problems, dict[str, str]()
    if valid:
        for part, template in read.items():
            try:
                words[part] = template.render(data)
            except TemplateError as error:
                problems.append((error.part, error.message))
    preview = None if problems else Rendered(words.get("subject", ""), words.get("text", ""), words.get("html"))
    return Preview(valid, problems, preview, suggested_data(variables(read.values())))


def _filled(sources: Sources, data: Mapping[str, Any]) -> Rendered:
    words: dict[str, str] = {}
    for part, source in sources.parts():
        try:
            template = templates.parse(part, source)
            words[part] = template.render(data)
        except TemplateError as error:
            raise TemplateRenderFailed(f"{part}: {error.message}", details=_place(error)) from error
        if part != "html" and not words[part].strip():
            names = list(variables([template]))
            raise TemplateRenderedEmpty(
                f"the {part} is empty with this template_data", details={"part": part, "variables": names}
            )
    return Rendered(words["subject"], words["text"], words.get("html") or None)


def _weight(data: Mapping[str, Any]) -> int:
    """About how much there is to look through; counting ends where it is certainly much."""
    waiting: list[Any] = [data]
    weight = 0
    while waiting and weight <= THREAD_BYTES:
        match waiting.pop():
            case str() as text:
                weight += len(text)
            case Mapping() as members:
                weight += MEMBER_WEIGHT * len(members)
                if weight <= THREAD_BYTES:
                    waiting.extend(members.values())
            case list() as items:
                weight += MEMBER_WEIGHT * len(items)
                if weight <= THREAD_BYTES:
                    waiting.extend(items)
            case _:
                pass
    return weight
