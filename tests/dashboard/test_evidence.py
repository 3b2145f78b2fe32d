"""What is known of a sender, in words and in a picture."""

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.dashboard.evidence import Check, Facts, explain, picture


def spf(
    status: str = "none", domain: str | None = "example.org", aligned: bool | None = None, **more: Any
) -> dict[str, Any]:
    return {"status": status, "domain": domain, "aligned": aligned, **more}


def dkim(status: str, domain: str | None = "example.org", aligned: bool | None = True, **more: Any) -> dict[str, Any]:
    return {"status": status, "domain": domain, "selector": "s1", "aligned": aligned, **more}


def dmarc(status: str = "none", policy: str | None = None, by: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {"status": status, "domain": "example.org", "policy": policy, "aligned_by": list(by), **more}


def facts(spf_: Any = None, dkim_: Any = (), dmarc_: Any = None, **more: Any) -> Facts:
    given = {"spf": spf_ or spf(), "dkim": list(dkim_), "dmarc": dmarc_ or dmarc()}
    known = {"header_from": "ada@example.org", "verified": False, "verified_domain": None, "authentication": given}
    return Facts(**(known | more))


PASSED = facts(
    spf("pass", aligned=True), (), dmarc("pass", "reject", ("spf",)), verified=True, verified_domain="example.org"
)


@pytest.mark.parametrize(
    ("known", "level", "headline"),
    [
        (PASSED, "good", "Really from example.org"),
        (facts(spf("pass", aligned=True), verified=True), "good", "From example.org"),
        (facts(spf("fail"), (), dmarc("fail", "reject")), "bad", "Probably not from example.org"),
        (facts(spf("fail"), (), dmarc("fail", "none")), "bad", "Probably not from example.org"),
        (facts(None, (), dmarc("temperror")), "warn", "The sender could not be checked"),
        (facts(), "warn", "Nobody stands behind the sender"),
        (facts(authentication=None), "warn", "Nobody stands behind the sender"),
        (facts(header_from=None), "warn", "Nobody stands behind the sender"),
        (facts(authentication=None, inside=True), "good", "From an agent of this deployment"),
        # What the mail says of itself counts for nothing against the inside, and the other way round.
        (facts(spf("pass", "bulk.example", False)), "warn", "Nobody stands behind the sender"),
    ],
)
def test_the_verdict(known: Facts, level: str, headline: str) -> None:
    found = explain(known)
    assert (found.level, found.headline) == (level, headline)
    assert found.words.endswith(".")


def check(known: Facts, name: str) -> Check:
    return next(one for one in explain(known).checks if one.name == name)


@pytest.mark.parametrize(
    ("result", "level", "words"),
    [
        (spf("pass", aligned=True), "good", "may send for example.org. It is the author's own domain."),
        (spf("pass", "bulk.example", False), "none", "may send for bulk.example. That is not the author's domain"),
        (spf("pass", aligned=None), "good", "may send for example.org."),
        (spf("fail"), "bad", "example.org says that the server which delivered this mail must not send for it."),
        (spf("softfail"), "warn", "probably should not"),
        (spf("neutral"), "none", "says nothing about the server"),
        (spf("none"), "none", "does not say which servers"),
        (spf("none", None), "none", "the sender's server does not say"),
        (spf("temperror"), "warn", "could not be looked up"),
        (spf("permerror"), "warn", "are broken"),
        (spf("unheard-of"), "none", "one that we do not know"),
    ],
)
def test_spf_in_words(result: dict[str, Any], level: str, words: str) -> None:
    found = check(facts(result), "SPF")
    assert (found.level, found.word) == (level, result["status"])
    assert words in found.words


@pytest.mark.parametrize(
    ("result", "level", "words"),
    [
        (dkim("pass"), "good", "example.org signed this mail, and nothing that it signed was changed"),
        (dkim("pass", "list.example", False), "none", "says nothing about the author"),
        (dkim("fail"), "bad", "does not fit"),
        (dkim("policy"), "warn", "proves too little"),
        (dkim("temperror"), "warn", "could not be looked up"),
        (dkim("permerror"), "warn", "missing or broken"),
        (dkim("neutral"), "none", "could not be read"),
    ],
)
def test_a_signature_in_words(result: dict[str, Any], level: str, words: str) -> None:
    found = check(facts(None, [result]), "DKIM")
    assert found.level == level
    assert words in found.words


def test_each_signature_has_its_line() -> None:
    names = [one.name for one in explain(facts(None, [dkim("pass"), dkim("fail", "list.example", False)])).checks]
    assert names == ["SPF", "DKIM 1", "DKIM 2", "DMARC"]
    assert check(facts(), "DKIM").words == "Nobody signed this mail."


@pytest.mark.parametrize(
    ("result", "level", "words"),
    [
        (
            dmarc("pass", "reject", ("spf", "dkim")),
            "good",
            "A pass of SPF and DKIM is for the domain in From, example.org",
        ),
        (dmarc("fail", "reject"), "bad", "asks that mail which fails be refused"),
        (dmarc("fail", "quarantine"), "bad", "be put aside"),
        (dmarc("fail", "none"), "bad", "asks nothing to be done"),
        (dmarc("fail", None), "bad", "has a policy"),
        (dmarc("none"), "none", "publishes no policy"),
        (dmarc("temperror"), "warn", "could not be looked up"),
        (dmarc("permerror"), "warn", "is broken"),
    ],
)
def test_dmarc_in_words(result: dict[str, Any], level: str, words: str) -> None:
    found = check(facts(None, (), result), "DMARC")
    assert found.level == level
    assert words in found.words


@pytest.mark.parametrize(
    ("continuity", "level", "words"),
    [
        ({"status": "new", "detail": "x"}, "none", "has not heard from the address before"),
        ({"status": "consistent", "detail": "x"}, "good", "as it did before"),
        ({"status": "break", "detail": "x"}, "bad", "does not now"),
        ({"status": "new", "detail": "x", "resembles": "ada@examp1e.org"}, "bad", "looks like ada@examp1e.org"),
    ],
)
def test_continuity_in_words(continuity: dict[str, Any], level: str, words: str) -> None:
    found = check(facts(continuity=continuity), "Continuity")
    assert found.level == level
    assert words in found.words


@pytest.mark.parametrize(
    ("finding", "level", "word", "detail"),
    [
        (
            {"action": "block", "summary": "Bad", "score": 0.912, "categories": ["orders", "links"]},
            "bad",
            "blocked",
            "score 0.91: orders, links",
        ),
        ({"action": "review", "summary": "Odd"}, "warn", "held for review", ""),
        ({"action": "flag", "summary": "Odd", "score": 0.5}, "warn", "flagged", "score 0.50"),
        ({"summary": "Seen"}, "none", "noticed", ""),
        ({"action": "unheard-of"}, "none", "noticed", ""),
    ],
)
def test_what_the_screening_noticed(finding: dict[str, Any], level: str, word: str, detail: str) -> None:
    found = check(facts(findings=[finding]), "Screening")
    assert (found.level, found.word, found.detail) == (level, word, detail)
    assert found.words


def test_a_flag_without_a_finding_is_told_and_one_with_is_not_told_twice() -> None:
    assert check(facts(flag_reason="because"), "Screening").words == "because"
    both = explain(facts(flag_reason="because", findings=[{"summary": "Odd"}])).checks
    assert [one.words for one in both if one.name == "Screening"] == ["Odd"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("bidi", "Marks that turn"), ("hidden_html", "Characters of text that the HTML hides"), ("new_kind", "New kind")],
)
def test_what_was_hidden(kind: str, words: str) -> None:
    found = check(facts(removed=[(kind, 7)]), "Hidden")
    assert found.word == "7"
    assert found.words.startswith(words)


