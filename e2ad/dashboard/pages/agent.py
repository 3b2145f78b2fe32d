"""One agent: where its mail goes, what has come of it, whom it may not write to, and how it is deleted."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from e2ad.core.address import fold_address
from e2ad.core.errors import (
    Conflict,
    Failure,
    InvalidRequest,
    InvalidWebhookUrl,
    NotFound,
    Unavailable,
    ValidationFailed,
    answer,
)
from e2ad.core.events import rfc3339
from e2ad.core.protection import Gate, Protection
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway.mint import now
from e2ad.storage import agents as table
from e2ad.storage import roster
from e2ad.storage.roster import Posted

__all__ = ["PAGES", "agent_path", "in_words"]

AGENT: Final = "/agents/<email>"
NEWEST: Final = 5
DAYS: Final = 7
"""Of which the numbers of an agent are told."""
ROWS: Final = 50
FRESH: Final = timedelta(minutes=1)
FRESH_SECONDS: Final = 2
LATER_SECONDS: Final = 30
_FIELDS: Final = ("webhook_url", "catch_all", "name", "agent_mode")
_OTHERS: Final = {"flag": "flagged", "review": "held", "block": "refused"}


def agent_path(email: str) -> str:
    """Where an agent is shown, below `/dashboard`."""
    return f"/agents/{quote(email, safe='@')}"


def in_words(protection: Protection) -> list[str]:
    """What is checked of mail in and out, each in a few words; nothing where all of it passes."""
    said = list[str]()
    inbound, outbound = protection.inbound, protection.outbound
    if inbound.gate.policy != "open":
        said.append(f"In: {_gate(inbound.gate)}")
    if inbound.sensitivity != "off":
        said.append(f"In: content is looked at ({inbound.sensitivity})")
    if protection.holds_everything:
        said.append("Out: all mail waits for approval")
    elif outbound.gate.policy != "open":
        said.append(f"Out: {_gate(outbound.gate)}")
    if outbound.sensitivity != "off":
        said.append(f"Out: content is looked at ({outbound.sensitivity})")
    return said


def _gate(gate: Gate) -> str:
    count = len(gate.allowlist)
    listed = f"{count} listed {'passes' if count == 1 else 'pass'}" if count else "nobody passes"
    passes = "its own domain passes" if gate.policy == "domain" else listed
    return f"{passes}, others are {_OTHERS[gate.action]}"


@page("GET", AGENT)
async def agent(desk: Desk) -> View:
    """An agent's settings, and what goes on around it."""
    return await _shown(desk)


@page("POST", AGENT)
async def change(desk: Desk) -> View | See:
    """Change what the form says otherwise than the agent is."""
    found = await desk.call("getAgent", path={"email": desk.email})
    form = desk.form
    given: dict[str, Any] = {
        "name": form.line("name"),
        "agent_mode": form.line("agent_mode") or found["agent_mode"],
        "webhook_url": form.line("webhook_url"),
        "catch_all": form.ticked("catch_all"),
    }
    # What stays is not sent: a URL whose host cannot be asked now does not keep a name from being changed.
    body = {name: value for name, value in given.items() if value != found[name]}
    try:
        if body:
            await desk.call("updateAgent", path={"email": desk.email}, body=body)
    except (NotFound, Unavailable):
        raise
    except Failure as failure:
        return await _shown(desk, given=given, failure=failure)
    return See(agent_path(desk.email), "agent_saved")


@page("POST", AGENT + "/test")
async def test(desk: Desk) -> View | See:
    """Let the platform write to the agent; the page shows what becomes of it."""
    found = await desk.call("getAgent", path={"email": desk.email})
    try:
        await desk.call("testAgent", path={"email": found["email"]})
    except Unavailable:
        raise
    except Failure as failure:
        return await _shown(desk, failure=failure)
    return See(agent_path(desk.email), "tested")


async def _shown(desk: Desk, *, given: Mapping[str, Any] | None = None, failure: Failure | None = None) -> View:
    found = await desk.call("getAgent", path={"email": desk.email})
    db, key = desk.services.db, (desk.account_id, found["email"])
    start = rfc3339(now() - timedelta(days=DAYS))
    numbers = await desk.call("getAgentMetrics", path={"email": found["email"]}, query={"start": start})
    stored = await table.protection(db, *key)
    if stored is None:
        raise NotFound
    posted = await roster.posted(db, *key, limit=NEWEST) if found["webhook_url"] else []
    return show(
        "agent.html",
        status=answer(failure).status if failure else 200,
        agent=found,
        path=agent_path(found["email"]),
        given=given or found,
        trouble=_sentence(failure, given) if failure else "",
        todo=hint(failure) if failure else "",
        at_field=_field(failure, given) if failure and given else "",
        own_domain=found["registered_domain"] != desk.services.shared_domain,
        around=await roster.around(db, *key),
        newest=await roster.newest(db, *key, limit=NEWEST),
        posted=posted,
        look_again=_look_again(posted),
        numbers=numbers["summary"],
        days=DAYS,
        listening=desk.services.listens(found["email"]),
        protection=in_words(Protection.from_json(stored.protection)),
        message_path=message_path,
    )


