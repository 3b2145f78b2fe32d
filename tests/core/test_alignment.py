import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.alignment import (
    Aligner,
    DmarcRecord,
    conclude,
    effective_policy,
    may_align,
    organizational_domain,
    parse_dmarc,
    published_policy,
    select_record,
    walk,
)
from e2ad.core.authentication import (
    AlignedBy,
    DkimResult,
    DkimStatus,
    DmarcPolicy,
    DmarcResult,
    DmarcStatus,
    SpfResult,
    SpfStatus,
)

NONE, QUARANTINE, REJECT = DmarcPolicy.NONE, DmarcPolicy.QUARANTINE, DmarcPolicy.REJECT


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("test", ("test",)),
        ("a.test", ("a.test", "test")),
        (
            "a.b.c.d.e.f.test",
            ("a.b.c.d.e.f.test", "b.c.d.e.f.test", "c.d.e.f.test", "d.e.f.test", "e.f.test", "f.test", "test"),
        ),
        (
            "a.b.c.d.e.f.g.test",
            (
                "a.b.c.d.e.f.g.test",
                "b.c.d.e.f.g.test",
                "c.d.e.f.g.test",
                "d.e.f.g.test",
                "e.f.g.test",
                "f.g.test",
                "g.test",
                "test",
            ),
        ),
        (
            "a.b.c.d.e.f.g.h.i.j.test",
            (
                "a.b.c.d.e.f.g.h.i.j.test",
                "e.f.g.h.i.j.test",
                "f.g.h.i.j.test",
                "g.h.i.j.test",
                "h.i.j.test",
                "i.j.test",
                "j.test",
                "test",
            ),
        ),
    ],
)
def test_the_walk(domain, names):
    assert walk(domain) == names


@given(st.integers(1, 120))
def test_no_name_makes_us_ask_more_than_eight_times(labels):
    names = walk(".".join(["a"] * labels))
    assert len(names) <= 8
    assert names[-1] == "a"


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (b"v=DMARC1; p=reject", DmarcRecord(REJECT)),
        (b"v=DMARC1;p=Quarantine;", DmarcRecord(QUARANTINE)),
        (b"v = DMARC1 ; p = none", DmarcRecord(NONE)),
        (b"v=DMARC1; p=reject; sp=none; np=quarantine", DmarcRecord(REJECT, NONE, QUARANTINE)),
        (b"v=DMARC1; p=none; adkim=s; aspf=s", DmarcRecord(NONE, strict_dkim=True, strict_spf=True)),
        (b"v=DMARC1; p=none; adkim=x; aspf=R; pct=50; fo=1; later=yes", DmarcRecord(NONE)),
        (b"v=DMARC1; p=none; psd=y; t=y", DmarcRecord(NONE, psd="y", testing=True)),
        (b"v=DMARC1; p=none; psd=maybe; t=n", DmarcRecord(NONE)),
        (b"v=DMARC1; p=none; rubbish; ;;", DmarcRecord(NONE)),
        # No valid policy: p=none if reports are wanted, no processing if not.
        (b"v=DMARC1; rua=mailto:a@b.test", DmarcRecord(NONE)),
        (b"v=DMARC1; p=banana; rua=mailto:a@b.test!10m", DmarcRecord(NONE)),
        (b"v=DMARC1; p=reject; sp=banana; rua=mailto:a@b.test", DmarcRecord(NONE)),
        (b"v=DMARC1", DmarcRecord(NONE, usable=False)),
        (b"v=DMARC1; p=banana", DmarcRecord(NONE, usable=False)),
        (b"v=DMARC1; p=reject; np=banana; rua=nonsense", DmarcRecord(NONE, usable=False)),
        (b"v=dmarc1; p=reject", None),
        (b"v=DMARC2; p=reject", None),
        (b"v=DMARC10; p=reject", None),
        (b"p=reject; v=DMARC1", None),
        (b"v=spf1 -all", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"v=DMARC1; p=reject; p=none", None),
        (b"v=DMARC1; p=none;" + b" " * 5000, None),
    ],
)
def test_records(text, record):
    assert parse_dmarc(text) == record


@given(st.binary(max_size=300))
def test_any_record_is_read_or_passed_over(octets):
    parse_dmarc(octets)
    parse_dmarc(b"v=DMARC1;" + octets)


