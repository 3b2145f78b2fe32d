"""The relay client against TLS, against our own server and against a real Postfix."""

import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import evolve

from e2ad.core.address import Mailbox
from e2ad.listeners import open_listeners
from e2ad.smtp.client import Accepted, Deferred, Outcome, Outgoing, Phase, Refused, Relay, RelaySettings
from e2ad.smtp.server import SmtpSettings, serve
from tests.live.postfix import Postfix, running_postfix
from tests.live.test_smtp_tls import Authority
from tests.smtp.dialog import Postbox
from tests.smtp.relay import SILENCE, FarRelay, far_relay, settings

pytestmark = pytest.mark.live

ME, BOT, NOBODY = Mailbox("me", "e2ad.test"), Mailbox("bot", "mx.test"), Mailbox("nobody", "mx.test")
CONTENT = b"Subject: x\r\n\r\ntext\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def context(authority: Authority) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(authority.cert, authority.key)
    return made


def secured(authority: Authority, **more: object) -> RelaySettings:
    base = {"tls": "starttls", "ca_file": authority.ca, "username": "joe", "password": "secret"}
    return settings(**(base | more))


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[Relay]:
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(relay.run)
            yield relay
            await relay.aclose()
            nursery.cancel_scope.cancel()


def only(outcomes: Mapping[Mailbox, Outcome]) -> Outcome:
    (outcome,) = outcomes.values()
    return outcome


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN"])
async def test_tls_and_credentials(authority: Authority, tls: str, mechanisms: str) -> None:
    far = FarRelay(context=context(authority), implicit=tls == "implicit", mechanisms=mechanisms)
    async with far_relay(far), running(Relay(secured(authority, tls=tls), far.connect)) as relay:
        for content in (CONTENT, b"line\r\n" * 200_000):
            assert isinstance(only(await relay.submit(Outgoing(ME, (BOT,), content))), Accepted)
    assert [(mail.tls, mail.user, mail.accepted) for mail in far.mails] == [(True, "joe", True)] * 2
    assert far.connections == 1
    assert far.violations == []
    assert far.verbs[-1] == "QUIT"


@pytest.mark.parametrize(
    ("change", "phase", "why"),
    [
        ({"host": "other.test"}, Phase.HANDSHAKE, "Hostname mismatch"),
        ({"host": "127.0.0.1"}, Phase.HANDSHAKE, "IP address mismatch"),
        ({"ca_file": None}, Phase.HANDSHAKE, "certificate is not valid"),
        ({"ca_file": Path("/nowhere/ca.pem")}, Phase.CONNECT, "authorities"),
        ({"tls": "implicit", "connect_seconds": 2}, Phase.HANDSHAKE, "no TLS with the relay"),
        ({"password": "wrong"}, Phase.AUTH, "535"),
    ],
)
async def test_tls_that_is_not_what_was_asked_for(
    authority: Authority, change: dict[str, object], phase: Phase, why: str
) -> None:
    far = FarRelay(context=context(authority))
    async with far_relay(far):
        outcome = only(await Relay(secured(authority, **change), far.connect).submit(Outgoing(ME, (BOT,), CONTENT)))
    assert isinstance(outcome, Deferred)
    assert outcome.phase is phase
    assert why in outcome.why
    assert outcome.outage
    assert set(far.verbs) <= {"EHLO", "STARTTLS", "AUTH"}
    assert far.violations == []


async def test_never_in_the_clear(authority: Authority) -> None:
    far = FarRelay()
    async with far_relay(far):
        outcome = only(await Relay(secured(authority), far.connect).submit(Outgoing(ME, (BOT,), CONTENT)))
    assert isinstance(outcome, Deferred)
    assert outcome.phase is Phase.STARTTLS
    assert "TLS is required" in outcome.why
    assert far.verbs == ["EHLO"]


@pytest.mark.parametrize("tail", [b"250 injected\r\n", b"2", b"\x16\x03"])
async def test_octets_behind_starttls_are_an_error(authority: Authority, tail: bytes) -> None:
    far = FarRelay(context=context(authority))
    async with far_relay(far, STARTTLS=b"220 go\r\n" + tail):
        outcome = only(await Relay(secured(authority), far.connect).submit(Outgoing(ME, (BOT,), CONTENT)))
    assert isinstance(outcome, Deferred)
    assert outcome.phase is Phase.STARTTLS
    assert "in the clear" in outcome.why


async def test_a_handshake_that_hangs(authority: Authority) -> None:
    far = FarRelay(context=context(authority))
    async with far_relay(far, handshake=SILENCE):
        relay = Relay(secured(authority, connect_seconds=0.5), far.connect)
        outcome = only(await relay.submit(Outgoing(ME, (BOT,), CONTENT)))
    assert isinstance(outcome, Deferred)
    assert outcome.phase is Phase.HANDSHAKE
    assert "within 0.5 s" in outcome.why


# Our own server


