"""An effect and its row in the audit log are one: neither without the other, whatever ends a transaction where."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from attrs import evolve

from e2ad.core.audit import SYSTEM, Actor, Head, verify
from e2ad.core.errors import Conflict, MessageNotPending, NotFound, RateLimited
from e2ad.core.protection import Gate, Inbound, Protection
from e2ad.core.sealing import KeyRing
from e2ad.gateway import api_keys, audit, closing, protection, signing_secrets
from e2ad.gateway.drafting import File
from e2ad.gateway.edits import Edits
from e2ad.gateway.exports import Exports
from e2ad.gateway.principals import Principal
from e2ad.gateway.reviews import Reviewer
from e2ad.storage import audit as storage
from e2ad.storage import retention
from e2ad.storage.audit import Line
from e2ad.storage.pool import Database, Executor
from tests.gateway.test_intake_gate import ANN, hold_sha, protected, receive
from tests.gateway.test_intake_gate import house as mail_house
from tests.gateway.test_reviews import (
    ACCOUNT,
    AGENT,
    REVIEWS,
    TABLES,
    Died,
    Dying,
    decide,
    held,
    house,
    run,
)

__all__ = ["house", "mail_house"]

KEYS = KeyRing(("a deployment secret of the tests, long enough",))
ALICE = Actor("key", "apk_alice", "192.0.2.7")
PERSON = Reviewer("api", "apk_alice", ALICE)


async def log(database: Executor, account_id: str = ACCOUNT) -> list[Line]:
    """All rows, oldest first."""
    return (await audit.page(database, account_id, limit=1000))[::-1]


async def is_whole(database: Executor, account_id: str = ACCOUNT) -> bool:
    rows = await storage.rows(database, account_id, after=None, limit=10_000)
    return verify(account_id, rows, await storage.head(database, account_id)) is None


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    async with database.connection() as connection:
        tables = (*TABLES, "audit_log", "audit_heads")
        return {table: await connection.fetch_all(f"select * from {table} order by 1, 2") for table in tables}


async def expire(house: Database, executor: Executor, message_id: str, on_expiry: str) -> None:
    await run(house, "update holds set on_expiry = %(e)s", e=on_expiry)
    locked = await REVIEWS._lock(executor, ACCOUNT, message_id)
    hold = await REVIEWS.expired(executor, locked)
    if hold.on_expiry == "approve":
        await REVIEWS.expire_approving(executor, locked, hold)
    else:
        await REVIEWS.expire_rejecting(executor, locked, hold, "the time to decide ran out")


DECISIONS = ["approve", "reject", "edit", "expire approve", "expire reject"]
ACTIONS = dict(
    zip(
        DECISIONS,
        ["review.approved", "review.rejected", "review.edited", "review.expired_approved", "review.expired_rejected"],
        strict=True,
    )
)


async def ended(house: Database, verb: str, executor: Executor, message_id: str) -> None:
    if verb.startswith("expire"):
        await expire(house, executor, message_id, verb.split()[1])
    else:
        await decide(verb, executor, message_id)


@pytest.mark.parametrize("verb", DECISIONS)
async def test_no_decision_without_its_row_wherever_it_dies(house: Database, verb: str) -> None:
    message_id = await held(house)
    await run(house, "update holds set on_expiry = %(e)s", e=verb.split()[-1] if "expire" in verb else "reject")
    before = await everything(house)
    for statements in range(40):
        try:
            async with house.transaction() as transaction:
                await ended(house, verb, Dying(transaction, statements), message_id)
        except Died:
            assert await everything(house) == before
        else:
            break
    else:
        pytest.fail("it never came to an end")
    (line,) = await log(house)
    assert (line.action, line.subject) == (ACTIONS[verb], message_id)
    assert await is_whole(house)


class Cancelling(Dying):
    """Cancels before a statement, or while it runs on the server."""

    def __init__(self, executor: Executor, statements: int, scope: trio.CancelScope, *, during: bool) -> None:
        super().__init__(executor, statements)
        self.scope, self.during = scope, during

    async def _run(self, *args: Any) -> Any:
        if self.left:
            self.left -= 1
            return await self.executor._run(*args)
        if not self.during:
            self.scope.cancel()
            return await self.executor._run(*args)
        answer = await self.executor._run(*args)
        self.scope.cancel()
        await trio.lowlevel.checkpoint()
        return answer


@pytest.mark.parametrize("during", [False, True])
@pytest.mark.parametrize("verb", DECISIONS)
async def test_no_decision_without_its_row_wherever_it_is_cancelled(house: Database, verb: str, during: bool) -> None:
    message_id = await held(house)
    await run(house, "update holds set on_expiry = %(e)s", e=verb.split()[-1] if "expire" in verb else "reject")
    before = await everything(house)
    for statements in range(40):
        with trio.CancelScope() as scope:
            async with house.transaction() as transaction:
                await ended(house, verb, Cancelling(transaction, statements, scope, during=during), message_id)
        if not scope.cancelled_caught:
            break
        assert await everything(house) == before
    assert [line.action for line in await log(house)] == [ACTIONS[verb]]
    assert await is_whole(house)


class Killing(Dying):
    """The server ends the connection after so many statements."""

    async def _run(self, *args: Any) -> Any:
        answer = await self.executor._run(*args)
        self.left -= 1
        if not self.left:
            pid = await self.executor.fetch_value("select pg_backend_pid()")
            await self.executor.database.fetch_value("select pg_terminate_backend(%(pid)s, 5000)", {"pid": pid})
        return answer


@pytest.mark.parametrize("verb", ["approve", "reject", "edit"])
async def test_no_decision_without_its_row_wherever_the_server_dies(house: Database, verb: str) -> None:
    message_id = await held(house)
    before = await everything(house)
    for statements in range(1, 40):
        try:
            async with house.transaction() as transaction:
                transaction.database = house  # type: ignore[attr-defined]  # for Killing
                killing = Killing(transaction, statements)
                await decide(verb, killing, message_id)
                if killing.left > 0:
                    break
        except Exception:  # whatever a lost connection is said by
            assert await everything(house) == before
            continue
        pytest.fail("a transaction without a connection was committed")
    assert [line.action for line in await log(house)] == [ACTIONS[verb]]
    assert await is_whole(house)


async def test_an_approval_tells_what_it_was_about(house: Database) -> None:
    message_id = await held(house, cc=("bob@example.org",), text="May I?")
    (revision,) = await house.fetch_all("select sha256 from hold_revisions")
    seen = bytes(revision["sha256"])
    edits = Edits(to=["eve@example.net"], text="You may.", attachments=[File("a.txt", "text/plain", "aGk=")])
    async with house.transaction() as transaction:
        await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON, edits=edits, seen=seen)
    (line,) = await log(house)
    assert (line.actor_kind, line.actor, line.action, line.subject) == (
        "key",
        "apk_alice",
        "review.approved",
        message_id,
    )
    known = line.evidence
    newest = await house.fetch_value("select sha256 from hold_revisions where revision = 2")
    assert known["content_sha256"] == bytes(newest).hex()
    assert (known["seen_sha256"], known["before_sha256"], known["revision"]) == (seen.hex(), seen.hex(), 2)
    assert known["client_address"] == "192.0.2.7"
    assert (known["direction"], known["agent_email"]) == ("outbound", AGENT)
    assert known["held_for"]["type"] == "send"
    assert [(one["address"], one["place"]) for one in known["recipients"]] == [
        ("eve@example.net", "to"),
        ("bob@example.org", "cc"),
    ]
    changed = known["changed"]
    assert changed["to"] == {"before": ["ada@example.org"], "after": ["eve@example.net"]}
    assert changed["text"]["after_sha256"] == hashlib.sha256(b"You may.").hexdigest()
    assert changed["attachments"]["after"] == [
        {"filename": "a.txt", "sha256": hashlib.sha256(b"hi").hexdigest(), "bytes": 2}
    ]
    assert known["left_as"].endswith("@agents.test>")
    assert "You may" not in str(known)
    assert "May I" not in str(known)


async def test_an_edit_and_then_a_rejection(house: Database) -> None:
    message_id = await held(house)
    async with house.transaction() as transaction:
        await REVIEWS.edit(transaction, ACCOUNT, message_id, PERSON, Edits(subject="Other"))
    async with house.transaction() as transaction:
        # Nothing is changed, so there is nothing to tell.
        await REVIEWS.edit(transaction, ACCOUNT, message_id, PERSON, Edits(subject="Other"))
        await REVIEWS.reject(transaction, ACCOUNT, message_id, Reviewer("link", "x"), reason="spam")
    edited, rejected = await log(house)
    assert (edited.action, edited.evidence["revision"]) == ("review.edited", 2)
    assert set(edited.evidence["changed"]) == {"subject"}
    assert (rejected.action, rejected.actor_kind, rejected.evidence["reason"]) == ("review.rejected", "link", "spam")
    assert rejected.evidence["content_sha256"] == edited.evidence["content_sha256"]


async def test_where_a_recipient_was_known_from(house: Database) -> None:
    message_id = await held(house)
    finding = {
        "source": "gate",
        "detector": "provenance",
        "address": "ada@example.org",
        "provenance": "content",
        "summary": "ada@example.org was named in a mail",
        "message_id": "msg_whence",
    }
    await house.execute("update holds set findings = %(f)s::jsonb", {"f": json.dumps([finding])})
    async with house.transaction() as transaction:
        await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON)
    (line,) = await log(house)
    assert line.evidence["recipients"] == [
        {
            "address": "ada@example.org",
            "place": "to",
            "provenance": "content",
            "why": "ada@example.org was named in a mail",
            "seen_in": "msg_whence",
        }
    ]
    assert line.evidence["findings"] == [finding]


async def test_received_mail_tells_how_its_sender_authenticated(mail_house: Database) -> None:
    message_id, _ = await receive(mail_house, protected("allowlist", "review"))
    (message,) = await mail_house.fetch_all("select * from messages")
    async with mail_house.transaction() as transaction:
        await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON, seen=hold_sha(message))
    protected_first, line = await log(mail_house)
    assert protected_first.action == "protection.changed"
    assert line.evidence["direction"] == "inbound"
    assert line.evidence["content_sha256"] == bytes(message["content_sha256"]).hex()
    assert line.evidence["sender"] == {
        "header_from": ANN,
        "envelope_from": message["envelope_from"],
        "verified_domain": message["verified_domain"],
        "authentication": message["authentication"],
    }
    assert "recipients" not in line.evidence


async def test_of_all_who_decide_at_once_one_row_is_left(house: Database) -> None:
    """And nobody waits for ever for the head of the log."""
    ids = [await held(house, conversation_id=f"conv_{number}") for number in range(6)]

    async def person(message_id: str, verb: str) -> None:
        with trio.fail_after(30):
            try:
                async with house.transaction() as transaction:
                    await decide(verb, transaction, message_id)
            except (MessageNotPending, Conflict):
                pass

    async with trio.open_nursery() as nursery:
        for message_id in ids:
            for verb in ("approve", "reject", "edit"):
                nursery.start_soon(person, message_id, verb)
    lines = await log(house)
    final = [line.subject for line in lines if line.action != "review.edited"]
    assert sorted(final) == sorted(ids)
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    assert await is_whole(house)


GATE = Protection(inbound=Inbound(gate=Gate(policy="allowlist", allowlist=("ann@example.org",))))


async def _protect(database: Database) -> None:
    await protection.put(database, ACCOUNT, AGENT, GATE, screening=False, actor=ALICE)


async def _holds(database: Database) -> None:
    await protection.change_holds(
        database, ACCOUNT, AGENT, required=True, ttl_seconds=None, on_expiry="approve", actor=ALICE
    )


async def _key(database: Database) -> None:
    await api_keys.create(database, ACCOUNT, "a key", scope="agent", agent_email=AGENT, actor=ALICE)


async def _revoke(database: Database) -> None:
    await database.execute(
        "insert into api_keys (account_id, id, name, key_hash, key_prefix, scope)"
        " values (repeat('a', 32), 'apk_9', 'n', sha256('k'), 'e2a_', 'account') on conflict do nothing"
    )
    await api_keys.revoke(database, ACCOUNT, "apk_9", ALICE)


async def _secret(database: Database) -> None:
    await signing_secrets.create(database, KEYS, ACCOUNT, "second", ALICE)


VERBS: dict[str, tuple[Callable[[Database], Awaitable[None]], str]] = {
    "protection.changed": (_protect, AGENT),
    "protection.changed by the classic API": (_holds, AGENT),
    "key.created": (_key, "apk_"),
    "key.deleted": (_revoke, "apk_9"),
    "signing_secret.created": (_secret, "wsec_"),
}


@pytest.mark.parametrize("name", VERBS)
async def test_what_decides_about_access_is_told(house: Database, name: str) -> None:
    verb, subject = VERBS[name]
    await verb(house)
    (line,) = await log(house)
    assert (line.actor_kind, line.actor, line.action) == ("key", "apk_alice", name.split()[0])
    assert line.subject.startswith(subject)
    assert line.evidence["client_address"] == "192.0.2.7"
    assert await is_whole(house)


@pytest.mark.parametrize("name", VERBS)
async def test_no_effect_without_its_row(house: Database, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the log cannot be written, nothing is done."""

    async def broken(*_: Any, **__: Any) -> None:
        raise Died

    tables = ("agents", "api_keys", "signing_secrets")

    async def stored() -> list[Any]:
        return [await house.fetch_all(f"select * from {table}") for table in tables]

    verb, _ = VERBS[name]
    if name == "key.deleted":
        await verb(house)
        await house.execute("update api_keys set revoked_at = null")
    before, rows = await stored(), await log(house)
    monkeypatch.setattr(storage, "append", broken)
    with pytest.raises(Died):
        await verb(house)
    assert await stored() == before
    assert await log(house) == rows


