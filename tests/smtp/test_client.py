"""The relay client over real sockets: trouble at each phase, deadlines, cancellation, kept connections.

The far relay answers from the same event loop, so a clock that jumps after a moment of silence does
not overtake it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from e2ad.core.address import Mailbox
from e2ad.smtp.client import Accepted, Deferred, Outcome, Outgoing, Phase, Refused, Relay, RelaySettings, Unknown
from tests.smtp.relay import CLOSE, PAUSE, RESET, SILENCE, TRICKLE, Act, FarRelay, far_relay, settings

ANN, BOB = Mailbox("ann", "far.test"), Mailbox("bob", "far.test")
ME = Mailbox("me", "e2ad.test")
CONTENT = b"Subject: x\r\n\r\ntext\r\n"
STEPS = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "final"]
PHASES = {
    "greeting": Phase.GREETING,
    "EHLO": Phase.EHLO,
    "MAIL": Phase.MAIL,
    "RCPT": Phase.RCPT,
    "DATA": Phase.DATA,
    "content": Phase.FINAL,
    "final": Phase.FINAL,
}


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps when nothing happened for a moment: long enough for what is on its way through the kernel."""
    return trio.testing.MockClock(autojump_threshold=0.03)


def mail(*recipients: Mailbox, content: bytes = CONTENT, **more: Any) -> Outgoing:
    return Outgoing(ME, recipients or (ANN,), content, **more)


def mocked(clock: trio.testing.MockClock, test: Any, *args: Any) -> Any:
    return trio.run(test, *args, clock=clock)


@asynccontextmanager
async def client(far: FarRelay, chosen: RelaySettings | None = None) -> AsyncIterator[Relay]:
    """A client whose connections are kept."""
    relay = Relay(chosen or settings(), far.connect)
    async with trio.open_nursery() as nursery:
        await nursery.start(relay.run)
        yield relay
        nursery.cancel_scope.cancel()


def short(outcomes: Mapping[Mailbox, Outcome], path: Mailbox = ANN) -> str:
    outcome = outcomes[path]
    match outcome:
        case Accepted():
            return f"accepted {outcome.reply.code}"
        case Deferred() | Refused():
            said = outcome.reply.code if outcome.reply else "-"
            return f"{type(outcome).__name__.lower()} {said} {outcome.phase.value}"
        case Unknown():
            return f"unknown {outcome.phase.value}"


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_mail_and_each_recipients_answer(pipelining: bool) -> None:
    far = FarRelay(pipelining=pipelining, recipients={"bob@far.test": b"550-5.1.1 no\r\n550 5.1.1 bob\r\n"})
    asked: list[int] = []

    async def before_content() -> None:
        asked.append(len(far.mails))
        assert far.verbs[-1] == "DATA"

    async with far_relay(far), client(far) as relay:
        outcomes = await relay.submit(mail(ANN, BOB, content=b".dot\r\n", before_content=before_content))
    assert short(outcomes) == "accepted 250"
    assert short(outcomes, BOB) == "refused 550 rcpt"
    accepted, refused = outcomes[ANN], outcomes[BOB]
    assert isinstance(accepted, Accepted)
    assert accepted.reply.text == "Ok: queued as 0"
    assert isinstance(refused, Refused)
    assert refused.reply is not None
    assert refused.reply.enhanced == "5.1.1"
    assert refused.why == "550 5.1.1 no bob"
    (arrived,) = far.mails
    assert arrived.content == b".dot\r\n"
    assert arrived.recipients == ("ann@far.test",)
    assert arrived.mail == "FROM:<me@e2ad.test> SIZE=6 BODY=8BITMIME"
    assert asked == [0]
    assert far.violations == []
    assert far.groups == ([4] if pipelining else [1])


