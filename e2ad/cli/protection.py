"""`e2a protection`: what an agent may do without being asked."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

import click

from e2ad.cli.context import Context, command
from e2ad.cli.frame import Group
from e2ad.cli.options import agent_argument, duration

__all__ = ["protection"]

POLICIES: Final = ("open", "allowlist", "domain")
ACTIONS: Final = ("flag", "review", "block")
LEVELS: Final = ("off", "low", "medium", "high")
CLASSES: Final = ("operator_list", "correspondent", "participant", "content", "unseen")
_SWITCH: Final = click.Choice(["on", "off"])


@click.group(cls=Group)
def protection() -> None:
    """What an agent may do without asking a person.

    \b
    e2a protection show my-bot
    e2a protection set my-bot --outbound-review on --ttl 12h
    """


@protection.command("show")
@agent_argument
@command
def protection_show(context: Context, agent: str | None) -> None:
    """The rules of an agent.

    \b
    e2a protection show my-bot
    """
    email = context.agent(agent, "AGENT")
    _show(context, email, context.plain.agents.get_protection(email))


protection.add_command(protection_show, "get")


@protection.command("set")
@agent_argument
@click.option("--outbound-review", type=_SWITCH, help="Hold every mail it sends.")
@click.option("--inbound-review", type=_SWITCH, help="Hold what others write to it: all but its list, or everything.")
@click.option("--suppress-notifications", type=_SWITCH, help="Mail the owner about no hold.")
@click.option("--require-review/--no-require-review", default=None, help="The same as --outbound-review on or off.")
@click.option("--policy", type=click.Choice(POLICIES), help="To whom it may write.")
@click.option("--action", type=click.Choice(ACTIONS), help="What is done with mail to others.")
@click.option("--allow", multiple=True, metavar="WHO", help="Add an address or a domain to its list.")
@click.option("--disallow", multiple=True, metavar="WHO", help="Take one off the list.")
@click.option("--provenance", multiple=True, metavar="CLASS=ACTION", help=f"CLASS: {', '.join(CLASSES)}.")
@click.option("--inbound-policy", type=click.Choice(POLICIES), help="Who may write to it.")
@click.option("--inbound-action", type=click.Choice(ACTIONS), help="What is done with mail of others.")
@click.option("--inbound-allow", multiple=True, metavar="WHO", help="Add an address or a domain to that list.")
@click.option("--inbound-disallow", multiple=True, metavar="WHO", help="Take one off that list.")
@click.option("--screening", type=click.Choice(LEVELS), help="How strictly what it writes is looked through.")
@click.option("--inbound-screening", type=click.Choice(LEVELS), help="How strictly what it gets is looked through.")
@click.option("--ttl", callback=duration, metavar="TIME", help="How long a hold lasts: 90m, 12h, 7d.")
@click.option("--on-expiry", type=click.Choice(["approve", "reject"]), help="What happens when nobody decides.")
@click.option("--notify/--no-notify", default=None, help="Mail the owner about each hold.")
@command
def protection_set(context: Context, /, agent: str | None, **options: Any) -> None:
    """Change an agent's rules; what is not given stays.

    \b
    e2a protection set my-bot --outbound-review on
    e2a protection set my-bot --inbound-policy allowlist --inbound-allow example.org --inbound-action review
    """
    if all(value in (None, ()) for value in options.values()):
        raise click.UsageError("nothing to change; see: e2a protection set --help")
    email = context.agent(agent, "AGENT")
    wanted = changed(context.plain.agents.get_protection(email), options)
    _show(context, email, context.plain.agents.replace_protection(email, wanted))


def changed(view: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The whole configuration to put in the place of `view`.

    Raises:
        click.UsageError: a provenance rule is none, or two options say different things.
    """
    options = _resolved(options)
    wanted: dict[str, Any] = deepcopy(dict(view))
    outbound, holds = wanted["outbound"], wanted["holds"]
    for direction, prefix in (("outbound", ""), ("inbound", "inbound_")):
        gate = wanted[direction]["gate"]
        for leaf in ("policy", "action"):
            if options[f"{prefix}{leaf}"] is not None:
                gate[leaf] = options[f"{prefix}{leaf}"]
        if options[f"{prefix}screening"] is not None:
            wanted[direction]["scan"]["sensitivity"] = options[f"{prefix}screening"]
        listed = dict.fromkeys(gate.get("allowlist") or [])
        listed |= dict.fromkeys(options[f"{prefix}allow"])
        gone = {one.lower() for one in options[f"{prefix}disallow"]}
        gate["allowlist"] = [one for one in listed if one.lower() not in gone]
    if options["require_review"] is not None:
        outbound["require_review"] = options["require_review"]
    if options["inbound_review"] is not None:
        _review_inbound(wanted["inbound"]["gate"], on=options["inbound_review"] == "on")
    for rule in options["provenance"]:
        name, _, action = rule.partition("=")
        if name not in CLASSES or action not in ("allow", "review", "block"):
            raise click.UsageError(f"{rule!r}: write CLASS=allow, CLASS=review or CLASS=block; {', '.join(CLASSES)}")
        outbound.setdefault("provenance", {})[name] = action
    if options["ttl"] is not None:
        holds["ttl_seconds"] = options["ttl"]
    if options["on_expiry"] is not None:
        holds["on_expiry"] = options["on_expiry"]
    if options["notify"] is not None:
        holds["suppress_notifications"] = not options["notify"]
    return wanted


