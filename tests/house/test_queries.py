"""All SQL lies in sql/queries, is used, and fits the schema."""

import ast
import re
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import tuple_row

from e2ad.storage import sql

PACKAGE = Path(sql.__file__).parent.parent
QUERIES = {
    path.stem: sql.parse(path.read_text(encoding="utf-8"), str(path))
    for path in sorted((sql.root() / "queries").glob("*.sql"))
}
_PARAMETER = re.compile(r"%(?:%|\(([a-z_][a-z0-9_]*)\)[sbt])")
_UTILITY = re.compile(r"(create|do|drop|alter|notify|listen|vacuum|analyze|set|lock|truncate)\b", re.IGNORECASE)
_STATEMENT = re.compile(r"\b(select|insert into|update|delete from|with \w+ as)\s", re.IGNORECASE)


def numbered(statement: str) -> str:
    """``%(name)s`` as ``$1``, the same name always the same number."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "%"
        if match.group(1) not in names:
            names.append(match.group(1))
        return f"${names.index(match.group(1)) + 1}"

    return _PARAMETER.sub(number, statement)


def test_numbered():
    assert numbered("a %(x)s b %(y)b c %(x)s like '%%'") == "a $1 b $2 c $1 like '%'"


@pytest.mark.parametrize("module", QUERIES)
async def test_queries_fit_the_schema(database, module):
    """Each is PREPAREd, with its parameters of unknown type; what cannot be prepared is run and undone."""
    problems: list[str] = []
    async with database.connection() as connection:
        cursor = connection.driver.cursor(row_factory=tuple_row)
        for query in QUERIES[module]:
            statement = numbered(query.statement)
            code = "\n".join(line for line in statement.splitlines() if not line.lstrip().startswith("--")).strip()
            if not _UTILITY.match(code):
                statement = f"prepare {query.name} as {statement}"
            await connection.execute("begin")
            try:
                await cursor.execute(statement.encode(), prepare=False)
            except psycopg.Error as error:
                problems.append(f"{query.name}: {error}")
            await connection.execute("rollback")
    assert problems == []


@pytest.mark.parametrize("module", QUERIES)
def test_queries_are_used(module):
    """By name, in a module that loads the file; a name that nobody spells is dead."""
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    loading = "".join(source for source in sources if f'load("{module}")' in source)
    assert loading, f"nobody loads sql/queries/{module}.sql"
    assert [query.name for query in QUERIES[module] if f'"{query.name}"' not in loading] == []


def test_all_writers_of_events_ask_alike_which_webhooks_want_them():
    """Mail in is written by one statement with everything else, other events by another; neither calls the other."""
    wanted = re.compile(r"select array_agg\(w\.id order by w\.id\)\s+from webhooks w\s+where .*?(?=\n\s*\))", re.DOTALL)
    found = {
        f"{module}.{query.name}": " ".join(match[0].split())
        for module, queries in QUERIES.items()
        for query in queries
        if "insert into events" in query.statement
        for match in wanted.finditer(query.statement)
    }
    writers = {
        f"{m}.{q.name}" for m, queries in QUERIES.items() for q in queries if "insert into events" in q.statement
    }
    assert found.keys() == writers >= {"intake.store", "outbox.emit"}
    assert len(set(found.values())) == 1


def test_no_statement_hides_in_storage():
    """Storage holds no SQL of its own, apart from the words that steer a session."""
    found: list[str] = []
    for path in sorted((PACKAGE / "storage").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
                text = node.value.strip()
                if _STATEMENT.match(text) and text != "select 1":
                    found.append(f"{path.name}: {text[:60]}")
    assert found == []