# What the relay says at a step, and what becomes of the mail.
REFUSALS: list[tuple[str, bytes, str]] = [
    ("greeting", b"554 5.7.1 not you\r\n", "deferred 554 greeting"),
    ("greeting", b"421 4.3.2 busy\r\n", "deferred 421 greeting"),
    ("EHLO", b"421 4.3.2 busy\r\n", "deferred 421 ehlo"),
    ("EHLO", b"451 4.3.2 busy\r\n", "deferred 451 ehlo"),
    ("MAIL", b"550 5.7.1 no\r\n", "refused 550 mail"),
    ("MAIL", b"451 4.3.0 no\r\n", "deferred 451 mail"),
    ("MAIL", b"421 4.3.0 no\r\n", "deferred 421 mail"),
    ("RCPT", b"550-5.1.1 who\r\n550 5.1.1 is it\r\n", "refused 550 rcpt"),
    ("RCPT", b"450 4.7.1 grey\r\n", "deferred 450 rcpt"),
    ("RCPT", b"421 4.7.1 no\r\n", "deferred 421 rcpt"),
    ("DATA", b"554 5.7.1 no\r\n", "refused 554 data"),
    ("DATA", b"451 4.7.1 no\r\n", "deferred 451 data"),
    ("final", b"554 5.7.1 spam\r\n", "refused 554 final"),
    ("final", b"451 4.7.1 later\r\n", "deferred 451 final"),
    ("final", b"421 4.7.1 later\r\n", "deferred 421 final"),
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("step", "reply", "outcome"), REFUSALS)
async def test_refusals_and_the_next_mail(step: str, reply: bytes, outcome: str, pipelining: bool) -> None:
    far = FarRelay(pipelining=pipelining)
    async with far_relay(far, **{step: reply}), client(far) as relay:
        assert short(await relay.submit(mail())) == outcome
        assert not [arrived for arrived in far.mails if arrived.accepted]
        assert short(await relay.submit(mail())) == "accepted 250"
    assert far.violations == []
    # After a refusal inside a transaction the session goes on, and forgets the transaction first if it is open.
    goes_on = step in ("MAIL", "RCPT", "DATA", "final") and not reply.startswith(b"421")
    assert far.connections == (1 if goes_on else 2)
    assert far.verbs.count("RSET") == (1 if goes_on and step in ("RCPT", "DATA") else 0)


BREAKS: list[Act] = [
    CLOSE,
    RESET,
    SILENCE,
    TRICKLE,
    b"HTTP/1.1 400 no\r\n",
    b"25",
    [b"250-half\r\n", CLOSE],
    b"250 " + b"x" * 3000,
    b"250-x\r\n" * 200,
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("act", BREAKS, ids=str)
@pytest.mark.parametrize("step", STEPS)
def test_breaks_at_each_phase(clock: trio.testing.MockClock, step: str, act: Act, pipelining: bool) -> None:
    """The mail is deferred, and unknown only where its end had left; the next one goes over a fresh connection."""
    if act is SILENCE and step == "content":
        return  # reads the content away and never answers: the same as "final"

    async def run() -> None:
        far = FarRelay(pipelining=pipelining)
        with trio.fail_after(400):
            async with far_relay(far, **{step: act}), client(far) as relay:
                outcomes = await relay.submit(mail())
                outcome = outcomes[ANN]
                if step in ("content", "final"):
                    assert isinstance(outcome, Unknown), outcome
                    assert outcome.phase is Phase.FINAL
                else:
                    assert isinstance(outcome, Deferred), outcome
                    assert outcome.outage
                    assert far.mails == []
                    # Behind the wrong answer others may follow in the same moment, and one of them is blamed.
                    assert outcome.phase in (PHASES[step], Phase.MAIL)
                assert outcome.why
                assert short(await relay.submit(mail())) == "accepted 250"
                assert far.connections == 2

    mocked(clock, run)


@pytest.mark.parametrize(
    ("step", "seconds"),
    [("greeting", 61), ("EHLO", 62), ("MAIL", 62), ("RCPT", 62), ("DATA", 62), ("final", 63)],
)
@pytest.mark.parametrize("act", [SILENCE, TRICKLE])
def test_deadlines(clock: trio.testing.MockClock, step: str, seconds: float, act: Act) -> None:
    """Each wait has its own, which a reply that never ends does not move."""

    async def run() -> None:
        chosen = settings(greeting_seconds=61, command_seconds=62, final_seconds=63)
        async with far_relay(**{step: act}) as far:
            before = trio.current_time()
            outcomes = await Relay(chosen, far.connect).submit(mail())
            assert seconds <= trio.current_time() - before < seconds + 1
        expected = "unknown final" if step == "final" else f"deferred - {PHASES[step].value}"
        assert short(outcomes) == expected

    mocked(clock, run)


def test_deadline_of_connecting(clock: trio.testing.MockClock) -> None:
    async def nowhere(host: str, port: int) -> trio.SocketStream:
        await trio.sleep_forever()
        raise AssertionError

    async def run() -> None:
        outcomes = await Relay(settings(connect_seconds=7), nowhere).submit(mail(ANN, BOB))
        assert trio.current_time() < 7.5 + begin
        assert short(outcomes) == short(outcomes, BOB) == "deferred - connect"

    begin = clock.current_time()
    mocked(clock, run)


def test_deadline_of_a_relay_that_does_not_read(clock: trio.testing.MockClock) -> None:
    class Deaf(FarRelay):
        async def _welcome(self, stream: trio.SocketStream) -> None:
            await stream.send_all(b"220 x\r\n250 x\r\n"[:7])
            while b"DATA" not in (data := await stream.receive_some()):
                await stream.send_all(b"250 x\r\n" * data.count(b"\n"))
            await stream.send_all(b"354 go\r\n")
            await trio.sleep_forever()

    async def run() -> None:
        far = Deaf()
        async with far_relay(far):
            relay = Relay(settings(data_seconds=30), far.connect)
            begin = trio.current_time()
            outcomes = await relay.submit(mail(content=b"x" * 60 + b"\r\n" + b"line\r\n" * 5_000_000))
            assert short(outcomes) == "deferred - content"
            assert 30 <= trio.current_time() - begin < 31

    mocked(clock, run)


async def test_nobody_there() -> None:
    relay = Relay(settings(host="127.0.0.1", port=1))
    outcomes = await relay.submit(mail())
    assert short(outcomes) == "deferred - connect"


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        ([b"552 5.3.4 too big\r\n", PAUSE, CLOSE], "refused 552"),
        ([b"451 4.3.1 no space\r\n", PAUSE, RESET], "deferred 451"),
        ([b"250 2.0.0 enough\r\n", PAUSE, RESET], "deferred -"),
        ([b"junk\r\n", PAUSE, RESET], "deferred -"),
        (CLOSE, "deferred -"),
        (RESET, "deferred -"),
    ],
)
async def test_relay_that_hangs_up_inside_the_content(act: Act, outcome: str) -> None:
    """The end never left, so nothing is unknown. A last word is heard if it is a refusal."""
    async with far_relay(FarRelay(extensions=()), content=act) as far, client(far) as relay:
        outcomes = await relay.submit(mail(content=b"line\r\n" * 3_000_000))
    assert far.mails == []
    assert short(outcomes) == f"{outcome} content"


