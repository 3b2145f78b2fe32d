"""Names of accounts: which can be had, who gets one that two want, keys and their change."""

from datetime import timedelta

import pytest
import trio
from attrs import evolve

from e2ad.config.sections import Config, Limits
from e2ad.core.audit import Actor
from e2ad.core.domain_life import Proof
from e2ad.core.domain_records import ownership_token
from e2ad.core.errors import (
    DomainHasAgents,
    DomainNotRegistered,
    DomainTaken,
    InvalidDomain,
    LimitExceeded,
    NotFound,
    ReservedDomain,
)
from e2ad.core.sealing import KeyRing
from e2ad.core.slug import domain_and_parents
from e2ad.gateway import audit, domain_checks
from e2ad.gateway.accounts import keep_from_domain, keep_shared_domain
from e2ad.gateway.agents import AgentRegistry
from e2ad.gateway.directory import Directory
from e2ad.gateway.domain_checks import CheckSettings, DomainChecks
from e2ad.gateway.domain_sweeps import expire, recheck
from e2ad.gateway.domains import DomainRegistry, stored_name
from e2ad.gateway.signing_keys import FreshKey, SigningKeys, make_keys
from e2ad.storage import domains as storage
from tests import factories
from tests.zone import Zone, guard

RING = KeyRing(("a deployment secret of the tests, long enough",))
MX = "mx.e2a.example"
BASE = Config()
CONFIG = evolve(BASE, smtp=evolve(BASE.smtp, domain=MX))


@pytest.fixture(scope="module")
def made() -> list[tuple[FreshKey, ...]]:
    """Two sets of keys for all tests: their making is tested once."""
    return [trio.run(make_keys), trio.run(make_keys)]


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch, made):
    numbers = iter(range(1_000_000))

    async def take() -> tuple[FreshKey, ...]:
        await trio.lowlevel.checkpoint()
        return made[next(numbers) % 2]

    monkeypatch.setattr("e2ad.gateway.domains.make_keys", take)
    monkeypatch.setattr("e2ad.gateway.signing_keys.make_keys", take)


@pytest.fixture
def zone() -> Zone:
    return Zone()


def registry(database, zone, *, config=CONFIG, ring=RING, limits=None) -> DomainRegistry:
    checks = DomainChecks(database, zone, CheckSettings.of(config))
    return DomainRegistry(database, ring, checks, "agents.localhost", limits or Limits())


@pytest.fixture
def verbs(database, zone) -> DomainRegistry:
    return registry(database, zone)


@pytest.fixture
async def ada(database) -> str:
    return (await factories.account(database)).account_id


@pytest.fixture
async def bob(database) -> str:
    return (await factories.account(database)).account_id


def token_of(account_id: str, name: str) -> str:
    return ownership_token(RING.current, account_id, name)


def publish(zone: Zone, name: str, *texts: str, mx: str | None = MX) -> None:
    zone.texts[name] = [text.encode() for text in texts]
    zone.exchangers[name] = [mx] if mx else []


async def verified(verbs: DomainRegistry, zone: Zone, account_id: str, name: str) -> None:
    domain = await verbs.register(account_id, name)
    publish(zone, name, domain.token)
    checked = await verbs.verify(account_id, name, Proof.TXT_AND_MX)
    assert checked.domain.life.verified


async def events(database) -> list[tuple[str, str]]:
    rows = await database.fetch_all(
        "select type, envelope::jsonb -> 'data' ->> 'sending_status' as status from events order by created_at, id",
        {},
    )
    return [(row["type"], row["status"]) for row in rows]


# Names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("acme.example", "acme.example"),
        (" ACME.Example. ", "acme.example"),
        ("mail.acme.co.uk", "mail.acme.co.uk"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("a。b.example", "a.b.example"),
        ("1.example", "1.example"),
    ],
)
def test_names_as_they_are_stored(text, name):
    assert stored_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "example", "acme..example", ".acme.example", "acme.example..", "-a.example", "a-.example",
        "a_b.example",
        "192.0.2.1", "127.1", "[192.0.2.1]", "2001:db8::1", "a" * 64 + ".example", "a." * 127 + "example",
        "x" * 100_000,
        "acme.example/", "acme .example", "acme\0.example", "acme\n.example", "*.acme.example", "user@acme.example",
        "xn--a.example", "xn--.example", "☃︎‍.example", "http://acme.example", "%00.example",
    ],
)  # fmt: skip
async def test_what_is_no_name(verbs, ada, text):
    with pytest.raises(InvalidDomain):
        await verbs.register(ada, text)
    with pytest.raises(NotFound):
        await verbs.live(ada, text)


