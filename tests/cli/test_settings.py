"""Where `e2a` finds its key, and to which address it takes it."""

import json
import stat
from pathlib import Path
from typing import Any

import click
import pytest

from e2ad.cli import settings


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder and a home, both empty."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def keep(path: Path, **document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def test_sources_in_order(folders: Path) -> None:
    keep(folders / ".e2a" / "config.json", api_key="home", api_url="http://home", agent_email="a@home")
    found = settings.find(None, None, None, {})
    assert (found.api_key, found.url, found.agent_email) == ("home", "http://home", "a@home")

    keep(folders / ".config" / "e2a" / "config.json", profiles={"default": {"api_key": "xdg", "api_url": "http://xdg"}})
    found = settings.find(None, None, None, {})
    assert (found.api_key, found.url, found.agent_email) == ("xdg", "http://xdg", "")

    keep(folders / "work" / ".e2ad" / "dev.json", api_key="dev", api_url="http://dev")
    found = settings.find(None, None, None, {})
    assert (found.api_key, found.url) == ("dev", "http://dev")

    environ = {
        "E2A_API_KEY": "env",
        "E2A_URL": "http://env",
        "E2A_AGENT_EMAIL": "a@env",
        "E2A_SHARED_DOMAIN": "env.test",
    }
    found = settings.find(None, None, None, environ)
    assert (found.api_key, found.url, found.agent_email, found.shared_domain) == (
        "env",
        "http://env",
        "a@env",
        "env.test",
    )

    found = settings.find("http://flag", "flag", "a@flag", environ)
    assert (found.api_key, found.url, found.agent_email, found.source) == ("flag", "http://flag", "a@flag", "--api-key")


def test_nothing_anywhere(folders: Path) -> None:
    found = settings.find(None, None, None, {})
    assert (found.api_key, found.url) == ("", "http://127.0.0.1:8080")


@pytest.mark.parametrize("name", ["E2A_URL", "E2A_API_URL"])
def test_the_address_has_two_names(folders: Path, name: str) -> None:
    assert settings.find(None, None, None, {name: "http://one/"}).url == "http://one"


def test_a_key_goes_nowhere_because_of_the_folder(folders: Path) -> None:
    """Whoever has made the folder would else get the key of whoever works in it."""
    keep(folders / "work" / ".e2ad" / "dev.json", api_url="http://stranger")
    keep(folders / ".e2a" / "config.json", api_key="mine", api_url="http://mine")
    assert settings.find(None, None, None, {}).url == "http://mine"
    keep(folders / "work" / ".e2ad" / "dev.json", api_key="theirs", api_url="http://stranger")
    assert settings.find(None, None, None, {"E2A_API_KEY": "secret"}).url == "http://mine"
    assert settings.find(None, "secret", None, {}).url == "http://mine"


def test_profiles(folders: Path) -> None:
    keep(
        folders / ".config" / "e2a" / "config.json",
        profile="work",
        profiles={
            "default": {"api_key": "d", "api_url": "http://d"},
            "work": {"api_key": "w", "api_url": "http://w", "agent_email": "bot", "shared_domain": "w.test"},
            "home": {"api_key": "h", "api_url": "http://h"},
        },
    )
    keep(folders / "work" / ".e2ad" / "dev.json", api_key="dev", api_url="http://dev")
    assert settings.find(None, None, None, {}).api_key == "dev"
    found = settings.find(None, None, None, {"E2A_PROFILE": "home"})
    assert (found.api_key, found.url) == ("h", "http://h")
    found = settings.find(None, None, None, {"E2A_PROFILE": "home", "E2A_API_KEY": "env"})
    assert found.api_key == "env"
    found = settings.find(None, None, None, {"E2A_API_KEY": "env", "E2A_URL": "http://env"}, profile="home")
    assert (found.api_key, found.url, found.profile) == ("h", "http://h", "home")
    (folders / "work" / ".e2ad" / "dev.json").unlink()
    found = settings.find(None, None, None, {})
    assert (found.api_key, found.url, found.agent_email, found.shared_domain) == ("w", "http://w", "bot", "w.test")
    with pytest.raises(click.UsageError, match=r"no profile 'other'.*default, home, work"):
        settings.find(None, None, None, {}, profile="other")


def test_another_home_of_configurations(folders: Path) -> None:
    keep(folders / "etc" / "e2a" / "config.json", profiles={"default": {"api_key": "x"}})
    assert settings.find(None, None, None, {"XDG_CONFIG_HOME": str(folders / "etc")}).api_key == "x"
    assert settings.xdg_file({"XDG_CONFIG_HOME": "relative"}) == folders / ".config" / "e2a" / "config.json"


@pytest.mark.parametrize("text", ["", "[]", "{", "\0"])
def test_a_broken_file_of_the_folder_is_no_file(folders: Path, text: str) -> None:
    keep(folders / "work" / ".e2ad" / "dev.json")
    (folders / "work" / ".e2ad" / "dev.json").write_text(text)
    assert settings.find(None, None, None, {}).api_key == ""


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "an object is expected"),
        (b"\xff", "not UTF-8"),
        (b'{"profiles": []}', "an object is expected"),
        (b'{"profiles": {"default": {"api_key": 1}}}', "api_key must be text"),
        (b'{"profile": 7}', "profile must be a name"),
    ],
)
def test_a_broken_configuration_is_said(folders: Path, octets: bytes, words: str) -> None:
    path = folders / ".config" / "e2a" / "config.json"
    keep(path)
    path.write_bytes(octets)
    with pytest.raises(click.UsageError) as caught:
        settings.find(None, None, None, {})
    assert str(path) in caught.value.message
    assert words in caught.value.message


def test_what_is_kept_is_kept_for_one(folders: Path) -> None:
    found = settings.profiles({})
    found.with_profile("default", {"api_key": "k"}).save()
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(found.path.parent.stat().st_mode) == 0o700
    found.path.chmod(0o644)
    settings.profiles({}).with_profile("other", {"api_key": "o"}).save()
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600
    again = settings.profiles({})
    assert again.named == {"default": {"api_key": "k"}, "other": {"api_key": "o"}}
    assert [one.name for one in found.path.parent.iterdir()] == ["config.json"]


def test_a_link_to_the_file_stays_one(folders: Path) -> None:
    kept = folders / "elsewhere" / "e2a.json"
    keep(kept, profiles={"work": {"api_key": "one"}})
    link = settings.xdg_file({})
    link.parent.mkdir(parents=True)
    link.symlink_to(kept)
    found = settings.profiles({})
    found.with_profile("home", {"api_key": "two"}).save()
    assert link.is_symlink()
    assert set(json.loads(kept.read_text())["profiles"]) == {"work", "home"}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
