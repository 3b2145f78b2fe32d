import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.address import NULL_PATH, Mailbox
from e2ad.smtp import replies
from e2ad.smtp.grammar import Bdat, Body, Command, CommandError, Hello, Mail, Plain, Rcpt, Verb, parse_command
from e2ad.smtp.replies import Reply

ANN = Mailbox("ann", "a.test")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"EHLO client.example", Hello(Verb.EHLO, "client.example")),
        (b"ehlo [192.0.2.1]", Hello(Verb.EHLO, "[192.0.2.1]")),
        (b"HELO under_score", Hello(Verb.HELO, "under_score")),
        (b"MAIL FROM:<ann@a.test>", Mail(ANN)),
        (b"mail from:<ann@A.TEST>", Mail(ANN)),
        (b"MAIL FROM: <ann@a.test> ", Mail(ANN)),
        (b"MAIL FROM:<>", Mail(NULL_PATH)),
        (b"MAIL FROM:<> SIZE=12", Mail(NULL_PATH, 12)),
        (b"MAIL FROM:<@b.test,@c.test:ann@a.test>", Mail(ANN)),
        (
            b"MAIL FROM:<ann@a.test> size=99999999999999999999 body=8BITMIME smtputf8",
            Mail(ANN, 10**20 - 1, Body.EIGHT_BIT, True),
        ),
        (
            "MAIL FROM:<jörg@bücher.test> SMTPUTF8".encode(),
            Mail(Mailbox("jörg", "xn--bcher-kva.test"), None, Body.SEVEN_BIT, True),
        ),
        (b'MAIL FROM:<"a>b c"@a.test>', Mail(Mailbox('"a>b c"', "a.test"))),
        (b"RCPT TO:<ann@a.test>", Rcpt(ANN)),
        (b"RCPT TO:<PostMaster>", Rcpt(Mailbox("PostMaster", "mx.test"))),
        (b"RCPT TO:<ann@[IPv6:::1]>", Rcpt(Mailbox("ann", "[ipv6:::1]"))),
        (b"BDAT 0", Bdat(0, False)),
        (b"bdat 12 last", Bdat(12, True)),
        (b"DATA", Plain(Verb.DATA)),
        (b"data  ", Plain(Verb.DATA)),
        (b"RSET", Plain(Verb.RSET)),
        (b"NOOP x y", Plain(Verb.NOOP)),
        (b"QUIT", Plain(Verb.QUIT)),
        (b"STARTTLS", Plain(Verb.STARTTLS)),
        (b"HELP MAIL", Plain(Verb.HELP)),
        (b"VRFY ann", Plain(Verb.VRFY)),
        (b"AUTH PLAIN xyz", Plain(Verb.AUTH)),
    ],
)
def test_commands(line: bytes, command: Command) -> None:
    assert parse_command(line, domain="mx.test") == command


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"", replies.UNKNOWN_COMMAND),
        (b" NOOP", replies.UNKNOWN_COMMAND),
        (b"NOOPX", replies.UNKNOWN_COMMAND),
        (b"EHLO", replies.BAD_HELO),
        (b"EHLO a b", replies.BAD_HELO),
        (b"HELO " + b"x" * 256, replies.BAD_HELO),
        (b"MAIL", replies.BAD_MAIL),
        (b"MAIL FROM", replies.BAD_MAIL),
        (b"MAIL FROM:ann@a.test", replies.BAD_MAIL),
        (b"MAIL FROM:<ann@a.test>SIZE=1", replies.BAD_MAIL),
        (b"MAIL FROM:<ann@a.test", replies.BAD_MAIL),
        (b"MAIL FROM:<<ann@a.test>>", replies.BAD_MAIL),
        (b"MAIL FROM:<postmaster>", replies.BAD_REVERSE_PATH),
        (b"MAIL FROM:<" + b"a" * 65 + b"@a.test>", replies.BAD_REVERSE_PATH),
        (b"MAIL FROM:<a@" + b"a." * 200 + b"test>", replies.REVERSE_PATH_TOO_LONG),
        (b"MAIL FROM:<ann@a.test> SIZE", replies.BAD_PARAMETER),
        (b"MAIL FROM:<ann@a.test> SIZE=x", replies.BAD_PARAMETER),
        (b"MAIL FROM:<ann@a.test> SIZE=" + b"1" * 21, replies.BAD_PARAMETER),
        (b"MAIL FROM:<ann@a.test> SMTPUTF8=yes", replies.BAD_PARAMETER),
        (b"MAIL FROM:<ann@a.test> SMTPUTF8 SMTPUTF8", replies.BAD_PARAMETER),
        (b"MAIL FROM:<ann@a.test> BODY=", replies.BAD_PARAMETER),
        (b"MAIL FROM:<ann@a.test> BODY=BINARYMIME", replies.NO_BINARYMIME),
        (b"MAIL FROM:<ann@a.test> AUTH=<>", replies.UNKNOWN_PARAMETER),
        ("MAIL FROM:<jörg@a.test>".encode(), replies.NEEDS_SMTPUTF8),
        (b"MAIL FROM:<\xe9@a.test> SMTPUTF8", replies.NOT_UTF8),
        (b"RCPT TO:<>", replies.BAD_FORWARD_PATH),
        (b"RCPT TO:<a@" + b"a." * 200 + b"test>", replies.PATH_TOO_LONG),
        (b"RCPT TO:<ann@a.test> NOTIFY=NEVER", replies.UNKNOWN_PARAMETER),
        (b"RCPT TO:<ann@a.test> =", replies.BAD_PARAMETER),
        (b"RCPT TO:ann@a.test", replies.BAD_RCPT),
        ("RCPT TO:<jörg@a.test>".encode(), replies.NEEDS_SMTPUTF8),
        (b"DATA x", replies.NO_ARGUMENT),
        (b"STARTTLS x", replies.NO_ARGUMENT),
        (b"VRFY", replies.BAD_VRFY),
        (b"ETRN x", replies.NOT_IMPLEMENTED),
        (b"NOOP \x00", replies.NUL_IN_COMMAND),
        (b"NOOP \r", replies.CONTROL_IN_COMMAND),
        (b"NOOP \x1b[2J", replies.CONTROL_IN_COMMAND),
    ],
)
def test_what_is_no_command(line: bytes, reply: Reply) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(line, domain="mx.test")
    assert caught.value.reply is reply
    assert not caught.value.closes


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1", b"CONNECT x:25 HTTP/1.1", b"BDAT", b"BDAT -1", b"BDAT 1 MORE", b"BDAT " + b"9" * 21]
)
def test_what_ends_the_connection(line: bytes) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(line, domain="mx.test")
    assert caught.value.closes


def test_rcpt_of_a_utf8_transaction() -> None:
    line = "RCPT TO:<jörg@a.test>".encode()
    assert parse_command(line, domain="mx.test", smtputf8=True) == Rcpt(Mailbox("jörg", "a.test"))


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"MAIL FROM:<", b"RCPT TO:<", b"EHLO ", b"BDAT ", b"MAIL FROM:<> "])
)
def test_any_line_is_a_command_or_refused(line: bytes, start: bytes) -> None:
    try:
        command = parse_command(start + line, domain="mx.test", smtputf8=True)
    except CommandError:
        return
    if isinstance(command, Rcpt):
        assert "\r" not in str(command.forward_path)


@pytest.mark.parametrize(
    "line",
    [
        b"MAIL FROM:<" + b"@a" * 1000,
        b"MAIL FROM:<" + b'"\\"' * 600,
        b"RCPT TO:<" + b"a." * 1000 + b"@",
        b"RCPT TO:<a@" + b"a-" * 1000 + b">",
    ],
)
def test_no_line_takes_long(line: bytes) -> None:
    started = time.process_time()
    with pytest.raises(CommandError):
        parse_command(line, domain="mx.test")
    assert time.process_time() - started < 0.2
