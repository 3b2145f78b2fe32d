"""Mail from ordinary senders: what they send is what the agent reads."""

import base64
import os
import shutil
import smtplib
import subprocess
from email.message import EmailMessage

import pytest

from tests.live.conftest import Running

pytestmark = pytest.mark.live


def only_message(dev: Running, email: str) -> dict[str, object]:
    status, page = dev.api("GET", f"/v1/agents/{email}/messages?read_status=all")
    assert status == 200
    assert len(page["items"]) == 1
    status, message = dev.api("GET", f"/v1/agents/{email}/messages/{page['items'][0]['id']}")
    assert status == 200
    return dict(message)


def test_smtplib_with_attachments_and_umlauts(dev: Running) -> None:
    to = dev.agent("smtplib")
    mail = EmailMessage()
    mail["From"] = "Zoë Müller <zoe@example.test>"
    mail["To"] = to
    mail["Subject"] = "Grüße aus Köln ✉"
    mail.set_content("Schöne Grüße!\n")
    mail.add_alternative("<p>Schöne <b>Grüße</b>!</p>", subtype="html")
    mail.add_attachment(b"\x00\x01\x02", maintype="application", subtype="octet-stream", filename="dönüt.bin")
    with dev.smtp() as smtp:
        smtp.send_message(mail)
    message = only_message(dev, to)
    assert message["subject"] == "Grüße aus Köln ✉"
    assert message["header_from"] == "zoe@example.test"
    assert message["parsed"]["text"].strip() == "Schöne Grüße!"
    assert "<b>Grüße</b>" in message["parsed"]["html"]
    assert [(a["filename"], a["size_bytes"]) for a in message["attachments"]] == [("dönüt.bin", 3)]
    status, attachment = dev.api("GET", f"/v1/agents/{to}/messages/{message['id']}/attachments/0?inline=true")
    assert status == 200
    assert base64.b64decode(attachment["data"]) == b"\x00\x01\x02"


def test_the_raw_octets_are_kept(dev: Running) -> None:
    to = dev.agent("raw")
    raw = (
        b"From: a@example.test\r\nTo: x\r\nSubject: \xff\xfe raw\r\n\r\n.leading dot\r\n..two\r\n\x00 nul \xc3\x28\r\n"
    )
    dev.send(to, raw)
    message = only_message(dev, to)
    assert base64.b64decode(str(message["raw_message"])) == raw
    assert "\x00" not in str(message["parsed"]["text"])


def test_one_mail_for_several_agents_and_upper_case(dev: Running) -> None:
    first, second = dev.agent("several-1"), dev.agent("several-2")
    with dev.smtp() as smtp:
        refused = smtp.sendmail(
            "a@example.test",
            [first.upper(), second, first, first.replace("@", "+tag@"), "nobody@agents.localhost"],
            b"Subject: to both\r\n\r\nx\r\n",
        )
    assert {address: code for address, (code, _) in refused.items()} == {"nobody@agents.localhost": 550}
    assert only_message(dev, first)["subject"] == "to both"
    assert only_message(dev, second)["subject"] == "to both"


def test_the_same_mail_twice_is_one_message(dev: Running) -> None:
    to = dev.agent("twice")
    for _ in range(2):
        dev.send(to, b"Subject: again\r\nMessage-ID: <same@example.test>\r\n\r\nx\r\n")
    assert only_message(dev, to)["subject"] == "again"


def test_unknown_recipients_and_empty_paths(dev: Running) -> None:
    to = dev.agent("reports")
    with dev.smtp() as smtp:
        smtp.ehlo()
        assert smtp.mail("")[0] == 250
        assert smtp.rcpt("no-such-agent@agents.localhost")[0] == 550
        assert smtp.rcpt("no-such-agent@elsewhere.test")[0] == 550
        assert smtp.rcpt(to)[0] == 250
        code, text = smtp.data(b"Subject: bounce\r\n\r\nx\r\n")
    assert code == 250
    assert b"msg_" in text
    assert only_message(dev, to)["envelope_from"] is None


def test_a_mail_that_is_too_large_is_refused_before_it_is_sent(dev: Running) -> None:
    to = dev.agent("large")
    with dev.smtp() as smtp:
        smtp.ehlo()
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            smtp.sendmail("a@example.test", [to], b"x" * (26_214_400 + 1))
    assert refused.value.smtp_code == 552


@pytest.mark.skipif(shutil.which("swaks") is None and not os.environ.get("CI"), reason="swaks is not installed here")
def test_swaks(dev: Running) -> None:
    to = dev.agent("swaks")
    done = subprocess.run(
        [
            "swaks",
            "--server",
            str(dev.told["smtp"]),
            "--to",
            to,
            "--from",
            "s@example.test",
            "--header",
            "Subject: by swaks",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert only_message(dev, to)["subject"] == "by swaks"


def test_without_a_message_id_two_mails_that_look_alike_are_two(dev: Running) -> None:
    to = dev.agent("alike")
    for _ in range(2):
        dev.send(to, b"Subject: tick\r\n\r\nx\r\n")
    status, page = dev.api("GET", f"/v1/agents/{to}/messages")
    assert status == 200
    assert [item["subject"] for item in page["items"]] == ["tick", "tick"]


@pytest.mark.skipif(
    shutil.which("smtp-source", path="/usr/sbin:/usr/bin") is None and not os.environ.get("CI"),
    reason="Postfix's smtp-source is not installed here",
)
def test_smtp_source(dev: Running) -> None:
    to = dev.agent("smtp-source")
    arguments = ["-s", "4", "-m", "20", "-l", "5000", "-f", "s@example.test", "-t", to, f"inet:{dev.told['smtp']}"]
    done = subprocess.run(
        ["/usr/sbin/smtp-source", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    status, page = dev.api("GET", f"/v1/agents/{to}/messages?limit=100")
    assert status == 200
    assert len(page["items"]) == 20
