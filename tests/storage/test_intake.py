"""The one statement of mail in: every value in its own row, and one plan whatever the mails look like."""

import hashlib

import attrs
import trio

from e2ad.core import signing
from e2ad.gateway import mint
from e2ad.storage import intake
from e2ad.storage.intake import NewMessage
from e2ad.storage.pool import Database, open_pool
from tests import factories

AGENT = "bot@agents.test"
WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


def message(account_id: str, number: int) -> NewMessage:
    """A mail like no other of the batch: any of its values can be told from its neighbours'."""
    message_id = mint.new_id("msg_")
    raw = f"Subject: {number}\r\n\r\n".encode() + bytes([65 + number]) * (300_000 * (number % 2) + 1)
    return NewMessage(
        id=message_id,
        account_id=account_id,
        agent_email=AGENT,
        dedupe_key=hashlib.sha256(raw).digest(),
        created_at=mint.now(),
        forward_path=AGENT,
        envelope_from=None if number == 1 else f"from{number}@a.test",
        header_from=None,
        sender_name="",
        addresses=f'{{"to": ["to{number}@a.test"], "cc": ["cc{number}@a.test"], "reply_to": ["re{number}@a.test"]}}',
        subject=f"subject {number}",
        sent_at=mint.now() if number == 2 else None,
        message_id=None,
        message_id_key=None,
        reference_keys=f"key{number} other" if number else None,
        conversation_id=mint.new_id("conv_"),
        threaded=False,
        text=f"text {number}" + "x" * (200_000 * (number % 2)),
        new_text=f"new {number}" if number % 2 else None,
        html=f"<p>{number}</p>" if number > 1 else None,
        truncated=False,
        attachments=f"[{number}]",
        automation=None,
        defects=f'["{number}"]',
        peer_address="127.0.0.1",
        helo="h",
        authentication=f'{{"n": {number}}}',
        verified=number == 3,
        verified_domain="a.test" if number == 3 else None,
        domain_check="spf=none; dkim=none",
        entity_type="human",
        delegation="",
        content_sha256=hashlib.sha256(raw).digest(),
        size=len(raw),
        event_id=signing.event_id(message_id, "email.received"),
        envelope=f'{{"n": {number}}}',
        raw=raw,
    )


async def household(database: Database) -> str:
    account_id = (await factories.account(database)).account_id
    await factories.agent(database, account_id, AGENT)
    return account_id


async def test_every_value_lands_in_its_own_row(database):
    account_id = await household(database)
    batch = [message(account_id, number) for number in range(5)]
    gone = attrs.evolve(message(account_id, 5), agent_email="gone@agents.test")
    outcome = await intake.store(database, [gone, *batch], outbox=True)
    assert not outcome[gone.id].live
    assert all(outcome[m.id].stored for m in batch)
    for number, sent in enumerate(batch):
        row = await database.fetch_one(
            "select m.*, c.raw, e.envelope from messages m"
            " join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256"
            " join events e on e.account_id = m.account_id and e.message_id = m.id where m.id = %(id)s",
            {"id": sent.id},
        )
        assert row is not None
        for name in (
            "envelope_from",
            "subject",
            "sent_at",
            "new_text",
            "verified",
            "verified_domain",
            "envelope",
            "raw",
        ):
            assert row[name] == getattr(sent, name), name
        assert (row["body_text"], row["body_html"]) == (sent.text, sent.html)
        assert row["to_addresses"] == [f"to{number}@a.test"]
        assert row["cc_addresses"] == [f"cc{number}@a.test"]
        assert row["reply_to_addresses"] == [f"re{number}@a.test"]
        assert row["reference_keys"] == ([f"key{number}", "other"] if number else [])
        assert (row["attachments"], row["defects"]) == ([number], [str(number)])
        assert row["authentication"] == {"n": number}


async def test_one_prepared_statement_serves_all_mails(database_dsn):
    async with open_pool(database_dsn, size=1) as database:
        account_id = await household(database)
        for number in range(12):
            await intake.store(database, [message(account_id, number)], outbox=True)
        prepared = await database.fetch_value(
            "select count(*) from pg_prepared_statements where statement like '%intake_keys%'"
        )
        assert prepared == 1


async def test_mail_in_has_its_conversation_before_it_counts(database: Database) -> None:
    """As an answer on its way out does: when both cross each other, neither waits for what the other has."""
    account_id = await household(database)
    first = message(account_id, 0)
    second = attrs.evolve(message(account_id, 1), conversation_id=first.conversation_id, threaded=True)
    await intake.store(database, [first], outbox=True)

    async def comes_in() -> None:
        await intake.store(database, [second], outbox=True)

    async with trio.open_nursery() as nursery, database.transaction() as going_out:
        await going_out.execute("update messages set threaded = true where id = %(id)s", {"id": first.id})
        nursery.start_soon(comes_in)
        with trio.fail_after(10):
            while not await database.fetch_value(WAITING):
                await trio.sleep(0.01)
        await going_out.execute("update account_usage set messages_month = 1")
    assert await database.fetch_value("select bool_and(threaded) from messages")
    assert await database.fetch_value("select storage_bytes from account_usage") == first.size + second.size