async def test_what_changed_of_a_protection(house: Database) -> None:
    many = tuple(f"p{number:03}@example.org" for number in range(300))
    await protection.put(house, ACCOUNT, AGENT, GATE, screening=False, actor=ALICE)
    await protection.put(house, ACCOUNT, AGENT, GATE, screening=False, actor=ALICE)
    wider = evolve(GATE, inbound=evolve(GATE.inbound, gate=evolve(GATE.inbound.gate, allowlist=many)))
    await protection.put(house, ACCOUNT, AGENT, wider, screening=False, actor=ALICE)
    first, second = await log(house)
    assert first.evidence["changed"]["inbound.gate.policy"] == {"before": "open", "after": "allowlist"}
    (change,) = second.evidence["changed"].values()
    assert change["removed"] == ["ann@example.org"]
    assert (change["entries"], change["added"][:1], change["added"][-1]) == (
        300,
        ["p000@example.org"],
        "... 300 in all",
    )


async def test_the_log_outlives_its_account_for_a_while(house: Database) -> None:
    await house.execute("insert into accounts (id, email) values (repeat('b', 32), 'bob@example.com')")
    for account_id in (ACCOUNT, "b" * 32):
        await api_keys.create(house, account_id, "a key")
    verbs = closing.Closing(house, KEYS)
    email = await house.fetch_value("select email from accounts where id = %(id)s", {"id": ACCOUNT})
    gone = await verbs.close(ACCOUNT, ALICE)
    await verbs.erase(ACCOUNT, gone)
    assert await house.fetch_value("select count(*) from accounts") == 1
    made, deleted = await log(house)
    assert (made.action, deleted.action, deleted.subject) == ("key.created", "account.deleted", ACCOUNT)
    assert (deleted.actor, deleted.evidence["email"], deleted.evidence["ended"]["api_keys"]) == ("apk_alice", email, 1)
    assert await is_whole(house)
    with pytest.raises(NotFound):
        await api_keys.revoke(house, ACCOUNT, "apk_1", ALICE)
    assert await retention.drop_audit(house, closing.KEPT_DAYS) == 0
    assert await retention.drop_audit(house, -1) == 2
    assert await log(house) == []
    assert await storage.head(house, ACCOUNT) is None
    assert await storage.next_account(house, "") == "b" * 32
    assert await retention.drop_audit(house, -1) == 0


