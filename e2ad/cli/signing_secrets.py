"""`e2a signing-secrets`: what mail to an agent's own URL is signed with."""

import click

from e2ad.cli.context import EX_PERMANENT, Context, command, fail
from e2ad.cli.frame import Group
from e2ad.cli.options import yes_option

__all__ = ["signing_secrets"]


@click.group("signing-secrets", cls=Group)
def signing_secrets() -> None:
    """What your receiver checks mail to an agent's own URL with; the newest one signs.

    \b
    export E2A_WEBHOOK_SECRET=$(e2a signing-secrets show)

    To change it, create another, give it to all that verify, then delete the old one.
    """


@signing_secrets.command("list")
@command
def signing_secrets_list(context: Context) -> None:
    """All of them, the newest first; without --json only how each begins.

    \b
    e2a signing-secrets list
    """
    context.rows(
        context.plain.account.signing_secrets.list().to_list(),
        [
            ("id", "id"), ("name", "name"), ("begins with", "secret_prefix"),
            ("since", lambda one: one["created_at"][:16].replace("T", " ")),
            ("last signed", lambda one: (one.get("last_signed_at") or "never")[:16].replace("T", " ")),
        ],
        "there is none",
    )  # fmt: skip


@signing_secrets.command("show")
@click.argument("secret_id", metavar="[SECRET]", required=False)
@command
def signing_secrets_show(context: Context, secret_id: str | None) -> None:
    """The newest secret, or another, whole, on a line by itself.

    \b
    export E2A_WEBHOOK_SECRET=$(e2a signing-secrets show)
    """
    found = context.plain.account.signing_secrets.list().to_list()
    one = next((one for one in found if secret_id in (None, one["id"])), None)
    if one is None:
        fail(EX_PERMANENT, f"there is no signing secret {secret_id}: see e2a signing-secrets list")
    if context.as_json:
        context.emit(one)
    else:
        context.say(one["secret"])


@signing_secrets.command("create")
@click.option("--name", default="", help="To know it by.")
@command
def signing_secrets_create(context: Context, name: str) -> None:
    """Make a secret, which signs from now on; whoever verifies needs it before the old one is deleted.

    \b
    e2a signing-secrets create --name "since March"
    """
    made = context.plain.account.signing_secrets.create(name)
    if context.as_json:
        context.emit(made)
    else:
        context.note(f"made {made['id']}, which signs from now on")
        context.say(made["secret"])


@signing_secrets.command("delete")
@click.argument("secret_id", metavar="SECRET")
@yes_option
@command
def signing_secrets_delete(context: Context, secret_id: str, yes: bool) -> None:
    """Delete a secret: what it signed is refused from then on. The last one stays.

    \b
    e2a signing-secrets delete wsec_0123456789abcdef0123456789abcdef --yes
    """
    context.confirm(f"Delete {secret_id}? What it signed is refused from then on.", yes=yes)
    context.plain.account.signing_secrets.delete(secret_id)
    if context.as_json:
        context.emit({"deleted": True, "id": secret_id})
    else:
        context.say(f"deleted {secret_id}")