@pytest.mark.parametrize("name", ["co.uk", "com.br", "github.io", "uk.com"])
async def test_a_public_suffix_is_nobodys(verbs, ada, name):
    with pytest.raises(InvalidDomain, match="public suffix"):
        await verbs.register(ada, name)


@pytest.mark.parametrize("name", ["agents.localhost", "AGENTS.localhost.", "x.agents.localhost"])
async def test_the_deployments_own_names_are_reserved(verbs, ada, name):
    with pytest.raises(ReservedDomain):
        await verbs.register(ada, name)


async def test_the_name_in_our_own_mail_is_reserved_and_not_its_neighbours(database, verbs, ada):
    await keep_from_domain(database, "example.com", RING)
    await keep_from_domain(database, "example.com", RING)
    assert len(await SigningKeys(database, RING).of("example.com")) == 2
    assert not await database.fetch_value("select verified from domains", {})
    with pytest.raises(ReservedDomain):
        await verbs.register(ada, "example.com")
    await verbs.register(ada, "mail.example.com")
    await verbs.register(ada, "www.example.com")
    assert len(await SigningKeys(database, RING).of("example.com")) == 2


async def test_an_accounts_domain_can_be_the_name_in_our_own_mail(database, verbs, ada):
    domain = await verbs.register(ada, "acme.example")
    await keep_from_domain(database, "acme.example", RING)
    assert (await verbs.live(ada, "acme.example")).keys == domain.keys


async def test_what_was_the_shared_domain_once_stays_reserved(database, verbs, ada):
    await keep_shared_domain(database, "former.example")
    for name in ("former.example", "x.former.example"):
        with pytest.raises(ReservedDomain):
            await verbs.register(ada, name)


async def test_the_name_above_the_shared_domain_can_be_had(database, verbs, ada):
    await keep_shared_domain(database, "agents.acme.example")
    assert (await verbs.register(ada, "acme.example")).account_id == ada


async def test_the_bounce_subtree_is_reserved(verbs, ada):
    await verbs.register(ada, "acme.example")
    for name in ("bounce.acme.example", "x.bounce.acme.example"):
        with pytest.raises(ReservedDomain):
            await verbs.register(ada, name)
    await verbs.register(ada, "bounce.other.example")
    with pytest.raises(ReservedDomain, match="delete it first"):
        await verbs.register(ada, "other.example")


# Claims


async def test_again_is_the_same_claim_and_free(database, zone, ada):
    verbs = registry(database, zone, limits=Limits(max_domains=1))
    first = await verbs.register(ada, "acme.example")
    assert first.token == token_of(ada, "acme.example")
    assert [key.algorithm for key in first.keys] == ["rsa-2048", "ed25519"]
    assert {key.state for key in first.keys} == {"active"}
    assert first == await verbs.register(ada, "ACME.example")
    with pytest.raises(LimitExceeded) as raised:
        await verbs.register(ada, "other.example")
    assert raised.value.details == {"resource": "domains", "limit": 1, "current": 1, "plan_code": "default"}


async def test_an_accounts_own_names_may_overlap(verbs, ada):
    for name in ("acme.example", "mail.acme.example", "a.mail.acme.example"):
        assert (await verbs.register(ada, name)).domain == name


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("acme.example", "acme.example"),
        ("acme.example", "mail.acme.example"),
        ("acme.example", "a.b.acme.example"),
        ("mail.acme.example", "acme.example"),
        ("a.b.acme.example", "acme.example"),
    ],
)
async def test_an_overlap_is_taken(database, verbs, zone, ada, bob, theirs, ours):
    await verbs.register(bob, theirs)
    with pytest.raises(DomainTaken) as raised:
        await verbs.register(ada, ours)
    record = {"type": "TXT", "name": ours, "value": token_of(ada, ours)}
    assert raised.value.details == {"ownership_record": record}
    # Proof wins over a claim...
    publish(zone, ours, token_of(ada, ours), mx=None)
    assert (await verbs.register(ada, ours)).account_id == ada
    with pytest.raises(NotFound):
        await verbs.live(bob, theirs)
    assert (await verbs.live(ada, ours)).token == token_of(ada, ours)
    keys = await database.fetch_all("select domain from domain_keys", {})
    assert {row["domain"] for row in keys} == {ours}


