"""Agents: who may have which address, and what goes with one that is deleted."""

import hashlib

import pytest
import trio
from attrs import evolve

from e2ad.config.sections import Limits
from e2ad.core.errors import (
    AddressInTrash,
    AgentTaken,
    Conflict,
    DomainNotRegistered,
    DomainNotVerified,
    Failure,
    InboundMxMissing,
    InvalidRequest,
    InvalidSlug,
    InvalidWebhookUrl,
    LimitExceeded,
    MxCheckFailed,
    NotFound,
    NotInTrash,
    ReservedDomain,
)
from e2ad.core.sealing import KeyRing
from e2ad.gateway import agents as module
from e2ad.gateway import audit
from e2ad.gateway.accounts import bootstrap, keep_shared_domain
from e2ad.gateway.agents import AgentDraft, AgentRegistry
from e2ad.storage.agents import Change
from e2ad.storage.audit import Wanted
from e2ad.storage.connection import TrioConnection
from e2ad.storage.pool import Database
from tests.zone import HOOK, Zone, guard

KEYS = KeyRing(("a deployment secret of the tests, long enough",))


@pytest.fixture
def zone() -> Zone:
    return Zone()


@pytest.fixture
async def account(database: Database) -> str:
    await keep_shared_domain(database, "agents.localhost")
    return (await bootstrap(database, KEYS, "owner@example.com")).account_id


@pytest.fixture
async def stranger(database: Database) -> str:
    return (await bootstrap(database, KEYS, "stranger@example.com")).account_id


@pytest.fixture
def registry(database: Database, zone: Zone) -> AgentRegistry:
    return AgentRegistry(database, guard(zone), zone, "agents.localhost", "mx.e2ad.example", Limits())


async def register(database: Database, account_id: str | None, domain: str, *, verified: bool = True) -> None:
    await database.execute(
        "insert into domains (domain, account_id, verified, verification_token) values (%(d)s, %(a)s, %(v)s, 't')",
        {"d": domain, "a": account_id, "v": verified},
    )


async def add_message(database: Database, account_id: str, email: str, number: int, raw: bytes) -> None:
    digest = hashlib.sha256(raw).digest()
    await database.execute(
        "insert into contents (account_id, sha256, raw) values (%(a)s, %(s)s, %(r)s) on conflict do nothing",
        {"a": account_id, "s": digest, "r": raw},
    )
    await database.execute(
        "insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id,"
        " content_sha256, size_bytes) values (%(a)s, %(i)s, %(e)s, 'inbound', 'smtp', %(e)s, 'conv_x', %(s)s, %(n)s)",
        {"a": account_id, "i": f"msg_{email}_{number}", "e": email, "s": digest, "n": len(raw)},
    )
    await database.execute(
        "insert into account_usage (account_id, storage_bytes) values (%(a)s, %(n)s) on conflict (account_id)"
        " do update set storage_bytes = account_usage.storage_bytes + excluded.storage_bytes",
        {"a": account_id, "n": len(raw)},
    )


async def test_a_slug_makes_an_agent_on_the_shared_domain(registry: AgentRegistry, account: str) -> None:
    agent = await registry.create(account, AgentDraft(slug="my-bot", name="Böt"))
    assert (agent.email, agent.domain, agent.registered_domain) == (
        "my-bot@agents.localhost",
        "agents.localhost",
        "agents.localhost",
    )
    assert (agent.name, agent.agent_mode, agent.domain_verified, agent.deleted_at) == ("Böt", "local", True, None)


async def test_the_statements_of_each_verb_are_few(registry: AgentRegistry, account: str) -> None:
    counted = {}
    database = registry.database

    async def count(name: str, call: "object") -> None:
        before = database.statements
        await call  # type: ignore[misc]  # a coroutine
        counted[name] = database.statements - before

    await count("create", registry.create(account, AgentDraft(slug="bot")))
    await count("update", registry.update(account, "bot@agents.localhost", Change(name="x")))
    await count("live", registry.live(account, "bot@agents.localhost"))
    await count("trash", registry.trash(account, "bot@agents.localhost"))
    await count("restore", registry.restore(account, "bot@agents.localhost"))
    await count("purge", registry.purge(account, "bot@agents.localhost"))
    # create: survey, then begin, lock, insert, log, commit; purge: find, trash, then begin, batch, agent, commit.
    assert counted == {"create": 6, "update": 2, "live": 1, "trash": 4, "restore": 4, "purge": 11}


