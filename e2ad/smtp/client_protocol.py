"""The SMTP client as conversations without I/O: what to write, what to wait for, and what it means.

Theory of operation. A conversation is a generator. It yields a step (`Write`, `Read`, `Secure`,
`AskLeave`, `Send`) and is resumed when the step is done, after `Read` with the reply. It raises
`Trouble` when the session cannot go on. `introduce` begins a session and returns what the relay
offers; `Transaction.talk` carries one mail. Who drives them (`smtp.client_connection`, or a test)
does the I/O, and on a failure of its own tells `Transaction.fail`.

The one fact that must never be wrong: `Transaction.ended` becomes true when the conversation is
resumed after `Send`, so it means that the end of the content left us in full. Before that a failure
is a deferral, since no relay takes a mail without its end; after it the answer alone decides.
"""

import base64
from collections.abc import Generator, Iterator, Mapping
from itertools import islice
from typing import Final, Literal, TypeAlias, TypeVar

from attrs import field, frozen

from e2ad.core.address import Mailbox
from e2ad.smtp.client_mail import Accepted, Deferred, Outcome, Outgoing, Phase, Refused, Trouble, Unknown
from e2ad.smtp.client_replies import RelayReply

__all__ = ["AskLeave", "Extensions", "Read", "Secure", "Send", "Step", "Talk", "Transaction", "Write", "introduce"]

# Commands that leave in one write. More could fill both directions of a connection and stop it for good
# (RFC 2920 section 3.1), since nothing is read while a group is written.
GROUP: Final = 100

# From here on BDAT saves the copy that dot-stuffing makes, and both sides the search for the end.
CHUNKING_BYTES: Final = 65_536
BLOCK_BYTES: Final = 65_536

_END_OF_NOTHING: Final = b".\r\n"


@frozen
class Write:
    """Send commands."""

    data: bytes = field(repr=False)
    phase: Phase


@frozen
class Read:
    """Wait for one reply."""

    phase: Phase


@frozen
class Secure:
    """Shake hands. Nothing may have come behind the reply that was read last."""


@frozen
class AskLeave:
    """The relay waits for the content: the last moment to say so to whoever keeps the books."""


@frozen
class Send:
    """Send the content; the last block holds its end."""

    blocks: Iterator[bytes] = field(repr=False)


_T = TypeVar("_T")
_Command: TypeAlias = Mailbox | Literal["RSET", "MAIL", "DATA"]
Step: TypeAlias = Write | Read | Secure | AskLeave | Send
Talk: TypeAlias = Generator[Step, RelayReply | None, _T]


@frozen
class Extensions:
    """What a relay offers: keywords in upper case with their parameters (RFC 5321 section 4.1.1.1)."""

    keywords: Mapping[str, tuple[str, ...]] = field(factory=dict)

    @classmethod
    def of(cls, reply: RelayReply) -> "Extensions":
        """Read the answer to EHLO; its first line is a greeting."""
        words = [line.split() for line in reply.lines[1:]]
        return cls({word[0].upper(): tuple(parameter.upper() for parameter in word[1:]) for word in words if word})

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def max_size(self) -> int | None:
        """The largest mail by SIZE (RFC 1870 section 4), or None where the relay names no limit."""
        parameters = self.keywords.get("SIZE", ())
        size = int(parameters[0]) if parameters and parameters[0].isdecimal() and len(parameters[0]) <= 20 else 0
        return size or None


def _ask(command: str, phase: Phase) -> Talk[RelayReply]:
    yield Write(command.encode("utf-8") + b"\r\n", phase)
    return (yield from _read(phase))


def _read(phase: Phase) -> Talk[RelayReply]:
    reply = yield Read(phase)
    assert reply is not None, "a read is resumed with its reply"
    if reply.code == 421:
        # RFC 5321 section 3.8: with this the relay closes, whatever it was asked.
        raise Trouble(phase, f"the relay closes the connection: {reply}", reply)
    return reply


