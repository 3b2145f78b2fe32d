"""Run by an interpreter that has e2a==5.8.1: contacts and outreach by the full client, unchanged, sync and async."""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from e2a.v1 import (
    AsyncE2AClient,
    E2AClient,
    E2AConflictError,
    E2AError,
    E2AIdempotencyError,
    E2ANotFoundError,
    E2APermissionError,
    E2AValidationError,
)

told = json.loads(sys.argv[1])
base, key, domain = told["api_url"], told["api_key"], told["shared_domain"]
email = f"full-outreach@{domain}"
NOW = datetime.now(UTC)


def refused(kind: type[Exception], code: str, call: Any, *arguments: object, **named: object) -> None:
    try:
        call(*arguments, **named)
    except kind as error:
        assert error.code == code, (error.code, error)
        return
    raise AssertionError(f"{call} must be refused with {kind.__name__}")


def eventually(look: Any) -> Any:
    for _ in range(200):
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{look} stayed empty")


def contacts_of_the_account(client: E2AClient) -> None:
    contacts = client.contacts
    made = contacts.create({"address": "Ann <ANN@Sync.test>", "display_name": "Ann", "metadata": {"fund": "x", "n": 1}})
    assert (made.address, made.source, made.metadata) == ("ann@sync.test", "manual", {"fund": "x", "n": 1}), made
    refused(E2AConflictError, "conflict", contacts.create, {"address": "ann@sync.test"})
    refused(E2AValidationError, "invalid_recipient", contacts.create, {"address": "nobody"})
    once = contacts.create({"address": "once@sync.test"}, idempotency_key="contact-once")
    assert contacts.create({"address": "once@sync.test"}, idempotency_key="contact-once") == once
    refused(
        E2AIdempotencyError,
        "idempotency_key_reuse",
        contacts.create,
        {"address": "other@sync.test"},
        idempotency_key="contact-once",
    )
    assert contacts.get("Ann <ann@sync.test>") == made
    refused(E2ANotFoundError, "contact_not_found", contacts.get, "nobody@sync.test")
    read, tag = contacts.get_with_etag("ann@sync.test")
    assert read == made
    assert tag, "an ETag"
    changed = contacts.update("ann@sync.test", {"display_name": "Anna"}, if_match=tag)
    assert (changed.display_name, changed.metadata) == ("Anna", made.metadata), changed
    refused(E2AError, "precondition_failed", contacts.update, "ann@sync.test", {"metadata": {}}, if_match=tag)
    assert contacts.update("ann@sync.test", {"metadata": {}}, if_match="*").metadata == {}
    refused(E2ANotFoundError, "contact_not_found", contacts.update, "nobody@sync.test", {"display_name": "x"})

    rows = [{"address": "a1@sync.test", "metadata": {"row": 1}}, {"address": "ann@sync.test"}, {"address": "nobody"}]
    sheet = {"contacts": rows, "agent_email": email, "stage": "cold"}
    imported = contacts.import_(sheet, idempotency_key="sheet-1")
    assert (imported.created, imported.updated, imported.skipped, imported.failed) == (1, 1, 0, 1), imported
    assert [(one.status, one.code, one.enrolled) for one in imported.results] == [
        ("created", None, True),
        ("updated", None, True),
        ("failed", "invalid_recipient", False),
    ], imported
    assert contacts.import_(sheet, idempotency_key="sheet-1") == imported
    refused(E2ANotFoundError, "not_found", contacts.import_, {**sheet, "agent_email": f"nobody@{domain}"})
    assert [one.address for one in contacts.list(import_batch_id=imported.batch_id)] == ["a1@sync.test"]
    listed = [one.address for one in contacts.list(limit=1)]
    assert listed == ["a1@sync.test", "once@sync.test", "ann@sync.test"], listed
    window = {"created_after": NOW - timedelta(days=1), "created_before": NOW + timedelta(days=1)}
    assert [one.address for one in contacts.list(source="import", **window)] == ["a1@sync.test"]
    left = contacts.delete_import(imported.batch_id)
    assert (left.contacts_deleted, left.contacts_retained, left.engagements_deleted) == (1, 0, 2), left
    refused(E2ANotFoundError, "import_batch_not_found", contacts.delete_import, "imp_nobody")
    assert contacts.delete("once@sync.test").address == "once@sync.test"
    refused(E2ANotFoundError, "contact_not_found", contacts.delete, "once@sync.test")