@pytest.mark.parametrize("tls", ["none", "starttls"])
async def test_our_own_server_as_the_relay(authority: Authority, tls: str) -> None:
    postbox = Postbox()
    door = SmtpSettings("mx.test", tls_cert=authority.cert, tls_key=authority.key)
    chosen = secured(authority, tls=tls, username="")
    large = b"Subject: large\r\n\r\n" + b".line\r\n" * 100_000
    async with trio.open_nursery() as nursery:
        listeners = await open_listeners("127.0.0.1", 0)
        await nursery.start(serve, door, postbox, listeners, trio.Event())
        port = listeners[0].socket.getsockname()[1]
        async with running(Relay(chosen, lambda host, _: trio.open_tcp_stream("127.0.0.1", port))) as relay:
            outcomes = await relay.submit(Outgoing(ME, (BOT, NOBODY), b".\r\n..\r\n"))
            assert isinstance(outcomes[BOT], Accepted)
            refused = outcomes[NOBODY]
            assert isinstance(refused, Refused)
            assert refused.reply is not None
            assert (refused.reply.code, refused.reply.enhanced) == (550, "5.1.1")
            assert isinstance(only(await relay.submit(Outgoing(ME, (NOBODY,), CONTENT))), Refused)
            assert isinstance(only(await relay.submit(Outgoing(ME, (BOT,), large))), Accepted)
            full = only(await relay.submit(Outgoing(ME, (Mailbox("full", "mx.test"),), CONTENT)))
            assert isinstance(full, Deferred | Refused)
        nursery.cancel_scope.cancel()
    assert [content for _, content in postbox.mails] == [b".\r\n..\r\n", large]
    assert {envelope.peer.tls for envelope, _ in postbox.mails} == {tls != "none"}
    assert {envelope.peer.session for envelope, _ in postbox.mails} == {postbox.mails[0][0].peer.session}


async def test_a_thousand_mails_over_four_connections() -> None:
    """Speed is only reported: `-rP` shows it."""
    content = b"Subject: x\r\n\r\n" + b"a line of text as mails have them\r\n" * 140
    far = FarRelay()
    async with far_relay(far), running(Relay(settings(), far.connect)) as relay:

        async def worker() -> None:
            for _ in range(125):
                assert isinstance(only(await relay.submit(Outgoing(ME, (BOT,), content))), Accepted)

        began, processor = time.perf_counter(), time.thread_time()
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(worker)
        seconds, processor = time.perf_counter() - began, time.thread_time() - processor
    assert len(far.mails) == 1_000
    assert far.connections <= 4
    print(
        f"{1000 / seconds:.0f} mails/s, {processor * 1000:.0f} us of processor a mail, the far relay's share included"
    )


@pytest.fixture(params=["PLAIN LOGIN", "LOGIN"])
def postfix(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Postfix]:
    with running_postfix(authority, request.param) as running_one:
        yield running_one


async def test_a_real_postfix(postfix: Postfix, authority: Authority) -> None:
    full, stranger = Mailbox("full", "mx.test"), Mailbox("x", "mx.test")
    chosen = secured(authority, username="joe@mx.test")
    body = b".dots\r\n..\r\n" + b"line\r\n" * 20_000
    async with running(Relay(chosen, lambda host, _: trio.open_tcp_stream("127.0.0.1", postfix.port))) as relay:
        small = Outgoing(ME, (BOT, full, stranger), b"Subject: small\r\n\r\n.dot\r\n")
        outcomes = await relay.submit(small)
        accepted, deferred, refused = outcomes[BOT], outcomes[full], outcomes[stranger]
        assert isinstance(accepted, Accepted), accepted
        assert accepted.reply.enhanced == "2.0.0"
        assert "queued as" in accepted.reply.text
        assert isinstance(deferred, Deferred), deferred
        assert deferred.reply is not None
        assert (deferred.reply.code, deferred.reply.enhanced) == (452, "4.2.2")
        assert not deferred.outage
        assert isinstance(refused, Refused), refused
        assert refused.reply is not None
        assert (refused.reply.code, refused.reply.enhanced) == (550, "5.1.1"), refused
        assert isinstance(only(await relay.submit(evolve(small, forward_paths=(stranger,)))), Refused)
        # Over BDAT, since Postfix offers CHUNKING.
        assert isinstance(only(await relay.submit(Outgoing(ME, (BOT,), b"Subject: large\r\n\r\n" + body))), Accepted)
        too_big = only(await relay.submit(Outgoing(ME, (BOT,), b"line\r\n" * 400_000)))
        assert isinstance(too_big, Refused)
        assert "2000000" in too_big.why
        for wrong, phase, code in (
            (settings(), Phase.MAIL, 530),  # Postfix wants TLS first
            (evolve(chosen, password="wrong"), Phase.AUTH, 535),
        ):
            unwelcome = Relay(wrong, lambda host, _: trio.open_tcp_stream("127.0.0.1", postfix.port))
            outcome = only(await unwelcome.submit(Outgoing(ME, (BOT,), small.content)))
            assert isinstance(outcome, Deferred), outcome
            assert (outcome.phase, outcome.reply and outcome.reply.code) == (phase, code)
            assert outcome.outage
        with trio.fail_after(20):
            while len(postfix.delivered()) < 2:
                await trio.sleep(0.1)
    first, second = sorted(postfix.delivered(), key=len)
    assert first.endswith(b"\n\n.dot\n")
    assert second.endswith(b"\n\n" + body.replace(b"\r\n", b"\n"))
    # Postfix writes its log in a process of its own, a moment after it has hung up. (The probe that waited
    # for its greeting has left a line with quit=1 as well, so the rest of the line is part of what is awaited.)
    with trio.move_on_after(20):
        while "rset=1 quit=1" not in (log := (postfix.folder / "data" / "log").read_text()):
            await trio.sleep(0.1)
    # One connection carried it all: a mail to three, one that nobody took, and a large one by BDAT.
    assert "lost connection after DATA" not in log
    assert "improper command pipelining" not in log
    assert f"sasl_method={postfix.mechanism}" in log
    assert "ehlo=2 starttls=1 auth=1 mail=3 rcpt=2/5 data=1/2 bdat=1 rset=1 quit=1" in log
