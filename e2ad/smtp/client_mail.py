"""A mail on its way out, and what became of it for each recipient. All of it values."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TypeAlias

from attrs import field, frozen

from e2ad.core.address import NULL_PATH, Mailbox, ReversePath
from e2ad.smtp.client_replies import RelayReply

__all__ = ["Accepted", "Deferred", "Outcome", "Outgoing", "Phase", "Refused", "Trouble", "Unknown"]


class Phase(Enum):
    """How far a session had come. The members stand in the order in which they are reached."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"
    FINAL = "final"

    @property
    def before_mail(self) -> bool:
        """Was the relay not told of any mail yet, so that its answer says nothing about this one?"""
        return self in _BEFORE_MAIL


_BEFORE_MAIL = (Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.HANDSHAKE, Phase.AUTH)


@frozen
class Accepted:
    """The relay has taken responsibility; `reply` is its final answer and names its own id for the mail."""

    reply: RelayReply


@frozen
class Deferred:
    """Not taken, and it may be taken later. Certainly not delivered.

    Attributes:
        reply: what the relay said, or None if it said nothing (to the point).
        phase: where it happened.
        why: one line for people.
    """

    reply: RelayReply | None
    phase: Phase
    why: str

    @property
    def outage(self) -> bool:
        """Is this about the way to the relay and not about the mail? (contract: outage and temporary)"""
        return self.reply is None or self.phase.before_mail or self.reply.code == 530


@frozen
class Refused:
    """Not taken, and it never will be. `reply` is None where we refuse what this relay cannot do."""

    reply: RelayReply | None
    phase: Phase
    why: str


@frozen
class Unknown:
    """The whole content was sent and no answer came: the relay may have taken it or not. Never send blindly again."""

    phase: Phase
    why: str


Outcome: TypeAlias = Accepted | Deferred | Refused | Unknown


class Trouble(Exception):
    """The session cannot go on. It stays inside the client, where it becomes outcomes.

    Args:
        phase: where it stood.
        why: one line for people.
        reply: what the relay said, if it was that.
        gone: the peer closed or the connection broke, as opposed to silence and nonsense.
    """

    def __init__(self, phase: Phase, why: str, reply: RelayReply | None = None, *, gone: bool = False) -> None:
        super().__init__(f"{phase.value}: {why}")
        self.phase = phase
        self.why = why
        self.reply = reply
        self.gone = gone


@frozen
class Outgoing:
    """One mail for one envelope.

    Attributes:
        reverse_path: where reports of failure go.
        forward_paths: the recipients; two equal ones are one.
        content: header section and body, each line ended by CRLF, dots as they are. A missing last
            CRLF is added on the wire.
        smtputf8: the header section needs RFC 6531, whatever the addresses need.
        eightbit: the content may hold octets above 127 and is declared as 8BITMIME where possible.
        before_content: awaited once the relay waits for the content and before its first octet
            leaves, so that the attempt can be marked as one that may arrive. If it raises,
            nothing was sent and `Relay.submit` raises the same. It has `command_seconds`.

    Raises:
        ValueError: no recipient, no content, a CR or LF alone, octets above 127 against the
            promise of `eightbit`, or an address that could end a command line.
    """

    reverse_path: ReversePath
    forward_paths: tuple[Mailbox, ...]
    content: bytes = field(repr=False)
    smtputf8: bool = False
    eightbit: bool = True
    before_content: Callable[[], Awaitable[None]] | None = field(default=None, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.forward_paths:
            raise ValueError("a mail needs a recipient")
        paths = self.forward_paths if self.reverse_path is NULL_PATH else (self.reverse_path, *self.forward_paths)
        for path in paths:
            # Parsed mailboxes cannot hold these; a mailbox built by hand must not end a command either.
            if not str(path).isprintable():
                raise ValueError("an address of the envelope holds a control character")
        if not self.content:
            raise ValueError("a mail needs content")
        pairs = self.content.count(b"\r\n")
        if self.content.count(b"\n") != pairs or self.content.count(b"\r") != pairs:
            raise ValueError("the lines of the content must end with CR LF, and neither may stand alone")
        if not self.eightbit and not self.content.isascii():
            raise ValueError("the content holds octets above 127, which eightbit=False excludes")
