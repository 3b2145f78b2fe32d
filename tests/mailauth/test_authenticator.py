"""The whole: real DNS on loopback, real keys, real worker processes, one deadline."""

import multiprocessing
import time

import pytest
import trio

from e2ad.core.address import NULL_PATH, Mailbox
from e2ad.core.authentication import ArcStatus, DkimStatus, DmarcPolicy, DmarcStatus, SpfStatus
from e2ad.dev.zone import Fault
from e2ad.mailauth.authenticator import AuthenticationSettings, Authenticator
from e2ad.mailauth.engine import Check
from e2ad.mailauth.signer import key_record, sign

ANN = Mailbox("ann", "example.test")
PEER, HELO = "127.0.0.1", "mx.example.test"


@pytest.fixture
def published(world, rsa_key, ed25519_key):
    """example.test with SPF for loopback, two keys and DMARC."""
    zone = world.zone
    zone.add("example.test", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    zone.add("_dmarc.example.test", "TXT", "v=DMARC1; p=reject; sp=quarantine")
    zone.add("s._domainkey.example.test", "TXT", key_record(rsa_key))
    zone.add("e._domainkey.example.test", "TXT", key_record(ed25519_key))
    return zone


@pytest.fixture
def authenticator(world):
    return make(world)


def make(world, **settings):
    resolver = world.resolver(timeout_seconds=0.4, attempt_seconds=0.1)
    return Authenticator(AuthenticationSettings(**settings), resolver)


def signed(mail, key, domain="example.test", selector="s"):
    return sign(mail, domain=domain, selector=selector, private_key=key) + mail


async def ask(authenticator, content, *, peer=PEER, helo=HELO, reverse_path=ANN, author=ANN, spf=None):
    return await authenticator.authenticate(peer, helo, reverse_path, content, author, spf=spf)


async def test_an_aligned_mail(authenticator, published, rsa_key, ed25519_key, mail):
    content = signed(signed(mail, rsa_key), ed25519_key, selector="e")
    result = await ask(authenticator, content)
    document = result.to_json()
    assert document["spf"].pop("detail") == "matched ip4:127.0.0.1"
    assert document == {
        "spf": {"status": "pass", "domain": "example.test", "aligned": True},
        "dkim": [
            {"status": "pass", "domain": "example.test", "selector": "e", "aligned": True},
            {"status": "pass", "domain": "example.test", "selector": "s", "aligned": True},
        ],
        "dmarc": {"status": "pass", "domain": "example.test", "policy": "reject", "aligned_by": ["spf", "dkim"]},
    }
    assert result.verified
    assert result.verified_domain == "example.test"


async def test_a_forged_mail(authenticator, published, mail):
    result = await ask(authenticator, mail, peer="192.0.2.66")
    assert (result.spf.status, result.dkim, result.dmarc.status) == (SpfStatus.FAIL, (), DmarcStatus.FAIL)
    assert not result.verified


async def test_a_strangers_pass_does_not_vouch_for_another_domain(authenticator, published, rsa_key, mail):
    published.add("evil.test", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    published.add("s._domainkey.evil.test", "TXT", key_record(rsa_key))
    result = await ask(
        authenticator, signed(mail, rsa_key, "evil.test"), reverse_path=Mailbox("eve", "evil.test"), helo="evil.test"
    )
    assert (result.spf.status, result.spf.aligned) == (SpfStatus.PASS, False)
    assert [(r.status, r.aligned) for r in result.dkim] == [(DkimStatus.PASS, False)]
    assert result.dmarc.status is DmarcStatus.FAIL
    assert not result.verified


async def test_a_forwarded_and_an_altered_mail(authenticator, published, rsa_key, mail):
    content = signed(mail, rsa_key)
    result = await ask(authenticator, content, peer="192.0.2.66")
    assert (result.spf.status, result.dmarc.status) == (SpfStatus.FAIL, DmarcStatus.PASS)
    assert [by.value for by in result.dmarc.aligned_by] == ["dkim"]
    result = await ask(authenticator, content.replace(b"yours", b"pay me"), peer="192.0.2.66")
    assert (result.dkim[0].status, result.dmarc.status) == (DkimStatus.FAIL, DmarcStatus.FAIL)


CLAIMS = (
    b"Authentication-Results: mx.agents.test; spf=pass smtp.mailfrom=example.test; dkim=pass header.d=example.test;"
    b" dmarc=pass header.from=example.test\r\n"
    b"ARC-Authentication-Results: i=1; mx.agents.test; dmarc=pass header.from=example.test\r\n"
    b"X-E2A-Auth-Verified: true\r\nX-E2A-Auth-Domain-Check: spf=pass; dkim=pass\r\n"
    b"X-E2A-Auth-Sender: ann@example.test\r\nReceived-SPF: pass\r\n"
)


@pytest.mark.parametrize("peer", [PEER, "192.0.2.66"])
async def test_no_verdict_in_a_mail_is_ever_believed(world, published, rsa_key, mail, peer):
    authenticator = make(world, authserv_id="mx.agents.test")
    for content in (mail, signed(mail, rsa_key)):
        assert await ask(authenticator, CLAIMS + content, peer=peer) == await ask(authenticator, content, peer=peer)
    assert not (await ask(authenticator, CLAIMS + mail, peer="192.0.2.66")).verified


@pytest.mark.parametrize(
    ("author", "status"),
    [(None, "permerror"), (Mailbox("ann", "[192.0.2.1]"), "permerror"), (Mailbox("ann", "localhost"), "none")],
)
async def test_authors_that_have_no_dmarc(authenticator, published, rsa_key, mail, author, status):
    result = await ask(authenticator, signed(mail, rsa_key), author=author)
    assert result.dmarc.status.value == status
    assert result.dkim[0].status is DkimStatus.PASS
    assert not result.verified


async def test_two_from_fields_have_no_author(authenticator, published, mail):
    result = await ask(authenticator, b"From : Eve <eve@evil.test>\r\n" + mail)
    assert result.dmarc.status is DmarcStatus.PERMERROR
    assert not result.verified


async def test_relaxed_and_strict_alignment_through_the_tree(world, published, rsa_key, mail):
    published.add("s._domainkey.mail.example.test", "TXT", key_record(rsa_key))
    content = signed(mail, rsa_key, "mail.example.test")
    result = await ask(make(world), content, peer="192.0.2.66")
    assert (result.dmarc.status, result.dkim[0].aligned) == (DmarcStatus.PASS, True)
    # The owner says that mail.example.test is an organization of its own.
    published.add("_dmarc.mail.example.test", "TXT", "v=DMARC1; p=none; psd=n")
    result = await ask(make(world), content, peer="192.0.2.66")
    assert (result.dmarc.status, result.dkim[0].aligned) == (DmarcStatus.FAIL, False)
    published.remove("_dmarc.mail.example.test")
    published.replace("_dmarc.example.test", "TXT", "v=DMARC1; p=reject; adkim=s")
    result = await ask(make(world), content, peer="192.0.2.66")
    assert (result.dmarc.status, result.dkim[0].aligned) == (DmarcStatus.FAIL, False)


@pytest.mark.parametrize(
    ("domain", "record", "policy"),
    [
        ("sub.example.test", "v=DMARC1; p=reject; sp=quarantine", "quarantine"),
        ("sub.example.test", "v=DMARC1; p=reject; np=none", "reject"),
        ("void.example.test", "v=DMARC1; p=reject; np=none", "none"),
        ("example.test", "v=DMARC1; p=reject; t=y", "quarantine"),
    ],
)
async def test_policies(authenticator, published, mail, domain, record, policy):
    published.add("sub.example.test", "A", "192.0.2.1")
    published.replace("_dmarc.example.test", "TXT", record)
    result = await ask(authenticator, mail, peer="192.0.2.66", author=Mailbox("ann", domain))
    assert (result.dmarc.status.value, result.dmarc.policy.value) == ("fail", policy)
    assert result.dmarc.domain == domain


async def test_where_no_dmarc_is_published_the_same_alignment_verifies(authenticator, world, rsa_key, mail):
    zone = world.zone
    zone.add("bounce.shop.co.uk", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    zone.add("other.co.uk", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    author = Mailbox("ann", "shop.co.uk")
    result = await ask(authenticator, mail, author=author, reverse_path=Mailbox("b", "bounce.shop.co.uk"))
    assert (result.dmarc.status, result.verified, result.spf.aligned) == (DmarcStatus.NONE, True, None)
    assert result.verified_domain is None
    result = await ask(authenticator, mail, author=author, reverse_path=Mailbox("b", "other.co.uk"))
    assert (result.spf.status, result.verified) == (SpfStatus.PASS, False)


async def test_a_bounce_is_judged_by_helo(authenticator, published, mail):
    published.add("mx.example.test", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    result = await ask(authenticator, mail, reverse_path=NULL_PATH)
    assert (result.spf.domain, result.spf.aligned) == ("mx.example.test", True)
    assert result.dmarc.status is DmarcStatus.PASS


async def test_dmarc_that_cannot_be_asked_is_no_missing_dmarc(authenticator, published, rsa_key, mail):
    published.fail("_dmarc.example.test", Fault.SERVFAIL)
    result = await ask(authenticator, signed(mail, rsa_key))
    assert result.dmarc.status is DmarcStatus.TEMPERROR
    assert (result.spf.status, result.spf.aligned, result.verified) == (SpfStatus.PASS, None, False)


async def test_alignment_that_cannot_be_asked_leaves_the_question_open(authenticator, published, rsa_key, mail):
    published.add("s._domainkey.mail.example.test", "TXT", key_record(rsa_key))
    published.fail("_dmarc.mail.example.test", Fault.SERVFAIL)
    content = signed(mail, rsa_key, "mail.example.test")
    result = await ask(authenticator, content, peer="192.0.2.66")
    assert (result.dmarc.status, result.verified) == (DmarcStatus.TEMPERROR, False)
    # The very same domain needs no walk.
    assert (await ask(authenticator, signed(content, rsa_key), peer="192.0.2.66")).dmarc.status is DmarcStatus.PASS


async def test_a_walk_that_has_ended_does_not_care_for_what_is_above(authenticator, world, published, mail):
    published.fail("_dmarc.test", Fault.SERVFAIL)
    assert (await ask(authenticator, mail, author=Mailbox("ann", "sub.example.test"))).dmarc.status is (
        DmarcStatus.TEMPERROR
    )
    published.replace("_dmarc.example.test", "TXT", "v=DMARC1; p=none; psd=n")
    result = await ask(make(world), mail, author=Mailbox("ann", "sub.example.test"))
    assert (result.dmarc.status, result.dmarc.policy) == (DmarcStatus.PASS, DmarcPolicy.NONE)


@pytest.mark.parametrize(
    ("reverse_path", "peer", "status"),
    [
        (ANN, PEER, "pass"),  # RFC 9989 section 4.10.2: one domain with a record of its own needs no organization
        (ANN, "192.0.2.66", "fail"),
        (Mailbox("b", "bounce.example.test"), PEER, "temperror"),
        (Mailbox("b", "bounce.example.test"), "192.0.2.66", "fail"),
    ],
)
async def test_dns_trouble_above_a_domain_with_a_record_of_its_own(
    authenticator, published, mail, reverse_path, peer, status
):
    published.add("bounce.example.test", "TXT", "v=spf1 ip4:127.0.0.1 -all")
    published.fail("_dmarc.test", Fault.SERVFAIL)
    result = await ask(authenticator, mail, reverse_path=reverse_path, peer=peer)
    assert (result.dmarc.status.value, result.dmarc.policy) == (status, DmarcPolicy.REJECT)
    assert result.verified == (status == "pass")


@pytest.mark.alone
async def test_silent_dns_costs_the_deadline_and_no_mail(world, published, rsa_key, mail):
    for name in ("example.test", "_dmarc.example.test", "s._domainkey.example.test", "_dmarc.test"):
        published.fail(name, Fault.DROP)
    resolver = world.resolver(timeout_seconds=30, attempt_seconds=30)
    authenticator = Authenticator(AuthenticationSettings(deadline_seconds=0.3), resolver)
    content = b"ARC-Seal: i=1; a=rsa-sha256\r\n" + signed(mail, rsa_key)
    started = time.monotonic()
    result = await ask(authenticator, content)
    assert time.monotonic() - started < 1
    assert (result.spf.status, result.spf.domain) == (SpfStatus.TEMPERROR, "example.test")
    assert [(r.status, r.domain, r.selector) for r in result.dkim] == [(DkimStatus.TEMPERROR, "example.test", "s")]
    assert (result.dmarc.status, result.dmarc.domain) == (DmarcStatus.TEMPERROR, "example.test")
    assert result.arc.status is ArcStatus.FAIL  # broken by its form alone
    assert not result.verified


async def test_an_accident_of_ours_is_evidence_and_no_exception(world, published, rsa_key, mail, monkeypatch):
    authenticator = make(world)

    async def stumble(name):
        raise RuntimeError("an accident")

    monkeypatch.setattr(authenticator._resolver, "txt", stumble)
    result = await ask(authenticator, signed(mail, rsa_key))
    assert result.dkim[0].status is DkimStatus.TEMPERROR
    assert result.dmarc.status is DmarcStatus.TEMPERROR
    assert result.spf.status is SpfStatus.TEMPERROR


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"\xff" * 1000, b"From: ann@example.test", b"DKIM-Signature:\r\n\r\n", b":\r\n:\r\n"]
)
async def test_rubbish_is_judged_too(authenticator, published, content):
    result = await ask(authenticator, content, helo="\x00 [", reverse_path=NULL_PATH)
    assert not result.verified


async def test_cancellation_passes_through(world, published, mail):
    published.fail("example.test", Fault.DROP)
    authenticator = make(world)
    with trio.move_on_after(0.05) as scope:
        await ask(authenticator, mail)
    assert scope.cancelled_caught


async def test_spf_runs_ahead_of_the_mail(world, published, mail, nursery):
    authenticator = make(world, worker_processes=0)
    await nursery.start(serve, authenticator)
    ticket = authenticator.expect(PEER, HELO, ANN)
    with trio.fail_after(5):
        await ticket.done.wait()
    assert published.questions["example.test", "TXT", "udp"] == 1
    published.replace("example.test", "TXT", "v=spf1 -all")
    result = await ask(authenticator, mail, spf=ticket)
    assert result.spf.status is SpfStatus.PASS
    # A ticket of another transaction counts for nothing.
    other = authenticator.expect("192.0.2.66", HELO, ANN)
    assert (await ask(authenticator, mail, spf=other)).spf.status is SpfStatus.PASS
    nursery.cancel_scope.cancel()


async def serve(authenticator, task_status):
    await authenticator.run(task_status=task_status)


async def test_tickets_without_room_are_evaluated_on_demand(world, published, mail, nursery):
    idle = make(world)
    ticket = idle.expect(PEER, HELO, ANN)
    assert ticket.done is None
    assert (await ask(idle, mail, spf=ticket)).spf.status is SpfStatus.PASS
    busy = make(world, worker_processes=0, background_evaluations=1)
    await nursery.start(serve, busy)
    first, second = busy.expect(PEER, HELO, ANN), busy.expect(PEER, HELO, ANN)
    assert first.done is not None
    assert second.done is None
    assert (await ask(busy, mail, spf=second)).spf.status is SpfStatus.PASS
    await first.done.wait()
    assert busy.expect(PEER, HELO, ANN).done is not None
    nursery.cancel_scope.cancel()


async def test_a_ticket_survives_the_end_of_the_evaluations_ahead(world, published, mail):
    published.delay("example.test", 0.05)
    authenticator = make(world, worker_processes=0)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, authenticator)
        ticket = authenticator.expect(PEER, HELO, ANN)
        await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    assert ticket.done.is_set()
    assert (await ask(authenticator, mail, spf=ticket)).spf.status is SpfStatus.PASS


@pytest.fixture(scope="module")
def large():
    head = b"From: ann@example.test\r\nSubject: large\r\n\r\n"
    return head + b"a line  with blanks \t and more \r\n" * 150_000  # 5 MB


@pytest.mark.parametrize("processes", [0, 1])
async def test_a_large_mail_is_judged_off_the_trio_thread(world, published, rsa_key, large, processes, nursery):
    authenticator = make(world, worker_processes=processes, deadline_seconds=20)
    await nursery.start(serve, authenticator)
    content = signed(large, rsa_key)
    gaps, running = [0.0], True

    async def tick():
        while running:
            before = time.perf_counter()
            await trio.sleep(0.01)
            gaps.append(time.perf_counter() - before)

    nursery.start_soon(tick)
    for _ in range(2):
        result = await ask(authenticator, content)
        assert result.dkim[0].status is DkimStatus.PASS
    running = False
    changed = await ask(authenticator, content[:-10] + b"x" + content[-9:])
    assert changed.dkim[0].status is DkimStatus.FAIL
    assert bool(multiprocessing.active_children()) == bool(processes)
    assert max(gaps) < 1
    nursery.cancel_scope.cancel()


async def test_the_deadline_kills_the_worker_and_the_next_mail_has_a_new_one(world, published, rsa_key, large, nursery):
    authenticator = make(world, worker_processes=1, deadline_seconds=20)
    await nursery.start(serve, authenticator)
    content = signed(large, rsa_key)
    assert (await ask(authenticator, content)).dkim[0].status is DkimStatus.PASS
    [worker] = multiprocessing.active_children()
    # Minutes of work: what a hostile mail would be if a cap were missing.
    field = (b"X", b" a" * 50_000)
    check = Check((field,), field, "relaxed", "relaxed", None, "rsa", b"", b"")
    started = time.monotonic()
    with trio.move_on_after(0.5) as scope:
        await authenticator._evaluate(large, [check] * 20_000)
    assert scope.cancelled_caught
    assert time.monotonic() - started < 3
    worker.join(5)
    assert not worker.is_alive()
    assert (await ask(authenticator, content)).dkim[0].status is DkimStatus.PASS
    nursery.cancel_scope.cancel()


async def test_no_process_is_left_behind(world, published, rsa_key, large):
    authenticator = make(world, worker_processes=2, deadline_seconds=20)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, authenticator)
        assert (await ask(authenticator, signed(large, rsa_key))).verified
        started = time.monotonic()
        nursery.cancel_scope.cancel()
    assert time.monotonic() - started < 3
    assert multiprocessing.active_children() == []
    # Without its processes it still judges, in a thread.
    assert (await ask(authenticator, signed(large, rsa_key))).verified