def introduce(
    helo: str, tls: Literal["none", "starttls", "implicit"], username: str = "", password: str = ""
) -> Talk[Extensions]:
    """Greeting, EHLO (or HELO), STARTTLS and AUTH as configured.

    With "starttls" nothing but EHLO and STARTTLS is ever said in the clear (RFC 3207 section 4.1),
    and what was offered in the clear is forgotten. A refusal here, even a permanent one, is about us
    and not about the mail that waits, so it is trouble, which defers, and never a bounce.

    Raises:
        Trouble: the relay does not want us, or cannot do what is configured.
    """
    greeting = yield from _read(Phase.GREETING)
    if greeting.kind != 2:
        raise Trouble(Phase.GREETING, f"the relay does not want us: {greeting}", greeting)
    extensions = yield from _hello(helo)
    if tls == "starttls":
        if "STARTTLS" not in extensions:
            raise Trouble(Phase.STARTTLS, "TLS is required, and the relay does not offer STARTTLS")
        reply = yield from _ask("STARTTLS", Phase.STARTTLS)
        if reply.code != 220:
            raise Trouble(Phase.STARTTLS, f"TLS is required, and the relay refuses STARTTLS: {reply}", reply)
        yield Secure()
        extensions = yield from _hello(helo)
    if username:
        assert tls != "none", "a password never goes in the clear"
        yield from _authenticate(extensions, username, password)
    return extensions


def _hello(helo: str) -> Talk[Extensions]:
    reply = yield from _ask(f"EHLO {helo}", Phase.EHLO)
    if reply.kind == 2:
        return Extensions.of(reply)
    if reply.kind == 5:
        # RFC 5321 section 3.2: a server that does not know EHLO knows HELO.
        reply = yield from _ask(f"HELO {helo}", Phase.EHLO)
        if reply.kind == 2:
            return Extensions()
    raise Trouble(Phase.EHLO, f"the relay does not take our introduction: {reply}", reply)


def _authenticate(extensions: Extensions, username: str, password: str) -> Talk[None]:
    mechanisms = extensions.keywords.get("AUTH", ())
    reply: RelayReply | None = None
    if "PLAIN" in mechanisms:
        secret = _base64(f"\0{username}\0{password}")
        reply = yield from _ask(f"AUTH PLAIN {secret}", Phase.AUTH)
        # RFC 4954 sections 4 and 6: 504 and 534 are about the mechanism. A wrong password is not tried twice.
        if reply.code not in (504, 534):
            _expect_authenticated(reply)
            return
    if "LOGIN" in mechanisms:
        reply = yield from _ask("AUTH LOGIN", Phase.AUTH)
        for answer in (username, password):
            if reply.code != 334:
                break
            reply = yield from _ask(_base64(answer), Phase.AUTH)
    if reply is None:
        raise Trouble(Phase.AUTH, "the relay offers neither AUTH PLAIN nor AUTH LOGIN")
    _expect_authenticated(reply)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _expect_authenticated(reply: RelayReply) -> None:
    if reply.kind != 2:
        raise Trouble(Phase.AUTH, f"the relay does not take our credentials: {reply}", reply)


