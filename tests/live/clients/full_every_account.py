"""Agents, domains, the account, its keys and blocks; the first and the last part of the script."""

from datetime import UTC, datetime, timedelta

from e2a.v1 import (
    E2AAuthError,
    E2AConflictError,
    E2AConnectionError,
    E2AError,
    E2AIdempotencyError,
    E2ANotFoundError,
    E2APermissionError,
    E2AValidationError,
)
from full_world import OPEN, World
from recorder import eventually, every, refused

MAIL = {"subject": "Hello", "text": "Good morning"}


async def begin(world: World) -> None:
    """The account, its keys, its agents and a domain."""
    await _account(world)
    await _agents(world)
    await _keys(world)
    await _blocks(world)
    await _domains(world)


async def _account(world: World) -> None:
    client = world.client
    info = await client.info()
    assert info.shared_domain == world.domain, info
    await refused(E2ANotFoundError, "not_found", world.open("x", f"{world.base}/nowhere").info())
    nobody_there = world.open("x", "http://127.0.0.1:1", max_retries=0)
    await refused(E2AConnectionError, "connection_error", nobody_there.info())
    account = await client.account.get()
    assert account.scope == "account", account
    assert account.user.email == world.account_email, account
    await refused(E2AAuthError, "unauthorized", world.stranger.account.get())


async def _agents(world: World) -> None:
    agents = world.client.agents
    made = await agents.create({"email": world.email, "name": "Every"})
    assert (made.email, made.name, made.domain_verified) == (world.email, "Every", True), made
    await refused(E2AConflictError, "agent_taken", agents.create({"email": world.email}))
    await refused(E2AValidationError, "invalid_slug", agents.create({"email": f"x@{world.domain}"}))
    for address in (world.peer, world.spare):
        await agents.create({"email": address})
    assert {one.email for one in await every(agents.list(limit=1))} == {world.email, world.peer, world.spare}
    await refused(E2AValidationError, "invalid_cursor", agents.list().page("x"))
    assert (await agents.get(world.email)).name == "Every"
    await refused(E2ANotFoundError, "not_found", agents.get(world.nobody))
    assert (await agents.update(world.email, {"name": "Renamed"})).name == "Renamed"
    await refused(E2ANotFoundError, "not_found", agents.update(world.nobody, {"name": "x"}))
    sent = await agents.test(world.email)
    assert (sent.status, sent.method) == ("accepted", "smtp"), sent
    await refused(E2ANotFoundError, "not_found", agents.test(world.nobody))

    shown = await agents.replace_protection(world.spare, world.policy("outbound", "flag"))
    assert (shown.outbound.gate.policy, shown.outbound.gate.action) == ("allowlist", "flag"), shown
    await refused(E2ANotFoundError, "not_found", agents.replace_protection(world.nobody, OPEN))
    read = await agents.get_protection(world.spare)
    assert read == shown
    assert await agents.replace_protection(world.spare, read) == shown, "what is read can be written"
    await refused(E2ANotFoundError, "not_found", agents.get_protection(world.nobody))

    block = await agents.create_suppression(world.email, {"address": "Eve@people.test", "reason": "asked"})
    assert (block.address, block.source, block.reason) == ("eve@people.test", "manual", "asked"), block
    await refused(E2AValidationError, "invalid_request", agents.create_suppression(world.email, {"address": "nobody"}))
    assert [one.address for one in await every(agents.list_suppressions(world.email))] == ["eve@people.test"]
    await refused(E2ANotFoundError, "not_found", agents.list_suppressions(world.nobody).page())
    to_eve = {**MAIL, "to": ["eve@people.test"]}
    await refused(E2AValidationError, "recipient_suppressed", world.client.messages.send(world.email, to_eve))
    gone = await agents.delete_suppression(world.email, "eve@people.test")
    assert (gone.deleted, gone.address) == (True, "eve@people.test"), gone
    await refused(E2ANotFoundError, "not_found", agents.delete_suppression(world.email, "eve@people.test"))

    assert (await agents.delete(world.spare)).deleted
    await refused(E2ANotFoundError, "not_found", agents.delete(world.nobody))
    assert [one.email for one in await every(agents.list(deleted=True))] == [world.spare]
    assert (await agents.restore(world.spare)).email == world.spare
    await refused(E2ANotFoundError, "not_found", agents.restore(world.nobody))


