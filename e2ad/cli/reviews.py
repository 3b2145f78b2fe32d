"""`e2a reviews` (and `e2a pending`): what waits for a person, why, and the decision about it.

A decision is bound to what was on the screen: the hash of the exact content goes with it, and if the
draft has changed since, the server refuses.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click
from rich.text import Text

from e2ad.cli.context import EX_PERMANENT, Context, at_a_terminal, command, fail, given, plain
from e2ad.cli.differences import differences
from e2ad.cli.drafts import changes_of, draft_options, edited_by_hand
from e2ad.cli.frame import Group
from e2ad.cli.options import limit_option, yes_option
from e2ad.cli.printing import framed
from e2ad.cli.several import each

__all__ = ["reviews"]

_which = click.argument("message_id", metavar="MESSAGE")
_several = click.argument("message_ids", metavar="MESSAGE...", nargs=-1, required=True)
_content_option = click.option(
    "--content", metavar="SHA256", help="Only if its content is still this (as show prints it)."
)
_NO_EDITOR: Final = "no editor can be opened here; say what to change, for instance --edit-subject"


@click.group(cls=Group)
def reviews() -> None:
    """Mail that waits for a person to decide.

    \b
    e2a reviews list
    e2a reviews approve MESSAGE
    """


@reviews.command("list")
@limit_option()
@command
def reviews_list(context: Context, limit: int) -> None:
    """Everything that is held, newest first.

    \b
    e2a reviews list
    """
    context.lines(context.plain.reviews.list().to_list(limit), _lines, "nothing waits for a decision")


@reviews.command("show")
@_which
@command
def reviews_show(context: Context, message_id: str) -> None:
    """A held mail whole: to whom, what, why it is held and until when.

    \b
    e2a reviews show msg_0123456789abcdef0123456789abcdef
    """
    review = context.plain.reviews.get(message_id)
    if context.as_json:
        context.emit(review)
    else:
        show_review(context, review)


@reviews.command("approve")
@_several
@draft_options
@click.option("--edit", is_flag=True, help="Change it in $EDITOR first; the difference is shown before you decide.")
@yes_option
@_content_option
@click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, it is done once.")
@command
def reviews_approve(
    context: Context,
    /,
    message_ids: Sequence[str],
    edit: bool,
    yes: bool,
    content: str | None,
    idempotency_key: str | None,
    **options: Any,
) -> None:
    """Let held mail go, as it is or changed; it is shown first.

    \b
    e2a reviews approve msg_0123456789abcdef0123456789abcdef --edit-subject "Offer 12"
    e2a reviews approve msg_0123456789abcdef0123456789abcdef msg_fedcba9876543210fedcba9876543210 --yes
    """
    changes = changes_of(options)
    if len(set(message_ids)) > 1:
        if changes or edit or content or idempotency_key:
            raise click.UsageError("several at once are let go as they are; changes and keys are for one")
        _approve_several(context, message_ids, yes=yes)
        return
    message_id = message_ids[0]
    review = context.plain.reviews.get(message_id)
    if not context.as_json:
        show_review(context, review)
    if edit:
        if not at_a_terminal():
            raise click.UsageError(_NO_EDITOR)
        changes = edited_by_hand(review) | changes
    _show_differences(context, review, changes)
    context.confirm(f"Let {message_id} go?", yes=yes)
    body = {**changes, **given(content_sha256=content or review.get("content_sha256"))}
    result = context.plain.reviews.approve(message_id, body, idempotency_key=idempotency_key)
    context.done(result, _approved(message_id, result), *_how_far(message_id, result))


def _approve_several(context: Context, message_ids: Sequence[str], *, yes: bool) -> None:
    """Each bound to what was on the screen; one that has changed since is refused, and the others go."""
    seen = dict[str, str | None]()
    for message_id in dict.fromkeys(message_ids):
        review = context.plain.reviews.get(message_id)
        seen[message_id] = review.get("content_sha256")
        if not context.as_json:
            show_review(context, review)
    context.confirm(f"Let these {len(seen)} go?", yes=yes)

    def approve(message_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = context.plain.reviews.approve(message_id, given(content_sha256=seen[message_id]))
        return found

    each(context, list(seen), approve, lambda result: _approved(result["message_id"], result), "approved")


@reviews.command("reject")
@_several
@click.option("--reason", help="Why; the agent gets to see it.")
@_content_option
@command
def reviews_reject(context: Context, message_ids: Sequence[str], reason: str | None, content: str | None) -> None:
    """Keep held mail from going; that is final.

    \b
    e2a reviews reject msg_0123456789abcdef0123456789abcdef --reason "not our price"
    """
    if content and len(set(message_ids)) > 1:
        raise click.UsageError("--content is of one mail")
    body = given(reason=reason, content_sha256=content)
    each(
        context,
        message_ids,
        lambda message_id: context.plain.reviews.reject(message_id, body),
        lambda result: f"rejected: {result['message_id']}",
        "rejected",
    )


@reviews.command("edit")
@_which
@draft_options
@command
def reviews_edit(context: Context, /, message_id: str, **options: Any) -> None:
    """Change a held draft and leave it held; with no option, in $EDITOR. The difference is shown.

    \b
    e2a reviews edit msg_0123456789abcdef0123456789abcdef --to ada@example.org
    """
    changes = changes_of(options)
    review = context.plain.reviews.get(message_id)
    if review["direction"] != "outbound" or review.get("review_status") != "pending_review":
        fail(EX_PERMANENT, f"{message_id} is no draft that waits for a decision")
    if not changes:
        if not at_a_terminal():
            raise click.UsageError(_NO_EDITOR)
        changes = edited_by_hand(review)
        if not changes:
            context.done(review, "nothing was changed")
            return
    _show_differences(context, review, changes)
    body = {**changes, **given(content_sha256=review.get("content_sha256"))}
    result = context.plain.reviews.edit(message_id, body)
    context.done(result, f"changed, still held: {message_id}", f"  content {result.get('content_sha256', '')}")


def _show_differences(context: Context, review: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    if changes:
        context.say(Text("changed by you:", style="bold"))
        for line in differences(review, changes):
            context.say(line)


def _approved(message_id: str, result: Mapping[str, Any]) -> str:
    if result["status"] == "review_approved":
        return f"released to the agent: {message_id}"
    return f"approved, {result['status']}: {message_id}" + (" (changed)" if result.get("edited") else "")


def _how_far(message_id: str, result: Mapping[str, Any]) -> list[str]:
    return [] if result["status"] == "review_approved" else [f"  how far it is: e2a trace {message_id}"]


def _lines(review: Mapping[str, Any]) -> Iterator[Text]:
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
    yield line


reviews.add_command(reviews_show, "get")


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
    framed(context.console, head, review["subject"] or "(no subject)")
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
