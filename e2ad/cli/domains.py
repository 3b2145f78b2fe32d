"""`e2a domains`: names of one's own, and the records to paste into their DNS."""

from collections.abc import Mapping
from typing import Any, Final

import click
from rich.table import Table

from e2ad.cli.context import EX_AGAIN, Context, command, json_option, print_json, together
from e2ad.cli.listening import plain

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

_domain_options = together(click.argument("domain"), json_option)


@click.group()
def domains() -> None:
    """Names of your own: claim, publish the records, verify."""


@domains.command("list")
@json_option
@command
def domains_list(context: Context, as_json: bool) -> None:
    """All domains of the account."""
    found = list(context.client.list_domains())
    if as_json:
        print_json(found)
        return
    table = Table("domain", "receiving", "sending", "agents", "checked")
    for one in found:
        table.add_row(
            plain(one["domain"]),
            _receiving(one),
            plain(one["sending_status"]),
            str(one["agent_count"]),
            str(one.get("last_checked_at") or "")[:19],
        )
    context.console.print(table if found else "no domains yet; claim one with: e2a domains register DOMAIN")


@domains.command("register")
@_domain_options
@command
def domains_register(context: Context, domain: str, as_json: bool) -> None:
    """Claim DOMAIN and see which records to publish. Again shows the same ones."""
    made = context.client.register_domain(domain)
    advice = "" if made["verified"] else f"publish these records, then: e2a domains verify {made['domain']}"
    _answer(context, made, advice, as_json=as_json)


@domains.command("show")
@_domain_options
@command
def domains_show(context: Context, domain: str, as_json: bool) -> None:
    """One domain, its records, and what was seen of them."""
    _answer(context, context.client.get_domain(domain), as_json=as_json)


@domains.command("verify")
@_domain_options
@command
def domains_verify(context: Context, domain: str, as_json: bool) -> None:
    """Look at the DNS now. Ends with 1 while the domain is not verified."""
    result = context.client.verify_domain(domain)
    if as_json:
        print_json(result)
    else:
        advice = "the proof and the MX record must both be found; a new record can take minutes to be seen"
        _answer(context, context.client.get_domain(domain), "" if result["verified"] else advice)
    if not result["verified"]:
        click.get_current_context().exit(EX_AGAIN)


@domains.command("rotate")
@_domain_options
@command
def domains_rotate(context: Context, domain: str, as_json: bool) -> None:
    """Make new DKIM keys; they sign once their records are seen."""
    found = context.client.rotate_domain_keys(domain)
    advice = f"publish the keys to come, then: e2a domains verify {found['domain']}"
    _answer(context, found, advice, as_json=as_json)


@domains.command("delete")
@_domain_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def domains_delete(context: Context, domain: str, yes: bool, as_json: bool) -> None:
    """Give DOMAIN up, with its keys; anybody may claim it then."""
    if not yes:
        click.confirm(f"Give up {domain}?", abort=True, err=True)
    gone = context.client.delete_domain(domain)
    if as_json:
        print_json(gone)
    else:
        context.say(f"{gone['domain']} is given up")


def _answer(context: Context, domain: Mapping[str, Any], advice: str = "", *, as_json: bool = False) -> None:
    """The domain for programs, or for people with what to do next below it."""
    if as_json:
        print_json(domain)
        return
    _show(context, domain)
    if advice:
        context.say(advice)


def _show(context: Context, domain: Mapping[str, Any]) -> None:
    """The domain's state in a line, then its records, each in lines that can be copied whole."""
    context.say(f"{domain['domain']}: receiving {_receiving(domain)}, sending {domain['sending_status']}")
    if domain.get("failing_since"):
        context.say(f"the proof is gone since {domain['failing_since']}: publish it again, or the domain lapses")
    if domain.get("sending_error"):
        context.say(domain["sending_error"])
    for record in domain["dns_records"]:
        word, style = _STATUS.get(record["status"], (record["status"], ""))
        purpose = _PURPOSE.get(record["purpose"], record["purpose"])
        context.console.print(f"\n{plain(word)}", style=style, end="")
        context.say(f": {purpose}")
        priority = "" if record["priority"] is None else f"{record['priority']} "
        # Not through a table: a cell would break a key of 400 characters into pieces that cannot be pasted.
        context.say(f"  {record['type']}  {record['name']}")
        context.say(f"     {priority}{record['value']}")
        if word == "wrong":
            for value in record.get("seen", ()):
                context.say(f"    seen: {value}")


def _receiving(domain: Mapping[str, Any]) -> str:
    if not domain["verified"]:
        return "not yet"
    return "in danger" if domain.get("failing_since") else "yes"
