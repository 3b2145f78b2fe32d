"""Deleting an account in steps: whatever interrupts it, it ends; nobody gets in meanwhile; nothing of others goes."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import trio

from e2ad.core.audit import SYSTEM
from e2ad.core.errors import NotFound, Unauthorized
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import key_hash
from e2ad.gateway import api_keys
from e2ad.gateway.access import Access
from e2ad.gateway.closing import Closing
from e2ad.gateway.mint import now
from e2ad.gateway.replays import Replays, Target
from e2ad.storage import closing as storage
from e2ad.storage import operations
from e2ad.storage.pool import Database
from e2ad.storage.replays import Wanted
from e2ad.storage.sql import load
from tests import factories
from tests.api.whole_account import AGENT, DOMAIN, OUTSIDER, fill

KEYS = KeyRing(("a deployment secret of the tests, long enough",))
STEPS = ("delete_batch", "heirs", "delete_domains", "erase")


class Killed(Exception):
    """The process ended here."""


async def tables(database: Database) -> list[str]:
    found = await database.fetch_all(
        "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
    )
    return [row["table_name"] for row in found]


async def rows(database: Database) -> dict[str, Counter[str]]:
    """All rows that there are, as text."""
    return {
        table: Counter(row["t"] for row in await database.fetch_all(f"select t::text as t from {table} t"))
        for table in await tables(database)
    }


LEFT = {"audit_heads", "audit_log"}
"""What stays for a while."""


async def owning(database: Database, account_id: str) -> set[str]:
    """The tables in which an account has rows."""
    found = await rows(database)
    return {table for table, texts in found.items() if any(account_id in text for text in texts)}


async def test_it_goes_on_from_wherever_it_was_stopped(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, closing = await factories.account(database), Closing(database, KEYS)
    await fill(database, owner.account_id)
    await closing.close(owner.account_id)
    steps, last = 0, 0
    for name in STEPS:
        step = getattr(storage, name)

        async def counted(*arguments: Any, step: Any = step) -> Any:
            nonlocal steps
            done = await step(*arguments)
            steps += 1
            if steps > last:
                raise Killed
            return done

        monkeypatch.setattr(storage, name, counted)
    ended = False
    while not ended:
        assert await database.fetch_value("select closed_at is not null from accounts")
        steps = 0
        try:
            assert await closing.go_on(0)
            ended = True
        except Killed:
            last = steps
    assert last == len(storage.BATCHES) + 3
    assert await owning(database, owner.account_id) == LEFT


async def test_every_large_table_is_emptied_in_steps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last transaction takes is little, also where a step takes more rows than a batch has."""
    owner, closing = await factories.account(database), Closing(database, KEYS)
    await fill(database, owner.account_id)
    for local_part in ("b", "c"):
        other = await factories.agent(database, owner.account_id, f"{local_part}@{DOMAIN}")
        for address in (OUTSIDER, "grace@example.org", "linus@example.org"):
            row = {"account_id": owner.account_id, "agent_email": other, "address": address, "skeleton": address}
            await factories.insert(database, "correspondents", row)
    for table in storage.BATCHES:
        monkeypatch.setitem(storage.BATCHES, table, 2)
    last, delete_batch, heirs = dict[str, int](), storage.delete_batch, storage.heirs
    left = set[str]()

    async def recorded(executor: Any, account_id: str, table: str) -> int:
        last[table] = await delete_batch(executor, account_id, table)
        return last[table]

    async def looked(transaction: Any, account_id: str) -> Any:
        left.update(await owning(database, account_id))
        return await heirs(transaction, account_id)

    monkeypatch.setattr(storage, "delete_batch", recorded)
    monkeypatch.setattr(storage, "heirs", looked)
    await closing.close(owner.account_id)
    await closing.erase(owner.account_id, Counter())
    assert last.keys() == storage.BATCHES.keys()
    assert all(deleted < 2 for deleted in last.values())
    assert left <= {
        "accounts", "audit_heads", "audit_log", "contact_imports", "domains", "metrics_progress", "metrics_stale",
        "rate_windows", "search_queue", "sending_ramps", "signing_secrets", "suppressions", "templates",
    }  # fmt: skip


async def test_closing_holds_no_rows_against_each_other(database: Database) -> None:
    """Its cost grows with the rows of the tables that it ends, not with the product of their numbers."""
    owner, rows_each = await factories.account(database), 40
    for at in range(rows_each):
        await factories.agent(database, owner.account_id, f"bot{at}@{DOMAIN}")
        notice = {"id": f"ntc_{at}", "account_id": owner.account_id, "kind": "review", "recipient": OUTSIDER}
        await factories.insert(database, "notices", {**notice, "content": b"x"})
    explained = f"explain (analyze, format json) {load('closing')['close']}"
    (row,) = await database.fetch_all(explained, {"account_id": owner.account_id}, prepare=False)
    (found,) = row.values()
    nodes, most = [found[0]["Plan"]], 0
    while nodes:
        node = nodes.pop()
        most = max(most, node["Actual Rows"])
        nodes += node.get("Plans", [])
    assert most == rows_each


