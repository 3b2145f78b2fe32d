import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from e2ad.core.reports import MAX_RECIPIENTS, ComplaintReport, DeliveryReport, RecipientReport, read_report

CORPUS = Path(__file__).parent / "corpus_reports"
MAILS = Path(__file__).parent / "corpus"

# name: for each recipient (address, action, status, start of the diagnostic).
DELIVERIES = {
    "postfix_unknown_user": [("nobody@mail.test", "failed", "5.1.1", "550 5.1.1 <nobody@")],
    "postfix_several": [
        ("One@mail.test", "failed", "5.2.2", "552 5.2.2 Mailbox full"),
        ("two@mail.test", "failed", "5.4.4", "Host or domain name not found. Name service error for"),
    ],
    "postfix_delayed": [("slow@mail.test", "delayed", "4.4.1", "connect to mx.mail.test[192.0.2.5]:25")],
    "postfix_expired": [("slow@mail.test", "failed", "4.4.1", "delivery temporarily suspended")],
    "postfix_eai": [("jörg@xn--bcher-kva.test", "failed", "5.6.7", "550 5.6.7 nein, danke: ü")],
    "eai_unitext": [("jörg@mail.test", "failed", "5.1.1", "")],
    "success": [
        ("bob@mail.test", "relayed", "2.0.0", "250 2.0.0 Ok: queued as 7C"),
        ("ann@mail.test", "delivered", "2.1.5", ""),
    ],
    "sendmail": [("nobody@mail.test", "failed", "5.1.1", "550 5.1.1 <nobody@mail.test>...")],
    "exchange_online": [("jane@corp.test", "failed", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNot")],
    "exchange_old": [("jane@corp.test", "failed", "5.1.1", "jane@corp.test on Sun, 1 Mar 2026 12:31:00")],
    "gmail": [("full@gmail.test", "failed", "5.2.2", "552-5.2.2 The recipient's inbox")],
    "amazon_ses": [("nobody@mail.test", "failed", "5.1.1", "550 5.1.1 user unknown")],
    "exim_dsn": [("nobody@mail.test", "failed", "5.0.0", "554 rejected for policy reasons")],
    "exim_text": [
        ("nobody@mail.test", "failed", "5.1.1", "nobody@mail.test host mx.mail.test [192.0.2.5] SMTP error"),
        ("other@mail.test", "failed", "5.0.0", ""),
    ],
    "exim_warning": [("slow@mail.test", "delayed", "4.7.1", "slow@mail.test host mx.mail.test [192")],
    "qmail": [
        ("nobody@mail.test", "failed", "5.1.1", "192.0.2.5 does not like recipient. Remote host said: 550 5.1.1"),
        ("gone@mail.test", "failed", "5.1.1", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("silent@mail.test", "failed", "5.0.0", "This address no longer accepts mail."),
    ],
    "bounce_html": [("jane@corp.test", "failed", "5.7.1", "Delivery to jane@corp.test has failed.")],
}  # fmt: skip

COMPLAINTS = {
    "arf_abuse": ComplaintReport("abuse", ("User@isp.test",)),
    "arf_fraud_two": ComplaintReport("fraud", ("one@isp.test", "two@isp.test")),
    "arf_not_spam": ComplaintReport("not-spam", ("bob@isp.test",)),
    "arf_minimal_redacted": ComplaintReport("other", ()),
    "arf_utf8": ComplaintReport("opt-out", ("jörg@isp.test",)),
}


def read(name: str) -> bytes:
    return (CORPUS / f"{name}.eml").read_bytes()


def test_the_corpus_is_told_as_a_whole() -> None:
    assert {path.stem for path in CORPUS.glob("*.eml")} == {*DELIVERIES, *COMPLAINTS}


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("name", DELIVERIES)
def test_what_became_of_it(name: str, line_end: bytes) -> None:
    report = read_report(read(name).replace(b"\r\n", line_end))
    expected = DELIVERIES[name]
    assert isinstance(report, DeliveryReport)
    assert [(one.recipient, one.action, one.status) for one in report.recipients] == [row[:3] for row in expected]
    for one, row in zip(report.recipients, expected, strict=True):
        assert one.diagnostic.startswith(row[3])
        assert bool(one.diagnostic) == bool(row[3])


@pytest.mark.parametrize("name", COMPLAINTS)
def test_who_complained(name: str) -> None:
    assert read_report(read(name)) == COMPLAINTS[name]


def test_where_the_way_ended_is_kept_as_well() -> None:
    report = read_report(read("postfix_several"))
    assert isinstance(report, DeliveryReport)
    assert report.recipients[0].final_recipient == "alias-target@inner.test"


REPORTS = {"bounce"}


@pytest.mark.parametrize("path", sorted(MAILS.glob("*.eml")), ids=lambda path: path.stem)
def test_other_mail_is_no_report(path: Path) -> None:
    assert (read_report(path.read_bytes()) is not None) == (path.stem in REPORTS)


def dsn(fields: str, *, kind: str = "message/delivery-status", third: str = "") -> bytes:
    text = (
        'From: MAILER-DAEMON@mx.test\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\n\nText\n--b\nContent-Type: {kind}\n\n{fields}\n--b\nContent-Type: message/rfc822\n\n{third}\n--b--\n"
    )
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


ONE = "Final-Recipient: rfc822; a@b.test\n"
FAILED = ONE + "Action: failed\n"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (FAILED + "Status: 5.1.1", ("a@b.test", "failed", "5.1.1")),
        ("Final-Recipient: a@b.test\nAction: FAILED\nStatus: 5.1.1 (unknown)", ("a@b.test", "failed", "5.1.1")),
        ("Final-Recipient: rfc822;<A@B.test>\nAction: failed", ("A@b.test", "failed", "5.0.0")),
        ("Final-Recipient: rfc822; a+2Btag@b.test\nAction: delayed", ("a+tag@b.test", "delayed", "4.0.0")),
        ("Final-Recipient: rfc822; a+2btag@b.test\nAction: expanded", ("a+2btag@b.test", "expanded", "2.0.0")),
        (ONE + "Status: 4.2.2", ("a@b.test", "delayed", "4.2.2")),
        (ONE + "Status: 2.1.5", ("a@b.test", "delivered", "2.1.5")),
        (ONE + "Action: odd\nDiagnostic-Code: smtp; 550 no", ("a@b.test", "failed", "5.0.0")),
        (FAILED + "Diagnostic-Code: smtp; 421-4.7.0 x", ("a@b.test", "failed", "4.7.0")),
        (FAILED + "Status: 5.0.0\nDiagnostic-Code: 550 5.7.26 x", ("a@b.test", "failed", "5.7.26")),
        (FAILED + "Status: 5.0.0\nDiagnostic-Code: 450 4.7.1 x", ("a@b.test", "failed", "5.0.0")),
        (FAILED + "Status: 5.1.1.1\nDiagnostic-Code: at 192.5.1.1", ("a@b.test", "failed", "5.0.0")),
        ("Original-Recipient: x400; /G=a\n" + FAILED, ("a@b.test", "failed", "5.0.0")),
        ("Original-Recipient: utf-8; \\x{D800}@b.test\n" + FAILED, ("a@b.test", "failed", "5.0.0")),
        ("Original-Recipient: utf-8; \\x{FFFFFF}@b.test\n" + FAILED, ("a@b.test", "failed", "5.0.0")),
        ("Original-Recipient: utf-8; \\x{0D}\\x{0A}@b.test\n" + FAILED, ("a@b.test", "failed", "5.0.0")),
        ("Final-Recipient: rfc822; jane\nAction: failed\nStatus: 5.1.1", None),
        (ONE, None),
        (ONE + "Status: 3.0.0", None),
        ("Final-Recipient:\nAction: failed", None),
        ("", None),
    ],
)
def test_groups_of_fields(fields: str, expected: tuple[str, str, str] | None) -> None:
    report = read_report(dsn(f"Reporting-MTA: dns; mx.test\n\n{fields}\n"))
    if expected is None:
        assert report is None
        return
    assert isinstance(report, DeliveryReport)
    assert [(one.recipient, one.action, one.status) for one in report.recipients] == [expected]
    # Some servers forget the gap between what is about the mail and what is about the recipient.
    assert read_report(dsn(f"Reporting-MTA: dns; mx.test\n{fields}\n")) == report


@pytest.mark.parametrize(
    ("sender", "subject", "text"),
    [
        ("jane@corp.test", "Undeliverable: x", "<a@b.test>:\n550 5.1.1 no\n"),
        ("MAILER-DAEMON@mx.test", "Hello", "<a@b.test>:\n550 5.1.1 no\n"),
        ("MAILER-DAEMON@mx.test", "Undeliverable", "a@b.test\nwrite to us\n"),
        ("MAILER-DAEMON@mx.test", "Undeliverable", "call 550 or 5.1.1, no address\n"),
        ("MAILER-DAEMON@mx.test", "Undeliverable", "bounces+1@agents.test said 550 5.1.1\n"),
        ("MAILER-DAEMON@mx.test", "Undeliverable", "----- Original message -----\na@b.test 550 5.1.1\n"),
        ("vacation@corp.test", "Re: failure", "Return-Path or not, call me: 555, jane@corp.test\n"),
    ],
)
def test_prose_that_tells_nothing_is_no_report(sender: str, subject: str, text: str) -> None:
    mail = f"Return-Path: <>\r\nFrom: {sender}\r\nTo: bounces+1@agents.test\r\nSubject: {subject}\r\n\r\n{text}"
    assert read_report(mail.encode()) is None


def quick(content: bytes) -> DeliveryReport | ComplaintReport | None:
    started = time.perf_counter()
    report = read_report(content)
    assert time.perf_counter() - started < 3.0  # linear work of a megabyte or two; an attack would take minutes
    return report


def test_thousands_of_recipients_are_cut() -> None:
    group = "Final-Recipient: rfc822; user{}@mail.test\nAction: failed\nStatus: 5.1.1\n\n"
    report = quick(dsn("Reporting-MTA: dns; x\n\n" + "".join(group.format(number) for number in range(20_000))))
    assert isinstance(report, DeliveryReport)
    assert len(report.recipients) == MAX_RECIPIENTS
    assert quick(dsn("X: y\n\n" * 2 * MAX_RECIPIENTS + group.format(1))) is None
    half = quick(dsn("X: y\n\n" * (MAX_RECIPIENTS // 2) + group.format(1)))
    assert isinstance(half, DeliveryReport)


HEAD = "From: MAILER-DAEMON@mx.test\r\nSubject: failure notice\r\n"
FIELDS = "Final-Recipient: rfc822; a@b.test\nAction: failed\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (dsn("\n" * 500_000 + FIELDS), None),
        (dsn(" \n" * 300_000 + FIELDS), None),
        (dsn(FIELDS + "X: " + "y" * 900_000), True),
        (dsn("X:y\n" * 200_000 + FIELDS), None),
        (dsn("\n\nX: y" * 200_000), False),
        (dsn("Final-Recipient: rfc822; " + "\\x{41}" * 100_000 + "@b.test\nAction: failed"), False),
        (dsn("Final-Recipient: rfc822; " + "<" * 500_000 + "\nAction: failed"), False),
        (dsn("Final-Recipient: rfc822; a@b.test\nAction: failed\nDiagnostic-Code: " + "5." * 400_000), True),
        (dsn("Final-Recipient: rfc822; a@b.test\nAction: failed\nDiagnostic-Code: " + "=?utf-8?q?" * 40_000), True),
        (dsn(FIELDS, third="Message-ID: " + "<" * 900_000), True),
        (dsn(FIELDS, third="Message-ID: " + "<a@b>" * 200_000), True),
        (dsn("Feedback-Type: " + "a" * 500_000, kind="message/feedback-report"), True),
        (dsn("Feedback-Type: abuse\n" + "Original-Rcpt-To: a@b.test\n" * 30_000, kind="message/feedback-report"), True),
        ((HEAD + "X-Failed-Recipients: " + "a@b.test," * 20_000 + "\r\n\r\n").encode(), True),
        ((HEAD + "\r\n" + "<a@b.test>:\r\n" * 100_000).encode(), True),
        ((HEAD + "\r\n" + "a@b.test 550 " * 100_000).encode(), True),
        ((HEAD + "\r\n" + "a" * 2_000_000 + "@").encode(), False),
        ((HEAD + "\r\n" + ".@" * 500_000).encode(), False),
        ((HEAD + "\r\n" + "message-id: <" * 200_000).encode(), False),
        ((HEAD + "\r\n" + "--" * 500_000).encode(), False),
        ((HEAD + "Content-Type: text/html\r\n\r\n" + "<b><a href='mailto:a@b.test'>" * 30_000).encode(), None),
        (b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"--b\r\n" * 300_000, False),
        (b"".join(b"Content-Type: multipart/report; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(5000)), False),
    ],
)  # fmt: skip
def test_attacks_end(content: bytes, found: bool | None) -> None:
    report = quick(content)
    if found is not None:
        assert (report is not None) is found


def words_are_clean(report: DeliveryReport | ComplaintReport) -> None:
    match report:
        case DeliveryReport(recipients):
            assert 0 < len(recipients) <= MAX_RECIPIENTS
            for one in recipients:
                assert isinstance(one, RecipientReport)
                assert one.action in ("failed", "delayed", "delivered", "relayed", "expanded")
                assert one.status[0] in "245"
                assert "@" in one.recipient
                for text in (one.recipient, one.final_recipient, one.diagnostic):
                    assert len(text) <= 1000
                    assert "\0" not in text
                    text.encode()
        case ComplaintReport(kind, recipients):
            assert len(kind) <= 64
            for text in (kind, *recipients):
                text.encode()


WORDS = [
    *(path.read_bytes()[at : at + 200] for path in sorted(CORPUS.glob("*.eml")) for at in range(0, 2400, 160)),
    b"\r\n", b"\n\n", b"--=_b/1\r\n",
    b"Final-Recipient: rfc822; a@b.test\n", b"Action: failed\n", b"\xff\x00", b"<", b"@",
    b"Diagnostic-Code: smtp; 550 \xc3\x28\n", b"Original-Recipient: utf-8; \\x{D800}@b.test\n",
    b"Status: 5.1.1\n",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=500), st.lists(st.sampled_from(WORDS), max_size=40).map(b"".join)))
@example(b"")
def test_whatever_comes_in_something_comes_out(content: bytes) -> None:
    report = read_report(content)
    if report is not None:
        words_are_clean(report)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(CORPUS.glob("*.eml"))), st.data())
def test_damaged_reports_do_no_harm(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 60))] = data.draw(st.binary(max_size=6))
        content += b" "
    report = read_report(bytes(content))
    if report is not None:
        words_are_clean(report)