@pytest.mark.parametrize(
    ("theirs", "ours"), [("a.example", "a.example"), ("a.example", "b.a.example"), ("b.a.example", "a.example")]
)
async def test_proof_never_wins_over_a_verified_domain(verbs, zone, ada, bob, theirs, ours):
    await verified(verbs, zone, bob, theirs)
    zone.texts.setdefault(ours, []).append(token_of(ada, ours).encode())
    with pytest.raises(DomainTaken) as raised:
        await verbs.register(ada, ours)
    assert raised.value.details is None
    assert (await verbs.live(bob, theirs)).life.verified


async def test_neighbours_do_not_overlap(verbs, ada, bob):
    await verbs.register(bob, "b.acme.example")
    for name in ("bb.acme.example", "xacme.example", "acme.examples.example", "a-b.acme.example"):
        await verbs.register(ada, name)


async def test_another_accounts_proof_is_none(verbs, zone, ada, bob):
    await verbs.register(bob, "acme.example")
    publish(zone, "acme.example", token_of(bob, "acme.example"), token_of(ada, "other.example"))
    with pytest.raises(DomainTaken):
        await verbs.register(ada, "acme.example")


async def test_dns_trouble_proves_nothing(verbs, zone, ada, bob):
    await verbs.register(bob, "acme.example")
    zone.texts["acme.example"] = RuntimeError("SERVFAIL")
    with pytest.raises(DomainTaken):
        await verbs.register(ada, "acme.example")
    zone.texts["_e2a.acme.example"] = [token_of(ada, "acme.example").encode()]
    assert (await verbs.register(ada, "acme.example")).account_id == ada


async def test_the_proof_of_a_former_deployment_secret_counts(database, zone, ada, bob):
    old, new = RING.current, "another deployment secret, newer than the first"
    verbs = registry(database, zone, ring=KeyRing((new, old)))
    await verbs.register(bob, "acme.example")
    publish(zone, "acme.example", token_of(ada, "acme.example"))
    assert (await verbs.register(ada, "acme.example")).token == ownership_token(new, ada, "acme.example")


async def test_a_claim_that_ran_out_is_free(database, verbs, ada, bob):
    await verbs.register(bob, "acme.example")
    await database.execute("update domains set claim_expires_at = now() - interval '1 second'", {})
    assert (await verbs.register(ada, "mail.acme.example")).account_id == ada
    with pytest.raises(NotFound):
        await verbs.live(bob, "acme.example")


async def test_registering_again_renews_a_claim_that_ran_out(database, verbs, ada):
    first = await verbs.register(ada, "acme.example")
    await database.execute("update domains set claim_expires_at = now() - interval '1 second'", {})
    again = await verbs.register(ada, "acme.example")
    assert again.life.claim_expires_at >= first.life.claim_expires_at
    assert again.token == first.token


async def test_claims_run_out(database, verbs, zone, ada):
    await verbs.register(ada, "old.example")
    await verbs.register(ada, "young.example")
    await verified(verbs, zone, ada, "good.example")
    await verbs.register(ada, "used.example")
    await factories.agent(database, ada, "bot@used.example")
    await database.execute(
        "update domains set claim_expires_at = now() - interval '1 second'"
        " where domain in ('old.example', 'used.example')",
        {},
    )
    assert await expire(database, 100) == 1
    left = {domain.domain for domain in await storage.page(database, ada, before=None, limit=10)}
    assert left == {"young.example", "good.example", "used.example"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("acme.example", "acme.example"),
        ("acme.example", "mail.acme.example"),
        ("mail.acme.example", "acme.example"),
        ("x.y.acme.example", "acme.example"),
    ],
)
async def test_two_accounts_race_for_a_name(database, verbs, ada, bob, first, second):
    """Both are past their first look before either writes: the locks alone decide."""
    results: dict[str, str] = {}
    gate = trio.Event()
    waiting = 0

    async def slow_keys() -> tuple[FreshKey, ...]:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            gate.set()
        await gate.wait()
        return await make_keys()

    async def race(account_id: str, name: str) -> None:
        try:
            results[account_id] = (await verbs.register(account_id, name)).domain
        except DomainTaken as error:
            offered = (error.details or {})["ownership_record"]["value"]
            results[account_id] = "taken" if offered == token_of(account_id, name) else "odd"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("e2ad.gateway.domains.make_keys", slow_keys)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(race, ada, first)
            nursery.start_soon(race, bob, second)
    assert sorted(results.values()).count("taken") == 1
    rows = await database.fetch_all("select domain from domains", {})
    assert len(rows) == 1


