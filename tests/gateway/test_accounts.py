"""Founding an account, and its signing secrets."""

import re
from collections.abc import Awaitable, Callable

import pytest
import trio

from e2ad.core.errors import InvalidDomain, InvalidRequest, NotFound
from e2ad.core.sealing import KeyRing, SealBroken
from e2ad.core.signing import key_hash
from e2ad.gateway import signing_secrets
from e2ad.gateway.accounts import bootstrap, keep_shared_domain
from e2ad.storage import signing_secrets as storage
from e2ad.storage.connection import TrioConnection
from e2ad.storage.pool import Database, Executor

KEYS = KeyRing(("a deployment secret of the tests, long enough",))


async def test_bootstrap_makes_account_secret_and_key(database: Database) -> None:
    founded = await bootstrap(database, KEYS, "You@Example.com")
    assert founded.email == "you@example.com"
    assert re.fullmatch(r"[0-9a-f]{32}", founded.account_id)
    assert re.fullmatch(r"e2a_acct_[0-9a-f]{64}", founded.api_key)
    account = await database.fetch_one("select email, name, account_class from accounts")
    assert account == {"email": "you@example.com", "name": "bootstrap", "account_class": "standard"}
    key = await database.fetch_one("select name, key_hash, key_prefix, scope from api_keys")
    assert key == {
        "name": "bootstrap",
        "key_hash": key_hash(founded.api_key),
        "key_prefix": founded.api_key[:16],
        "scope": "account",
    }
    (secret,) = await signing_secrets.listed(database, KEYS, founded.account_id)
    assert secret.name == "default"
    assert re.fullmatch(r"wsec_[0-9a-f]{32}", secret.id)
    assert re.fullmatch(r"[0-9a-f]{64}", secret.secret)


async def test_bootstrap_again_keeps_the_account_and_mints_another_key(database: Database) -> None:
    first = await bootstrap(database, KEYS, "you@example.com")
    again = await bootstrap(database, KEYS, "YOU@example.com")
    assert again.account_id == first.account_id
    assert again.api_key != first.api_key
    assert await database.fetch_value("select count(*) from api_keys") == 2
    assert await database.fetch_value("select count(*) from signing_secrets") == 1


async def test_bootstrap_twice_at_once_is_one_account(database: Database) -> None:
    found: list[str] = []

    async def run() -> None:
        found.append((await bootstrap(database, KEYS, "you@example.com")).account_id)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(run)
    assert len(set(found)) == 1
    assert await database.fetch_value("select count(*) from accounts") == 1
    assert await database.fetch_value("select count(*) from account_usage") == 1


@pytest.mark.parametrize("email", ["", "you", "you@localhost", "a@b@c.example"])
async def test_bootstrap_needs_an_address(database: Database, email: str) -> None:
    with pytest.raises(InvalidRequest):
        await bootstrap(database, KEYS, email)
    assert await database.fetch_value("select count(*) from accounts") == 0


@pytest.mark.parametrize("domain", ["", "localhost", "Agents.localhost", "a b.example", "127.0.0.1"])
async def test_the_shared_domain_is_a_domain(database: Database, domain: str) -> None:
    with pytest.raises(InvalidDomain):
        await keep_shared_domain(database, domain)


async def test_secrets_are_at_most_five_and_never_none(database: Database, database_dsn: str) -> None:
    account = (await bootstrap(database, KEYS, "you@example.com")).account_id
    listener = await TrioConnection.open(database_dsn)
    try:
        await listener.command(b"listen e2ad_accounts")
        made = [await signing_secrets.create(database, KEYS, account, name) for name in ("", " two ", "three", "four")]
        with trio.fail_after(5):
            told = await listener.next_notifies()
        assert told[0].payload == account
    finally:
        await listener.close()
    assert [secret.name for secret in made] == ["unnamed", "two", "three", "four"]
    with pytest.raises(InvalidRequest, match="at most 5"):
        await signing_secrets.create(database, KEYS, account, "six")
    listed = await signing_secrets.listed(database, KEYS, account)
    # Newest first: the first one signs.
    assert [secret.name for secret in listed] == ["four", "three", "two", "unnamed", "default"]
    assert listed[0].secret == made[-1].secret
    for secret in listed[1:]:
        await signing_secrets.delete(database, account, secret.id)
    with pytest.raises(InvalidRequest, match="last"):
        await signing_secrets.delete(database, account, listed[0].id)
    with pytest.raises(NotFound):
        await signing_secrets.delete(database, account, listed[1].id)


async def refused_behind(
    database: Database, held: Callable[[Executor], Awaitable[object]], late: Awaitable[object], account: str
) -> bool:
    """Whether `late` is refused when it comes while a transaction that holds the account is open."""
    ended = trio.Event()
    refused: list[bool] = []

    async def run() -> None:
        try:
            await late
        except InvalidRequest:
            refused.append(True)
        ended.set()

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery, database.transaction() as transaction:
            await storage.lock_account(transaction, account)
            await held(transaction)
            nursery.start_soon(run)
            # Until it is seen waiting for the lock, or has run past it.
            waiting = "select count(*) from pg_locks where not granted"
            while not ended.is_set() and not await database.fetch_value(waiting):
                await trio.sleep(0.01)
    return refused == [True]


async def test_the_last_two_cannot_be_deleted_at_once(database: Database) -> None:
    account = (await bootstrap(database, KEYS, "you@example.com")).account_id
    await signing_secrets.create(database, KEYS, account, "second")
    first, second = await signing_secrets.listed(database, KEYS, account)
    assert await refused_behind(
        database,
        lambda transaction: storage.delete(transaction, account, first.id),
        signing_secrets.delete(database, account, second.id),
        account,
    )
    assert await database.fetch_value("select count(*) from signing_secrets") == 1


async def test_five_are_five_when_two_ask_at_once(database: Database) -> None:
    account = (await bootstrap(database, KEYS, "you@example.com")).account_id
    for name in ("2", "3", "4"):
        await signing_secrets.create(database, KEYS, account, name)
    assert await refused_behind(
        database,
        lambda transaction: storage.insert(transaction, storage.NewSecret(account, "wsec_x", "5", b""), at_most=5),
        signing_secrets.create(database, KEYS, account, "6"),
        account,
    )
    assert await database.fetch_value("select count(*) from signing_secrets") == 5


@pytest.mark.parametrize("name", ["x" * 201, "a\nb"])
async def test_a_secret_has_a_plain_name(database: Database, name: str) -> None:
    account = (await bootstrap(database, KEYS, "you@example.com")).account_id
    with pytest.raises(InvalidRequest):
        await signing_secrets.create(database, KEYS, account, name)


async def test_secrets_are_sealed_where_they_lie(database: Database) -> None:
    account = (await bootstrap(database, KEYS, "you@example.com")).account_id
    (secret,) = await signing_secrets.listed(database, KEYS, account)
    stored = await database.fetch_value("select sealed_secret from signing_secrets")
    assert secret.secret.encode() not in stored
    with pytest.raises(SealBroken):
        await signing_secrets.listed(database, KeyRing(("another deployment secret, long enough too",)), account)
    # Another account's row does not open under this one's name.
    await database.execute("update signing_secrets set id = 'wsec_moved'")
    with pytest.raises(SealBroken):
        await signing_secrets.listed(database, KEYS, account)
