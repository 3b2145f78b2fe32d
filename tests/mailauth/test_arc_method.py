import base64
import time

import dkim
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from e2ad.core.authentication import ArcStatus
from e2ad.mailauth.arc_method import check_arc
from e2ad.mailauth.engine import body_hash, evaluate, header_hash
from e2ad.mailauth.header_section import read_header
from e2ad.mailauth.resolver import DnsTemporaryError
from e2ad.mailauth.signer import key_record

NAMES = [b"from", b"to", b"subject", b"date", b"message-id"]


def finish(key, name, value, fields):
    digest = header_hash("relaxed", fields, (name, value))
    signature = key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    return name + b":" + value + base64.b64encode(signature) + b"\r\n"


def seal(content, number, key, *, cv=None, seal_extra=b"", names=NAMES, message_extra=b""):
    """Put one more ARC set on top of a mail, as RFC 8617 section 5.1 says."""
    domain, at = b"hop%d.test" % number, str(int(time.time())).encode()
    header = read_header(content)
    results = b"ARC-Authentication-Results: i=%d; %b; spf=pass\r\n" % (number, domain)
    value = b" i=%d; a=rsa-sha256; c=relaxed/relaxed; d=%b; s=s; t=%b; %bh=%b; bh=%b;\r\n\tb=" % (
        number,
        domain,
        at,
        message_extra,
        b":".join(names),
        base64.b64encode(body_hash("relaxed", header.body)),
    )
    message = finish(key, b"ARC-Message-Signature", value, header.select(names))
    word = cv or (b"none" if number == 1 else b"pass")
    value = b" i=%d; a=rsa-sha256; cv=%b; d=%b; s=s; t=%b; %bb=" % (number, word, domain, at, seal_extra)
    earlier = []
    for place in range(1, number):
        for name in (b"arc-authentication-results", b"arc-message-signature", b"arc-seal"):
            earlier += [header.fields[i] for i in header.all(name) if b" i=%d;" % place in header.fields[i][1]]
    ours = [tuple(line.split(b":", 1)) for line in (results, message)]
    return finish(key, b"ARC-Seal", value, [*earlier, *ours]) + message + results + content


@pytest.fixture
def records(rsa_key):
    return {f"s._domainkey.hop{number}.test": key_record(rsa_key).encode() for number in range(1, 30)}


async def arc(content, records):
    async def lookup(name):
        found = records.get(name, [])
        if isinstance(found, Exception):
            raise found
        return [found] if isinstance(found, bytes) else found

    async def run(body, checks):
        return evaluate(body, checks)

    return await check_arc(read_header(content), lookup=lookup, evaluate=run, now=time.time())


async def test_no_chain_no_result(mail):
    assert await arc(mail, {}) is None


@pytest.mark.parametrize("sets", [1, 2, 3])
async def test_a_chain_holds_and_plain_dkimpy_agrees(rsa_key, mail, records, sets):
    content = mail
    for number in range(1, sets + 1):
        content = seal(content, number, rsa_key)
    result = await arc(content, records)
    assert (result.status, result.domain, result.detail) == (ArcStatus.PASS, f"hop{sets}.test", None)
    verdict, _, reason = dkim.arc_verify(content, dnsfunc=lambda name, timeout=5: key_record(rsa_key).encode())
    assert verdict == b"pass", reason


async def test_what_changes_below_the_newest_signature_breaks_it(rsa_key, mail, records):
    content = seal(seal(mail, 1, rsa_key), 2, rsa_key)
    for old, new, word in (
        (b"yours", b"Yours", "newest message signature"),
        (b"Subject: A", b"Subject: B", "newest message signature"),
        (b"hop1.test; spf=pass", b"hop1.test; spf=fail", "seal"),
    ):
        result = await arc(content.replace(old, new), records)
        assert result.status is ArcStatus.FAIL
        assert word in result.detail


async def test_an_intermediary_may_change_the_mail_and_seal_it_again(rsa_key, mail, records):
    content = seal(mail, 1, rsa_key).replace(b"Subject: A", b"Subject: [list] A")
    assert (await arc(seal(content, 2, rsa_key), records)).status is ArcStatus.PASS


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda content: content.replace(b"ARC-Seal: i=2", b"X-Seal: i=2"), "not complete"),
        (lambda content: content.replace(b"ARC-Seal: i=1", b"X-Seal: i=1"), "not complete"),
        (lambda content: content.replace(b"ARC-Authentication-Results: i=1", b"X: i=1"), "not complete"),
        (lambda content: b"ARC-Authentication-Results: i=1; x\r\n" + content, "twice"),
        (lambda content: b"ARC-Authentication-Results: i=4; x\r\n" + content, "not complete"),
        (lambda content: b"ARC-Authentication-Results: x\r\n" + content, "without instance"),
        (lambda content: b"ARC-Seal: i=0; a=rsa-sha256\r\n" + content, "without instance"),
        (lambda content: b"ARC-Seal: nonsense\r\n" + content, "tag"),
        (lambda content: content.replace(b"cv=none", b"cv=pass"), "cv="),
        (lambda content: content.replace(b"cv=pass", b"cv=none"), "cv="),
        (lambda content: content.replace(b"cv=pass", b"cv=fail"), "broken when it came"),
        (lambda content: content.replace(b"cv=pass; ", b""), "cv= is missing"),
        (lambda content: content.replace(b"cv=pass", b"cv=pass; h=from"), "must not have"),
        (lambda content: content.replace(b"a=rsa-sha256; cv=pass", b"a=rsa-sha1; cv=pass"), "rsa-sha1"),
        (lambda content: b"rubbish\r\n" + content, "malformed"),
        (lambda content: b"ARC-Seal: i=1\r\n" * 60 + content, "more than"),
    ],
)
async def test_what_is_no_chain(rsa_key, mail, records, change, word):
    content = change(seal(seal(mail, 1, rsa_key), 2, rsa_key))
    result = await arc(content, records)
    assert result.status is ArcStatus.FAIL
    assert word in result.detail


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"names": [b"to"]}, "From"),
        ({"names": [b"from", b"arc-seal"]}, "covers a seal"),
        ({"message_extra": b"l=5; "}, "part of the body"),
    ],
)
async def test_message_signatures_that_are_not_trusted(rsa_key, mail, records, options, word):
    result = await arc(seal(mail, 1, rsa_key, **options), records)
    assert result.status is ArcStatus.FAIL
    assert word in result.detail


async def test_keys_that_fail_and_dns_that_is_silent(rsa_key, mail, records):
    content = seal(seal(mail, 1, rsa_key), 2, rsa_key)
    silent = records | {"s._domainkey.hop1.test": DnsTemporaryError("silence")}
    assert (await arc(content, silent)).status is ArcStatus.TEMPERROR
    gone = silent | {"s._domainkey.hop2.test": b"p="}
    assert (await arc(content, gone)).status is ArcStatus.FAIL


async def test_a_long_chain_is_not_followed(rsa_key, mail, records):
    content = mail
    for number in range(1, 22):
        content = seal(content, number, rsa_key)
    started = time.perf_counter()
    assert (await arc(content, records)).status is ArcStatus.FAIL
    assert time.perf_counter() - started < 1
