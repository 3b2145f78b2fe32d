"""People signed in: how long it lasts, what it costs, how it ends in every process."""

from datetime import timedelta
from typing import Any

import pytest
import trio

from e2ad.core.errors import Unauthorized
from e2ad.core.signing import key_hash
from e2ad.gateway import sessions as subject
from e2ad.gateway.mint import new_id, now
from e2ad.gateway.sessions import COARSE, IDLE, LONGEST, OVERLAP, RENEWED, Sessions, Visitor
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


# The token changes


async def due(database: Database) -> None:
    await older(database, token_since=RENEWED + timedelta(seconds=1))


async def test_a_young_token_stays(database: Database) -> None:
    sessions = Sessions(database)
    token = await sessions.begin(await account(database))
    assert await sessions.renewed(token) is None
    assert await sessions.renewed("sess_" + "0" * 64) is None
    assert await sessions.renewed("x") is None


async def test_an_old_token_gives_way_to_the_next(database: Database) -> None:
    token = await Sessions(database).begin(await account(database))
    await due(database)
    sessions = Sessions(database)
    first = await sessions.signed_in(token)
    new = await sessions.renewed(token)
    assert new is not None
    assert new != token
    assert await Sessions(database).signed_in(new) == first  # the same session
    assert await Sessions(database).renewed(new) is None
    # The one before is good for requests that were under way, and then for nothing.
    assert await Sessions(database).signed_in(token) == first
    assert await Sessions(database).renewed(token) is None
    await older(database, previous_until=OVERLAP)
    assert await Sessions(database).signed_in(token) is None
    assert await Sessions(database).signed_in(new) == first
    row = await database.fetch_one("select token_sha256, previous_sha256, next_sha256 from sessions")
    assert row is not None
    assert (bytes(row["token_sha256"]), row["next_sha256"]) == (key_hash(new), None)


async def test_an_answer_that_is_lost_signs_nobody_out(database: Database) -> None:
    """Until the browser shows the new token the old one is good, and is answered with the same new one."""
    token = await Sessions(database).begin(await account(database))
    await due(database)
    offered = [await Sessions(database).renewed(token) for _ in range(3)]
    assert len(set(offered)) == 1
    await older(database, created_at=timedelta(days=2), last_seen_at=timedelta(days=2))
    assert await Sessions(database).resolve(token)
    assert await Sessions(database).renewed(token) == offered[0]


async def test_many_requests_at_once_while_the_token_changes(database: Database) -> None:
    """Each in a process of its own, with the old token and the new one: all of them are somebody."""
    token = await Sessions(database).begin(await account(database))
    await due(database)
    given: list[str | None] = []
    who: list[Any] = []

    async def ask(cookie: str) -> None:
        sessions = Sessions(database)
        who.append(await sessions.signed_in(cookie))
        given.append(await sessions.renewed(cookie))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(ask, token)
    (new,) = {one for one in given if one}
    async with trio.open_nursery() as nursery:
        for cookie in [token, new] * 6:
            nursery.start_soon(ask, cookie)
    assert None not in who
    assert len({one.session_id for one in who}) == 1
    assert {one for one in given if one} == {new}


async def test_neither_token_nor_table_alone_makes_the_next(database: Database) -> None:
    token = await Sessions(database).begin(await account(database))
    before = await database.fetch_one("select * from sessions")
    assert before is not None
    assert token[5:] not in repr({name: bytes(v).hex() if isinstance(v, bytes) else v for name, v in before.items()})
    await due(database)
    new = await Sessions(database).renewed(token)
    await database.execute("update sessions set renewal_seed = sha256('x'), next_sha256 = null", prepare=False)
    assert await Sessions(database).renewed(token) != new


async def test_signing_out_with_any_of_its_tokens(database: Database) -> None:
    for which in range(3):
        token = await Sessions(database).begin(await account(database))
        await due(database)
        new = await Sessions(database).renewed(token)
        assert new is not None
        if which:
            assert await Sessions(database).resolve(new)
        assert await Sessions(database).end(token if which == 2 else new)
        for cookie in (token, new):
            assert await Sessions(database).resolve(cookie) is None


async def test_a_swept_token_is_not_renewed(database: Database) -> None:
    sessions = Sessions(database)
    token = await sessions.begin(await account(database))
    await due(database)
    assert await sessions.resolve(token)
    await database.execute("delete from sessions", prepare=False)
    assert await sessions.renewed(token) is None


# What its owner sees


async def test_where_somebody_is_signed_in(database: Database) -> None:
    sessions, account_id = Sessions(database), await account(database)
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    await sessions.begin(account_id, by="link", visitor=Visitor(firefox, "192.0.2.77"))
    await older(database, last_seen_at=timedelta(hours=1))
    token = await sessions.begin(account_id, by="oidc", visitor=Visitor("<script>", "2001:db8:1:2::3"))
    await sessions.begin(await account(database))
    mine = await sessions.listed(account_id, token)
    assert [(one.signed_in_by, one.browser, one.network, one.current) for one in mine] == [
        ("oidc", "", "2001:db8:1::/48", True),
        ("link", "Firefox on Linux", "192.0.2.0/24", False),
    ]
    assert all(one.id.startswith("ses_") and token not in repr(one) for one in mine)
    assert [one.current for one in await sessions.listed(account_id)] == [False, False]


async def test_one_is_ended_in_every_process(database: Database) -> None:
    here, there, account_id = Sessions(database), Sessions(database), await account(database)
    token, other = await here.begin(account_id), await here.begin(account_id)
    (one,) = [one for one in await here.listed(account_id, token) if not one.current]
    assert await here.resolve(other)
    assert await there.resolve(other)
    assert not await here.end_one(await account(database), one.id)
    assert await here.end_one(account_id, one.id)
    assert not await here.end_one(account_id, one.id)
    assert await here.resolve(other) is None
    there.forget(account_id)
    assert await there.resolve(other) is None
    assert await here.resolve(token)


async def test_all_others_are_ended(database: Database) -> None:
    sessions, account_id = Sessions(database), await account(database)
    tokens = [await sessions.begin(account_id) for _ in range(4)]
    stranger = await sessions.begin(await account(database))
    assert await sessions.end_others(account_id, tokens[2]) == 3
    assert await sessions.end_others(account_id, tokens[2]) == 0
    assert [bool(await sessions.resolve(token)) for token in [*tokens, stranger]] == [False, False, True, False, True]
    for cookie in ("", "x", stranger, tokens[0]):
        with pytest.raises(Unauthorized):
            await sessions.end_others(account_id, cookie)
    assert await sessions.resolve(tokens[2])


async def test_a_session_of_a_key_that_stopped_is_not_shown(database: Database) -> None:
    sessions, account_id = Sessions(database), await account(database)
    await sessions.begin(account_id, "apk_gone")
    assert await sessions.listed(account_id) == []


@pytest.mark.parametrize("steps", range(1, 12))
async def test_cancelled_while_the_token_changes(database: Database, steps: int) -> None:
    """Wherever it stops, the old token goes on and leads to the same next one."""
    token = await Sessions(database).begin(await account(database))
    await due(database)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_after, steps, scope)
            await Sessions(database).renewed(token)
            nursery.cancel_scope.cancel()
    assert await Sessions(database).resolve(token)
    new = await Sessions(database).renewed(token)
    assert new is not None
    assert await Sessions(database).resolve(new)


async def _cancel_after(steps: int, scope: trio.CancelScope) -> None:
    for _ in range(steps):
        await trio.lowlevel.checkpoint()
    scope.cancel()
