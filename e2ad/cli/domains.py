"""`e2a domains`: names of one's own, and the records to paste into their DNS."""

from collections.abc import Mapping
from typing import Any, Final

import click
from rich.text import Text

from e2ad.cli.context import EX_AGAIN, Column, Context, command, plain
from e2ad.cli.frame import Group
from e2ad.cli.options import limit_option, yes_option
from e2ad.cli.printing import table

__all__ = ["domains"]

_STATUS: Final[Mapping[str, tuple[str, str]]] = {
    "verified": ("found", "green"),
    "missing": ("missing", "yellow"),
    "failed": ("wrong", "red"),
    "pending": ("not looked at", "dim"),
}
_PURPOSE: Final[Mapping[str, str]] = {
    "ownership": "proof that it is yours",
    "inbound_mx": "mail comes here",
    "inbound_mx_wildcard": "the same for all subdomains (optional)",
    "dkim": "signature key",
    "mail_from_mx": "bounces come back here",
    "mail_from_spf": "who sends for the bounce domain",
    "spf": "who sends for the domain (add our part to yours)",
    "dmarc": "policy (advice: start with none)",
    "dkim_next": "signature key to come",
    "dkim_retired": "former signature key; keep it for a week",
}

_which = click.argument("domain")


@click.group(cls=Group)
def domains() -> None:
    """Names of your own: claim, publish the records, verify.

    \b
    e2a domains register example.org
    e2a domains verify example.org
    """


@domains.command("list")
@limit_option()
@command
def domains_list(context: Context, limit: int) -> None:
    """All domains of the account.

    \b
    e2a domains list
    """
    context.rows(
        context.plain.domains.list().to_list(limit),
        [
            ("domain", "domain"), ("receiving", _receiving), ("sending", "sending_status"),
            ("agents", lambda one: str(one["agent_count"])), ("checked", _checked),
        ],
        "no domains yet; claim one with: e2a domains register DOMAIN",
    )  # fmt: skip


@domains.command("register")
@_which
@command
def domains_register(context: Context, domain: str) -> None:
    """Claim DOMAIN and see which records to publish. Again shows the same ones.

    \b
    e2a domains register example.org
    """
    made = context.plain.domains.create({"domain": domain})
    _answer(
        context, made, "" if made["verified"] else f"publish these records, then: e2a domains verify {made['domain']}"
    )


@domains.command("show")
@_which
@command
def domains_show(context: Context, domain: str) -> None:
    """One domain, its records, and what was seen of them.

    \b
    e2a domains show example.org
    """
    _answer(context, context.plain.domains.get(domain))


@domains.command("verify")
@_which
@command
def domains_verify(context: Context, domain: str) -> None:
    """Look at the DNS now. Ends with 1 while the domain is not verified.

    \b
    e2a domains verify example.org
    """
    result = context.plain.domains.verify(domain)
    if context.as_json:
        context.emit(result)
    else:
        advice = "the proof and the MX record must both be found; a new record can take minutes to be seen"
        _answer(context, context.plain.domains.get(domain), "" if result["verified"] else advice, whole=False)
    if not result["verified"]:
        click.get_current_context().exit(EX_AGAIN)


@domains.command("rotate-keys")
@_which
@command
def domains_rotate_keys(context: Context, domain: str) -> None:
    """Make new DKIM keys; they sign once their records are seen.

    \b
    e2a domains rotate-keys example.org
    """
    found = context.plain.domains.rotate_keys(domain)
    _answer(context, found, f"publish the keys to come, then: e2a domains verify {found['domain']}")


@domains.command("delete")
@_which
@yes_option
@click.option("--idempotency-key", metavar="KEY", help="Repeated with the same key, it is done once.")
@command
def domains_delete(context: Context, domain: str, yes: bool, idempotency_key: str | None) -> None:
    """Give DOMAIN up, with its keys; anybody may claim it then.

    \b
    e2a domains delete example.org --yes
    """
    context.confirm(f"Give up {domain}?", yes=yes)
    gone = context.plain.domains.delete(domain, idempotency_key=idempotency_key)
    context.done(gone, f"{gone['domain']} is given up")


for _name, _one in (("create", domains_register), ("get", domains_show), ("rotate", domains_rotate_keys)):
    domains.add_command(_one, _name)


def _answer(context: Context, domain: Mapping[str, Any], advice: str = "", *, whole: bool = True) -> None:
    """The domain for programs, or for people with what to do next below it."""
    if context.as_json:
        context.emit(domain)
        return
    _show(context, domain, whole=whole)
    if advice:
        context.say(advice)


def _show(context: Context, domain: Mapping[str, Any], *, whole: bool) -> None:
    """The domain's state, its records in a table, and each (not `whole`: each that is missing) in lines to copy."""
    context.say(f"{domain['domain']}: receiving {_receiving(domain)}, sending {domain['sending_status']}")
    if domain.get("failing_since"):
        context.say(f"the proof is gone since {domain['failing_since']}: publish it again, or the domain lapses")
    elif domain.get("claim_expires_at") and not domain["verified"]:
        context.say(f"claimed until {domain['claim_expires_at']}; then whoever proves that it is theirs may have it")
    if domain.get("sending_error"):
        context.say(domain["sending_error"])
    records = domain["dns_records"]
    context.say("")
    columns: list[Column] = [("state", _state), ("record", "type"), ("name", "name"), ("what for", _purpose)]
    if any(map(_instead, records)):
        columns.append(("seen instead", _instead))
    table(context.console, records, columns)
    for record in records:
        if whole or record["status"] != "verified":
            _copyable(context, record)
    context.say("")


def _copyable(context: Context, record: Mapping[str, Any]) -> None:
    """A record on lines of its own: a cell would break a key of 400 characters into pieces that cannot be pasted."""
    priority = "" if record["priority"] is None else f"{record['priority']} "
    context.say("")
    context.say(_state(record).append(f": {_purpose(record)}"))
    context.say(f"  {record['type']}  {record['name']}")
    context.say(f"     {priority}{record['value']}")
    if _instead(record):
        for value in record["seen"]:
            context.say(f"    seen: {value}")


def _instead(record: Mapping[str, Any]) -> str:
    """What stands in the place of a record that is wrong, as far as a cell has room."""
    seen = record.get("seen") if record["status"] == "failed" else None
    return ", ".join(value if len(value) <= 40 else f"{value[:39]}…" for value in map(plain, seen or ()))


def _state(record: Mapping[str, Any]) -> Text:
    word, style = _STATUS.get(record["status"], (record["status"], ""))
    return Text().append(plain(word), style=style)


def _purpose(record: Mapping[str, Any]) -> str:
    return plain(_PURPOSE.get(record["purpose"], record["purpose"]))


def _checked(domain: Mapping[str, Any]) -> str:
    return str(domain.get("last_checked_at") or "")[:19].replace("T", " ")


def _receiving(domain: Mapping[str, Any]) -> str:
    if not domain["verified"]:
        return "not yet"
    return "in danger" if domain.get("failing_since") else "yes"
