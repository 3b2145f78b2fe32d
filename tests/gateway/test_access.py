"""Credentials: who is behind them, and how fast they stop."""

from datetime import timedelta

import pytest

from e2ad.core.errors import Unauthorized
from e2ad.core.signing import key_hash
from e2ad.gateway import remembered
from e2ad.gateway.access import Access, credential
from e2ad.gateway.mint import new_id, new_secret, now
from e2ad.storage import accounts
from e2ad.storage.pool import Database


async def make_key(database: Database, prefix: str = "e2a_acct_", **changes: object) -> tuple[str, str, str]:
    """Account id, key id, key."""
    account_id, key_id, key = new_id(""), new_id("apk_"), new_secret(prefix)
    account_class = str(changes.pop("account_class", "standard"))
    await accounts.insert_account(database, accounts.Account(account_id, f"{account_id}@x.test", "", account_class))
    values = {"scope": "account", "agent_email": None, "expires_at": None} | changes
    await accounts.insert_key(
        database,
        accounts.NewKey(account_id, key_id, "n", key_hash(key), key[:16], **values),  # type: ignore[arg-type]  # a table's values
    )
    return account_id, key_id, key


@pytest.mark.parametrize(
    ("header", "bare", "found"),
    [
        ("Bearer abc", True, "abc"),
        ("bEaReR   abc ", False, "abc"),
        ("abc", True, "abc"),
        ("abc", False, None),
        ("Basic abc", True, None),
        ("", True, None),
        (None, True, None),
        ("Bearer", False, None),
        ("x" * 5000, True, None),
    ],
)
def test_what_the_header_holds(header: str | None, bare: bool, found: str | None) -> None:
    if found is None:
        with pytest.raises(Unauthorized):
            credential(header, bare=bare)
    else:
        assert credential(header, bare=bare) == found


@pytest.mark.parametrize("prefix", ["e2a_acct_", "e2a_agt_", "e2a_"])
async def test_keys_of_every_kind(database: Database, prefix: str) -> None:
    account_id, key_id, key = await make_key(database, prefix)
    principal = await Access(database).resolve(f"Bearer {key}")
    assert (principal.account_id, principal.key_id, principal.scope) == (account_id, key_id, "account")
    assert not principal.exempt


@pytest.mark.parametrize("name", ["system", "internal"])
async def test_the_deployments_own_accounts_are_exempt(database: Database, name: str) -> None:
    _, _, key = await make_key(database, account_class=name)
    assert (await Access(database).resolve(key)).exempt


@pytest.mark.parametrize("key", ["e2a_acct_" + "0" * 64, "e2a_acct_short", "ate2a_x", "eyJ.a.b", "e2a_" + "g" * 64])
async def test_unknown_credentials(database: Database, key: str) -> None:
    with pytest.raises(Unauthorized):
        await Access(database).resolve(f"Bearer {key}")


async def test_what_cannot_be_a_key_costs_no_query(database: Database) -> None:
    before = database.statements
    with pytest.raises(Unauthorized):
        await Access(database).resolve("Bearer nonsense")
    assert database.statements == before


async def test_a_known_key_costs_one_query(database: Database) -> None:
    _, _, key = await make_key(database)
    access = Access(database)
    await access.resolve(key)
    before = database.statements
    for _ in range(5):
        await access.resolve(key)
    assert database.statements == before


async def test_a_revoked_key_stops_when_it_is_forgotten(database: Database) -> None:
    account_id, key_id, key = await make_key(database)
    access = Access(database)
    await access.resolve(key)
    assert await accounts.revoke_key(database, account_id, key_id, now())
    assert await access.resolve(key)
    access.forget("somebody else")
    assert await access.resolve(key)
    access.forget(account_id)
    with pytest.raises(Unauthorized):
        await access.resolve(key)


async def test_a_revoked_key_stops_after_the_life_of_its_entry(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id, key_id, key = await make_key(database)
    monkeypatch.setattr(remembered, "SECONDS", -1.0)
    access = Access(database)
    await access.resolve(key)
    await accounts.revoke_key(database, account_id, key_id, now())
    with pytest.raises(Unauthorized):
        await access.resolve(key)


async def test_an_expired_key_is_unknown_although_it_was_kept(database: Database) -> None:
    _, _, key = await make_key(database, expires_at=now() + timedelta(milliseconds=150))
    access = Access(database)
    await access.resolve(key)
    import trio

    await trio.sleep(0.2)
    with pytest.raises(Unauthorized):
        await access.resolve(key)


async def test_a_notification_during_the_look_up_wins(database: Database) -> None:
    account_id, key_id, key = await make_key(database)
    access = Access(database)

    class Racing:
        """The key is revoked, and announced, right after it was read."""

        async def fetch_one(self, *args: object, **more: object) -> object:
            row = await database.fetch_one(*args, **more)  # type: ignore[call-overload]  # passed through
            await accounts.revoke_key(database, account_id, key_id, now())
            access.forget(account_id)
            return row

    access.executor = Racing()  # type: ignore[assignment]  # stands before the real one
    await access.resolve(key)
    access.executor = database
    with pytest.raises(Unauthorized):
        await access.resolve(key)


async def test_the_cache_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "ENTRIES", 2)
    access = Access(database)
    for _ in range(4):
        _, _, key = await make_key(database)
        await access.resolve(key)
    assert len(access._remembered) == 2


async def test_last_use_is_written_once_for_many_requests(database: Database) -> None:
    account_id, _, key = await make_key(database)
    access = Access(database)
    for _ in range(10):
        await access.resolve(key)
    before = database.statements
    await access.write_touches()
    await access.write_touches()
    assert database.statements == before + 1
    (stored,) = await accounts.page_keys(database, account_id, before=None, limit=10)
    assert stored.last_used_at is not None


async def test_trouble_with_last_use_stays_there(database: Database) -> None:
    _, _, key = await make_key(database)
    access = Access(database)
    await access.resolve(key)
    database.close()
    await access.write_touches()
