"""Contacts, outreach and templates; the pager by the way."""

from e2a.v1 import (
    E2AConflictError,
    E2AError,
    E2ALimitExceededError,
    E2ANotFoundError,
    E2APermissionError,
    E2AValidationError,
)
from full_world import World
from recorder import every, refused

ORDER = {"name": "Order", "alias": "order", "subject": "Order {{id}}", "text": "Dear {{user.name}}"}


async def run(world: World) -> None:
    await _contacts(world)
    await _outreach(world)
    await _templates(world)
    await _pager(world)


async def _contacts(world: World) -> None:
    contacts, ann = world.client.contacts, "ann@every.test"
    made = await contacts.create({"address": f"Ann <{ann}>", "display_name": "Ann"}, idempotency_key="contact-once")
    assert (made.address, made.display_name) == (ann, "Ann"), made
    await refused(E2AConflictError, "conflict", contacts.create({"address": ann}))
    assert await contacts.get(f"Ann <{ann}>") == made
    await refused(E2ANotFoundError, "contact_not_found", contacts.get("nobody@every.test"))
    read, tag = await contacts.get_with_etag(ann)
    assert (read, bool(tag)) == (made, True), tag
    await refused(E2ANotFoundError, "contact_not_found", contacts.get_with_etag("nobody@every.test"))
    assert (await contacts.update(ann, {"display_name": "Anna"}, if_match=tag)).display_name == "Anna"
    await refused(E2AError, "precondition_failed", contacts.update(ann, {"display_name": "x"}, if_match=tag))
    rows = [{"address": ann}, {"address": "ben@every.test"}, {"address": "nobody"}]
    sheet = await contacts.import_({"contacts": rows, "agent_email": world.email}, idempotency_key="sheet-once")
    assert (sheet.created, sheet.updated, sheet.failed) == (1, 1, 1), sheet
    unknown = contacts.import_({"contacts": rows, "agent_email": world.nobody})
    await refused(E2ANotFoundError, "not_found", unknown)
    assert [one.address for one in await every(contacts.list(limit=1))] == ["ben@every.test", ann]
    await refused(E2AValidationError, "invalid_cursor", contacts.list().page("x"))
    left = await contacts.delete_import(sheet.batch_id)
    assert (left.contacts_deleted, left.contacts_retained) == (1, 0), left
    await refused(E2ANotFoundError, "import_batch_not_found", contacts.delete_import("imp_nobody"))
    assert (await contacts.delete(ann)).address == ann
    await refused(E2ANotFoundError, "contact_not_found", contacts.delete(ann))


async def _outreach(world: World) -> None:
    contacts, email, bob = world.own.contacts, world.email, "bob@every.test"
    fresh = await contacts.set_outreach(email, bob, {"stage": "cold"})
    read, tag = await contacts.get_outreach_with_etag(email, bob)
    assert fresh == read == await contacts.get_outreach(email, bob), read
    assert (await contacts.set_outreach(email, bob, {"stage": "warm"}, if_match=tag)).stage == "warm"
    stale = contacts.set_outreach(email, bob, {"stage": "x"}, if_match=tag)
    await refused(E2AError, "precondition_failed", stale)
    await refused(E2ANotFoundError, "engagement_not_found", contacts.get_outreach(email, "eve@every.test"))
    await refused(E2ANotFoundError, "engagement_not_found", contacts.get_outreach_with_etag(email, "eve@every.test"))
    listed = await every(contacts.outreach(email, stage="warm", replied=False, suppressed=False))
    assert [one.address for one in listed] == [bob], listed
    await refused(E2ANotFoundError, "not_found", world.client.contacts.outreach(world.nobody).page())
    assert (await contacts.delete_outreach(email, bob)).address == bob
    await refused(E2ANotFoundError, "engagement_not_found", contacts.delete_outreach(email, bob))


async def _templates(world: World) -> None:
    templates = world.client.templates
    starters = await every(templates.list_starters(limit=3))
    await refused(E2AValidationError, "invalid_cursor", templates.list_starters().page("x"))
    shown = await templates.get_starter(starters[0].alias)
    assert shown.subject, shown
    await refused(E2ANotFoundError, "starter_template_not_found", templates.get_starter("none"))
    made = await templates.create(ORDER)
    await refused(E2AConflictError, "alias_taken", templates.create(ORDER))
    assert (await templates.create({"from_starter": shown.alias})).html == shown.html
    assert (await templates.get(made.id)).text == ORDER["text"]
    await refused(E2ANotFoundError, "template_not_found", templates.get("tmpl_nobody"))
    assert (await templates.update(made.id, {"name": "New"})).name == "New"
    await refused(E2AValidationError, "invalid_template", templates.update(made.id, {"text": "{{#each}}"}))
    tried = await templates.validate({"subject": "{{id}}", "text": "x", "test_data": {"id": 7}})
    assert (tried.valid, tried.rendered.subject) == (True, "7"), tried
    await refused(E2APermissionError, "forbidden", world.own.templates.validate({"subject": "x", "text": "x"}))
    data = {"id": 7, "user": {"name": "Ada"}}
    to_bob = {"to": ["bob@people.test"], "template_id": made.id, "template_data": data}
    sent = await world.client.messages.send(world.email, to_bob)
    assert (await world.client.messages.get(world.email, sent.message_id)).subject == "Order 7"
    assert len(await every(templates.list(limit=1))) == 2
    await refused(E2AValidationError, "invalid_cursor", templates.list().page("x"))

    async def fill() -> None:
        for number in range(100):
            await templates.create({**ORDER, "alias": f"more{number}"})

    await refused(E2ALimitExceededError, "template_limit_reached", fill())
    assert (await templates.delete(made.id)).deleted
    await refused(E2ANotFoundError, "template_not_found", templates.delete(made.id))


async def _pager(world: World) -> None:
    """By pages, as a list, one after the other; each one refused as well."""
    starters = world.client.templates.list_starters
    whole = [one.alias for one in await every(starters())]
    first = await starters(limit=3).page()
    assert [one.alias for one in first.items] == whole[:3], first
    second = await starters(limit=3).page(first.next_cursor)
    assert [one.alias for one in second.items] == whole[3:6], second
    assert [one.alias for one in await starters(limit=2).to_list(limit=5)] == whole[:5]
    seen: list[str] = []

    def look(one: object) -> bool:
        seen.append(one.alias)
        return len(seen) < 4

    await starters(limit=3).for_each(look)
    assert seen == whole[:4], seen
    await refused(E2AValidationError, "invalid_cursor", starters().page(f"{first.next_cursor}x"))
    await refused(ValueError, None, starters().to_list(limit=0))
    missing = world.client.messages.list(world.nobody)
    await refused(E2ANotFoundError, "not_found", missing.to_list(limit=1))
    await refused(E2ANotFoundError, "not_found", missing.for_each(look))
    await refused(E2AValidationError, "invalid_request", starters(limit=101).page())