async def _keys(world: World) -> None:
    keys = world.client.account.api_keys
    wanted = {"name": "own", "scope": "agent", "agent_email": world.email}
    made = await keys.create(wanted, idempotency_key="key-once")
    assert (await keys.create(wanted, idempotency_key="key-once")).key == made.key
    reused = keys.create({**wanted, "name": "x"}, idempotency_key="key-once")
    await refused(E2AIdempotencyError, "idempotency_key_reuse", reused)
    await refused(E2AValidationError, "invalid_request", keys.create({"name": "x", "scope": "agent"}))
    assert made.id in [one.id for one in await every(keys.list(limit=1))]
    await refused(E2AValidationError, "invalid_cursor", keys.list().page("x"))
    other = await keys.create({"name": "other"})
    revoked = world.open(other.key)
    assert (await revoked.account.get()).scope == "account"
    assert (await keys.delete(other.id)).deleted
    await refused(E2ANotFoundError, "not_found", keys.delete(other.id))
    await refused(E2AAuthError, "unauthorized", revoked.account.get())
    world.own = world.open(made.key)
    assert (await world.own.account.get()).agent_email == world.email
    await refused(E2APermissionError, "forbidden", world.own.agents.get_protection(world.email))
    await refused(E2APermissionError, "forbidden", world.own.account.api_keys.list().page())


async def _blocks(world: World) -> None:
    """Far servers report that an address is dead, and that somebody complains."""
    client, blocks = world.client, world.client.account.suppressions
    for address in ("dead@people.test", "angry@people.test"):
        sent = await client.messages.send(world.email, {**MAIL, "to": [address]}, wait="sent")
        assert sent.status == "sent", sent
        path = (await client.messages.get(world.email, sent.message_id)).envelope_from
        if address.startswith("dead"):
            world.sender.report(path, address, "failed", "5.1.1")
        else:
            world.sender.complaint(path, address)

    async def both() -> bool:
        found = {one.address: one.source for one in await every(blocks.list(limit=1))}
        return found == {"dead@people.test": "bounce", "angry@people.test": "complaint"}

    await eventually(both)
    await refused(E2AValidationError, "invalid_cursor", blocks.list().page("x"))
    to_dead = {**MAIL, "to": ["dead@people.test"]}
    await refused(E2AValidationError, "recipient_suppressed", client.messages.send(world.email, to_dead))
    assert (await blocks.delete("dead@people.test")).address == "dead@people.test"
    await refused(E2ANotFoundError, "not_found", blocks.delete("dead@people.test"))
    assert (await client.messages.send(world.email, to_dead)).status == "accepted"


async def _domains(world: World) -> None:
    domains, name = world.client.domains, world.own_domain
    claimed = await domains.create({"domain": name})
    assert claimed.verification_token.startswith("e2a-verify="), claimed
    await refused(E2AValidationError, "invalid_domain", domains.create({"domain": "nodot"}))
    assert (await domains.get(name)).domain == name
    await refused(E2ANotFoundError, "not_found", domains.get("nobody.example"))
    assert name in [one.domain for one in await every(domains.list(limit=1))]
    await refused(E2AValidationError, "invalid_cursor", domains.list().page("x"))
    unproven = world.client.agents.create({"email": f"bot@{name}"})
    await refused(E2AValidationError, "domain_not_verified", unproven)
    assert (await domains.verify(name)).verified
    await refused(E2ANotFoundError, "not_found", domains.verify("nobody.example"))
    await world.client.agents.create({"email": f"bot@{name}"})
    await refused(E2AValidationError, "domain_has_agents", domains.delete(name))
    gone_name = f"gone-{name}"
    await domains.create({"domain": gone_name})
    gone = await domains.delete(gone_name, idempotency_key="domain-once")
    assert gone.deleted, gone
    assert await domains.delete(gone_name, idempotency_key="domain-once") == gone
    await refused(E2ANotFoundError, "not_found", domains.delete("nobody.example"))


async def end(world: World) -> None:
    """Numbers, everything to take away, and the end of the account and of the clients."""
    account = world.client.account
    window = {"start": datetime.now(UTC) - timedelta(days=1), "end": datetime.now(UTC) + timedelta(minutes=1)}
    numbers = await account.metrics(**window, group_by="agent", bucket="day")
    assert numbers.messages_in_window > 0, numbers
    assert world.email in [one.agent_email for one in numbers.agents], numbers
    assert len(numbers.buckets) >= 2, numbers
    await refused(E2APermissionError, "forbidden", world.own.account.metrics())
    taken = await account.export()
    assert taken.schema_version == "4", taken.schema_version
    assert {world.email, world.peer, world.spare} <= {one.email for one in taken.agents}, taken.agents
    assert len(taken.messages) >= numbers.messages_in_window, len(taken.messages)
    await refused(E2APermissionError, "forbidden", world.own.account.export())
    await refused(E2APermissionError, "forbidden", world.own.account.delete())
    gone = await account.delete()
    assert gone.deleted, gone
    await refused(E2AAuthError, "unauthorized", account.get())
    await refused(E2AAuthError, "unauthorized", world.own.account.get())

    for client in (world.client, world.own, world.stranger):
        await world.close(client)
    # What a closed client refuses is what closing it did.
    if world.mode == "async":
        await refused(RuntimeError, None, world.client.info())
        world.recorder.refused.add("AsyncE2AClient.aclose")
    else:
        await refused(E2AError, "client_closed", world.client.info())
        world.recorder.refused.add("E2AClient.close")
