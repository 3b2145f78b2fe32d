"""The same request twice is one effect."""

from datetime import timedelta

import pytest
import trio

from e2ad.core.errors import IdempotencyInFlight, IdempotencyKeyReuse, InvalidRequest
from e2ad.core.sealing import KeyRing
from e2ad.gateway import idempotency as subject
from e2ad.gateway.idempotency import Claim, Idempotency, Replay
from e2ad.gateway.mint import now
from e2ad.storage import accounts
from e2ad.storage.pool import Database


@pytest.fixture
async def keys(database: Database) -> Idempotency:
    """Idempotency with the account `acc`."""
    for name in ("acc", "other"):
        await accounts.insert_account(database, accounts.Account(name, f"{name}@x.test", "", "standard"))
    return Idempotency(database, KeyRing(("a deployment secret of the tests",)))


async def claimed(keys: Idempotency, key: str = "k", route: str = "POST /r", body: bytes = b"{}") -> Claim:
    claim = await keys.claim("acc", key, route, body)
    assert isinstance(claim, Claim)
    return claim


async def test_a_finished_request_is_replayed_byte_for_byte(keys: Idempotency, database: Database) -> None:
    claim = await claimed(keys)
    await claim.finish(database, 202, "application/json", b'{"a": 1 }')
    assert await keys.claim("acc", "k", "POST /r", b"{}") == Replay(202, "application/json", b'{"a": 1 }')


async def test_the_table_holds_no_answer_in_clear(keys: Idempotency, database: Database) -> None:
    claim = await claimed(keys)
    await claim.finish(database, 201, "application/json", b'{"signing_secret":"whsec_1"}')
    stored = await database.fetch_value("select body from idempotency_keys where key = 'k'", {})
    assert stored
    assert b"whsec_1" not in bytes(stored)


async def test_an_answer_that_cannot_be_opened_is_no_accident(keys: Idempotency, database: Database) -> None:
    await (await claimed(keys)).finish(database, 201, "application/json", b"{}")
    with pytest.raises(IdempotencyKeyReuse, match="look for its effect"):
        await Idempotency(database, KeyRing(("another secret",))).claim("acc", "k", "POST /r", b"{}")


@pytest.mark.parametrize(("route", "body"), [("POST /s", b"{}"), ("POST /r", b"{ }"), ("POST /", b"r\n{}")])
async def test_another_request_with_the_key_is_refused(
    keys: Idempotency, database: Database, route: str, body: bytes
) -> None:
    await (await claimed(keys)).finish(database, 200, "x", b"")
    with pytest.raises(IdempotencyKeyReuse):
        await keys.claim("acc", "k", route, body)


@pytest.mark.parametrize("body", [b"{}", b"other"])
async def test_a_running_request_is_in_flight_whatever_the_body(keys: Idempotency, body: bytes) -> None:
    await claimed(keys)
    with pytest.raises(IdempotencyInFlight):
        await keys.claim("acc", "k", "POST /r", body)


async def test_keys_belong_to_accounts(keys: Idempotency) -> None:
    await claimed(keys)
    assert isinstance(await keys.claim("other", "k", "POST /r", b"{}"), Claim)


async def test_a_failed_request_frees_its_key(keys: Idempotency, database: Database) -> None:
    await (await claimed(keys)).release(database)
    await claimed(keys, body=b"another")


async def test_a_finished_key_cannot_be_freed(keys: Idempotency, database: Database) -> None:
    claim = await claimed(keys)
    await claim.finish(database, 200, "x", b"a")
    await claim.release(database)
    assert isinstance(await keys.claim("acc", "k", "POST /r", b"{}"), Replay)


async def test_an_answer_that_is_rolled_back_leaves_the_key_running(keys: Idempotency, database: Database) -> None:
    claim = await claimed(keys)

    async def fail() -> None:
        async with database.transaction() as transaction:
            await claim.finish(transaction, 200, "x", b"a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    with pytest.raises(IdempotencyInFlight):
        await keys.claim("acc", "k", "POST /r", b"{}")
    await claim.release(database)
    await claimed(keys)


async def test_a_claim_of_a_dead_process_is_taken_over(
    keys: Idempotency, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = await claimed(keys)
    at = now()
    monkeypatch.setattr(subject, "now", lambda: at + timedelta(seconds=299))
    with pytest.raises(IdempotencyInFlight):
        await keys.claim("acc", "k", "POST /r", b"{}")
    monkeypatch.setattr(subject, "now", lambda: at + timedelta(seconds=302))
    heir = await claimed(keys)
    with pytest.raises(IdempotencyInFlight):
        await dead.finish(database, 200, "x", b"dead")
    await dead.release(database)
    await heir.finish(database, 200, "x", b"heir")
    replay = await keys.claim("acc", "k", "POST /r", b"{}")
    assert isinstance(replay, Replay)
    assert replay.body == b"heir"


async def test_only_one_of_many_gets_the_key(keys: Idempotency) -> None:
    outcomes: list[str] = []

    async def attempt() -> None:
        try:
            await keys.claim("acc", "k", "POST /r", b"{}")
            outcomes.append("claim")
        except IdempotencyInFlight:
            outcomes.append("flight")

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(attempt)
    assert sorted(outcomes) == ["claim"] + ["flight"] * 7


@pytest.mark.parametrize("key", ["k" * 256, "a\0b"])
async def test_keys_that_cannot_be(keys: Idempotency, key: str) -> None:
    with pytest.raises(InvalidRequest):
        await keys.claim("acc", key, "POST /r", b"{}")


async def test_a_day_old_key_is_as_good_as_new(
    keys: Idempotency, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await claimed(keys)).finish(database, 200, "x", b"a")
    assert await keys.sweep() == 0
    at = now()
    monkeypatch.setattr(subject, "now", lambda: at + timedelta(seconds=86_401))
    await claimed(keys, body=b"new")
    monkeypatch.setattr(subject, "now", lambda: at + timedelta(seconds=2 * 86_402))
    assert await keys.sweep() == 1
