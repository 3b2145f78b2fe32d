"""Where `e2a` finds the deployment and the key: flags, environment, the dev folder, profiles in the home folder.

A key goes only to the address that it was stored with, or to one that the caller names himself: not to one that
happens to lie in the current folder.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from attrs import evolve, field, frozen

__all__ = ["DEFAULT", "DEV_FILE", "KEYS", "Profiles", "Settings", "find", "home_file", "profiles", "xdg_file"]

DEV_FILE: Final = Path(".e2ad") / "dev.json"
"""Written by `e2ad dev`, so that `e2a` in the same folder just works."""

KEYS: Final = ("api_key", "api_url", "agent_email", "shared_domain")
"""What a profile holds (contract: the client's configuration)."""

DEFAULT: Final = "default"
_DEFAULT_URL: Final = "http://127.0.0.1:8080"


@frozen
class Settings:
    """A deployment and a credential.

    Attributes:
        agent_email: whose inbox is meant where none is named; may be empty, and may be a slug.
        source: where the key comes from.
        shared_domain: on which a slug is an address; empty for the deployment's own word.
        profile: of the configuration file, if one was looked at.
    """

    url: str
    api_key: str
    agent_email: str
    source: str
    shared_domain: str = ""
    profile: str = DEFAULT


@frozen
class Profiles:
    """The configuration file: named sets of `KEYS`, one of which is in use."""

    path: Path
    used: str = DEFAULT
    named: Mapping[str, Mapping[str, str]] = field(factory=dict)

    def save(self) -> None:
        """Write the file, readable by its owner alone; a reader sees the old one or the new one.

        A link to it, as people keep whose settings lie elsewhere, stays one.

        Raises:
            OSError: it cannot be written.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        document = {"profile": self.used, "profiles": {name: dict(one) for name, one in self.named.items()}}
        path = self.path.resolve()
        handle, name = tempfile.mkstemp(prefix=".config-", dir=path.parent)  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=2, ensure_ascii=False)
                file.write("\n")
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def with_profile(self, name: str, values: Mapping[str, str]) -> "Profiles":
        """The same with one profile put in the place of what was there."""
        return evolve(self, named={**self.named, name: dict(values)})


def xdg_file(environ: Mapping[str, str]) -> Path:
    """The file that is written (XDG base directories); a relative folder counts as none, as it is written there."""
    folder = Path(environ.get("XDG_CONFIG_HOME") or "")
    return (folder if folder.is_absolute() else Path("~/.config").expanduser()) / "e2a" / "config.json"


def home_file() -> Path:
    """The file of the published client, which is read and never written."""
    return Path("~/.e2a/config.json").expanduser()


def profiles(environ: Mapping[str, str] | None = None) -> Profiles:
    """What the configuration file says. Without a default profile there, the published client's file is it.

    Raises:
        click.UsageError: a file is there, and is not what it should be.
    """
    path = xdg_file(os.environ if environ is None else environ)
    document = _strict(path)
    named = {name: _values(path, one) for name, one in _table(path, document.get("profiles", {})).items()}
    if DEFAULT not in named and (values := _values(home_file(), _strict(home_file()))):
        named[DEFAULT] = values
    used = document.get("profile", DEFAULT)
    if not isinstance(used, str):
        raise _bad(path, "profile must be a name")
    return Profiles(path, used, named)


def find(
    url: str | None,
    api_key: str | None,
    agent: str | None,
    environ: Mapping[str, str] | None = None,
    *,
    profile: str | None = None,
) -> Settings:
    """The first source that has a key wins, and its address with it, unless the caller names another one.

    Sources in order: the flags (a profile named there too), `E2A_API_KEY`, the profile named by `E2A_PROFILE`,
    `.e2ad/dev.json` here, the profile in use. `E2A_URL` (or `E2A_API_URL`), `E2A_AGENT_EMAIL` and
    `E2A_SHARED_DOMAIN` win over what is stored.

    Raises:
        click.UsageError: a configuration file that cannot be read, or a profile that is not there.
    """
    environ = os.environ if environ is None else environ
    stored = profiles(environ)
    named = profile or environ.get("E2A_PROFILE") or ""
    if named and named not in stored.named:
        known = ", ".join(sorted(stored.named)) or "none yet"
        raise click.UsageError(f"there is no profile {named!r} in {stored.path}; there is: {known}")
    mine = stored.named.get(named or stored.used, {})
    dev = {} if named else _lenient(DEV_FILE)
    place = f"profile {named or stored.used} ({stored.path if stored.path.exists() else home_file()})"
    candidates: list[tuple[str, str | None, str | None]] = [
        ("--api-key", api_key, mine.get("api_url")),
        (place, mine.get("api_key") if profile else None, mine.get("api_url")),
        ("E2A_API_KEY", environ.get("E2A_API_KEY"), mine.get("api_url")),
        (str(DEV_FILE), dev.get("api_key"), dev.get("api_url")),
        (place, mine.get("api_key"), mine.get("api_url")),
    ]
    source, key, with_it = next((c for c in candidates if c[1]), ("", "", mine.get("api_url")))
    # The address of a profile that was asked for by name is its own too.
    asked = url or ("" if profile and mine.get("api_url") else environ.get("E2A_URL") or environ.get("E2A_API_URL"))
    agent_email = agent or ("" if profile else environ.get("E2A_AGENT_EMAIL"))
    return Settings(
        url=(asked or with_it or _DEFAULT_URL).rstrip("/"),
        api_key=key or "",
        agent_email=agent_email or ("" if source == str(DEV_FILE) else mine.get("agent_email", "")),
        source=source,
        shared_domain=environ.get("E2A_SHARED_DOMAIN", "")
        or ("" if source == str(DEV_FILE) else mine.get("shared_domain", "")),
        profile=named or stored.used,
    )


def _strict(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(path, getattr(error, "strerror", None) or "not UTF-8") from error
    try:
        return _table(path, json.loads(text))
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"not JSON: {error}") from error


def _table(path: Path, document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise _bad(path, "an object is expected")
    return document


def _values(path: Path, document: object) -> dict[str, str]:
    found = {name: value for name, value in _table(path, document).items() if name in KEYS and value is not None}
    for name, value in found.items():
        if not isinstance(value, str):
            raise _bad(path, f"{name} must be text")
    return found


def _bad(path: Path, what: str) -> click.UsageError:
    return click.UsageError(f"the configuration {path} cannot be used: {what}")


def _lenient(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
