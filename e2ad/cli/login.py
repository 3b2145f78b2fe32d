"""`e2a login`, `logout` and `whoami`: which deployment, and as whom."""

import os
import sys
import webbrowser
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import click
import trio

from e2ad.cli.configuring import hidden, store
from e2ad.cli.context import EX_CREDENTIALS, EX_STILL_WAITING, Context, at_a_terminal, command, fail
from e2ad.cli.endings import Asked
from e2ad.cli.following import answer_of, run
from e2ad.cli.handoff import Handed, Handoff
from e2ad.cli.settings import profiles
from e2ad.sdk import E2AClient

__all__ = ["login", "logout", "whoami"]

WAIT_SECONDS: Final = 120.0


@click.command()
@click.option("--url", metavar="URL", help="The deployment; as before the command's name.")
@click.option("--api-key", metavar="KEY", help="Instead of a browser; - reads it from standard input, or asks.")
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
@command
def login(context: Context, url: str | None, api_key: str | None, no_browser: bool) -> None:
    """Connect to a deployment: with a browser, in which you say yes, or with a key.

    The key is checked, and stored in the profile in use, or in the one named by --profile.

    \b
    e2a login --url https://mail.example.org
    e2a --profile work login --url https://mail.example.org --api-key -
    """
    address = (url or _known_address(context)).rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise click.UsageError(f"{address!r} is no address of a deployment, such as https://mail.example.org")
    key = api_key or context.asked.api_key
    if key == "-":
        key = _asked_for()
    with E2AClient(key or "e2a_", base_url=address) as nobody:
        shared_domain = nobody.plain.info().get("shared_domain") or ""
    handed = Handed(key) if key else _by_browser(context, address, open_it=not no_browser)
    with E2AClient(handed.api_key, base_url=address) as client:
        account = client.plain.account.get()
    name = _profile(context.asked)
    agent = account.get("agent_email") or handed.agent_email
    values = {"api_url": address, "api_key": handed.api_key, "shared_domain": shared_domain, "agent_email": agent}
    kept = store(name, {key: value or None for key, value in values.items()})
    told = {
        "profile": name,
        "file": str(kept.path),
        **_identity(account),
        "api_url": address,
        "agent_email": agent or None,
    }
    context.done(
        told, f"connected to {address} as {account['user']['email']}", f"  stored in {kept.path}, profile {name}"
    )


@click.command()
@command
def logout(context: Context) -> None:
    """Forget the key of the profile in use. It stays valid; `e2a keys delete` ends that.

    \b
    e2a logout
    """
    name = _profile(context.asked)
    had = profiles().named.get(name, {}).get("api_key")
    if had:
        store(name, {"api_key": None, "agent_email": None})
    context.done(
        {"profile": name, "forgotten": bool(had)}, f"profile {name} has no key {'any more' if had else ''}".strip()
    )


@click.command()
@command
def whoami(context: Context) -> None:
    """Whose key is used, what it may do, and where it comes from.

    \b
    e2a whoami
    """
    account = context.plain.account.get()
    found = context.settings
    told = {
        **account,
        "api_url": found.url,
        "key_prefix": hidden(found.api_key).removesuffix("…"),
        "key_source": found.source,
    }
    context.one(
        told,
        [
            ("account", lambda one: one["user"]["email"]),
            ("account id", lambda one: one["user"]["id"]),
            ("may do", lambda one: _SCOPES.get(one["scope"], one["scope"])),
            ("inbox", "agent_email"),
            ("deployment", "api_url"),
            ("key", lambda _: f"{hidden(found.api_key)} from {found.source}"),
            ("default inbox", lambda _: found.agent_email),
        ],
    )


_SCOPES: Final[Mapping[str, str]] = {"account": "everything in the account", "agent": "the mail of one inbox"}


def _identity(account: Mapping[str, Any]) -> dict[str, Any]:
    return {"email": account["user"]["email"], "user_id": account["user"]["id"], "scope": account["scope"]}


def _profile(asked: Asked) -> str:
    return asked.profile or os.environ.get("E2A_PROFILE") or profiles().used


def _known_address(context: Context) -> str:
    """Of the profile to connect, if it is there already; else as every command finds it."""
    stored = profiles().named.get(_profile(context.asked), {})
    named = context.asked.url or os.environ.get("E2A_URL") or os.environ.get("E2A_API_URL") or stored.get("api_url")
    if named:
        return named
    return "http://127.0.0.1:8080" if context.asked.profile else context.settings.url


def _asked_for() -> str:
    if at_a_terminal():
        return str(click.prompt("API key", hide_input=True, err=True)).strip()
    return sys.stdin.read().strip()


def _by_browser(context: Context, address: str, *, open_it: bool) -> Handed:
    """Have a person say yes.

    Raises:
        SystemExit: nobody did.
    """
    with Handoff() as handoff:
        page = handoff.page(address)
        opens = open_it and _has_browser()
        context.note("say yes in the browser; if none opens, open:" if opens else "open this in a browser here:")
        click.echo(f"\n  {page}\n", err=True)
        context.note("waiting for two minutes (Ctrl-C ends it)")
        handed: Handed | None = None

        async def main() -> None:
            nonlocal handed
            async with trio.open_nursery() as nursery:
                if opens:
                    # Some browsers say that they are open only when they are closed again.
                    nursery.start_soon(answer_of, partial(webbrowser.open, page))
                handed = await answer_of(partial(handoff.wait, WAIT_SECONDS))
                nursery.cancel_scope.cancel()

        if run(main) == "stopped":
            raise KeyboardInterrupt
    if handed is None:
        fail(EX_STILL_WAITING, "nobody said yes in time", ["with a key instead: e2a login --api-key -"])
    if handed.error:
        fail(EX_CREDENTIALS, f"the deployment gave no key: {handed.error}", code=handed.error)
    return handed


def _has_browser() -> bool:
    """Whether one can open a window. One that runs inside the terminal could not be read beside this program."""
    if sys.platform in ("darwin", "win32") or os.environ.get("BROWSER"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
