"""`thread_id` over `/v1`: each case of the contract's table, by the ways that mail takes (contract: threads)."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import trio
from attrs import define, field

from e2ad.core.address import Mailbox, parse_mailbox
from e2ad.core.errors import Unavailable
from e2ad.core.message import Envelope, Peer
from e2ad.gateway.directory import Directory
from e2ad.gateway.receive import Receiver
from e2ad.mailauth.authenticator import AuthenticationSettings, Authenticator
from e2ad.mailauth.resolver import Resolver, ResolverSettings
from e2ad.storage import sending as storage
from e2ad.workers.dispatcher import Dispatcher
from tests import factories
from tests.api.conftest import Answer, Client
from tests.workers.dispatching import a_dispatcher, an_intake

AGENT = "bot@agents.localhost"
OTHER = "eve@agents.localhost"
ADA = "ada@example.org"
PEER = Peer("192.0.2.9", 25, "mx.far.test", "s1")
THREAD = re.compile("thr_[0-9a-f]{32}")
HELD = """update agents set protection = '{"outbound": {"require_review": true}}'"""


@define
class Carrier:
    """A courier that carries what it is asked to, and the rest when the test says so."""

    dispatcher: Dispatcher

    def kick(self) -> None:
        pass

    async def carry(self, account_id: str, message_id: str) -> None:
        await self.dispatcher.carry(account_id, message_id)


@define
class Post:
    """Agents with their API, the way in by SMTP, and the hand that carries mail out."""

    client: Client
    account_id: str
    receiver: Receiver
    courier: Carrier
    number: int = field(default=0)

    @property
    def db(self) -> Any:
        return self.client.services.db

    async def send(self, *to: str, agent: str = AGENT, **more: Any) -> str:
        body = {"to": to or [ADA], "subject": "Hi", "text": "Hello", **more}
        return self.sent(await self.client.post(f"/v1/agents/{agent}/messages", body))

    async def reply(self, parent: str, agent: str = AGENT, **more: Any) -> str:
        body = {"text": "Thanks", **more}
        return self.sent(await self.client.post(f"/v1/agents/{agent}/messages/{parent}/reply", body))

    async def forward(self, parent: str, **more: Any) -> str:
        body = {"to": [ADA], "text": "FYI", **more}
        return self.sent(await self.client.post(f"/v1/agents/{AGENT}/messages/{parent}/forward", body))

    @staticmethod
    def sent(answer: Answer) -> str:
        assert answer.status in (200, 202), answer.text
        assert not {"thread_id", "thread_parent_id"} & set(answer.json())
        return str(answer.json()["message_id"])

    async def carry(self, message_id: str) -> None:
        """As far as it goes inside; what is left has been sent."""
        with suppress(Unavailable):
            await self.courier.carry(self.account_id, message_id)
        await self.db.execute(
            "update submissions set submitted_at = now() where message_id = %(id)s", {"id": message_id}, prepare=False
        )

    async def receive(
        self, fields: str = "", *, message_id: str = "", to: tuple[str, ...] = (AGENT,), subject: str = "Re: Hi"
    ) -> str:
        """Mail from outside for the first of `to`; its id."""
        self.number += 1
        message_id = message_id or f"<{self.number}@example.org>"
        head = f"From: {ADA}\r\nTo: {to[0]}\r\nSubject: {subject}\r\nMessage-ID: {message_id}\r\n{fields}"
        path = Mailbox("ada", "example.org")
        recipients = tuple([await self.receiver.admit(PEER, parse_mailbox(address)) for address in to])
        self.receiver.begin(PEER, path)
        content = f"{head}\r\nNumber {self.number}\r\n".encode()
        return (await self.receiver.accept(Envelope(PEER, path, recipients), content))[0]

    async def row(self, message_id: str) -> dict[str, Any]:
        query = "select * from messages where id = %(id)s"
        row: dict[str, Any] = await self.db.fetch_one(query, {"id": message_id}, prepare=False)
        return row

    async def copy(self, message_id: str, agent: str) -> str:
        """The mail in an inbox that a sent one became."""
        query = (
            "select i.id from messages i join messages o on o.message_id = i.message_id"
            " where o.id = %(id)s and i.agent_email = %(agent)s and i.direction = 'inbound'"
        )
        found: str | None = await self.db.fetch_value(query, {"id": message_id, "agent": agent}, prepare=False)
        assert found is not None
        return found

    async def thread(self, message_id: str) -> str:
        """As detail and list show it, which say the same."""
        row = await self.row(message_id)
        agent = row["agent_email"]
        detail = (await self.client.get(f"/v1/agents/{agent}/messages/{message_id}")).json()
        query = {"direction": row["direction"], "read_status": "all", "limit": 100}
        listed = (await self.client.get(f"/v1/agents/{agent}/messages", query=query)).json()["items"]
        (summary,) = (item for item in listed if item["id"] == message_id)
        assert detail["thread_id"] == summary["thread_id"] == row["thread_id"]
        assert THREAD.fullmatch(detail["thread_id"])
        return str(detail["thread_id"])

    async def forget(self, *message_ids: str) -> None:
        """As mail is that was there before there were threads."""
        await self.db.execute(
            "update messages set thread_id = null, thread_parent_id = null where id = any(%(ids)s)",
            {"ids": list(message_ids)},
            prepare=False,
        )

    async def key(self, message_id: str) -> str:
        return str((await self.row(message_id))["message_id"])


@pytest.fixture
async def post(client: Client, caller: Any, api: Any) -> AsyncIterator[Post]:
    db = client.services.db
    for email in (AGENT, OTHER):
        await api.make_agent(db, caller.account_id, email)
    authenticator = Authenticator(
        AuthenticationSettings(deadline_seconds=0.2, authserv_id="mx.agents.localhost", worker_processes=0),
        Resolver(ResolverSettings(nameservers=("127.0.0.1:1",), timeout_seconds=0.1)),
    )
    intake = an_intake(db)
    async with trio.open_nursery() as nursery:
        await nursery.start(intake.run)
        courier = Carrier(a_dispatcher(db, intake, None))
        client.services.courier = courier
        receiver = Receiver.build(Directory(db, max_storage_bytes=10**9), authenticator, intake, max_received_fields=50)
        yield Post(client, caller.account_id, receiver, courier)
        nursery.cancel_scope.cancel()


async def test_a_fresh_mail_begins_a_thread(post: Post) -> None:
    sent = [await post.send() for _ in range(2)]
    assert len({await post.thread(message_id) for message_id in sent}) == 2
    assert [(await post.row(message_id))["thread_parent_id"] for message_id in sent] == [None, None]


async def test_so_does_mail_from_outside_whatever_its_subject_is(post: Post) -> None:
    received = [await post.receive(subject="Re: Hi") for _ in range(2)]
    assert len({await post.thread(message_id) for message_id in [*received, await post.send(subject="Hi")]}) == 3


async def test_an_answer_is_in_the_thread_of_what_it_answers(post: Post) -> None:
    parent = await post.receive()
    answers = [await post.reply(parent), await post.reply(parent, conversation_id="conv_another")]
    for answer in answers:
        assert await post.thread(answer) == await post.thread(parent)
        assert (await post.row(answer))["thread_parent_id"] == parent
    await post.carry(answers[0])
    more = await post.reply(answers[0])
    assert await post.thread(more) == await post.thread(parent)
    assert (await post.row(more))["thread_parent_id"] == answers[0]


async def test_a_forward_begins_a_thread(post: Post) -> None:
    parent = await post.receive()
    forward = await post.forward(parent)
    assert await post.thread(forward) != await post.thread(parent)
    assert (await post.row(forward))["thread_parent_id"] is None


async def test_mail_from_before_gets_a_thread_by_its_first_answer(post: Post) -> None:
    parent = await post.receive()
    await post.forget(parent)
    for path in (f"/v1/agents/{AGENT}/messages/{parent}", f"/v1/agents/{AGENT}/messages?read_status=all"):
        assert "thread_id" not in (await post.client.get(path)).text
    forward = await post.forward(parent)
    assert (await post.row(parent))["thread_id"] is None
    answer = await post.reply(parent)
    assert await post.thread(answer) == await post.thread(parent) != await post.thread(forward)
    assert (await post.row(parent))["threaded"] is True
    again = await post.reply(parent)
    assert await post.thread(again) == await post.thread(answer)


async def test_a_parent_in_another_conversation_is_not_said_to_have_company(post: Post) -> None:
    parent = await post.receive()
    await post.forget(parent)
    answer = await post.reply(parent, conversation_id="conv_another")
    assert await post.thread(answer) == await post.thread(parent)
    assert (await post.row(parent))["threaded"] is False


async def test_two_answers_at_once_give_a_parent_one_thread(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = await post.receive()
    await post.forget(parent)
    accept, asked, both = storage.accept, 0, trio.Event()

    async def together(executor: Any, new: Any) -> bool:
        nonlocal asked
        asked += 1
        if asked == 4:
            both.set()
        await both.wait()
        assert new.thread.adopts
        return await accept(executor, new)

    monkeypatch.setattr("e2ad.storage.sending.accept", together)
    answers: list[str] = []

    async def one() -> None:
        answers.append(await post.reply(parent))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(one)
    assert {await post.thread(answer) for answer in answers} == {await post.thread(parent)}


async def test_the_second_waits_for_the_first_and_takes_its_thread(post: Post) -> None:
    """Whoever comes while another's transaction is open does not see what that has written."""
    parent = await post.receive()
    await post.forget(parent)
    answers: list[str] = []

    async def one() -> None:
        answers.append(await post.reply(parent))

    first = f"thr_{'1' * 32}"
    async with trio.open_nursery() as nursery, post.db.transaction() as transaction:
        await transaction.execute(
            "update messages set thread_id = %(thread)s where id = %(id)s", {"thread": first, "id": parent}
        )
        nursery.start_soon(one)
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        with trio.fail_after(10):
            while not await post.db.fetch_value(waiting, prepare=False):
                await trio.sleep(0.01)
    assert await post.thread(answers[0]) == await post.thread(parent) == first


