"""Which addresses an agent may have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.errors import InvalidRequest, InvalidSlug, ReservedDomain
from e2ad.core.slug import (
    RESERVED_SLUGS,
    agent_mailbox,
    check_slug,
    domain_and_parents,
    domain_name,
    refuse_bounce_subtree,
)


@pytest.mark.parametrize("slug", ["ab", "my-bot", "0a", "a" * 40, "a--b", "x1"])
def test_a_slug_may_be(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "a",
        "a" * 41,
        "-ab",
        "ab-",
        "My-Bot",
        "a_b",
        "a.b",
        "a+b",
        "ab\n",
        "\nab",
        "ä-b",
        "ab ",
        "٣٤",
        *sorted(RESERVED_SLUGS),
    ],
)
def test_a_slug_may_not_be(slug: str) -> None:
    with pytest.raises(InvalidSlug):
        check_slug(slug)


def test_the_reserved_slugs_are_those_of_the_contract_and_our_own() -> None:
    listed = "admin postmaster abuse noreply no-reply mailer-daemon info help demo test www mail agent api system root"
    ours = "bounce bounces hitl-noreply"
    assert {*listed.split(), *ours.split()} == RESERVED_SLUGS


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("Support@Acme.Example", "support@acme.example"),
        ("  a.b+c@acme.example\n", "a.b+c@acme.example"),
        ("x@münchen.example", "x@xn--mnchen-3ya.example"),
        ("o'brien@acme.example", "o'brien@acme.example"),
        ("x@" + ".".join(["a" * 63] * 3), "x@" + ".".join(["a" * 63] * 3)),
    ],
)
def test_an_address_is_folded(text: str, mailbox: str) -> None:
    assert str(agent_mailbox(text)) == mailbox


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bot",
        "@acme.example",
        "bot@",
        "bot@localhost",
        "bot@acme..example",
        "bot@-acme.example",
        "bot@acme.example.",
        "bot@127.0.0.1",
        "bot@[127.0.0.1]",
        ".bot@acme.example",
        "b..t@acme.example",
        "b t@acme.example",
        '"b t"@acme.example',
        "bot@evil@acme.example",
        "bot\r\nBcc: x@acme.example",
        "bot\0@acme.example",
        "<bot@acme.example>",
        "bött@acme.example",
        "b" * 65 + "@acme.example",
        "b@" + "a" * 64 + ".example",
        "b@" + ".".join(["a" * 63] * 4),
        "bot@acme_corp.example",
        "bot@\N{FULLWIDTH COMMERCIAL AT}.example",
    ],
)
def test_no_address(text: str) -> None:
    with pytest.raises(InvalidRequest):
        agent_mailbox(text)


@given(st.text(max_size=400))
def test_whatever_comes_is_an_address_or_refused(text: str) -> None:
    try:
        mailbox = agent_mailbox(text)
    except InvalidRequest:
        return
    assert str(mailbox).isascii()
    assert len(str(mailbox)) <= 254
    assert agent_mailbox(str(mailbox)) == mailbox


def test_a_refusal_does_not_repeat_all_it_was_given() -> None:
    with pytest.raises(InvalidRequest) as caught:
        agent_mailbox("x" * 100_000)
    assert len(caught.value.message) < 300


def test_parents_stop_before_the_top_label() -> None:
    assert domain_and_parents("a.b.acme.example") == ("a.b.acme.example", "b.acme.example", "acme.example")
    assert domain_and_parents("acme.example") == ("acme.example",)
    assert domain_and_parents("example") == ("example",)


@pytest.mark.parametrize("text", ["", "example", "a b.example", "1.2.3.4", "a" * 64 + ".example", "\0.example"])
def test_no_domain_name(text: str) -> None:
    assert domain_name(text) is None


@pytest.mark.parametrize("domain", ["bounce.acme.example", "x.bounce.acme.example"])
def test_return_paths_are_nobodys_address(domain: str) -> None:
    with pytest.raises(ReservedDomain):
        refuse_bounce_subtree(domain, ["acme.example"])


@pytest.mark.parametrize("domain", ["acme.example", "xbounce.acme.example", "bounce.other.example", "a.acme.example"])
def test_other_names_are_not_reserved(domain: str) -> None:
    refuse_bounce_subtree(domain, ["acme.example"])
