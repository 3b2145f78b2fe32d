"""The relay client against TLS, against our own server and against a real Postfix."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import evolve, frozen

from e2ad.core.address import Mailbox
from e2ad.listeners import open_listeners
from e2ad.smtp.client import Accepted, Deferred, Outcome, Outgoing, Phase, Refused, Relay, RelaySettings
from e2ad.smtp.server import SmtpSettings, serve
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


# Postfix


@frozen
class Postfix:
    """A private Postfix on loopback, and where it puts what it takes."""

    port: int
    folder: Path
    mechanism: str

    def delivered(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / "mail" / "new").glob("*"))]


MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
myhostname = mx.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = {folder}/data/log
maillog_file_prefixes = {folder}
virtual_mailbox_domains = mx.test
virtual_mailbox_maps = inline:{{ {{ bot@mx.test = mail/ }}, {{ full@mx.test = mail/ }} }}
virtual_mailbox_base = {folder}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_tls_security_level = encrypt
smtpd_recipient_restrictions =
  check_recipient_access inline:{{ {{ full@mx.test = 452 4.2.2 mailbox full }} }}, permit_sasl_authenticated, reject
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = mx.test
message_size_limit = 2000000
"""

SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/data/sasldb
mech_list: {mechanisms}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""


@pytest.fixture(params=["PLAIN LOGIN", "LOGIN"])
def postfix(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Postfix]:
    program = shutil.which("postfix", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None or shutil.which("saslpasswd2") is None or os.geteuid() != 0:
        pytest.skip("Postfix and sasl2-bin are not installed, or this is not root")
    folder = Path(os.path.realpath(f"/tmp/e2ad-postfix-{os.getpid()}"))
    folder.mkdir(mode=0o755)
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        account = shutil._get_uid("postfix"), shutil._get_gid("postfix")  # type: ignore[attr-defined]
        for name in ("etc", "etc/sasl", "queue", "data", "mail"):
            (folder / name).mkdir(mode=0o755)
        for name in ("data", "mail"):
            os.chown(folder / name, *account)
        shutil.copy(authority.cert, folder / "cert.pem")
        shutil.copy(authority.key, folder / "key.pem")
        (folder / "key.pem").chmod(0o600)
        main = MAIN.format(folder=folder, uid=account[0], gid=account[1])
        (folder / "etc" / "main.cf").write_text(main)
        (folder / "etc" / "master.cf").write_text(MASTER.format(port=port))
        (folder / "etc" / "sasl" / "smtpd.conf").write_text(SASL.format(folder=folder, mechanisms=request.param))
        database = folder / "data" / "sasldb"
        words = ["saslpasswd2", "-p", "-c", "-f", str(database), "-u", "mx.test", "joe"]
        subprocess.run(words, input=b"secret", timeout=10, check=True)
        os.chown(database, *account)
        with (folder / "out").open("wb") as out:
            process = subprocess.Popen([program, "-c", str(folder / "etc"), "start-fg"], stdout=out, stderr=out)
        try:
            _wait_for_greeting(port, process, folder)
            yield Postfix(port, folder, request.param.split(" ")[0])
        finally:
            subprocess.run([program, "-c", str(folder / "etc"), "stop"], capture_output=True, timeout=30, check=False)
            process.terminate()
            process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_greeting(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                if probe.recv(3) == b"220":
                    probe.sendall(b"QUIT\r\n")
                    return
        except OSError:
            time.sleep(0.1)
    logs = [path.read_text() for path in (folder / "out", folder / "data" / "log") if path.exists()]
    raise RuntimeError("Postfix does not start: " + "\n".join(logs)[-2000:])


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