@pytest.mark.parametrize(
    ("draft", "failure"),
    [
        (AgentDraft(), InvalidRequest),
        (AgentDraft(slug="bot", email="bot@acme.example"), InvalidRequest),
        (AgentDraft(email="nonsense"), InvalidRequest),
        (AgentDraft(slug="No"), InvalidSlug),
        (AgentDraft(email="admin@agents.localhost"), InvalidSlug),
        (AgentDraft(email="a_b@agents.localhost"), InvalidSlug),
        (AgentDraft(email="bot@below.agents.localhost"), ReservedDomain),
        (AgentDraft(email="bot@nowhere.example"), DomainNotRegistered),
        (AgentDraft(slug="bot", name="x" * 201), InvalidRequest),
        (AgentDraft(slug="bot", name="a\r\nBcc: b"), InvalidRequest),
        (AgentDraft(slug="bot", agent_mode=None), InvalidRequest),
        (AgentDraft(slug="bot", agent_mode="hybrid"), InvalidRequest),
        (AgentDraft(slug="bot", agent_mode="cloud"), InvalidRequest),
        (AgentDraft(slug="bot", webhook_url="http://hooks.example/"), InvalidWebhookUrl),
        (AgentDraft(slug="bot", webhook_url="https://127.0.0.1/"), InvalidWebhookUrl),
        (AgentDraft(slug="bot", webhook_url="https://unknown.example/"), InvalidWebhookUrl),
        (AgentDraft(slug="bot", webhook_url="https://hooks.example/" + "x" * 2048), InvalidWebhookUrl),
        (AgentDraft(slug="bot", catch_all=True), InvalidRequest),
    ],
)
async def test_a_draft_is_refused(
    registry: AgentRegistry, account: str, draft: AgentDraft, failure: type[Failure]
) -> None:
    with pytest.raises(failure) as caught:
        await registry.create(account, draft)
    assert type(caught.value) is failure
    assert await registry.database.fetch_value("select count(*) from agents") == 0


async def test_without_a_shared_domain_there_are_no_slugs(registry: AgentRegistry, account: str) -> None:
    with pytest.raises(InvalidSlug, match="no shared domain"):
        await evolve(registry, shared_domain="").create(account, AgentDraft(slug="bot"))


async def test_a_domain_of_ones_own_must_be_verified(
    database: Database, registry: AgentRegistry, account: str, stranger: str
) -> None:
    await register(database, account, "acme.example")
    await register(database, account, "new.example", verified=False)
    await register(database, stranger, "theirs.example")
    agent = await registry.create(account, AgentDraft(email="Bot+x@Acme.Example", agent_mode="cloud", webhook_url=HOOK))
    assert (agent.email, agent.webhook_url, agent.agent_mode) == ("bot+x@acme.example", HOOK, "cloud")
    with pytest.raises(DomainNotVerified):
        await registry.create(account, AgentDraft(email="bot@new.example"))
    # Somebody else's domain and one that nobody has are told in the same words.
    for domain in ("theirs.example", "nobody.example"):
        with pytest.raises(DomainNotRegistered, match=f"{domain} is not registered with this account"):
            await registry.create(account, AgentDraft(email=f"bot@{domain}"))


async def test_a_subdomain_is_inherited_when_its_mail_comes_here(
    database: Database, registry: AgentRegistry, zone: Zone, account: str, stranger: str
) -> None:
    await register(database, account, "acme.example")
    await register(database, stranger, "b.acme.example")
    zone.exchangers["a.acme.example"] = ["other.example.", "MX.e2ad.example."]
    agent = await registry.create(account, AgentDraft(email="bot@a.acme.example"))
    assert (agent.domain, agent.registered_domain, agent.domain_verified) == ("a.acme.example", "acme.example", True)
    for email, failure in (
        ("bot@c.acme.example", InboundMxMissing),
        ("bot@broken.acme.example", MxCheckFailed),
        ("bot@b.acme.example", DomainNotRegistered),
        ("bot@x.b.acme.example", DomainNotRegistered),
        ("bot@bounce.acme.example", ReservedDomain),
        ("bot@x.bounce.acme.example", ReservedDomain),
    ):
        with pytest.raises(failure):
            await registry.create(account, AgentDraft(email=email))


