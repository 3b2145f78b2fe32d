"""What opens the account: API keys, the programs that were let in, and the secrets that mail to agents is signed with.

An API key is shown once, in the answer to the form that made it, and is in no address and no other page. The same form
sent again neither makes another one nor shows the first.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import trio

from e2ad.api.account import key_view
from e2ad.api.sign_in_pages import SESSIONS
from e2ad.core.address import fold_address
from e2ad.core.errors import Failure, IdempotencyInFlight, InvalidRequest, NotFound, answer
from e2ad.core.events import rfc3339
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.frame import link
from e2ad.dashboard.page import ROOT, See, View, page, show
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway import signing_secrets
from e2ad.gateway.api_keys import MAX_NAME
from e2ad.gateway.audit import actor_of
from e2ad.gateway.idempotency import Claim
from e2ad.gateway.mint import new_secret, now
from e2ad.storage import accounts, holdings
from e2ad.storage import desk as storage

__all__ = ["PAGES"]

ROWS: Final = 50
MOST_AGENTS: Final = 500
DAYS: Final = ((0, "Never"), (7, "In a week"), (30, "In 30 days"), (90, "In 90 days"), (365, "In a year"))
RELEASE_SECONDS: Final = 5.0
BEFORE: Final = object()
"""In the place of an answer: it was done before."""
_FORM: Final = re.compile(r"[0-9a-f]{64}")


@page("GET", "/keys")
async def keys(desk: Desk) -> View:
    """The keys that open something, newest first; of one agent where one is named."""
    agent = fold_address(desk.asked("agent")) or None
    if agent is not None and not await accounts.has_live_agent(desk.services.db, desk.account_id, agent):
        raise NotFound("You have no agent with this address")
    walk = desk.services.cursors.walk(desk.account_id, "desk_keys", {"agent": agent or ""})
    start = walk.start(desk.asked("cursor"))
    found = await holdings.keys(
        desk.services.db, desk.account_id, agent, before=(start[0], start[1]) if start else None, limit=ROWS + 1
    )
    rows, cursor = walk.page(found, ROWS, lambda key: (key.created_at, key.id))
    begun = await holdings.sessions(
        desk.services.db, desk.account_id, [row.id for row in rows], desk.principal.session_id
    )
    at = now()
    return show(
        "keys.html",
        keys=[key_view(row) for row in rows],
        over={row.id for row in rows if row.expires_at is not None and row.expires_at <= at},
        begun=begun,
        agent=agent or "",
        next=link("/keys", agent=agent, cursor=cursor) if cursor else "",
        first=not desk.asked("cursor"),
        sessions=SESSIONS,
    )


@page("GET", "/keys/new")
async def new(desk: Desk) -> View:
    """The form that makes a key."""
    return await _form(desk, {"scope": fold_address(desk.asked("agent"))})


@page("POST", "/keys")
async def create(desk: Desk) -> View | See:
    """Make a key and show it: once, however often the form is sent."""
    given = {name: desk.form.line(name) for name in ("name", "scope", "expires")}
    agent, days = fold_address(given["scope"]), given["expires"]
    body: dict[str, Any] = {"name": given["name"], "scope": "agent" if agent else "account"}
    if agent:
        body["agent_email"] = agent
    try:
        if days not in {str(number) for number, _ in DAYS}:
            raise InvalidRequest("choose when the key stops")
        if days != "0":
            # A whole day: what is sent again on the same day says the same.
            today = now().replace(hour=0, minute=0, second=0, microsecond=0)
            body["expires_at"] = rfc3339(today + timedelta(days=int(days) + 1))
        once = desk.form.text("once")
        made = await _once(desk, "/keys", given, lambda: desk.call("createApiKey", body=body, key=once))
    except Failure as failure:
        return await _form(desk, given, failure)
    if made is BEFORE:
        return See("/keys", "key_shown")
    return show("keys_made.html", made=made, url=desk.services.public_url.rstrip("/"))


@page("GET", "/keys/<id>/revoke")
async def revoking(desk: Desk) -> View:
    """What ends with a key, and the button that ends it."""
    row = await holdings.key(desk.services.db, desk.account_id, desk.path["id"])
    if row is None:
        raise NotFound("You have no key like this; it may have been revoked")
    begun = await holdings.sessions(desk.services.db, desk.account_id, [row.id], desk.principal.session_id)
    return show("keys_revoke.html", key=key_view(row), begun=begun.get(row.id), once_key=new_secret())


@page("POST", "/keys/<id>/revoke")
async def revoke(desk: Desk) -> See:
    """Stop a key for good."""
    await _end(desk, f"/keys/{desk.path['id']}/revoke", "deleteApiKey")
    return See("/keys", "key_revoked")


@page("GET", "/keys/connections")
async def connections(desk: Desk) -> View:
    """Programs that were let in by OAuth, ended ones included."""
    found = await desk.call("listConnections", query={"cursor": desk.asked("cursor"), "limit": str(ROWS)})
    return show(
        "keys_connections.html",
        connections=found["items"],
        next=link("/keys/connections", cursor=found["next_cursor"]) if found["next_cursor"] else "",
        first=not desk.asked("cursor"),
        url=desk.services.public_url.rstrip("/"),
        sessions=SESSIONS,
    )


@page("GET", "/keys/connections/<id>/end")
async def ending(desk: Desk) -> View:
    """What a program loses, and the button that takes it away."""
    found = await holdings.connection(desk.services.db, desk.account_id, desk.path["id"])
    if found is None:
        raise NotFound("No program has this access; it may have been ended")
    return show("keys_connection_end.html", one=found, once_key=new_secret())


@page("POST", "/keys/connections/<id>/end")
async def end(desk: Desk) -> See:
    """End what a program may do."""
    await _end(desk, f"/keys/connections/{desk.path['id']}/end", "deleteConnection")
    return See("/keys/connections", "connection_ended")


@page("GET", "/keys/signing-secrets")
async def secrets(desk: Desk) -> View:
    """What mail to an agent's own URL is signed with."""
    return await _secrets(desk)