async def test_many_accounts_race_and_one_wins(database, verbs):
    accounts = [(await factories.account(database)).account_id for _ in range(8)]
    names = ["acme.example", "a.acme.example", "b.a.acme.example", "c.b.a.acme.example"] * 2
    outcomes: list[str] = []

    async def race(account_id: str, name: str) -> None:
        try:
            await verbs.register(account_id, name)
            outcomes.append(name)
        except DomainTaken:
            outcomes.append("taken")

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for account_id, name in zip(accounts, names, strict=True):
                nursery.start_soon(race, account_id, name)
    assert outcomes.count("taken") == 7


async def test_verifying_wins_against_a_proof_that_comes_too_late(database, verbs, zone, ada, bob):
    await verbs.register(bob, "acme.example")
    publish(zone, "acme.example", token_of(bob, "acme.example"), token_of(ada, "acme.example"))
    results: list[str] = []

    async def verify() -> None:
        try:
            checked = await verbs.verify(bob, "acme.example", Proof.TXT_AND_MX)
            results.append("bob" if checked.domain.life.verified else "nobody")
        except NotFound:
            results.append("bob lost")

    async def register() -> None:
        try:
            results.append("ada" if (await verbs.register(ada, "acme.example")).account_id == ada else "odd")
        except DomainTaken:
            results.append("ada lost")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(verify)
        nursery.start_soon(register)
    assert sorted(results) in (["ada", "bob lost"], ["ada lost", "bob"])
    assert len(await database.fetch_all("select domain from domains", {})) == 1


# Lapse, and what becomes of the agents


async def move_clock(monkeypatch, days: float) -> None:
    real = domain_checks.now
    monkeypatch.setattr(domain_checks, "now", lambda: real() + timedelta(days=days))


async def due(database) -> None:
    await database.execute("update domains set next_check_at = now() - interval '1 second'", {})


async def test_lapse_stops_mail_and_recovery_brings_it_back(database, verbs, zone, ada, monkeypatch):
    await verified(verbs, zone, ada, "acme.example")
    selector = (await verbs.live(ada, "acme.example")).keys[0]
    zone.texts[f"{selector.selector}._domainkey.acme.example"] = [selector.record.encode()]
    await due(database)
    assert await recheck(verbs.checks, 1000) == 1
    await factories.agent(database, ada, "bot@acme.example")
    directory = Directory(database, max_storage_bytes=10**9)
    proof = zone.texts["acme.example"]
    zone.texts["acme.example"] = []
    for days, word in ((1, True), (7, True), (9, False)):
        await due(database)
        with monkeypatch.context() as patch:
            await move_clock(patch, days)
            assert await recheck(verbs.checks, 1000) == 1
        assert (await verbs.live(ada, "acme.example")).life.verified is word
    directory.clear()
    assert (await database.fetch_value("select verified from domains", {})) is False
    zone.texts["acme.example"] = proof
    await due(database)
    with monkeypatch.context() as patch:
        await move_clock(patch, 10)
        await recheck(verbs.checks, 1000)
    domain = await verbs.live(ada, "acme.example")
    assert (domain.life.verified, domain.life.failing_since, domain.life.sending_status) == (True, None, "verified")
    assert await events(database) == [
        ("domain.sending_verified", "verified"),
        ("domain.sending_failed", "failed"),
        ("domain.sending_verified", "verified"),
    ]


async def test_dns_trouble_keeps_a_domain(database, verbs, zone, ada, monkeypatch):
    await verified(verbs, zone, ada, "acme.example")
    zone.texts["acme.example"] = RuntimeError("SERVFAIL")
    for days in (1, 30, 60):
        await due(database)
        with monkeypatch.context() as patch:
            await move_clock(patch, days)
            await recheck(verbs.checks, 1000)
    domain = await verbs.live(ada, "acme.example")
    assert (domain.life.verified, domain.life.failing_since) == (True, None)
    assert domain.seen["ownership"]["word"] == "found"


