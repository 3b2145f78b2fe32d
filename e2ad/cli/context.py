"""What every command of `e2a` stands on: the client, the agent it is about, how it prints, asks and fails.

A command is a function of a `Context`, decorated with `@command`, which gives it `--json` too. What was asked for
goes to stdout: under `--json` one JSON value for all of it, or one a line where it comes bit by bit (`emit`).
Everything else that a person should know goes to stderr (`note`, `progress`, questions, failures).
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

import click
from attrs import define, field
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from e2ad.cli import settings
from e2ad.cli.endings import (
    EX_AGAIN,
    EX_CREDENTIALS,
    EX_HELD,
    EX_NOT_SENT,
    EX_PERMANENT,
    EX_STILL_WAITING,
    EX_USAGE,
    Asked,
    explained,
    fail,
)
from e2ad.cli.printing import Cell, Column, as_json, cell_of, console_for, plain, table
from e2ad.cli.settings import Settings
from e2ad.sdk import E2AClient, E2AError, PlainClient

__all__ = [
    "EX_AGAIN",
    "EX_CREDENTIALS",
    "EX_HELD",
    "EX_NOT_SENT",
    "EX_PERMANENT",
    "EX_STILL_WAITING",
    "EX_USAGE",
    "Cell",
    "Column",
    "Context",
    "at_a_terminal",
    "command",
    "fail",
    "given",
    "plain",
    "together",
]

PATIENCE_MS: Final = 75_000
"""Something is tried again within this time: a limit of so much a minute is waited for, a silent server not long."""

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])


@define
class Context:
    """What every command gets.

    Attributes:
        asked: what stood before the command's name.
        console: stdout, for people; `say` and the like are safer with what strangers wrote.
    """

    asked: Asked
    console: Console
    _settings: Settings | None = field(default=None, repr=False)
    _client: E2AClient | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    @property
    def as_json(self) -> bool:
        """Whether a program reads: then stdout is for JSON alone."""
        return self.asked.as_json

    # What is asked

    @property
    def settings(self) -> Settings:
        """Which deployment, which key, whose inbox; found when they are first asked for.

        Raises:
            click.UsageError: the configuration cannot be used.
        """
        if self._settings is None:
            self._settings = settings.find(self.asked.url, self.asked.api_key, None, profile=self.asked.profile)
        return self._settings

    @property
    def client(self) -> E2AClient:
        """The deployment, by the configured key; opened when it is first asked for.

        Raises:
            SystemExit: there is no key.
        """
        if self._client is None:
            if not self.settings.api_key:
                fail(
                    EX_CREDENTIALS,
                    "no API key: set E2A_API_KEY, or run this where `e2ad dev` was started",
                    ["with a browser: e2a login", "`e2ad bootstrap EMAIL` makes the first key of an account"],
                )
            self._client = E2AClient(self.settings.api_key, base_url=self.settings.url, max_elapsed_ms=PATIENCE_MS)
        return self._client

    @property
    def plain(self) -> PlainClient:
        """The same, with answers as they came: `context.plain.agents.get(email)["email"]`."""
        return self.client.plain

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
            self.asked.about = self.full(email or self.settings.agent_email)
            return self.asked.about
        agents = self._agents()
        if len(agents) == 1:
            return agents[0]
        found = self.plain.reviews.get(message_id).get("agent_email")
        if not found:
            raise _which(agents, "--agent")
        return str(found)

    def full(self, email: str) -> str:
        """A slug means an agent on the shared domain."""
        if "@" in email:
            return email
        return f"{email}@{self.settings.shared_domain or self.plain.info()['shared_domain']}"

    def _agents(self) -> list[str]:
        """The account's agents, or enough of them to know that there are several."""
        try:
            return [str(agent["email"]) for agent in self.plain.agents.list(limit=100).page().items]
        except E2AError as error:
            if error.code != "forbidden":
                raise
            return [str(self.plain.account.get()["agent_email"])]  # the credential of one agent

    # What is answered

    def say(self, text: object) -> None:
        """A line for people, whatever a stranger put into it; not a word under --json."""
        if not self.as_json:
            self.console.print(text if isinstance(text, Text) else plain(text))

    def note(self, text: object) -> None:
        """A line beside the result, on stderr."""
        click.echo(plain(text), err=True)

    def emit(self, document: Any) -> None:
        """One JSON value on a line of its own, at once."""
        click.echo(as_json(document))

    def done(self, document: Any, *lines: object) -> None:
        """The outcome: the API's answer for programs, `lines` for people."""
        if self.as_json:
            self.emit(document)
        for line in lines:
            self.say(line)

    def one(self, document: Mapping[str, Any], fields: Sequence[str | Column], headline: str | None = None) -> None:
        """One thing: those of its members that say something, a line each.

        Args:
            fields: names of members, or pairs of a label and a name or function.
        """
        if headline:
            self.say(headline)
        for one in fields:
            label, cell = (one, one) if isinstance(one, str) else one
            shown = cell_of(document, cell)
            if shown.plain:
                self.say(Text(f"  {label + ':':<16} ").append_text(shown))
        if self.as_json:
            self.emit(document)

    def rows(self, items: Iterable[Mapping[str, Any]], columns: Sequence[Column], empty: str) -> None:
        """A list: one JSON array, or a table; `empty` is said to people when there is nothing."""
        found = list(items)
        if self.as_json:
            self.emit(found)
        elif found:
            table(self.console, found, columns)
        else:
            self.say(empty)

    def lines(
        self, items: Iterable[Mapping[str, Any]], line: Callable[[Mapping[str, Any]], Iterable[Text]], empty: str
    ) -> None:
        """A list: one JSON array, or some lines for each item; `empty` is said to people when there is nothing."""
        found = list(items)
        if self.as_json:
            self.emit(found)
            return
        for item in found:
            for one in line(item):
                self.console.print(one)
        if not found:
            self.say(empty)

    # What is asked of the person

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only if the person says yes, or has said so with --yes.

        Raises:
            click.UsageError: nobody is there to be asked.
            SystemExit: the answer is no.
        """
        if yes:
            return
        if not at_a_terminal():
            raise click.UsageError(f"{plain(question)} Nobody can be asked here: add --yes.")
        if not click.confirm(plain(question), err=True):
            fail(EX_PERMANENT, "nothing was done")

    @contextmanager
    def progress(self, what: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
        """A bar on stderr while long work runs, if a person looks at it.

        Yields:
            Takes by how much the work has advanced; with no `total` the bar only moves.
        """
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True, color_system="auto" if self.console.color_system else None),
            transient=True,
            disable=self.as_json or not sys.stderr.isatty(),
        )
        with bar:
            task = bar.add_task(plain(what), total=total)
            yield lambda by: bar.advance(task, by)


def _which(agents: list[str], option: str) -> click.UsageError:
    if not agents:
        return click.UsageError("there is no agent yet; make one with: e2a agents create SLUG")
    several = ", ".join(agents[:10]) + (" …" if len(agents) > 10 else "")
    once = "once for all: e2a config set agent_email AGENT"
    return click.UsageError(f"which agent? add {option} with one of: {several} ({once})")


def command(function: Callable[Concatenate[Context, P], None]) -> Callable[P, None]:
    """Make a command of a function: give it its context and `--json`, explain its failures."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asked = click.get_current_context().find_object(Asked)
        assert asked is not None, "the group puts it there"
        asked.as_json |= bool(kwargs.pop("as_json"))
        with explained(), Context(asked, console_for(colour=asked.colour)) as context:
            function(context, *args, **kwargs)

    return _json_option(run)


def at_a_terminal() -> bool:
    """Is there a person to ask?"""
    return sys.stdin.isatty()


_json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout, and nothing else there.")


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
