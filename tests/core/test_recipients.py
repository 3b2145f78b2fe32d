"""Raw recipient strings: what is read, what is refused, and who is left of three lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.address import AddressError
from e2ad.core.errors import InvalidRecipient, TooManyRecipients
from e2ad.core.recipients import MAX_CHARACTERS, MAX_RECIPIENTS, Addressing, address_of, normalise

READ = [
    ("a@b.test", "a@b.test"),
    ("  a@b.test  ", "a@b.test"),
    ("<a@b.test>", "a@b.test"),
    ("Ada <Ada@B.Test>", "ada@b.test"),
    ("Ada Lovelace<a@b.test>", "a@b.test"),
    ("J. Doe <j@d.test>", "j@d.test"),
    ("O'Brien <o'brien@b.test>", "o'brien@b.test"),
    ('"Doe, Jane" <jane@b.test>', "jane@b.test"),
    ('"a@b.test" <c@d.test>', "c@d.test"),
    (r'"a \" b" <c@d.test>', "c@d.test"),
    ("Пётр <p@b.test>", "p@b.test"),
    ("раypal <p@b.test>", "p@b.test"),
    ("=?utf-8?q?a?= <a@b.test>", "a@b.test"),
    ("a@b.test (Ada)", "a@b.test"),
    ("(x(y)) a (z) @ (w) b.test", "a@b.test"),
    (r"Ada (a \) b) <a@b.test>", "a@b.test"),
    ('"q uoted"@b.test', '"q uoted"@b.test'),
    ('"plain"@b.test', "plain@b.test"),
    ("a+tag@b.test", "a+tag@b.test"),
    ("ä@bücher.example", "ä@xn--bcher-kva.example"),
    ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
    ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
    ("a@b.test.", "a@b.test"),
    ("a@[192.0.2.1]", "a@[192.0.2.1]"),
    ("x" * 64 + "@b.test", "x" * 64 + "@b.test"),
]

REFUSED = [
    "",
    " ",
    "a",
    "@",
    "a@",
    "@b.test",
    "<>",
    "<a@b.test",
    "a@b.test>",
    "<<a@b.test>>",
    "<a@b.test> x",
    "<a@b.test><c@d.test>",
    "a@b.test <c@d.test>",
    "a@b@c.test",
    "a b@c.test",
    "a@b c.test",
    "a..b@c.test",
    ".a@c.test",
    "a.@c.test",
    "a@b..test",
    "a@-b.test",
    "a@b.test, c@d.test",
    "a@b.test; c@d.test",
    "Friends: a@b.test, c@d.test;",
    "undisclosed-recipients:;",
    "<@relay.test:a@b.test>",
    'a"b@c.test',
    '"a@b.test',
    "(a@b.test",
    "a@b.test)",
    "a@[1.2.3]",
    "a@b.test\r\nBcc: eve@evil.test",
    "a@b.test\nRCPT TO:<eve@evil.test>",
    "Ada\r\n <a@b.test>",
    "Ada\t<a@b.test>",
    "a\u2028@b.test",
    "a\x85@b.test",
    "\u202ea@b.test",
    "a\u200b@b.test",
    "a\ud800@b.test",
    "x" * 65 + "@b.test",
    "ä" * 33 + "@b.test",
    "a@" + "b" * 64 + ".test",
    "a@" + ".".join(["b" * 60] * 5),
    "n" * MAX_CHARACTERS + " <a@b.test>",
]


@pytest.mark.parametrize(("text", "address"), READ)
def test_one_mailbox_is_read(text: str, address: str) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_one_mailbox_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        address_of(text)


def test_the_whole_address_has_254_octets() -> None:
    domain = ".".join(["d" * 62, "d" * 62, "d" * 59, "test"])
    longest = "x" * (253 - len(domain)) + "@" + domain
    assert len(longest) == 254
    assert address_of(longest) == longest
    with pytest.raises(AddressError, match="the address is longer"):
        address_of("x" + longest)


def test_a_name_that_just_fits() -> None:
    text = "n" * (MAX_CHARACTERS - len(" <a@b.test>")) + " <a@b.test>"
    assert address_of(text) == "a@b.test"


@given(st.text(max_size=60))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    try:
        address = address_of(text)
    except AddressError:
        return
    assert address_of(address) == address
    assert not set(address) & set("\r\n\0")


@given(st.text(alphabet='a@b.<>"()\\,;: \u00e4', max_size=40))
def test_structure_is_read_or_refused(text: str) -> None:
    try:
        address = address_of(text)
    except AddressError:
        return
    assert address_of(f"Name <{address}>") == address


def test_each_recipient_once_to_before_cc_before_bcc() -> None:
    found = normalise(
        ["A@x.test", "b@x.test", "a@X.test"],
        ["B@x.test", "c@x.test", "Bot <bot@x.test>"],
        ["c@x.test", "d@x.test", "agent@from.test", "d@x.test"],
        own=("bot@x.test", "agent@from.test"),
    )
    assert found == Addressing(("a@x.test", "b@x.test"), ("c@x.test",), ("d@x.test",))
    assert found.all == ("a@x.test", "b@x.test", "c@x.test", "d@x.test")


def test_the_own_address_stays_in_to() -> None:
    found = normalise(["bot@x.test"], ["bot@x.test"], own=("bot@x.test",))
    assert found == Addressing(("bot@x.test",))


@pytest.mark.parametrize(
    ("to", "cc", "bcc"), [([], [], []), ([], [], ["a@x.test"]), ([], ["bot@x.test"], ["a@x.test"])]
)
def test_to_or_cc_needs_somebody(to: list[str], cc: list[str], bcc: list[str]) -> None:
    with pytest.raises(InvalidRecipient):
        normalise(to, cc, bcc, own=("bot@x.test",))


def test_the_entry_is_named() -> None:
    with pytest.raises(InvalidRecipient, match=r"cc\[1\]"):
        normalise(["a@x.test"], ["b@x.test", "nobody"])


@pytest.mark.parametrize("literal", ["a@[127.0.0.1]", "A <a@[10.0.0.5]>", "a@[IPv6:::1]"])
def test_a_hosts_number_is_no_recipient(literal: str) -> None:
    """The relay would be sent to machines inside that nobody can reach from without."""
    for place in range(3):
        lists = [["b@x.test"], [], []]
        lists[place].append(literal)
        with pytest.raises(InvalidRecipient):
            normalise(*lists)


def test_so_many_and_no_more() -> None:
    many = [f"a{number}@x.test" for number in range(MAX_RECIPIENTS)]
    assert len(normalise(many[:20], many[20:40], many[40:]).all) == MAX_RECIPIENTS
    with pytest.raises(TooManyRecipients) as refused:
        normalise(many, ["b@x.test"])
    assert refused.value.details == {"max_recipients": 50, "provided": 51}
