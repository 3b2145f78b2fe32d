"""Address lists as senders write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.address import Mailbox
from e2ad.core.defects import Defects
from e2ad.core.mime_address import read_addresses, read_mailbox

LISTS = {
    "a@b.test": ["a@b.test"],
    "<a@b.test>": ["a@b.test"],
    "A Name <a@b.test>": ["a@b.test"],
    '"Name, A" <a@b.test>, b@c.test': ["a@b.test", "b@c.test"],
    '"a@evil.test" <b@c.test>': ["b@c.test"],
    "a@b.test (comment, <x@y.test>)": ["a@b.test"],
    "(lead) a (in) @ (x) b.test (tail)": ["a@b.test"],
    "a @ b . test": ["a@b.test"],
    "Group: a@b.test, C <c@d.test>;, e@f.test": ["a@b.test", "c@d.test", "e@f.test"],
    "undisclosed-recipients:;": [],
    "a@b.test; c@d.test": ["a@b.test", "c@d.test"],
    ",,a@b.test,,": ["a@b.test"],
    "<@relay.test,@b.test:a@c.test>": ["a@c.test"],
    "a@B.TEST.": ["a@b.test"],
    "A.B@b.test": ["A.B@b.test"],
    '"odd local"@b.test': ['"odd local"@b.test'],
    "a@[192.0.2.1]": ["a@[192.0.2.1]"],
    "a@bücher.test": ["a@xn--bcher-kva.test"],
    "ünal@b.test": ["ünal@b.test"],
    "no address, a@b.test": ["a@b.test"],
    "a@b.test <": [],
    "<a@b.test": ["a@b.test"],
    '"open <a@b.test>': ["a@b.test"],
    "a@-b.test": [],
    "a@b..test": [],
    "a@": [],
    "@b.test": [],
    "Alice b@c.test": ["b@c.test"],
    "<Alice b@c.test>": [],
    '"Alice" b@c.test': [],
    "=?utf-8?q?x=40y.test=2C?= <a@b.test>": ["a@b.test"],
    "": [],
}


@pytest.mark.parametrize(("value", "expected"), LISTS.items())
def test_bare_addresses(value: str, expected: list[str]) -> None:
    found, _ = read_addresses([value.encode()], Defects())
    assert [str(entry.mailbox) for entry in found] == expected


EXACT = {
    "a@b.test": True,
    "A <a@b.test> (c)": True,
    "A <a@b.test> trailing": False,
    "<a@b.test> <c@d.test>": False,
    "<a@b.test": False,
    "Alice a@b.test": False,
    "nonsense, a@b.test": False,
}


@pytest.mark.parametrize(("value", "expected"), EXACT.items())
def test_exactness(value: str, expected: bool) -> None:
    assert read_addresses([value.encode()], Defects())[1] is expected


NAMES = {
    "Alice <a@b.test>": "Alice",
    '"Alice \\"A\\" Example" <a@b.test>': 'Alice "A" Example',
    "a@b.test (Alice)": "Alice",
    "=?utf-8?Q?J=C3=B6rg?= Example <a@b.test>": "Jörg Example",
    '"=?utf-8?Q?J=C3=B6rg?=" <a@b.test>': "Jörg",
    "Alice\t  B <a@b.test>": "Alice B",
    "<a@b.test>": "",
}


@pytest.mark.parametrize(("value", "expected"), NAMES.items())
def test_names(value: str, expected: str) -> None:
    assert read_addresses([value.encode()], Defects(), names=True)[0][0].name == expected


def test_a_mailbox_keeps_its_local_part_and_lowers_its_domain() -> None:
    assert read_mailbox("MiXed@Example.TEST") == Mailbox("MiXed", "example.test")
    assert read_mailbox("a@" + "ä" * 300 + ".test") is None
    assert read_mailbox("a" * 300 + "@b.test") is None
    assert read_mailbox("\ud800@b.test") is None


@given(st.text(alphabet='ab@.<>,;:"()[]\\ ä=?\t'))
def test_whatever_is_found_is_an_address_again(value: str) -> None:
    for entry in read_addresses([value.encode()], Defects())[0]:
        assert read_mailbox(str(entry.mailbox)) == entry.mailbox
