"""Keys that sign: made, sealed, opened, remembered, forgotten."""

import pytest
import trio
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from e2ad.core.sealing import KeyRing
from e2ad.gateway.accounts import keep_shared_domain
from e2ad.gateway.mint import nonce, now
from e2ad.gateway.signing_keys import MAX_ENTRIES, FreshKey, SigningKeys, context, keep_keys, make_keys
from e2ad.mailauth.signer import key_record
from e2ad.storage import domains as storage
from tests import factories

RING = KeyRing(("a deployment secret of the tests, long enough",))


@pytest.fixture(scope="module")
def fresh() -> tuple[FreshKey, ...]:
    return trio.run(make_keys)


async def store(database, fresh, domain="acme.example", *, sealed_for=None, ring=RING, suffix="") -> None:
    await factories.domain(database, domain)
    for number, key in enumerate(fresh):
        selector = f"s{number}{suffix}"
        sealed = ring.seal(key.pem, context=context(sealed_for or domain, selector), nonce=nonce())
        new = storage.NewKey(selector, key.algorithm, sealed, key.record, "active")
        await storage.add_key(database, domain, new, now())


async def test_a_domains_keys_come_rsa_first_and_ready_to_sign(database, fresh):
    await store(database, fresh[::-1])
    found = await SigningKeys(database, RING).of("acme.example")
    assert [key.algorithm for key in found] == ["rsa-2048", "ed25519"]
    rsa, ed25519 = (key.private_key for key in found)
    assert isinstance(rsa, RSAPrivateKey)
    assert rsa.key_size == 2048
    assert isinstance(ed25519, Ed25519PrivateKey)
    assert [key_record(key.private_key) for key in found] == [key.record for key in fresh]
    assert "private_key" not in repr(found)


async def test_nobody_has_no_keys(database):
    assert await SigningKeys(database, RING).of("nobody.example") == ()


async def test_it_asks_once_until_it_is_told_to_forget(database, fresh):
    clock = [0.0]
    signing = SigningKeys(database, RING, lambda: clock[0])
    assert await signing.of("acme.example") == ()
    await store(database, fresh)
    before = database.statements
    assert await signing.of("acme.example") == ()
    assert database.statements == before
    signing.forget("other.example")
    assert await signing.of("acme.example") == ()
    signing.forget("acme.example")
    assert len(await signing.of("acme.example")) == 2
    await database.execute("delete from domain_keys", {})
    assert len(await signing.of("acme.example")) == 2
    signing.clear()
    assert await signing.of("acme.example") == ()
    await store(database, fresh)
    assert await signing.of("acme.example") == ()
    clock[0] = 61.0
    assert len(await signing.of("acme.example")) == 2


async def test_what_was_read_while_it_changed_is_not_kept(database, fresh, monkeypatch):
    signing = SigningKeys(database, RING)
    await store(database, fresh)
    read = storage.signing_keys

    async def overtaken(executor, domain):
        rows = await read(executor, domain)
        await database.execute("delete from domain_keys", {})
        signing.forget(domain)
        return rows

    monkeypatch.setattr(storage, "signing_keys", overtaken)
    assert len(await signing.of("acme.example")) == 2
    monkeypatch.setattr(storage, "signing_keys", read)
    assert await signing.of("acme.example") == ()


async def test_the_cache_is_bounded(database):
    signing = SigningKeys(database, RING)
    for number in range(MAX_ENTRIES + 5):
        await signing.of(f"d{number}.example")
    assert len(signing._cache) == MAX_ENTRIES


@pytest.mark.parametrize("how", ["another domain's", "another deployment's", "cut", "flipped", "no key at all"])
async def test_a_key_that_does_not_open_is_left_out(database, fresh, how):
    await store(database, fresh[1:])
    match how:
        case "another domain's":
            await store(database, fresh[:1], sealed_for="other.example", suffix="x")
        case "another deployment's":
            await store(database, fresh[:1], ring=KeyRing(("quite another deployment secret here",)), suffix="x")
        case "no key at all":
            await store(database, (evolve(fresh[0], pem="nonsense"),), suffix="x")
        case _:
            await store(database, fresh[:1], suffix="x")
            change = (
                "substr(sealed_private_key, 1, 40)"
                if how == "cut"
                else "set_byte(sealed_private_key, 60, get_byte(sealed_private_key, 60) # 1)"
            )
            await database.execute(
                f"update domain_keys set sealed_private_key = {change} where selector = 's0x'", prepare=False
            )
    assert [key.selector for key in await SigningKeys(database, RING).of("acme.example")] == ["s0"]


async def test_an_older_secret_of_the_ring_still_opens(database, fresh):
    await store(database, fresh)
    ring = KeyRing(("a newer deployment secret of the tests", RING.current))
    assert len(await SigningKeys(database, ring).of("acme.example")) == 2


async def test_only_active_keys_sign(database, fresh):
    await store(database, fresh)
    await storage.move_key(database, "acme.example", "s0", "retired", now())
    assert [key.selector for key in await SigningKeys(database, RING).of("acme.example")] == ["s1"]


async def test_the_deployments_own_domain_gets_one_set_of_keys(database):
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(keep_shared_domain, database, "agents.localhost", RING)
    first = await SigningKeys(database, RING).of("agents.localhost")
    assert [key.algorithm for key in first] == ["rsa-2048", "ed25519"]
    await keep_keys(database, RING, "agents.localhost")
    again = await SigningKeys(database, RING).of("agents.localhost")
    assert [key.selector for key in again] == [key.selector for key in first]


def test_what_a_key_is_sealed_for():
    assert context("acme.example", "e2a202607") == "dkim:acme.example:e2a202607"
