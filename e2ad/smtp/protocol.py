"""The SMTP server as a machine without I/O: bytes in, events out, one question open at a time.

Theory of operation. The adapter (`smtp.session`) feeds `receive_data` and calls `next_event` until
it says `NEED_DATA`. `Say` carries bytes that the machine answers by itself. `MailFrom`, `RcptTo`,
`EndOfContent` and `StartTls` are questions: until `reply` is called the machine is `PAUSED`, so a
look-up can take its time and pipelined replies cannot change their order. `Content` is a piece of
the mail as it was before dot-stuffing. After `HANG_UP` nothing is read any more.

What is refused by name, since somebody could read it otherwise than we do (SMTP smuggling): a CR or
an LF alone, in commands and in content. Only CRLF ends a line and only CRLF.CRLF ends DATA, so a
content with ``\\n.\\n`` or any of its relatives is read to its true end and then refused.

The states and their moves are in `smtp.transitions`.
"""

from typing import Final, assert_never

from e2ad.smtp import replies
from e2ad.smtp.events import (
    HANG_UP,
    NEED_DATA,
    PAUSED,
    Content,
    EndOfContent,
    Event,
    Limits,
    MailFrom,
    RcptTo,
    Say,
    StartTls,
)
from e2ad.smtp.grammar import Bdat, Command, CommandError, Hello, Mail, Plain, Rcpt, Verb, parse_command
from e2ad.smtp.lines import ContentRules
from e2ad.smtp.replies import Reply
from e2ad.smtp.transitions import MOVES, State

__all__ = ["Machine"]


_END_OF_CONTENT: Final = EndOfContent()


