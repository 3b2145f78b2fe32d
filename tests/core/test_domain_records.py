"""Which records a domain needs, and how what was seen is judged."""

from datetime import UTC, datetime

import pytest

from e2ad.core.domain_records import (
    DomainKey,
    Finding,
    Purpose,
    Question,
    Wanted,
    Word,
    everything_found,
    judge,
    ownership_token,
    questions,
    records,
)

TOKEN = "e2a-verify=" + "a" * 32
AT = datetime(2026, 7, 1, tzinfo=UTC)
RSA = DomainKey("e2a202607", "rsa-2048", "v=DKIM1; k=rsa; p=QUJD", "active", AT)
ED = DomainKey("e2a202607ed", "ed25519", "v=DKIM1; k=ed25519; p=REVG", "active", AT)
WANTED = Wanted("acme.example", TOKEN, "MX.e2a.example.", keys=(ED, RSA), organization="acme.example")


def look(slot, answers, wanted=WANTED):
    return judge(wanted, answers)[slot]


def txt(*values, name="acme.example"):
    return {Question("TXT", name): [value.encode() for value in values]}


def test_records_stand_in_the_contracts_order():
    shown = [(one.purpose, one.type, one.name, one.value, one.priority) for one in records(WANTED)]
    assert shown == [
        ("ownership", "TXT", "acme.example", TOKEN, None),
        ("inbound_mx", "MX", "acme.example", "mx.e2a.example", 10),
        ("inbound_mx_wildcard", "MX", "*.acme.example", "mx.e2a.example", 10),
        ("dkim", "TXT", "e2a202607._domainkey.acme.example", "v=DKIM1; k=rsa; p=QUJD", None),
        ("dkim", "TXT", "e2a202607ed._domainkey.acme.example", "v=DKIM1; k=ed25519; p=REVG", None),
        ("mail_from_mx", "MX", "bounce.acme.example", "mx.e2a.example", 10),
        ("mail_from_spf", "TXT", "bounce.acme.example", "v=spf1 a:mx.e2a.example ~all", None),
        ("spf", "TXT", "acme.example", "v=spf1 a:mx.e2a.example ~all", None),
        ("dmarc", "TXT", "_dmarc.acme.example", "v=DMARC1; p=none; adkim=r; aspf=r", None),
    ]


def test_keys_to_come_and_keys_that_went_stand_at_the_end():
    keys = (RSA, DomainKey("n", "rsa-2048", "v=DKIM1; p=x", "next", AT), DomainKey("o", "ed25519", "r", "retired", AT))
    purposes = [one.purpose for one in records(Wanted("a.example", TOKEN, "mx.example", keys=keys))]
    assert purposes[3] == Purpose.DKIM
    assert purposes[-2:] == [Purpose.DKIM_NEXT, Purpose.DKIM_RETIRED]


@pytest.mark.parametrize(
    ("relay", "value"),
    [
        ("", "v=spf1 a:mx.example ~all"),
        ("localhost", "v=spf1 a:mx.example ~all"),
        ("127.0.0.1", "v=spf1 a:mx.example ~all"),
        ("MX.example.", "v=spf1 a:mx.example ~all"),
        ("smtp.relay.example", "v=spf1 a:mx.example a:smtp.relay.example ?all"),
        ("192.0.2.7", "v=spf1 a:mx.example ip4:192.0.2.7 ?all"),
        ("2001:db8::7", "v=spf1 a:mx.example ip6:2001:db8::7 ?all"),
    ],
)
def test_spf_claims_no_more_than_we_know(relay, value):
    wanted = Wanted("a.example", TOKEN, "mx.example", relay_host=relay)
    assert {one.value for one in records(wanted) if one.purpose in (Purpose.SPF, Purpose.MAIL_FROM_SPF)} == {value}


def test_each_question_is_asked_once():
    asked = questions(WANTED)
    assert len(asked) == len(set(asked)) == 8
    assert Question("TXT", "_e2a.acme.example") in asked


@pytest.mark.parametrize(
    ("apex", "label", "word"),
    [
        ([TOKEN], [], Word.FOUND),
        ([f"  {TOKEN} "], [], Word.FOUND),
        ([], [TOKEN], Word.FOUND),
        (["v=spf1 -all", TOKEN], [], Word.FOUND),
        ([f"x{TOKEN}"], [], Word.MISSING),
        ([f"{TOKEN}0"], [], Word.MISMATCH),
        ([f"{TOKEN} and more"], [], Word.MISMATCH),
        ([TOKEN.upper()], [], Word.MISSING),
        (["e2a-verify=" + "b" * 32], [], Word.MISMATCH),
        (["v=spf1 -all"], [], Word.MISSING),
        ([], [], Word.MISSING),
        (None, [], Word.DEFERRED),
        ([], None, Word.DEFERRED),
        (["e2a-verify=" + "b" * 32], None, Word.DEFERRED),
        (None, [TOKEN], Word.FOUND),
        (None, None, Word.DEFERRED),
    ],
)
def test_only_the_whole_token_proves(apex, label, word):
    answers = {}
    if apex is not None:
        answers |= txt(*apex)
    if label is not None:
        answers |= txt(*label, name="_e2a.acme.example")
    assert look("ownership", answers).word is word


