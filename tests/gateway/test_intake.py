"""Group commit: what a batch stores, what it leaves out, and who learns what when something breaks."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import attrs
import pytest
import trio
import trio.testing

from e2ad.core import errors, events, signing
from e2ad.gateway import intake as gateway
from e2ad.gateway import mint
from e2ad.gateway.intake import Arrival, Found, Intake, StoredArrival
from e2ad.storage import intake as storage
from e2ad.storage.intake import NewMessage
from e2ad.storage.pool import Database

ACCOUNT = "a" * 32
AGENT = "bot@agents.test"


async def household(database: Database, *agents: str, cloud: str = "", account: str = ACCOUNT) -> None:
    """An account with agents on a verified domain."""
    await database.execute(
        "insert into accounts (id, email) values (%(id)s, %(id)s || '@owner.test') on conflict do nothing",
        {"id": account},
    )
    await database.execute(
        "insert into domains (domain, verified, verification_token) values ('agents.test', true, 't')"
        " on conflict do nothing"
    )
    for agent in agents:
        await database.execute(
            "insert into agents (email, account_id, domain, registered_domain, agent_mode, webhook_url)"
            " values (%(email)s, %(account)s, 'agents.test', 'agents.test', %(mode)s, %(url)s)",
            {"email": agent, "account": account, "mode": "cloud" if cloud else "local", "url": cloud},
        )


@attrs.frozen(kw_only=True)
class Mail(Arrival):
    """One mail as it will be stored where nothing is known of it: what the tests compare with."""

    message: NewMessage


def judged(message: NewMessage, found: Found) -> NewMessage:
    """As `gateway.arrivals` does it for an agent that takes all mail."""
    data = {"message_id": message.id}
    if found.conversation_id is not None:
        data["conversation_id"] = found.conversation_id
    return attrs.evolve(
        message,
        conversation_id=found.conversation_id or message.conversation_id,
        threaded=message.threaded or found.conversation_id is not None or found.answered,
        thread_id=found.thread_id,
        envelope=events.envelope("email.received", message.event_id, message.created_at, data),
    )


def arrival(agent: str = AGENT, raw: bytes = b"Subject: x\r\n\r\nhi\r\n", **changes: object) -> Mail:
    """One mail for one agent."""
    message_id = mint.new_id("msg_")
    at = mint.now()
    event_id = signing.event_id(message_id, "email.received")
    data = {"message_id": message_id}
    sha256 = hashlib.sha256(raw).digest()
    message = NewMessage(
        id=message_id,
        account_id=ACCOUNT,
        agent_email=agent,
        dedupe_key=hashlib.sha256(raw).digest(),
        created_at=at,
        forward_path=agent,
        envelope_from=None,
        header_from="ada@example.org",
        sender_name="",
        addresses='{"to": ["bot@agents.test"], "cc": [], "reply_to": []}',
        subject="x",
        sent_at=None,
        message_id=None,
        message_id_key=None,
        reference_keys=None,
        conversation_id=mint.new_id("conv_"),
        threaded=False,
        text="hi",
        new_text="hi",
        html=None,
        truncated=False,
        attachments="[]",
        automation=None,
        defects="[]",
        peer_address="127.0.0.1",
        helo="h",
        authentication='{"spf": {}}',
        verified=False,
        verified_domain=None,
        domain_check="spf=none; dkim=none",
        entity_type="human",
        delegation="",
        content_sha256=sha256,
        size=len(raw),
        event_id=event_id,
        envelope=events.envelope("email.received", event_id, at, data),
        raw=raw,
    )
    message = attrs.evolve(message, **changes)
    return Mail(
        id=message.id,
        account_id=message.account_id,
        agent_email=message.agent_email,
        size=message.size,
        conversation_id=message.conversation_id,
        threaded=message.threaded,
        message_id_key=message.message_id_key,
        reference_keys=message.reference_keys,
        sender=message.header_from,
        look=message.look,
        judge=partial(judged, message),
        thread_keys=tuple((message.reference_keys or "").split()),
        dedupe_key=message.dedupe_key,
        message=message,
    )


class Ledger:
    """Remembers what the intake tells."""

    def __init__(self) -> None:
        self.stored: list[StoredArrival] = []
        self.usage: dict[str, int] = {}

    def take(self, arrivals: Sequence[StoredArrival]) -> None:
        self.stored += arrivals

    def intake(self, database: Database, *, outbox: bool = True) -> Intake:
        return Intake(database, outbox=outbox, on_stored=self.take, on_usage=self.usage.__setitem__)


async def submit_all(intake: Intake, *transactions: Sequence[Arrival]) -> list[object]:
    """Hand in several transactions at once; ids or the error of each."""
    results: list[object] = [None] * len(transactions)

    async def one(position: int, arrivals: Sequence[Arrival]) -> None:
        try:
            results[position] = await intake.submit(arrivals)
        except Exception as error:
            results[position] = error

    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as senders:
            for position, arrivals in enumerate(transactions):
                senders.start_soon(one, position, arrivals)
            await trio.testing.wait_all_tasks_blocked()
            await nursery.start(intake.run)
        nursery.cancel_scope.cancel()
    return results


async def count(database: Database, table: str) -> int:
    return int(await database.fetch_value(f"select count(*) from {table}"))


async def test_one_mail_is_stored_with_its_event_and_told(database: Database) -> None:
    await household(database, AGENT)
    ledger = Ledger()
    mail = arrival()
    [ids] = await submit_all(ledger.intake(database), [mail])
    assert ids == (mail.message.id,)
    row = await database.fetch_one("select * from messages")
    assert row is not None
    assert (row["id"], row["agent_email"], row["unread"], row["direction"]) == (mail.message.id, AGENT, True, "inbound")
    assert row["to_addresses"] == ["bot@agents.test"]
    assert bytes(await database.fetch_value("select raw from contents")) == mail.message.raw
    event = await database.fetch_one("select * from events")
    assert event is not None
    assert event["envelope"] == mail.message.envelope
    assert [told.message.id for told in ledger.stored] == [mail.message.id]
    assert ledger.usage == {ACCOUNT: len(mail.message.raw)}


async def test_a_batch_is_two_statements(database: Database) -> None:
    await household(database, AGENT)
    before = database.statements
    mails = [[arrival(raw=f"Subject: {n}\r\n\r\n".encode())] for n in range(20)]
    results = await submit_all(Ledger().intake(database), *mails)
    assert all(isinstance(result, tuple) for result in results)
    assert database.statements - before == 2, "one look-up, one that stores"
    assert await count(database, "messages") == 20


async def test_content_is_stored_once_for_all_recipients(database: Database) -> None:
    agents = [f"bot{n}@agents.test" for n in range(5)]
    await household(database, *agents)
    [ids] = await submit_all(Ledger().intake(database), [arrival(agent) for agent in agents])
    assert isinstance(ids, tuple)
    assert len(set(ids)) == 5
    assert await count(database, "messages") == 5
    assert await count(database, "contents") == 1


async def test_the_same_mail_again_is_answered_with_the_first_id(database: Database) -> None:
    await household(database, AGENT)
    first = arrival()
    await submit_all(Ledger().intake(database), [first])
    ledger = Ledger()
    [again] = await submit_all(ledger.intake(database), [arrival()])
    assert again == (first.message.id,)
    assert await count(database, "messages") == 1
    assert await count(database, "events") == 1
    assert ledger.stored == []


async def test_the_same_mail_twice_in_one_batch_is_one_message(database: Database) -> None:
    await household(database, AGENT)
    first, second = await submit_all(Ledger().intake(database), [arrival()], [arrival()])
    assert first == second
    assert await count(database, "messages") == 1


async def test_after_72_hours_the_same_mail_is_a_new_message(database: Database) -> None:
    await household(database, AGENT)
    await submit_all(Ledger().intake(database), [arrival()])
    later = arrival(created_at=mint.now() + timedelta(hours=72, minutes=1))
    [ids] = await submit_all(Ledger().intake(database), [later])
    assert ids == (later.message.id,)
    assert await count(database, "messages") == 2


async def test_an_agent_that_went_away_since_rcpt_is_skipped(database: Database) -> None:
    await household(database, AGENT, "gone@agents.test")
    await database.execute("update agents set deleted_at = now() where email = 'gone@agents.test'")
    [ids] = await submit_all(Ledger().intake(database), [arrival(), arrival("gone@agents.test")])
    assert isinstance(ids, tuple)
    assert await database.fetch_all("select agent_email from messages") == [{"agent_email": AGENT}]


async def test_deliveries_for_the_agents_own_url_and_for_who_subscribed(database: Database) -> None:
    await household(database, AGENT, cloud="https://agent.test/mail")
    await household(database, "other@agents.test")
    ring_row = {
        "account": ACCOUNT,
        "events": ["email.received"],
    }
    for name, agents, labels, enabled, kinds in [
        ("wh_all", [], [], True, ["email.received"]),
        ("wh_mine", [AGENT], [], True, ["email.received", "email.sent"]),
        ("wh_other", ["other@agents.test"], [], True, ["email.received"]),
        ("wh_label", [], ["vip"], True, ["email.received"]),
        ("wh_off", [], [], False, ["email.received"]),
        ("wh_sent", [], [], True, ["email.sent"]),
    ]:
        await database.execute(
            "insert into webhooks (account_id, id, url, events, agent_emails, labels, enabled, sealed_secret)"
            " values (%(account)s, %(id)s, 'https://x.test', %(kinds)s, %(agents)s, %(labels)s, %(enabled)s, '')",
            ring_row | {"id": name, "agents": agents, "labels": labels, "enabled": enabled, "kinds": kinds},
        )
    ledger = Ledger()
    await submit_all(ledger.intake(database), [arrival()])
    rows = await database.fetch_all("select kind, endpoint from deliveries order by endpoint")
    assert rows == [
        {"kind": "agent", "endpoint": AGENT},
        {"kind": "webhook", "endpoint": "wh_all"},
        {"kind": "webhook", "endpoint": "wh_mine"},
    ]
    assert await database.fetch_value("select matched_endpoints from events") == ["wh_all", "wh_mine"]
    assert ledger.stored[0].deliveries == 3


async def test_without_the_outbox_only_the_agents_own_url_gets_mail(database: Database) -> None:
    await household(database, AGENT, cloud="https://agent.test/mail")
    await database.execute(
        "insert into webhooks (account_id, id, url, events, sealed_secret)"
        " values (%(account)s, 'wh_1', 'https://x.test', '{email.received}', '')",
        {"account": ACCOUNT},
    )
    await submit_all(Ledger().intake(database, outbox=False), [arrival()])
    assert await database.fetch_all("select kind from deliveries") == [{"kind": "agent"}]


async def test_an_answer_joins_the_conversation_of_what_it_answers(database: Database) -> None:
    await household(database, AGENT)
    first = arrival(message_id_key="a@example.org")
    await submit_all(Ledger().intake(database), [first])
    answer = arrival(raw=b"Subject: re\r\n\r\n", reference_keys="b@example.org a@example.org")
    await submit_all(Ledger().intake(database), [answer])
    rows = await database.fetch_all("select conversation_id, threaded from messages")
    assert rows == [{"conversation_id": first.message.conversation_id, "threaded": True}] * 2
    envelope = await database.fetch_value(
        "select envelope from events where message_id = %(id)s", {"id": answer.message.id}
    )
    assert f'"conversation_id":"{first.message.conversation_id}"' in envelope


async def test_an_answer_in_the_same_batch_joins_too(database: Database) -> None:
    await household(database, AGENT)
    first = arrival(message_id_key="a@example.org")
    answer = arrival(raw=b"1\r\n", message_id_key="b@example.org", reference_keys="a@example.org")
    answer_to_that = arrival(raw=b"2\r\n", reference_keys="b@example.org")
    await submit_all(Ledger().intake(database), [first, answer, answer_to_that])
    rows = await database.fetch_all("select distinct conversation_id, threaded from messages")
    assert rows == [{"conversation_id": first.message.conversation_id, "threaded": True}]


async def threads(database: Database) -> dict[str, str | None]:
    """By message."""
    return {row["id"]: row["thread_id"] for row in await database.fetch_all("select id, thread_id from messages")}


async def test_answers_in_the_same_batch_are_in_its_thread(database: Database) -> None:
    """Of several candidates the nearest, as of those that are stored; in another mailbox nothing is an answer."""
    await household(database, AGENT, "other@agents.test")
    a, b = arrival(message_id_key="a"), arrival(raw=b"1\r\n", message_id_key="b")
    to_b = arrival(raw=b"2\r\n", message_id_key="c", reference_keys="unknown b a")
    to_c = arrival(raw=b"3\r\n", reference_keys="c")
    elsewhere = arrival("other@agents.test", raw=b"4\r\n", reference_keys="a")
    before = database.statements
    await submit_all(Ledger().intake(database), [a, b, to_b, to_c, elsewhere])
    assert database.statements - before == 2
    found = await threads(database)
    assert found[to_c.id] == found[to_b.id] == found[b.id]
    assert len({found[a.id], found[b.id], found[elsewhere.id]}) == 3


async def test_a_repeat_in_the_batch_has_no_thread_of_its_own(database: Database) -> None:
    """Of a mail in the batch or of one that is stored: its answer is in the thread of the one that is kept."""
    await household(database, AGENT)
    stored = arrival(raw=b"stored\r\n", message_id_key="s")
    await submit_all(Ledger().intake(database), [stored])
    first = arrival(raw=b"1\r\n", message_id_key="a")
    repeats = [arrival(raw=b"1\r\n", message_id_key="a"), arrival(raw=b"stored\r\n", message_id_key="s")]
    answer = arrival(raw=b"2\r\n", reference_keys="a")
    answer_to_stored = arrival(raw=b"3\r\n", reference_keys="s")
    await submit_all(Ledger().intake(database), [first, *repeats, answer, answer_to_stored])
    found = await threads(database)
    assert len(found) == 4
    assert found[answer.id] == found[first.id] != found[stored.id] == found[answer_to_stored.id]


async def test_two_in_a_batch_that_disagree_are_passed_over(database: Database) -> None:
    await household(database, AGENT)
    twice = [arrival(raw=f"{number}\r\n".encode(), message_id_key="a") for number in range(2)]
    sure = arrival(raw=b"sure\r\n", message_id_key="b")
    answers = [arrival(raw=b"2\r\n", reference_keys="a b"), arrival(raw=b"3\r\n", reference_keys="a")]
    await submit_all(Ledger().intake(database), [*twice, sure, *answers])
    found = await threads(database)
    assert found[answers[0].id] == found[sure.id]
    assert len(set(found.values())) == 4


async def test_a_batch_that_falls_apart_keeps_its_threads(database: Database) -> None:
    await household(database, AGENT)
    first = arrival(message_id_key="a")
    answer = arrival(raw=b"1\r\n", reference_keys="a")
    poisoned = arrival(raw=b"poison\r\n", attachments="this is no JSON")
    results = await submit_all(Ledger().intake(database), [first, answer], [poisoned])
    assert isinstance(results[1], Exception)
    found = await threads(database)
    assert len(found) == 2
    assert found[first.id] == found[answer.id]


async def test_a_key_of_many_mails_in_many_threads_costs_two_words(database: Database) -> None:
    await household(database, AGENT)
    await database.execute(
        """insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id,
                                 message_id_key, thread_id)
           select %(account)s, 'msg_' || n, %(agent)s, 'inbound', 'smtp', %(agent)s, 'conv_' || n, 'k', 'thr_' || n
           from generate_series(1, 500) n""",
        {"account": ACCOUNT, "agent": AGENT},
    )
    asked = [storage.Reference(7, ACCOUNT, AGENT, key) for key in ("unknown", "k")]
    found = await storage.look_up(database, asked, [])
    assert found.threads == {7: {"k": ["thr_1", "thr_99"]}}
    assert set(found.conversations) == {7}


async def test_another_agents_mail_is_no_parent(database: Database) -> None:
    await household(database, AGENT, "other@agents.test")
    await submit_all(Ledger().intake(database), [arrival("other@agents.test", message_id_key="a@example.org")])
    await submit_all(Ledger().intake(database), [arrival(raw=b"1\r\n", reference_keys="a@example.org")])
    assert await database.fetch_value("select count(distinct conversation_id) from messages") == 2
    assert await database.fetch_value("select bool_or(threaded) from messages") is False


async def test_a_mail_that_cannot_be_stored_fails_alone(database: Database) -> None:
    await household(database, AGENT)
    poisoned = arrival(raw=b"poison\r\n", attachments="this is no JSON")
    good, bad, fine = await submit_all(Ledger().intake(database), [arrival()], [poisoned], [arrival(raw=b"fine\r\n")])
    assert isinstance(good, tuple)
    assert isinstance(bad, Exception)
    assert not isinstance(bad, errors.Failure)
    assert isinstance(fine, tuple)
    assert await count(database, "messages") == 2


async def test_the_mail_of_one_transaction_is_stored_as_a_whole_or_not_at_all(database: Database) -> None:
    await household(database, AGENT, "other@agents.test")
    [bad] = await submit_all(
        Ledger().intake(database), [arrival(), arrival("other@agents.test", authentication="no JSON")]
    )
    assert isinstance(bad, Exception)
    assert await count(database, "messages") == 0
    assert await count(database, "contents") == 0
    assert await count(database, "intake_keys") == 0


async def test_a_database_that_is_gone_is_a_reason_to_try_again(database: Database) -> None:
    await household(database, AGENT)
    broken = Database("host=/nonexistent", 1, 0.2, 10.0, database.limits, None)
    results = await submit_all(Ledger().intake(broken), [arrival()], [arrival(raw=b"2")])
    assert [type(result) for result in results] == [errors.Unavailable] * 2


async def test_nobody_waits_for_ever_when_the_intake_is_cancelled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> object:
        await trio.sleep_forever()

    monkeypatch.setattr(storage, "store", never)
    intake = Ledger().intake(database)
    outcome: list[object] = []

    async def send() -> None:
        try:
            await intake.submit([arrival()])
        except errors.Unavailable as error:
            outcome.append(error)

    async with trio.open_nursery() as nursery:
        engine = trio.CancelScope()

        async def run() -> None:
            with engine:
                await intake.run()

        nursery.start_soon(send)
        nursery.start_soon(run)
        await trio.testing.wait_all_tasks_blocked()
        engine.cancel()
    assert len(outcome) == 1


async def test_a_batch_has_bounds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = storage.store

    async def watch(executor: object, batch: Sequence[NewMessage], *, outbox: bool) -> object:
        sizes.append(len(batch))
        return await real(executor, batch, outbox=outbox)

    monkeypatch.setattr(storage, "store", watch)
    monkeypatch.setattr(gateway, "MAX_MESSAGES", 8)
    await household(database, AGENT)
    mails = [[arrival(raw=f"{n}".encode())] for n in range(30)]
    await submit_all(Ledger().intake(database), *mails)
    assert sum(sizes) == 30
    assert max(sizes) <= 8


async def test_large_mail_makes_small_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = storage.store

    async def watch(executor: object, batch: Sequence[NewMessage], *, outbox: bool) -> object:
        sizes.append(len(batch))
        return await real(executor, batch, outbox=outbox)

    monkeypatch.setattr(storage, "store", watch)
    monkeypatch.setattr(gateway, "MAX_BYTES", 1000)
    await household(database, AGENT)
    await submit_all(Ledger().intake(database), *[[arrival(raw=bytes([65 + n]) * 600)] for n in range(6)])
    assert max(sizes) <= 2


async def test_a_purge_cannot_take_content_away_under_a_batch(database: Database) -> None:
    await household(database, AGENT, "other@agents.test")
    first = arrival()
    await submit_all(Ledger().intake(database), [first])
    await database.execute("delete from messages")
    async with trio.open_nursery() as nursery, database.transaction() as purge:
        await purge.execute("delete from contents where not exists (select 1 from messages)")
        nursery.start_soon(submit_all, Ledger().intake(database), [arrival("other@agents.test")])
        await trio.sleep(0.3)
    assert await count(database, "messages") == 1
    assert await count(database, "contents") == 1


async def test_who_cannot_be_told_changes_nothing_for_the_sender(database: Database) -> None:
    await household(database, AGENT)

    def stumble(_: Sequence[StoredArrival]) -> None:
        raise ValueError("a bug of whoever wanted to know")

    intake = Intake(database, outbox=True, on_stored=stumble, on_usage=lambda *_: None)
    mails = [[arrival(raw=f"Subject: {n}\r\n\r\n".encode())] for n in range(3)]
    before = database.statements
    results = await submit_all(intake, *mails)
    assert results == [(mail.message.id,) for [mail] in mails]
    assert database.statements - before == 2, "looked up and stored once and not again, one by one"


async def test_what_nobody_waits_for_any_more_is_let_go(database: Database) -> None:
    await household(database, AGENT)
    intake = Ledger().intake(database)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.01):
            await intake.submit([arrival(raw=b"Subject: gave up\r\n\r\n")])
        assert intake._receive.statistics().current_buffer_used == 1
        nursery.start_soon(intake.submit, [arrival(raw=b"Subject: waits\r\n\r\n")])
        await trio.testing.wait_all_tasks_blocked()
        runs = trio.CancelScope()

        async def run() -> None:
            with runs:
                await intake.run()

        async with trio.open_nursery() as office:
            office.start_soon(run)
            with trio.fail_after(5):
                while await count(database, "messages") == 0:
                    await trio.sleep(0.01)
            runs.cancel()
    assert await count(database, "messages") == 1


async def test_an_abandoned_mail_holds_no_memory() -> None:
    sender = Intake.__new__(Intake)
    sender._send, sender._receive = trio.open_memory_channel(1)
    with trio.move_on_after(0.01):
        await sender.submit([arrival(raw=b"x" * 100)])
    left = sender._receive.receive_nowait()
    assert left.abandoned
    assert left.arrivals == ()
