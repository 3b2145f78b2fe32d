"""Where `e2a` finds its key."""

import json
from pathlib import Path

import pytest

from e2ad.cli import settings


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder and a home, both empty."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def keep(path: Path, **document: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def test_sources_in_order(folders: Path) -> None:
    keep(folders / ".e2a" / "config.json", api_key="home", api_url="http://home", agent_email="a@home")
    found = settings.find(None, None, None, {})
    assert (found.api_key, found.url, found.agent_email) == ("home", "http://home", "a@home")

    keep(folders / "work" / ".e2ad" / "dev.json", api_key="dev", api_url="http://dev")
    found = settings.find(None, None, None, {})
    assert (found.api_key, found.url) == ("dev", "http://dev")

    found = settings.find(None, None, None, {"E2A_API_KEY": "env", "E2A_URL": "http://env", "E2A_AGENT_EMAIL": "a@env"})
    assert (found.api_key, found.url, found.agent_email) == ("env", "http://env", "a@env")

    found = settings.find("http://flag", "flag", "a@flag", {"E2A_API_KEY": "env", "E2A_URL": "http://env"})
    assert (found.api_key, found.url, found.agent_email, found.source) == ("flag", "http://flag", "a@flag", "--api-key")


def test_nothing_anywhere(folders: Path) -> None:
    found = settings.find(None, None, None, {})
    assert (found.api_key, found.url) == ("", "http://127.0.0.1:8080")


@pytest.mark.parametrize("text", ["", "[]", "{", "\0"])
def test_a_broken_file_is_no_file(folders: Path, text: str) -> None:
    keep(folders / "work" / ".e2ad" / "dev.json")
    (folders / "work" / ".e2ad" / "dev.json").write_text(text)
    assert settings.find(None, None, None, {}).api_key == ""