async def test_an_answer_costs_what_it_did(post: Post) -> None:
    """A parent without a thread costs no statement more."""
    old, new = await post.receive(), await post.receive()
    await post.forget(old)
    await post.reply(new)
    costs = []
    for parent in (new, old):
        before = post.db.statements
        await post.reply(parent)
        costs.append(post.db.statements - before)
    assert costs[0] == costs[1]


@pytest.mark.parametrize("known", [True, False])
async def test_what_is_held_is_in_its_thread_from_the_beginning(post: Post, known: bool) -> None:
    parent = await post.receive()
    if not known:
        await post.forget(parent)
    await post.db.execute(HELD, prepare=False)
    held, fresh = await post.reply(parent), await post.send()
    thread = await post.thread(held)
    assert thread == await post.thread(parent) != await post.thread(fresh)
    assert (await post.row(held))["thread_parent_id"] == parent
    shown = await post.client.get(f"/v1/reviews/{held}")
    assert (shown.status, "thread_" in shown.text) == (200, False)
    assert "thread_" not in (await post.client.get("/v1/reviews")).text
    assert (await post.client.post(f"/v1/reviews/{held}/approve", {})).status == 202
    assert await post.thread(held) == thread
    assert (await post.row(held))["thread_parent_id"] == parent


async def test_what_was_held_before_is_threaded_when_it_is_approved(post: Post) -> None:
    parent = await post.receive()
    await post.db.execute(HELD, prepare=False)
    held, fresh = await post.reply(parent), await post.send()
    thread = await post.thread(parent)
    await post.forget(held, fresh)
    for message_id in (held, fresh):
        assert (await post.client.post(f"/v1/reviews/{message_id}/approve", {})).status == 202
    assert await post.thread(held) == thread == await post.thread(parent) != await post.thread(fresh)


