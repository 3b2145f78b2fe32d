"""Senders that want to be shown as somebody else, or to say more in a header than their address."""

import pytest

from e2ad.core.mime import parse
from e2ad.core.mime_address import read_mailbox


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\n",
        "\r",
        "\x1b",
        "\x7f",
        "\x80",
        "\x85",
        "\x9b",
        "\u200b",
        "\u2028",
        "\u2029",
        "\u202e",
        "\u2066",
        "\ufeff",
    ],
)
def test_no_control_and_no_direction_mark_stands_in_a_local_part(character):
    assert read_mailbox(f'"a{character}X-E2A-Auth-Verified: true"@evil.test') is None
    assert read_mailbox(f"a{character}b@evil.test") is None


@pytest.mark.parametrize("spec", ['"a b"@x.test', '"ünal b"@x.test', '"a\\"b"@x.test', '"漢 字"@x.test'])
def test_quoted_local_parts_of_text_remain(spec):
    assert str(read_mailbox(spec)) == spec


ODD = {
    "two fields": b"From: a@evil.test\r\nFrom: ceo@bank.test",
    "a blank before the colon": b"From: a@evil.test\r\nFrom : ceo@bank.test",
    "behind a line that is no field": b"From: a@evil.test\r\nno field\r\nFrom: ceo@bank.test",
    "two mailboxes": b"From: ceo@bank.test, a@evil.test",
    "two in angle brackets": b"From: <ceo@bank.test> <a@evil.test>",
    "text behind the bracket": b"From: <a@evil.test>ceo@bank.test",
    "a separator in quotes": 'From: "a\u2028b"@evil.test'.encode(),
    "NUL between two domains": b"From: ceo@bank.test\0@evil.test",
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD.keys())
def test_who_cannot_be_named_beyond_doubt_is_no_author(fields):
    assert parse(fields + b"\r\nSubject: x\r\n\r\nHello\r\n").author is None
