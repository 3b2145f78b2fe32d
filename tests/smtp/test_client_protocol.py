"""The conversations of the client without I/O: a scripted relay as a table of replies."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.address import NULL_PATH, Mailbox
from e2ad.smtp.client_mail import Accepted, Deferred, Outcome, Outgoing, Phase, Refused, Trouble, Unknown
from e2ad.smtp.client_protocol import AskLeave, Extensions, Read, Secure, Send, Talk, Transaction, Write, introduce
from e2ad.smtp.client_replies import RelayReply, ReplyReader

ANN, BOB, CAT = (Mailbox(name, "far.test") for name in ("ann", "bob", "cat"))
ME = Mailbox("me", "e2ad.test")
ALL = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000", "ENHANCEDSTATUSCODES")


def offers(*lines: str) -> Extensions:
    return Extensions.of(RelayReply(250, None, ("far.test", *lines)))


def mail(*recipients: Mailbox, content: bytes = b"Subject: x\r\n\r\ntext\r\n", **more: Any) -> Outgoing:
    return Outgoing(ME, recipients or (ANN,), content, **more)


@define
class Log:
    """What a conversation did: `writes` as text, "leave" and "content" where they stood."""

    steps: list[str] = field(factory=list)
    content: bytes = b""

    def commands(self) -> list[str]:
        return [line for step in self.steps for line in step.splitlines()]


def drive(talk: Talk[Any], replies: str, log: Log) -> Any:
    """Run a conversation; `replies` are separated by "|"."""
    answers: Iterator[bytes] = iter(f"{text}\r\n".encode() for text in replies.split("|"))
    reader = ReplyReader()
    answer: RelayReply | None = None
    while True:
        try:
            step = talk.send(answer)
        except StopIteration as done:
            assert list(answers) == [], "the relay had more to say"
            return done.value
        answer = None
        match step:
            case Write():
                log.steps.append(step.data.decode())
            case Read():
                octets = next(answers, None)
                if octets is None:
                    raise Trouble(step.phase, "gone", gone=True)
                reader.receive_data(octets)
                answer = reader.next_reply()
            case Secure():
                log.steps.append("secure")
            case AskLeave():
                log.steps.append("leave")
            case Send():
                log.steps.append("content")
                log.content = b"".join(step.blocks)


def carry(
    outgoing: Outgoing, extensions: Extensions, replies: str, *, reset: bool = False
) -> tuple[dict[Mailbox, Outcome], Log, Transaction]:
    transaction = Transaction(outgoing, extensions, reset=reset)
    log = Log()
    try:
        drive(transaction.talk(), replies, log)
    except Trouble as trouble:
        transaction.fail(trouble.phase, trouble.why, trouble.reply)
    assert set(transaction.outcomes) == set(outgoing.forward_paths)
    return transaction.outcomes, log, transaction


def short(outcome: Outcome) -> str:
    match outcome:
        case Accepted():
            return f"accepted {outcome.reply.code}"
        case Deferred() | Refused():
            said = outcome.reply.code if outcome.reply else "-"
            return f"{type(outcome).__name__.lower()} {said} {outcome.phase.value}"
        case Unknown():
            return f"unknown {outcome.phase.value}"


ONE = [
    # replies to MAIL, RCPT, DATA, end | outcome for a relay without and with pipelining | still open
    ("250|250|354|250 ok", "accepted 250", False),
    ("250|251|354|250 ok", "accepted 250", False),
    ("250|250|354|451 4.3.0 later", "deferred 451 final", False),
    ("250|250|354|554 5.6.0 spam", "refused 554 final", False),
    ("250|250|354|421 down", "deferred 421 final", True),
    ("250|250|354|354 what", "unknown final", True),
    ("250|250|354", "unknown final", True),
    ("250|250|354|", "unknown final", True),
    ("250|250|451 no", "deferred 451 data", True),
    ("250|250|554 no", "refused 554 data", True),
    ("250|250|250 what", "deferred - data", True),
    ("250|250|421 down", "deferred 421 data", True),
    ("250|250", "deferred - data", True),
    ("250|421 down", "deferred 421 rcpt", True),
    ("250|354 what", "deferred - rcpt", True),
    ("250", "deferred - rcpt", True),
    ("421 4.3.2 down", "deferred 421 mail", False),
    ("354 what", "deferred - mail", False),
]


@pytest.mark.parametrize(("replies", "outcome", "is_open"), ONE)
@pytest.mark.parametrize("extensions", [offers(), offers("PIPELINING")])
def test_one_recipient(replies: str, outcome: str, is_open: bool, extensions: Extensions) -> None:
    if replies.endswith("|"):
        with pytest.raises(Exception, match="no SMTP reply"):
            carry(mail(), extensions, replies)
        return
    outcomes, log, transaction = carry(mail(), extensions, replies)
    assert short(outcomes[ANN]) == outcome
    assert transaction.is_open == is_open
    assert transaction.ended == ("content" in log.steps)
    assert transaction.ended or not outcome.startswith(("accepted", "unknown"))


@pytest.mark.parametrize(
    ("replies", "pipelined", "outcome"),
    [
        ("550 5.7.1 no", "550 5.7.1 no|503 x|503 x", "refused 550 mail"),
        ("530 5.7.0 TLS first", "530 5.7.0 TLS first|503 x|503 x", "deferred 530 mail"),
        ("452 4.3.1 full", "452 4.3.1 full|503 x|503 x", "deferred 452 mail"),
        ("550 5.7.1 no", "550 5.7.1 no|250 x|354 x|554 x", "refused 550 mail"),
        ("250|550 5.1.1 who", "250|550 5.1.1 who|554 x", "refused 550 rcpt"),
        ("250|450 4.7.1 grey", "250|450 4.7.1 grey|554 x", "deferred 450 rcpt"),
        ("250|450 4.7.1 grey", "250|450 4.7.1 grey|354 go|554 nobody", "deferred 450 rcpt"),
        ("250|450 4.7.1 grey", "250|450 4.7.1 grey|354 go|250 fine", "deferred 450 rcpt"),
        ("250|450 4.7.1 grey", "250|450 4.7.1 grey|354 go", "deferred 450 rcpt"),
        ("250|552 full", "250|552 full|554 x", "refused 552 rcpt"),
    ],
)
def test_a_refused_envelope(replies: str, pipelined: str, outcome: str) -> None:
    outcomes, log, _ = carry(mail(), offers(), replies)
    assert short(outcomes[ANN]) == outcome
    assert "DATA" not in log.commands()
    outcomes, log, transaction = carry(mail(), offers("PIPELINING"), pipelined)
    assert short(outcomes[ANN]) == outcome
    # The content never goes to a relay that took no recipient; if it waits for one, it gets an empty one.
    assert "leave" not in log.steps
    assert not transaction.ended
    assert ("." in log.commands()) == ("354" in pipelined)


@pytest.mark.parametrize("extensions", [offers(), offers("PIPELINING")])
def test_each_recipient_has_its_own(extensions: Extensions) -> None:
    outcomes, log, _ = carry(
        mail(ANN, BOB, CAT, ANN), extensions, "250|250|550 5.1.1 who|450 4.2.1 later|354|250 2.0.0 Ok x1"
    )
    assert [short(outcomes[path]) for path in (ANN, BOB, CAT)] == [
        "accepted 250",
        "refused 550 rcpt",
        "deferred 450 rcpt",
    ]
    outcomes, log, _ = carry(mail(ANN, BOB), extensions, "250|250|550 5.1.1 who|354|554 spam")
    assert [short(outcomes[path]) for path in (ANN, BOB)] == ["refused 554 final", "refused 550 rcpt"]
    outcomes, log, _ = carry(mail(ANN, BOB), extensions, "250|250|550 5.1.1 who|354")
    assert [short(outcomes[path]) for path in (ANN, BOB)] == ["unknown final", "refused 550 rcpt"]
    outcomes, log, _ = carry(mail(ANN, BOB), extensions, "250|550 5.1.1 who|421 down")
    assert [short(outcomes[path]) for path in (ANN, BOB)] == ["refused 550 rcpt", "deferred 421 rcpt"]
    assert log.commands().count("RCPT TO:<ann@far.test>") == 1


def test_too_many_recipients_by_its_old_name() -> None:
    outcomes, _, _ = carry(mail(ANN, BOB), offers(), "250|250|552 too many|354|250")
    assert short(outcomes[BOB]) == "deferred 552 rcpt"
    outcomes, _, _ = carry(mail(ANN, BOB), offers(), "250|250|552 5.2.2 mailbox full|354|250")
    assert short(outcomes[BOB]) == "refused 552 rcpt"


def test_what_goes_onto_the_wire() -> None:
    _, log, _ = carry(mail(), offers(), "250|250|354|250")
    assert log.steps == ["MAIL FROM:<me@e2ad.test>\r\n", "RCPT TO:<ann@far.test>\r\n", "DATA\r\n", "leave", "content"]
    _, log, _ = carry(mail(), offers(*ALL), "250|250|354|250")
    assert log.steps == [
        "MAIL FROM:<me@e2ad.test> SIZE=20 BODY=8BITMIME\r\nRCPT TO:<ann@far.test>\r\nDATA\r\n",
        "leave",
        "content",
    ]
    _, log, _ = carry(mail(eightbit=False, smtputf8=True), offers(*ALL), "250|250|354|250")
    assert log.commands()[0] == "MAIL FROM:<me@e2ad.test> SIZE=20 SMTPUTF8"
    _, log, _ = carry(Outgoing(NULL_PATH, (ANN,), b"x\r\n"), offers(), "250|250|354|250")
    assert log.commands()[0] == "MAIL FROM:<>"


def test_a_transaction_that_is_still_open_is_reset_first() -> None:
    outcomes, log, _ = carry(mail(), offers("PIPELINING"), "250|250|250|354|250", reset=True)
    assert log.commands()[:2] == ["RSET", "MAIL FROM:<me@e2ad.test>"]
    assert short(outcomes[ANN]) == "accepted 250"
    outcomes, log, transaction = carry(mail(), offers(), "500 what", reset=True)
    assert short(outcomes[ANN]) == "deferred - mail"
    assert transaction.is_open


def test_groups_are_bounded_and_end_early() -> None:
    many = [Mailbox(f"u{number}", "far.test") for number in range(250)]
    answers = "|".join(["250"] * 251 + ["354", "250"])
    outcomes, log, _ = carry(mail(*many), offers("PIPELINING"), answers)
    assert [step.count("\r\n") for step in log.steps] == [100, 100, 52, 0, 0]
    assert {short(outcome) for outcome in outcomes.values()} == {"accepted 250"}
    answers = "|".join(["550 no"] + ["503 x"] * 99)
    outcomes, log, _ = carry(mail(*many), offers("PIPELINING"), answers)
    assert len(log.steps) == 1
    assert {short(outcome) for outcome in outcomes.values()} == {"refused 550 mail"}


CONTENTS = [
    (b"a\r\n", b"a\r\n.\r\n"),
    (b"a", b"a\r\n.\r\n"),
    (b".\r\n", b"..\r\n.\r\n"),
    (b".a\r\n..b\r\n\r\n.\r\n", b"..a\r\n...b\r\n\r\n..\r\n.\r\n"),
    (b"\r\n.\r\n.\r\n", b"\r\n..\r\n..\r\n.\r\n"),
    (b"a.\r\nb", b"a.\r\nb\r\n.\r\n"),
]


@pytest.mark.parametrize(("content", "wire"), CONTENTS)
def test_dots(content: bytes, wire: bytes) -> None:
    _, log, _ = carry(mail(content=content), offers(), "250|250|354|250")
    assert log.content == wire


@given(st.lists(st.sampled_from([b".", b"a", b"\r\n", b"..", b" "]), min_size=1, max_size=40).map(b"".join))
def test_dots_come_back(content: bytes) -> None:
    _, log, _ = carry(mail(content=content), offers(), "250|250|354|250")
    *lines, end, rest = log.content.split(b"\r\n")
    assert (end, rest) == (b".", b"")
    assert b"." not in lines
    back = b"".join(line[line.startswith(b".") :] + b"\r\n" for line in lines)
    assert back == (content if content.endswith(b"\r\n") else content + b"\r\n")


def test_large_content_goes_in_a_chunk() -> None:
    content = b".dots stay as they are\r\n" * 5000
    extensions = offers("PIPELINING", "CHUNKING")
    outcomes, log, transaction = carry(mail(content=content), extensions, "250|250|250 ok")
    assert "DATA" not in log.commands()
    assert log.content == b"BDAT 120000 LAST\r\n" + content
    assert short(outcomes[ANN]) == "accepted 250"
    assert not transaction.is_open
    outcomes, log, transaction = carry(mail(content=content), extensions, "250|250|552 5.3.4 too big")
    assert short(outcomes[ANN]) == "refused 552 final"
    assert transaction.is_open
    outcomes, log, transaction = carry(mail(content=content), extensions, "250|250")
    assert short(outcomes[ANN]) == "unknown final"
    outcomes, log, transaction = carry(mail(content=content), extensions, "250|550 who")
    assert "content" not in log.steps
    _, log, _ = carry(mail(content=content), offers("PIPELINING"), "250|250|354|250 ok")
    assert log.content == content.replace(b".dots", b"..dots") + b".\r\n"


ABOVE = b"Subject: x\r\n\r\ngr\xc3\xbc\r\n"
UMLAUT = Mailbox("grün", "far.test")


@pytest.mark.parametrize(
    ("outgoing", "extensions", "outcome"),
    [
        (mail(content=b"x" * 999 + b"\r\n"), offers("SIZE 1000", "8BITMIME"), "refused - mail"),
        (mail(content=ABOVE), offers("SMTPUTF8"), "refused - mail"),
        (mail(smtputf8=True), offers("8BITMIME"), "refused - mail"),
        (Outgoing(UMLAUT, (ANN,), b"x\r\n"), offers("8BITMIME"), "refused - mail"),
        (mail(UMLAUT), offers("8BITMIME"), "refused - rcpt"),
    ],
)
def test_what_this_relay_cannot_take_is_refused_without_a_word(
    outgoing: Outgoing, extensions: Extensions, outcome: str
) -> None:
    outcomes, log = _silent(outgoing, extensions)
    assert {short(value) for value in outcomes.values()} == {outcome}
    assert log.steps == []
    assert all(isinstance(value, Refused) and value.why for value in outcomes.values())


def _silent(outgoing: Outgoing, extensions: Extensions) -> tuple[dict[Mailbox, Outcome], Log]:
    transaction, log = Transaction(outgoing, extensions), Log()
    assert list(transaction.talk()) == []
    return transaction.outcomes, log


@pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE many", "SIZE 1002", "SIZE " + "9" * 30, "size 1002"])
def test_sizes_that_fit(size: str) -> None:
    outcomes, log, _ = carry(mail(content=b"x" * 1000 + b"\r\n"), offers(size), "250|250|354|250")
    assert short(outcomes[ANN]) == "accepted 250"
    assert log.commands()[0].endswith(" SIZE=1002")


def test_one_recipient_that_needs_smtputf8_does_not_stop_the_other() -> None:
    outcomes, log, _ = carry(mail(ANN, UMLAUT), offers(), "250|250|354|250")
    assert [short(outcomes[path]) for path in (ANN, UMLAUT)] == ["accepted 250", "refused - rcpt"]
    assert "SMTPUTF8" not in log.commands()[0]
    outcomes, log, _ = carry(mail(ANN, UMLAUT), offers("SMTPUTF8"), "250|250|250|354|250")
    assert log.commands()[0].endswith(" SMTPUTF8")
    assert log.commands()[2] == "RCPT TO:<grün@far.test>"


@pytest.mark.parametrize(
    "make",
    [
        lambda: mail(content=b""),
        lambda: mail(content=b"a\nb\r\n"),
        lambda: mail(content=b"a\rb\r\n"),
        lambda: mail(content=b"a\r\n\n"),
        lambda: mail(content=b"a\r"),
        lambda: mail(content=b"a\n\r"),
        lambda: mail(content=ABOVE, eightbit=False),
        lambda: mail(Mailbox("a>\r\nDATA", "far.test")),
        lambda: Outgoing(Mailbox("a\r\nRSET", "e2ad.test"), (ANN,), b"x\r\n"),
        lambda: Outgoing(ME, (), b"x\r\n"),
    ],
)
def test_mails_that_are_none(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


# Introductions

EHLO = "250-far.test|250-PIPELINING|250 SIZE 5".replace("|", "\r\n")


def introduced(replies: str, *args: str) -> tuple[Extensions | str, Log]:
    log = Log()
    try:
        return drive(introduce("e2ad.test", *args), replies, log), log  # type: ignore[arg-type] # a table of words
    except Trouble as trouble:
        reply = trouble.reply.code if trouble.reply else "-"
        return f"{trouble.phase.value} {reply}", log


@pytest.mark.parametrize(
    ("replies", "arguments", "trouble"),
    [
        ("421 busy", ("none",), "greeting 421"),
        ("554 no", ("none",), "greeting 554"),
        ("354 what", ("none",), "greeting 354"),
        ("220 x|421 x", ("none",), "ehlo 421"),
        ("220 x|450 x", ("none",), "ehlo 450"),
        ("220 x|502 x|550 x", ("none",), "ehlo 550"),
        ("220 x|" + EHLO, ("starttls",), "starttls -"),
        ("220 x|502 x|250 x", ("starttls",), "starttls -"),
        ("220 x|250-x\r\n250 STARTTLS|454 x", ("starttls",), "starttls 454"),
        ("220 x|250-x\r\n250 STARTTLS|250 x", ("starttls",), "starttls 250"),
        ("220 x|250-x\r\n250 STARTTLS|220 x|550 x|550 x", ("starttls",), "ehlo 550"),
        ("220 x|" + EHLO, ("implicit", "joe", "pw"), "auth -"),
        ("220 x|250-x\r\n250 AUTH GSSAPI", ("implicit", "joe", "pw"), "auth -"),
        ("220 x|250-x\r\n250 AUTH PLAIN LOGIN|535 x", ("implicit", "joe", "pw"), "auth 535"),
        ("220 x|250-x\r\n250 AUTH PLAIN|504 x", ("implicit", "joe", "pw"), "auth 504"),
        ("220 x|250-x\r\n250 AUTH LOGIN|334 x|535 x", ("implicit", "joe", "pw"), "auth 535"),
        ("220 x|250-x\r\n250 AUTH LOGIN|334 x|334 x|535 x", ("implicit", "joe", "pw"), "auth 535"),
        ("220 x|250-x\r\n250 AUTH LOGIN|334 x|334 x|334 x", ("implicit", "joe", "pw"), "auth 334"),
    ],
)
def test_introductions_that_fail(replies: str, arguments: tuple[str, ...], trouble: str) -> None:
    assert introduced(replies, *arguments)[0] == trouble


def test_introductions() -> None:
    extensions, log = introduced("220 x|" + EHLO, "none")
    assert isinstance(extensions, Extensions)
    assert extensions.max_size == 5
    assert log.commands() == ["EHLO e2ad.test"]
    extensions, log = introduced("220 x|500 x|250 x", "none")
    assert extensions == Extensions()
    assert log.commands() == ["EHLO e2ad.test", "HELO e2ad.test"]
    # What was offered in the clear is forgotten.
    extensions, log = introduced("220 x|250-x\r\n250-CHUNKING\r\n250 STARTTLS|220 x|250-x\r\n250 SIZE", "starttls")
    assert log.commands() == ["EHLO e2ad.test", "STARTTLS", "secure", "EHLO e2ad.test"]
    assert extensions == offers("SIZE")


def test_credentials() -> None:
    plain = base64.b64encode(b"\0joe\0p\xc3\xbc").decode()
    _, log = introduced("220 x|250-x\r\n250 AUTH LOGIN PLAIN|235 x", "implicit", "joe", "pü")
    assert log.commands()[1:] == [f"AUTH PLAIN {plain}"]
    _, log = introduced("220 x|250-x\r\n250 AUTH LOGIN|334 x|334 x|235 x", "implicit", "joe", "pw")
    assert log.commands()[1:] == ["AUTH LOGIN", "am9l", "cHc="]
    _, log = introduced("220 x|250-x\r\n250 auth plain login|504 x|334 x|334 x|235 x", "implicit", "joe", "pw")
    assert log.commands()[2:] == ["AUTH LOGIN", "am9l", "cHc="]
    assert "cHc=" not in repr(Write(b"cHc=\r\n", Phase.AUTH))


@given(
    st.lists(
        st.tuples(st.sampled_from([200, 250, 354, 421, 450, 452, 550, 552, 503]), st.sampled_from(["", " 5.1.1 x"])),
        max_size=8,
    ),
    st.booleans(),
    st.integers(1, 3),
)
def test_no_relay_makes_a_mail_unknown_before_its_end(
    answers: list[tuple[int, str]], pipelined: bool, recipients: int
) -> None:
    """Whatever the relay says: each recipient has an outcome, and the certain ones are certain."""
    transaction, log = Transaction(mail(*(ANN, BOB, CAT)[:recipients]), offers(*(["PIPELINING"] * pipelined))), Log()
    replies = "|".join(f"{code}{text}" for code, text in answers)
    try:
        drive(transaction.talk(), replies or "421 x", log)
    except Trouble as trouble:
        transaction.fail(trouble.phase, trouble.why, trouble.reply)
    except AssertionError:
        pass  # the relay said more than it was asked; the driver looks after that
    assert len(transaction.outcomes) == recipients
    for outcome in transaction.outcomes.values():
        if isinstance(outcome, Accepted | Unknown):
            assert log.content.endswith(b"\r\n.\r\n")
            assert transaction.ended
        if isinstance(outcome, Refused):
            assert outcome.reply is not None
            assert outcome.reply.kind == 5
