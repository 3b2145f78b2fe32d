"""Names of one's own: what to put into their DNS, what was seen of it, which keys sign, and how a name is given up.

The rules are the gateway's: a page shows the row as it is kept, with the records that it needs and what the last look
at the DNS found of each. It asks for itself again every few seconds while something is awaited, and is drawn anew
only when something has changed: nobody loses what they have marked to copy.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from attrs import frozen

from e2ad.api.domains import registry, view
from e2ad.core.domain_life import RETIRED_KEPT_SECONDS
from e2ad.core.domain_records import DomainKey, Purpose, Record, key_slot
from e2ad.core.errors import DomainTaken, Failure, InvalidRequest, NotFound, answer
from e2ad.core.events import rfc3339
from e2ad.core.legible import legible
from e2ad.core.unseen import remove_unseen
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.page import File, See, View, page, show
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway.mint import new_secret
from e2ad.storage import holdings
from e2ad.storage.domains import Domain

__all__ = ["PAGES", "Entry", "entries", "exactly"]

ROWS: Final = 50
MOST_AGENTS: Final = 100
DOMAIN: Final = "/domains/<domain>"
EVERY_SECONDS: Final = 5
"""How often a page of a domain that waits for something asks whether it came."""

_RECEIVING: Final = frozenset((Purpose.OWNERSHIP, Purpose.INBOUND_MX, Purpose.INBOUND_MX_WILDCARD))
_ROTATING: Final = frozenset((Purpose.DKIM_NEXT, Purpose.DKIM_RETIRED))
_PURPOSES: Final[Mapping[Purpose, tuple[str, str]]] = {
    Purpose.OWNERSHIP: (
        "Proof that it is yours",
        "It stands beside whatever TXT records the name has. The same value at _e2a below the name proves as much.",
    ),
    Purpose.INBOUND_MX: (
        "Mail comes here",
        "As long as another server stands beside it, some mail goes there.",
    ),
    Purpose.INBOUND_MX_WILDCARD: (
        "Mail for all names below comes here",
        "Only for agents with addresses such as bot@team.example.com. It is never looked for.",
    ),
    Purpose.DKIM: (
        "Signature key",
        "Whoever gets mail of this domain checks its signature with it. One of the keys is enough to send.",
    ),
    Purpose.MAIL_FROM_MX: ("Reports come back here", "Mail that could not be delivered is told of to this name."),
    Purpose.MAIL_FROM_SPF: ("Who may send for the reports' name", "The sender on the envelope is below this name."),
    Purpose.SPF: (
        "Who may send for the domain",
        "A name has one SPF record at most. Where it has one, add our a: part to it, before its last word.",
    ),
    Purpose.DMARC: (
        "What others do with forged mail",
        "Any policy of your own is as good. Begin with p=none, and make it stricter when all your mail passes.",
    ),
    Purpose.DKIM_NEXT: ("New signature key", "It signs as soon as a look at the DNS finds it."),
    Purpose.DKIM_RETIRED: (
        "Former signature key",
        "Mail that it signed is still on its way, or read again. Leave it there until the day that is named below.",
    ),
}
_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "found": ("good", "found"),
    "missing": ("bad", "missing"),
    "mismatch": ("bad", "differs"),
    "deferred": ("warn", "no answer"),
    "": ("none", "not checked yet"),
}
_KEY_STATES: Final = {"active": ("good", "signs now"), "next": ("warn", "waits"), "retired": ("none", "former")}
_ALGORITHMS: Final = {"rsa-2048": "RSA, 2048 bits", "ed25519": "Ed25519"}


@frozen
class Entry:
    """A record as it is shown. `id` is its own on the page; `seen` is what the DNS answered, where that says more."""

    id: str
    record: Record
    what: str
    why: str
    level: str
    state: str
    seen: Sequence[str] = ()


@page("GET", "/domains")
async def domains(desk: Desk) -> View:
    """All names of the account, newest first."""
    return await _list(desk)


@page("POST", "/domains")
async def register(desk: Desk) -> View | See:
    """Claim a name. The same name again is the same claim."""
    try:
        made = await desk.call("registerDomain", body={"domain": desk.form.line("domain")})
    except Failure as failure:
        return await _list(desk, desk.form.line("domain"), failure)
    return See(_path(made["domain"]), "" if made["verified"] else "domain_claimed")


@page("GET", DOMAIN)
async def domain(desk: Desk) -> View | File:
    """One name with its records. Asked again by itself, it answers nothing where nothing has changed."""
    try:
        return await _one(desk)
    except NotFound:
        if not (desk.part and desk.asked("mark")):
            raise
        # The page is open, and the name was given up elsewhere: it says so, and asks no more.
        return show("domain_gone.html", name=desk.path["domain"])


@page("POST", DOMAIN + "/check")
async def check(desk: Desk) -> View | See | File:
    """Look at the DNS now."""
    try:
        await desk.call("verifyDomain", path=_of(desk))
    except NotFound:
        raise
    except Failure as failure:
        return await _one(desk, failure)
    found = await desk.call("getDomain", path=_of(desk))
    # What is never looked for, and what has no answer, is not what is missing.
    lacks = any(one["status"] in ("missing", "failed") for one in found["dns_records"])
    did = "domain_partly" if lacks else "domain_ready"
    return See(_path(found["domain"]), did if found["verified"] else "domain_waits")


@page("POST", DOMAIN + "/rotate")
async def rotate(desk: Desk) -> View | See | File:
    """Make new keys. While new keys wait to be published, no more are made."""
    try:
        made = await desk.call("rotateDomainKeys", path=_of(desk))
    except NotFound:
        raise
    except Failure as failure:
        return await _one(desk, failure)
    return See(_path(made["domain"]), "domain_keys")


@page("GET", DOMAIN + "/delete")
async def giving_up(desk: Desk) -> View:
    """What ends with a name, and the form that asks for it."""
    return await _giving_up(desk)


@page("POST", DOMAIN + "/delete")
async def delete(desk: Desk) -> View | See:
    """Give a name up, if it was typed."""
    typed, once = desk.form.line("typed"), desk.form.text("once")
    if typed.lower().removesuffix(".") != desk.path["domain"].lower():
        return await _giving_up(desk, InvalidRequest(f"type {desk.path['domain']} to delete it"), typed)
    try:
        await desk.call("deleteDomain", path=_of(desk), query={"confirm": "DELETE"}, key=once)
    except NotFound:
        raise
    except Failure as failure:
        return await _giving_up(desk, failure, typed)
    return See("/domains", "domain_deleted")


def entries(records: Sequence[Record], domain: Domain) -> list[Entry]:
    """The records of a domain with what the last look at the DNS found of each."""
    kinds = {key_slot(key.selector): _ALGORITHMS.get(key.algorithm, key.algorithm) for key in domain.keys}
    found = []
    for number, record in enumerate(records, 1):
        what, why = _PURPOSES[record.purpose]
        if record.slot in kinds:
            what = f"{what} ({kinds[record.slot]})"
        kept = domain.seen.get(record.slot, {}) if record.slot else {}
        level, state = _STATES[kept.get("word", "")]
        if record.purpose is Purpose.INBOUND_MX_WILDCARD:
            level, state = "none", "optional"
        value = record.value if record.priority is None else f"{record.priority} {record.value}"
        seen = [exactly(one) for one in kept.get("seen", ())]
        # What is there as it should be is not said twice.
        found.append(Entry(f"r{number}", record, what, why, level, state, () if seen == [value] else seen))
    return found


def exactly(text: str) -> str:
    """What the DNS answered, to the letter; what could not be seen of it is named."""
    if not remove_unseen(text)[1]:
        return text
    return "".join(f"[U+{ord(one):04X}]" if remove_unseen(one)[1] else one for one in legible(text))


def _of(desk: Desk) -> dict[str, str]:
    return {"domain": desk.path["domain"]}


def _path(name: str) -> str:
    return f"/domains/{name}"


async def _list(desk: Desk, name: str = "", failure: Failure | None = None) -> View:
    query = {"cursor": desk.asked("cursor") if failure is None else "", "limit": str(ROWS)}
    found = await desk.call("listDomains", query=query)
    details = failure.details if isinstance(failure, DomainTaken) and failure.details else {}
    return show(
        "domains.html",
        domains=found["items"],
        next=link("/domains", cursor=found["next_cursor"]) if found["next_cursor"] else "",
        first=not desk.asked("cursor"),
        shared_domain=desk.services.shared_domain,
        name=name,
        trouble=_said(failure) if failure else "",
        todo=hint(failure) if failure else "",
        proof=details.get("ownership_record"),
        status=answer(failure).status if failure else 200,
    )


def _said(failure: Failure) -> str:
    """What a failure says; a name that it begins with stays as it is written."""
    words = sentence(failure)
    return failure.message[:1] + words[1:] if "." in failure.message.partition(" ")[0] else words


async def _one(desk: Desk, failure: Failure | None = None) -> View | File:
    services, verbs = desk.services, registry(desk.services)
    found = await verbs.live(desk.account_id, desk.path["domain"])
    shown = msgspec.to_builtins(view(services, verbs, found))
    agents = await holdings.agents(services.db, desk.account_id, found.domain, limit=MOST_AGENTS + 1)
    mark = hashlib.sha256(msgspec.json.encode([found, shown, agents])).hexdigest()[:16]
    if failure is None and desk.part and desk.asked("mark") == mark:
        return File(b"", "text/plain", status=204)
    listed = entries(verbs.records(found), found)
    life = found.life
    settled = all(one.level in ("good", "none") and one.state != "not checked yet" for one in listed)
    groups = (
        ("To take mail", [one for one in listed if one.record.purpose in _RECEIVING]),
        ("To send mail", [one for one in listed if one.record.purpose not in _RECEIVING | _ROTATING]),
        ("While keys change", [one for one in listed if one.record.purpose in _ROTATING]),
    )
    lapses_at = _after(life.failing_since, services.config.domains.grace_seconds)
    return show(
        "domain.html",
        domain=shown,
        groups=[group for group in groups if group[1]],
        every="" if life.verified and settled else f", every {EVERY_SECONDS}s",
        again=link(_path(found.domain), mark=mark),
        lapses_at="" if lapses_at is None or not life.verified else lapses_at,
        seconds=round(services.config.domains.probe_seconds),
        keys=[_key(key) for key in sorted(found.keys, key=lambda key: (key.created_at, key.algorithm != "rsa-2048"))],
        waiting=any(key.state == "next" for key in found.keys),
        agents=agents[:MOST_AGENTS],
        more=len(agents) > MOST_AGENTS,
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
        status=answer(failure).status if failure else 200,
    )


def _key(key: DomainKey) -> Mapping[str, Any]:
    level, state = _KEY_STATES[key.state]
    return {
        "selector": key.selector,
        "algorithm": _ALGORITHMS.get(key.algorithm, key.algorithm),
        "level": level,
        "state": state,
        "created_at": rfc3339(key.created_at),
        "until": _after(key.retired_at, RETIRED_KEPT_SECONDS) or "",
    }


def _after(at: datetime | None, seconds: float) -> str | None:
    return None if at is None else rfc3339(at + timedelta(seconds=seconds))


async def _giving_up(desk: Desk, failure: Failure | None = None, typed: str = "") -> View:
    found = await registry(desk.services).live(desk.account_id, desk.path["domain"])
    agents = await holdings.agents(desk.services.db, desk.account_id, found.domain, limit=MOST_AGENTS + 1)
    return show(
        "domain_delete.html",
        name=found.domain,
        verified=found.life.verified,
        agents=agents[:MOST_AGENTS],
        more=len(agents) > MOST_AGENTS,
        typed=typed,
        once_key=new_secret(),
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
        status=answer(failure).status if failure else 200,
    )


PAGES = (domains, register, domain, check, rotate, giving_up, delete)
