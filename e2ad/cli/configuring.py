"""`e2a config`: what is stored for this person on this computer, in named profiles."""

import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

import click

from e2ad.cli.context import EX_PERMANENT, Context, command, fail
from e2ad.cli.endings import Asked
from e2ad.cli.frame import Group
from e2ad.cli.settings import DEFAULT, KEYS, Profiles, profiles

__all__ = ["config", "hidden", "store"]

_setting = click.argument("key", type=click.Choice(KEYS))


@click.group(cls=Group)
def config() -> None:
    """Stored settings: api_key, api_url, agent_email, shared_domain.

    They are kept in profiles in $XDG_CONFIG_HOME/e2a/config.json, readable by you alone; ~/.e2a/config.json is read
    as the profile `default` where there is no other. What wins: options, E2A_API_KEY E2A_URL E2A_AGENT_EMAIL
    E2A_SHARED_DOMAIN, the folder where `e2ad dev` was started, the profile in use.

    \b
    e2a config set agent_email my-bot
    e2a --profile work config set api_url https://mail.example.org
    e2a config use work
    """


@config.command("list")
@click.option("--all", "every", is_flag=True, help="Of all profiles.")
@command
def config_list(context: Context, every: bool) -> None:
    """The settings of the profile in use; of the key only how it begins.

    \b
    e2a config list --all
    """
    found, name = _chosen()
    shown = {one: {key: _shown(key, value) for key, value in values.items()} for one, values in found.named.items()}
    if context.as_json:
        context.emit({"file": str(found.path), "profile": name, "profiles": shown} if every else shown.get(name, {}))
        return
    for one, values in shown.items() if every else [(name, shown.get(name, {}))]:
        context.say(f"{one}{' (in use)' if one == found.used else ''}")
        for key in KEYS:
            if key in values:
                context.say(f"  {key + ':':<16} {values[key]}")
        if not values:
            context.say("  nothing is stored; connect with: e2a login")


@config.command("get")
@_setting
@command
def config_get(context: Context, key: str) -> None:
    """One setting, whole, for scripts; exit status 5 if it is not stored.

    \b
    e2a config get api_url
    """
    found, name = _chosen()
    value = found.named.get(name, {}).get(key)
    if value is None:
        fail(EX_PERMANENT, f"{key} is not stored in profile {name}")
    context.done({key: value}, value)


@config.command("set")
@_setting
@click.argument("value")
@command
def config_set(context: Context, key: str, value: str) -> None:
    """Store a setting; a VALUE of - is read from standard input, so that no key is left in the shell's history.

    \b
    e2a config set api_url https://mail.example.org
    e2a config set api_key - < key.txt
    """
    if value == "-":
        value = sys.stdin.read().strip()
    if key == "api_url":
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise click.UsageError(f"{value!r} is no address of a deployment, such as https://mail.example.org")
        value = value.rstrip("/")
    if not value:
        raise click.UsageError(f"to forget it: e2a config unset {key}")
    found, name = _chosen()
    _keep(found.with_profile(name, {**found.named.get(name, {}), key: value}))
    context.done({"profile": name, key: _shown(key, value)}, f"{key} is stored in profile {name}")


@config.command("unset")
@_setting
@command
def config_unset(context: Context, key: str) -> None:
    """Forget a setting.

    \b
    e2a config unset agent_email
    """
    found, name = _chosen()
    left = {one: value for one, value in found.named.get(name, {}).items() if one != key}
    _keep(found.with_profile(name, left))
    context.done({"profile": name, key: None}, f"{key} is not stored any more in profile {name}")


@config.command("use")
@click.argument("name")
@command
def config_use(context: Context, name: str) -> None:
    """Make a profile the one that is used where none is named.

    \b
    e2a config use work
    """
    found = profiles()
    if name not in found.named and name != DEFAULT:
        known = ", ".join(sorted(found.named)) or "none yet"
        fail(EX_PERMANENT, f"there is no profile {name}; there is: {known}", [f"make it: e2a --profile {name} login"])
    _keep(Profiles(found.path, name, found.named))
    context.done({"profile": name}, f"profile {name} is used from now on")


@config.command("path")
@command
def config_path(context: Context) -> None:
    """Where the settings are kept.

    \b
    e2a config path
    """
    path = profiles().path
    context.done({"path": str(path)}, path)


def store(name: str, values: Mapping[str, str | None]) -> Profiles:
    """Put values into a profile; None forgets one. What is not named stays.

    Raises:
        SystemExit: the file cannot be written.
    """
    found = profiles()
    kept = {**found.named.get(name, {}), **values}
    made = found.with_profile(name, {key: value for key, value in kept.items() if value is not None})
    _keep(made)
    return made


def hidden(key: str) -> str:
    """How a key begins, to know it again."""
    return f"{key[:13]}…" if len(key) > 20 else "…"


def _shown(key: str, value: str) -> str:
    return hidden(value) if key == "api_key" else value


def _chosen() -> tuple[Profiles, str]:
    """The file, and the profile that is meant; it need not be there yet."""
    asked = click.get_current_context().find_object(Asked)
    found = profiles()
    return found, (asked and asked.profile) or os.environ.get("E2A_PROFILE") or found.used


def _keep(changed: Profiles) -> None:
    try:
        changed.save()
    except OSError as error:
        fail(EX_PERMANENT, f"{changed.path} cannot be written: {error.strerror}")
