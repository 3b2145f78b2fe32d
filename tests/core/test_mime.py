"""`parse` on any bytes: total, clean, bounded; agreeing with the standard library where mail is well formed."""

import base64
import email
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st

from e2ad.core.message import AttachmentMeta, Automation, ParsedMessage
from e2ad.core.mime import attachment, author_of, header_values, parse

FROM = b"From: a@b.test\r\n"
MEBI = 1024 * 1024
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.eml"))


def strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from strings(item)
        case tuple() | list():
            for item in value:
                yield from strings(item)


def check_clean(parsed: ParsedMessage) -> None:
    for text in strings(asdict(parsed)):
        assert "\0" not in text
        text.encode("utf-8")
    one_line = [parsed.subject, parsed.sender_name, *(meta.filename or "" for meta in parsed.attachments)]
    assert all(len(text.splitlines()) <= 1 for text in one_line)


def check_whole(raw: bytes) -> None:
    parsed = parse(raw)
    check_clean(parsed)
    assert author_of(raw) == parsed.author
    for meta in parsed.attachments[:20]:
        cut = attachment(raw, meta.index)
        assert cut is not None
        assert cut[0] == meta
        assert len(cut[1]) == meta.size_bytes


TOKENS = st.sampled_from(
    [b"From: a@b.test", b"Subject: ", b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/html",
     b"Content-Type: text/plain; charset=utf-7; format=flowed", b"Content-Type: text/plain; charset=utf-16",
     b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", b"\r\n", b"\n", b"\r",
     b"--b", b"--b--", b"Content-Disposition: attachment; filename*0*=utf-8''%ff; filename*1=\"", b"=?utf-8?b?", b"?=",
     b"=?utf-7?q?+2AA-?=", b"\0", b"\xff", b"<", b">", b"&#xD800;", b"<!--", b"<a \"", b"> ", b"Message-ID: <", b"@",
     b"Date: Mon, 3 Jun 0001 10:00:00 +2359", b" ", b":", b";", b"\"", b"(", b"\\", b"Content-ID: <\x00>", b"=",
     b"\xc3\xa4"]
)  # fmt: skip


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(raw: bytes) -> None:
    check_whole(raw)


@settings(max_examples=400)
@given(st.lists(TOKENS, max_size=40))
def test_any_arrangement_of_mail_pieces_is_survived(pieces: list[bytes]) -> None:
    check_whole(b"\r\n".join(pieces))
    check_whole(b"".join(pieces))


@settings(max_examples=200)
@given(st.sampled_from(CORPUS), st.integers(0, 2000), st.integers(0, 30), st.binary(max_size=8))
def test_any_damage_to_a_real_mail_is_survived(path: Path, at: int, removed: int, added: bytes) -> None:
    raw = path.read_bytes()
    check_whole(raw[:at] + added + raw[at + removed :])


def with_type(content_type: bytes, body: bytes, more: bytes = b"") -> bytes:
    return FROM + b"Content-Type: " + content_type + b"\r\n" + more + b"\r\n" + body


def nested(octets: int) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(octets // 60)
    )
    return FROM + head + b"Content-Type: text/plain\r\n\r\nhi\r\n"