async def test_a_log_whose_account_was_removed_by_hand_is_never_swept(house: Database) -> None:
    await house.execute("insert into accounts (id, email) values (repeat('b', 32), 'bob@example.com')")
    await api_keys.create(house, "b" * 32, "a key")
    await house.execute("delete from accounts where id = repeat('b', 32)")
    assert await retention.drop_audit(house, -1) == 0
    assert len(await log(house, "b" * 32)) == 1


async def test_what_somebody_else_lost_is_told_to_them_alone(house: Database) -> None:
    """And an account that is closed, or gone, is told nothing, and keeps nobody."""
    await house.execute(
        "insert into accounts (id, email, closed_at) values"
        " (repeat('b', 32), 'bob@example.com', null), (repeat('c', 32), 'carl@example.com', now())"
    )
    async with house.transaction() as transaction:
        await audit.alone(transaction)
        for account_id in ("b" * 32, "c" * 32, "d" * 32):
            await audit.record_elsewhere(transaction, account_id, SYSTEM, "domain.displaced", "acme.example", {})
    assert [len(await log(house, letter * 32)) for letter in "bcd"] == [1, 0, 0]
    assert await is_whole(house, "b" * 32)


async def test_an_export_is_told_when_it_begins(house: Database) -> None:
    exports = Exports(house, 2, 60)
    export = await exports.begin(ACCOUNT, ALICE)
    with pytest.raises(RateLimited):
        await exports.begin(ACCOUNT, ALICE)
    await export.aclose()
    (line,) = await log(house)
    assert (line.actor, line.action, line.evidence["what"]) == ("apk_alice", "account.exported", "all")