def outreach_of_an_agent(client: E2AClient, own: E2AClient) -> None:
    contacts = own.contacts
    fresh = contacts.set_outreach(email, "bob@sync.test", {"stage": "cold", "metadata": {"round": "a"}})
    assert (fresh.stage, fresh.replied, fresh.suppressed, fresh.outbound_count) == ("cold", False, False, 0), fresh
    assert (fresh.next_action_at, fresh.last_outbound_at) == (None, None), fresh
    read, tag = contacts.get_outreach_with_etag(email, "bob@sync.test")
    assert read == contacts.get_outreach(email, "BOB@sync.test") == fresh
    due = NOW - timedelta(minutes=1)
    moved = contacts.set_outreach(email, "bob@sync.test", {"stage": "warm", "next_action_at": due}, if_match=tag)
    assert (moved.stage, moved.metadata, moved.next_action_at) == ("warm", {"round": "a"}, due), moved
    refused(
        E2AError, "precondition_failed", contacts.set_outreach, email, "bob@sync.test", {"stage": "x"}, if_match=tag
    )
    refused(E2AError, "precondition_failed", contacts.set_outreach, email, "new@sync.test", {}, if_match="*")
    refused(E2ANotFoundError, "engagement_not_found", contacts.get_outreach, email, "new@sync.test")
    refused(E2APermissionError, "forbidden", contacts.get, "bob@sync.test")
    refused(E2APermissionError, "forbidden", contacts.get_outreach, f"outreach-sister@{domain}", "bob@sync.test")

    wanted = {"stage": "warm", "replied": False, "suppressed": False, "next_action_before": NOW}
    assert [one.address for one in contacts.outreach(email, last_outbound_before=NOW, limit=1, **wanted)] == [
        "bob@sync.test"
    ]
    assert list(contacts.outreach(email, replied=True)) == []
    client.agents.create_suppression(email, {"address": "bob@sync.test", "reason": "asked"})
    (blocked,) = contacts.outreach(email, suppressed=True)
    assert (blocked.suppression_source, blocked.suppression_reason) == ("manual", "asked"), blocked

    (event,) = eventually(lambda: list(client.events.list(type="contact.due", agent_email=email)))
    data = event.data
    assert (data["address"], data["stage"], data["replied"]) == ("bob@sync.test", "warm", False), data
    assert data["contact"] == {"address": "bob@sync.test", "display_name": "", "metadata": {}}, data

    cleared = contacts.set_outreach(email, "bob@sync.test", {"next_action_at": None})
    assert (cleared.next_action_at, cleared.stage) == (None, "warm"), cleared
    assert contacts.delete_outreach(email, "bob@sync.test").address == "bob@sync.test"
    refused(E2ANotFoundError, "engagement_not_found", contacts.delete_outreach, email, "bob@sync.test")
    assert client.contacts.get("bob@sync.test").source == "manual"


async def the_same_with_the_other_client() -> None:
    async with AsyncE2AClient(api_key=key, base_url=base) as client:
        contacts = client.contacts
        made = await contacts.create({"address": "ann@async.test"}, idempotency_key="async-once")
        assert await contacts.get("ann@async.test") == made
        _, tag = await contacts.get_with_etag("ann@async.test")
        assert (await contacts.update("ann@async.test", {"display_name": "A"}, if_match=tag)).display_name == "A"
        try:
            await contacts.update("ann@async.test", {"display_name": "B"}, if_match=tag)
        except E2AError as error:
            assert (error.code, error.status) == ("precondition_failed", 412), error
        else:
            raise AssertionError("a stale write")
        rows = [{"address": f"p{n}@async.test"} for n in range(1000)]
        imported = await contacts.import_({"contacts": rows, "on_conflict": "skip", "agent_email": email})
        assert imported.created == 1000, imported
        seen = [one.address async for one in contacts.list(import_batch_id=imported.batch_id)]
        assert len(set(seen)) == len(seen) == 1000
        worked = [one.address async for one in contacts.outreach(email)]
        assert sorted(worked) == sorted(seen)
        one = await contacts.set_outreach(email, "p7@async.test", {"stage": "x"})
        same, etag = await contacts.get_outreach_with_etag(email, "p7@async.test")
        assert same == one == await contacts.get_outreach(email, "p7@async.test")
        assert etag
        left = await contacts.delete_import(imported.batch_id)
        assert (left.contacts_deleted, left.contacts_retained, left.engagements_deleted) == (999, 1, 999), left
        assert (await contacts.delete_outreach(email, "p7@async.test")).deleted
        assert (await contacts.delete("p7@async.test")).deleted
        assert (await contacts.delete("ann@async.test")).deleted


with E2AClient(api_key=key, base_url=base) as client:
    client.agents.create({"email": email, "name": "Outreach"})
    agent_key = client.account.api_keys.create({"name": "k", "scope": "agent", "agent_email": email})
    contacts_of_the_account(client)
    with E2AClient(api_key=agent_key.key, base_url=base) as own:
        outreach_of_an_agent(client, own)
asyncio.run(asyncio.wait_for(the_same_with_the_other_client(), 60))
with E2AClient(api_key=key, base_url=base) as client:
    client.agents.delete(email)
    for contact in client.contacts.list():
        client.contacts.delete(contact.address)
print("ok")
