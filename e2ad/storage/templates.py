"""The table of templates: mails that an account has written once, with places for values."""

from datetime import datetime

from attrs import asdict, frozen
from psycopg.errors import UniqueViolation

from e2ad.core.errors import AliasTaken, TemplateLimitReached
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "Change",
    "NewTemplate",
    "Summary",
    "Template",
    "by_alias",
    "delete",
    "find",
    "insert",
    "page",
    "room",
    "update",
]

_SQL = load("templates")


@frozen
class Summary:
    """A template without its bodies."""

    id: str
    name: str
    alias: str | None
    subject: str
    created_at: datetime
    updated_at: datetime


@frozen
class Template:
    """A template as it is stored: the sources of its parts, and the starter that it was copied from."""

    id: str
    name: str
    alias: str | None
    subject: str
    body_text: str
    body_html: str | None
    from_starter_alias: str | None
    from_starter_version: str | None
    created_at: datetime
    updated_at: datetime


@frozen
class NewTemplate:
    """What a template starts with."""

    id: str
    name: str
    alias: str | None
    subject: str
    body_text: str
    body_html: str | None
    from_starter_alias: str | None = None
    from_starter_version: str | None = None


@frozen
class Change:
    """What to change of a template; None leaves it, "" takes alias or HTML away."""

    name: str | None = None
    alias: str | None = None
    subject: str | None = None
    body_text: str | None = None
    body_html: str | None = None


async def page(
    executor: Executor, account_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[Summary]:
    """Templates, newest first, after the position `before` (its `created_at` and id)."""
    before_at, before_id = before or (None, "")
    return await executor.fetch_all(
        _SQL["page"],
        {"account_id": account_id, "before_at": before_at, "before_id": before_id, "limit": limit},
        row=Summary,
    )


async def find(executor: Executor, account_id: str, template_id: str) -> Template | None:
    """One template of the account."""
    return await executor.fetch_one(_SQL["find"], {"account_id": account_id, "id": template_id}, row=Template)


async def by_alias(executor: Executor, account_id: str, alias: str) -> Template | None:
    """The template of the account with this alias."""
    return await executor.fetch_one(_SQL["by_alias"], {"account_id": account_id, "alias": alias}, row=Template)


async def room(executor: Executor, account_id: str) -> int | None:
    """How many templates the account may have; holds the account until the transaction ends."""
    most: int | None = await executor.fetch_value(_SQL["room"], {"account_id": account_id})
    return most


async def insert(executor: Executor, account_id: str, new: NewTemplate, *, max_templates: int) -> Template:
    """The new template. The limit holds under concurrency only after `room` in the same transaction.

    Raises:
        TemplateLimitReached: the account has as many as it may have.
        AliasTaken: another one has its alias.
    """
    row = await executor.fetch_one(
        _SQL["insert"], asdict(new) | {"account_id": account_id, "max_templates": max_templates}
    )
    if row is None or row["is_full"]:
        raise TemplateLimitReached(
            f"the account has {max_templates} templates, as many as it may have: delete one first"
        )
    if row["id"] is None:
        raise AliasTaken(f"another template has the alias {new.alias!r}: choose another one")
    return Template(**asdict(new), created_at=row["created_at"], updated_at=row["updated_at"])


async def update(executor: Executor, account_id: str, template_id: str, change: Change) -> Template | None:
    """The changed template; None when there is none.

    Raises:
        AliasTaken: another one has the alias.
    """
    try:
        return await executor.fetch_one(
            _SQL["update"], asdict(change) | {"account_id": account_id, "id": template_id}, row=Template
        )
    except UniqueViolation as error:
        raise AliasTaken(f"another template has the alias {change.alias!r}: choose another one") from error


async def delete(executor: Executor, account_id: str, template_id: str) -> bool:
    """Remove a template; False when there is none."""
    return await executor.execute(_SQL["delete"], {"account_id": account_id, "id": template_id}) > 0