def test_two_records_are_none_and_others_do_not_count():
    good = b"v=DMARC1; p=reject"
    assert select_record([good]) == DmarcRecord(REJECT)
    assert select_record([b"v=spf1 -all", good, b"text"]) == DmarcRecord(REJECT)
    assert select_record([good, good]) is None
    assert select_record([]) is None


def records(**found):
    return {name.replace("_", "."): record for name, record in found.items()}


def never(domain):
    return False


PLAIN, TOP, STOP = DmarcRecord(REJECT), DmarcRecord(NONE, psd="y"), DmarcRecord(QUARANTINE, psd="n")


@pytest.mark.parametrize(
    ("domain", "found", "organization", "found_at"),
    [
        ("a.b.test", records(), None, None),
        ("a.b.test", records(a_b_test=PLAIN), "a.b.test", "a.b.test"),
        ("a.b.test", records(b_test=PLAIN), "b.test", "b.test"),
        ("a.b.test", records(a_b_test=PLAIN, b_test=PLAIN), "b.test", "a.b.test"),
        ("a.b.c.test", records(a_b_c_test=PLAIN, c_test=PLAIN), "c.test", "a.b.c.test"),
        ("a.b.c.test", records(b_c_test=STOP, c_test=PLAIN), "b.c.test", "b.c.test"),
        ("a.b.c.test", records(a_b_c_test=STOP, c_test=PLAIN), "a.b.c.test", "a.b.c.test"),
        ("a.b.c.test", records(c_test=TOP), "b.c.test", "c.test"),
        ("a.b.c.test", records(b_c_test=PLAIN, c_test=TOP), "b.c.test", "b.c.test"),
        ("b.c.test", records(c_test=TOP), "b.c.test", "c.test"),
        ("c.test", records(c_test=TOP), "c.test", "c.test"),  # where the walk starts, psd=y does not push down
        ("a.x.b.c.test", records(x_b_c_test=PLAIN, c_test=TOP), "b.c.test", "c.test"),
    ],
)
def test_organizations(domain, found, organization, found_at):
    assert organizational_domain(domain, found, never) == organization
    published = published_policy(domain, found, never)
    assert (published and published.found_at) == found_at


def test_a_record_at_a_registry_that_does_not_say_so_makes_no_organization_of_strangers():
    found = records(co_test=PLAIN)

    def listed(domain):
        return domain in ("co.test", "test")

    assert organizational_domain("a.shop.co.test", found, listed) == "shop.co.test"
    assert organizational_domain("co.test", found, listed) == "co.test"
    assert published_policy("a.shop.co.test", found, listed).found_at == "co.test"
    assert organizational_domain("a.shop.co.test", records(co_test=STOP), listed) == "co.test"


@pytest.mark.parametrize(
    ("record", "domain", "exists", "policy"),
    [
        (DmarcRecord(REJECT, NONE, QUARANTINE), "b.test", True, REJECT),
        (DmarcRecord(REJECT, NONE, QUARANTINE), "a.b.test", True, NONE),
        (DmarcRecord(REJECT, NONE, QUARANTINE), "a.b.test", False, QUARANTINE),
        (DmarcRecord(REJECT, NONE), "a.b.test", False, NONE),
        (DmarcRecord(REJECT), "a.b.test", False, REJECT),
        (DmarcRecord(REJECT, testing=True), "b.test", True, QUARANTINE),
        (DmarcRecord(QUARANTINE, testing=True), "b.test", True, NONE),
        (DmarcRecord(NONE, testing=True), "b.test", True, NONE),
    ],
)
def test_the_policy_that_holds(record, domain, exists, policy):
    published = published_policy(domain, {"b.test": record}, never)
    assert effective_policy(published, domain, exists=exists) is policy


def test_alignment():
    aligner = Aligner("a.b.test", "b.test", {"c.b.test": "b.test", "evilb.test": "evilb.test"})
    assert aligner.aligned("a.b.test", strict=True)
    assert aligner.aligned("c.b.test", strict=False)
    assert not aligner.aligned("c.b.test", strict=True)
    assert not aligner.aligned("evilb.test", strict=False)
    assert not aligner.aligned("unknown.b.test", strict=False)
    assert not aligner.aligned(None, strict=False)
    assert may_align("b.test", "b.test")
    assert may_align("x.b.test", "b.test")
    assert not may_align("evilb.test", "b.test")
    assert not may_align("test", "b.test")
    assert not may_align(None, "b.test")