async def test_an_unverified_parent_authorises_nothing(
    database: Database, registry: AgentRegistry, zone: Zone, account: str
) -> None:
    await register(database, account, "acme.example", verified=False)
    zone.exchangers["a.acme.example"] = ["mx.e2ad.example"]
    with pytest.raises(DomainNotVerified):
        await registry.create(account, AgentDraft(email="bot@a.acme.example"))


async def test_a_silent_dns_costs_three_seconds(
    database: Database, registry: AgentRegistry, zone: Zone, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(database, account, "acme.example")
    zone.silent = True
    monkeypatch.setattr(module, "MX_SECONDS", 0.05)
    with trio.fail_after(5), pytest.raises(MxCheckFailed):
        await registry.create(account, AgentDraft(email="bot@a.acme.example"))


async def test_an_address_is_one_agent(registry: AgentRegistry, account: str, stranger: str) -> None:
    await registry.create(account, AgentDraft(slug="bot"))
    for owner in (account, stranger):
        with pytest.raises(AgentTaken):
            await registry.create(owner, AgentDraft(email="BOT@agents.localhost"))
    await registry.trash(account, "bot@agents.localhost")
    with pytest.raises(AddressInTrash):
        await registry.create(account, AgentDraft(slug="bot"))
    # What is in somebody's trash is nobody else's business.
    with pytest.raises(AgentTaken):
        await registry.create(stranger, AgentDraft(slug="bot"))


async def test_the_quota_holds_when_many_ask_at_once(database: Database, registry: AgentRegistry, account: str) -> None:
    await database.execute(
        "update accounts set max_agents = 3, plan_code = 'small', upgrade_url = 'https://up.example' where id = %(a)s",
        {"a": account},
    )
    refused: list[LimitExceeded] = []

    async def create(number: int) -> None:
        try:
            await registry.create(account, AgentDraft(slug=f"bot-{number}"))
        except LimitExceeded as error:
            refused.append(error)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(create, number)
    assert await database.fetch_value("select count(*) from agents") == 3
    assert len(refused) == 5
    assert refused[0].details == {
        "resource": "agents",
        "limit": 3,
        "current": 3,
        "plan_code": "small",
        "upgrade_url": "https://up.example",
    }
    # Trashed agents do not count.
    email = await database.fetch_value("select email from agents limit 1")
    await registry.trash(account, email)
    await registry.create(account, AgentDraft(slug="one-more"))


async def test_a_create_waits_for_one_that_is_not_committed_yet(
    database: Database, registry: AgentRegistry, account: str
) -> None:
    await database.execute("update accounts set max_agents = 1")
    ended = trio.Event()
    refused: list[bool] = []

    async def create() -> None:
        try:
            await registry.create(account, AgentDraft(slug="second"))
        except LimitExceeded:
            refused.append(True)
        ended.set()

    first = module.NewAgent(
        "first@agents.localhost", account, "agents.localhost", "agents.localhost", "", "local", "", catch_all=False
    )
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery, database.transaction() as transaction:
            await module.storage.lock_account(transaction, account)
            assert await module.storage.insert(transaction, first, max_agents=1)
            nursery.start_soon(create)
            # Until it is seen waiting for the lock, or has run past it.
            waiting = "select count(*) from pg_locks where not granted"
            while not ended.is_set() and not await database.fetch_value(waiting):
                await trio.sleep(0.01)
    assert refused == [True]


async def test_the_same_address_at_once_is_one_agent(registry: AgentRegistry, account: str, stranger: str) -> None:
    outcomes: list[str] = []

    async def create(owner: str) -> None:
        try:
            outcomes.append((await registry.create(owner, AgentDraft(slug="bot"))).account_id)
        except AgentTaken:
            outcomes.append("taken")

    async with trio.open_nursery() as nursery:
        for owner in (account, stranger, account, stranger):
            nursery.start_soon(create, owner)
    assert outcomes.count("taken") == 3


async def test_an_agent_is_changed(registry: AgentRegistry, account: str, stranger: str) -> None:
    await registry.create(account, AgentDraft(slug="bot", name="old"))
    email = "bot@agents.localhost"
    with pytest.raises(InvalidRequest, match="webhook_url is required"):
        await registry.update(account, email, Change(agent_mode="cloud"))
    changed = await registry.update(account, email, Change(agent_mode="cloud", webhook_url=HOOK))
    assert (changed.agent_mode, changed.webhook_url, changed.name) == ("cloud", HOOK, "old")
    with pytest.raises(InvalidRequest, match="webhook_url is required"):
        await registry.update(account, email, Change(webhook_url=""))
    # The mode alone is switched, and the URL waits to be used again.
    assert (await registry.update(account, email, Change(agent_mode="local"))).webhook_url == HOOK
    assert (await registry.update(account, email, Change(agent_mode="cloud"))).agent_mode == "cloud"
    assert (await registry.update(account, email, Change(name=""))).name == ""
    for change, failure in (
        (Change(), InvalidRequest),
        (Change(webhook_url="https://127.0.0.1/"), InvalidWebhookUrl),
        (Change(agent_mode="x"), InvalidRequest),
        (Change(name="a\nb"), InvalidRequest),
        (Change(catch_all=True), InvalidRequest),
    ):
        with pytest.raises(failure):
            await registry.update(account, email, change)
    with pytest.raises(NotFound):
        await registry.update(stranger, email, Change(name="mine"))
    with pytest.raises(NotFound):
        await registry.update(account, "nobody@agents.localhost", Change(name="x"))
    await registry.trash(account, email)
    with pytest.raises(NotFound):
        await registry.update(account, email, Change(name="x"))


async def test_another_secret_in_its_url_is_told_without_it(
    database: Database, registry: AgentRegistry, account: str
) -> None:
    agent = await registry.create(account, AgentDraft(slug="bot", agent_mode="cloud", webhook_url=f"{HOOK}?k=one"))
    for wanted, rows in ((f"{HOOK}?k=two", 1), (f"{HOOK}?k=two", 1), (HOOK.replace("//", "//me:three@"), 2)):
        await registry.update(account, agent.email, Change(webhook_url=wanted))
        lines = await audit.page(database, account, limit=9, wanted=Wanted(action="agent.changed"))
        told = {"changed": {"webhook_url": {"before": HOOK, "after": HOOK}}}
        assert [line.evidence for line in lines] == [told] * rows


async def test_a_domain_has_one_catch_all(database: Database, registry: AgentRegistry, account: str) -> None:
    await register(database, account, "acme.example")
    await registry.create(account, AgentDraft(email="a@acme.example", catch_all=True))
    await registry.create(account, AgentDraft(email="b@acme.example"))
    with pytest.raises(Conflict, match="catch_all"):
        await registry.create(account, AgentDraft(email="c@acme.example", catch_all=True))
    with pytest.raises(Conflict, match="catch_all"):
        await registry.update(account, "b@acme.example", Change(catch_all=True))
    # In the trash it is none; coming back it finds the place taken and gives way.
    await registry.trash(account, "a@acme.example")
    assert (await registry.update(account, "b@acme.example", Change(catch_all=True))).catch_all
    assert not (await registry.restore(account, "a@acme.example")).catch_all


async def test_the_trash_is_undone(registry: AgentRegistry, account: str, stranger: str) -> None:
    await registry.create(account, AgentDraft(slug="bot"))
    email = "bot@agents.localhost"
    with pytest.raises(NotInTrash):
        await registry.restore(account, email)
    with pytest.raises(NotFound):
        await registry.trash(stranger, email)
    await registry.trash(account, email)
    with pytest.raises(NotFound):
        await registry.trash(account, email)
    with pytest.raises(NotFound):
        await registry.restore(stranger, email)
    assert (await registry.restore(account, email)).deleted_at is None
    assert (await registry.live(account, email)).email == email


async def test_a_purge_takes_all_mail_in_batches(
    database: Database, registry: AgentRegistry, account: str, stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PURGE_BATCH", 4)
    await registry.create(account, AgentDraft(slug="bot"))
    await registry.create(account, AgentDraft(slug="other"))
    bot, other = "bot@agents.localhost", "other@agents.localhost"
    for number in range(10):
        await add_message(database, account, bot, number, b"mail %d" % number)
    await add_message(database, account, other, 0, b"mail 0")
    await add_message(database, account, other, 1, b"only the other one's")
    await database.execute(
        "insert into api_keys (account_id, id, key_hash, key_prefix, scope, agent_email)"
        " values (%(a)s, 'apk_1', '\\x00', 'e2a_agt_', 'agent', %(e)s)",
        {"a": account, "e": bot},
    )
    with pytest.raises(NotFound):
        await registry.purge(stranger, bot)
    assert await registry.purge(account, bot) == 10
    rows = await database.fetch_all("select agent_email from messages")
    assert [row["agent_email"] for row in rows] == [other, other]
    # Content that another message still needs is kept; all else went, and the bytes were given back.
    raws = {bytes(row["raw"]) for row in await database.fetch_all("select raw from contents")}
    assert raws == {b"mail 0", b"only the other one's"}
    assert await database.fetch_value(
        "select storage_bytes from account_usage where account_id = %(a)s", {"a": account}
    ) == sum(map(len, raws))
    assert await database.fetch_value("select count(*) from api_keys where scope = 'agent'") == 0
    with pytest.raises(NotFound):
        await registry.purge(account, bot)
    await registry.create(stranger, AgentDraft(slug="bot"))


async def test_a_purge_that_is_cancelled_can_be_repeated(
    database: Database, registry: AgentRegistry, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PURGE_BATCH", 2)
    await registry.create(account, AgentDraft(slug="bot"))
    for number in range(7):
        await add_message(database, account, "bot@agents.localhost", number, b"mail %d" % number)
    batches = 0
    real = module.storage.purge_messages

    async def counted(*args: object, **names: object) -> object:
        nonlocal batches
        batches += 1
        if batches == 3:
            scope.cancel()
        return await real(*args, **names)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(module.storage, "purge_messages", counted)
    with trio.CancelScope() as scope:
        await registry.purge(account, "bot@agents.localhost")
    assert await database.fetch_value("select count(*) from messages") == 3
    assert await database.fetch_value("select deleted_at is not null from agents")
    assert await registry.purge(account, "bot@agents.localhost") == 3
    assert await database.fetch_value("select count(*) from agents") == 0
    assert await database.fetch_value("select count(*) from contents") == 0


async def test_every_change_is_announced(
    database: Database, database_dsn: str, registry: AgentRegistry, account: str
) -> None:
    email = "bot@agents.localhost"
    listener = await TrioConnection.open(database_dsn)
    try:
        await listener.command(b"listen e2ad_agents")
        for call in (
            registry.create(account, AgentDraft(slug="bot")),
            registry.update(account, email, Change(name="x")),
            registry.trash(account, email),
            registry.restore(account, email),
        ):
            await call
            with trio.fail_after(5):
                told = await listener.next_notifies()
            assert [(one.channel, one.payload) for one in told] == [("e2ad_agents", email)]
        await registry.purge(account, email)
        seen = 0
        with trio.fail_after(5):
            while seen < 2:  # the trash, then the end
                seen += len(await listener.next_notifies())
    finally:
        await listener.close()


async def test_the_shared_domain_is_kept_and_nobodys(database: Database, account: str) -> None:
    await keep_shared_domain(database, "agents.localhost")
    row = await database.fetch_one("select account_id, verified from domains")
    assert row == {"account_id": None, "verified": True}
    await register(database, account, "claimed.example")
    with pytest.raises(ReservedDomain):
        await keep_shared_domain(database, "claimed.example")
