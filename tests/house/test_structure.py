"""Our own rules about the tree, held by reading it."""

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2ad.config import Config

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "e2ad").rglob("*.py"))
ROOMS = [path.parent for path in MODULES if path.name == "__init__.py" and path.parent.name != "e2ad"]

LINES_A_MODULE = 400
LINES_A_FUNCTION = 60


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    docstring = ast.get_docstring(node, clean=False)
    return (node.end_lineno or 0) - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES_A_MODULE
    long = {node.name: code_lines(node) for node in functions(tree(path)) if code_lines(node) > LINES_A_FUNCTION}
    assert not long


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_and_public_function_says_why_it_exists(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module), "the module has no docstring"
    silent = []
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                silent.append(node.name)
            if isinstance(node, ast.ClassDef):
                silent += [
                    f"{node.name}.{member.name}"
                    for member in node.body
                    if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
                    and not member.name.startswith("_")
                    and not any(getattr(mark, "id", "") == "overload" for mark in member.decorator_list)
                    and not ast.get_docstring(member)
                ]
    assert not silent


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_every_room_has_a_page_that_names_its_modules(room: Path) -> None:
    page = ast.get_docstring(tree(room / "__init__.py")) or ""
    modules = sorted({path.stem for path in room.glob("*.py")} - {"__init__", "__main__"})
    assert [name for name in modules if not re.search(rf"`{name}[`.]", page)] == []
    assert "\nRules. " in page
    assert "\nWhat may go wrong. " in page


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_takes_a_name_of_the_standard_library(path: Path) -> None:
    assert path.stem not in sys.stdlib_module_names or path.stem == "__main__" or path.name == "__init__.py"


def shields(module: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and any(word.arg == "shield" for word in node.keywords):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_shield_without_an_end(path: Path) -> None:
    for call in shields(tree(path)):
        name = ast.unparse(call.func)
        bounded = name.endswith(("move_on_after", "fail_after", "move_on_at", "fail_at")) or any(
            word.arg in ("deadline", "relative_deadline") for word in call.keywords
        )
        assert bounded, f"{path.name}:{call.lineno}: {ast.unparse(call)} has no end"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_queue_without_a_bound_and_no_sleep_that_blocks(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name.startswith("trio.open_memory_channel"):
            assert node.args, f"{path.name}:{node.lineno}: a channel needs a bound"
            assert ast.unparse(node.args[0]) not in ("math.inf", "float('inf')"), f"{path.name}:{node.lineno}"
        assert name != "time.sleep", f"{path.name}:{node.lineno}: the loop would stand still"


def assigned_sql(module: ast.Module) -> Iterator[ast.Constant]:
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    statement = re.compile(r"\s*(select\s.+\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from)\b", re.I | re.S)
    for node in ast.walk(module):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
        if isinstance(node, ast.Constant) and isinstance(text, str) and statement.match(text):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sql_in_python(path: Path) -> None:
    found = [f"{path.name}:{node.lineno}: {str(node.value)[:60]}" for node in assigned_sql(tree(path))]
    assert not found


def test_the_graces_fit_into_the_units_patience() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(ROOT / "systemd" / "e2ad.service")
    grace = Config().grace
    together = grace.doors_seconds + grace.attempts_seconds + grace.database_seconds
    assert together < int(unit["Service"]["TimeoutStopSec"])


FORBIDDEN_WORDS = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_for_later(path: Path) -> None:
    found = [line for line in path.read_text().splitlines() if FORBIDDEN_WORDS.search(line)]
    assert not found
