"""Whole signatures over whole mails: what is covered, what is changed, how many there are."""

import itertools
import time

import dkim
import pytest

from e2ad.core.authentication import DkimStatus
from e2ad.mailauth.engine import Check, canonical_body, evaluate
from e2ad.mailauth.header_section import read_header
from e2ad.mailauth.resolver import DnsTemporaryError
from e2ad.mailauth.signer import SigningError, key_record, load_private_key, sign

FORMS = ("simple", "relaxed")
NAME = "s._domainkey.example.test"


@pytest.fixture(params=["rsa", "ed25519"])
def key(request, rsa_key, ed25519_key):
    return rsa_key if request.param == "rsa" else ed25519_key


@pytest.fixture
def records(key):
    return {NAME: key_record(key).encode()}


def signed(key, mail, **options):
    return sign(mail, domain="example.test", selector="s", private_key=key, **options) + mail


@pytest.mark.parametrize(("header", "body"), list(itertools.product(FORMS, FORMS)))
async def test_a_signature_passes_in_every_form(verdicts, key, records, mail, header, body):
    [result] = await verdicts(signed(key, mail, header=header, body=body), records)
    assert (result.status, result.domain, result.selector) == (DkimStatus.PASS, "example.test", "s")


BODIES = [
    b"",
    b"\r\n",
    b"\r\n\r\n",
    b"x",
    b"x \t\r\n\r\n \r\n",
    b"\t lead\r\n",
    b"a" * 3000,
    b"a\r\n" * 900 + b"\r\n" * 2000,
    b" \r\n" * 5,
]


# RFC 6376 section 3.4.4, to the letter; BDAT can leave a last line without its end, which DATA cannot. There the
# library keeps the blanks of that line.
RELAXED = [
    (b"", b""),
    (b"x", b"x\r\n"),
    (b"x \t", b"x\r\n"),
    (b" \t", b""),
    (b" " * 10, b""),
    (b"x\r\n ", b"x\r\n"),
    (b"x\r\n\r\n \t", b"x\r\n"),
    (b" \tx\t y \r\n\r\n", b" x y\r\n"),
    (b"\r\n\r\n", b""),
]


@pytest.mark.parametrize(("body", "canonical"), RELAXED)
def test_the_relaxed_form_of_a_body(body, canonical):
    assert canonical_body("relaxed", body) == canonical


@pytest.mark.parametrize(("header", "body"), list(itertools.product(FORMS, FORMS)))
@pytest.mark.parametrize("text", BODIES, ids=lambda text: repr(text[:12]))
async def test_plain_dkimpy_takes_our_signatures_and_we_take_its(verdicts, rsa_key, mail, header, body, text):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    mail = mail.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + text
    record = key_record(rsa_key).encode()
    assert dkim.verify(signed(rsa_key, mail, header=header, body=body), dnsfunc=lambda name, timeout=5: record)
    pem = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    theirs = dkim.sign(mail, b"s", b"example.test", pem, canonicalize=(header.encode(), body.encode()))
    [result] = await verdicts(theirs + mail, {NAME: record})
    assert result.status is DkimStatus.PASS, result.detail


@pytest.mark.parametrize("text", [*BODIES, b"a  b\t\tc \t\r\n", b"\r\n\r\nx", b"x\r", b"x\n\n"])
@pytest.mark.parametrize("form", FORMS)
def test_canonical_bodies_are_those_of_the_library(form, text):
    from dkim.canonicalization import Relaxed, Simple

    assert canonical_body(form, text) == {"simple": Simple, "relaxed": Relaxed}[form].canonicalize_body(text)


CHANGES = [
    ("body", b"yours", b"Yours", FORMS, ()),
    ("a blank in the body", b"Hello  there, \r\n", b"Hello there,\r\n", ("simple",), ("relaxed",)),
    ("blanks where none were", b"Hello  there", b"Hel lo  there", FORMS, ()),
    ("empty lines at the end", b"truly\r\n\r\n\r\n", b"truly\r\n\r\n\r\n\r\n\r\n", (), FORMS),
    ("text at the end", b"truly\r\n\r\n\r\n", b"truly\r\n\r\n\r\nP.S.\r\n", FORMS, ()),
]


@pytest.mark.parametrize(("old", "new", "breaks", "holds"), [case[1:] for case in CHANGES], ids=[c[0] for c in CHANGES])
async def test_a_changed_body(verdicts, key, records, mail, old, new, breaks, holds):
    assert old in mail
    for body in (*breaks, *holds):
        [result] = await verdicts(signed(key, mail, body=body).replace(old, new), records)
        assert result.status is (DkimStatus.FAIL if body in breaks else DkimStatus.PASS)
        assert body in holds or "body" in result.detail