async def test_a_silent_dns_costs_the_probe_time_and_no_domain(database, zone, ada):
    quick = evolve(CONFIG, domains=evolve(CONFIG.domains, probe_seconds=0.2))
    verbs = registry(database, zone, config=quick)
    await verbs.register(ada, "acme.example")
    zone.silent = True
    checked = await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)
    assert {finding.word.value for finding in checked.findings.values()} == {"deferred"}


async def test_a_lapsed_domain_goes_to_who_proves_it_and_its_agents_to_the_trash(database, verbs, zone, ada, bob):
    await verified(verbs, zone, bob, "acme.example")
    await factories.insert(
        database,
        "agents",
        {"email": "bot@acme.example", "account_id": bob, "domain": "acme.example", "registered_domain": "acme.example"},
    )
    await database.execute("update domains set verified = false, claim_expires_at = now() - interval '9 days'", {})
    with pytest.raises(DomainTaken):  # an expired claim with agents on it needs proof still
        await verbs.register(ada, "acme.example")
    publish(zone, "acme.example", token_of(ada, "acme.example"))
    domain = await verbs.register(ada, "acme.example")
    assert (domain.account_id, domain.life.verified, domain.seen) == (ada, False, {})
    await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)
    agents = AgentRegistry(database, guard(zone), zone, "agents.localhost", MX, Limits())
    with pytest.raises(DomainNotRegistered, match="another account"):
        await agents.restore(bob, "bot@acme.example")
    assert await database.fetch_value("select deleted_at is not null from agents", {})
    with pytest.raises(DomainHasAgents):
        async with database.transaction() as transaction:
            await verbs.delete(transaction, ada, "acme.example")


async def test_agents_of_a_displaced_child_hang_on_the_new_name(database, verbs, zone, ada, bob):
    await verbs.register(bob, "mail.acme.example")
    values = {"email": "bot@mail.acme.example", "account_id": bob, "domain": "mail.acme.example"}
    await factories.insert(database, "agents", values | {"registered_domain": "mail.acme.example"})
    publish(zone, "acme.example", token_of(ada, "acme.example"))
    await verbs.register(ada, "acme.example")
    row = await database.fetch_one("select registered_domain, deleted_at from agents", {})
    assert row["registered_domain"] == "acme.example"
    assert row["deleted_at"] is not None


# Looks


async def test_a_look_that_began_earlier_changes_nothing(database, verbs, zone, ada):
    domain = await verbs.register(ada, "acme.example")
    publish(zone, "acme.example", domain.token)
    late = (await verbs.live(ada, "acme.example")).created_at + timedelta(days=1)
    await database.execute("update domains set last_checked_at = %(at)s", {"at": late})
    checked = await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)
    assert checked.proven
    assert not checked.domain.life.verified


async def test_a_domain_that_goes_while_it_is_looked_at_is_not_found(database, verbs, zone, ada):
    await verbs.register(ada, "acme.example")

    class Vanishing(Zone):
        async def mx(self, name):
            await database.execute("delete from domains", {})
            return []

    checks = evolve(verbs.checks, dns=Vanishing())
    with pytest.raises(NotFound):
        await checks.check(ada, "acme.example", Proof.TXT)
    await recheck(checks, 10)


async def test_one_domain_that_fails_stops_no_other(database, verbs, zone, ada, monkeypatch):
    for name in ("a.example", "b.example"):
        await verified(verbs, zone, ada, name)
    await due(database)
    look = DomainChecks.look

    async def broken(self, wanted):
        if wanted.domain == "a.example":
            raise RuntimeError("a bug")
        return await look(self, wanted)

    zone.texts["b.example"] = []
    with monkeypatch.context() as patch:
        patch.setattr(DomainChecks, "look", broken)
        assert await recheck(verbs.checks, 1000) == 2
    assert (await verbs.live(ada, "b.example")).life.failing_since is not None
    assert await recheck(verbs.checks, 1000) == 0  # what failed waits for its lease


async def test_what_was_seen_is_kept_where_dns_gives_no_answer(verbs, zone, ada):
    domain = await verbs.register(ada, "acme.example")
    publish(zone, "acme.example", domain.token, mx="other.example")
    checked = await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)
    assert checked.domain.seen["inbound_mx"] == {"word": "mismatch", "seen": ["10 other.example"]}
    zone.exchangers["acme.example"] = RuntimeError("SERVFAIL")
    zone.exchangers["bounce.acme.example"] = [MX]
    checked = await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)
    assert checked.findings["inbound_mx"].word.value == "deferred"
    assert checked.domain.seen["inbound_mx"]["word"] == "mismatch"
    assert checked.domain.seen["mail_from_mx"]["word"] == "found"


