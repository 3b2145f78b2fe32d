"""`e2a contacts`: whom the account deals with."""

from collections.abc import Sequence
from typing import Any, Final

import click

from e2ad.cli.context import Column, Context, command, given
from e2ad.cli.frame import Group
from e2ad.cli.importing import contacts_import
from e2ad.cli.metadata import changed_metadata, metadata_options, shown_metadata
from e2ad.cli.options import WHEN, limit_option, yes_option
from e2ad.cli.outreach import outreach
from e2ad.cli.several import each

__all__ = ["contacts"]

FIELDS: Final[tuple[str | Column, ...]] = (
    "address", ("name", "display_name"), ("metadata", shown_metadata), "source", ("batch", "import_batch_id"),
    "created_at", "updated_at",
)  # fmt: skip

if_match_option = click.option(
    "--if-match", metavar="TAG", help="Only if it is still this version (get shows it); * for any that is there."
)


@click.group(cls=Group)
def contacts() -> None:
    """Whom you deal with, and how each agent stands with them.

    \b
    e2a contacts create ada@example.org --name Ada --metadata company=Acme
    e2a contacts import people.csv --agent my-bot --stage new
    """


@contacts.command("list")
@click.option("--source", type=click.Choice(["manual", "import", "inbound"]), help="How they came in.")
@click.option("--import-batch", metavar="BATCH", help="Only those of this import.")
@click.option("--created-after", type=WHEN, help="Not before this time; 7d for the last week.")
@click.option("--created-before", type=WHEN, help="Before this time.")
@limit_option()
@command
def contacts_list(
    context: Context,
    source: str | None,
    import_batch: str | None,
    created_after: str | None,
    created_before: str | None,
    limit: int,
) -> None:
    """All contacts of the account, newest first.

    \b
    e2a contacts list --source import --created-after 7d
    """
    found = context.plain.contacts.list(
        source=source, import_batch_id=import_batch, created_after=created_after, created_before=created_before
    )
    context.rows(
        found.to_list(limit),
        [("address", "address"), ("name", "display_name"), ("source", "source"), ("metadata", shown_metadata)],
        "no contacts; add one with: e2a contacts create ADDRESS",
    )


@contacts.command("get")
@click.argument("address")
@command
def contacts_get(context: Context, address: str) -> None:
    """One contact and its version, by any spelling of its address.

    \b
    e2a contacts get ada@example.org
    """
    found, tag = context.plain.contacts.get_with_etag(address)
    context.one({**found, "etag": tag}, [*FIELDS, ("version", "etag")])


@contacts.command("create")
@click.argument("address")
@click.option("--name", "--display-name", "name", help="What they are called.")
@metadata_options
@click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, it is made once.")
@command
def contacts_create(
    context: Context, /, address: str, name: str | None, idempotency_key: str | None, **options: Any
) -> None:
    """Add a contact.

    \b
    e2a contacts create ada@example.org --name "Ada L." --metadata company=Acme --metadata seats:=12
    """
    metadata = changed_metadata({}, **options)
    body = {"address": address} | given(display_name=name, metadata=metadata)
    made = context.plain.contacts.create(body, idempotency_key=idempotency_key)
    context.one(made, FIELDS, f"added {made['address']}")


@contacts.command("update")
@click.argument("address")
@click.option("--name", "--display-name", "name", help="Another name; empty removes it.")
@metadata_options
@if_match_option
@command
def contacts_update(context: Context, /, address: str, name: str | None, if_match: str | None, **options: Any) -> None:
    """Change name or metadata; what is not given stays.

    \b
    e2a contacts update ada@example.org --metadata company=Babbage --unset seats
    """
    patch = given(display_name=name)
    if changed_metadata({}, **options) is not None:
        found, tag = context.plain.contacts.get_with_etag(address)
        patch["metadata"] = changed_metadata(found["metadata"], **options)
        if_match = if_match or tag  # metadata is replaced whole: what somebody else writes meanwhile must not be lost
    if not patch:
        raise click.UsageError("nothing to change; see: e2a contacts update --help")
    changed = context.plain.contacts.update(address, patch, if_match=if_match)
    context.one(changed, FIELDS, f"changed {changed['address']}")


@contacts.command("delete")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@yes_option
@command
def contacts_delete(context: Context, addresses: Sequence[str], yes: bool) -> None:
    """Forget contacts with all outreach to them. Suppressions stay.

    \b
    e2a contacts delete ada@example.org --yes
    """
    context.confirm(f"Forget {', '.join(addresses)}?", yes=yes)
    each(context, addresses, context.plain.contacts.delete, lambda gone: f"forgotten: {gone['address']}", "forgotten")


@click.group(cls=Group)
def imports() -> None:
    """What was imported, to be taken back.

    \b
    e2a contacts imports delete BATCH --yes
    """


@imports.command("delete")
@click.argument("batches", metavar="BATCH...", nargs=-1, required=True)
@yes_option
@command
def imports_delete(context: Context, batches: Sequence[str], yes: bool) -> None:
    """Take imports back, all but those contacts that something was done with since.

    \b
    e2a contacts imports delete imp_0123456789abcdef0123456789abcdef --yes
    """
    context.confirm(f"Take back {', '.join(batches)}?", yes=yes)
    each(
        context,
        batches,
        context.plain.contacts.delete_import,
        lambda gone: (
            f"{gone['batch_id']}: {gone['contacts_deleted']} contacts removed, {gone['contacts_retained']} kept"
        ),
        "taken back",
    )


contacts.add_command(contacts_import)
contacts.add_command(imports)
contacts.add_command(outreach)
