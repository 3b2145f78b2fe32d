"""Sender continuity: what breaks the row of a correspondent's mail, and what only looks as if it did."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.authentication import (
    ArcResult,
    ArcStatus,
    Authentication,
    DkimResult,
    DkimStatus,
    DmarcResult,
    DmarcStatus,
    SpfResult,
    SpfStatus,
)
from e2ad.core.continuity import (
    MAX_EVIDENCE,
    Continuity,
    Evidence,
    Known,
    compare,
    is_memorable,
    look,
    vouching,
)

ANN = "ann@example.org"
SIGNED = Evidence("dkim", "example.org", "s1")
SENT = Evidence("spf", "example.org")


def spf(status: str = "pass", domain: str | None = "example.org", *, aligned: bool | None = True) -> SpfResult:
    return SpfResult(SpfStatus(status), domain, aligned if status == "pass" else None)


def dkim(
    status: str = "pass", domain: str | None = "example.org", selector: str | None = "s1", *, aligned: bool = True
) -> DkimResult:
    return DkimResult(DkimStatus(status), domain, selector, aligned if status == "pass" else None)


def seen(*results: DkimResult, by_spf: SpfResult | None = None, **more: object) -> Authentication:
    dmarc = DmarcResult(DmarcStatus.PASS, "example.org")
    return Authentication(by_spf or spf("none", None), dmarc, results, verified=True, **more)  # type: ignore[arg-type]


NOTHING = Authentication(spf("fail"), DmarcResult(DmarcStatus.FAIL, "example.org"))


@pytest.mark.parametrize(
    ("known", "now", "status", "word"),
    [
        (None, seen(dkim()), "new", "first mail"),
        (Known(ANN), NOTHING, "new", "first mail"),
        (Known(ANN, outbound_count=2), seen(dkim()), "new", "has written to"),
        (Known(ANN, 3, 3, evidence=(SIGNED,)), seen(dkim()), "consistent", "a signature of example.org"),
        # A key that was rotated is the same signer.
        (Known(ANN, 3, 3, evidence=(SIGNED,)), seen(dkim(selector="2027")), "consistent", "as before"),
        # A mailing list: SPF is the list's, ARC says so, and the author's own signature is left.
        (
            Known(ANN, 3, 3, evidence=(SIGNED, SENT)),
            seen(dkim(), by_spf=spf("pass", "list.test", aligned=False), arc=ArcResult(ArcStatus.PASS, "list.test")),
            "consistent",
            "a signature of example.org",
        ),
        (Known(ANN, 3, 3, evidence=(SENT,)), seen(dkim()), "consistent", "as before"),
        (Known(ANN, 3, 0), seen(dkim()), "consistent", "proved nothing; this one"),
        (Known(ANN, 3, 0), NOTHING, "consistent", "proves nothing"),
        (Known(ANN, 3, 3, evidence=(SIGNED,)), NOTHING, "break", "nothing that speaks for its author"),
        (
            Known(ANN, 3, 3, evidence=(SIGNED,)),
            seen(dkim("pass", "evil.test", aligned=False), by_spf=spf("pass", "evil.test", aligned=False)),
            "break",
            "a signature of example.org",
        ),
        (Known(ANN, 3, 3, evidence=(SIGNED,)), seen(dkim("temperror")), "break", "just now"),
        # Another part of the organization that never spoke for this author.
        (Known(ANN, 3, 3, evidence=(SIGNED,)), seen(dkim("pass", "old.example.org")), "break", "old.example.org"),
        (
            Known(ANN, 3, 3, evidence=(Evidence("dkim", "mail.example.org", "a"),)),
            seen(dkim("pass", "mail.example.org", "b")),
            "consistent",
            "mail.example.org",
        ),
    ],
)
def test_the_row_of_a_senders_mail(known: Known | None, now: Authentication, status: str, word: str) -> None:
    found = compare(known, ANN, now)
    assert (found.status, found.resembles) == (status, None)
    assert word in found.detail
    assert found.to_json() == {"status": status, "detail": found.detail}


@pytest.mark.parametrize("lookalike", ["ann@examp1e.org", "аnn@example.org", "a.n.n@example.org"])
def test_who_looks_like_somebody_known_is_not_them_however_well_authenticated(lookalike: str) -> None:
    found = compare(Known(lookalike, lookalikes=(ANN,)), lookalike, seen(dkim("pass", "examp1e.org")))
    assert (found.status, found.resembles) == ("break", ANN)
    assert found.to_json()["resembles"] == ANN
    assert ANN in found.detail


@pytest.mark.parametrize("author", ["ann+news@example.org", "ANN@example.org"])
def test_a_tag_makes_no_other_person(author: str) -> None:
    assert compare(Known(author, lookalikes=(ANN,)), author, seen(dkim())) == Continuity(
        "new", "the first mail from this address to this agent"
    )


def test_only_aligned_passes_vouch() -> None:
    mail = seen(
        dkim("pass", "Example.org", "S1"),
        dkim("pass", "esp.test", aligned=False),
        dkim("fail"),
        dkim("policy"),
        dkim("pass", None),
        by_spf=spf("pass", "bounce.example.org"),
    )
    assert vouching(mail) == (Evidence("spf", "bounce.example.org"), Evidence("dkim", "example.org", "s1"))


def test_where_no_dmarc_is_published_the_domains_that_align_are_named_beside() -> None:
    """`aligned` says nothing then (contract: authentication evidence)."""
    results = (
        DkimResult(DkimStatus.PASS, "example.org", "s1"),
        DkimResult(DkimStatus.PASS, "esp.test", "x"),
    )
    mail = Authentication(
        SpfResult(SpfStatus.PASS, "esp.test"),
        DmarcResult(DmarcStatus.NONE),
        results,
        verified=True,
        aligned_domains=frozenset({"example.org"}),
    )
    assert vouching(mail) == (SIGNED,)


def test_a_mail_of_a_thousand_signatures_leaves_few_rows() -> None:
    signatures = [dkim(selector=f"s{n}") for n in range(1000)]
    kept = vouching(seen(*signatures, dkim(selector="x" * 300), by_spf=spf()))
    assert len(kept) == MAX_EVIDENCE
    assert kept[0] == SENT
    assert vouching(seen(dkim(selector="x" * 300))) == ()


@given(st.text(), st.text())
def test_any_address_can_be_compared(author: str, other: str) -> None:
    found = compare(Known(author, 1, 1, evidence=(SIGNED,), lookalikes=(other,)), author, NOTHING)
    assert found.status == "break"
    assert len(look(author).encode()) <= 1000


@given(st.text(min_size=321))
def test_what_is_longer_than_an_address_is_not_kept(text: str) -> None:
    assert not is_memorable(f"a@{text}")