GOOD_SPF, BAD_SPF = SpfResult(SpfStatus.PASS, "b.test"), SpfResult(SpfStatus.FAIL, "b.test")
LATE_SPF, OTHER_SPF = SpfResult(SpfStatus.TEMPERROR, "b.test"), SpfResult(SpfStatus.PASS, "other.test")
SOFT_SPF = SpfResult(SpfStatus.SOFTFAIL, "b.test")
GOOD, BAD = DkimResult(DkimStatus.PASS, "b.test", "s"), DkimResult(DkimStatus.FAIL, "b.test", "s")
LATE, OTHER = DkimResult(DkimStatus.TEMPERROR, "b.test", "s"), DkimResult(DkimStatus.PASS, "other.test", "s")
POLICY = DkimResult(DkimStatus.POLICY, "b.test", "s")
SPF, DKIM = AlignedBy.SPF, AlignedBy.DKIM


@pytest.mark.parametrize(
    ("spf", "dkim", "status", "aligned_by"),
    [
        (GOOD_SPF, [GOOD], "pass", (SPF, DKIM)),
        (GOOD_SPF, [], "pass", (SPF,)),
        (BAD_SPF, [GOOD], "pass", (DKIM,)),
        (BAD_SPF, [BAD, GOOD], "pass", (DKIM,)),
        (OTHER_SPF, [OTHER], "fail", ()),
        (OTHER_SPF, [OTHER, LATE], "temperror", ()),
        (LATE_SPF, [OTHER], "temperror", ()),
        (LATE_SPF, [GOOD], "pass", (DKIM,)),
        (SOFT_SPF, [POLICY], "fail", ()),
        (BAD_SPF, [BAD], "fail", ()),
        (BAD_SPF, [], "fail", ()),
    ],
)
def test_the_verdict_where_dmarc_is_published(spf, dkim, status, aligned_by):
    before = DmarcResult(DmarcStatus.FAIL, "b.test", REJECT)
    aligner = Aligner("b.test", "b.test", {"other.test": "other.test"})
    result = conclude(spf, dkim, None, before, record=PLAIN, aligner=aligner)
    assert result.dmarc.status.value == status
    assert result.dmarc.aligned_by == aligned_by
    assert result.verified == (status == "pass")
    assert result.verified_domain == ("b.test" if status == "pass" else None)
    # Alignment is told of what passed, and of nothing else.
    assert [r.aligned for r in (result.spf, *result.dkim)] == [
        r.domain == "b.test" if r.status.value == "pass" else None for r in (spf, *dkim)
    ]


@pytest.mark.parametrize(
    ("spf", "dkim", "verified"),
    [(GOOD_SPF, [], True), (BAD_SPF, [GOOD], True), (OTHER_SPF, [OTHER], False), (LATE_SPF, [BAD], False)],
)
def test_the_verdict_where_none_is_published(spf, dkim, verified):
    before = DmarcResult(DmarcStatus.NONE, "b.test")
    result = conclude(spf, dkim, None, before, record=None, aligner=Aligner("b.test", "b.test", {}))
    assert result.dmarc == before
    assert result.verified == verified
    assert result.verified_domain is None
    assert all(r.aligned is None for r in (result.spf, *result.dkim))


def test_strict_means_the_very_domain_for_each_mechanism_alone():
    before = DmarcResult(DmarcStatus.FAIL, "b.test", REJECT)
    aligner = Aligner("b.test", "b.test", {"x.b.test": "b.test"})
    spf, dkim = SpfResult(SpfStatus.PASS, "x.b.test"), DkimResult(DkimStatus.PASS, "x.b.test", "s")
    for record, by in (
        (DmarcRecord(REJECT), (SPF, DKIM)),
        (DmarcRecord(REJECT, strict_spf=True), (DKIM,)),
        (DmarcRecord(REJECT, strict_dkim=True), (SPF,)),
        (DmarcRecord(REJECT, strict_spf=True, strict_dkim=True), ()),
    ):
        result = conclude(spf, [dkim], None, before, record=record, aligner=aligner)
        assert result.dmarc.aligned_by == by


def test_nothing_is_verified_without_an_author():
    before = DmarcResult(DmarcStatus.PERMERROR)
    result = conclude(GOOD_SPF, [GOOD], None, before, record=None, aligner=None)
    assert not result.verified
    assert result.dmarc is before
