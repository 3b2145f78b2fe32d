"""Named queries and migrations, read from the files that hold all of e2ad's SQL.

In a source tree they lie in ``sql/`` beside the package; a wheel carries them as ``e2ad/_sql``.

A file of queries is a list of::

    -- name: what it is for
    select ... where id = %(id)s

Further comment lines may stand anywhere else; they stay with the statement that they are in.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attrs import frozen

__all__ = ["Migration", "Queries", "Query", "load", "migrations", "parse", "root"]

_HEAD = re.compile(r"^-- ([a-z][a-z0-9_]*): (\S.*)$", re.MULTILINE)
_MIGRATION = re.compile(r"(\d{4})_([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\.sql")
_NO_TRANSACTION = "-- e2ad: no transaction"


@frozen
class Query:
    """One named statement and the line that says what it is for."""

    name: str
    purpose: str
    statement: str


@frozen
class Migration:
    """One numbered step of the schema.

    Attributes:
        version: its number; steps are applied in this order.
        name: the whole file name without ``.sql``.
        sha256: of the file, to notice a step that was changed after it had been applied.
        transactional: False where the first line is ``-- e2ad: no transaction``.
        statements: the file's text.
    """

    version: int
    name: str
    sha256: str
    transactional: bool
    statements: str


class Queries(Mapping[str, str]):
    """The statements of one file, by name."""

    def __init__(self, module: str, queries: list[Query]) -> None:
        self._module = module
        self._statements = {query.name: query.statement for query in queries}

    def __getitem__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            known = ", ".join(sorted(self._statements))
            raise KeyError(f"sql/queries/{self._module}.sql has no query {name!r}; it has: {known}") from None

    def __iter__(self) -> Any:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def root() -> Path:
    """The directory with `queries/` and `migrations/`.

    Raises:
        FileNotFoundError: neither the wheel's nor the source tree's is there.
    """
    package = Path(__file__).parent.parent
    for candidate in (package / "_sql", package.parent / "sql"):
        if (candidate / "migrations").is_dir():
            return candidate
    raise FileNotFoundError(
        f"the SQL files of e2ad are missing: neither {package}/_sql nor {package.parent}/sql exists"
    )


@cache
def load(module: str) -> Queries:
    """The queries of ``sql/queries/<module>.sql``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as `parse`.
    """
    path = root() / "queries" / f"{module}.sql"
    return Queries(module, parse(path.read_text(encoding="utf-8"), str(path)))


def parse(text: str, where: str) -> list[Query]:
    """Split a file into its named queries.

    Raises:
        ValueError: a name comes twice, a query has no statement, or a statement has no name.
    """
    heads = list(_HEAD.finditer(text))
    before = text[: heads[0].start()] if heads else text
    if _code(before):
        raise ValueError(f"{where}: a statement stands before the first line '-- name: what it is for'")
    queries: list[Query] = []
    seen: set[str] = set()
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        statement = text[head.end() : following.start() if following else len(text)].strip().removesuffix(";").rstrip()
        name = head.group(1)
        if name in seen:
            raise ValueError(f"{where}: query {name!r} is there twice")
        if not _code(statement):
            raise ValueError(f"{where}: query {name!r} has no statement")
        seen.add(name)
        queries.append(Query(name, head.group(2).strip(), statement))
    return queries


def _code(text: str) -> str:
    """What is left without comment lines."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()


def migrations(directory: Path | None = None) -> list[Migration]:
    """All migrations in order.

    Raises:
        ValueError: a file's name does not follow ``NNNN_verb_noun.sql``, or a number comes twice.
    """
    found: list[Migration] = []
    for path in sorted((directory or root() / "migrations").glob("*.sql")):
        match = _MIGRATION.fullmatch(path.name)
        if not match:
            raise ValueError(f"{path}: a migration is called NNNN_verb_noun.sql")
        content = path.read_bytes()
        text = content.decode("utf-8")
        version = int(match.group(1))
        if found and found[-1].version == version:
            raise ValueError(f"migration number {version} is there twice: {found[-1].name} and {path.stem}")
        transactional = text.partition("\n")[0].strip() != _NO_TRANSACTION
        found.append(Migration(version, path.stem, hashlib.sha256(content).hexdigest(), transactional, text))
    return found
