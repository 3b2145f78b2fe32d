"""The tables of OAuth: what is forgotten and when, what is told to other processes, what a page costs."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio

from e2ad.config import Config
from e2ad.core.oauth_clients import Client
from e2ad.storage import oauth as subject
from e2ad.storage.connection import TrioConnection
from e2ad.storage.oauth import NewGrant, NewTokens
from e2ad.storage.pool import Database, Executor
from e2ad.workers.kinds import table
from e2ad.workers.sweeps import run_once
from tests import factories

AT = datetime.now(UTC)
CLIENT = "mcp_0123456789ab"


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


async def grant(database: Executor, account_id: str, name: str, *, client: str = CLIENT, at: datetime = AT) -> None:
    """A grant with a code and, for the same hours, a pair of tokens."""
    if await subject.find_client(database, client) is None:
        await subject.insert_client(database, Client(client, "c", ("https://a.example/",)), "192.0.2.1", at)
    made = NewGrant(
        account_id=account_id,
        id=name,
        client_id=client,
        scope="account",
        agent_email=None,
        resource=None,
        code_sha256=sha("code " + name),
        redirect_uri="https://a.example/",
        challenge="c",
        at=at,
        expires_at=at + timedelta(minutes=1),
    )
    assert await subject.add_grant(database, made)
    await subject.add_tokens(
        database,
        NewTokens(
            account_id=account_id,
            grant_id=name,
            client_id=client,
            access_sha256=sha("access " + name),
            access_until=at + timedelta(hours=1),
            refresh_sha256=sha("refresh " + name),
            refresh_until=at + timedelta(days=30),
            parent_sha256=None,
            at=at,
        ),
    )


async def counts(database: Database) -> tuple[int, int, int, int]:
    """Codes, tokens, grants, clients."""
    row = await database.fetch_one(
        "select (select count(*) from oauth_codes) a, (select count(*) from oauth_tokens) b,"
        " (select count(*) from oauth_grants) c, (select count(*) from oauth_clients) d"
    )
    assert row is not None
    return row["a"], row["b"], row["c"], row["d"]


@pytest.mark.parametrize(
    ("age", "left"),
    [
        (timedelta(minutes=59), (1, 2, 1, 1)),
        (timedelta(hours=2), (0, 2, 1, 1)),
        (timedelta(hours=26), (0, 1, 1, 1)),
        (timedelta(days=59), (0, 1, 1, 1)),
        (timedelta(days=61), (0, 0, 0, 1)),
        (timedelta(days=91), (0, 0, 0, 0)),
    ],
)
async def test_what_is_over_is_forgotten(database: Database, age: timedelta, left: tuple[int, ...]) -> None:
    owner = await factories.account(database)
    await grant(database, owner.account_id, "g", at=datetime.now(UTC) - age)
    (sweep,) = [sweep for sweep in table(Config()) if sweep.name == "oauth"]
    for _ in range(3):
        await run_once(database, sweep)
    assert await counts(database) == left


async def test_a_client_that_is_used_stays(database: Database) -> None:
    owner = await factories.account(database)
    old = AT - timedelta(days=100)
    await subject.insert_client(database, Client(CLIENT, "c", ("https://a.example/",)), "192.0.2.1", old)
    await grant(database, owner.account_id, "g")
    assert await subject.sweep(database, 90, 10) == 0
    assert await counts(database) == (1, 2, 1, 1)


async def test_users_of_one_program_do_not_wait_for_each_other(database: Database) -> None:
    ada, bob = await factories.account(database), await factories.account(database)
    await grant(database, ada.account_id, "g1")
    async with database.transaction() as transaction:
        await grant(transaction, ada.account_id, "g2")
        with trio.fail_after(5):
            await grant(database, bob.account_id, "g3")


async def test_a_sweep_is_bounded(database: Database) -> None:
    owner = await factories.account(database)
    for number in range(5):
        await grant(database, owner.account_id, f"g{number}", at=AT - timedelta(days=61))
    assert await subject.sweep(database, 90, 3) == 3
    assert (await counts(database))[:2] == (2, 4)


@pytest.mark.parametrize("way", ["revoke", "access", "rotate"])
async def test_an_end_is_told(database: Database, database_dsn: str, way: str) -> None:
    owner = await factories.account(database)
    await grant(database, owner.account_id, "g")
    listener = await TrioConnection.open(database_dsn)
    try:
        await listener.command(b"listen e2ad_accounts")
        if way == "revoke":
            assert await subject.revoke_grant(database, owner.account_id, "g", "owner", AT)
            assert not await subject.revoke_grant(database, owner.account_id, "g", "owner", AT)
        elif way == "access":
            await subject.drop_access(database, sha("refresh g"))  # another kind: nothing happens
            await subject.drop_access(database, sha("access g"))
        else:
            await database.execute(
                "update oauth_tokens set parent_sha256 = %(p)s where kind = 'access'", {"p": sha("refresh g")}
            )
            async with database.transaction() as transaction:
                await subject.rotate(transaction, sha("refresh g"), AT)
        with trio.fail_after(5):
            told = await listener.next_notifies()
    finally:
        await listener.close()
    assert [notice.payload for notice in told] == [owner.account_id]
    assert await subject.find_access(database, sha("access g")) is None


async def test_a_page_of_connections_is_one_statement(database: Database) -> None:
    owner, other = await factories.account(database), await factories.account(database)
    for number in range(5):
        await grant(database, owner.account_id, f"g{number}", at=AT + timedelta(seconds=number))
    await grant(database, other.account_id, "theirs")
    seen: list[Any] = []
    before = None
    while True:
        statements = database.statements
        page = await subject.page_connections(database, owner.account_id, before=before, limit=2)
        assert database.statements == statements + 1
        if not page:
            break
        seen += [one.id for one in page]
        before = (page[-1].issued_at, page[-1].id)
    assert seen == ["g4", "g3", "g2", "g1", "g0"]


async def test_an_accounts_end_takes_everything(database: Database) -> None:
    owner = await factories.account(database)
    await grant(database, owner.account_id, "g")
    await database.execute("delete from accounts where id = %(id)s", {"id": owner.account_id})
    assert await counts(database) == (0, 0, 0, 1)


@pytest.mark.parametrize("state", ["mine", "theirs", "trashed", "nobody"])
async def test_only_a_live_inbox_of_the_account_is_granted(database: Database, state: str) -> None:
    owner, other = await factories.account(database), await factories.account(database)
    await factories.agent(database, other.account_id if state == "theirs" else owner.account_id, "bot@agents.test")
    if state == "trashed":
        await database.execute("update agents set deleted_at = now()")
    await subject.insert_client(database, Client(CLIENT, "c", ("https://a.example/",)), "192.0.2.1", AT)
    asked = NewGrant(
        account_id=owner.account_id,
        id="g",
        client_id=CLIENT,
        scope="agent",
        agent_email="nobody@agents.test" if state == "nobody" else "bot@agents.test",
        resource=None,
        code_sha256=sha("code g"),
        redirect_uri="https://a.example/",
        challenge="c",
        at=AT,
        expires_at=AT + timedelta(minutes=1),
    )
    assert await subject.add_grant(database, asked) is (state == "mine")
    assert await counts(database) == ((1, 0, 1, 1) if state == "mine" else (0, 0, 0, 1))


@pytest.mark.parametrize("lock", [subject.lock_code, subject.lock_refresh])
async def test_one_request_at_a_time_has_a_code_or_refresh_token(database: Database, lock: Any) -> None:
    owner = await factories.account(database)
    await grant(database, owner.account_id, "g")
    name = sha("code g" if lock is subject.lock_code else "refresh g")
    waiting, had = trio.Event(), trio.Event()

    async def second() -> None:
        async with database.transaction() as transaction:
            waiting.set()
            assert await lock(transaction, name) is not None
        had.set()

    async with trio.open_nursery() as nursery:
        async with database.transaction() as transaction:
            assert await lock(transaction, name) is not None
            nursery.start_soon(second)
            await waiting.wait()
            await trio.sleep(0.2)
            assert not had.is_set()
        with trio.fail_after(5):
            await had.wait()
