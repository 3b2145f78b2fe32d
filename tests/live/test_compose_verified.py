"""What we compose and sign, verified by somebody else: OpenDKIM, with our keys in a file instead of DNS."""

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from e2ad.core.compose import SIGNED_FIELDS, compose, compose_notice
from e2ad.core.outbound import Draft, DraftAttachment, MessageType, SentAs
from e2ad.mailauth.signer import PrivateKey, key_record, sign

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        shutil.which("opendkim") is None and not os.environ.get("CI"), reason="opendkim is not installed here"
    ),
]

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ID = "<0123456789abcdef0123456789abcdef@agents.test>"
DOMAIN = "agents.test"
PLAIN = Draft(agent_email="ann@agents.test", sender_name="Ann", to=("bob@mail.test",), subject="Hi", text="Hello\n")
FILES = (
    DraftAttachment("Übergröße mit einem Namen, der gefaltet werden muss.pdf", "a/b", bytes(range(256)) * 300),
    DraftAttachment("p.png", "image/png", b"\x89PNG\r\n", "pic@1"),
    DraftAttachment("m.eml", "message/rfc822", b"Subject: inside\r\n\r\nx\r\n"),
)  # fmt: skip

DRAFTS = {
    "plain": PLAIN,
    "empty": evolve(PLAIN, subject="", text="", sender_name=""),
    "empty lines at the end": evolve(PLAIN, text="x\n\n\n\n"),
    "only empty lines": evolve(PLAIN, text="\n\n\n"),
    "trailing blanks": evolve(PLAIN, text="x \ny\t\n \n\t\nlast "),
    "runs of blanks": evolve(PLAIN, text="a    b\t\tc\n   d"),
    "lines of 998": evolve(PLAIN, text=("x" * 998 + "\n") * 20),
    "lines of 10,000": evolve(PLAIN, text=("word " * 2000 + "\n") * 3),
    "dots": evolve(PLAIN, text=".\n..\n.x\n"),
    "from lines": evolve(PLAIN, text="From me\n>From you\n" + "From " * 40),
    "controls": evolve(PLAIN, text="\x07\x0b\x0c\x1b[0m\x7f\x85", subject="a\x07b\x0bc"),
    "umlauts": evolve(PLAIN, text="Grüße, naïve café\n" * 30, subject="Grüße " * 40, sender_name="Jörg Müller " * 8),
    "japanese": evolve(PLAIN, text="日本語です。\n" * 50, subject="日本語" * 60, sender_name="李小龍"),
    "quoted name": evolve(PLAIN, sender_name='A "quoted" \\ name, with: comma; (and comment) <x@y.test>'),
    "folded subject": evolve(PLAIN, subject="a word " * 60),
    "one long word": evolve(PLAIN, subject="x" * 1500),
    "many recipients": evolve(PLAIN, to=tuple(f"{'r' * 40}{n}@mail.test" for n in range(25)), cc=("c@mail.test",)),
    "quoted local part": evolve(PLAIN, to=('"a b,<c>;:"@mail.test',), reply_to=('"  "@mail.test',)),
    "internationalized": evolve(PLAIN, agent_email="jörg@agents.test", to=("李@bücher.test",), cc=("жук@mail.test",)),
    "thread": evolve(
        PLAIN, kind=MessageType.REPLY, in_reply_to="<p@mail.test>",
        references=tuple(f"<{n:032x}@mail.test>" for n in range(80)), conversation_id="conv_" + "0" * 32,
    ),
    "html": evolve(PLAIN, html="<html><body><p>Hello \n world   </p></body></html>\n\n"),
    "html with picture and files": evolve(PLAIN, html='<p>Look: <img src="cid:pic@1"> ü</p>', attachments=FILES),
    "files": evolve(PLAIN, attachments=FILES),
    "empty file": evolve(PLAIN, attachments=(DraftAttachment("", "", b""),)),
    "hostile": evolve(PLAIN, subject="x\r\nBcc: y", sender_name="\r\n\r\nx\0", conversation_id="a\nDKIM-Signature: v"),
    "relay name": evolve(PLAIN, agent_email="ann@other.test"),
    "test": evolve(PLAIN, kind=MessageType.TEST),
    "unsubscribe": evolve(PLAIN, unsubscribe=True, html="<p>x</p>"),
}  # fmt: skip


