"""What the table of agents itself refuses, whatever was checked before."""

from e2ad.storage import agents
from e2ad.storage.agents import Change, NewAgent
from e2ad.storage.pool import Database


async def prepare(database: Database) -> NewAgent:
    await database.execute("insert into accounts (id, email) values ('acc', 'owner@example.com')")
    await database.execute("insert into domains (domain, verified, verification_token) values ('a.example', true, '')")
    return NewAgent("bot@a.example", "acc", "a.example", "a.example", "", "local", "", catch_all=False)


async def test_two_changes_at_once_leave_no_cloud_agent_without_a_url(database: Database) -> None:
    new = await prepare(database)
    await agents.insert(database, new, max_agents=1)
    url = "https://hooks.example/"
    assert await agents.update(database, "acc", new.email, Change(agent_mode="cloud")) is None
    assert await agents.update(database, "acc", new.email, Change(agent_mode="cloud", webhook_url=url))
    assert await agents.update(database, "acc", new.email, Change(webhook_url="")) is None
    found = await agents.find(database, new.email)
    assert found is not None
    assert (found.agent_mode, found.webhook_url) == ("cloud", url)


async def test_an_insert_needs_a_domain_that_is_verified_now(database: Database) -> None:
    new = await prepare(database)
    await database.execute("update domains set verified = false")
    assert await agents.insert(database, new, max_agents=1) is None
    await database.execute("delete from domains")
    assert await agents.insert(database, new, max_agents=1) is None


async def test_an_insert_needs_room_and_a_free_address(database: Database) -> None:
    new = await prepare(database)
    assert await agents.insert(database, new, max_agents=0) is None
    assert await agents.insert(database, new, max_agents=5)
    assert await agents.insert(database, new, max_agents=5) is None


async def test_another_accounts_verbs_touch_nothing(database: Database) -> None:
    new = await prepare(database)
    await agents.insert(database, new, max_agents=1)
    await database.execute("insert into accounts (id, email) values ('other', 'other@example.com')")
    assert await agents.update(database, "other", new.email, Change(name="x")) is None
    assert not await agents.trash(database, "other", new.email)
    assert not await agents.purge(database, "other", new.email)
    assert await agents.purge_messages(database, "other", new.email, batch=10) == (0, [])
    assert await agents.unowned(database, "other", [new.email]) == [new.email]
    assert await agents.unowned(database, "acc", [new.email]) == []
    assert await agents.survey(database, "nobody", new.email, ["a.example"]) is None
