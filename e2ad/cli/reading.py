"""Messages for the eye: a line of a list, and one whole."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from e2ad.cli.printing import framed, plain
from e2ad.cli.states import state_of

__all__ = ["line_of", "show_message"]


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
    framed(console, head, message["subject"] or "(no subject)")
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


def _trust(verified_domain: str | None, headers: Mapping[str, str] | None) -> tuple[str, str]:
    if verified_domain:
        return f"verified: {verified_domain}", "green"
    if headers and headers.get("X-E2A-Auth-Verified") == "true":
        return "verified by alignment", "green"
    return "not verified", "yellow"