class Transaction:
    """One mail on one session.

    Args:
        mail: what to send.
        extensions: what the relay offers.
        reset: a transaction before this one is still open at the relay.

    Attributes:
        outcomes: what is known so far; complete once `talk` returned or `fail` was called.
        answered: the relay said something, and stays.
        ended: the end of the content was sent in full.
        is_open: the relay still holds an envelope, so RSET comes before the next MAIL.
    """

    def __init__(self, mail: Outgoing, extensions: Extensions, *, reset: bool = False) -> None:
        self.outcomes: dict[Mailbox, Outcome] = {}
        self.answered = False
        self.ended = False
        self.is_open = reset
        self._mail = mail
        self._extensions = extensions
        self._recipients = list(dict.fromkeys(mail.forward_paths))
        self._content = mail.content if mail.content.endswith(b"\r\n") else mail.content + b"\r\n"
        self._taken: list[Mailbox] = []
        self._mail_reply: RelayReply | None = None
        self._data_reply: RelayReply | None = None

    def fail(self, phase: Phase, why: str, reply: RelayReply | None = None) -> None:
        """The session is over: decide for every recipient that has no outcome yet."""
        for mailbox in self._recipients:
            if mailbox not in self.outcomes:
                self.outcomes[mailbox] = self._verdict(phase, why, reply)

    def talk(self) -> Talk[None]:
        """Carry the mail. Afterwards the session can carry another one.

        Raises:
            Trouble: the session cannot go on; the driver then calls `fail`.
        """
        self._refuse_what_cannot_go()
        asked = [mailbox for mailbox in self._recipients if mailbox not in self.outcomes]
        if not asked:
            return
        chunking = "CHUNKING" in self._extensions and len(self._content) >= CHUNKING_BYTES
        commands: list[_Command] = ["MAIL", *asked]
        if self.is_open:
            commands.insert(0, "RSET")
        if not chunking:
            commands.append("DATA")
        size = GROUP if "PIPELINING" in self._extensions else 1
        following = iter(commands)
        while group := list(islice(following, size)):
            yield Write(b"".join(map(self._line, group)), _phase_of(group[0]))
            for command in group:
                reply = yield from self._reply(_phase_of(command))
                self._take(command, reply)
            if self._has_failed(group[-1]):
                break
        if self._data_reply is not None and self._data_reply.kind == 3:
            yield from (self._data() if self._taken else self._nothing())
        elif chunking and self._taken:
            yield from self._chunk()

    def _refuse_what_cannot_go(self) -> None:
        """RFC 1870 section 6.1, 6152 section 3 and 6531 section 3.2: what was not offered is not asked for."""
        offered, mail = self._extensions, self._mail
        limit = offered.max_size
        why = None
        if limit is not None and len(self._content) > limit:
            why = f"the mail has {len(self._content)} octets and the relay takes {limit}"
        elif not self._content.isascii() and "8BITMIME" not in offered:
            why = "the mail holds octets above 127 and the relay does not offer 8BITMIME"
        elif "SMTPUTF8" not in offered and (mail.smtputf8 or not str(mail.reverse_path).isascii()):
            why = "the mail needs SMTPUTF8 and the relay does not offer it"
        for mailbox in self._recipients:
            if why is not None:
                self.outcomes[mailbox] = Refused(None, Phase.MAIL, why)
            elif "SMTPUTF8" not in offered and not mailbox.is_ascii:
                why_not = "the address needs SMTPUTF8 and the relay does not offer it"
                self.outcomes[mailbox] = Refused(None, Phase.RCPT, why_not)

    def _line(self, command: _Command) -> bytes:
        if isinstance(command, Mailbox):
            return f"RCPT TO:<{command}>\r\n".encode()
        if command != "MAIL":
            return f"{command}\r\n".encode()
        line = f"MAIL FROM:<{self._mail.reverse_path}>"
        if "SIZE" in self._extensions:
            line += f" SIZE={len(self._content)}"
        if "8BITMIME" in self._extensions and self._mail.eightbit:
            line += " BODY=8BITMIME"
        if self._needs_smtputf8():
            line += " SMTPUTF8"
        return f"{line}\r\n".encode()

    def _needs_smtputf8(self) -> bool:
        paths = (self._mail.reverse_path, *(path for path in self._recipients if path not in self.outcomes))
        return self._mail.smtputf8 or not all(str(path).isascii() for path in paths)

    def _reply(self, phase: Phase) -> Talk[RelayReply]:
        reply = yield from _read(phase)
        self.answered = True
        return reply

    def _take(self, command: _Command, reply: RelayReply) -> None:
        phase = _phase_of(command)
        if reply.kind == 3 if command != "DATA" else reply.kind == 2:
            raise Trouble(phase, f"the relay gives an answer that is none to this question: {reply}")
        if isinstance(command, Mailbox):
            # Behind a refused MAIL each RCPT is refused too, for the order of commands: that says nothing.
            if self._mail_failed():
                return
            if reply.kind == 2:
                self._taken.append(command)
            else:
                self.outcomes[command] = self._judge_recipient(reply)
        elif command == "RSET":
            if reply.kind != 2:
                raise Trouble(phase, f"the relay does not forget the mail before this one: {reply}", None)
            self.is_open = False
        elif command == "MAIL":
            self._mail_reply = reply
            self.is_open = reply.kind == 2
            if self._mail_failed():
                self.fail(phase, str(reply), reply)
        else:
            self._data_reply = reply
            if reply.kind != 3:
                self.fail(phase, str(reply), reply)

    def _mail_failed(self) -> bool:
        return self._mail_reply is not None and self._mail_reply.kind != 2

    def _has_failed(self, last: _Command) -> bool:
        """Is there no use in another group? That of recipients shows only when all were asked."""
        return self._mail_failed() or (last != "DATA" and len(self.outcomes) == len(self._recipients))

    def _judge_recipient(self, reply: RelayReply) -> Outcome:
        # RFC 5321 section 4.5.3.1.10: some say 552 where they mean 452, too many recipients.
        if reply.code == 552 and reply.enhanced in (None, "5.5.3") and self._taken:
            return Deferred(reply, Phase.RCPT, str(reply))
        return self._verdict(Phase.RCPT, str(reply), reply)

    def _verdict(self, phase: Phase, why: str, reply: RelayReply | None) -> Outcome:
        # 530 asks for TLS (RFC 3207) or AUTH (RFC 4954): our configuration is wrong, and not this mail.
        if reply is not None and reply.kind == 5 and reply.code != 530:
            return Refused(reply, phase, why)
        if self.ended and reply is None:
            return Unknown(phase, why)
        return Deferred(reply, phase, why)

    def _nothing(self) -> Talk[None]:
        # RFC 2920 section 3.1: the relay waits for a content that has no recipient. It gets an empty one.
        yield Write(_END_OF_NOTHING, Phase.DATA)
        yield from self._reply(Phase.DATA)
        self.is_open = False

    def _data(self) -> Talk[None]:
        yield AskLeave()
        yield Send(_blocks(_stuffed(self._content) + b".\r\n"))
        self.ended = True
        yield from self._conclude()
        # RFC 5321 section 4.1.1.4: after the content, taken or not, the envelope is forgotten.
        self.is_open = False

    def _chunk(self) -> Talk[None]:
        yield AskLeave()
        # RFC 3030 section 2: one chunk, and no dots.
        head = b"BDAT %d LAST\r\n" % len(self._content)
        yield Send(_blocks(self._content, head))
        self.ended = True
        reply = yield from self._conclude()
        self.is_open = reply.kind != 2

    def _conclude(self) -> Talk[RelayReply]:
        reply = yield from self._reply(Phase.FINAL)
        if reply.kind == 3:
            raise Trouble(Phase.FINAL, f"the relay gives an answer that is none to this question: {reply}")
        if reply.kind == 2:
            self.outcomes.update(dict.fromkeys(self._taken, Accepted(reply)))
        else:
            self.fail(Phase.FINAL, str(reply), reply)
        return reply


def _phase_of(command: _Command) -> Phase:
    if isinstance(command, Mailbox):
        return Phase.RCPT
    return Phase.DATA if command == "DATA" else Phase.MAIL


def _stuffed(content: bytes) -> bytes:
    # RFC 5321 section 4.5.2, in bulk: a loop over the lines costs many times as much.
    content = content.replace(b"\r\n.", b"\r\n..")
    return b"." + content if content[:1] == b"." else content


def _blocks(content: bytes, head: bytes = b"") -> Iterator[bytes]:
    if len(content) <= BLOCK_BYTES:
        yield head + content
        return
    yield head + content[:BLOCK_BYTES]
    for start in range(BLOCK_BYTES, len(content), BLOCK_BYTES):
        yield content[start : start + BLOCK_BYTES]