async def test_mail_to_oneself_is_one_thread(post: Post) -> None:
    for to in ((AGENT,), (AGENT, ADA), ("bot+tag@agents.localhost",)):
        sent = await post.send(*to)
        if to != (AGENT,):
            await post.carry(sent)
        assert await post.thread(await post.copy(sent, AGENT)) == await post.thread(sent), to
    parent = await post.receive()
    await post.db.execute(
        "update messages set reply_to_addresses = jsonb_build_array(agent_email) where id = %(id)s",
        {"id": parent},
        prepare=False,
    )
    answer = await post.reply(parent)
    assert await post.thread(await post.copy(answer, AGENT)) == await post.thread(answer) == await post.thread(parent)


async def test_the_platforms_test_comes_back_into_its_thread(post: Post) -> None:
    answer = await post.client.post(f"/v1/agents/{AGENT}/test", {})
    assert answer.status in (200, 202), answer.text
    (sent,) = [row["id"] for row in await post.db.fetch_all("select id from messages", prepare=False)]
    await post.carry(sent)
    assert await post.thread(await post.copy(sent, AGENT)) == await post.thread(sent)


async def test_who_repeats_our_message_id_from_outside_is_in_no_thread_of_ours(post: Post) -> None:
    sent = await post.send()
    assert await post.thread(await post.receive(message_id=await post.key(sent))) != await post.thread(sent)