async def test_assumed_is_assumed_only_where_it_is_said(database, zone, ada):
    trusting = evolve(CONFIG, domains=evolve(CONFIG.domains, assume_verified=True))
    verbs = registry(database, zone, config=trusting)
    await verbs.register(ada, "acme.example")
    life = (await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)).domain.life
    assert (life.verified, life.sending_status, life.bounce_verified) == (True, "verified", True)


async def test_a_domain_verified_without_a_ramp_never_ramps(database, zone, verbs, ada):
    await verified(verbs, zone, ada, "acme.example")
    assert (await verbs.live(ada, "acme.example")).ramp.state == "exempt"
    ramping = registry(database, zone, config=evolve(CONFIG, ramp=evolve(CONFIG.ramp, enabled=True)))
    await verified(ramping, zone, ada, "other.example")
    assert (await verbs.live(ada, "other.example")).ramp is None


# Keys


async def test_keys_change_over_once_they_are_seen(database, verbs, zone, ada, monkeypatch):
    await verified(verbs, zone, ada, "acme.example")
    signing = SigningKeys(database, RING)
    before = {key.selector for key in await signing.of("acme.example")}
    rotated = await verbs.rotate(ada, "acme.example")
    fresh = {key.selector: key.record for key in rotated.keys if key.state == "next"}
    assert len(fresh) == 2
    assert not before & fresh.keys()
    assert rotated == await verbs.rotate(ada, "acme.example")  # no more while these wait
    signing.forget("acme.example")
    assert {key.selector for key in await signing.of("acme.example")} == before
    for selector, record in fresh.items():
        zone.texts[f"{selector}._domainkey.acme.example"] = [record.encode()]
    await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)
    signing.forget("acme.example")
    assert {key.selector for key in await signing.of("acme.example")} == fresh.keys()
    retired = {key.selector for key in (await verbs.live(ada, "acme.example")).keys if key.state == "retired"}
    assert retired == before
    with monkeypatch.context() as patch:
        await move_clock(patch, 8)
        await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)
    domain = await verbs.live(ada, "acme.example")
    assert {key.selector for key in domain.keys} == fresh.keys()
    assert {slot for slot in domain.seen if slot.startswith("dkim:")} == {f"dkim:{selector}" for selector in fresh}


async def test_two_rotations_at_once_make_one_set(verbs, ada):
    await verbs.register(ada, "acme.example")
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(verbs.rotate, ada, "acme.example")
    assert len((await verbs.live(ada, "acme.example")).keys) == 4


async def test_deletion_takes_the_keys_and_frees_the_name(database, verbs, ada, bob):
    await verbs.register(ada, "acme.example")
    with pytest.raises(NotFound):
        await verbs.delete(database, bob, "acme.example")
    assert await verbs.delete(database, ada, "ACME.example.") == "acme.example"
    assert await database.fetch_value("select count(*) from domain_keys", {}) == 0
    with pytest.raises(NotFound):
        await verbs.delete(database, ada, "acme.example")
    assert (await verbs.register(bob, "acme.example")).account_id == bob


@pytest.mark.parametrize("verb", ["live", "rotate"])
async def test_foreign_domains_do_not_exist(verbs, ada, bob, verb):
    await verbs.register(bob, "acme.example")
    with pytest.raises(NotFound):
        await getattr(verbs, verb)(ada, "acme.example")
    with pytest.raises(NotFound):
        await verbs.verify(ada, "acme.example", Proof.TXT)
    with pytest.raises(NotFound):
        await verbs.set_primary(ada, "acme.example", primary=True)


async def test_one_domain_is_primary(verbs, ada):
    for name in ("a.example", "b.example"):
        await verbs.register(ada, name)
        assert (await verbs.set_primary(ada, name, primary=True)).is_primary
    assert not (await verbs.live(ada, "a.example")).is_primary
    assert not (await verbs.set_primary(ada, "b.example", primary=False)).is_primary


# Whom it tells


