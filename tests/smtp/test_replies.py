import pytest

from e2ad.core.errors import TABLE, MailboxFull, MessageTooBig, TransactionRefused, UnknownRecipient
from e2ad.smtp import replies
from e2ad.smtp.replies import Reply, reply_for

NAMED = {name: value for name, value in vars(replies).items() if isinstance(value, Reply)}


def test_wire() -> None:
    assert Reply(250, "2.1.0", "OK").to_bytes() == b"250 2.1.0 OK\r\n"
    assert Reply(250, None, "mx.test", "PIPELINING").to_bytes() == b"250-mx.test\r\n250 PIPELINING\r\n"
    assert Reply(550, "5.1.1", "one", "two").to_bytes() == b"550-5.1.1 one\r\n550 5.1.1 two\r\n"


@pytest.mark.parametrize(
    ("code", "enhanced", "lines"),
    [
        (451, "5.3.0", ["x"]),
        (550, "4.1.1", ["x"]),
        (250, "5.0.0", ["x"]),
        (354, "3.0.0", ["x"]),
        (100, None, ["x"]),
        (250, "2.0.0", []),
        (250, "2.0.0", ["a\r\n250 b"]),
        (250, "2.0.0", ["\u00e9"]),
        (250, "2.0.0", ["x" * 501]),
    ],
)
def test_what_cannot_be_a_reply(code: int, enhanced: str | None, lines: list[str]) -> None:
    with pytest.raises(ValueError):
        Reply(code, enhanced, *lines)


def test_longest_line_fits() -> None:
    assert len(Reply(250, "2.0.0", "x" * 500).to_bytes()) == 512


def test_every_named_reply_says_its_own() -> None:
    assert len(NAMED) > 40
    for name, reply in NAMED.items():
        assert reply.enhanced is not None or reply.code == 354, name
        assert reply.positive is (reply.code < 400), name


@pytest.mark.parametrize("failure", list(TABLE), ids=lambda failure: failure.__name__)
def test_every_failure_has_a_reply(failure: type[Exception]) -> None:
    reply = reply_for(failure())
    assert reply.code >= 400
    assert reply.enhanced is not None


@pytest.mark.parametrize(
    ("error", "code", "enhanced"),
    [
        (UnknownRecipient(), 550, "5.1.1"),
        (MailboxFull(), 552, "5.2.2"),
        (MessageTooBig(), 552, "5.3.4"),
        (TransactionRefused(), 554, "5.6.0"),
        (RuntimeError("secret"), 451, "4.3.0"),
        (KeyboardInterrupt(), 451, "4.3.0"),
        (ExceptionGroup("", [UnknownRecipient()]), 550, "5.1.1"),
        (ExceptionGroup("", [ExceptionGroup("", [MailboxFull()]), UnknownRecipient()]), 552, "5.2.2"),
        (ExceptionGroup("", [UnknownRecipient(), RuntimeError()]), 451, "4.3.0"),
    ],
)
def test_reply_for(error: BaseException, code: int, enhanced: str) -> None:
    reply = reply_for(error)
    assert (reply.code, reply.enhanced) == (code, enhanced)
    assert "secret" not in reply.lines[0]
