"""A mail that was accepted, through the dispatcher and over STARTTLS and AUTH, into a real Postfix."""

from pathlib import Path

import pytest
import trio

from e2ad.smtp.client import Relay
from e2ad.storage.pool import Database
from tests import factories
from tests.live.postfix import running_postfix
from tests.live.test_smtp_tls import Authority
from tests.smtp.relay import settings
from tests.workers.dispatching import Keys, Post, a_dispatcher, a_key, an_intake, world

pytestmark = pytest.mark.live

EVERYONE = ["bot@mx.test", "full@mx.test", "nobody@mx.test"]


async def test_one_accepted_one_deferred_one_refused(database: Database, tmp_path: Path) -> None:
    account, authority = await world(database), Authority(tmp_path)
    message = await factories.submission(database, account, relay=EVERYONE)
    with running_postfix(authority) as postfix:
        secured = settings(
            tls="starttls",
            ca_file=authority.ca,
            username="joe@mx.test",
            password="secret",
        )
        relay = Relay(secured, lambda host, _: trio.open_tcp_stream("127.0.0.1", postfix.port))
        intake, closing = an_intake(database), trio.Event()
        dispatcher = a_dispatcher(database, intake, relay, keys=Keys({"agents.test": (a_key(),)}))
        it = Post(database, dispatcher, None, relay)  # type: ignore[arg-type] # the far side is Postfix
        async with trio.open_nursery() as nursery:
            await nursery.start(intake.run)
            await nursery.start(relay.run)
            await nursery.start(dispatcher.run, closing)
            await it.settled(message, seconds=20)
            states = await it.recipients(message)
            row, events, rows = await it.row(message), await it.events(message), await it.ledger(message)
            with trio.fail_after(20):
                while not postfix.delivered():
                    await trio.sleep(0.1)
            closing.set()
            await relay.aclose()
            nursery.cancel_scope.cancel()
        (mail,) = postfix.delivered()
    assert states == dict(zip(EVERYONE, ("sent", "pending", "bounced"), strict=True))
    assert (row["status"], row["counted_attempts"]) == ("deferred", 1)
    assert row["next_attempt_at"] is not None
    assert row["provider_message_id"].startswith("<")
    assert row["provider_message_id"].encode()[1:-1] in mail
    assert events == ["domain.suppression_added", "email.bounced", "email.sent"]
    assert rows == [
        ("submission.provider_rejected", "nobody@mx.test"),
        ("submission.temporary_failure", "full@mx.test"),
        ("submission.upstream_accepted", "bot@mx.test"),
        ("suppression.hard_bounce_applied", "nobody@mx.test"),
    ]
    assert mail.startswith(f"Return-Path: <{row['return_path']}>".encode())
    assert b"DKIM-Signature: v=1; a=ed25519-sha256" in mail
