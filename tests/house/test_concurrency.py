"""Structured concurrency, held by reading the tree: owners, deadlines, and nothing that blocks the loop."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "e2ad").rglob("*.py"))
EVERY_MODULE = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

BLOCKING = frozenset(
    {
        "open",
        "input",
        "print",
        "time.sleep",
        "os.fsync",
        "os.system",
        "os.waitpid",
        "os.popen",
        "select.select",
        "shutil.copy",
        "shutil.copytree",
        "shutil.rmtree",
        "socket.create_connection",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "subprocess.Popen",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.run",
        "tempfile.NamedTemporaryFile",
        "tempfile.TemporaryFile",
        "tempfile.mkdtemp",
        "urllib.request.urlopen",
    }
)
BLOCKING_METHODS = frozenset({"read_text", "read_bytes", "write_text", "write_bytes", "communicate"})

BLOCKS_KNOWINGLY = {
    ("e2ad/daemon/processes.py", "live_once"): "the parent serves nobody; a fork takes a millisecond",
    ("e2ad/dev/postgres.py", "_running"): "the death signal follows the thread that forks: it has to be this one",
    ("e2ad/dev/postgres.py", "open_server"): "before and after everything else",
    ("e2ad/dev/postgres.py", "_programs"): "before anything is served",
    ("e2ad/dev/postgres.py", "_make_cluster"): "before anything is served",
}
"""Where, and why nobody is kept waiting by it."""

PASSES_A_NURSERY = {
    ("e2ad/daemon/tree.py", "_start_engines"): "one storey of the tree, written apart for its length alone",
    ("e2ad/daemon/tree.py", "_open_doors"): "one storey of the tree, written apart for its length alone",
    ("e2ad/api/front.py", "accept"): "connections outlive the accept loop that starts them",
    ("e2ad/api/front.py", "close"): "goodbyes are said in the nursery of those they are said to",
    ("e2ad/api/sockets.py", "handshake"): "the library's reader runs in the nursery of its connection",
    ("e2ad/workers/dispatch_loop.py", "_claim_all"): "attempts outlive the claim that starts them",
    ("e2ad/workers/dispatch_loop.py", "_claim"): "attempts outlive the claim that starts them",
    ("e2ad/workers/runner.py", "_claim_all"): "attempts outlive the claim that starts them",
    ("e2ad/workers/runner.py", "_claim"): "attempts outlive the claim that starts them",
    ("e2ad/workers/runner.py", "_start"): "attempts outlive the claim that starts them",
    ("e2ad/workers/runner.py", "_attempt"): "an attempt that ends makes room for the next of its lane",
}

KEEPS_A_NURSERY = {
    "e2ad/delivery/hub.py": "a socket's tasks belong to the hub, which closes them all; None while it does not run",
    "e2ad/mailauth/authenticator.py": "what is evaluated ahead belongs to `run`; None while it does not run",
}

CATCHES_EVERYTHING = {"e2ad/cli/failing.py": "outside of any event loop: how a command ends, whatever it was"}

KEEPS_CANCELLED = {
    "e2ad/smtp/client_connection.py": "a mail that is out: its outcome counts more, and the cancellation comes again",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(module: ast.AST) -> Iterator[Function]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it, which run elsewhere or are looked at apart."""
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            left += ast.iter_child_nodes(node)


def calls(function: Function) -> Iterator[ast.Call]:
    return (node for node in own_nodes(function) if isinstance(node, ast.Call))


def blocks(call: ast.Call) -> bool:
    return ast.unparse(call.func) in BLOCKING or (
        isinstance(call.func, ast.Attribute) and call.func.attr in BLOCKING_METHODS
    )


@EVERY_MODULE
def test_no_task_blocks_the_loop(path: Path) -> None:
    found = [
        f"{name_of(path)}:{call.lineno}: {ast.unparse(call.func)} in {function.name}"
        for function in functions(ast.parse(path.read_text()))
        if isinstance(function, ast.AsyncFunctionDef) and (name_of(path), function.name) not in BLOCKS_KNOWINGLY
        for call in calls(function)
        if blocks(call)
    ]
    assert not found


@EVERY_MODULE
def test_nobody_catches_what_is_not_an_exception(path: Path) -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or "BaseException" in ast.unparse(node.type).split("."))
        and name_of(path) not in CATCHES_EVERYTHING
    ]
    assert not found, "Cancelled and KeyboardInterrupt would end here"


