"""Mail to a return path, from RCPT to the answer: reports, answers that went astray, and both together."""

import smtplib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from e2ad.core import errors
from e2ad.core.address import NULL_PATH, Mailbox, ReversePath, parse_mailbox
from e2ad.core.message import Envelope, Peer, Recipient
from e2ad.gateway import feedback as gateway
from e2ad.gateway.directory import Directory
from e2ad.gateway.feedback import Feedback
from e2ad.gateway.intake import Intake
from e2ad.gateway.receive import LARGE_BYTES, Receiver
from e2ad.listeners import open_listeners
from e2ad.mailauth.authenticator import AuthenticationSettings, Authenticator
from e2ad.mailauth.resolver import Resolver, ResolverSettings
from e2ad.smtp.replies import reply_for
from e2ad.smtp.server import SmtpSettings, serve
from e2ad.storage.pool import Database
from tests import factories
from tests.factories import Owner, Sent
from tests.gateway.test_feedback import ANN, BEN, BOUNCE, HEAD, NAMELESS, everything, states

PEER = Peer("192.0.2.9", 25, "mx.far.test", "s1")
CORPUS = Path(__file__).parents[1] / "core" / "corpus_reports"
ANSWER = (
    b"From: Ann <ann@far.test>\r\nTo: bot@agents.test\r\nSubject: Re: x\r\nMessage-ID: <a@far.test>\r\n\r\nYes!\r\n"
)
AWAY = ANSWER.replace(b"Subject", b"Auto-Submitted: auto-replied\r\nSubject")
PERSON = Mailbox("ann", "far.test")


@pytest.fixture
async def owner(database: Database) -> Owner:
    made = await factories.account(database)
    await factories.agent(database, made.account_id)
    return made


class Door:
    """The receiver, asked as a session asks it."""

    def __init__(self, receiver: Receiver, database: Database) -> None:
        self.receiver = receiver
        self.database = database

    async def send(self, content: bytes, *addresses: str, reverse_path: ReversePath = NULL_PATH) -> str:
        """The reply code of a whole transaction."""
        recipients: dict[Any, Recipient] = {}
        try:
            for address in addresses:
                found = await self.receiver.admit(PEER, parse_mailbox(address))
                recipients.setdefault((found.account_id, found.agent_email, found.reports_on), found)
            self.receiver.begin(PEER, reverse_path)
            envelope = Envelope(PEER, reverse_path, tuple(recipients.values()))
            self.ids = await self.receiver.accept(envelope, content)
        except Exception as error:
            return str(reply_for(error).code)
        return "250"

    async def inbox(self) -> list[dict[str, Any]]:
        return await self.database.fetch_all(
            "select agent_email, subject, automation, delivered_to, envelope_from from messages"
            " where direction = 'inbound' order by agent_email, created_at"
        )


@pytest.fixture
async def door(database: Database, owner: Owner) -> AsyncIterator[Door]:
    authenticator = Authenticator(
        AuthenticationSettings(deadline_seconds=0.5, authserv_id="mx.agents.test", worker_processes=0),
        Resolver(ResolverSettings(nameservers=("127.0.0.1:1",), timeout_seconds=0.1)),
    )
    intake = Intake(database, outbox=True, on_stored=lambda _: None, on_usage=lambda *_: None)
    async with trio.open_nursery() as nursery:
        await nursery.start(intake.run)
        feedback = Feedback.build(database, domains=("agents.test",), outbox=True)
        directory = Directory(database, max_storage_bytes=1_000_000)
        receiver = Receiver.build(directory, authenticator, intake, max_received_fields=50, feedback=feedback)
        yield Door(receiver, database)
        nursery.cancel_scope.cancel()


async def test_a_report_is_no_mail(database, owner, door) -> None:
    sent = await factories.sent(database, owner.account_id)
    assert await door.send(HEAD + BOUNCE, sent.return_path) == "250"
    assert door.ids == ()
    assert await states(database, sent) == {ANN: "bounced"}
    assert await door.inbox() == []


@pytest.mark.parametrize("reverse_path", [NULL_PATH, PERSON, Mailbox("bot", "agents.test")])
async def test_any_reverse_path_may_report(database, owner, door, reverse_path) -> None:
    sent = await factories.sent(database, owner.account_id)
    assert await door.send(HEAD + BOUNCE, sent.return_path.upper(), reverse_path=reverse_path) == "250"
    assert await states(database, sent) == {ANN: "bounced"}