HEADER_CHANGES = [
    (b"From: Ann", b"From: Eve", FORMS, ()),
    (b"Subject: A  subject\r\n\twith", b"Subject: A subject with", ("simple",), ("relaxed",)),
    (b"Subject:", b"SUBJECT :", ("simple",), ("relaxed",)),
    (b"Message-ID: <one@", b"Message-ID: <two@", FORMS, ()),
    (b"To: Bob <bob@agents.test>\r\n", b"", FORMS, ()),
    (b"From: Ann", b"X-New: unsigned\r\nFrom: Ann", (), FORMS),
]


@pytest.mark.parametrize(("old", "new", "breaks", "holds"), HEADER_CHANGES, ids=lambda value: repr(value)[:30])
async def test_a_changed_header_section(verdicts, key, records, mail, old, new, breaks, holds):
    for header in (*breaks, *holds):
        content = signed(key, mail, header=header)
        front, back = content.split(b"From: Ann", 1)
        [result] = await verdicts(front + (b"From: Ann" + back).replace(old, new, 1), records)
        assert result.status is (DkimStatus.FAIL if header in breaks else DkimStatus.PASS)


async def test_the_last_fields_are_covered_first(verdicts, rsa_key, mail):
    """RFC 6376 section 5.4.2: each name in h= takes the lowest field that is left."""
    record = {NAME: key_record(rsa_key).encode()}
    twice = b"X-A: upper\r\nX-A: lower\r\n" + mail
    one = sign(twice, domain="example.test", selector="s", private_key=rsa_key, names=[b"from", b"x-a"])
    assert (await verdicts(one + twice.replace(b"upper", b"other"), record))[0].status is DkimStatus.PASS
    assert (await verdicts(one + twice.replace(b"lower", b"other"), record))[0].status is DkimStatus.FAIL
    both = sign(twice, domain="example.test", selector="s", private_key=rsa_key, names=[b"x-a", b"from", b"x-a"])
    for word in (b"upper", b"lower"):
        assert (await verdicts(both + twice.replace(word, b"other"), record))[0].status is DkimStatus.FAIL


async def test_a_name_signed_once_more_keeps_fields_out(verdicts, rsa_key, mail):
    record = {NAME: key_record(rsa_key).encode()}
    names = [b"from", b"from", b"x-none"]
    content = sign(mail, domain="example.test", selector="s", private_key=rsa_key, names=names) + mail
    assert (await verdicts(content, record))[0].status is DkimStatus.PASS
    assert (await verdicts(b"From: Eve <eve@evil.test>\r\n" + content, record))[0].status is DkimStatus.FAIL
    assert (await verdicts(b"X-None: 1\r\n" + content, record))[0].status is DkimStatus.FAIL


@pytest.mark.parametrize(
    "added", [b"From: Eve <eve@evil.test>", b"from : eve@evil.test", b"Subject: Pay now", b"Date: now"]
)
async def test_a_second_field_that_nobody_signed_is_not_trusted(verdicts, rsa_key, mail, added):
    record = {NAME: key_record(rsa_key).encode()}
    names = [b"from", b"subject", b"date"]
    content = sign(mail, domain="example.test", selector="s", private_key=rsa_key, names=names) + mail
    [result] = await verdicts(added + b"\r\n" + content, record)
    assert result.status is DkimStatus.POLICY
    assert "not signed" in result.detail


async def test_a_signature_may_cover_another_and_never_itself(verdicts, rsa_key, mail):
    record = {NAME: key_record(rsa_key).encode()}
    inner = sign(mail, domain="example.test", selector="s", private_key=rsa_key) + mail
    names = [b"from", b"dkim-signature", b"dkim-signature"]
    outer = sign(inner, domain="example.test", selector="s", private_key=rsa_key, names=names) + inner
    assert [result.status for result in await verdicts(outer, record)] == [DkimStatus.PASS] * 2


async def test_several_signatures_keep_their_order(verdicts, rsa_key, ed25519_key, mail):
    records = {
        NAME: key_record(rsa_key).encode(),
        "e._domainkey.other.test": key_record(ed25519_key).encode(),
        "t._domainkey.example.test": DnsTemporaryError("silence"),
    }
    content = mail
    for domain, selector, private_key in (
        ("example.test", "s", rsa_key),
        ("other.test", "e", ed25519_key),
        ("example.test", "t", rsa_key),
        ("example.test", "gone", rsa_key),
    ):
        content = sign(content, domain=domain, selector=selector, private_key=private_key) + content
    results = await verdicts(content, records)
    assert [(r.domain, r.selector, r.status.value) for r in results] == [
        ("example.test", "gone", "permerror"),
        ("example.test", "t", "temperror"),
        ("other.test", "e", "pass"),
        ("example.test", "s", "pass"),
    ]


async def test_only_so_many_are_evaluated(verdicts, rsa_key, mail):
    line = sign(mail, domain="example.test", selector="s", private_key=rsa_key)
    record = {NAME: key_record(rsa_key).encode()}
    results = await verdicts(line * 12 + mail, record)
    assert [r.status for r in results] == [DkimStatus.PASS] * 10 + [DkimStatus.NEUTRAL] * 2
    results = await verdicts(line * 300 + mail, record)
    assert len(results) == 50
    assert "250 more" in results[-1].detail