async def test_before_content_that_fails_stops_the_mail() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with far_relay() as far, client(far) as relay:
        with pytest.raises(ZeroDivisionError):
            await relay.submit(mail(before_content=fail))
        assert relay.idle_connections == 0
        await far.closed.wait()
        assert far.mails == []
        assert short(await relay.submit(mail())) == "accepted 250"


def test_before_content_that_takes_too_long(clock: trio.testing.MockClock) -> None:
    async def run() -> None:
        async with far_relay() as far, client(far) as relay:
            assert short(await relay.submit(mail(before_content=trio.sleep_forever))) == "deferred - content"
            assert far.mails == []

    mocked(clock, run)


async def test_data_for_nobody_gets_an_empty_content() -> None:
    far = FarRelay(takes_data_for_nobody=True, recipients={"ann@far.test": b"550 5.1.1 who\r\n"})
    async with far_relay(far), client(far) as relay:
        assert short(await relay.submit(mail())) == "refused 550 rcpt"
        assert [arrived.content for arrived in far.mails] == [b""]
        assert short(await relay.submit(mail(BOB)), BOB) == "accepted 250"
    assert far.connections == 1
    assert "RSET" not in far.verbs


async def test_greylisting() -> None:
    async with far_relay(FarRelay(greylisted={"ann@far.test"})) as far, client(far) as relay:
        outcomes = await relay.submit(mail(ANN, BOB))
        assert (short(outcomes), short(outcomes, BOB)) == ("deferred 450 rcpt", "accepted 250")
        assert short(await relay.submit(mail(ANN))) == "accepted 250"


async def test_helo() -> None:
    async with far_relay(FarRelay(knows_ehlo=False, pipelining=False)) as far, client(far) as relay:
        assert short(await relay.submit(mail())) == "accepted 250"
    assert far.mails[0].mail == "FROM:<me@e2ad.test>"