def _resolved(options: Mapping[str, Any]) -> dict[str, Any]:
    """Both spellings of a switch as one.

    Raises:
        click.UsageError: they say different things.
    """
    found = dict(options)
    for switch, other, when_on in (
        ("outbound_review", "require_review", True),
        ("suppress_notifications", "notify", False),
    ):
        if found[switch] is None:
            continue
        value = when_on if found[switch] == "on" else not when_on
        if found[other] not in (None, value):
            raise click.UsageError(f"--{switch.replace('_', '-')} {found[switch]} and its other spelling disagree")
        found[other] = value
    if found["inbound_review"] is not None and found["inbound_action"] is not None:
        raise click.UsageError("--inbound-review sets the action: leave --inbound-action out")
    return found


def _review_inbound(gate: dict[str, Any], *, on: bool) -> None:
    """Hold mail of all who are not on its list; with no list that is everybody. Off lets everything in, marked."""
    if on:
        gate["action"] = "review"
        if gate.get("policy", "open") == "open":
            gate["policy"] = "allowlist"
    elif gate.get("action") == "review":
        gate["action"] = "flag"
        if gate.get("policy") == "allowlist" and not gate.get("allowlist"):
            gate["policy"] = "open"


def _show(context: Context, email: str, view: Mapping[str, Any]) -> None:
    if context.as_json:
        context.emit(view)
        return
    context.say(email)
    for line in described(view):
        context.say(f"  {line}")


def described(view: Mapping[str, Any]) -> list[str]:
    """The rules in sentences."""
    inbound, outbound, holds = view["inbound"], view["outbound"], view["holds"]
    lines = ["sends:    every mail is held for review"] if outbound.get("require_review") else []
    lines.append(f"writes to {_gate(outbound['gate'])}")
    for name, action in (outbound.get("provenance") or {}).items():
        if action:
            lines.append(f"          recipients of class {name}: {action}")
    lines.append(f"hears     {_gate(inbound['gate'])}")
    for what, side in (("writes", outbound), ("gets", inbound)):
        level = side["scan"].get("sensitivity", "off")
        if level != "off":
            lines.append(f"screened  what it {what}, sensitivity {level}")
    ttl = int(holds.get("ttl_seconds", 604_800))
    ending = "sent or released" if holds.get("on_expiry") == "approve" else "rejected"
    lines.append(f"a hold    lasts {_span(ttl)}, then it is {ending}")
    lines.append(
        f"owner     {'gets no mail' if holds.get('suppress_notifications') else 'gets a mail'} about each hold"
    )
    return lines


def _gate(gate: Mapping[str, Any]) -> str:
    what = {"open": "anybody", "domain": "its own domain", "allowlist": "its list"}[gate.get("policy", "open")]
    if gate.get("policy", "open") == "open":
        return what
    listed = gate.get("allowlist") or []
    names = f" ({', '.join(listed) or 'empty'})" if gate["policy"] == "allowlist" else ""
    ending = {"flag": "is marked", "review": "is held for review", "block": "is refused"}[gate.get("action", "flag")]
    return f"{what}{names}; other mail {ending}"


def _span(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