async def test_no_signature_no_result(verdicts, mail):
    assert await verdicts(mail, {}) == []


@pytest.mark.parametrize(
    "broken",
    [b"no field at all\r\n", b"From ann@example.test Mon\r\n", b": x\r\n", b"Na\x80me: x\r\n", b" continued\r\n"],
)
async def test_nothing_holds_over_a_malformed_header_section(verdicts, rsa_key, mail, broken):
    content = broken + signed(rsa_key, mail)
    results = await verdicts(content, {NAME: key_record(rsa_key).encode()})
    assert all(r.status is DkimStatus.PERMERROR for r in results)


def test_header_sections_at_their_ends():
    assert read_header(b"").fields == ()
    assert read_header(b"\r\nbody").body == b"body"
    assert read_header(b"A: b").fields == ((b"A", b" b\r\n"),)
    assert read_header(b"A: b\r\n").fields == ((b"A", b" b\r\n"),)
    assert read_header(b"A: b\r\n\r\n").body == b""
    assert read_header(b"A: b\r\n c\r\nB:\r\n\r\nx").fields == ((b"A", b" b\r\n c\r\n"), (b"B", b"\r\n"))
    assert not read_header(b"A:" + b"x" * 300_000 + b"\r\n\r\n").well_formed
    assert not read_header(b"A: b\r\n" * 5000 + b"\r\n").well_formed


HOSTILE = {
    "one run of blanks": (b"", b"a" + b" " * 2_000_000 + b"x\r\n"),
    "blanks and tabs": (b"", b" \t" * 1_000_000),
    "empty lines": (b"", b"x" + b"\r\n" * 1_000_000),
    "many fields of one name": (b"".join(b"X: y\r\n" for _ in range(3900)), b""),
    "many names": (b"".join(b"X%d: y\r\n" % number for number in range(3900)), b""),
    "blanks in a field": (b"X:" + b" " * 200_000 + b"\r\n", b""),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("form", FORMS)
async def test_hostile_mails_take_linear_time(verdicts, rsa_key, mail, case, form):
    fields, body = HOSTILE[case]
    head, _, tail = mail.partition(b"\r\n\r\n")
    content = fields + head + b"\r\n\r\n" + tail + body
    names = [b"from", b"x"] + [b"x%d" % number for number in range(200)]
    names += [b"x"] * 50
    line = sign(content, domain="example.test", selector="s", private_key=rsa_key, header=form, body=form, names=names)
    started = time.perf_counter()
    results = await verdicts(line * 10 + content, {NAME: key_record(rsa_key).encode()})
    assert time.perf_counter() - started < 2
    assert all(result.status is DkimStatus.PASS for result in results)


@pytest.mark.parametrize(
    "value",
    [
        b"v=1; h=from" + b" " * 8000 + b"x",
        b"v=1; " + b";" * 8000,
        b"v=1; b=" + b"A" * 500_000,
        b"v" * 8000,
        b"=" * 8000,
        b"i=" + b"=41" * 2600,
        b"\r\n " * 2600,
    ],
    ids=lambda value: repr(value[:20]),
)
async def test_hostile_fields_take_no_time(verdicts, mail, value):
    started = time.perf_counter()
    results = await verdicts((b"DKIM-Signature: " + value + b"\r\n") * 10 + mail, {})
    assert time.perf_counter() - started < 0.5
    assert all(result.status is DkimStatus.PERMERROR for result in results)


def test_a_check_with_a_key_that_is_none_says_so():
    check = Check((), (b"X", b""), "simple", "simple", None, "rsa", b"", b"")
    assert evaluate(b"", [check]) == ["not an RSA key"]


@pytest.mark.parametrize("pem", [b"", b"rubbish", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_private_key(pem):
    with pytest.raises(SigningError):
        load_private_key(pem)


def test_private_keys_are_parsed_once_and_of_two_types(rsa_key, ed25519_key):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric import rsa as rsa_module
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    def pem(key):
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    for good in (rsa_key, ed25519_key):
        assert load_private_key(pem(good)) is load_private_key(pem(good))
    with pytest.raises(SigningError, match="RSA or ed25519"):
        load_private_key(pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(SigningError, match="1024"):
        load_private_key(
            pem(rsa_module.RSAPrivateNumbers(*_short_key()).private_key(unsafe_skip_rsa_key_validation=True))
        )


def _short_key():
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    p, q, e = (1 << 127) - 1, (1 << 521) - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    return p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), RSAPublicNumbers(e, p * q)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"Subject: x\r\n\r\n", {}),
        (b"rubbish\r\n\r\n", {}),
        (None, {"domain": "a;b=c"}),
        (None, {"selector": "a\r\nb"}),
    ],
)
def test_what_cannot_be_signed(ed25519_key, mail, content, options):
    with pytest.raises(SigningError):
        sign(content or mail, **({"domain": "a.test", "selector": "s", "private_key": ed25519_key} | options))