@pytest.mark.parametrize(
    ("answer", "word", "seen"),
    [
        ([(10, "mx.e2a.example")], Word.FOUND, ("10 mx.e2a.example",)),
        ([(10, "MX.E2A.example.")], Word.FOUND, ("10 mx.e2a.example",)),
        ([(20, "mx.e2a.example"), (1, "other.example")], Word.FOUND, ("1 other.example", "20 mx.e2a.example")),
        ([(10, "not-mx.e2a.example")], Word.MISMATCH, ("10 not-mx.e2a.example",)),
        ([(0, "")], Word.MISMATCH, ("0 .",)),
        ([], Word.MISSING, ()),
        (None, Word.DEFERRED, ()),
    ],
)
@pytest.mark.parametrize(("slot", "name"), [("inbound_mx", "acme.example"), ("mail_from_mx", "bounce.acme.example")])
def test_mx(slot, name, answer, word, seen):
    answers = {} if answer is None else {Question("MX", name): answer}
    assert look(slot, answers) == Finding(word, seen)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (["v=DKIM1; k=rsa; p=QUJD"], Word.FOUND),
        (["p=QUJD"], Word.FOUND),
        (["v=DKIM1;p=QU JD ;k=rsa; t=s"], Word.FOUND),
        (["v=DKIM1; k=rsa; p=QUJD;"], Word.FOUND),
        (["unrelated", "v=DKIM1; k=rsa; p=QUJD"], Word.FOUND),
        (["v=DKIM1; k=ed25519; p=QUJD"], Word.MISMATCH),
        (["v=DKIM1; k=rsa; p=QUJE"], Word.MISMATCH),
        (["v=DKIM1; k=rsa; p="], Word.MISMATCH),
        (["v=DKIM1; k=rsa; p=QUJD", "v=DKIM1; k=rsa; p=QUJE"], Word.MISMATCH),
        (["v=spf1 -all"], Word.MISMATCH),
        ([], Word.MISSING),
        (None, Word.DEFERRED),
    ],
)
def test_a_key_is_judged_by_its_p(values, word):
    answers = {} if values is None else txt(*values, name="e2a202607._domainkey.acme.example")
    assert look("dkim:e2a202607", answers).word is word


@pytest.mark.parametrize(
    ("value", "mx", "word"),
    [
        ("v=spf1 a:mx.e2a.example ~all", False, Word.FOUND),
        ("V=SPF1 A:MX.E2A.EXAMPLE/24 -all", False, Word.FOUND),
        ("v=spf1 include:mx.e2a.example -all", False, Word.FOUND),
        ("v=spf1 redirect=mx.e2a.example", False, Word.FOUND),
        ("v=spf1 ?exists:mx.e2a.example. -all", False, Word.FOUND),
        ("v=spf1 mx -all", True, Word.FOUND),
        ("v=spf1 mx -all", False, Word.MISMATCH),
        ("v=spf1 -a:mx.e2a.example ~all", False, Word.MISMATCH),
        ("v=spf1 a:notmx.e2a.example ~all", False, Word.MISMATCH),
        ("v=spf1 a -all", True, Word.MISMATCH),
        ("v=spf10 a:mx.e2a.example", False, Word.MISSING),
        ("hello a:mx.e2a.example", False, Word.MISSING),
    ],
)
def test_spf_names_us_by_any_mechanism(value, mx, word):
    answers = txt(value) | ({Question("MX", "acme.example"): [(10, "mx.e2a.example")]} if mx else {})
    assert look("spf", answers).word is word


def test_two_spf_records_are_none():
    value = "v=spf1 a:mx.e2a.example ~all"
    assert look("spf", txt(value, value)).word is Word.MISMATCH
    assert look("spf", {}).word is Word.DEFERRED


def test_dmarc_of_the_organization_counts():
    wanted = Wanted("mail.acme.example", TOKEN, "mx.e2a.example", organization="acme.example")
    own, above = "_dmarc.mail.acme.example", "_dmarc.acme.example"
    good, bad = "v=DMARC1; p=reject", "v=DMARC2; p=reject"
    assert look("dmarc", txt(good, name=own), wanted).word is Word.FOUND
    assert look("dmarc", txt(name=own) | txt(good, name=above), wanted).word is Word.FOUND
    assert look("dmarc", txt(name=own) | txt(name=above), wanted).word is Word.MISSING
    assert look("dmarc", txt(bad, name=own) | txt(good, name=above), wanted).word is Word.MISMATCH
    assert look("dmarc", txt(name=own), wanted).word is Word.DEFERRED


def test_what_strangers_publish_is_shown_short_and_printable():
    seen = look("ownership", txt(*[f"\x1b[31m{n}" + "x" * 9000 for n in range(50)])).seen
    assert len(seen) == 5
    assert all(len(text) == 500 and text.isprintable() for text in seen)
    assert look(
        "ownership", {Question("TXT", "acme.example"): [b"\xff\xfe"], Question("TXT", "_e2a.acme.example"): []}
    ).seen


def test_the_token_is_that_of_one_account_domain_and_deployment():
    token = ownership_token("secret", "account", "acme.example")
    assert token == ownership_token("secret", "account", "acme.example")
    assert len(token) == len("e2a-verify=") + 32
    others = {
        ownership_token("secre", "taccount", "acme.example"),
        ownership_token("secret", "accountacme", ".example"),
        ownership_token("secret", "account", "b.acme.example"),
        ownership_token("other", "account", "acme.example"),
    }
    assert token not in others
    assert len(others) == 4


def test_assuming_finds_everything():
    assert {finding.word for finding in everything_found(WANTED).values()} == {Word.FOUND}
    assert set(everything_found(WANTED)) == set(judge(WANTED, {}))
