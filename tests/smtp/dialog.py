"""Dialogues as plain text: `C:` a line of the client, `S:` a line of the server, one file a lesson.

`C!` octets with Python escapes and no line end; `X: n text` the line n times; `L: n text` a line
padded to n octets; `M:` the content last accepted; `S: <closed>` the server hung up. A `*` ends
what is compared. Client lines that follow each other are one pipelined group. Options stand in
comments: ``# tls``, ``# modes: whole``, ``# limits: name=value``.
"""

from pathlib import Path

from attrs import define, field, frozen

from e2ad.core.address import Mailbox, ReversePath
from e2ad.core.errors import MailboxFull, UnknownRecipient
from e2ad.core.message import Envelope, Peer, Recipient
from e2ad.smtp.events import Limits

FOLDER = Path(__file__).parents[1] / "dialogs"


@frozen
class Send:
    octets: bytes


@frozen
class Expect:
    line: str


@frozen
class ExpectContent:
    content: bytes | None


@define
class Dialog:
    steps: list[Send | Expect | ExpectContent] = field(factory=list)
    tls: bool = False
    whole_only: bool = False
    limits: dict[str, int] = field(factory=lambda: {"max_message_bytes": 1000, "max_recipients": 3})

    @property
    def machine_limits(self) -> Limits:
        return Limits(**self.limits)


def read(path: Path) -> Dialog:
    dialog = Dialog()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        mark, text = line[:2], line[3:]
        if mark == "# ":
            _option(dialog, line[2:])
        elif mark == "S:":
            dialog.steps.append(Expect(text))
        elif mark == "M:":
            dialog.steps.append(ExpectContent(None if text == "<none>" else _escaped(text)))
        elif mark in ("C:", "C!", "X:", "L:"):
            octets = _octets(mark, text)
            if dialog.steps and isinstance(dialog.steps[-1], Send):
                octets = dialog.steps.pop().octets + octets
            dialog.steps.append(Send(octets))
        else:
            raise ValueError(f"{path}:{number}: {line!r}")
    return dialog


def _option(dialog: Dialog, text: str) -> None:
    if text == "tls":
        dialog.tls = True
    elif text == "modes: whole":
        dialog.whole_only = True
    elif text.startswith("limits: "):
        name, value = text.removeprefix("limits: ").split("=")
        dialog.limits[name] = int(value)


def _octets(mark: str, text: str) -> bytes:
    if mark == "C!":
        return _escaped(text)
    if mark == "C:":
        return text.encode() + b"\r\n"
    count, _, rest = text.partition(" ")
    if mark == "X:":
        return (rest.encode() + b"\r\n") * int(count)
    return rest.encode().ljust(int(count) - 2, b"x") + b"\r\n"


def _escaped(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")


def fits(expected: str, line: str) -> bool:
    return line.startswith(expected[:-1]) if expected.endswith("*") else line == expected


class Postbox:
    """A receiver that knows `bot…` and postmaster; `full`, `crash` and everybody else meet their fate."""

    def __init__(self) -> None:
        self.begun: list[tuple[Peer, ReversePath]] = []
        self.mails: list[tuple[Envelope, bytes]] = []

    def begin(self, peer: Peer, reverse_path: ReversePath) -> None:
        self.begun.append((peer, reverse_path))

    async def admit(self, peer: Peer, forward_path: Mailbox) -> Recipient:
        return self.admit_nowait(forward_path)

    def admit_nowait(self, forward_path: Mailbox) -> Recipient:
        name = forward_path.local_part.lower().partition("+")[0]
        if name == "full":
            raise MailboxFull
        if name == "crash":
            raise RuntimeError("the directory is on fire")
        if name != "postmaster" and not name.startswith("bot"):
            raise UnknownRecipient
        return Recipient("account", f"{name}@{forward_path.domain}", str(forward_path))

    async def accept(self, envelope: Envelope, content: bytes) -> tuple[str, ...]:
        if str(envelope.reverse_path).startswith("crash@"):
            raise RuntimeError("the database is on fire")
        self.mails.append((envelope, content))
        return ("msg_1",)