def _look_again(posted: Sequence[Posted]) -> int:
    """Seconds after which deliveries are looked at again, of which no event tells; 0 where all are decided."""
    open_ = [one for one in posted if one.status == "pending"]
    fresh = any(now() - one.created_at < FRESH for one in open_)
    return FRESH_SECONDS if fresh else LATER_SECONDS if open_ else 0


def _sentence(failure: Failure, given: Mapping[str, Any] | None) -> str:
    if given and given["agent_mode"] == "cloud" and not given["webhook_url"] and isinstance(failure, InvalidRequest):
        return "In cloud mode mail is posted to a webhook URL, and there is none."
    return sentence(failure)


def _field(failure: Failure, given: Mapping[str, Any]) -> str:
    """The field of the settings that a failure is about; "" where it is about none."""
    match failure:
        case InvalidWebhookUrl():
            return "webhook_url"
        case Conflict():
            return "catch_all" if given["catch_all"] else ""
        case ValidationFailed(details={"fields": fields}):
            said = " ".join(one.location for one in fields)
        case _:
            said = failure.message
    return next((name for name in _FIELDS if name in said), "")


@page("GET", AGENT + "/delete")
async def ask_delete(desk: Desk) -> View:
    """What deleting an agent does, and the field that wants its address."""
    return await _deletion(desk)


@page("POST", AGENT + "/delete")
async def delete(desk: Desk) -> View | See:
    """Move an agent to where it can be restored from, if its address was typed."""
    stored = await table.find(desk.services.db, desk.email)
    if stored is not None and stored.account_id == desk.account_id and stored.deleted_at is not None:
        return See("/agents?deleted=1")
    if fold_address(desk.form.line("typed")) != desk.email:
        return await _deletion(desk, mistyped=True)
    await desk.call("deleteAgent", path={"email": desk.email}, query={"confirm": "DELETE"})
    return See("/agents?deleted=1", "agent_deleted")


async def _deletion(desk: Desk, *, mistyped: bool = False) -> View:
    found = await desk.call("getAgent", path={"email": desk.email})
    return show(
        "agent_delete.html",
        status=422 if mistyped else 200,
        agent=found,
        path=agent_path(found["email"]),
        mistyped=mistyped,
        typed=desk.form.line("typed"),
        around=await roster.around(desk.services.db, desk.account_id, found["email"]),
        days=desk.services.config.retention.trash_days,
    )


@page("GET", AGENT + "/suppressions")
async def suppressions(desk: Desk) -> View:
    """Whom this agent may not write to."""
    return await _suppressed(desk)


@page("POST", AGENT + "/suppressions")
async def suppress(desk: Desk) -> View | See:
    """Keep the agent from writing to an address."""
    await desk.call("getAgent", path={"email": desk.email})
    reason = desk.form.line("reason")
    body = {"address": desk.form.line("address"), **({"reason": reason} if reason else {})}
    try:
        await desk.call("createAgentSuppression", path={"email": desk.email}, body=body)
    except (NotFound, Unavailable):
        raise
    except Failure as failure:
        return await _suppressed(desk, body, failure)
    return See(agent_path(desk.email) + "/suppressions", "suppressed")


@page("POST", AGENT + "/suppressions/remove")
async def unsuppress(desk: Desk) -> See:
    """Let it write to an address again; one that is not there is no trouble."""
    await desk.call("getAgent", path={"email": desk.email})
    key = {"email": desk.email, "address": desk.form.line("address")}
    there = agent_path(desk.email) + "/suppressions"
    try:
        await desk.call("deleteAgentSuppression", path=key, query={"confirm": "DELETE"})
    except NotFound:
        return See(there)
    return See(there, "unsuppressed")


async def _suppressed(desk: Desk, given: Mapping[str, str] | None = None, failure: Failure | None = None) -> View:
    found = await desk.call("getAgent", path={"email": desk.email})
    path, cursor = agent_path(found["email"]), desk.asked("cursor")
    listed = await desk.call(
        "listAgentSuppressions", path={"email": found["email"]}, query={"cursor": cursor, "limit": str(ROWS)}
    )
    onward = listed["next_cursor"]
    return show(
        "agent_suppressions.html",
        status=answer(failure).status if failure else 200,
        agent=found,
        path=path,
        rows=listed["items"],
        cursor=cursor,
        next=link(path + "/suppressions", cursor=onward) if onward else "",
        given=given or {},
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
    )


PAGES = (agent, change, test, ask_delete, delete, suppressions, suppress, unsuppress)
