"""People signed in: how long it lasts, what it costs, how it ends in every process."""

from datetime import timedelta
from typing import Any

import pytest
import trio

from e2ad.core.signing import key_hash
from e2ad.gateway import sessions as subject
from e2ad.gateway.mint import new_id, now
from e2ad.gateway.sessions import COARSE, IDLE, LONGEST, Sessions
from e2ad.storage import accounts
from e2ad.storage import sessions as table
from e2ad.storage.pool import Database


async def account(database: Database, account_class: str = "standard") -> str:
    account_id = new_id("")
    await accounts.insert_account(database, accounts.Account(account_id, f"{account_id}@x.test", "", account_class))
    return account_id


async def stored(database: Database) -> Any:
    return await database.fetch_one("select token_sha256, created_at, last_seen_at, expires_at from sessions")


async def older(database: Database, **by: timedelta) -> None:
    """Make the session older: `last_seen_at` and the like by so much."""
    changes = ", ".join(f"{column} = {column} - %({column})s" for column in by)
    await database.execute(f"update sessions set {changes}", by)


async def test_only_the_hash_is_kept(database: Database) -> None:
    token = await Sessions(database).begin(await account(database))
    assert len(token) == 69
    row = await stored(database)
    assert bytes(row["token_sha256"]) == key_hash(token)
    assert token.encode() not in repr(row).encode()


async def test_who_it_is(database: Database) -> None:
    sessions, account_id = Sessions(database), await account(database, "system")
    principal = await sessions.resolve(await sessions.begin(account_id))
    assert principal is not None
    assert (principal.account_id, principal.scope, principal.agent_email) == (account_id, "account", None)
    assert (principal.exempt, principal.key_id) == (True, "")


@pytest.mark.parametrize(
    "cookie", ["", "x", "sess_", "sess_" + "0" * 63, "sess_" + "G" * 64, "sess_" + "0" * 65, "sess_" + "0" * 64 + "\n"]
)
async def test_what_cannot_be_a_session_costs_no_query(database: Database, cookie: str) -> None:
    before, sessions = database.statements, Sessions(database)
    assert await sessions.resolve(cookie) is None
    assert not await sessions.end(cookie)
    assert database.statements == before


async def test_it_costs_one_query_in_a_while(database: Database) -> None:
    sessions = Sessions(database)
    token = await sessions.begin(await account(database))
    before = database.statements
    for _ in range(5):
        assert await sessions.resolve(token)
    assert database.statements == before + 1


async def test_use_moves_the_end_and_is_noted_coarsely(database: Database) -> None:
    token = await Sessions(database).begin(await account(database))
    first = await stored(database)
    assert await Sessions(database).resolve(token)
    assert await stored(database) == first
    await older(database, last_seen_at=COARSE + timedelta(seconds=1), expires_at=timedelta(days=3))
    assert await Sessions(database).resolve(token)
    row = await stored(database)
    assert now() - row["last_seen_at"] < timedelta(minutes=1)
    assert abs(row["expires_at"] - now() - IDLE) < timedelta(minutes=1)


async def test_it_ends_when_nobody_uses_it(database: Database) -> None:
    token = await Sessions(database).begin(await account(database))
    await older(database, last_seen_at=IDLE, expires_at=IDLE + timedelta(seconds=1))
    assert await Sessions(database).resolve(token) is None
    row = await stored(database)
    assert row["expires_at"] < now()  # asking did not bring it back


async def test_it_ends_for_good_however_much_it_is_used(database: Database) -> None:
    token = await Sessions(database).begin(await account(database))
    age = LONGEST - timedelta(hours=1)
    await older(database, created_at=age, last_seen_at=timedelta(hours=2))
    assert await Sessions(database).resolve(token)
    row = await stored(database)
    assert row["expires_at"] == row["created_at"] + LONGEST
    await older(database, created_at=timedelta(hours=1), last_seen_at=timedelta(hours=1), expires_at=timedelta(hours=1))
    assert await Sessions(database).resolve(token) is None


async def test_what_is_remembered_ends_in_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "IDLE", timedelta(milliseconds=200))
    sessions = Sessions(database)
    token = await sessions.begin(await account(database))
    assert await sessions.resolve(token)
    await trio.sleep(0.25)
    assert await sessions.resolve(token) is None


async def test_the_end_is_told(database: Database) -> None:
    here, there, account_id = Sessions(database), Sessions(database), await account(database)
    token, other = await here.begin(account_id), await here.begin(account_id)
    for sessions in (here, there):
        assert await sessions.resolve(token)
    assert await here.end(token)
    assert await here.resolve(token) is None
    assert await there.resolve(token)
    there.forget(new_id(""))
    assert await there.resolve(token)
    there.forget(account_id)
    assert await there.resolve(token) is None
    assert await here.resolve(other)
    assert not await here.end(token)


async def test_signing_out_costs_nobody_else_a_query(database: Database) -> None:
    sessions = Sessions(database)
    token, other = [await sessions.begin(await account(database)) for _ in range(2)]
    assert await sessions.resolve(token)
    assert await sessions.resolve(other)
    await sessions.end(token)
    before = database.statements
    assert await sessions.resolve(other)
    assert database.statements == before
    assert await sessions.resolve(token) is None


async def test_those_that_are_over_are_swept(database: Database) -> None:
    sessions, account_id = Sessions(database), await account(database)
    for _ in range(3):
        await sessions.begin(account_id)
    await older(database, expires_at=IDLE * 2)
    token = await sessions.begin(account_id)
    assert [await table.sweep(database, 2) for _ in range(3)] == [2, 1, 0]
    assert await sessions.resolve(token)


async def test_an_account_that_goes_takes_them_with_it(database: Database) -> None:
    account_id = await account(database)
    token = await Sessions(database).begin(account_id)
    await database.execute("delete from accounts where id = %(id)s", {"id": account_id})
    assert await Sessions(database).resolve(token) is None
