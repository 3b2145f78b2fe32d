"""`e2a listen` and `e2a read`: events as they come, messages for the eye."""

import base64
import json
import signal
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import click
import httpx2
import trio
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from e2ad.cli.states import state_of
from e2ad.sdk import E2AClient, E2AError, listen

__all__ = ["line_of", "plain", "run", "show_message", "write_raw"]

FORWARD_SECONDS = 30.0


def run(
    client: E2AClient,
    email: str,
    console: Console,
    *,
    forward: str | None,
    forward_token: str | None,
    once: bool,
    as_json: bool,
) -> None:
    """Listen until Ctrl-C (or the first message, with `once`)."""
    click.echo(f"listening for {email} at {client.base_url} (Ctrl-C ends)", err=True)

    async def handle(event: Mapping[str, Any]) -> None:
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        else:
            console.print(line_of({**event["data"], "auth_headers": event.get("auth_headers")}))
        if forward is not None and event["type"] == "email.received":
            await _forward(client, event, forward, forward_token)
        if once:
            raise _Enough

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_signal, nursery.cancel_scope)
            await listen(client.base_url, client.api_key, email, handle, on_state=partial(click.echo, err=True))

    try:
        trio.run(main)
    except BaseExceptionGroup as group:
        _, rest = group.split(_Enough)
        if rest is not None:
            raise _innermost(rest) from None


class _Enough(Exception):
    """One message was wanted, one has come."""


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def _until_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return


async def _forward(client: E2AClient, event: Mapping[str, Any], url: str, token: str | None) -> None:
    """POST the whole message; a target that fails is reported, the listening goes on."""
    data = event["data"]
    try:
        message = await trio.to_thread.run_sync(client.get_message, data["delivered_to"], data["message_id"])
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx2.AsyncClient(timeout=FORWARD_SECONDS, trust_env=False) as http:
            response = await http.post(url, json=dict(message), headers=headers)
        click.echo(f"forwarded {data['message_id']}: {response.status_code}", err=True)
    except (httpx2.HTTPError, E2AError) as error:
        click.echo(f"could not forward {data['message_id']}: {error}", err=True)


_BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE = (0x00AD, 0x200B, 0x2028, 0x2029, 0x2060, 0xFEFF)
_CONTROLS = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(32), 127, *range(128, 160), *_BIDIRECTIONAL, *_INVISIBLE)
    if chr(code) not in "\t\n"
}


def plain(value: object, *, lines: bool = False) -> str:
    """What a stranger wrote, safe to print.

    Control characters would steer the reader's terminal; those that turn the direction of writing, or show
    nothing at all, would let an address look like another one.
    """
    text = str(value).replace("\r\n", "\n").translate(_CONTROLS)
    return text if lines else " ".join(text.split("\n"))


def line_of(message: Mapping[str, Any]) -> Text:
    """One message of a list on two lines: who, what and how far to be trusted; when, and its id to copy."""
    trust = _trust(message.get("verified_domain"), message.get("auth_headers"))
    at = str(message.get("created_at") or message.get("received_at") or "")[:16].replace("T", " ")
    line = Text("● " if message.get("read_status", "unread") == "unread" else "  ", style="cyan")
    line.append(plain(message.get("header_from") or "(no sender)"), style="bold")
    line.append("  " + plain(message.get("subject") or "(no subject)"))
    line.append(f"  [{trust[0]}]", style=trust[1])
    line.append(f"\n  {at}  {message.get('id') or message.get('message_id')}", style="dim")
    return line


def show_message(console: Console, message: Mapping[str, Any]) -> None:
    """A message for a person: who, what, how far to be trusted, and its new text."""
    head = Text()
    for name, value in (
        ("From", message["header_from"] or "(none)"),
        ("To", ", ".join(message["to"])),
        ("Cc", ", ".join(message["cc"])),
        ("Date", message["created_at"]),
    ):
        if value:
            head.append(f"{name + ':':<10}", style="dim")
            head.append(f"{plain(value)}\n")
    if message.get("direction") == "outbound":
        words, style = state_of(message)
        head.append(f"{'State:':<10}", style="dim")
        head.append(words, style=style)
    else:
        trust = _trust(message["verified_domain"], message.get("auth_headers"))
        head.append(f"{'Sender:':<10}", style="dim")
        head.append(trust[0], style=trust[1])
        for line in _evidence(message["authentication"] or {}):
            head.append(f"\n{'':<10}{line}", style="dim")
    console.print(Panel(head, title=Text(plain(message["subject"] or "(no subject)")), title_align="left"))
    parsed = message.get("parsed") or {}
    console.print(Text(plain(parsed.get("text", ""), lines=True)))
    for attachment in message["attachments"]:
        name = plain(attachment.get("filename") or "(unnamed)")
        console.print(
            Text(f"[attachment {attachment['index']}: {name}, {attachment['size_bytes']} bytes]", style="dim")
        )


def _evidence(found: Mapping[str, Any]) -> list[str]:
    """Why, in a line for each check: a pass counts only for the domain that it is about."""
    if not found:
        return []
    checks = [("spf", found["spf"]), *(("dkim", result) for result in found["dkim"])]
    lines = []
    for name, result in checks if found["dkim"] else [*checks, ("dkim", {"status": "none"})]:
        about = f" for {plain(result['domain'])}" if result.get("domain") else ""
        stranger = " (not the author's domain)" if result.get("aligned") is False else ""
        detail = f": {plain(result['detail'])}" if result.get("detail") and result["status"] != "pass" else ""
        lines.append(f"{name} {result['status']}{about}{stranger}{detail}")
    dmarc = found["dmarc"]
    policy = f", policy {dmarc['policy']}" if dmarc["policy"] else ""
    about = f" for {plain(dmarc['domain'])}{policy}" if dmarc["domain"] else ""
    return [*lines, f"dmarc {dmarc['status']}{about}"]


def write_raw(message: Mapping[str, Any]) -> None:
    """The mail's own bytes on stdout."""
    sys.stdout.buffer.write(base64.b64decode(message["raw_message"] or ""))


def _trust(verified_domain: str | None, headers: Mapping[str, str] | None) -> tuple[str, str]:
    if verified_domain:
        return f"verified: {verified_domain}", "green"
    if headers and headers.get("X-E2A-Auth-Verified") == "true":
        return "verified by alignment", "green"
    return "not verified", "yellow"