async def test_changes_are_told(database, database_dsn, verbs, zone, ada):
    from e2ad.storage.listener import Listener

    heard: list[tuple[str, str]] = []
    listener = Listener(database_dsn)
    for channel in ("e2ad_agents", "e2ad_domains"):
        listener.subscribe(channel, lambda payload, channel=channel: heard.append((channel, payload)))

    async def until(entry: tuple[str, str]) -> None:
        with trio.fail_after(10):
            while entry not in heard:
                await trio.sleep(0.01)
        heard.clear()

    async with trio.open_nursery() as nursery:
        await nursery.start(listener.run)
        await verbs.register(ada, "acme.example")
        await until(("e2ad_domains", "acme.example"))
        publish(zone, "acme.example", token_of(ada, "acme.example"))
        await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX)
        await until(("e2ad_agents", "*"))
        await verbs.delete(database, ada, "acme.example")
        await until(("e2ad_domains", "acme.example"))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [
        ("acme.example", "acme.example", True),
        ("acme.example", "mail.acme.example", True),
        ("mail.acme.example", "acme.example", True),
        ("a.b.acme.example", "acme.example", True),
        ("a.acme.example", "b.acme.example", False),
        ("acme.example", "other.example", False),
    ],
)
async def test_registrations_of_overlapping_names_wait_for_each_other(database, first, second, waits):
    done = trio.Event()

    async def follow() -> None:
        async with database.transaction() as transaction:
            await storage.lock_names(transaction, second, domain_and_parents(second))
        done.set()

    async def blocked() -> bool:
        return bool(await database.fetch_value("select exists (select from pg_locks where not granted)", {}))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            async with database.transaction() as transaction:
                await storage.lock_names(transaction, first, domain_and_parents(first))
                nursery.start_soon(follow)
                while not done.is_set() and not await blocked():
                    await trio.sleep(0.01)
                assert done.is_set() is not waits
            await done.wait()


async def test_a_look_for_another_proof_is_no_proof(database, verbs, zone, ada):
    domain = await verbs.register(ada, "acme.example")

    class Changing(Zone):
        async def mx(self, name):
            await database.execute("update domains set verification_token = 'e2a-verify=new'", {})
            return [(10, MX)]

    checks = evolve(verbs.checks, dns=Changing(texts={"acme.example": [domain.token.encode()]}))
    with pytest.raises(NotFound):
        await checks.check(ada, "acme.example", Proof.TXT)
    assert not (await verbs.live(ada, "acme.example")).life.verified


async def told(database, account_id) -> list[tuple[str, str]]:
    lines = await audit.page(database, account_id, limit=100)
    return [(line.action, line.subject) for line in lines[::-1]]


async def test_what_is_decided_about_a_domain_is_told(database, verbs, zone, ada):
    actor = Actor("key", "apk_1", "192.0.2.7")
    domain = await verbs.register(ada, "acme.example", actor)
    await verbs.register(ada, "acme.example", actor)  # the same claim
    await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX, actor)  # nothing is published yet
    publish(zone, "acme.example", domain.token)
    for _ in range(2):
        await verbs.verify(ada, "acme.example", Proof.TXT_AND_MX, actor)
    assert await told(database, ada) == [("domain.registered", "acme.example"), ("domain.verified", "acme.example")]
    verified_line, registered = await audit.page(database, ada, limit=100)
    assert (verified_line.actor, verified_line.evidence["seen"]["ownership"]) == ("apk_1", "found")
    assert registered.evidence["proven"] is False
    assert sorted(registered.evidence["selectors"]) == sorted(key.selector for key in domain.keys)


async def test_who_lost_a_claim_is_told_what_went_with_it(database, verbs, zone, ada, bob):
    await verbs.register(bob, "mail.acme.example")
    await factories.agent(database, bob, "bot@mail.acme.example", registered_domain="mail.acme.example")
    publish(zone, "acme.example", token_of(ada, "acme.example"), mx=None)
    await verbs.register(ada, "acme.example")
    assert await told(database, bob) == [
        ("domain.registered", "mail.acme.example"),
        ("domain.displaced", "acme.example"),
    ]
    lost = (await audit.page(database, bob, limit=1))[0]
    assert lost.evidence == {"claims": ["mail.acme.example"], "trashed_agents": ["bot@mail.acme.example"]}
    (won,) = await audit.page(database, ada, limit=10)
    assert (won.evidence["proven"], won.evidence["displaced"]) == (True, ["mail.acme.example"])
    assert bob not in str(won)
    assert ada not in str(lost)
