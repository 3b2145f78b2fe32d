"""Mail comes in by SMTP, and a person finds it."""

import json

import pytest

from tests.live.running import Running, wait_until

pytestmark = pytest.mark.live

MAIL = (
    "From: Ada <ada@b.test>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}.{to}>\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nThe caf=C3=A9 invoice of {subject}.\r\n"
)


def test_a_person_finds_mail(dev: Running) -> None:
    agent = dev.agent("cli-search")
    for subject in ("alpha", "beta"):
        dev.send(agent, MAIL.format(to=agent, subject=subject))

    def found(*arguments: str) -> list[str]:
        listed = dev.e2a("inbox", "--agent", agent, "--json", "--search", *arguments)
        assert listed.returncode == 0, listed.stderr
        return [message["subject"] for message in json.loads(listed.stdout)]

    wait_until(lambda: found("cafe") == ["beta", "alpha"])
    assert found("invoice beta") == ["beta"]
    assert found("from:ada -alpha") == ["beta"]
    text = dev.e2a("inbox", "--agent", agent, "--search", "alp").stdout
    assert "The café invoice of alpha." in text
    assert "\x1b" not in text
    wrong = dev.e2a("inbox", "--agent", agent, "--search", '"open')
    assert (wrong.returncode, "column 1" in wrong.stderr) == (5, True)
