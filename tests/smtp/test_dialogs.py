"""Every dialogue in `tests/dialogs`: through the machine, fed in three ways, and over a real socket."""

from pathlib import Path

import pytest
import trio

from e2ad.listeners import open_listeners
from e2ad.smtp import replies
from e2ad.smtp.events import HANG_UP, NEED_DATA, PAUSED, Content, EndOfContent, MailFrom, RcptTo, Say, StartTls
from e2ad.smtp.protocol import Machine
from e2ad.smtp.replies import Reply, reply_for
from e2ad.smtp.server import SmtpSettings, serve
from tests.smtp.dialog import FOLDER, Dialog, Expect, ExpectContent, Postbox, Send, fits, read

FILES = sorted(FOLDER.glob("*.txt"))
TAIL = b"\x00 no line end"


class Player:
    """Plays the adapter without I/O."""

    def __init__(self, dialog: Dialog) -> None:
        self.machine = Machine("mx.test", dialog.machine_limits, offers_tls=dialog.tls)
        self.out = self.machine.greet()
        self.postbox = Postbox()
        self.accepted: bytes | None = None
        self.content = b""
        self.crashes = False
        self.closed = False

    def feed(self, octets: bytes) -> None:
        self.machine.receive_data(octets)
        while (event := self.machine.next_event()) is not NEED_DATA:
            match event:
                case Say():
                    self.out += event.data
                    if event.drops:
                        self.content = b""
                case Content():
                    assert event.chunk
                    self.content += event.chunk
                case MailFrom() | RcptTo() | EndOfContent() | StartTls():
                    assert self.machine.next_event() is PAUSED
                    self.out += self.machine.reply(self._answer(event))
                case _:
                    assert event is HANG_UP
                    self.closed = True
                    return

    def _answer(self, event: MailFrom | RcptTo | EndOfContent | StartTls) -> Reply:
        match event:
            case MailFrom():
                self.content = b""
                self.crashes = str(event.reverse_path).startswith("crash@")
                return replies.SENDER_OK
            case RcptTo():
                try:
                    self.postbox.admit_nowait(event.forward_path)
                except Exception as error:
                    return reply_for(error)
                return replies.RECIPIENT_OK
            case EndOfContent():
                content, self.content = self.content, b""
                if self.crashes:
                    return reply_for(RuntimeError())
                self.accepted = content
                return Reply(250, "2.0.0", "OK: queued as msg_1")
            case StartTls():
                return replies.READY_FOR_TLS


@pytest.mark.parametrize("way", ["whole", "octet by octet", "with a tail"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_machine(path: Path, way: str) -> None:
    dialog = read(path)
    if dialog.whole_only and way == "octet by octet":
        pytest.skip("this lesson is about octets that come together")
    player = Player(dialog)
    last = max(index for index, step in enumerate(dialog.steps) if isinstance(step, Send))
    for index, step in enumerate(dialog.steps):
        match step:
            case Send():
                assert player.out == b"", "the server said more than the dialogue does"
                player.accepted = None
                octets = step.octets + TAIL if way == "with a tail" and index == last else step.octets
                for piece in [bytes([octet]) for octet in octets] if way == "octet by octet" else [octets]:
                    player.feed(piece)
            case Expect("<closed>"):
                assert player.closed
            case Expect():
                line, _, player.out = player.out.partition(b"\r\n")
                assert fits(step.line, line.decode("ascii")), f"wanted {step.line!r}, heard {line!r}"
            case ExpectContent():
                assert player.accepted == step.content
    assert player.out == b""
    assert player.closed is any(step == Expect("<closed>") or _is_quit(step) for step in dialog.steps)


def _is_quit(step: object) -> bool:
    return isinstance(step, Expect) and step.line.startswith("221")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_socket(path: Path, tmp_path: Path) -> None:
    dialog = read(path)
    if dialog.tls:
        pytest.skip("TLS over a socket has live tests of its own")
    postbox, closing = Postbox(), trio.Event()
    settings = SmtpSettings("mx.test", spool_dir=tmp_path, **dialog.limits)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            listeners = await open_listeners("127.0.0.1", 0)
            await nursery.start(serve, settings, postbox, listeners, closing)
            address = listeners[0].socket.getsockname()
            stream = await trio.open_tcp_stream(address[0], address[1])
            async with stream:
                await _converse(stream, dialog, postbox)
            closing.set()


async def _converse(stream: trio.SocketStream, dialog: Dialog, postbox: Postbox) -> None:
    received = b""
    for step in dialog.steps:
        match step:
            case Send():
                postbox.mails.clear()
                await stream.send_all(step.octets)
            case Expect("<closed>"):
                assert received == b""
                assert await stream.receive_some() == b""
            case Expect():
                while b"\r\n" not in received:
                    data = await stream.receive_some()
                    assert data, f"hung up instead of {step.line!r}"
                    received += data
                line, _, received = received.partition(b"\r\n")
                assert fits(step.line, line.decode("ascii")), f"wanted {step.line!r}, heard {line!r}"
            case ExpectContent():
                assert (postbox.mails[-1][1] if postbox.mails else None) == step.content
    assert received == b""