def repeat(prefix: bytes, unit: bytes, suffix: bytes = b"\r\n\r\nhi") -> Callable[[int], bytes]:
    return lambda octets: prefix + unit * (octets // len(unit)) + suffix


def field(name: bytes, unit: bytes) -> Callable[[int], bytes]:
    return repeat(FROM.replace(b"From", b"X" if name == b"From" else b"From") + name + b": ", unit)


PLAIN, HTML = FROM + b"Content-Type: text/plain\r\n\r\n", FROM + b"Content-Type: text/html\r\n\r\n"
QUARTER = MEBI // 4
HOSTILE: dict[str, tuple[Callable[[int], bytes], int]] = {
    "recipients": (repeat(FROM + b"To: x@y.test", b",\r\n user@example.test"), QUARTER),
    "idna": (field(b"To", b"a@\xc3\xa4.test,"), QUARTER),
    "comments": (field(b"To", b"("), QUARTER),
    "angles": (field(b"From", b"<"), QUARTER),
    "escaped quotes": (field(b"From", b'\\"'), QUARTER),
    "brackets": (field(b"To", b"["), QUARTER),
    "open words": (field(b"Subject", b"=?u?q?"), QUARTER),
    "encoded words": (field(b"From", b"=?utf-8?b?w6k=?= "), QUARTER),
    "folds": (field(b"Subject", b"\r\n a"), QUARTER),
    "fields": (repeat(FROM, b"a:\r\n"), MEBI),
    "parameters": (field(b"Content-Type", b"; p=x"), QUARTER),
    "semicolons": (field(b"Content-Type", b";"), QUARTER),
    "continuations": (field(b"Content-Disposition", b"; filename*1*=a"), QUARTER),
    "references": (field(b"References", b"<a@b> "), QUARTER),
    "nested": (nested, MEBI),
    "parts": (repeat(FROM + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b\r\n\r\nx\r\n"), 4 * MEBI),
    "near boundaries": (
        repeat(FROM + b"Content-Type: multipart/mixed; boundary=" + b"-" * 60 + b"\r\n\r\n", b"\n--" + b"-" * 50),
        4 * MEBI,
    ),
    "base64 junk": (repeat(with_type(b"a/b; name=a", b"", b"Content-Transfer-Encoding: base64\r\n"), b"A*"), 4 * MEBI),
    "qp junk": (
        repeat(with_type(b"text/plain", b"", b"Content-Transfer-Encoding: quoted-printable\r\n"), b"= "),
        4 * MEBI,
    ),
    "flowed": (repeat(with_type(b"text/plain; format=flowed", b""), b"a \r\n>b \r\n"), MEBI),
    "lines": (repeat(PLAIN, b"\n"), MEBI),
    "attributions": (repeat(PLAIN, b"x 10:00 a@b.cc:\n"), MEBI),
    "labels": (repeat(PLAIN, b"From: a\nTo: b\n"), MEBI),
    "signatures": (repeat(PLAIN, b"-- \n"), MEBI),
    "quotes": (repeat(PLAIN, b"x\n> y\n"), MEBI),
    "one line": (repeat(PLAIN, b"x"), 8 * MEBI),
    "html open tags": (repeat(HTML, b"<a "), MEBI),
    "html open quotes": (repeat(HTML, b'<a "'), MEBI),
    "html comments": (repeat(HTML, b"<!--"), MEBI),
    "html blockquotes": (repeat(HTML, b"<blockquote type=cite>x"), MEBI),
    "html paragraphs": (repeat(HTML, b"<p>x"), MEBI),
    "html scripts": (repeat(HTML, b"<script>"), MEBI),
    "html digits": (lambda octets: HTML + b"&#" + b"9" * octets, MEBI),
    "html attribute": (lambda octets: HTML + b"<div " + b"a" * octets + b" class=x>", MEBI),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_costs_time_in_proportion(name: str) -> None:
    """Twice the input may cost about twice the time; quadratic code costs four times, and minutes in all."""
    make, octets = HOSTILE[name]

    def cost(raw: bytes) -> float:
        best = 60.0
        for _ in range(2):
            began = time.process_time()
            check_clean(parse(raw))
            best = min(best, time.process_time() - began)
        return best

    half, whole = cost(make(octets // 2)), cost(make(octets))
    assert whole < 5.0
    assert whole < 3.0 * half + 0.1


def test_largest_mail_is_bounded() -> None:
    boundary = b"b" * 60
    raw = with_type(
        b"multipart/mixed; boundary=" + boundary,
        b"--"
        + boundary
        + b"\r\nContent-Transfer-Encoding: base64\r\nContent-Type: a/b; name=c\r\n\r\n"
        + b"QUJD" * (6 * MEBI),
    )
    began = time.process_time()
    parsed = parse(raw)
    assert time.process_time() - began < 5
    assert parsed.attachments == (AttachmentMeta(0, 18 * MEBI, "c", "a/b"),)


def test_limits_are_said() -> None:
    parts = parse(
        with_type(b"multipart/mixed; boundary=b", b"--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n" * 1100)
    )
    assert "too-many-parts" in parts.defects
    assert len(parts.attachments) == 1000
    assert "too-deep" in parse(nested(60 * 60)).defects
    big = parse(FROM + b"X: y\r\n" * 50_000 + b"Subject: behind\r\n\r\nbody")
    assert "header-section-too-big" in big.defects
    assert (big.text, big.subject, big.author) == ("body", "", None)
    many = parse(FROM + b"To: " + b"u@x.test," * 3000 + b"\r\n\r\n")
    assert "too-many-addresses" in many.defects
    assert len(many.to) == 2000


def test_text_and_html_are_cut_at_a_mebibyte_of_utf8() -> None:
    for kind in ("plain", "html"):
        raw = with_type(b"text/" + kind.encode() + b"; charset=utf-8", "ä".encode() * MEBI)
        parsed = parse(raw)
        assert parsed.truncated
        assert len(parsed.text.encode()) == MEBI
        if kind == "html":
            assert parsed.html is not None
            assert len(parsed.html.encode()) == MEBI
    assert not parse(with_type(b"text/plain", b"x" * MEBI)).truncated


def test_agrees_with_the_standard_library_on_well_formed_mail() -> None:
    message = EmailMessage()
    message["From"] = "Jörg Example <joerg@example.test>"
    message["To"] = "a@b.test, Ünal <u@c.test>"
    message["Subject"] = "Größe " * 30
    message.set_content("Grüße\n" * 100)
    message.add_alternative("<p>Grüße</p>\n" * 100, subtype="html")
    for number in range(5):
        message.add_attachment(
            bytes(range(256)) * number, maintype="application", subtype="x-test", filename=f"ä {number}.bin"
        )
    raw = message.as_bytes()
    parsed = parse(raw)
    assert parsed.subject == ("Größe " * 30).strip()
    assert parsed.sender_name == "Jörg Example"
    assert parsed.text == ("Grüße\n" * 100).rstrip("\n")
    assert (parsed.html or "").replace("\r\n", "\n") == "<p>Grüße</p>\n" * 100
    theirs = [part for part in email.message_from_bytes(raw).walk() if part.get_content_disposition() == "attachment"]
    for index, part in enumerate(theirs):
        cut = attachment(raw, index)
        assert cut is not None
        assert cut[1] == part.get_payload(decode=True)
        assert cut[0].filename == f"ä {index}.bin"
    assert parsed.defects == ()


LEAF = st.tuples(
    st.sampled_from(["text/plain", "text/html", "application/octet-stream", "image/png"]),
    st.sampled_from(["base64", "quoted-printable", "8bit"]),
    st.text(alphabet="abc äß\n=-.>", max_size=80),
)


@settings(max_examples=200)
@given(st.lists(LEAF, min_size=1, max_size=5))
def test_leaves_decode_as_the_standard_library_decodes_them(leaves: list[tuple[str, str, str]]) -> None:
    raw = FROM + b"Content-Type: multipart/mixed; boundary=zz\r\n\r\n"
    for kind, encoding, text in leaves:
        data = text.encode()
        body = {"base64": base64.encodebytes(data), "quoted-printable": data.replace(b"=", b"=3D")}.get(encoding, data)
        head = f"Content-Type: {kind}; name=n\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
        raw += b"--zz\r\n" + head + body + b"\r\n"
    raw += b"--zz--\r\n"
    theirs = [part.get_payload(decode=True) for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]
    ours = [attachment(raw, index) for index in range(len(leaves))]
    assert [cut[1] for cut in ours if cut] == theirs


def test_header_values_are_unfolded_and_clean() -> None:
    raw = b"X-A: one\r\n two\r\nx-a: \xff\0\r\n\r\nX-A: body"
    assert header_values(raw, "X-A") == ["one two", "ÿ"]


def test_received_and_conversation_are_counted_and_claimed() -> None:
    parsed = parse(b"Received: a\r\nReceived: b\r\nX-E2A-Conversation-Id: conv_1\r\n" + FROM + b"\r\n")
    assert (parsed.received_count, parsed.conversation_id) == (2, "conv_1")


def test_null_reverse_path_makes_a_bounce_of_what_says_nothing() -> None:
    raw = FROM + b"\r\nno such user"
    assert parse(raw).automation is None
    assert parse(raw, null_reverse_path=True).automation is Automation.BOUNCE
