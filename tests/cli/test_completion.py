"""`e2a completion`: what a shell offers."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from e2ad.cli import completing
from e2ad.cli.client import main
from tests.cli.conftest import FarApi
from tests.live.running import ROOT


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which `e2a` is a command, and nothing is configured."""
    program = tmp_path / "bin" / "e2a"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom e2ad.cli.client import main\nmain()\n")
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("E2A_", "XDG_"))}
    return kept | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": f"{program.parent}:{kept['PATH']}"}


def ran(shell: str, script: str, environ: dict[str, str]) -> list[str]:
    flags = ["--norc", "--noprofile"] if shell == "bash" else ["-f"] if shell == "zsh" else ["--no-config"]
    done = subprocess.run(
        [shell, *flags, "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


BASH = """
source <(e2a completion bash)
asked() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _e2a_completion e2a
    echo "$*: ${COMPREPLY[*]}"
}
"""


def test_in_bash(environ: dict[str, str]) -> None:
    script = """
        asked e2a ag
        asked e2a agents ''
        asked e2a inbox --un
        asked e2a agents create my-bot --mode ''
    """
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", BASH + script],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    offered = {
        words: set(found.split()) for words, _, found in (line.partition(": ") for line in done.stdout.splitlines())
    }
    assert offered["e2a ag"] == {"agents"}
    assert {"list", "create", "register", "delete"} <= offered["e2a agents "]
    assert "inbox" not in offered["e2a agents "]
    assert offered["e2a inbox --un"] == {"--unread", "--until"}
    assert offered["e2a agents create my-bot --mode "] == {"local", "cloud"}


def test_agents_in_bash(far: FarApi, page: Any, environ: dict[str, str]) -> None:
    far.on("GET", "/v1/agents", page({"email": "bot@a.test", "name": "Bot"}, {"email": "other@a.test"}))
    known = environ | {"E2A_API_KEY": "key", "E2A_URL": far.url}
    script = BASH + "asked e2a inbox --agent b"
    assert ran("bash", script, known)[-1] == "bot@a.test"
    away = environ | {"E2A_API_KEY": "key", "E2A_URL": "http://127.0.0.1:1"}
    assert ran("bash", script, away)[-1] == "b:"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh_takes_the_script(environ: dict[str, str]) -> None:
    script = "autoload -Uz compinit && compinit -u && source <(e2a completion zsh) && print ${_comps[e2a]}"
    assert ran("zsh", script, environ) == ["_e2a_completion"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
def test_in_fish(environ: dict[str, str]) -> None:
    script = "e2a completion fish | source; complete --do-complete 'e2a agents '"
    assert {"list", "create"} <= set(ran("fish", script, environ))


@pytest.fixture
def asked() -> Callable[..., list[str]]:
    """What the program answers a shell that asks as its script does."""

    def ask(shell: str, words: str, last: str) -> list[str]:
        environ = {"_E2A_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "HOME": "/nonexistent"}
        environ["COMP_CWORD"] = last if shell == "fish" else str(len(words.split()))
        done = CliRunner().invoke(main, [], env=environ, prog_name="e2a")
        assert done.exit_code == 0
        return done.stdout.splitlines()

    return ask


def test_zsh_and_fish_by_their_protocol(asked: Callable[..., list[str]]) -> None:
    """Zsh reads three lines for each: kind, word, help; fish reads one."""
    lines = asked("zsh", "e2a agents", "")
    at = lines.index("register")
    assert lines[at - 1] == "plain"
    assert "shared domain" in lines[at + 1]
    assert any(line.startswith("plain,register") for line in asked("fish", "e2a agents", ""))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts(shell: str) -> None:
    script = CliRunner().invoke(main, ["completion", shell], prog_name="e2a").stdout
    assert f"_E2A_COMPLETE={shell}_complete" in script
    told = json.loads(CliRunner().invoke(main, ["completion", shell, "--json"], prog_name="e2a").stdout)
    assert told == {"shell": shell, "script": script.removesuffix("\n")}


def test_a_slow_deployment_is_not_waited_for() -> None:
    assert completing.ANSWER_MS <= 2000
