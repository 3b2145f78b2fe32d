import base64
import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from e2ad.core import mime
from e2ad.core.charset import clean, clean_line
from e2ad.core.compose import SIGNED_FIELDS, Composed, author_of, compose, compose_notice
from e2ad.core.compose_header import clean_filename, display_name
from e2ad.core.message import Automation
from e2ad.core.outbound import Draft, DraftAttachment, MessageType, SentAs

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ID = "<0123456789abcdef0123456789abcdef@agents.test>"
PLAIN = Draft(agent_email="ann@agents.test", sender_name="Ann", to=("bob@mail.test",), subject="Hi", text="Hello\n")
ALWAYS = ["from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"]


def composed(draft: Draft, **arguments: Any) -> Composed:
    given_ = {"message_id": ID, "at": AT, "sent_as": SentAs.OWN_ADDRESS, "from_domain": "shared.test"}
    return compose(draft, **(given_ | arguments))


def header_lines(content: bytes) -> list[bytes]:
    return content.partition(b"\r\n\r\n")[0].split(b"\r\n")


def names(content: bytes) -> list[str]:
    return [line.split(b":")[0].decode().lower() for line in header_lines(content) if line[:1] not in b" \t"]


def library(content: bytes) -> EmailMessage:
    """The same mail, read by the standard library."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def wire_rules(content: bytes) -> None:
    """What every mail of ours obeys, whatever was asked for."""
    assert content.endswith(b"\r\n")
    bare = content.replace(b"\r\n", b"")
    assert b"\r" not in bare
    assert b"\n" not in bare
    assert b"\0" not in bare
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    for line in header_lines(content):
        assert line.strip(), "a header line of nothing ends the header for some readers"
        # Longer only where there is no place to fold: one word, or a local part with blanks in its quotes.
        assert len(line.decode()) <= 78 or len(line.partition(b": ")[2].split() or [b""]) == 1 or b'"@' in line
    assert b"\r\nFrom " not in content
    for word in re.findall(rb"=\?utf-8\?[qb]\?[^?]*\?=", content.partition(b"\r\n\r\n")[0]):
        assert len(word) <= 75


def test_a_plain_mail_to_the_octet() -> None:
    mail = composed(evolve(PLAIN, conversation_id="conv_1"))
    assert mail.content.decode() == (
        'From: "Ann" <ann@agents.test>\r\n'
        "To: bob@mail.test\r\n"
        "Reply-To: ann@agents.test\r\n"
        "Subject: Hi\r\n"
        "Date: Sun, 01 Mar 2026 12:30:00 +0000\r\n"
        f"Message-ID: {ID}\r\n"
        "X-E2A-Conversation-Id: conv_1\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "Hello\r\n"
    )
    assert mail == Composed(mail.content, "ann@agents.test", "Ann", ID, smtputf8=False)


def test_the_order_of_all_fields() -> None:
    draft = evolve(
        PLAIN, kind=MessageType.REPLY, cc=("c@mail.test",), bcc=("hidden@mail.test",), reply_to=("r@mail.test",),
        in_reply_to="<p@mail.test>", references=("<g@mail.test>", "<p@mail.test>"), unsubscribe=True,
        conversation_id="c", html="<p>Hello</p>",
    )  # fmt: skip
    mail = composed(draft, unsubscribe_url="https://shared.test/u/u1_x", feedback_address="fbl+1@shared.test").content
    assert names(mail) == [
        "from", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted",
        "list-unsubscribe", "list-unsubscribe-post", "cfbl-address", "x-e2a-conversation-id", "mime-version",
        "content-type",
    ]  # fmt: skip
    assert b"hidden" not in mail
    assert b"\r\nReferences: <g@mail.test> <p@mail.test>\r\n" in mail
    assert b"\r\nList-Unsubscribe: <https://shared.test/u/u1_x>\r\n" in mail
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in mail
    assert b"\r\nCFBL-Address: fbl+1@shared.test; report=arf\r\n" in mail
    signed = {name.decode() for name in SIGNED_FIELDS}
    assert set(names(mail)) - signed == {"x-e2a-conversation-id"}


def test_the_same_draft_makes_the_same_octets_and_another_identifier_other_boundaries() -> None:
    draft = evolve(PLAIN, html="<p>x</p>")
    assert composed(draft).content == composed(draft).content
    boundary = re.compile(rb'boundary="(.*?)"')
    other = composed(draft, message_id="<other@agents.test>").content
    assert boundary.findall(composed(draft).content) != boundary.findall(other)


@pytest.mark.parametrize(
    ("kind", "name", "sent_as", "expected"),
    [
        (MessageType.SEND, "Ann", SentAs.OWN_ADDRESS, '"Ann" <ann@agents.test>'),
        (MessageType.SEND, "", SentAs.OWN_ADDRESS, "ann@agents.test"),
        (MessageType.REPLY, "Ann", SentAs.RELAY, '"Ann via e2a" <agent@shared.test>'),
        (MessageType.FORWARD, "", SentAs.RELAY, '"ann@agents.test via e2a" <agent@shared.test>'),
        (MessageType.TEST, "Ann", SentAs.OWN_ADDRESS, '"e2a" <noreply@shared.test>'),
        (MessageType.TEST, "Ann", SentAs.RELAY, '"e2a" <noreply@shared.test>'),
        (MessageType.SEND, 'A "quoted\\name"', SentAs.OWN_ADDRESS, '"A \\"quoted\\\\name\\"" <ann@agents.test>'),
        (MessageType.SEND, "Émile of Paris", SentAs.OWN_ADDRESS, "=?utf-8?q?=C3=89mile_of_Paris?= <ann@agents.test>"),
        (MessageType.SEND, "李", SentAs.RELAY, "=?utf-8?b?5p2OIHZpYSBlMmE=?= <agent@shared.test>"),
        (MessageType.SEND, "=?a?q?x?=", SentAs.OWN_ADDRESS, "=?utf-8?b?PT9hP3E/eD89?= <ann@agents.test>"),
    ],
)  # fmt: skip
def test_in_whose_name_it_is(kind: MessageType, name: str, sent_as: SentAs, expected: str) -> None:
    draft = evolve(PLAIN, kind=kind, sender_name=name)
    mail = composed(draft, sent_as=sent_as)
    assert mail.content.startswith(f"From: {expected}\r\n".encode())
    author = author_of(draft, sent_as=sent_as, from_domain="shared.test")
    assert (author.name, author.address) == (mail.sender_name, mail.header_from)
    assert mime.parse(mail.content).sender_name == mail.sender_name


@pytest.mark.parametrize(
    ("kind", "automatic", "expected"),
    [
        (MessageType.REPLY, True, Automation.AUTO_REPLIED),
        (MessageType.REPLY, False, None),
        (MessageType.SEND, True, None),
        (MessageType.FORWARD, True, None),
        (MessageType.TEST, True, Automation.AUTO_GENERATED),
        (MessageType.TEST, False, Automation.AUTO_GENERATED),
    ],
)
def test_a_machine_says_that_it_is_one(kind: MessageType, automatic: bool, expected: Automation | None) -> None:
    assert mime.parse(composed(evolve(PLAIN, kind=kind, automatic=automatic)).content).automation is expected


def test_replies_go_to_the_agent_unless_it_says_otherwise() -> None:
    assert mime.parse(composed(PLAIN, sent_as=SentAs.RELAY).content).reply_to == ("ann@agents.test",)
    given_ = evolve(PLAIN, reply_to=("x@mail.test", "y@mail.test"))
    assert mime.parse(composed(given_).content).reply_to == ("x@mail.test", "y@mail.test")


def test_only_cc_is_a_mail_as_well() -> None:
    mail = composed(evolve(PLAIN, to=(), cc=("c@mail.test",))).content
    assert "to" not in names(mail)
    assert mime.parse(mail).cc == ("c@mail.test",)


@pytest.mark.parametrize(
    ("draft", "needed"),
    [
        (PLAIN, False),
        (evolve(PLAIN, to=("bob@bücher.test",)), False),
        (evolve(PLAIN, agent_email="änn@agents.test"), True),
        (evolve(PLAIN, to=("bøb@mail.test",)), True),
        (evolve(PLAIN, cc=("bøb@mail.test",)), True),
        (evolve(PLAIN, bcc=("bøb@mail.test",)), True),
        (evolve(PLAIN, reply_to=("bøb@mail.test",)), True),
    ],
)
def test_internationalized_addresses(draft: Draft, needed: bool) -> None:
    mail = composed(draft)
    assert mail.smtputf8 is needed
    parsed = mime.parse(mail.content)
    assert parsed.author is not None
    assert parsed.to == tuple(address.replace("bücher", "xn--bcher-kva") for address in draft.to)
    assert header_lines(mail.content)[0].isascii() or needed
    assert mail.content.isascii() is (not needed or draft.bcc != ())


@pytest.mark.parametrize(
    ("text", "encoding", "body"),
    [
        ("", "7bit", b""),
        ("Hello", "7bit", b"Hello\r\n"),
        ("a\nb\r\nc\rd", "7bit", b"a\r\nb\r\nc\r\nd\r\n"),
        ("a\tb", "7bit", b"a\tb\r\n"),
        ("x" * 998, "7bit", b"x" * 998 + b"\r\n"),
        ("x" * 999, "quoted-printable", None),
        ("end \nnext", "quoted-printable", b"end=20\r\nnext\r\n"),
        ("end\t\nnext", "quoted-printable", b"end=09\r\nnext\r\n"),
        ("last ", "quoted-printable", b"last=20\r\n"),
        ("From me", "quoted-printable", b"=46rom me\r\n"),
        ("x\nFrom me\n", "quoted-printable", b"x\r\n=46rom me\r\n"),
        ("a From me", "7bit", b"a From me\r\n"),
        ("From From " + "x" * 68 + " ü", "quoted-printable", None),
        ("From " * 40 + "ü", "quoted-printable", None),
        ("1=1 ü " + "." * 200, "quoted-printable", None),
        ("ü\n.\n", "quoted-printable", b"=C3=BC\r\n=2E\r\n"),
        ("bell \x07 and \x1b[0m", "quoted-printable", b"bell =07 and =1B[0m\r\n"),
        ("vt \x0b ff \x0c", "quoted-printable", b"vt =0B ff =0C\r\n"),
        ("nul \0 gone", "7bit", b"nul  gone\r\n"),
        ("lone \ud800", "quoted-printable", b"lone =EF=BF=BD\r\n"),
        ("naïve café " * 20, "quoted-printable", None),
        ("日本語です。\n" * 20, "base64", None),
    ],
)
def test_how_text_travels(text: str, encoding: str, body: bytes | None) -> None:
    mail = composed(evolve(PLAIN, text=text)).content
    wire_rules(mail)
    assert f"\r\nContent-Transfer-Encoding: {encoding}\r\n".encode() in mail
    content = mail.partition(b"\r\n\r\n")[2]
    if body is not None:
        assert content == body
    if encoding != "7bit":
        assert max(map(len, content.split(b"\r\n"))) <= 76
    same = clean(text).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert mime.parse(mail).text == same
    assert lf(library(mail).get_content()).rstrip("\n") == same


@pytest.mark.parametrize(
    ("subject", "line"),
    [
        ("", "Subject:"),
        ("Hi", "Subject: Hi"),
        ("  two   blanks\t", "Subject: two blanks"),
        ("café", "Subject: =?utf-8?b?Y2Fmw6k=?="),
        ("un café", "Subject: =?utf-8?q?un_caf=C3=A9?="),
        ("=?utf-8?q?x?=", "Subject: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?="),
        ("a_b=c?d and some words é", "Subject: =?utf-8?q?a=5Fb=3Dc=3Fd_and_some_words_=C3=A9?="),
        ("x" * 69, "Subject: " + "x" * 69),
        ("word " * 16 + "end", "Subject: " + "word " * 13 + "word\r\n word word end"),
        ("日本", "Subject: =?utf-8?b?5pel5pys?="),
    ],
)
def test_subjects(subject: str, line: str) -> None:
    mail = composed(evolve(PLAIN, subject=subject)).content
    wire_rules(mail)
    assert f"\r\n{line}\r\nDate:".encode() in mail
    assert mime.parse(mail).subject == clean_line(subject)


@pytest.mark.parametrize("subject", ["x" * 2000, "x" * 70 + " y", "ü" * 2000, "😀" * 2000, "a " * 1000, "é😀e" * 600])
def test_long_subjects_are_folded_and_no_character_is_split(subject: str) -> None:
    mail = composed(evolve(PLAIN, subject=subject)).content
    wire_rules(mail)
    assert mime.parse(mail).subject == subject[:2000].strip()
    assert str(library(mail)["subject"]) == subject[:2000].strip()
    for word in re.findall(rb"\?b\?([^?]*)\?=", header_part(mail, b"Subject")):
        base64.b64decode(word).decode()


def header_part(content: bytes, name: bytes) -> bytes:
    found = re.search(rb"(?m)^" + name + rb":((?:.*\r\n)(?:[ \t].*\r\n)*)", content)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("references", "kept"),
    [
        ((), ()),
        (("<a@b>",), ("<a@b>",)),
        (("<a@b>", "not an id", "<c@d>", "<é@b>", "<x@y>\r\nBcc: z"), ("<a@b>", "<c@d>")),
        (tuple(f"<{n:040}@h.test>" for n in range(500)), None),
        (tuple("<" + "x" * 880 + f"{n}@h.test>" for n in range(9)), None),
    ],
)
def test_references(references: tuple[str, ...], kept: tuple[str, ...] | None) -> None:
    mail = composed(evolve(PLAIN, references=references, in_reply_to=references[-1] if references else None)).content
    wire_rules(mail)
    found = mime.parse(mail).references
    if kept is not None:
        assert found == kept
        return
    assert found[0] == references[0]
    assert len(found) > 1
    assert found[1:] == references[-len(found) + 1 :]
    assert len(" ".join(found)) <= 2000


PICTURE = DraftAttachment("p.png", "image/png", b"\x89PNG", "pic@1")
NOTE = DraftAttachment("n.txt", "text/plain; charset=utf-8; name=evil", "ü\n".encode())


@pytest.mark.parametrize(
    ("html", "attachments", "shape"),
    [
        (None, (), "text/plain"),
        ("<p>x</p>", (), "multipart/alternative(text/plain text/html)"),
        (None, (NOTE,), "multipart/mixed(text/plain text/plain)"),
        (None, (PICTURE,), "multipart/mixed(text/plain image/png)"),
        ("<p>x</p>", (PICTURE,), "multipart/mixed(multipart/alternative(text/plain text/html) image/png)"),
        (
            '<img src="cid:pic@1">',
            (NOTE, PICTURE),
            "multipart/mixed(multipart/alternative(text/plain multipart/related(text/html image/png)) text/plain)",
        ),
        (
            '<img src="cid:pic%401">',
            (PICTURE,),
            "multipart/alternative(text/plain multipart/related(text/html image/png))",
        ),
    ],
)
def test_the_tree(html: str | None, attachments: tuple[DraftAttachment, ...], shape: str) -> None:
    def drawn(part: Any) -> str:
        children = " ".join(drawn(child) for child in part.iter_parts()) if part.is_multipart() else ""
        return f"{part.get_content_type()}({children})" if children else part.get_content_type()

    mail = composed(evolve(PLAIN, html=html, attachments=attachments)).content
    wire_rules(mail)
    assert drawn(library(mail)) == shape
    parsed = mime.parse(mail)
    assert parsed.text == "Hello"
    assert parsed.html == html
    assert sorted(meta.filename or "" for meta in parsed.attachments) == sorted(file.filename for file in attachments)


def test_html_without_words_gets_its_words() -> None:
    mail = composed(evolve(PLAIN, text=" \n", html="<p>Only <b>here</b></p>")).content
    assert mime.parse(mail).text == "Only here"
    assert [part.get_content_type() for part in library(mail).walk()][1:] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("content_type", "written"),
    [
        ("application/pdf", "application/pdf"),
        ("TEXT/HTML; charset=ISO-8859-1; x=y", 'text/html; charset="ISO-8859-1"'),
        ("text/csv;charset=\"utf-8\"", 'text/csv; charset="utf-8"'),
        ("text/csv; charset=a b", "text/csv"),
        ('text/csv; charset="\r\nBcc: x', "text/csv"),
        ("message/rfc822", "application/octet-stream"),
        ("Message/Partial; id=1", "application/octet-stream"),
        ("multipart/mixed; boundary=x", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("a/b/c", "application/octet-stream"),
        ("text/plain\r\nBcc: x@y.test", "application/octet-stream"),
        ("text /plain", "application/octet-stream"),
        ("täxt/plain", "application/octet-stream"),
        ("text/" + "x" * 2000, "application/octet-stream"),
        ("text/\0plain", "application/octet-stream"),
    ],
)  # fmt: skip
def test_types_of_files(content_type: str, written: str) -> None:
    mail = composed(evolve(PLAIN, attachments=(DraftAttachment("a.x", content_type, b"x"),))).content
    wire_rules(mail)
    assert f'\r\nContent-Type: {written}; name="a.x"\r\n'.encode() in mail


@pytest.mark.parametrize(
    ("filename", "read"),
    [
        ("a.txt", "a.txt"),
        ("", "attachment-1"),
        (".", "attachment-1"),
        ("..", "attachment-1"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\x.doc", "x.doc"),
        ("dir/", "attachment-1"),
        ('a"b.txt', 'a"b.txt'),
        ('"quoted"', "quoted"),
        ("<b>", "b"),
        ('""', "attachment-1"),
        ("100%.txt", "100%.txt"),
        ("it's.txt", "it's.txt"),
        ("Übergröße.pdf", "Übergröße.pdf"),
        ("日本語" * 40 + ".pdf", "日本語" * 40 + ".pdf"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("x" * 100_000 + ".pdf", "x" * 251 + ".pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\r\nBcc: x@y.test", "a Bcc: x@y.test"),
        ("a\0b\x1b.txt", "a b .txt"),
        ("\ud800.txt", "\ufffd.txt"),
        ("=?utf-8?q?x?=", "=_utf-8?q?x?="),
        ("a;b=c.txt", "a;b=c.txt"),
    ],
)
def test_names_of_files(filename: str, read: str) -> None:
    mail = composed(evolve(PLAIN, attachments=(DraftAttachment(filename, "a/b", b"x"),))).content
    wire_rules(mail)
    assert mime.parse(mail).attachments[0].filename == read
    assert [part.get_filename() for part in library(mail).iter_attachments()] == [read]


def test_an_attached_mail_stays_whole_and_outside_our_structure() -> None:
    inner = composed(evolve(PLAIN, html="<p>x</p>")).content + b"\n\r mixed ends \0"
    mail = composed(
        evolve(PLAIN, html="<p>x</p>", attachments=(DraftAttachment("m.eml", "message/rfc822", inner),))
    ).content
    wire_rules(mail)
    assert len(mime.parse(mail).attachments) == 1
    found = mime.attachment(mail, 0)
    assert found is not None
    assert found[1] == inner


def test_a_text_that_knows_the_boundary_does_not_get_out() -> None:
    first = composed(evolve(PLAIN, html="<p>x</p>")).content
    boundary = header_part(first, b"Content-Type").split(b'"')[1].decode()
    text = f"--{boundary}\nContent-Type: text/html\n\n<p>evil</p>\n--{boundary}--\n"
    mail = composed(evolve(PLAIN, html="<p>x</p>", text=text)).content
    assert mime.parse(mail).html == "<p>x</p>"
    assert mime.parse(mail).text == text.rstrip("\n")


def test_the_way_out_is_in_both_forms() -> None:
    url = "https://shared.test/u/u1_x?a=1&b=2"
    draft = evolve(PLAIN, unsubscribe=True, html="<html><BODY>x</BODY ></html>")
    parsed = mime.parse(composed(draft, unsubscribe_url=url).content)
    assert parsed.text.endswith(f"\n{url}")
    assert parsed.html is not None
    assert re.search(r'<a href="https://shared.test/u/u1_x\?a=1&amp;b=2">.*</BODY ></html>$', parsed.html, re.DOTALL)
    bare = mime.parse(composed(evolve(draft, html="<p>x"), unsubscribe_url=url).content).html
    assert bare is not None
    assert bare.startswith("<p>x<hr>")
    plain = composed(evolve(draft, html=None), unsubscribe_url=url).content
    assert mime.parse(plain).text.endswith(url)


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ({"agent_email": "nobody"}, {}),
        ({"agent_email": "a@b.test\r\nBcc: x@y.test"}, {}),
        ({"to": ("",)}, {}),
        ({"to": ("a@b.test, c@d.test",)}, {}),
        ({"to": ("Ann <a@b.test>",)}, {}),
        ({"to": ("a@b.test\nBcc: x@y.test",)}, {}),
        ({"to": ("a\0@b.test",)}, {}),
        ({"to": ("a\ud800@b.test",)}, {}),
        ({"to": ("a\u2028@b.test",)}, {}),
        ({"to": ("a\u202e@b.test",)}, {}),
        ({"to": ('"a\r\nBcc: x"@b.test',)}, {}),
        ({"cc": ("a@b.test>",)}, {}),
        ({"cc": ("a@b.test;",)}, {}),
        ({"reply_to": ("a@b .test",)}, {}),
        ({}, {"message_id": "no-brackets@x.test"}),
        ({}, {"message_id": "<a@b>\r\nBcc: x@y.test"}),
        ({}, {"message_id": "<" + "a" * 950 + "@b>"}),
        ({}, {"at": AT.replace(tzinfo=None)}),
        ({}, {"from_domain": "x.test\r\nBcc: y", "sent_as": SentAs.RELAY}),
        ({}, {"feedback_address": "f@x.test\r\nBcc: y@z.test"}),
        ({}, {"unsubscribe_url": "https://x.test/\r\nBcc: y"}),
        ({}, {"unsubscribe_url": "https://x.test/> <mailto:y@z.test"}),
        ({}, {"unsubscribe_url": "javascript:alert(1)"}),
        ({}, {"unsubscribe_url": "https:///path"}),
        ({"unsubscribe": True}, {}),
    ],
)
def test_what_cannot_be_written_is_refused(change: dict[str, Any], arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        composed(evolve(PLAIN, **change), **arguments)


BREAKS = [
    "\r\n",
    "\n",
    "\r",
    "\r\n ",
    "\n\t",
    "\x0b",
    "\x0c",
    "\x85",
    "\u2028",
    "\u2029",
    "\0",
    "\r\n\r\n",
    "\x1c",
    "\ud800",
]
PLACES = [
    "sender_name",
    "subject",
    "conversation_id",
    "in_reply_to",
    "references",
    "filename",
    "content_type",
    "content_id",
]


@pytest.mark.parametrize("line_end", BREAKS, ids=ascii)
@pytest.mark.parametrize("place", PLACES)
def test_no_value_gets_out_of_its_field(place: str, line_end: str) -> None:
    for hostile in (
        f"x{line_end}Bcc: evil@x.test",
        f"{line_end}Bcc: evil@x.test",
        f"<a@b>{line_end}Bcc: evil@x.test{line_end}",
    ):
        file = {"filename": "a.txt", "content_type": "text/plain", "content_id": "c"}
        draft = evolve(PLAIN, html="<p>x</p>")
        if place in file:
            draft = evolve(draft, attachments=(DraftAttachment(data=b"x", **(file | {place: hostile})),))
        else:
            draft = evolve(draft, **{place: (hostile,) if place == "references" else hostile})
        mail = composed(draft).content
        wire_rules(mail)
        may_be = {"x-e2a-conversation-id"} if place == "conversation_id" else set()
        assert set(names(mail)) - may_be == set(ALWAYS)
        assert not re.search(rb"(?mi)^bcc", mail)
        read = library(mail)
        assert read["bcc"] is None
        assert all(part["bcc"] is None for part in read.walk())
        assert [part.get_content_type() for part in read.walk()][-2:] != []
        assert not mime.parse(mail).defects


def test_a_notice() -> None:
    mail = compose_notice(
        from_address="hitl-noreply@shared.test", from_name="e2a", to="owner@mail.test", subject="Prüfen\r\nBcc: x",
        text="Look: https://x.test/\n", html="<p>Look</p>", message_id=ID, at=AT,
    )  # fmt: skip
    wire_rules(mail)
    assert names(mail) == [
        "from",
        "to",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "auto-submitted",
        "mime-version",
        "content-type",
    ]
    parsed = mime.parse(mail)
    assert (parsed.subject, parsed.automation) == ("Prüfen Bcc: x", Automation.AUTO_GENERATED)
    assert (parsed.text, parsed.html) == ("Look: https://x.test/", "<p>Look</p>")
    with pytest.raises(ValueError):
        compose_notice(
            from_address="a@b.test", from_name="", to="x", subject="", text="", html="", message_id=ID, at=AT
        )


# Everything a string may hold; what the reader leaves out on purpose (a byte order mark) left out as well.
any_text = st.text(st.characters(exclude_characters="\ufeff", exclude_categories=()), max_size=200)
hard_text = st.one_of(
    any_text,
    st.text("aü €😀\r\n\t =?_-.\"\\'<>@,;:()", max_size=300),
    st.lists(st.sampled_from(["From ", "--e2a_", "=", " ", "\n", "x" * 80, "ü", ".", "\r"]), max_size=40).map("".join),
)
atext = st.text("abcXYZ019!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=40)
plain_addresses = st.builds("{}@{}.test".format, atext, st.from_regex(r"[a-z]{1,20}", fullmatch=True))
quoted_addresses = st.builds('"{}"@mail.test'.format, st.text("ab ,;:<>@()", min_size=1, max_size=20))
utf8_addresses = st.builds("{}@mail.test".format, st.text("aéЖ李", min_size=1, max_size=15))
some_addresses = st.lists(st.one_of(plain_addresses, quoted_addresses, utf8_addresses), max_size=6).map(tuple)
files = st.builds(
    DraftAttachment,
    filename=hard_text,
    content_type=st.one_of(st.sampled_from(["image/png", "text/plain", "message/rfc822", "multipart/mixed"]), any_text),
    data=st.binary(max_size=300),
    content_id=st.one_of(st.none(), st.sampled_from(["pic@1", "<b>", "a b", "ü"]), any_text),
)
drafts = st.builds(
    Draft,
    kind=st.sampled_from(MessageType),
    agent_email=st.one_of(plain_addresses, utf8_addresses),
    sender_name=hard_text,
    to=some_addresses.filter(bool),
    cc=some_addresses,
    bcc=some_addresses,
    reply_to=some_addresses,
    subject=hard_text,
    text=hard_text,
    html=st.one_of(st.none(), hard_text, st.just('<p>text</p><img src="cid:pic@1"><img src="cid:b">')),
    attachments=st.lists(files, max_size=3).map(tuple),
    in_reply_to=st.one_of(st.none(), st.just("<a@b.test>"), any_text),
    references=st.lists(st.one_of(st.just("<a@b.test>"), any_text), max_size=4).map(tuple),
    conversation_id=hard_text,
    automatic=st.booleans(),
)


def lf(text: str) -> str:
    return clean(text).replace("\r\n", "\n").replace("\r", "\n")


def expected_fields(draft: Draft, content: bytes) -> list[str]:
    found = names(content)
    replies = draft.kind is MessageType.REPLY and draft.automatic
    assert ("in-reply-to" in found) >= (draft.in_reply_to == "<a@b.test>")
    optional = {
        "cc": bool(draft.cc),
        "auto-submitted": draft.kind is MessageType.TEST or replies,
        "content-transfer-encoding": not draft.attachments and draft.html is None,
        "in-reply-to": "in-reply-to" in found,
        "references": "references" in found,
        "x-e2a-conversation-id": bool(clean_line(draft.conversation_id)),
    }
    return sorted([*ALWAYS, *(name for name, here in optional.items() if here)])


@settings(max_examples=400, deadline=None)
@given(draft=drafts, sent_as=st.sampled_from(SentAs))
@example(draft=evolve(PLAIN, html="a", text="From " * 50 + "ü"), sent_as=SentAs.RELAY)
def test_whatever_is_meant_is_what_is_read(draft: Draft, sent_as: SentAs) -> None:
    mail = composed(draft, sent_as=sent_as)
    content = mail.content
    wire_rules(content)
    assert sorted(names(content)) == expected_fields(draft, content)
    parsed = mime.parse(content)
    assert parsed.defects == ()
    assert parsed.subject == clean_line(draft.subject)[:2000].strip()
    assert parsed.sender_name == mail.sender_name
    if draft.kind is not MessageType.TEST and sent_as is SentAs.OWN_ADDRESS:
        assert mail.sender_name == display_name(draft.sender_name)
    assert str(parsed.author) == parsed.header_from == mail.header_from
    assert (len(parsed.to), len(parsed.cc), len(parsed.reply_to)) == (
        len(draft.to),
        len(draft.cc),
        len(draft.reply_to) or 1,
    )
    for read, meant in zip((*parsed.to, *parsed.cc), (*draft.to, *draft.cc), strict=True):
        assert read.replace('"', "") == meant.replace('"', "")
    if draft.html is None or draft.text.strip():
        assert parsed.text == lf(draft.text).rstrip("\n") or not lf(draft.text).strip()
    assert (parsed.html is None) == (draft.html is None)
    assert lf(parsed.html or "") == lf(draft.html or "")
    read_files = [mime.attachment(content, meta.index) for meta in parsed.attachments]
    kept = sorted((clean_filename(file.filename, n), file.data) for n, file in enumerate(draft.attachments, 1))
    assert sorted((found[0].filename or "", found[1]) for found in read_files if found) == kept


def library_addresses(value: Any) -> list[str]:
    return [f"{one.username}@{one.domain}" for one in value.addresses] if value is not None else []


@settings(max_examples=300, deadline=None)
@given(draft=drafts)
def test_the_standard_library_reads_the_same(draft: Draft) -> None:
    content = composed(draft).content
    read, ours = library(content), mime.parse(content)
    assert clean_line(str(read["subject"])) == ours.subject
    assert ours.header_from is not None
    if content.partition(b"\r\n\r\n")[0].isascii():
        # Some versions of the library keep the blank between two encoded words of a name (RFC 2047 section 6.2).
        shown = read["from"].addresses[0].display_name
        assert "".join(clean_line(shown).split()) == "".join(ours.sender_name.split())
        assert library_addresses(read["from"]) == [ours.header_from]
        bare = [address.replace('"', "") for address in (*ours.to, *ours.cc)]
        assert library_addresses(read["to"]) + library_addresses(read["cc"]) == bare
    body = read.get_body(("plain",))
    assert body is not None
    assert lf(body.get_content()).rstrip("\n") == ours.text or not ours.text.strip()
    html = read.get_body(("html",))
    assert (html is None) == (ours.html is None)
    if html is not None:
        assert lf(html.get_content()).rstrip("\n") == lf(ours.html or "").rstrip("\n")
    leaves = [part for part in read.walk() if part.get_filename() is not None]
    assert [part.get_filename() for part in leaves] == [meta.filename for meta in ours.attachments]
    for part, meta in zip(leaves, ours.attachments, strict=True):
        found = mime.attachment(content, meta.index)
        assert found is not None
        assert part.get_payload(decode=True) == found[1]
        assert not part.defects
