"""`e2a contacts outreach`: how an agent stands with a contact, and when it wants to write again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from e2ad.cli.context import Column, Context, command, given
from e2ad.cli.frame import Group
from e2ad.cli.metadata import changed_metadata, metadata_options, shown_metadata
from e2ad.cli.options import LATER, WHEN, agent_option, limit_option, yes_option
from e2ad.cli.several import each
from e2ad.sdk import E2AError

__all__ = ["outreach"]

F = TypeVar("F", bound=Callable[..., Any])


def _blocked(found: Mapping[str, Any]) -> str:
    if not found["suppressed"]:
        return ""
    reason = f" ({found['suppression_reason']})" if found.get("suppression_reason") else ""
    return f"yes: {found.get('suppression_source') or 'suppressed'}{reason}"


FIELDS: Final[tuple[str | Column, ...]] = (
    "address", ("agent", "agent_email"), ("name", lambda found: found["contact"]["display_name"]), "stage",
    ("next action", "next_action_at"), ("metadata", shown_metadata), "replied", ("blocked", _blocked),
    ("written to", "outbound_count"), ("heard from", "inbound_count"), ("first written", "first_outbound_at"),
    ("last written", "last_outbound_at"), ("last heard", "last_inbound_at"),
    ("conversation", "last_conversation_id"), "updated_at",
)  # fmt: skip

_flags = {"yes": True, "no": False}


def _yes_or_no(_context: click.Context, _option: click.Parameter, value: str | None) -> bool | None:
    return None if value is None else _flags[value]


def _question(name: str, what: str) -> Callable[[F], F]:
    return click.option(name, type=click.Choice(list(_flags)), callback=_yes_or_no, help=what)


@click.group(cls=Group)
def outreach() -> None:
    """How an agent stands with its contacts.

    \b
    e2a contacts outreach list --agent my-bot --stage new
    e2a contacts outreach set ada@example.org --agent my-bot --stage asked --next-action-at 3d
    """


@outreach.command("list")
@agent_option
@click.option("--stage", help="Only at this stage.")
@_question("--replied", "Whether they answered since they were first written to.")
@_question("--suppressed", "Whether they may not be written to.")
@click.option("--next-action-before", type=LATER, help="Only what is due before this time; 0s for due by now.")
@click.option(
    "--last-outbound-before", type=WHEN, help="Only those last written to before this (7d for a week ago), or never."
)
@limit_option()
@command
def outreach_list(context: Context, /, agent: str | None, limit: int, **wanted: Any) -> None:
    """With whom an agent deals, and how far it is.

    \b
    e2a contacts outreach list --agent my-bot --replied no --last-outbound-before 7d
    """
    context.rows(
        context.plain.contacts.outreach(context.agent(agent), **wanted).to_list(limit),
        [
            ("address", "address"), ("stage", "stage"), ("next action", _short("next_action_at")),
            ("replied", "replied"), ("blocked", _blocked), ("written to", _short("last_outbound_at")),
            ("heard from", _short("last_inbound_at")),
        ],
        "there is no outreach; begin it with: e2a contacts outreach set ADDRESS --stage STAGE",
    )  # fmt: skip


@outreach.command("get")
@click.argument("address")
@agent_option
@command
def outreach_get(context: Context, address: str, agent: str | None) -> None:
    """How an agent stands with one contact.

    \b
    e2a contacts outreach get ada@example.org --agent my-bot
    """
    found, tag = context.plain.contacts.get_outreach_with_etag(context.agent(agent), address)
    context.one({**found, "etag": tag}, [*FIELDS, ("version", "etag")])


@outreach.command("set")
@click.argument("address")
@agent_option
@click.option("--stage", help="A word of your own for how far it is.")
@click.option(
    "--next-action-at", type=LATER, help="When contact.due is to remind you: a time, or 3d for in three days."
)
@click.option("--no-next-action", is_flag=True, help="Remind of nothing.")
@metadata_options
@click.option("--if-match", metavar="TAG", help="Only if it is still this version (get shows it); * for any.")
@command
def outreach_set(
    context: Context, /, address: str, agent: str | None, stage: str | None, next_action_at: str | None,
    no_next_action: bool, if_match: str | None, **options: Any,
) -> None:  # fmt: skip
    """Write down how an agent stands with a contact; what is not given stays.

    \b
    e2a contacts outreach set ada@example.org --agent my-bot --stage asked --next-action-at 3d
    """
    if no_next_action and next_action_at:
        raise click.UsageError("--next-action-at, or --no-next-action?")
    email = context.agent(agent)
    body = given(stage=stage, next_action_at=next_action_at) | ({"next_action_at": None} if no_next_action else {})
    if changed_metadata({}, **options) is not None:
        before, tag = _before(context, email, address)
        body["metadata"] = changed_metadata(before, **options)
        if_match = if_match or tag  # metadata is replaced whole: what somebody else writes meanwhile must not be lost
    found = context.plain.contacts.set_outreach(email, address, body, if_match=if_match)
    context.one(found, FIELDS, f"{found['agent_email']} and {found['address']}")


@outreach.command("delete")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@agent_option
@yes_option
@command
def outreach_delete(context: Context, addresses: Sequence[str], agent: str | None, yes: bool) -> None:
    """Forget how an agent stands with contacts; they stay contacts.

    \b
    e2a contacts outreach delete ada@example.org --agent my-bot --yes
    """
    email = context.agent(agent)
    context.confirm(f"Forget the outreach of {email} to {', '.join(addresses)}?", yes=yes)
    each(
        context,
        addresses,
        lambda address: context.plain.contacts.delete_outreach(email, address),
        lambda gone: f"forgotten: {gone['address']}",
        "forgotten",
    )


def _before(context: Context, email: str, address: str) -> tuple[Mapping[str, Any], str | None]:
    """The metadata that there is, and its version."""
    try:
        found, tag = context.plain.contacts.get_outreach_with_etag(email, address)
    except E2AError as error:
        if error.status != 404:
            raise
        return {}, None
    return found["metadata"], tag


def _short(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda found: str(found.get(name) or "")[:16].replace("T", " ")