def test_of_forwarders_it_is_told_that_they_prove_nothing() -> None:
    given = {**(facts().authentication or {}), "arc": {"status": "pass", "domain": "list.example"}}
    found = check(facts(authentication=given), "ARC")
    assert found.level == "none"
    assert "proves nothing" in found.words


SVG = "{http://www.w3.org/2000/svg}"


def drawn(known: Facts) -> ElementTree.Element:
    text = str(picture(known)).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return ElementTree.fromstring(text)


@pytest.mark.parametrize(
    ("known", "boxes", "good_ties", "weak_ties"),
    [
        (PASSED, 3, 1, 0),
        (facts(), 3, 0, 0),
        (facts(spf("pass", "bulk.example", False), [dkim("pass")]), 3, 1, 1),
        (facts(None, [dkim("pass"), dkim("pass"), dkim("fail")]), 5, 2, 0),
        (facts(None, [dkim("pass")] * 9), 6, 4, 0),
    ],
)
def test_the_picture(known: Facts, boxes: int, good_ties: int, weak_ties: int) -> None:
    tree = drawn(known)
    assert len(tree.findall(f".//{SVG}rect")) == boxes
    ties = [one.get("class") for one in tree.findall(f".//{SVG}path")]
    assert (ties.count("tie good"), ties.count("tie none")) == (good_ties, weak_ties)
    assert tree.find(f"{SVG}title") is not None
    assert (tree.findtext(f"{SVG}desc") or "").startswith("Server (SPF)")
    height = float((tree.get("viewBox") or "").split()[3])
    for box in tree.findall(f".//{SVG}rect"):
        assert 0 <= float(box.get("y") or 0) <= height - float(box.get("height") or 0)
    assert not [one for one in tree.iter() if one.get("style")]


@pytest.mark.parametrize("known", [facts(authentication=None), facts(inside=True)])
def test_where_nothing_was_checked_there_is_no_picture(known: Facts) -> None:
    assert picture(known) == ""


texts = st.one_of(
    st.none(),
    st.text(max_size=60),
    st.sampled_from(["pass", "fail", "<svg onload=x>", '"', "</text>", "\u202e", "\x00"]),
)
results = st.fixed_dictionaries(
    {"status": texts, "domain": texts, "aligned": st.sampled_from([None, True, False]), "detail": texts}
)


@given(results, st.lists(results, max_size=8), results, texts, texts)
def test_whatever_is_stored_there_is_an_answer_that_is_one_picture(
    one: dict[str, Any], several: list[dict[str, Any]], last: dict[str, Any], author: str | None, domain: str | None
) -> None:
    known = Facts(author, False, domain, {"spf": one, "dkim": several, "dmarc": last})
    found = explain(known)
    assert found.headline
    allowed = {"svg", "title", "desc", "g", "rect", "text", "path"}
    assert {part.tag.removeprefix(SVG) for part in drawn(known).iter()} <= allowed