async def test_agents_have_threads_of_their_own(post: Post) -> None:
    """One account or not: each mailbox has its own, and an answer comes back into that of what it answers."""
    sent = await post.send(OTHER)
    await post.carry(sent)
    copy = await post.copy(sent, OTHER)
    assert await post.thread(copy) != await post.thread(sent)
    answer = await post.reply(copy, OTHER)
    await post.carry(answer)
    back = await post.copy(answer, AGENT)
    assert await post.thread(answer) == await post.thread(copy)
    assert await post.thread(back) == await post.thread(sent)
    again = await post.reply(back)
    await post.carry(again)
    assert await post.thread(again) == await post.thread(sent)
    assert await post.thread(await post.copy(again, OTHER)) == await post.thread(copy)


async def test_one_mail_for_two_agents_is_two_threads(post: Post) -> None:
    await post.receive(message_id="<both@example.org>", to=(AGENT, OTHER))
    rows = await post.db.fetch_all("select thread_id from messages", prepare=False)
    assert len({row["thread_id"] for row in rows}) == len(rows) == 2


async def test_mail_in_follows_what_it_names(post: Post) -> None:
    sent = await post.send()
    key = await post.key(sent)
    left, _, domain = key.partition("@")
    for fields in (f"In-Reply-To: {key}\r\n", f"References: <x@y.test>\r\n {left}@{domain.upper()}\r\n"):
        received = await post.receive(fields, subject="Something else")
        assert await post.thread(received) == await post.thread(sent)
        assert (await post.row(received))["thread_parent_id"] is None
    assert await post.thread(await post.receive(f"In-Reply-To: {key.upper()}\r\n")) != await post.thread(sent)
    other = await post.receive(f"In-Reply-To: {key}\r\n", to=(OTHER,))
    assert await post.thread(other) != await post.thread(sent)


async def test_the_nearest_ancestor_decides(post: Post) -> None:
    """In-Reply-To from right to left, then References from right to left; what is in no thread is passed over."""
    names = {name: await post.receive(message_id=f"<{name}@example.org>") for name in "abcdx"}
    await post.forget(names["x"])
    cases = {
        "In-Reply-To: <a@example.org> <b@example.org>\r\nReferences: <c@example.org>\r\n": "b",
        "References: <c@example.org> <d@example.org>\r\nIn-Reply-To: <a@example.org>\r\n": "a",
        "References: <c@example.org> <d@example.org>\r\n": "d",
        "References: <c@example.org> <unknown@example.org> <x@example.org>\r\n": "c",
        "In-Reply-To: <unknown@example.org>\r\nReferences: <b@example.org>\r\n": "b",
    }
    for fields, name in cases.items():
        assert await post.thread(await post.receive(fields)) == await post.thread(names[name]), fields
    assert (await post.row(names["x"]))["thread_id"] is None