@pytest.mark.parametrize(
    ("principal", "actor"),
    [
        (Principal("a", key_id="apk_1"), Actor("key", "apk_1", "ip")),
        (Principal("a", key_id="apk_1", scope="agent", agent_email=AGENT), Actor("key", "apk_1", "ip")),
        (Principal("a", session_id="ses_1"), Actor("session", "ses_1", "ip")),
        (Principal("a", grant_id="grant_1", scope="agent", agent_email=AGENT), Actor("program", "grant_1", "ip")),
        (Principal("a", scope="agent", agent_email=AGENT), Actor("identity", AGENT, "ip")),
    ],
)
def test_who_a_caller_is(principal: Principal, actor: Actor) -> None:
    assert audit.actor_of(principal, "ip") == actor


async def test_a_whole_log_is_looked_at_page_by_page(house: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 7)
    async with house.transaction() as transaction:
        for number in range(20):
            await audit.record(transaction, ACCOUNT, SYSTEM, "key.created", f"apk_{number}\nx")
    seen: list[int] = []
    pages: list[int] = []

    async def write(rows: list[Any]) -> None:
        pages.append(len(rows))

    async with house.snapshot(60) as snapshot:
        checked = await audit.check(snapshot, ACCOUNT, None, seen.append, write)
        assert (checked.rows, checked.flaw, seen, pages) == (20, None, [7, 14, 20], [7, 7, 6])
        kept = Head(10, (await log(house))[9].digest)
        assert (await audit.check(snapshot, ACCOUNT, kept, seen.append)).flaw is None
        wrong = await audit.check(snapshot, ACCOUNT, Head(10, bytes(32)), seen.append)
        assert wrong.flaw is not None
        assert (wrong.flaw.number, wrong.rows, seen[-2:]) == (10, 9, [7, 14])
        assert [account_id async for account_id in audit.accounts(snapshot)] == [ACCOUNT]


async def test_a_decision_costs_one_statement_more_and_that_is_the_last(house: Database) -> None:
    """Number, chain and head are the database's; and whoever has the head waits for nobody any more."""

    class Noting(Dying):
        async def _run(self, *args: Any) -> Any:
            statements.append(args[0])
            return await self.executor._run(*args)

    for verb in DECISIONS:
        message_id, statements = await held(house), list[str]()
        async with house.transaction() as transaction:
            await ended(house, verb, Noting(transaction, 0), message_id)
        audited = [index for index, statement in enumerate(statements) if "audit" in statement]
        assert audited == [len(statements) - 1], verb


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("", ""),
        ("https://hooks.test", "https://hooks.test"),
        ("https://hooks.test/a/b?token=secret", "https://hooks.test/a/b"),
        ("https://user:p%40ss@hooks.test:8443/a", "https://hooks.test:8443/a"),
        ("https://user:a@b@hooks.test", "https://hooks.test"),
        ("https://hooks.test/@me", "https://hooks.test/@me"),
    ],
)
def test_the_log_keeps_no_password_of_a_url(url: str, kept: str) -> None:
    assert audit.public_part(url) == kept