async def test_large_content_in_one_chunk() -> None:
    content = b".line\r\n" * 100_000
    async with far_relay(FarRelay(extensions=("CHUNKING",))) as far, client(far) as relay:
        assert short(await relay.submit(mail(content=content))) == "accepted 250"
        far.acts["final"] = [b"552 5.3.4 too big\r\n"]
        assert short(await relay.submit(mail(content=content))) == "refused 552 final"
        assert short(await relay.submit(mail())) == "accepted 250"
    assert [arrived.chunked for arrived in far.mails] == [True, True, False]
    assert far.mails[0].content == content
    assert far.connections == 1
    assert far.violations == []


# Replies that nobody asked for


@pytest.mark.parametrize(
    ("step", "act"),
    [
        ("greeting", b"220 x\r\n250 x\r\n"),
        ("MAIL", b"250 x\r\n250 x\r\n"),
        ("DATA", b"354 go\r\n250 2.0.0 taken already\r\n"),
    ],
)
async def test_replies_in_advance_are_not_believed(step: str, act: bytes) -> None:
    async with far_relay(FarRelay(pipelining=False), **{step: act}) as far, client(far) as relay:
        outcome = short(await relay.submit(mail()))
        assert outcome.startswith("deferred -")
        assert far.mails == []


async def test_a_reply_too_many_costs_the_connection() -> None:
    async with far_relay(final=b"250 x\r\n250 y\r\n") as far, client(far) as relay:
        assert short(await relay.submit(mail())) == "accepted 250"
        assert short(await relay.submit(mail())) == "accepted 250"
    assert far.connections == 2


# Kept connections


async def test_a_connection_is_kept() -> None:
    async with far_relay() as far, client(far) as relay:
        for _ in range(5):
            assert short(await relay.submit(mail())) == "accepted 250"
        assert relay.idle_connections == 1
        await relay.aclose()
        assert far.verbs[-1] == "QUIT"
        with pytest.raises(trio.ClosedResourceError):
            await relay.submit(mail())
    assert far.connections == 1
    assert "RSET" not in far.verbs


async def test_nothing_is_kept_without_an_owner() -> None:
    async with far_relay() as far:
        relay = Relay(settings(), far.connect)
        assert short(await relay.submit(mail())) == "accepted 250"
        await far.closed.wait()
        assert far.verbs[-1] == "QUIT"
        assert relay.idle_connections == 0


def test_idle_connections_are_closed_in_time(clock: trio.testing.MockClock) -> None:
    async def run() -> None:
        async with far_relay() as far, client(far, settings(idle_seconds=20)) as relay:
            for _ in range(2):
                assert short(await relay.submit(mail())) == "accepted 250"
                await trio.sleep(19)
                assert far.verbs[-1] == "DATA"
                await trio.sleep(2)
                assert far.verbs[-1] == "QUIT"
                assert relay.idle_connections == 0
        assert far.connections == 2

    mocked(clock, run)


def test_goodbyes_do_not_wait_for_ever(clock: trio.testing.MockClock) -> None:
    async def run() -> None:
        async with far_relay(QUIT=SILENCE) as far, client(far) as relay:
            await relay.submit(mail())
            with trio.fail_after(3):
                await relay.aclose()
                await far.closed.wait()

    mocked(clock, run)


async def test_connections_are_bounded() -> None:
    async with far_relay() as far, client(far, settings(max_connections=3)) as relay:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(relay.submit, mail())
        assert relay.idle_connections <= 3
    assert far.most <= 3
    assert far.connections <= 3
    assert len([arrived for arrived in far.mails if arrived.accepted]) == 20


@pytest.mark.parametrize("act", [CLOSE, RESET])
async def test_a_stale_connection_is_replaced_once(act: Act) -> None:
    """It breaks as the next mail begins: only commands of the envelope were sent, so a fresh one may try."""
    async with far_relay() as far, client(far) as relay:
        assert short(await relay.submit(mail())) == "accepted 250"
        far.acts["MAIL"] = [act]
        assert short(await relay.submit(mail())) == "accepted 250"
        assert far.connections == 2
        # Twice is trouble; and so is a break on a connection that was not kept.
        far.acts["MAIL"] = [act, act]
        assert short(await relay.submit(mail())) == "deferred - mail"
        assert far.connections == 3
    assert len(far.mails) == 2