async def test_matches_that_disagree_are_passed_over(post: Post) -> None:
    """Two mails with one Message-ID in two threads; then with a third, older one that is in none."""
    older = await post.receive(message_id="<twice@example.org>")
    one = await post.receive(message_id="<twice@example.org>")
    await post.forget(older)
    answer = "In-Reply-To: <twice@example.org>\r\nReferences: <sure@example.org>\r\n"
    assert await post.thread(await post.receive(answer)) == await post.thread(one)
    sure = await post.receive(message_id="<sure@example.org>")
    two = await post.receive(message_id="<twice@example.org>")
    assert await post.thread(await post.receive(answer)) == await post.thread(sure)
    found = await post.thread(await post.receive("In-Reply-To: <twice@example.org>\r\n"))
    assert found not in {await post.thread(one), await post.thread(two)}


@pytest.mark.parametrize(
    "fields",
    [
        "In-Reply-To: Your mail of Monday {key}\r\n",
        "In-Reply-To: {key} <broken\r\n",
        "References: {key}, {key}\r\n",
        "In-Reply-To: {key}\r\nIn-Reply-To: {key}\r\n",
        "In-Reply-To: {bare}\r\n",
        "References: {key} <@example.org>\r\n",
    ],
)
async def test_a_malformed_field_names_nobody(post: Post, fields: str) -> None:
    sent = await post.send()
    key = await post.key(sent)
    received = await post.receive(fields.format(key=key, bare=key.strip("<>")))
    assert await post.thread(received) != await post.thread(sent)
    well = (
        fields.format(key=key, bare=key.strip("<>"))
        + f"X-More: y\r\n{'References' if 'In-' in fields else 'In-Reply-To'}: {key}\r\n"
    )
    assert await post.thread(await post.receive(well)) == await post.thread(sent)


async def test_a_thread_outlives_its_beginning(post: Post) -> None:
    parent = await post.receive(message_id="<first@example.org>")
    answer = await post.reply(parent)
    thread = await post.thread(answer)
    path = f"/v1/agents/{AGENT}/messages/{parent}"
    assert (await post.client.delete(path)).status == 200
    assert (await post.client.delete(path, query={"permanent": "true", "confirm": "DELETE"})).status == 200
    assert await post.row(parent) is None
    assert await post.thread(answer) == thread
    assert await post.thread(await post.receive(f"In-Reply-To: {await post.key(answer)}\r\n")) == thread
    assert await post.thread(await post.receive("In-Reply-To: <first@example.org>\r\n")) != thread


async def test_only_messages_show_it(post: Post) -> None:
    parent = await post.receive()
    answer = await post.reply(parent)
    conversation = (await post.row(answer))["conversation_id"]
    for path in (
        f"/v1/agents/{AGENT}/conversations",
        f"/v1/agents/{AGENT}/conversations/{conversation}",
        "/v1/events",
        f"/api/v1/agents/{AGENT}/messages?status=all",
        f"/api/v1/agents/{AGENT}/messages/{parent}",
    ):
        shown = await post.client.get(path)
        assert shown.status == 200, path
        assert "thr_" not in shown.text, path


async def test_a_courier_that_has_it_already(post: Post) -> None:
    """Delivered twice it is one mail, in one thread."""
    sent = await post.send(AGENT)
    with pytest.raises(Unavailable):
        await post.courier.carry(post.account_id, sent)
    rows = await post.db.fetch_all("select thread_id from messages", prepare=False)
    assert len(rows) == 2
    assert len({row["thread_id"] for row in rows}) == 1


async def test_a_strangers_agent_gets_a_thread_of_its_own(post: Post) -> None:
    stranger = await factories.account(post.db)
    await factories.agent(post.db, stranger.account_id, "sam@other.localhost")
    sent = await post.send("sam@other.localhost")
    await post.carry(sent)
    copy = await post.row(await post.copy(sent, "sam@other.localhost"))
    assert THREAD.fullmatch(copy["thread_id"])
    assert copy["thread_id"] != await post.thread(sent)
