import pytest

from e2ad.core.authentication import (
    NO_AUTHENTICATION,
    AlignedBy,
    ArcResult,
    ArcStatus,
    Authentication,
    DkimResult,
    DkimStatus,
    DmarcPolicy,
    DmarcResult,
    DmarcStatus,
    SpfResult,
    SpfStatus,
)
from e2ad.core.authentication_results import authentication_results, foreign_claims

WHOLE = Authentication(
    SpfResult(SpfStatus.PASS, "example.com", aligned=True),
    DmarcResult(DmarcStatus.PASS, "example.com", DmarcPolicy.REJECT, (AlignedBy.SPF, AlignedBy.DKIM)),
    (
        DkimResult(DkimStatus.PASS, "example.com", "s1", aligned=True),
        DkimResult(DkimStatus.POLICY, "list.test", "s2", detail="signs only a part"),
    ),
    ArcResult(ArcStatus.PASS, "list.test"),
    verified=True,
)


def test_the_document_is_the_contracts():
    assert WHOLE.to_json() == {
        "spf": {"status": "pass", "domain": "example.com", "aligned": True},
        "dkim": [
            {"status": "pass", "domain": "example.com", "selector": "s1", "aligned": True},
            {
                "status": "policy",
                "domain": "list.test",
                "selector": "s2",
                "aligned": None,
                "detail": "signs only a part",
            },
        ],
        "dmarc": {"status": "pass", "domain": "example.com", "policy": "reject", "aligned_by": ["spf", "dkim"]},
        "arc": {"status": "pass", "domain": "list.test"},
    }
    assert "arc" not in NO_AUTHENTICATION.to_json()


@pytest.mark.parametrize("value", [WHOLE, NO_AUTHENTICATION])
def test_what_is_written_is_read_back(value):
    assert Authentication.from_json(value.to_json(), verified=value.verified) == value


@pytest.mark.parametrize("document", [{}, {"spf": {}}, {**WHOLE.to_json(), "dmarc": {"status": "x"}}])
def test_what_is_not_ours_is_not_read(document):
    with pytest.raises((KeyError, ValueError)):
        Authentication.from_json(document, verified=False)


def test_the_verified_domain_is_that_of_a_dmarc_pass_alone():
    assert WHOLE.verified_domain == "example.com"
    failed = Authentication(WHOLE.spf, DmarcResult(DmarcStatus.FAIL, "example.com"), verified=False)
    assert failed.verified_domain is None


@pytest.mark.parametrize(
    ("spf", "dkim", "check"),
    [
        ("pass", ["pass"], "spf=pass; dkim=pass"),
        ("softfail", ["fail", "pass"], "spf=fail; dkim=pass"),
        ("neutral", [], "spf=none; dkim=none"),
        ("none", ["neutral"], "spf=none; dkim=none"),
        ("temperror", ["permerror", "temperror"], "spf=temperror; dkim=temperror"),
        ("permerror", ["policy"], "spf=permerror; dkim=fail"),
    ],
)
def test_the_check_in_five_words(spf, dkim, check):
    value = Authentication(
        SpfResult(SpfStatus(spf)),
        DmarcResult(DmarcStatus.NONE),
        tuple(DkimResult(DkimStatus(word)) for word in dkim),
    )
    assert value.domain_check == check


def test_our_field_is_written_by_rfc_8601():
    assert authentication_results("mx.agents.test", WHOLE) == (
        "mx.agents.test; spf=pass smtp.mailfrom=example.com; dkim=pass header.d=example.com header.s=s1; "
        "dkim=policy header.d=list.test header.s=s2; dmarc=pass header.from=example.com; arc=pass"
    )
    assert authentication_results("mx.agents.test", NO_AUTHENTICATION, identity="helo") == (
        "mx.agents.test; spf=none; dkim=none; dmarc=none"
    )
    odd = Authentication(SpfResult(SpfStatus.PASS, 'a"b\r\n;x'), DmarcResult(DmarcStatus.NONE))
    assert authentication_results("m", odd) == 'm; spf=pass smtp.mailfrom="a\\"b;x"; dkim=none; dmarc=none'


@pytest.mark.parametrize(
    ("name", "value", "claims"),
    [
        ("authentication-results", b" mx.agents.test; spf=pass", True),
        ("authentication-results", b" (a comment) MX.Agents.Test 1; spf=pass", True),
        ("authentication-results", b'\r\n\t"mx.agents.test"; none', True),
        ("authentication-results", b" mx.agents.test.evil; spf=pass", False),
        ("authentication-results", b" other.test; mx.agents.test", False),
        ("authentication-results", b"", False),
        ("authentication-results", b" ((a comment) in one) mx.agents.test; spf=pass", True),
        ("authentication-results", b" (it has a \\) in it) mx.agents.test; spf=pass", True),
        ("authentication-results", b' "mx\\.agents.test"; spf=pass', True),
        ("authentication-results", b" " + b"(" * 400 + b")" * 400 + b"mx.agents.test; spf=pass", False),
        ("arc-authentication-results", b" i=1; mx.agents.test; spf=pass", True),
        ("arc-authentication-results", b" i=1; other.test; spf=pass", False),
        ("x-e2a-auth-verified", b" true", True),
        ("x-e2a-auth-anything", b"", True),
        ("x-e2a-other", b"", False),
        ("subject", b" mx.agents.test", False),
    ],
)
def test_who_speaks_in_our_name(name, value, claims):
    assert foreign_claims([(name, value)], "mx.agents.test") == ((name,) if claims else ())
