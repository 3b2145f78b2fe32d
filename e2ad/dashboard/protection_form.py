"""The protection of an agent as a form: what is asked, in plain words, and what was entered.

A form shows all of a `Protection`. What it does not bring along, as a browser leaves out what is disabled, stays as
it is.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from attrs import field, frozen

from e2ad.core.errors import InvalidRequest
from e2ad.core.protection import MAX_TTL_SECONDS, Gate, Protection
from e2ad.dashboard.desk import Form
from e2ad.dashboard.words import sentence
from e2ad.gateway.protection import validated

__all__ = ["CHOICES", "CLASSES", "PRESETS", "Entered", "body_of", "fields_of", "mark_of", "read"]

Choice = tuple[str, str, str]
"""The value, what it is called, and what it does."""

CHOICES: Final[Mapping[str, tuple[Choice, ...]]] = {
    "in_policy": (
        ("open", "Everybody", "whoever writes gets through"),
        ("allowlist", "Only those on the list", "the sender is listed, and DMARC proves the address"),
        ("domain", "Only the agent's own domain", "the sender is of the same domain, and DMARC proves it"),
    ),
    "in_action": (
        ("flag", "Mark it", "the agent gets it, with a mark that says why"),
        ("review", "Hold it", "a person looks at it before the agent does"),
        ("block", "Refuse it", "the agent never sees it; an event tells of it"),
    ),
    "in_scan": (
        ("off", "Off", "nobody looks at what mails say"),
        ("low", "Low", "holds only what is almost surely an attack"),
        ("medium", "Medium", "holds what looks like orders to a machine, hidden text or a false sender"),
        ("high", "High", "holds mail at the first doubt; some honest mail will wait"),
    ),
    "out_policy": (
        ("open", "Everybody", "the agent may write to any address"),
        ("allowlist", "Only those on the list", "each recipient is listed, copies included"),
        ("domain", "Only the agent's own domain", "each recipient is of the same domain"),
    ),
    "out_action": (
        ("flag", "Mark it", "it leaves, with a mark that says why"),
        ("review", "Hold it", "a person approves it before it leaves"),
        ("block", "Refuse it", "it does not leave, and the program is told so"),
    ),
    "out_scan": (
        ("off", "Off", "nobody looks at what drafts say"),
        ("low", "Low", "holds only what almost surely should not leave"),
        ("medium", "Medium", "holds what looks like secrets, or like data that is carried away"),
        ("high", "High", "holds drafts at the first doubt; some honest ones will wait"),
    ),
    "on_expiry": (
        ("reject", "Reject it", "what nobody approved in time does not pass"),
        ("approve", "Approve it", "what nobody rejected in time passes"),
    ),
}

CLASSES: Final = (
    ("operator_list", "Is on the list", "you listed the address or its domain"),
    ("correspondent", "Wrote to the agent", "a mail of this address came in, authenticated"),
    (
        "participant",
        "Takes part in the conversation",
        "the address stands in the header of a mail that can be believed",
    ),
    (
        "content",
        "Was only seen in a text",
        "the address stands in what somebody wrote, or looks like one that is known",
    ),
    ("unseen", "Was never seen", "no mail of this agent knows the address"),
)
"""Where a recipient is known from, strongest first."""

UNITS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
_ENTRY: Final = re.compile(r"(inbound|outbound)\.gate\.allowlist\[(\d+)\] is ")
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "in_policy": ("inbound", "gate", "policy"),
    "in_action": ("inbound", "gate", "action"),
    "in_scan": ("inbound", "sensitivity"),
    "out_policy": ("outbound", "gate", "policy"),
    "out_action": ("outbound", "gate", "action"),
    "out_scan": ("outbound", "sensitivity"),
    "on_expiry": ("holds", "on_expiry"),
    **{f"prov_{name}": ("outbound", "provenance", name) for name, _, _ in CLASSES},
}


@frozen
class Entered:
    """What a form says.

    Attributes:
        given: the fields as they were entered, to be shown again.
        protection: what it comes to; None where something is wrong.
        problems: by field, what is wrong with it.
    """

    given: Mapping[str, str]
    protection: Protection | None
    problems: Mapping[str, str] = field(factory=dict)


def fields_of(protection: Protection) -> dict[str, str]:
    """The fields that show a protection."""
    document = protection.to_json()
    given = {name: str(_at(document, path) or "") for name, path in _PLACES.items()}
    unit = next(name for name in ("days", "hours", "minutes", "seconds") if not _ttl(protection) % UNITS[name])
    return given | {
        "in_list": "\n".join(protection.inbound.gate.allowlist),
        "out_list": "\n".join(protection.outbound.gate.allowlist),
        "out_review": "1" if protection.outbound.require_review else "",
        "quiet": "1" if protection.holds.suppress_notifications else "",
        "ttl": str(_ttl(protection) // UNITS[unit]),
        "ttl_unit": unit,
    }


def read(form: Form, current: Protection, *, screening: bool) -> Entered:
    """What was entered, over what is in force.

    Args:
        screening: whether this deployment looks at content.
    """
    given = fields_of(current)
    document, problems = current.to_json(), dict[str, str]()
    for name, path in _PLACES.items():
        if name in form.fields:
            given[name] = form.line(name)
            _put(document, path, given[name] or None)
    for name, direction in (("in_list", "inbound"), ("out_list", "outbound")):
        if name in form.fields:
            given[name] = form.text(name)
            document[direction]["gate"]["allowlist"] = _entries(given[name])
    given["out_review"], given["quiet"] = form.line("out_review"), form.line("quiet")
    document["outbound"]["require_review"] = form.ticked("out_review")
    document["holds"]["suppress_notifications"] = form.ticked("quiet")
    given["ttl"], given["ttl_unit"] = form.line("ttl"), form.line("ttl_unit")
    document["holds"]["ttl_seconds"] = _seconds(given, problems)
    try:
        wanted = Protection.from_json(document)
    except (ValueError, msgspec.ValidationError):
        return Entered(given, None, {**problems, "form": "Something was chosen that cannot be chosen here."})
    protection = _checked(wanted, problems, screening=screening)
    return Entered(given, None if problems else protection, problems)


def body_of(protection: Protection) -> dict[str, Any]:
    """What `putAgentProtection` takes."""
    document = protection.to_json()
    inbound, outbound = document["inbound"], document["outbound"]
    return {
        "inbound": {"gate": inbound["gate"], "scan": {"sensitivity": inbound["sensitivity"]}},
        "outbound": {
            "gate": outbound["gate"],
            "scan": {"sensitivity": outbound["sensitivity"]},
            "require_review": outbound["require_review"],
            "provenance": {name: said for name, said in outbound["provenance"].items() if said is not None},
        },
        "holds": document["holds"],
    }


def mark_of(protection: Protection) -> str:
    """Tells two protections apart: a form carries the one that it was made from."""
    return hashlib.sha256(msgspec.json.encode(protection.to_json())).hexdigest()[:32]


def _known_people(before: Protection) -> Protection:
    document = before.to_json()
    document["outbound"]["provenance"] |= {"content": "review", "unseen": "review"}
    return Protection.from_json(document)


def _every_draft(before: Protection) -> Protection:
    document = before.to_json()
    document["outbound"]["require_review"] = True
    return Protection.from_json(document)


def _careful(before: Protection) -> Protection:
    document = _known_people(before).to_json()
    document["inbound"]["sensitivity"] = document["outbound"]["sensitivity"] = "medium"
    return Protection.from_json(document)


def _nothing(before: Protection) -> Protection:
    """All passes. The lists stay, to be used again."""
    document = Protection().to_json() | {"holds": before.to_json()["holds"]}
    for direction, lists in (("inbound", before.inbound), ("outbound", before.outbound)):
        document[direction]["gate"]["allowlist"] = list(lists.gate.allowlist)
    return Protection.from_json(document)


PRESETS: Final[Mapping[str, tuple[str, str, Callable[[Protection], Protection]]]] = {
    "known": ("Known people", "mail to whom the agent does not know waits for a person", _known_people),
    "every": ("Every draft", "each mail of the agent waits for a person", _every_draft),
    "careful": ("Careful", "known people, and content is looked at in both directions", _careful),
    "nothing": ("Nothing", "all mail passes", _nothing),
}
"""A beginning to go on from: what it is called, what it does, and how it changes what is in force."""


def _checked(wanted: Protection, problems: dict[str, str], *, screening: bool) -> Protection:
    """The protection as it is stored; each list is looked at by itself, so that all that is wrong is said at once."""
    checked = wanted
    for name, part in (("in_list", "inbound"), ("out_list", "outbound")):
        other = "outbound" if part == "inbound" else "inbound"
        alone = wanted.to_json()
        alone[other]["gate"] = msgspec.to_builtins(Gate())
        alone["holds"]["ttl_seconds"] = MAX_TTL_SECONDS
        try:
            validated(Protection.from_json(alone), screening=screening)
        except InvalidRequest as failure:
            problems[name] = _of_list(failure, getattr(wanted, part).gate)
    if not problems:
        try:
            checked = validated(wanted, screening=screening)
        except InvalidRequest as failure:
            problems["form"] = sentence(failure)
    return checked


def _of_list(failure: InvalidRequest, gate: Gate) -> str:
    found = _ENTRY.search(failure.message)
    if found is None:
        return sentence(failure)
    number = int(found[2])
    return f"Line {number + 1}, “{gate.allowlist[number]}”, is neither an address nor a domain."


def _entries(text: str) -> list[str]:
    return [part for line in re.split(r"[\n,;]", text) if (part := line.strip())]


def _seconds(given: Mapping[str, str], problems: dict[str, str]) -> int:
    number, unit = given["ttl"], UNITS.get(given["ttl_unit"])
    if unit is None or not re.fullmatch(r"[0-9]{1,9}", number):
        problems["ttl"] = "Enter a whole number."
        return MAX_TTL_SECONDS
    seconds = int(number) * unit
    if not 1 <= seconds <= MAX_TTL_SECONDS:
        problems["ttl"] = "A hold lasts at least a second and at most 7 days."
        return MAX_TTL_SECONDS
    return seconds


def _ttl(protection: Protection) -> int:
    return protection.holds.ttl_seconds


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        document = document[name]
    return document


def _put(document: Any, path: tuple[str, ...], value: Any) -> None:
    _at(document, path[:-1])[path[-1]] = value
