"""`e2a wait`: stop a script until a certain mail is there."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

import click
import trio
from attrs import define, field

from e2ad.cli.context import EX_STILL_WAITING, Context, command, fail, given, plain
from e2ad.cli.following import Enough, answer_of, follow, matches_sender, run
from e2ad.cli.options import WHEN, agent_option, duration
from e2ad.cli.reading import show_message

__all__ = ["wait"]

DEFAULT_TIMEOUT: Final = "60"
LOOK_SECONDS: Final = 5.0
"""How long a missing socket is waited for before the inbox is looked into without it, and how often then."""
LOOKED_THROUGH: Final = 100


def _pattern(_context: click.Context, _option: click.Parameter, value: str | None) -> re.Pattern[str] | None:
    try:
        return None if value is None else re.compile(value)
    except re.error as error:
        raise click.BadParameter(f"{value!r} is no regular expression: {error}") from error


@click.command()
@agent_option
@click.option("--from", "sender", metavar="TEXT", help="Part of the sender's address.")
@click.option("--subject", metavar="TEXT", help="Part of the subject.")
@click.option("--text", metavar="TEXT", help="Part of the text.")
@click.option("--conversation", metavar="ID", help="Of this conversation, as answers are.")
@click.option("--since", type=WHEN, help="Not older than this: RFC 3339, a date, or 5m, 12h; else anything unread.")
@click.option(
    "--timeout",
    default=DEFAULT_TIMEOUT,
    show_default=True,
    callback=duration,
    metavar="TIME",
    help="90s, 10m, 2h; 0 looks once at what is there.",
)
@click.option(
    "--extract", callback=_pattern, metavar="REGEX", help="Print only this of its text: the first group, or all of it."
)
@click.option("--peek", is_flag=True, help="Leave it unread.")
@command
def wait(
    context: Context,
    agent: str | None,
    sender: str | None,
    subject: str | None,
    text: str | None,
    conversation: str | None,
    since: str | None,
    timeout: int,
    extract: re.Pattern[str] | None,
    peek: bool,
) -> None:
    """Wait for a message that fits, print it, and end; one that is unread already counts, the newest first.

    Exit status 6 when the time is over.

    \b
    e2a wait --agent my-bot --from shop.example --subject "Your code" --timeout 2m --extract '\\b(\\d{6})\\b'
    """
    email = context.agent(agent)
    watch = _Watch(context, email, sender, subject, text, conversation, since, extract)
    if timeout:
        context.note(f"waiting for mail to {email}, {timeout} s at most (Ctrl-C ends)")
    ending = run(partial(watch.main, timeout), timeout) if timeout else run(watch.look)
    if ending == "stopped":
        raise KeyboardInterrupt
    if watch.found is None:
        fail(EX_STILL_WAITING, f"no such mail within {timeout} s" if timeout else "no such mail is there")
    message, extracted = watch.found
    if not peek:
        context.plain.messages.update_labels(email, message["id"], {"read_status": "read"})
        message["read_status"] = "read"
    if context.as_json:
        context.emit(message if extract is None else {**message, "extracted": extracted})
    elif extract is not None:
        context.say(extracted)
    else:
        show_message(context.console, message)


@define
class _Watch:
    """One wait. First the socket is opened, then the inbox is looked into, then events are taken: nothing that
    comes in between is missed.
    """

    context: Context
    email: str
    sender: str | None
    subject: str | None
    text: str | None
    conversation: str | None
    since: str | None
    extract: "re.Pattern[str] | None"
    found: tuple[dict[str, Any], str] | None = None
    _seen: set[str] = field(factory=set)
    _connected: trio.Event = field(factory=trio.Event)
    _looked: trio.Event = field(factory=trio.Event)

    async def main(self, seconds: float) -> None:
        """Until it is found, for as long as there is.

        Raises:
            Enough: it is.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_in_time, min(LOOK_SECONDS, seconds / 2))
            while True:
                await follow(self.context, self.email, self._take, on_connected=self._connected.set, quiet=True)
                await trio.sleep(LOOK_SECONDS)  # the server has ended it, and may begin anew

    async def _look_in_time(self, seconds: float) -> None:
        while not self._connected.is_set():
            with trio.move_on_after(seconds):
                await self._connected.wait()
            await self.look()
        self._looked.set()

    async def look(self) -> None:
        """Look once at what is unread.

        Raises:
            Enough: it is there.
        """
        query = given(
            from_=self.sender, subject_contains=self.subject, conversation_id=self.conversation, since=self.since
        )
        listed = partial(self.context.plain.messages.list, self.email, read_status="unread", limit=LOOKED_THROUGH)
        page = await answer_of(lambda: listed(**query).page())
        for one in page.items:
            await self._try(one["id"])

    async def _take(self, event: Mapping[str, Any]) -> None:
        await self._looked.wait()
        data = event["data"]
        if event["type"] != "email.received" or not matches_sender(data, self.sender):
            return
        if self.subject is not None and self.subject.lower() not in str(data.get("subject") or "").lower():
            return
        if self.conversation is not None and data.get("conversation_id") != self.conversation:
            return
        await self._try(data["message_id"])

    async def _try(self, message_id: str) -> None:
        """Look at a message once.

        Raises:
            Enough: it is the one.
        """
        if message_id in self._seen:
            return
        self._seen.add(message_id)
        message = await answer_of(partial(self.context.plain.messages.get, self.email, message_id, mark_read=False))
        text = str((message.get("parsed") or {}).get("text") or "")
        if self.text is not None and self.text.lower() not in text.lower():
            return
        if self.since is not None and datetime.fromisoformat(message["created_at"]) < datetime.fromisoformat(
            self.since
        ):
            return
        extracted = ""
        if self.extract is not None:
            hit = self.extract.search(text) or self.extract.search(str(message.get("subject") or ""))
            if hit is None:
                return
            extracted = (hit[1] if hit.re.groups else hit[0]) or ""
        self.found = (dict(message), plain(extracted))
        raise Enough