@pytest.mark.parametrize(
    ("name", "address", "state"),
    [
        ("postfix_unknown_user", "nobody@mail.test", "bounced"),
        ("postfix_delayed", None, "deferred"),
        ("success", None, "delivered"),
        ("gmail", None, "bounced"),
        ("exim_text", None, "bounced"),
        ("qmail", None, "bounced"),
        ("arf_abuse", None, "complained"),
        ("arf_not_spam", None, "sent"),
    ],
)
async def test_reports_of_real_shapes(database, owner, door, name, address, state) -> None:
    sent = await factories.sent(database, owner.account_id, (address or ANN,))
    content = (CORPUS / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert await door.send(content, sent.return_path) == "250"
    assert set((await states(database, sent)).values()) == {state}


async def test_an_unknown_return_path_is_refused_at_rcpt(database, owner, door) -> None:
    await factories.sent(database, owner.account_id)
    assert await door.send(HEAD + BOUNCE, f"bounces+{'0' * 32}@agents.test") == "550"
    assert await door.send(HEAD + BOUNCE, "bounces@agents.test") == "550"


async def test_the_domain_needs_no_agent(database, owner, door) -> None:
    await factories.domain(database, "acme.test", owner.account_id)
    sent = await factories.sent(database, owner.account_id, domain="bounce.acme.test")
    assert await door.send(HEAD + BOUNCE, "bot@bounce.acme.test") == "550"
    assert await door.send(HEAD + BOUNCE, sent.return_path) == "250"
    assert await states(database, sent) == {ANN: "bounced"}


@pytest.mark.parametrize(
    ("content", "reverse_path", "automation"),
    [
        (ANSWER, PERSON, None),
        (ANSWER, NULL_PATH, "bounce"),
        (AWAY, PERSON, "auto-replied"),
        (AWAY, NULL_PATH, "auto-replied"),
    ],
)
async def test_what_is_no_report_is_mail_for_the_agent(
    database, owner, door, content, reverse_path, automation
) -> None:
    sent = await factories.sent(database, owner.account_id)
    before = await everything(database)
    assert await door.send(content, sent.return_path, reverse_path=reverse_path) == "250"
    (mail,) = await door.inbox()
    assert (mail["agent_email"], mail["subject"], mail["automation"]) == ("bot@agents.test", "Re: x", automation)
    assert mail["delivered_to"] == "bot@agents.test"
    assert len(door.ids) == 1
    assert await states(database, sent) == {ANN: "sent"}
    assert (await everything(database))[:4] == before[:4]


async def test_a_bounce_that_nobody_can_read_is_both(database, owner, door) -> None:
    sent = await factories.sent(database, owner.account_id)
    assert await door.send(HEAD + NAMELESS, sent.return_path) == "250"
    assert await states(database, sent) == {ANN: "bounced"}
    assert [mail["automation"] for mail in await door.inbox()] == ["bounce"]


async def test_an_answer_to_both_addresses_of_an_agent_is_one_mail(database, owner, door) -> None:
    sent = await factories.sent(database, owner.account_id)
    addresses = ("bot@agents.test", sent.return_path, sent.return_path.upper())
    assert await door.send(ANSWER, *addresses, reverse_path=PERSON) == "250"
    assert len(await door.inbox()) == 1


async def test_both_parts_of_one_envelope(database, owner, door) -> None:
    await factories.agent(database, owner.account_id, "peer@agents.test")
    first = await factories.sent(database, owner.account_id)
    second = await factories.sent(database, owner.account_id, (ANN, BEN))
    addresses = ("peer@agents.test", first.return_path, second.return_path)
    assert await door.send(HEAD + BOUNCE, *addresses) == "250"
    assert await states(database, first) == {ANN: "bounced"}
    assert await states(database, second) == {ANN: "bounced", BEN: "sent"}
    assert [mail["agent_email"] for mail in await door.inbox()] == ["peer@agents.test"]
    assert len(door.ids) == 1
    # Again, as a peer does that did not hear the answer.
    before = await everything(database)
    assert await door.send(HEAD + BOUNCE, *addresses) == "250"
    assert (await everything(database))[:4] == before[:4]


async def _gone(database: Database) -> None:
    await database.execute("update agents set deleted_at = now()")


async def _full(database: Database) -> None:
    await database.execute("update account_usage set storage_bytes = 1000000")


@pytest.mark.parametrize(("trouble", "code"), [(_gone, "550"), (_full, "552")])
async def test_an_answer_that_cannot_be_delivered(database, owner, door, trouble, code) -> None:
    await database.execute(
        "insert into account_usage (account_id) values (%(id)s) on conflict do nothing", {"id": owner.account_id}
    )
    sent = await factories.sent(database, owner.account_id)
    other = await factories.account(database)
    await factories.agent(database, other.account_id, "peer@agents.test")
    await trouble(database)
    await database.execute("update agents set deleted_at = null where email = 'peer@agents.test'")
    # The report is heard whatever became of the agent.
    assert await door.send(HEAD + BOUNCE, sent.return_path) == "250"
    assert await states(database, sent) == {ANN: "bounced"}
    # Its author is told, unless others get the mail.
    assert await door.send(ANSWER, sent.return_path, reverse_path=PERSON) == code
    assert await door.send(ANSWER, sent.return_path, "peer@agents.test", reverse_path=PERSON) == "250"
    assert [mail["agent_email"] for mail in await door.inbox()] == ["peer@agents.test"]


async def test_somebody_elses_catch_all_gets_nothing(database, owner, door) -> None:
    other = await factories.account(database)
    sent = await factories.sent(database, owner.account_id)
    await _gone(database)
    await factories.agent(database, other.account_id, "all@agents.test", catch_all=True)
    assert await door.send(ANSWER, "nobody@agents.test", reverse_path=PERSON) == "250"
    assert await door.send(ANSWER, sent.return_path, reverse_path=PERSON) == "550"
    assert [mail["agent_email"] for mail in await door.inbox()] == ["all@agents.test"]


async def test_a_failing_report_is_for_later_and_keeps_the_mail_back(database, owner, door, monkeypatch) -> None:
    sent = await factories.sent(database, owner.account_id)

    async def fails(*_: Any, **__: Any) -> None:
        raise errors.NotFound

    monkeypatch.setattr(gateway, "record", fails)
    assert await door.send(HEAD + BOUNCE, sent.return_path, "bot@agents.test") == "451"
    assert await door.inbox() == []
    monkeypatch.undo()
    assert await door.send(HEAD + BOUNCE, sent.return_path, "bot@agents.test") == "250"
    assert len(await door.inbox()) == 1


async def test_a_database_that_is_away(database, owner, door) -> None:
    sent = await factories.sent(database, owner.account_id)
    found = await door.receiver.admit(PEER, parse_mailbox(sent.return_path))
    database.close()
    assert await door.send(HEAD + BOUNCE, sent.return_path) == "451"
    with pytest.raises(errors.Unavailable):
        await door.receiver.accept(Envelope(PEER, NULL_PATH, (found,)), HEAD + BOUNCE)


async def test_a_report_that_goes_round_in_circles_is_refused(database, owner, door) -> None:
    sent: Sent = await factories.sent(database, owner.account_id)
    assert await door.send(b"Received: x\r\n" * 51 + HEAD + BOUNCE, sent.return_path) == "554"
    assert await states(database, sent) == {ANN: "sent"}


async def test_a_large_report_is_read_off_the_loop(database, owner, door, monkeypatch) -> None:
    ran: list[bool] = []
    real = trio.to_thread.run_sync

    async def note(*arguments: Any, **more: Any) -> Any:
        ran.append(True)
        return await real(*arguments, **more)

    monkeypatch.setattr(trio.to_thread, "run_sync", note)
    sent = await factories.sent(database, owner.account_id)
    assert await door.send((HEAD + BOUNCE).ljust(LARGE_BYTES + 1, b"x"), sent.return_path) == "250"
    assert ran == [True]
    assert await states(database, sent) == {ANN: "bounced"}


async def test_one_session_may_report_on_many_messages(database, owner, door) -> None:
    """Two return paths of one agent, and the agent itself, are three recipients to the real server."""
    sent = [await factories.sent(database, owner.account_id) for _ in range(3)]
    closing = trio.Event()

    def report(port: int) -> dict[str, Any]:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.far.test", timeout=20) as peer:
            paths = [mail.return_path.upper() for mail in sent]
            return peer.sendmail("", [*paths, paths[0].lower(), "bot@agents.test"], HEAD + BOUNCE)

    async with trio.open_nursery() as nursery:
        listeners = await open_listeners("127.0.0.1", 0)
        await nursery.start(serve, SmtpSettings("mx.agents.test"), door.receiver, listeners, closing)
        refused = await trio.to_thread.run_sync(report, listeners[0].socket.getsockname()[1])
        closing.set()
    assert refused == {}
    assert [await states(database, mail) for mail in sent] == [{ANN: "bounced"}] * 3
    assert len(await door.inbox()) == 1