async def test_one_that_cannot_be_deleted_keeps_no_other_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = Closing(database, KEYS)
    stuck, fine = [(await factories.account(database)).account_id for _ in range(2)]
    for account_id in (stuck, fine):
        await closing.close(account_id)
    await database.execute(
        "update accounts set closed_at = closed_at - %(age)s where id = %(id)s",
        {"age": timedelta(hours=1), "id": stuck},
    )
    erase = storage.erase

    async def failing(transaction: Any, account_id: str) -> Any:
        if account_id == stuck:
            raise Killed
        return await erase(transaction, account_id)

    monkeypatch.setattr(storage, "erase", failing)
    for _ in range(64):
        with suppress(Killed):
            await closing.go_on(0)
    assert await owning(database, fine) == LEFT
    assert await owning(database, stuck) > LEFT


async def test_what_was_let_in_too_late_does_not_get_in(database: Database) -> None:
    """A request that was under way when the account was closed may still make a key, or a token."""
    owner, access = await factories.account(database), Access(database)
    await fill(database, owner.account_id)
    await Closing(database, KEYS).close(owner.account_id)
    late, token = await api_keys.mint(database, owner.account_id, "late"), f"ate2a_{'x' * 43}"
    grant = {"account_id": owner.account_id, "id": "late", "client_id": "client", "scope": "account"}
    await factories.insert(database, "oauth_grants", grant)
    row = {"account_id": owner.account_id, "grant_id": "late", "kind": "access", "token_sha256": key_hash(token)}
    await factories.insert(database, "oauth_tokens", {**row, "expires_at": now() + timedelta(hours=1)})
    for credential in (late.key, token):
        with pytest.raises(Unauthorized):
            await access.resolve(credential)


async def test_what_is_asked_for_too_late_is_not_sent_again(database: Database) -> None:
    """A replay that was under way when the account was closed sends nothing of it anywhere."""
    owner = await factories.account(database)
    await fill(database, owner.account_id)
    replays = Replays(database, KEYS, AnyUrl(), retention_days=3650)
    before = await database.fetch_value("select count(*) from deliveries")
    await Closing(database, KEYS).close(owner.account_id)
    target = Target(url="https://hooks.example.com/", secret="whsec_" + 64 * "0")
    with pytest.raises(NotFound):
        await replays.begin(owner.account_id, Wanted(), target, key="k", actor=SYSTEM)
    assert await database.fetch_value("select count(*) from deliveries") == before
    newest = "select action from audit_log where account_id = %(id)s order by number desc limit 1"
    assert await database.fetch_value(newest, {"id": owner.account_id}) == "account.deleted"


class AnyUrl:
    """Lets all pass."""

    async def check_url(self, url: str) -> None:
        pass


async def test_queues_are_looked_at_while_an_account_goes(database: Database) -> None:
    """Neither waits for the other, and of others what there is to see is seen."""
    going, staying = [(await factories.account(database)).account_id for _ in range(2)]
    for account_id in (going, staying):
        waiting = {"account_id": account_id, "message_id": "msg_1", "created_at": now()}
        await factories.insert(database, "search_queue", waiting)
    async with database.transaction() as transaction:
        await transaction.execute("delete from accounts where id = %(id)s", {"id": going})
        with trio.fail_after(5):
            assert await operations.look(database) == 1
    assert await database.fetch_value("select array_agg(account_id) from queue_hours") == [staying]
    assert await operations.look(database) == 0


async def test_nothing_of_others_goes_with_it(database: Database) -> None:
    """Neither what they have of the same mail, address, program or domain, nor what they have with the account."""
    owner, other = await factories.account(database), (await factories.account(database)).account_id
    await fill(database, owner.account_id)
    bot = await factories.agent(database, other, "bot@neighbour.example")
    await factories.agent(database, other, f"bot@sub.{DOMAIN}")
    await factories.message(database, other, bot)
    await factories.message(database, other, bot, header_from=AGENT, envelope_from=AGENT)
    await factories.sent(database, other, (AGENT, OUTSIDER), bot)
    grant = {"account_id": other, "id": "theirs", "client_id": "client", "scope": "account"}
    await factories.insert(database, "oauth_grants", grant)
    token = {"token_sha256": b"o" * 32, "kind": "access", "grant_id": "theirs", "expires_at": now()}
    await factories.insert(database, "oauth_tokens", {"account_id": other, **token})
    for address in (AGENT, OUTSIDER):
        row = {"account_id": other, "address": address}
        await factories.insert(database, "suppressions", {**row, "source": "manual"})
        await factories.insert(database, "contacts", {**row, "source": "manual", "etag": b"e" * 16})
        await factories.insert(database, "correspondents", {**row, "agent_email": bot, "skeleton": address})
    await factories.insert(database, "sessions", {"account_id": other, "token_sha256": b"t" * 32, "expires_at": now()})
    before = await rows(database)
    closing = Closing(database, KEYS)
    await closing.close(owner.account_id)
    await closing.erase(owner.account_id, Counter())
    after = await rows(database)
    before["domain_keys"].clear()  # of the account's own domain, which a key names instead of the account
    for table, texts in before.items():
        if table not in LEFT:
            assert after[table] == Counter(text for text in texts.elements() if owner.account_id not in text), table
    assert other in "".join(after["contents"])