@page("POST", "/keys/signing-secrets")
async def add_secret(desk: Desk) -> View | See:
    """Make another secret, which signs from now on."""
    services, name = desk.services, desk.form.line("name")
    actor = actor_of(desk.principal, desk.client_address)

    async def work() -> None:
        await signing_secrets.create(services.db, services.keys, desk.account_id, name, actor)

    try:
        await _once(desk, "/keys/signing-secrets", {"name": name}, work)
    except Failure as failure:
        return await _secrets(desk, name, failure)
    return See("/keys/signing-secrets", "secret_made")


@page("GET", "/keys/signing-secrets/<id>/delete")
async def deleting_secret(desk: Desk) -> View:
    """What is refused without a secret, and the button that deletes it."""
    return await _deleting(desk)


@page("POST", "/keys/signing-secrets/<id>/delete")
async def delete_secret(desk: Desk) -> View | See:
    """Delete a secret. The last one stays."""
    secret_id, actor = desk.path["id"], actor_of(desk.principal, desk.client_address)

    async def work() -> None:
        await signing_secrets.delete(desk.services.db, desk.account_id, secret_id, actor)

    try:
        await _ended(desk, f"/keys/signing-secrets/{secret_id}/delete", work)
    except InvalidRequest as failure:
        return await _deleting(desk, failure)
    return See("/keys/signing-secrets", "secret_deleted")


async def _once(desk: Desk, route: str, given: Mapping[str, str], work: Callable[[], Awaitable[Any]]) -> Any:
    """Do what a form asks, once however often it is sent; `BEFORE` where the same form has done it.

    What the work answers is not kept. Whatever fails may be tried again with the same form.

    Raises:
        IdempotencyInFlight, IdempotencyKeyReuse: the same form is being worked on, or was sent with other words.
        InvalidRequest: it is no form of ours.

    Cancellation: the form may be sent again. What was committed by then stays.
    """
    once = desk.form.text("once")
    if not _FORM.fullmatch(once):
        raise InvalidRequest("the form is incomplete: open it again")
    words = "\n".join(f"{name}={text}" for name, text in given.items())
    claim = await desk.services.idempotency.claim(
        desk.account_id, f"form_{once}", f"POST {ROOT}{route}", words.encode()
    )
    if not isinstance(claim, Claim):
        return BEFORE
    finished = False
    try:
        done = await work()
        await claim.finish(desk.services.db, 204, "text/plain", b"")
        finished = True
        return done
    finally:
        if not finished:
            with trio.move_on_after(RELEASE_SECONDS, shield=True):
                await claim.release(desk.services.db)


async def _end(desk: Desk, route: str, operation_id: str) -> None:
    """End what the path names."""

    async def work() -> None:
        await desk.call(operation_id, path={"id": desk.path["id"]}, query={"confirm": "DELETE"})

    await _ended(desk, route, work)


async def _ended(desk: Desk, route: str, work: Callable[[], Awaitable[None]]) -> None:
    """What can be done only once anyhow: a second click on the same form finds it done, and is told the same."""
    if _FORM.fullmatch(desk.form.text("once")):
        await _once(desk, route, {}, work)
    else:
        await work()


async def _form(desk: Desk, given: Mapping[str, str], failure: Failure | None = None) -> View:
    found = await storage.agents(desk.services.db, desk.account_id, limit=MOST_AGENTS)
    agents = [one.email for one in found]
    chosen = given.get("scope", "")
    if chosen and chosen not in agents and await accounts.has_live_agent(desk.services.db, desk.account_id, chosen):
        agents.insert(0, chosen)
    # What may have been done keeps its key; what was refused is another try.
    same = isinstance(failure, IdempotencyInFlight) or (failure is not None and answer(failure).status >= 500)
    return show(
        "keys_new.html",
        agents=agents,
        days=DAYS,
        most=MAX_NAME,
        given={"name": given.get("name", ""), "scope": chosen, "expires": given.get("expires", "") or "90"},
        once_key=desk.form.text("once") if same else new_secret(),
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
        status=answer(failure).status if failure else 200,
    )


async def _secrets(desk: Desk, name: str = "", failure: Failure | None = None) -> View:
    found = await signing_secrets.listed(desk.services.db, desk.services.keys, desk.account_id)
    return show(
        "keys_secrets.html",
        secrets=found,
        most=signing_secrets.MAX_SECRETS,
        longest=signing_secrets.MAX_NAME,
        name=name,
        once_key=new_secret(),
        sessions=SESSIONS,
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
        status=answer(failure).status if failure else 200,
    )


async def _deleting(desk: Desk, failure: Failure | None = None) -> View:
    found = await signing_secrets.listed(desk.services.db, desk.services.keys, desk.account_id)
    one = next((one for one in found if one.id == desk.path["id"]), None)
    if one is None:
        raise NotFound("You have no secret like this; it may have been deleted")
    return show(
        "keys_secret_delete.html",
        one=one,
        signs=found[0].id == one.id,
        only=len(found) == 1,
        once_key=new_secret(),
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
        status=answer(failure).status if failure else 200,
    )


PAGES = (
    keys,
    new,
    create,
    revoking,
    revoke,
    connections,
    ending,
    end,
    secrets,
    add_secret,
    deleting_secret,
    delete_secret,
)
