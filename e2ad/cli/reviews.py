"""`e2a reviews` (and `e2a pending`): what waits for a person, why, and the decision about it.

A decision is bound to what was on the screen: the hash of the exact content goes with it, and if the
draft has changed since, the server refuses.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import click
from rich.panel import Panel
from rich.text import Text

from e2ad.cli.context import EX_PERMANENT, Context, at_a_terminal, command, fail, given, json_option, print_json
from e2ad.cli.drafts import changes_of, draft_options, edited_by_hand
from e2ad.cli.listening import plain

__all__ = ["reviews"]


@click.group()
def reviews() -> None:
    """Mail that waits for a person to decide."""


@reviews.command("list")
@click.option("-n", "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@command
def reviews_list(context: Context, limit: int, as_json: bool) -> None:
    """Everything that is held, newest first."""
    found = list(context.client.list_reviews(limit=limit))
    if as_json:
        print_json(found)
        return
    for review in found:
        context.console.print(_line(review))
    if not found:
        context.say("nothing waits for a decision")


@reviews.command("show")
@click.argument("message_id", metavar="MESSAGE")
@json_option
@command
def reviews_show(context: Context, message_id: str, as_json: bool) -> None:
    """A held mail whole: to whom, what, why it is held and until when."""
    review = context.client.get_review(message_id)
    if as_json:
        print_json(review)
    else:
        show_review(context, review)


@reviews.command("approve")
@click.argument("message_id", metavar="MESSAGE")
@draft_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--content", metavar="SHA256", help="Only if its content is still this (as show prints it).")
@click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, it is done once.")
@json_option
@command
def reviews_approve(
    context: Context,
    /,
    message_id: str,
    yes: bool,
    content: str | None,
    idempotency_key: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Let a held mail go, as it is or changed; it is shown first."""
    changes = changes_of(options)
    review = context.client.get_review(message_id)
    seen = content or review.get("content_sha256")
    if not as_json:
        show_review(context, review)
        for name in changes:
            context.say(f"changed by you: {name}")
    if not yes:
        if not at_a_terminal():
            raise click.UsageError("nobody can be asked here; look at it with `e2a reviews show`, then add --yes")
        if not click.confirm("Let it go?", err=True):
            fail(EX_PERMANENT, "nothing was decided; it stays held")
    result = context.client.approve_review(
        message_id, idempotency_key=idempotency_key or uuid4().hex, **changes, **given(content_sha256=seen)
    )
    if as_json:
        print_json(result)
    elif result["status"] == "review_approved":
        context.say(f"released to the agent: {message_id}")
    else:
        context.say(f"approved, {result['status']}: {message_id}" + (" (changed)" if result.get("edited") else ""))
        context.say(f"  how far it is: e2a trace {message_id}")


@reviews.command("reject")
@click.argument("message_id", metavar="MESSAGE")
@click.option("--reason", help="Why; the agent gets to see it.")
@json_option
@command
def reviews_reject(context: Context, message_id: str, reason: str | None, as_json: bool) -> None:
    """Keep a held mail from going; that is final."""
    result = context.client.reject_review(message_id, **given(reason=reason))
    if as_json:
        print_json(result)
    else:
        context.say(f"rejected: {message_id}")


@reviews.command("edit")
@click.argument("message_id", metavar="MESSAGE")
@draft_options
@json_option
@command
def reviews_edit(context: Context, /, message_id: str, as_json: bool, **options: Any) -> None:
    """Change a held draft and leave it held; with no option, in $EDITOR."""
    changes = changes_of(options)
    review = context.client.get_review(message_id)
    if review["direction"] != "outbound" or review.get("review_status") != "pending_review":
        fail(EX_PERMANENT, f"{message_id} is no draft that waits for a decision")
    if not changes:
        if not at_a_terminal():
            raise click.UsageError("no editor can be opened here; say what to change, for instance --edit-subject")
        changes = edited_by_hand(review)
        if not changes:
            context.say("nothing was changed")
            return
    result = context.client.edit_review(message_id, **changes, **given(content_sha256=review.get("content_sha256")))
    if as_json:
        print_json(result)
    else:
        context.say(f"changed, still held: {message_id}")
        context.say(f"  content {result.get('content_sha256', '')}")


def _line(review: Mapping[str, Any]) -> Text:
    """One hold of a list on two lines: the way it goes and what it says; why, until when, and its id to copy."""
    outbound = review["direction"] == "outbound"
    reason = review.get("hold_reason") or {}
    agent, others = plain(review["agent_email"]), plain(", ".join(review["to"]))
    line = Text("out  " if outbound else "in   ", style="cyan")
    line.append(
        f"{agent} -> {others}" if outbound else f"{plain(review['header_from'] or '?')} -> {agent}", style="bold"
    )
    line.append("  " + plain(review["subject"] or "(no subject)"))
    until = review.get("approval_expires_at")
    line.append(f"\n     {plain(reason.get('summary') or 'held')}", style="yellow")
    line.append(f"\n     {review['id']}" + (f"  until {until}" if until else ""), style="dim")
    return line


def show_review(context: Context, review: Mapping[str, Any]) -> None:
    """A hold for a person: all that an approval lets go, and all that speaks against it."""
    head = Text()
    body = review.get("body") or {}
    for name, value in (
        ("State", str(review.get("review_status") or "").replace("_", " ")),
        ("From", review["header_from"]),
        ("To", ", ".join(review["to"])),
        ("Cc", ", ".join(review["cc"])),
        ("Bcc", ", ".join(review.get("bcc") or [])),
        ("Reply-To", ", ".join(review.get("reply_to") or [])),
        ("Sent at", review.get("scheduled_at")),
        ("Held at", review["created_at"]),
        ("Until", review.get("approval_expires_at")),
        ("Content", review.get("content_sha256")),
    ):
        if value:
            head.append(f"{name + ':':<10}", style="dim")
            head.append(f"{plain(value)}\n")
    head.append(f"{'Why:':<10}", style="dim")
    reason = review.get("hold_reason") or {}
    head.append(plain(reason.get("summary") or "not held"), style="yellow")
    if reason.get("detail"):
        head.append(f"\n{'':<10}{plain(reason['detail'])}", style="dim")
    for finding in review.get("protection") or []:
        head.append(f"\n{'':<10}")
        head.append_text(_finding(finding))
    context.console.print(Panel(head, title=Text(plain(review["subject"] or "(no subject)")), title_align="left"))
    parsed = review.get("parsed") or {}
    context.console.print(Text(plain(body.get("text") or parsed.get("text") or "", lines=True)))
    if html := body.get("html"):
        context.console.print(Text(f"[an HTML part of {len(html)} characters; see it with --json]", style="dim"))
    for attachment in body.get("attachments") or review["attachments"]:
        name, kind = (plain(attachment.get(key) or "?") for key in ("filename", "content_type"))
        context.console.print(Text(f"[attachment: {name}, {kind}, {attachment['size_bytes']} bytes]", style="dim"))


def _finding(finding: Mapping[str, Any]) -> Text:
    """What was noticed, what follows from it, and where the address was seen."""
    action = finding.get("action")
    style = {"block": "red", "review": "yellow"}.get(str(action), "dim")
    line = Text(f"{action or 'noted'}: ", style=style)
    line.append(plain(finding.get("summary") or finding.get("detector") or finding["source"]))
    if finding.get("message_id"):
        place = f" ({plain(finding['place'])})" if finding.get("place") else ""
        line.append(f"  seen in {plain(finding['message_id'])}{place}", style="dim")
    elif finding.get("place"):
        line.append(f"  {plain(finding['place'])}", style="dim")
    return line
