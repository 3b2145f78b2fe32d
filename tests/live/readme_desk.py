"""What the reader of the README has before the first line: a checkout, and the commands that it takes for granted.

The environment that the README makes is filled with wrappers around the interpreter that runs the tests: nothing is
downloaded; `pip`, `pytest` and `claude` only write down how they were called, and the browser is a person in a hurry.
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from tests.live.running import ROOT

__all__ = ["Desk", "add_node", "set_desk"]

PACKAGE = ROOT / "e2ad" / "sdk" / "typescript"

SCRIPTS = {
    "python": 'exec {python} "$@"',
    "e2a": 'exec {python} -c "from e2ad.cli.client import main; main(prog_name=\'e2a\')" "$@"',
    "e2ad": 'exec {python} -c "from e2ad.cli.daemon import main; main(prog_name=\'e2ad\')" "$@"',
    "pip": '{note} pip "$@"',
    "pytest": '{note} pytest "$@"',
}

COMMANDS = {
    "python3": 'if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3" && cp -r {made}/. "$3"; else exec {python} "$@"; fi',
    "claude": '{note} claude "$@"',
    "systemctl": '{note} systemctl "$@"',
    "journalctl": '{note} journalctl "$@"',
    "browser": 'exec {python} {tests}/readme_person.py {desk} "$1"',
    "npm": 'exec {python} {tests}/readme_npm.py {desk} "$@"',
}

ACTIVATE = 'PATH="$PWD/.venv/bin:$PATH"\n'


@frozen
class Desk:
    """A folder that looks like the checkout.

    Attributes:
        folder: where the terminals are.
        outputs: where what they print is kept.
    """

    folder: Path
    outputs: Path
    home: Path
    path: Path

    def called(self, command: str) -> list[list[str]]:
        """The arguments of each call of a command that only writes them down."""
        file = self.folder / ".called"
        calls = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [call[1:] for call in calls if call[0] == command]

    def environ(self, **more: str) -> dict[str, str]:
        """Of the reader's terminals: nothing of whoever runs the tests but the path to programs."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "PATH": f"{self.path}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "BROWSER": f"{self.path / 'browser'} %s",
            "PYTHONUNBUFFERED": "1",
            "NO_UPDATE_NOTIFIER": "1",
            **more,
        }


def set_desk(folder: Path) -> Desk:
    """Fill an empty folder."""
    desk = Desk(folder / "e2ad", folder / "outputs", folder / "home", folder / "bin")
    for one in (desk.folder, desk.outputs, desk.home, desk.path, folder / "made" / "bin"):
        one.mkdir(mode=0o755, parents=True)
    for name in ("README.md", "pyproject.toml", "config.example.toml", "systemd"):
        (desk.folder / name).symlink_to(ROOT / name)
    note = f"{sys.executable} {ROOT / 'tests/live/readme_note.py'} {desk.folder / '.called'}"
    words = {
        "python": f"env PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)}",
        "note": note,
        "made": folder / "made",
        "tests": ROOT / "tests" / "live",
        "desk": desk.folder,
    }
    for where, scripts in ((folder / "made" / "bin", SCRIPTS), (desk.path, COMMANDS)):
        for name, text in scripts.items():
            (where / name).write_text("#!/bin/bash\n" + text.format(**words) + "\n")
            (where / name).chmod(0o755)
    (folder / "made" / "bin" / "activate").write_text(ACTIVATE)
    return desk


def add_node(desk: Desk, node: str, npm: Sequence[str], modules: Path) -> None:
    """Give the reader Node, and what the package is built with, so that nothing is downloaded."""
    shutil.copytree(
        PACKAGE, desk.folder / PACKAGE.relative_to(ROOT), ignore=shutil.ignore_patterns("node_modules", "dist")
    )
    (desk.path / "node").symlink_to(node)
    link = f"ln -s {shlex.quote(str(modules))} node_modules"
    command = f'{shlex.join(npm)} "$@" --offline --no-audit --no-fund'
    (desk.path / "npm").write_text(f'#!/bin/bash\nif [ "$*" = install ]; then {link}; else exec {command}; fi\n')
    (desk.path / "npm").chmod(0o755)
