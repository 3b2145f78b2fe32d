"""What the SMTP machine tells its adapter, and the limits it holds a peer to."""

from enum import Enum, auto
from typing import Final, TypeAlias

from attrs import frozen

from e2ad.core.address import Mailbox, ReversePath

__all__ = [
    "HANG_UP",
    "NEED_DATA",
    "PAUSED",
    "Content",
    "EndOfContent",
    "Event",
    "Limits",
    "MailFrom",
    "RcptTo",
    "Say",
    "Signal",
    "StartTls",
]


@frozen
class Limits:
    """What one session may do. Sizes are octets, lines are counted with their CRLF."""

    max_message_bytes: int = 26_214_400
    max_recipients: int = 100
    max_command_bytes: int = 2_048
    max_line_bytes: int = 131_072
    max_errors: int = 10
    # NOOP, RSET, VRFY, EHLO and refused recipients between two mails: nothing that mail needs much of.
    max_idle_commands: int = 200


class Signal(Enum):
    """Events that carry nothing."""

    NEED_DATA = auto()
    PAUSED = auto()
    HANG_UP = auto()


NEED_DATA: Final = Signal.NEED_DATA
PAUSED: Final = Signal.PAUSED
HANG_UP: Final = Signal.HANG_UP


@frozen
class Say:
    """Bytes for the peer. `drops`: the transaction that was open, if any, is over and forgotten."""

    data: bytes
    drops: bool = False


@frozen
class MailFrom:
    """Question: may a transaction begin?"""

    reverse_path: ReversePath
    size: int | None
    smtputf8: bool


@frozen
class RcptTo:
    """Question: do we take mail for this mailbox?"""

    forward_path: Mailbox


@frozen
class Content:
    """The next octets of the mail: dots unstuffed, CRLF kept."""

    chunk: bytes


@frozen
class EndOfContent:
    """Question: is the mail ours now?"""


@frozen
class StartTls:
    """Question: answer 220, then shake hands and call `secured`; or answer 454."""


Event: TypeAlias = Say | MailFrom | RcptTo | Content | EndOfContent | StartTls | Signal
