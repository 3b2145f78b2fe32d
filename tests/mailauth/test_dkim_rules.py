"""RFC 6376, 8301 and 8463, rule by rule: one case for each thing that a signature or a key must not do."""

import base64
import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from e2ad.core.authentication import DkimStatus
from e2ad.mailauth.resolver import DnsTemporaryError
from e2ad.mailauth.signer import key_record, sign

NAME = "s._domainkey.example.test"


def field(rsa_key, mail, **changes):
    """A DKIM-Signature field that is right but for the changes; None takes a tag away."""
    signed = sign(mail, domain="example.test", selector="s", private_key=rsa_key)
    text = signed.decode().partition(":")[2].replace("\r\n", "")
    tags = dict(piece.strip().split("=", 1) for piece in text.split(";"))
    for name, value in changes.items():
        if value is None:
            del tags[name]
        else:
            tags[name] = value
    return ("DKIM-Signature: " + "; ".join(f"{name}={value}" for name, value in tags.items()) + "\r\n").encode()


def timeless(value: object) -> str:
    """The name of a case: the same in every run, whenever it is."""
    return re.sub(r"\d{9,}", "time", str(value))[:40]


NOW = int(time.time())
PERMERROR, POLICY, FAIL, NEUTRAL = DkimStatus.PERMERROR, DkimStatus.POLICY, DkimStatus.FAIL, DkimStatus.NEUTRAL

# What a signature must not be: RFC 6376 sections 3.5 and 6.1.1.
SIGNATURES = [
    *[({name: None}, PERMERROR, f"{name}= is missing") for name in ("v", "a", "b", "bh", "d", "h", "s")],
    ({"v": "2"}, PERMERROR, "v= is not 1"),
    ({"v": "1.0"}, PERMERROR, "v= is not 1"),
    ({"a": "rsa-sha1"}, PERMERROR, "rsa-sha1"),  # RFC 8301 section 3.1
    ({"a": "rsa-md5"}, PERMERROR, "unknown algorithm"),
    ({"a": "RSA-SHA256"}, PERMERROR, "unknown algorithm"),  # section 3.2: values are case-sensitive
    ({"a": "ed25519-sha512"}, PERMERROR, "unknown algorithm"),
    ({"a": "ed25519-sha256"}, PERMERROR, "another type"),
    ({"b": ""}, PERMERROR, "b= is not base64"),
    ({"b": "%%%%"}, PERMERROR, "b= is not base64"),
    ({"b": "AAA"}, PERMERROR, "b= is not base64"),
    ({"b": "AAAA"}, FAIL, "does not fit"),
    ({"bh": ""}, PERMERROR, "bh= is not base64"),
    ({"bh": "!!!!"}, PERMERROR, "bh= is not base64"),
    ({"bh": "AAAA"}, PERMERROR, "not a SHA-256"),
    ({"bh": base64.b64encode(bytes(32)).decode()}, FAIL, "body"),
    ({"c": "nowsp"}, PERMERROR, "c="),
    ({"c": "relaxed/nofws"}, PERMERROR, "c="),
    ({"c": "relaxed/relaxed/simple"}, PERMERROR, "c="),
    ({"c": "Relaxed/relaxed"}, PERMERROR, "c="),
    ({"d": ""}, PERMERROR, "d="),
    ({"d": "test"}, PERMERROR, "two labels"),
    ({"d": "example..test"}, PERMERROR, "d="),
    ({"d": "example.test."}, PERMERROR, "d="),
    ({"d": "exam ple.test"}, PERMERROR, "d="),
    ({"d": "a@example.test"}, PERMERROR, "d="),
    ({"s": ""}, PERMERROR, "s="),
    ({"s": "-x"}, PERMERROR, "s="),
    ({"s": "a..b"}, PERMERROR, "s="),
    ({"s": "a/b"}, PERMERROR, "s="),
    ({"h": ""}, PERMERROR, "h="),
    ({"h": "subject"}, PERMERROR, "does not cover From"),
    ({"h": "from::subject"}, PERMERROR, "h="),
    ({"h": "from:"}, PERMERROR, "h="),
    ({"h": "from:sub ject"}, PERMERROR, "h="),
    ({"h": ":".join(["from", *["x"] * 256])}, PERMERROR, "more than 256"),
    ({"i": "@other.test"}, PERMERROR, "i="),
    ({"i": "@notexample.test"}, PERMERROR, "i="),
    ({"i": "@test"}, PERMERROR, "i="),
    ({"i": "example.test"}, PERMERROR, "i="),
    ({"i": "ann@"}, PERMERROR, "i="),
    ({"l": "10"}, POLICY, "l="),
    ({"l": "x"}, PERMERROR, "l="),
    ({"l": "-1"}, PERMERROR, "l="),
    ({"q": "dns/cert"}, PERMERROR, "q="),
    ({"q": "DNS/TXT"}, PERMERROR, "q="),
    ({"t": "soon"}, PERMERROR, "t="),
    ({"t": str(NOW + 2 * 86400)}, PERMERROR, "future"),
    ({"x": "never"}, PERMERROR, "x="),
    ({"x": str(NOW - 3600), "t": str(NOW - 7200)}, PERMERROR, "expired"),
    ({"t": str(NOW), "x": str(NOW)}, PERMERROR, "not after"),
    ({"t": str(NOW), "x": str(NOW - 1)}, PERMERROR, "not after"),
]


