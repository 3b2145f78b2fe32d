"""What every command of `e2a` stands on: the client, the agent it is about, how it prints and how it fails."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, Final, NoReturn, ParamSpec, TypeVar

import click
from attrs import frozen
from rich.console import Console

from e2ad.cli.listening import plain
from e2ad.cli.settings import Settings
from e2ad.sdk import ConnectionRefusedForGood, E2AClient, E2AConnectionError, E2AError

__all__ = [
    "EX_AGAIN",
    "EX_CREDENTIALS",
    "EX_HELD",
    "EX_NOT_SENT",
    "EX_PERMANENT",
    "EX_STILL_WAITING",
    "Context",
    "agent_option",
    "at_a_terminal",
    "command",
    "fail",
    "given",
    "json_option",
    "print_json",
    "show_fields",
    "together",
]

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])

EX_AGAIN: Final = 1
EX_HELD: Final = 3
EX_CREDENTIALS: Final = 4
EX_PERMANENT: Final = 5
EX_STILL_WAITING: Final = 6
EX_NOT_SENT: Final = 7
"""Beside 0 for done and 2 for wrong usage, which click gives (contract: exit codes of the client)."""

_ADVICE: Final[Mapping[str, str]] = {
    "recipient_suppressed": "see who is blocked and why: e2a suppressions list [--agent AGENT]",
    "domain_not_verified": "see which DNS record is missing: e2a domains show DOMAIN",
    "blocked_by_policy": "see the agent's rules: e2a protection show AGENT",
    "message_not_pending": "it was decided already, or its time ran out: e2a reviews show MESSAGE",
    "message_not_yet_delivered": "that mail is still on its way: e2a trace MESSAGE",
    "idempotency_key_reuse": "the key was used for another mail; give each mail a key of its own",
    "idempotency_in_flight": "the same send is under way; repeat it in a moment with the same key",
}


@frozen
class Context:
    """What every command gets: the client, where it points, how to print."""

    client: E2AClient
    settings: Settings
    console: Console

    def agent(self, email: str | None, option: str = "--agent") -> str:
        """The agent that a command is about: named (by `option`), configured, or the only one there is."""
        if email or self.settings.agent_email:
            return self.full(email or self.settings.agent_email)
        agents = self._agents()
        if len(agents) == 1:
            return agents[0]
        raise _which(agents, option)

    def agent_of(self, message_id: str, email: str | None) -> str:
        """The agent that a message belongs to: named, configured, the only one, or whose it is."""
        if email or self.settings.agent_email:
            return self.full(email or self.settings.agent_email)
        agents = self._agents()
        if len(agents) == 1:
            return agents[0]
        found = self.client.get_review(message_id).get("agent_email")
        if not found:
            raise _which(agents, "--agent")
        return str(found)

    def full(self, email: str) -> str:
        """A slug means an agent on the shared domain."""
        return email if "@" in email else f"{email}@{self.client.info()['shared_domain']}"

    def say(self, text: object) -> None:
        """A line for people, whatever a stranger put into it."""
        self.console.print(plain(text))

    def _agents(self) -> list[str]:
        try:
            return [str(agent["email"]) for agent in self.client.list_agents()]
        except E2AError as error:
            if error.code != "forbidden":
                raise
            return [str(self.client.account()["agent_email"])]  # the credential of one agent


def _which(agents: list[str], option: str) -> click.UsageError:
    if not agents:
        return click.UsageError("there is no agent yet; make one with: e2a agents create SLUG")
    return click.UsageError(f"which agent? add {option} with one of: {', '.join(agents[:10])}")


def fail(status: int, message: str, more: list[str] | None = None) -> NoReturn:
    """End with a line on stderr, further lines below it, and an exit status."""
    click.echo(f"e2a: {plain(message)}", err=True)
    for line in more or []:
        click.echo(f"  {plain(line)}", err=True)
    sys.exit(status)


@contextmanager
def _explained() -> Iterator[None]:
    """Failures of the API as one line and an exit status."""
    try:
        yield
    except E2AConnectionError as error:
        fail(EX_AGAIN, str(error))
    except ConnectionRefusedForGood as error:
        fail(EX_PERMANENT, str(error))
    except E2AError as error:
        if error.code in ("unauthorized", "forbidden"):
            fail(EX_CREDENTIALS, f"{error} ({error.code})")
        fail(EX_AGAIN if error.retryable else EX_PERMANENT, f"{error} ({error.code})", _more(error))


def _more(error: E2AError) -> list[str]:
    """What else the answer says, and what to do about it."""
    lines = list(error.problems)
    details = error.details
    if "retry_after_seconds" in details:
        lines.append(f"try again in {details['retry_after_seconds']} s")
    if "max_bytes" in details and str(details["max_bytes"]) not in str(error):
        what = details.get("filename") or str(details.get("scope", "the body")).replace("_", " ")
        lines.append(f"{what}: {details.get('actual_bytes')} bytes, at most {details['max_bytes']} are taken")
    if "resource" in details:
        lines.append(f"{details['resource']}: {details.get('current')} of {details.get('limit')} used")
    if isinstance(record := details.get("ownership_record"), Mapping):
        lines.append("if it is yours, publish this record and register it again:")
        lines.append(f"{record.get('type')} {record.get('name')} {record.get('value')}")
    if error.status >= 500 and error.request_id:
        lines.append(f"request id: {error.request_id}")
    if error.code in _ADVICE:
        lines.append(_ADVICE[error.code])
    return lines


def command(function: Callable[Concatenate[Context, P], None]) -> Callable[P, None]:
    """Give a command its context and explain its failures."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        found = click.get_current_context().find_object(Settings)
        assert found is not None, "the group puts it there"
        if not found.api_key:
            raise click.UsageError(
                "no API key: set E2A_API_KEY, or run this where `e2ad dev` was started; "
                "`e2ad bootstrap EMAIL` makes a key"
            )
        with _explained(), E2AClient(found.api_key, found.url) as client:
            function(Context(client, found, Console(soft_wrap=True, markup=False, highlight=False)), *args, **kwargs)

    return run


def at_a_terminal() -> bool:
    """Is there a person to ask?"""
    return sys.stdin.isatty()


json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
agent_option = click.option("--agent", help="The agent's address, or its slug on the shared domain.")


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several decorators as one; help shows them in this order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def given(**fields: Any) -> dict[str, Any]:
    """Those options that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def print_json(document: Any) -> None:
    """One line for programs."""
    click.echo(json.dumps(document, ensure_ascii=False))


def show_fields(context: Context, document: Mapping[str, Any], names: tuple[str, ...], headline: str | None) -> None:
    """Those of an object's members that say something, a line each."""
    if headline:
        context.say(headline)
    for name in names:
        if document.get(name) not in (None, ""):
            context.say(f"  {name + ':':<16} {document[name]}")
