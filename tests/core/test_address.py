import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.address import (
    NULL_PATH,
    AddressError,
    Mailbox,
    domain_to_unicode,
    parse_domain,
    parse_mailbox,
    without_tag,
)


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("ann@example.com", Mailbox("ann", "example.com")),
        ("Ann.B+tag@EXAMPLE.Com", Mailbox("Ann.B+tag", "example.com")),
        ("ann@example.com.", Mailbox("ann", "example.com")),
        ('"ann"@example.com', Mailbox("ann", "example.com")),
        ('"ann b"@example.com', Mailbox('"ann b"', "example.com")),
        ('"a\\"b\\c"@example.com', Mailbox('"a\\"bc"', "example.com")),
        ('""@example.com', Mailbox('""', "example.com")),
        ('"a@b"@example.com', Mailbox('"a@b"', "example.com")),
        ("jörg@bücher.example", Mailbox("jörg", "xn--bcher-kva.example")),
        ("ann@ＥＸＡＭＰＬＥ。com", Mailbox("ann", "example.com")),
        ("ann@em_123.example.com", Mailbox("ann", "em_123.example.com")),
        ("ann@[192.0.2.1]", Mailbox("ann", "[192.0.2.1]")),
        ("ann@[IPv6:2001:DB8::1]", Mailbox("ann", "[ipv6:2001:db8::1]")),
        ("ann@[IPv6:::ffff:192.0.2.1]", Mailbox("ann", "[ipv6:::ffff:192.0.2.1]")),
        ("ann@[x-tag:anything]", Mailbox("ann", "[x-tag:anything]")),
        ("a" * 64 + "@example.com", Mailbox("a" * 64, "example.com")),
        ("é" * 32 + "@example.com", Mailbox("é" * 32, "example.com")),
    ],
)
def test_mailboxes(text: str, mailbox: Mailbox) -> None:
    assert parse_mailbox(text) == mailbox
    assert parse_mailbox(str(mailbox)) == mailbox


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@@example.com",
        ".ann@example.com",
        "ann.@example.com",
        "a..b@example.com",
        "a b@example.com",
        "ann@-example.com",
        "ann@example-.com",
        "ann@exa mple.com",
        "ann@example..com",
        "ann@.example.com",
        "ann@" + "a" * 64 + ".com",
        "ann@" + "a." * 127 + "com",
        "a" * 65 + "@example.com",
        "é" * 33 + "@example.com",
        "ann@[192.0.2.256]",
        "ann@[192.0.2]",
        "ann@[IPv6:1::2::3]",
        "ann@[IPv6:fe80::1%eth0]",
        "ann@[]",
        "ann@[192.0.2.1",
        '"ann@example.com',
        'a"b@example.com',
        "ann\x00@example.com",
        "ann\ud800@example.com",
        "ann\x85@example.com",
        "ann@exam\udfffple.com",
        "Ann <ann@example.com>",
        "ann@a\u2028b.com",
        "a" * 64 + "@" + ".".join(["b" * 60] * 4),
    ],
)
def test_what_is_no_mailbox(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_mailbox(text)
    assert text == "" or text not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("localhost", "localhost"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_domains(text: str, domain: str) -> None:
    assert parse_domain(text) == domain


@pytest.mark.parametrize(
    "text", ["", ".", "a_b.example", "a..b", "exam ple.com", "ü" * 300, "a" * 254, "\u200b", "☃️.com"]
)
def test_what_is_no_domain(text: str) -> None:
    with pytest.raises(AddressError):
        parse_domain(text)


def test_underscores_only_where_they_are_wanted() -> None:
    assert parse_domain("a_b.example", underscores=True) == "a_b.example"
    with pytest.raises(AddressError):
        parse_mailbox("ann@a_b.example", underscores=False)


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("example.com", "example.com"),
        ("xn--\x7f.example", "xn--\x7f.example"),
    ],
)
def test_domains_for_people(domain: str, text: str) -> None:
    assert domain_to_unicode(domain) == text


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("bot@a.test", "bot@a.test"),
        ("bot+x@a.test", "bot@a.test"),
        ("bot+x+y@a.test", "bot@a.test"),
        ("bot+@a.test", "bot@a.test"),
        ("+x@a.test", "+x@a.test"),
    ],
)
def test_without_tag(address: str, base: str) -> None:
    assert without_tag(address) == base


def test_null_path_is_a_value() -> None:
    assert str(NULL_PATH) == ""
    assert bool(NULL_PATH)


def test_folded() -> None:
    assert Mailbox("Bot", "example.com").folded == "bot@example.com"
    assert Mailbox("bot", "example.com").is_ascii
    assert not Mailbox("böt", "example.com").is_ascii


@given(st.text())
def test_any_text_is_a_mailbox_or_an_address_error(text: str) -> None:
    for candidate in (text, f"{text}@example.com", f"ann@{text}"):
        try:
            mailbox = parse_mailbox(candidate)
        except AddressError:
            continue
        assert parse_mailbox(str(mailbox)) == mailbox
        str(mailbox).encode()
        assert mailbox.domain == mailbox.domain.lower()
        assert mailbox.domain.isascii()
