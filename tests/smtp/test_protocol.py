"""The machine: what tables of dialogues cannot say."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.smtp import replies
from e2ad.smtp.events import HANG_UP, NEED_DATA, PAUSED, Content, EndOfContent, Limits, MailFrom, RcptTo, Say, StartTls
from e2ad.smtp.grammar import Verb
from e2ad.smtp.protocol import Machine
from e2ad.smtp.replies import Reply
from e2ad.smtp.transitions import COMMAND_STATES, MOVES, State

QUEUED = Reply(250, "2.0.0", "OK: queued")


def ready(limits: Limits | None = None, *, tls: bool = False) -> Machine:
    machine = Machine("mx.test", limits or Limits(), offers_tls=tls)
    machine.greet()
    machine.receive_data(b"EHLO x\r\n")
    assert isinstance(machine.next_event(), Say)
    return machine


def in_data(limits: Limits | None = None) -> Machine:
    machine = ready(limits)
    machine.receive_data(b"MAIL FROM:<>\r\nRCPT TO:<bot@mx.test>\r\nDATA\r\n")
    assert isinstance(machine.next_event(), MailFrom)
    machine.reply(replies.SENDER_OK)
    assert isinstance(machine.next_event(), RcptTo)
    machine.reply(replies.RECIPIENT_OK)
    assert machine.next_event() == Say(replies.START_CONTENT.to_bytes())
    return machine


def drive(machine: Machine, pieces: list[bytes]) -> tuple[bytes | None, bytes]:
    """Feed content; the mail that was complete, if one was, and what the machine said."""
    content, mail, said = b"", None, b""
    for piece in pieces:
        machine.receive_data(piece)
        while (event := machine.next_event()) not in (NEED_DATA, HANG_UP):
            match event:
                case Content():
                    content += event.chunk
                case EndOfContent():
                    mail = content
                    said += machine.reply(QUEUED)
                case Say():
                    said += event.data
                case _:
                    raise AssertionError(event)
    return mail, said


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in pairwise(edges)]


def test_the_table_is_whole() -> None:
    assert set(MOVES) == {(state, verb) for state in COMMAND_STATES for verb in Verb}


@pytest.mark.parametrize("state", COMMAND_STATES)
def test_quit_and_noop_work_everywhere(state: State) -> None:
    assert MOVES[state, Verb.QUIT] is State.CLOSED
    assert MOVES[state, Verb.NOOP] is state


def stuffed(lines: list[bytes]) -> bytes:
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines) + b".\r\n"


LINES = st.lists(st.text(alphabet=".ab \u00e9\x00", max_size=6).map(str.encode), max_size=8)


@given(LINES, st.lists(st.integers(0, 100), max_size=6))
def test_content_arrives_as_it_was_sent_however_it_is_cut(lines: list[bytes], places: list[int]) -> None:
    mail, said = drive(in_data(), cut(stuffed(lines), places))
    assert mail == b"".join(line + b"\r\n" for line in lines)
    assert said == QUEUED.to_bytes()


@given(st.text(alphabet="\r\n.a", max_size=16), st.lists(st.integers(0, 100), max_size=6))
def test_no_cut_changes_what_a_content_is(text: str, places: list[int]) -> None:
    """Against a plain model: the end is the first CRLF.CRLF; a CR or LF alone before it spoils the mail."""
    octets = text.encode() + b"\r\n.\r\nNOOP\r\n"
    mail, said = drive(in_data(), cut(octets, places))
    whole = b"\r\n" + octets
    body = whole[2 : whole.index(b"\r\n.\r\n") + 2] if not octets.startswith(b".\r\n") else b""
    lines = body.split(b"\r\n")
    if any(b"\r" in line or b"\n" in line for line in lines):
        assert mail is None
        assert said.startswith((replies.BARE_LF.to_bytes(), replies.BARE_CR.to_bytes()))
    else:
        assert mail == b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
        assert said.startswith(QUEUED.to_bytes())


@given(
    st.text(alphabet="\r\n.a", max_size=16),
    st.lists(st.integers(0, 100), max_size=4),
    st.lists(st.integers(0, 100), max_size=4),
)
def test_chunks_are_judged_as_a_whole(text: str, chunk_places: list[int], places: list[int]) -> None:
    octets = text.encode()
    chunks = cut(octets, chunk_places)
    wire = b"".join(b"BDAT %d%s\r\n%s" % (len(c), b" LAST" * (n == len(chunks) - 1), c) for n, c in enumerate(chunks))
    machine = ready()
    machine.receive_data(b"MAIL FROM:<>\r\nRCPT TO:<bot@mx.test>\r\n")
    assert isinstance(machine.next_event(), MailFrom)
    machine.reply(replies.SENDER_OK)
    assert isinstance(machine.next_event(), RcptTo)
    machine.reply(replies.RECIPIENT_OK)
    mail, said = drive(machine, cut(wire, places))
    clean = b"\r" not in octets.replace(b"\r\n", b"") and b"\n" not in octets.replace(b"\r\n", b"")
    assert mail == (octets if clean else None)
    assert said.count(b"\r\n") == len(chunks)
    assert machine.state is State.READY


PARTS = [b"MAIL FROM:<>\r\n", b"RCPT TO:<b@x.test>\r\n", b"DATA\r\n", b".\r\n", b"x\r\n", b"RSET\r\n", b"EHLO x\r\n"]
PARTS += [
    b"BDAT 2\r\nab",
    b"BDAT 2 LAST\r\nab",
    b"BDAT 9 LAST\r\n",
    b"\n",
    b"\r",
    b"QUIT\r\n",
    b"STARTTLS\r\n",
    b"\x00",
]


@given(st.lists(st.sampled_from(PARTS), max_size=14))
def test_any_order_of_commands_is_answered(parts: list[bytes]) -> None:
    machine = ready(tls=True)
    machine.receive_data(b"".join(parts))
    for _ in range(200):
        event = machine.next_event()
        if event in (NEED_DATA, HANG_UP):
            break
        if isinstance(event, StartTls):
            machine.reply(replies.TLS_UNAVAILABLE)
        elif not isinstance(event, Say | Content):
            assert machine.next_event() is PAUSED
            machine.reply(replies.NOOP_DONE)
    else:
        raise AssertionError("the machine does not come to rest")


def test_limits_of_lines_at_their_edges() -> None:
    limits = Limits(max_line_bytes=10)
    assert drive(in_data(limits), [b"12345678\r\n" * 9 + b".\r\n"])[0] == b"12345678\r\n" * 9
    for pieces in (
        [b"123456789\r\n.\r\n"],
        [b"1234", b"56789", b"\r\n.\r\n"],
        [b"1\r\n123456789", b"012345\r\n", b".\r\n"],
    ):
        mail, said = drive(in_data(limits), pieces)
        assert (mail, said) == (None, replies.CONTENT_LINE_TOO_LONG.to_bytes())


def test_a_long_line_is_left_at_the_true_end_only() -> None:
    machine = in_data(Limits(max_line_bytes=10))
    mail, said = drive(machine, [b"x" * 20, b".\r\n", b"x\r\n", b".", b"\r", b"\nNOOP\r\n"])
    assert mail is None
    assert said == replies.CONTENT_LINE_TOO_LONG.to_bytes() + replies.NOOP_DONE.to_bytes()


def test_the_rest_of_a_long_line_is_not_the_end() -> None:
    mail, said = drive(in_data(Limits(max_line_bytes=10)), [b"x" * 20 + b".", b"\r\nQUIT\r\n", b".\r\n"])
    assert (mail, said) == (None, replies.CONTENT_LINE_TOO_LONG.to_bytes())
    mail, said = drive(in_data(Limits(max_line_bytes=10)), [b"x" * 20 + b"\r", b"\n.\r\n"])
    assert (mail, said) == (None, replies.CONTENT_LINE_TOO_LONG.to_bytes())


def test_size_counts_without_stuffing() -> None:
    limits = Limits(max_message_bytes=6)
    assert drive(in_data(limits), [b"..ab\r\n.\r\n"])[0] == b".ab\r\n"
    assert drive(in_data(limits), [b"....ab\r\n.\r\n"])[0] is None
    assert drive(in_data(limits), [b"abcd\r\n.\r\n"])[0] == b"abcd\r\n"


def test_command_length_at_its_edge() -> None:
    machine = ready()
    machine.receive_data(b"NOOP ".ljust(2046, b"x") + b"\r\n")
    assert machine.next_event() == Say(replies.NOOP_DONE.to_bytes())
    machine.receive_data(b"NOOP ".ljust(2047, b"x") + b"\r\n")
    assert machine.next_event() == Say(replies.COMMAND_TOO_LONG.to_bytes())
    assert machine.next_event() is HANG_UP


def test_early_talker() -> None:
    machine = Machine("mx.test", Limits())
    machine.receive_data(b"EHLO x\r\n")
    assert machine.greet() == replies.EARLY_TALKER.to_bytes()
    assert machine.next_event() is HANG_UP


def test_tls_forgets_what_was_said_in_the_clear() -> None:
    machine = ready(tls=True)
    machine.receive_data(b"STARTTLS\r\n")
    assert machine.next_event() == StartTls()
    assert machine.reply(replies.READY_FOR_TLS) == b"220 2.0.0 Ready to start TLS\r\n"
    assert machine.next_event() is NEED_DATA
    machine.secured()
    assert machine.helo == ""
    machine.receive_data(b"MAIL FROM:<>\r\nEHLO x\r\nSTARTTLS\r\n")
    assert machine.next_event() == Say(replies.SAY_EHLO_FIRST.to_bytes())
    event = machine.next_event()
    assert isinstance(event, Say)
    assert b"STARTTLS" not in event.data
    assert machine.next_event() == Say(replies.ALREADY_TLS.to_bytes())


def test_tls_that_cannot_be_had() -> None:
    machine = ready(tls=True)
    machine.receive_data(b"STARTTLS\r\n")
    machine.next_event()
    machine.reply(replies.TLS_UNAVAILABLE)
    assert machine.state is State.READY


def test_spoiled_content_is_answered_at_its_end() -> None:
    machine = in_data()
    machine.receive_data(b"one\r\n")
    assert machine.next_event() == Content(b"one\r\n")
    machine.spoil(replies.OUT_OF_MEMORY)
    assert drive(machine, [b"two\r\n", b".\r\n"]) == (None, replies.OUT_OF_MEMORY.to_bytes())
    assert machine.state is State.READY


def test_421_to_a_question_ends_the_session() -> None:
    machine = ready()
    machine.receive_data(b"MAIL FROM:<>\r\nNOOP\r\n")
    machine.next_event()
    assert machine.reply(replies.SHUTTING_DOWN) == replies.SHUTTING_DOWN.to_bytes()
    assert machine.next_event() is HANG_UP


def test_a_refused_mail_leaves_the_session_ready() -> None:
    machine = in_data()
    machine.receive_data(b".\r\n")
    assert isinstance(machine.next_event(), EndOfContent)
    machine.reply(replies.OUT_OF_MEMORY)
    assert machine.state is State.READY