@EVERY_MODULE
def test_who_catches_cancelled_lets_it_go_on(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and node.type is not None and "Cancelled" in ast.unparse(node.type):
            if name_of(path) in KEEPS_CANCELLED:
                continue
            last = node.body[-1]
            assert isinstance(last, ast.Raise), f"{name_of(path)}:{node.lineno}"
            assert last.exc is None, f"{name_of(path)}:{node.lineno}"


def takes_a_nursery(function: Function) -> bool:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return any(argument.annotation is not None and "Nursery" in ast.unparse(argument.annotation) for argument in every)


@EVERY_MODULE
def test_nurseries_are_not_passed_down(path: Path) -> None:
    found = {
        (name_of(path), function.name)
        for function in functions(ast.parse(path.read_text()))
        if takes_a_nursery(function)
    }
    assert found <= PASSES_A_NURSERY.keys()


def opened(function: Function) -> set[str]:
    """The names under which a function has nurseries: its own, and what it was given."""
    arguments = function.args
    names = {argument.arg for argument in [*arguments.args, *arguments.kwonlyargs]}
    for node in ast.walk(function):
        if isinstance(node, ast.withitem) and node.optional_vars is not None:
            names.add(ast.unparse(node.optional_vars))
    return names


def enclosed(module: ast.AST, names: frozenset[str] = frozenset()) -> Iterator[tuple[Function, frozenset[str]]]:
    """Each function with the names of nurseries that it can see, those of functions around it included."""
    for node in ast.iter_child_nodes(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            seen = names | opened(node)
            yield node, seen
            yield from enclosed(node, seen)
        else:
            yield from enclosed(node, names)


@EVERY_MODULE
def test_every_task_is_started_in_a_nursery_that_is_seen(path: Path) -> None:
    found = []
    for function, nurseries in enclosed(ast.parse(path.read_text())):
        for call in calls(function):
            if isinstance(call.func, ast.Attribute) and call.func.attr == "start_soon":
                owner = ast.unparse(call.func.value)
                kept = owner == "self._nursery" and name_of(path) in KEEPS_A_NURSERY
                if owner not in nurseries and not kept:
                    found.append(f"{name_of(path)}:{call.lineno}: {owner}")
    assert not found


@EVERY_MODULE
def test_no_task_without_a_nursery(path: Path) -> None:
    text = path.read_text()
    for way_out in ("spawn_system_task", "asyncio.create_task", "threading.Thread(", "asyncio.run("):
        assert way_out not in text, f"{name_of(path)}: {way_out}"


def loops(function: Function) -> Iterator[ast.While]:
    return (node for node in own_nodes(function) if isinstance(node, ast.While))


@EVERY_MODULE
def test_a_loop_that_survives_its_failures_waits_before_it_tries_again(path: Path) -> None:
    """`while: try … except Exception` without a wait is a hot loop as soon as the failure lasts."""
    found = []
    for function in functions(ast.parse(path.read_text())):
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        for loop in loops(function):
            survives = [
                handler
                for handler in ast.walk(loop)
                if isinstance(handler, ast.ExceptHandler)
                and handler.type is not None
                and ast.unparse(handler.type) == "Exception"
                and not isinstance(handler.body[-1], ast.Raise | ast.Return)
            ]
            text = ast.unparse(loop)
            if survives and not any(word in text for word in ("sleep(", "backoff", "while self._doubtful")):
                found.append(f"{name_of(path)}:{loop.lineno} in {function.name}")
    assert not found


def test_the_exceptions_are_still_needed() -> None:
    """A name on one of the lists that is gone would let something new in under it."""
    for listed in (BLOCKS_KNOWINGLY, PASSES_A_NURSERY):
        for module, function in listed:
            known = {one.name: one for one in functions(ast.parse((ROOT / module).read_text()))}
            assert function in known, f"{module}: {function}"
            if listed is PASSES_A_NURSERY:
                assert takes_a_nursery(known[function]), f"{module}: {function}"
            else:
                assert any(blocks(call) for call in calls(known[function])), f"{module}: {function}"
    for module in KEEPS_A_NURSERY:
        assert "self._nursery" in (ROOT / module).read_text()
