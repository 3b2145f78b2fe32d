"""`e2a config`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from e2ad.cli.client import main

KEY = "e2a_acct_" + "0123456789abcdef" * 4


@pytest.fixture
def e2a(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command with a home of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, input: str | None = None, **environ: str) -> Result:  # noqa: A002
        clean = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "E2A_API_KEY": "", "E2A_URL": "", "E2A_PROFILE": ""}
        return CliRunner().invoke(main, arguments, input=input, env=clean | environ)

    return run


def test_set_get_list_unset(e2a: Callable[..., Result], tmp_path: Path) -> None:
    assert e2a("config", "list").stdout.startswith("default (in use)\n  nothing is stored")
    assert e2a("config", "set", "api_url", "https://mail.example.org/").exit_code == 0
    assert e2a("config", "set", "api_key", "-", input=f"{KEY}\n").exit_code == 0
    assert e2a("config", "set", "agent_email", "bot").exit_code == 0
    assert e2a("config", "get", "api_key").stdout == f"{KEY}\n"
    assert json.loads(e2a("config", "get", "api_url", "--json").stdout) == {"api_url": "https://mail.example.org"}
    listed = e2a("config", "list")
    assert "https://mail.example.org" in listed.stdout
    assert "e2a_acct_0123…" in listed.stdout
    assert KEY not in listed.stdout + e2a("config", "list", "--json", "--all").stdout
    assert e2a("config", "unset", "agent_email").exit_code == 0
    gone = e2a("config", "get", "agent_email")
    assert (gone.exit_code, gone.stdout) == (5, "")
    assert e2a("config", "path").stdout == f"{tmp_path}/.config/e2a/config.json\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set", "api_url", "mail.example.org"], "no address"),
        (["set", "colour", "red"], "colour"),
        (["set", "api_key", ""], "e2a config unset api_key"),
    ],
)
def test_what_cannot_be_kept(e2a: Callable[..., Result], arguments: list[str], words: str) -> None:
    done = e2a("config", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr


def test_profiles(e2a: Callable[..., Result]) -> None:
    assert e2a("config", "use", "work").exit_code == 5
    assert e2a("--profile", "work", "config", "set", "api_url", "https://work.example").exit_code == 0
    assert e2a("config", "get", "api_url").exit_code == 5
    assert e2a("config", "get", "api_url", E2A_PROFILE="work").stdout == "https://work.example\n"
    assert e2a("config", "use", "work").exit_code == 0
    assert e2a("config", "get", "api_url").stdout == "https://work.example\n"
    told = json.loads(e2a("config", "list", "--all", "--json").stdout)
    assert (told["profile"], told["profiles"]) == ("work", {"work": {"api_url": "https://work.example"}})
    assert e2a("config", "use", "default").exit_code == 0


def test_the_published_clients_file_is_read_and_left_alone(e2a: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / ".e2a" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"api_key": KEY, "api_url": "https://old.example", "key_scope": "account"}))
    assert e2a("config", "get", "api_url").stdout == "https://old.example\n"
    assert e2a("config", "set", "agent_email", "bot").exit_code == 0
    assert e2a("config", "get", "api_key").stdout == f"{KEY}\n"
    assert "agent_email" not in file.read_text()
    assert e2a("logout").exit_code == 0
    assert e2a("config", "get", "api_key").exit_code == 5


def test_a_broken_file_names_itself(e2a: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / ".config" / "e2a" / "config.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    for arguments in (["agents", "list"], ["config", "list"], ["config", "set", "agent_email", "x"], ["logout"]):
        done = e2a(*arguments)
        assert done.exit_code == 2
        assert str(file) in done.stderr
    told = json.loads(e2a("agents", "list", "--json").stderr)
    assert str(file) in told["error"]["message"]
    assert file.read_text() == "{"


def test_a_folder_that_cannot_be_written(e2a: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("in the way")
    done = e2a("config", "set", "agent_email", "bot")
    assert done.exit_code == 5
    assert "cannot be written" in done.stderr