class Machine:
    """One session.

    Args:
        domain: our name in greeting and EHLO.
        limits: what the peer may do.
        offers_tls: STARTTLS is possible.
    """

    def __init__(self, domain: str, limits: Limits, *, offers_tls: bool = False) -> None:
        self.helo = ""
        self.tls = False
        self._domain = domain
        self._limits = limits
        self._offers_tls = offers_tls
        self._state = State.GREETING
        self._buffer = bytearray()
        self._searched = 0
        # The states after a positive and after a negative answer to the question that is open.
        self._question: tuple[State, State] | None = None
        self._errors = 0
        self._idle_commands = 0
        self._smtputf8 = False
        self._recipients = 0
        self._content = ContentRules(limits.max_message_bytes, limits.max_line_bytes)
        self._spoiled_by: Reply | None = None
        self._chunk_left = 0
        self._chunk_last = False
        self._after_refusal = State.READY

    @property
    def in_content(self) -> bool:
        """Is the peer in the middle of a mail, where it must not be sent away?"""
        return self._state in (State.DATA, State.CHUNK, State.ENDED)

    @property
    def state(self) -> State:
        """For the log and for tests."""
        return self._state

    def receive_data(self, data: bytes) -> None:
        """Take octets from the peer. The end of its stream is the adapter's affair: nothing is ever half a mail."""
        if self._state is not State.CLOSED:
            self._buffer += data

    def greet(self) -> bytes:
        """Speak first. Whoever spoke before us does not wait for replies, and is sent away."""
        assert self._state is State.GREETING
        if self._buffer:
            return self.hang_up(replies.EARLY_TALKER)
        self._state = State.START
        return Reply(220, None, f"{self._domain} {replies.GREETING_TEXT}").to_bytes()

    def secured(self) -> None:
        """TLS is active: begin again, and believe nothing that was said in the clear (RFC 3207 section 4.2)."""
        assert self._state is State.TLS
        assert not self._buffer
        self.tls = True
        self.helo = ""
        self._state = State.START

    def hang_up(self, reply: Reply) -> bytes:
        """Say a last word from outside the dialogue: a timeout, a shutdown."""
        self._state = State.CLOSED
        self._question = None
        self._buffer.clear()
        return reply.to_bytes()

    def spoil(self, reply: Reply) -> None:
        """Refuse the content that is arriving: the rest is read away and its end is answered with `reply`."""
        assert self.in_content
        self._spoiled_by = self._spoiled_by or reply

    def reply(self, reply: Reply) -> bytes:
        """Answer the open question."""
        assert self._question is not None, "there is no question open"
        (yes, no), self._question = self._question, None
        if reply.code == 421:
            return self.hang_up(reply)
        if not reply.positive:
            self._state = no
            return self._idle(reply.to_bytes()).data
        if yes is State.RCPT:
            self._recipients += 1
        elif self._state is State.ENDED:
            self._idle_commands = 0
            self._errors = 0
        self._state = yes
        return reply.to_bytes()

    def next_event(self) -> Event:
        """What comes next, as far as the octets go that are here."""
        if self._question is not None:
            return PAUSED
        match self._state:
            case State.CLOSED:
                return HANG_UP
            case State.DATA:
                return self._next_of_data()
            case State.CHUNK:
                return self._next_of_chunk()
            case State.ENDED:
                return self._end_of_content()
            case State.GREETING | State.TLS:
                return NEED_DATA
            case _:
                return self._next_command()

    # Commands

    def _next_command(self) -> Event:
        buffer = self._buffer
        end = buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) >= self._limits.max_command_bytes:
                return Say(self.hang_up(replies.COMMAND_TOO_LONG))
            # A TLS record of type handshake: no SMTP command begins so, and the peer waits for our answer.
            if buffer.startswith(b"\x16\x03"):
                return Say(self.hang_up(replies.TLS_ON_PLAIN))
            return NEED_DATA
        self._searched = 0
        if end >= self._limits.max_command_bytes:
            return Say(self.hang_up(replies.COMMAND_TOO_LONG))
        if end == 0 or buffer[end - 1] != 0x0D:
            return Say(self.hang_up(replies.BARE_LF_IN_COMMAND))
        line = bytes(buffer[: end - 1])
        del buffer[: end + 1]
        try:
            command = parse_command(line, domain=self._domain, smtputf8=self._smtputf8)
        except CommandError as error:
            return Say(self.hang_up(error.reply)) if error.closes else self._refuse(error.reply)
        move = MOVES[self._state, command.verb]
        if isinstance(move, Reply):
            return self._refuse_chunk(command, move) if isinstance(command, Bdat) else self._refuse(move)
        return self._take(command, move)

    def _take(self, command: Command, move: State) -> Event:
        match command:
            case Mail():
                return self._take_mail(command, move)
            case Rcpt():
                if self._recipients >= self._limits.max_recipients:
                    return self._idle(replies.TOO_MANY_RECIPIENTS.to_bytes())
                self._question = (move, self._state)
                return RcptTo(command.forward_path)
            case Bdat():
                return self._take_chunk(command)
            case Hello():
                return self._take_hello(command, move)
            case Plain():
                return self._take_plain(command.verb, move)
            case _:
                assert_never(command)

    def _take_plain(self, verb: Verb, move: State) -> Event:
        match verb:
            case Verb.DATA:
                self._state = move
                self._searched = 0
                return Say(replies.START_CONTENT.to_bytes())
            case Verb.STARTTLS:
                return self._take_starttls(move)
            case Verb.QUIT:
                return Say(self.hang_up(replies.BYE))
            case Verb.RSET:
                self._state = move
                self._forget()
                return self._idle(replies.RESET_DONE.to_bytes(), drops=True)
            case Verb.VRFY:
                return self._idle(replies.CANNOT_VERIFY.to_bytes())
            case Verb.HELP:
                return self._idle(replies.HELP.to_bytes())
            case _:
                return self._idle(replies.NOOP_DONE.to_bytes())

    def _take_hello(self, command: Hello, move: State) -> Event:
        # RFC 5321 section 4.1.4: EHLO in the middle of a session does what RSET does.
        self._state = move
        self._forget()
        self.helo = command.argument
        if command.verb is Verb.HELO:
            return self._idle(Reply(250, None, self._domain).to_bytes(), drops=True)
        lines = [
            self._domain,
            "PIPELINING",
            f"SIZE {self._limits.max_message_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            f"LIMITS RCPTMAX={self._limits.max_recipients}",
        ]
        if self._offers_tls and not self.tls:
            lines.append("STARTTLS")
        return self._idle(Reply(250, None, *lines).to_bytes(), drops=True)

    def _take_mail(self, command: Mail, move: State) -> Event:
        if command.size is not None and command.size > self._limits.max_message_bytes:
            return self._idle(replies.MESSAGE_TOO_BIG.to_bytes())
        self._forget()
        self._smtputf8 = command.smtputf8
        self._question = (move, self._state)
        return MailFrom(command.reverse_path, command.size, command.smtputf8)

    def _take_starttls(self, move: State) -> Event:
        if self.tls:
            return self._refuse(replies.ALREADY_TLS)
        if not self._offers_tls:
            return self._refuse(replies.NO_TLS)
        if self._buffer:
            # They were sent in the clear, perhaps by somebody in between, to be read as said under TLS.
            return Say(self.hang_up(replies.BYTES_BEHIND_STARTTLS))
        self._question = (move, self._state)
        return StartTls()

    # Content

    def _next_of_data(self) -> Event:
        chunk, searched, ended = self._content.take_lines(self._buffer, self._searched)
        self._searched = searched
        if ended:
            self._state = State.ENDED
            self._searched = 0
        if chunk and self._spoiled_by is None:
            self._spoiled_by = self._content.defect
            if self._spoiled_by is None:
                return Content(chunk)
        return self._end_of_content() if ended else NEED_DATA

    def _take_chunk(self, command: Bdat) -> Event:
        if self._content.size + command.size > self._limits.max_message_bytes:
            self._spoiled_by = replies.MESSAGE_TOO_BIG
        self._after_refusal = State.READY if command.last else State.SPOILED
        self._chunk_left, self._chunk_last = command.size, command.last
        self._state = State.CHUNK
        return self._next_of_chunk()

    def _refuse_chunk(self, command: Bdat, reply: Reply) -> Event:
        # RFC 3030 section 2: the octets of a refused chunk come all the same, and are no commands.
        spoiled = self._state is State.SPOILED
        self._after_refusal = State.READY if spoiled and command.last else self._state
        self._chunk_left, self._chunk_last = command.size, command.last
        self._spoiled_by = reply
        self._state = State.CHUNK
        self._errors += not spoiled
        return self._next_of_chunk()

    def _next_of_chunk(self) -> Event:
        if self._chunk_left:
            if not self._buffer:
                return NEED_DATA
            piece = bytes(memoryview(self._buffer)[: self._chunk_left])
            del self._buffer[: len(piece)]
            self._chunk_left -= len(piece)
            if self._spoiled_by is None:
                piece = self._content.take_octets(piece)
                self._spoiled_by = self._content.defect
                if piece and self._spoiled_by is None:
                    return Content(piece)
            if self._chunk_left:
                return NEED_DATA
        if self._chunk_last and self._spoiled_by is None:
            self._spoiled_by = self._content.end_of_octets()
        if self._spoiled_by is not None:
            return self._answer_spoiled(self._after_refusal)
        if self._chunk_last:
            self._state = State.ENDED
            return self._end_of_content()
        self._state = State.CHUNKS
        return Say(replies.CHUNK_OK.to_bytes())

    def _end_of_content(self) -> Event:
        if self._spoiled_by is not None:
            return self._answer_spoiled(State.READY)
        self._question = (State.READY, State.READY)
        return _END_OF_CONTENT

    def _answer_spoiled(self, state: State) -> Event:
        assert self._spoiled_by is not None
        reply, self._spoiled_by = self._spoiled_by, None
        self._state = state
        if self._errors > self._limits.max_errors:
            return Say(self.hang_up(replies.TOO_MANY_ERRORS), drops=True)
        return self._idle(reply.to_bytes(), drops=state in (State.READY, State.SPOILED))

    def _forget(self) -> None:
        self._smtputf8 = False
        self._recipients = 0
        self._spoiled_by = None
        self._content.begin()

    # Bounds

    def _idle(self, data: bytes, *, drops: bool = False) -> Say:
        self._idle_commands += 1
        if self._idle_commands > self._limits.max_idle_commands:
            return Say(data + self.hang_up(replies.TOO_MANY_IDLE_COMMANDS), drops=True)
        return Say(data, drops)

    def _refuse(self, reply: Reply) -> Say:
        self._errors += 1
        if self._errors > self._limits.max_errors:
            return Say(self.hang_up(replies.TOO_MANY_ERRORS), drops=True)
        return Say(reply.to_bytes())
