from pathlib import Path

import pytest

from e2ad.storage import sql

FILE = """-- A file may begin with words about itself.

-- first: what it is for
-- and a remark on the statement
select 1;

-- second_one: another
select '-- third: not a head, since it does not begin the line'
-- a remark at the end
"""


def test_parse():
    first, second = sql.parse(FILE, "x.sql")
    assert (first.name, first.purpose) == ("first", "what it is for")
    assert first.statement == "-- and a remark on the statement\nselect 1"
    assert second.name == "second_one"
    assert second.statement.startswith("select '-- third")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("select 1", "before the first line"),
        ("-- a: b\nselect 1\n-- a: c\nselect 2", "'a' is there twice"),
        ("-- a: b\n\n-- c: d\nselect 1", "'a' has no statement"),
        ("-- a: b\n-- only words\n", "'a' has no statement"),
    ],
)
def test_files_that_are_wrong(text, problem):
    with pytest.raises(ValueError, match=problem):
        sql.parse(text, "x.sql")


def test_queries_are_a_mapping_with_a_clear_error():
    queries = sql.load("migrations")
    assert queries is sql.load("migrations")
    assert len(queries) == len(list(queries))
    assert queries["applied"].startswith("select")
    with pytest.raises(KeyError, match=r"sql/queries/migrations\.sql has no query 'appleid'; it has: applied"):
        queries["appleid"]


def test_unknown_file():
    with pytest.raises(FileNotFoundError):
        sql.load("nothing")


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / f"{name.replace('m', '', 1)}.sql").write_text(text)
    return directory


def test_migrations(tmp_path):
    write(tmp_path, m0002_add_index="-- e2ad: no transaction\nselect 2", m0001_create_table="select 1")
    first, second = sql.migrations(tmp_path)
    assert (first.version, first.name, first.transactional) == (1, "0001_create_table", True)
    assert (second.version, second.name, second.transactional) == (2, "0002_add_index", False)
    assert len(first.sha256) == 64


@pytest.mark.parametrize("name", ["1_create_table", "0001_create", "0001-create-table", "0001_Create_table"])
def test_misnamed_migration(tmp_path, name):
    (tmp_path / f"{name}.sql").write_text("select 1")
    with pytest.raises(ValueError, match="NNNN_verb_noun"):
        sql.migrations(tmp_path)


def test_number_that_comes_twice(tmp_path):
    write(tmp_path, m0001_create_table="select 1", m0001_add_index="select 2")
    with pytest.raises(ValueError, match="number 1 is there twice"):
        sql.migrations(tmp_path)


def test_files_in_a_wheel_come_first(tmp_path, monkeypatch):
    (tmp_path / "e2ad" / "storage").mkdir(parents=True)
    monkeypatch.setattr(sql, "__file__", str(tmp_path / "e2ad" / "storage" / "sql.py"))
    with pytest.raises(FileNotFoundError, match="missing"):
        sql.root()
    (tmp_path / "sql" / "migrations").mkdir(parents=True)
    assert sql.root() == tmp_path / "sql"
    (tmp_path / "e2ad" / "_sql" / "migrations").mkdir(parents=True)
    assert sql.root() == tmp_path / "e2ad" / "_sql"