@pytest.fixture(scope="module")
def keys() -> dict[str, PrivateKey]:
    return {
        "r": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "e": Ed25519PrivateKey.generate(),
    }


@pytest.fixture(scope="module")
def configuration(keys: dict[str, PrivateKey], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("opendkim")
    records = [f"{selector}._domainkey.{DOMAIN} {key_record(key)}\n" for selector, key in keys.items()]
    (folder / "keys").write_text("".join(records))
    path = folder / "opendkim.conf"
    path.write_text(f"TestPublicKeys {folder / 'keys'}\nMode v\nSyslog no\nTemporaryDirectory {folder}\n")
    return path


def verdicts(configuration: Path, content: bytes) -> dict[str, str]:
    """The verifier's result for each selector."""
    mail = configuration.with_name("mail.eml")
    mail.write_bytes(content)
    command = ["opendkim", "-x", str(configuration), "-t", str(mail), "-vv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return {found[2]: found[1] for found in re.finditer(r"dkim=(\w+)[^;]*?header\.s=(\w+)", done.stdout)}


def signed(content: bytes, keys: dict[str, PrivateKey]) -> bytes:
    fields = [
        sign(content, domain=DOMAIN, selector=selector, private_key=key, names=SIGNED_FIELDS)
        for selector, key in keys.items()
    ]
    return b"".join((*fields, content))


def composed(name: str) -> bytes:
    draft = DRAFTS[name]
    sent_as = SentAs.RELAY if name == "relay name" else SentAs.OWN_ADDRESS
    return compose(
        draft,
        message_id=ID,
        at=AT,
        sent_as=sent_as,
        from_domain=DOMAIN,
        unsubscribe_url="https://agents.test/u/u1_x" if draft.unsubscribe else None,
        feedback_address="fbl@agents.test",
    ).content


@pytest.mark.parametrize("name", DRAFTS)
def test_both_signatures_are_good(name: str, configuration: Path, keys: dict[str, PrivateKey]) -> None:
    assert verdicts(configuration, signed(composed(name), keys)) == {"r": "pass", "e": "pass"}


def test_a_notice_is_good_too(configuration: Path, keys: dict[str, PrivateKey]) -> None:
    notice = compose_notice(
        from_address="hitl-noreply@agents.test", from_name="e2a", to="owner@mail.test", subject="Prüfen", text="x",
        html="<p>x</p>", message_id=ID, at=AT,
    )  # fmt: skip
    assert verdicts(configuration, signed(notice, keys)) == {"r": "pass", "e": "pass"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hello", b"Hallo"),
        (b"Subject: Hi", b"Subject: Ho"),
        (b"To: bob@mail.test", b"To: eve@mail.test"),
        (b"From: ", b"From: eve@mail.test\r\nFrom: "),
        (b"Subject: Hi", b"Subject: Hi\r\nList-Unsubscribe: <https://evil.test/>"),
        (b"Subject: Hi", b"Subject: Hi\r\nCc: eve@mail.test"),
        (b"agents.test; report=arf", b"evil.test; report=arf"),
        (b"Content-Type: text/plain", b"Content-Type: text/html"),
    ],
)
def test_the_verifier_sees_what_was_changed(
    old: bytes, new: bytes, configuration: Path, keys: dict[str, PrivateKey]
) -> None:
    mail = signed(composed("plain"), keys)
    assert mail.count(old) == 1
    assert verdicts(configuration, mail.replace(old, new)) == {"r": "fail", "e": "fail"}