@pytest.mark.parametrize("step", ["RCPT", "DATA", "final"])
async def test_what_was_answered_is_not_repeated(step: str) -> None:
    async with far_relay(FarRelay(pipelining=False)) as far, client(far) as relay:
        assert short(await relay.submit(mail())) == "accepted 250"
        far.acts[step] = [CLOSE]
        assert short(await relay.submit(mail())) in (f"deferred - {step.lower()}", "unknown final")
        assert far.connections == 1


async def test_a_connection_closed_while_it_waited_is_seen() -> None:
    async with far_relay(final=[b"250 ok\r\n", CLOSE]) as far, client(far) as relay:
        assert short(await relay.submit(mail())) == "accepted 250"
        await far.closed.wait()
        assert short(await relay.submit(mail())) == "accepted 250"
        assert far.verbs.count("MAIL") == 2


async def test_a_goodbye_to_a_connection_that_waited_is_seen() -> None:
    """Not taken for the answer to the next mail."""
    async with far_relay(final=[b"250 ok\r\n", PAUSE, b"421 4.4.2 idle\r\n", CLOSE]) as far, client(far) as relay:
        assert short(await relay.submit(mail())) == "accepted 250"
        await far.closed.wait()
        assert short(await relay.submit(mail())) == "accepted 250"
    assert far.connections == 2


# Cancellation


class Stopper(trio.abc.Instrument):
    """Cancels a scope when a task is about to make its k-th step."""

    def __init__(self, step: int, scope: trio.CancelScope, name: str) -> None:
        self.left = step
        self.scope = scope
        self.name = name

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.name.endswith(self.name):
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("content", [CONTENT, b"line\r\n" * 200_000])
async def test_cancellation_at_every_step(content: bytes, pipelining: bool) -> None:
    """Whatever the step: raised means that the relay does not have the mail, returned means what it says."""
    seen: set[str] = set()
    step = 0
    while True:
        step += 1
        far = FarRelay(pipelining=pipelining)
        results: list[Mapping[Mailbox, Outcome]] = []
        with trio.fail_after(10):
            async with far_relay(far), client(far) as relay:
                scope = trio.CancelScope()

                async def cancelled_submit(
                    relay: Relay = relay,
                    scope: trio.CancelScope = scope,
                    results: list[Mapping[Mailbox, Outcome]] = results,
                ) -> None:
                    with scope:
                        results.append(
                            await relay.submit(mail(content=content, before_content=trio.lowlevel.checkpoint))
                        )

                stopper = Stopper(step, scope, "cancelled_submit")
                trio.lowlevel.add_instrument(stopper)
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(cancelled_submit)
                finally:
                    trio.lowlevel.remove_instrument(stopper)
                await trio.testing.wait_all_tasks_blocked(0.01)
                if results:
                    # The relay answers at once, so the answer comes within the grace.
                    assert short(results[0]) == "accepted 250"
                    assert len(far.mails) == 1
                else:
                    assert far.mails == []
                    assert relay.idle_connections == 0
                    assert far.open_now == 0
                seen.add("returned" if results else "raised")
                assert short(await relay.submit(mail())) == "accepted 250"
        if stopper.left > 0:
            break
    assert seen == {"returned", "raised"}
    assert step > 8


def test_cancellation_while_the_answer_is_awaited(clock: trio.testing.MockClock) -> None:
    async def run() -> None:
        async with far_relay(final=SILENCE) as far, client(far, settings(cancelled_seconds=5)) as relay:
            begin = trio.current_time()
            with trio.move_on_after(10):
                outcomes = await relay.submit(mail())
                assert 15 <= trio.current_time() - begin < 16
                assert short(outcomes) == "unknown final"
                with pytest.raises(trio.Cancelled):
                    await trio.lowlevel.checkpoint()
                assert relay.idle_connections == 0
                return
            raise AssertionError("it did not return")

    mocked(clock, run)


async def test_many_mails_over_few_connections() -> None:
    async with far_relay() as far, client(far) as relay:

        async def worker() -> None:
            for _ in range(25):
                assert short(await relay.submit(mail())) == "accepted 250"

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(worker)
    assert len(far.mails) == 200
    assert far.connections <= 4


@pytest.mark.parametrize(
    "wrong", [{"tls": "none", "username": "joe"}, {"helo": ""}, {"helo": "a\r\nb"}, {"helo": "a b"}]
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        settings(**wrong)


def test_the_password_does_not_show() -> None:
    assert "hunter2" not in repr(settings(tls="implicit", username="joe", password="hunter2"))