@pytest.mark.parametrize(("changes", "status", "word"), SIGNATURES, ids=timeless)
async def test_a_signature_that_breaks_a_rule(verdicts, rsa_key, mail, changes, status, word):
    [result] = await verdicts(field(rsa_key, mail, **changes) + mail, {NAME: key_record(rsa_key).encode()})
    assert result.status is status
    assert word in result.detail


# What is allowed, though unusual. The signature does not cover these changes, so it fails, and only that.
UNUSUAL = [
    {"q": "dns/other:dns/txt"},
    {"i": "ann@sub.example.test"},
    {"i": "=41nn@EXAMPLE.test"},
    {"x": str(NOW + 86400)},
    {"z": "From:ann|To:bob"},
    {"r": "y"},
    {"s": "s.a_b"},
    {"c": "relaxed"},
]


@pytest.mark.parametrize("changes", UNUSUAL, ids=timeless)
async def test_an_unusual_signature_gets_as_far_as_its_cryptography(verdicts, rsa_key, mail, changes):
    records = {NAME: key_record(rsa_key).encode(), "s.a_b._domainkey.example.test": key_record(rsa_key).encode()}
    [result] = await verdicts(field(rsa_key, mail, **changes) + mail, records)
    assert result.status is FAIL


MALFORMED = [
    b"DKIM-Signature: \r\n",
    b"DKIM-Signature: nonsense\r\n",
    b"DKIM-Signature: v=1; v=1\r\n",
    b"DKIM-Signature: v=1;; a=rsa-sha256\r\n",
    b"DKIM-Signature: \xff=1\r\n",
    b"DKIM-Signature: v=1; d=example.test; s=s; " + b" " * 9000 + b"\r\n",
    b"DKIM-Signature: v=1; " + b"".join(b"t%d=x; " % number for number in range(100)) + b"\r\n",
]


@pytest.mark.parametrize("line", MALFORMED, ids=lambda line: line[:40].decode("latin-1"))
async def test_a_field_that_is_no_tag_list(verdicts, mail, line):
    [result] = await verdicts(line + mail, {})
    assert result.status is PERMERROR


async def test_domain_and_selector_are_told_as_far_as_they_are_known(verdicts, rsa_key, mail):
    [result] = await verdicts(field(rsa_key, mail, a="rsa-sha1", d="EXAMPLE.test") + mail, {})
    assert (result.domain, result.selector) == ("example.test", "s")


P = "{p}"
# Key records: RFC 6376 section 3.6.1, RFC 8301 section 3.2.
KEYS = [
    (f"p={P}", DkimStatus.PASS, None),
    (f"v=DKIM1; p={P}", DkimStatus.PASS, None),
    (f"v=DKIM1; k=rsa; h=sha256; s=email; t=s; n=a note; x_new=1; p={P}", DkimStatus.PASS, None),
    (f"v=DKIM1; h=sha1:sha256:later; s=other:*; p={P}", DkimStatus.PASS, None),
    (f"k=rsa; v=DKIM1; p={P}", PERMERROR, "v= is not its first tag"),
    (f"v=DKIM2; p={P}", PERMERROR, "no key record"),
    (f"v=dkim1; p={P}", PERMERROR, "no key record"),
    (f"v=DKIM1; k=ed25519; p={P}", PERMERROR, "another type"),
    (f"v=DKIM1; k=dsa; p={P}", PERMERROR, "another type"),
    (f"v=DKIM1; h=sha1; p={P}", PERMERROR, "sha256"),
    (f"v=DKIM1; h=; p={P}", PERMERROR, "sha256"),
    (f"v=DKIM1; s=tlsrpt; p={P}", PERMERROR, "not for mail"),
    (f"v=DKIM1; s=; p={P}", PERMERROR, "not for mail"),
    (f"v=DKIM1; t=y; p={P}", NEUTRAL, "test"),
    (f"v=DKIM1; t=s : y; p={P}", NEUTRAL, "test"),
    (f"v=DKIM1; p={P}; p={P}", PERMERROR, "twice"),
    ("v=DKIM1; p=", PERMERROR, "revoked"),
    ("p=", PERMERROR, "revoked"),
    ("v=DKIM1; k=rsa", PERMERROR, "no p="),
    ("v=DKIM1; p=nonsense!", PERMERROR, "base64"),
    ("v=DKIM1; p=AAAA", PERMERROR, "not an RSA key"),
    ("v=DKIM1;; p=AAAA", PERMERROR, "malformed"),
    ("v=spf1 -all", PERMERROR, "no key record"),
    ("", PERMERROR, "malformed"),
    ("v=DKIM1; n=" + "x" * 5000 + f"; p={P}", PERMERROR, "too long"),
]


@pytest.mark.parametrize(("record", "status", "word"), KEYS, ids=lambda value: str(value)[:40])
async def test_a_key_record(verdicts, rsa_key, mail, record, status, word):
    record = record.replace(P, key_record(rsa_key).partition("p=")[2]).encode()
    [result] = await verdicts(field(rsa_key, mail) + mail, {NAME: record})
    assert result.status is status
    assert word is None or word in result.detail


async def test_pkcs1_keys_are_keys_too(verdicts, rsa_key, mail):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    octets = rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    [result] = await verdicts(field(rsa_key, mail) + mail, {NAME: b"p=" + base64.b64encode(octets)})
    assert result.status is DkimStatus.PASS


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ([], PERMERROR),
        (["good", "v=spf1 -all"], DkimStatus.PASS),
        (["other text", "good"], DkimStatus.PASS),
        (["good", "good"], PERMERROR),
        (["v=DKIM1; p=", "good"], PERMERROR),
        ([b"\xff\xfe", "good"], DkimStatus.PASS),
    ],
)
async def test_several_records_at_one_selector(verdicts, rsa_key, mail, records, status):
    key = key_record(rsa_key).encode()
    found = [r if isinstance(r, bytes) else key if r == "good" else r.encode() for r in records]
    [result] = await verdicts(field(rsa_key, mail) + mail, {NAME: found})
    assert result.status is status


async def test_dns_trouble_is_temporary(verdicts, rsa_key, mail):
    [result] = await verdicts(field(rsa_key, mail) + mail, {NAME: DnsTemporaryError("SERVFAIL from a name server")})
    assert (result.status, result.detail) == (DkimStatus.TEMPERROR, "SERVFAIL from a name server")


async def test_the_flag_s_wants_the_very_domain(verdicts, rsa_key, mail):
    record = {NAME: key_record(rsa_key).replace("k=rsa", "k=rsa; t=s").encode()}
    for identity, status in (("ann@sub.example.test", PERMERROR), ("ann@example.test", DkimStatus.PASS)):
        signed = sign(mail, domain="example.test", selector="s", private_key=rsa_key, extra=f"i={identity};")
        [result] = await verdicts(signed + mail, record)
        assert result.status is status


@pytest.mark.parametrize(("bits", "word"), [(512, "shorter"), (1016, "shorter"), (4104, "longer"), (16384, "longer")])
async def test_rsa_keys_out_of_bounds_are_policy(verdicts, rsa_key, mail, bits, word):
    # RFC 8301 section 3.2. No real key is needed to be refused for its size: any odd modulus will do.
    modulus = (1 << bits) - 1
    numbers = der_key(modulus, 65537)
    started = time.perf_counter()
    [result] = await verdicts(field(rsa_key, mail) + mail, {NAME: b"p=" + base64.b64encode(numbers)})
    assert time.perf_counter() - started < 0.5
    assert result.status is POLICY
    assert word in result.detail


async def test_a_huge_exponent_is_refused(verdicts, rsa_key, mail):
    numbers = der_key(rsa_key.public_key().public_numbers().n, (1 << 2040) + 1)
    [result] = await verdicts(field(rsa_key, mail) + mail, {NAME: b"p=" + base64.b64encode(numbers)})
    assert result.status is PERMERROR


def der_key(modulus, exponent):
    """An RSAPublicKey in DER, written by hand: the library does not let us make bad ones."""

    def tlv(tag, octets):
        if len(octets) < 128:
            return bytes([tag, len(octets)]) + octets
        size = (len(octets).bit_length() + 7) // 8
        return bytes([tag, 0x80 | size]) + len(octets).to_bytes(size, "big") + octets

    def integer(value):
        return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))

    return tlv(0x30, integer(modulus) + integer(exponent))


async def test_1024_bits_are_enough(verdicts, mail):
    key = rsa.generate_private_key(65537, 1024)
    signed = sign(mail, domain="example.test", selector="s", private_key=key)
    [result] = await verdicts(signed + mail, {NAME: key_record(key).encode()})
    assert result.status is DkimStatus.PASS  # 1,024 is the least that RFC 8301 lets pass


@pytest.mark.parametrize("octets", [0, 31, 33])
async def test_an_ed25519_key_has_32_octets(verdicts, ed25519_key, mail, octets):
    signed = sign(mail, domain="example.test", selector="s", private_key=ed25519_key)
    record = b"k=ed25519; p=" + base64.b64encode(bytes(octets))
    [result] = await verdicts(signed + mail, {NAME: record})
    assert result.status is PERMERROR
