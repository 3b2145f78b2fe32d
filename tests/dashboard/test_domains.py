"""Domains on pages: a name claimed, its records with what was seen of each, keys rotated, a name given up."""

import re
from datetime import timedelta
from typing import Any

import attrs
import pytest
import trio

from e2ad.core.domain_records import Purpose, Record
from e2ad.dashboard.pages.domains import entries, exactly
from e2ad.dashboard.words import NOTICES
from e2ad.gateway.mint import now
from e2ad.gateway.signing_keys import make_keys
from e2ad.storage.domains import Domain
from tests.api.conftest import make_agent
from tests.api.world import rows
from tests.dashboard.conftest import Browser, Seen, seen
from tests.zone import Zone

MX = "mx.e2a.example"
NAME = "acme.example"
HERE = f"/dashboard/domains/{NAME}"


@pytest.fixture(scope="module")
def keys() -> Any:
    return trio.run(make_keys)


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch, keys: Any) -> None:
    async def take() -> Any:
        await trio.lowlevel.checkpoint()
        return keys

    monkeypatch.setattr("e2ad.gateway.domains.make_keys", take)


@pytest.fixture
def zone(browser: Browser) -> Zone:
    """What the DNS says to this deployment."""
    services = browser.client.services
    services.config = attrs.evolve(services.config, smtp=attrs.evolve(services.config.smtp, domain=MX))
    assert isinstance(services.fresh_dns, Zone)
    return services.fresh_dns


@pytest.fixture
async def claimed(browser: Browser, zone: Zone) -> Browser:
    """The owner of a name that nobody has looked at."""
    answer = await browser.post("/dashboard/domains", {"domain": NAME})
    assert answer.status == 303, answer.text
    return browser


def records(text: str) -> list[dict[str, Any]]:
    """What a person reads of each record."""
    found = []
    for item in re.findall(r'<li>\s*<div class="what (?:.*?)</dl>\s*</li>', text, re.DOTALL):
        page = Seen()
        page.feed(item)
        names = {one: re.search(rf'id="r\d+-{one}">(.*?)</code>', item, re.DOTALL) for one in ("name", "value")}
        state = re.search(r'<span class="tag (\w+)">(.*?)</span>', item)
        assert state is not None
        instead = re.search(r"<dt[^>]*>(Seen(?: instead)?)</dt><dd>(.*?)</dd>", item, re.DOTALL)
        found.append(
            {
                "what": re.search(r"<h3>(.*?)</h3>", item)[1],  # type: ignore[index]  # every record has a heading
                "type": re.search(r"<dt>Type</dt><dd><code>(.*?)</code>", item)[1],  # type: ignore[index]  # same
                **{one: match[1].replace("&#34;", '"') if match else "" for one, match in names.items()},
                "level": state[1],
                "state": state[2],
                "label": instead[1] if instead else "",
                "seen": re.findall(r"<code>(.*?)</code>", instead[2]) if instead else [],
                "text": page.text,
            }
        )
    return found


async def states(browser: Browser) -> dict[str, tuple[str, str, list[str]]]:
    """State, label and what was seen of each record, by what it is for."""
    answer = await browser.get(HERE)
    assert answer.status == 200, answer.text
    return {one["what"]: (one["state"], one["label"], one["seen"]) for one in records(answer.text)}


async def test_without_a_domain_the_page_says_what_one_is_for(browser: Browser) -> None:
    text = seen(await browser.get("/dashboard/domains")).text
    assert "No domain of your own yet" not in text  # the tests' agents have a row of their own
    await browser.client.services.db.execute("delete from agents")
    await browser.client.services.db.execute("delete from domains")
    text = seen(await browser.get("/dashboard/domains")).text
    assert "No domain of your own yet" in text
    assert "agents.localhost , which works as it is" in text
    assert "Check now" in text


async def test_a_claim_shows_all_that_is_to_be_pasted(claimed: Browser) -> None:
    answer = await claimed.get(HERE + "?did=domain_claimed")
    text = seen(answer).text
    assert NOTICES["domain_claimed"] in text
    assert "Nobody has looked at its DNS yet." in text
    view = (await _row(claimed))["verification_token"]
    found = records(answer.text)
    assert [(one["type"], one["name"]) for one in found[:3]] == [("TXT", NAME), ("MX", NAME), ("MX", f"*.{NAME}")]
    assert found[0]["value"] == view
    assert found[1]["value"] == MX
    assert {one["state"] for one in found} == {"not checked yet", "optional"}
    assert {one["level"] for one in found} == {"none"}
    (rsa,) = [one for one in found if "RSA" in one["what"]]
    assert len(rsa["value"]) > 350  # whole, however long
    page = seen(answer)
    ids = {found["id"] for _, found in page.elements if "id" in found}
    copies = page.all("button", "data-copy")
    assert len(copies) == 2 * len(found)
    assert {one.removeprefix("#") for one in copies} <= ids
    assert len([found["id"] for _, found in page.elements if "id" in found]) == len(ids), "an id stands twice"


async def _row(browser: Browser) -> Any:
    return await browser.client.services.db.fetch_one("select * from domains where domain = %(name)s", {"name": NAME})


async def test_the_same_form_twice_is_one_claim(claimed: Browser) -> None:
    before = await rows(claimed.client)
    answer = await claimed.post("/dashboard/domains", {"domain": " ACME.Example. "})
    assert (answer.status, answer.headers["location"]) == (303, HERE + "?did=domain_claimed")
    assert await rows(claimed.client) == before


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("", 400, "write a domain name with at least one dot"),
        ("acme", 400, "write a domain name with at least one dot"),
        ("acme..example", 400, "at least one dot"),
        ("1.2.3.4", 400, "at least one dot"),
        ("<script>alert(1)</script>", 400, "at least one dot"),
        ("a" * 300 + ".example", 400, "at least one dot"),
        ("x" * 5000, 400, "at least one dot"),
        ("co.uk", 400, "co.uk is a public suffix"),
        ("agents.localhost", 400, "belong to this deployment"),
        ("deep.agents.localhost", 400, "belong to this deployment"),
        ("\u202eacme.example", 400, "at least one dot"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_name_that_cannot_be_is_refused_at_its_field(
    browser: Browser, zone: Zone, name: str, status: int, said: str
) -> None:
    before = await rows(browser.client)
    answer = await browser.post("/dashboard/domains", {"domain": name})
    assert answer.status == status
    page = seen(answer)
    assert said.lower() in page.text.lower()
    (field,) = [found for tag, found in page.elements if tag == "input" and found.get("name") == "domain"]
    assert field["aria-invalid"] == "true"
    assert field["aria-describedby"].split()[0] in page.all("p", "id")  # type: ignore[union-attr]  # it is there
    assert field["value"] == name
    assert "<script>alert" not in answer.text
    assert await rows(browser.client) == before


async def test_a_name_that_another_account_claims_says_how_to_prove_it(
    claimed: Browser, stranger: Browser, zone: Zone
) -> None:
    answer = await stranger.post("/dashboard/domains", {"domain": NAME})
    assert answer.status == 409
    page = seen(answer)
    assert "prove it with a record in its DNS" in page.text
    proof = re.search(r'id="proof-value">(.*?)</code>', answer.text)
    assert proof is not None
    assert proof[1] != (await _row(claimed))["verification_token"]
    zone.texts[NAME] = [proof[1].encode()]
    answer = await stranger.post("/dashboard/domains", {"domain": NAME})
    assert answer.status == 303
    assert (await claimed.get(HERE)).status == 404


async def test_a_domain_that_is_proved_elsewhere_stays_there(claimed: Browser, stranger: Browser) -> None:
    db = claimed.client.services.db
    await db.execute("update domains set verified = true, claim_expires_at = null where domain = 'acme.example'")
    answer = await stranger.post("/dashboard/domains", {"domain": f"sub.{NAME}"})
    assert answer.status == 409
    assert "proof-value" not in answer.text
    assert "ask whoever runs this server" in answer.text


async def test_an_account_that_is_full_is_told(browser: Browser, zone: Zone) -> None:
    await browser.client.services.db.execute("update accounts set max_domains = 1")
    answer = await browser.post("/dashboard/domains", {"domain": NAME})
    assert answer.status == 402
    assert "1 of 1 domains" in answer.text


async def test_each_record_says_what_was_seen_instead(claimed: Browser, zone: Zone) -> None:
    token = (await _row(claimed))["verification_token"]
    found = records((await claimed.get(HERE)).text)
    rsa, ed = (one for one in found if "Signature key" in one["what"])
    zone.texts[NAME] = [b"google-site-verification=1", b"e2a-verify=" + b"0" * 32, b"v=spf1 include:other.example ~all"]
    zone.exchangers[NAME] = ["old.example", "older.example"]
    zone.texts[ed["name"]] = [b"v=DKIM1; k=ed25519; p=AAAA"]
    # A CNAME there: its target's text is what the DNS answers.
    zone.texts[rsa["name"]] = [b"v=DKIM1; k=rsa; p=the provider's own  key"]
    zone.texts[f"_dmarc.{NAME}"] = [b"v=DMARC1; p=none", b"v=DMARC1; p=reject"]
    zone.exchangers[f"bounce.{NAME}"] = RuntimeError("SERVFAIL")
    answer = await claimed.post(HERE + "/check")
    assert answer.headers["location"] == HERE + "?did=domain_waits"
    assert await states(claimed) == {
        "Proof that it is yours": ("differs", "Seen instead", ["e2a-verify=" + "0" * 32]),
        "Mail comes here": ("differs", "Seen instead", ["10 old.example", "10 older.example"]),
        "Mail for all names below comes here": ("optional", "", []),
        "Signature key (RSA, 2048 bits)": (
            "differs", "Seen instead", ["v=DKIM1; k=rsa; p=the provider&#39;s own  key"],
        ),
        "Signature key (Ed25519)": ("differs", "Seen instead", ["v=DKIM1; k=ed25519; p=AAAA"]),
        "Reports come back here": ("no answer", "", []),
        "Who may send for the reports&#39; name": ("missing", "Seen instead", []),
        "Who may send for the domain": ("differs", "Seen instead", ["v=spf1 include:other.example ~all"]),
        "What others do with forged mail": (
            "differs", "Seen instead", ["v=DMARC1; p=none", "v=DMARC1; p=reject"],
        ),
    }  # fmt: skip
    # Now as it should be, beside what else a name has.
    zone.texts[NAME] = [b"google-site-verification=1", token.encode(), b"v=spf1 a:mx.e2a.example ~all"]
    zone.exchangers[NAME] = [MX, "old.example"]
    zone.exchangers[f"bounce.{NAME}"] = [MX]
    zone.texts[f"bounce.{NAME}"] = [b"v=spf1 mx -all"]
    zone.texts[rsa["name"]] = [rsa["value"].encode()]
    zone.texts.pop(ed["name"])
    zone.texts[f"_dmarc.{NAME}"] = [b"v=DMARC1; p=reject"]
    answer = await claimed.post(HERE + "/check")
    assert answer.headers["location"] == HERE + "?did=domain_partly"
    seen_now = await states(claimed)
    assert seen_now["Proof that it is yours"] == ("found", "", [])
    assert seen_now["Mail comes here"] == ("found", "Seen", ["10 mx.e2a.example", "10 old.example"])
    assert seen_now["Signature key (RSA, 2048 bits)"] == ("found", "", [])
    assert seen_now["Signature key (Ed25519)"] == ("missing", "Seen instead", [])
    assert seen_now["Who may send for the reports&#39; name"] == ("found", "Seen", ["v=spf1 mx -all"])
    assert seen_now["What others do with forged mail"] == ("found", "Seen", ["v=DMARC1; p=reject"])
    zone.texts[ed["name"]] = [ed["value"].encode()]
    answer = await claimed.post(HERE + "/check")
    assert answer.headers["location"] == HERE + "?did=domain_ready"
    text = seen(await claimed.get(HERE + "?did=domain_ready")).text
    assert "everything is there" in text
    assert "signed with its own keys" in text
    assert "yes" in seen(await claimed.get("/dashboard/domains")).text


async def test_a_dns_that_is_silent_takes_nothing_away(claimed: Browser, zone: Zone) -> None:
    services = claimed.client.services
    config = services.config
    services.config = attrs.evolve(config, domains=attrs.evolve(config.domains, probe_seconds=0.1))
    zone.silent = True
    answer = await claimed.post(HERE + "/check")
    assert answer.headers["location"] == HERE + "?did=domain_waits"
    found = await states(claimed)
    assert {state for state, _, _ in found.values()} == {"no answer", "optional"}


HOSTILE = [
    b"<script>alert(1)</script>",
    b'"><img src=x onerror=alert(1)>',
    "\u202eelpmaxe\u2066".encode(),
    b"\x00\x1b[31m\xff\xfe",
    "\u3164 hidden filler".encode(),
    b"' hx-get='/dashboard/start' hx-trigger='load",
    b"x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_what_strangers_publish_is_text(claimed: Browser, zone: Zone, text: bytes) -> None:
    zone.texts[NAME] = [b"e2a-verify=" + text, b"v=spf1 " + text]
    zone.exchangers[NAME] = [text.decode("utf-8", "replace").replace("\0", "")]
    zone.texts[f"_dmarc.{NAME}"] = [text]
    assert (await claimed.post(HERE + "/check")).status == 303
    answer = await claimed.get(HERE)
    page = seen(answer)
    assert len(page.all("script", "src")) == len([tag for tag, _ in page.elements if tag == "script"]) == 2
    assert not [found for _, found in page.elements if any(name.startswith("on") for name in found)]
    assert not [tag for tag, found in page.elements if tag == "img" or found.get("hx-trigger") == "load"]
    for character in "\u202e\u2066\x1b\x00\u3164":
        assert character not in answer.text
    assert len(answer.text) < 60_000


def test_what_the_dns_answered_is_shown_to_the_letter() -> None:
    assert exactly("v=spf1  a:x   ~all") == "v=spf1  a:x   ~all"
    assert exactly("größe Ω") == "größe Ω"
    assert exactly("a\u200bb") == "a[U+200B]b"


def test_every_purpose_and_word_has_its_words() -> None:
    domain = Domain("a.example", "x", "t", False, now(), None, {}, (), 0, None)  # type: ignore[arg-type]  # not looked at
    for purpose in Purpose:
        record = Record("TXT", "a.example", "v", None, purpose, purpose.value)
        for word in ("found", "missing", "mismatch", "deferred"):
            kept = attrs.evolve(domain, seen={purpose.value: {"word": word, "seen": ["v"]}})
            (one,) = entries([record], kept)
            assert one.what
            assert one.why
            assert one.seen == ()
        (one,) = entries([record], domain)
        assert one.state in ("not checked yet", "optional")


async def test_a_page_that_asks_again_is_answered_only_when_something_changed(claimed: Browser, zone: Zone) -> None:
    page = seen(await claimed.get(HERE))
    (section,) = [found for _, found in page.elements if found.get("id") == "domain"]
    assert section["hx-trigger"] == "live from:body, every 5s"
    again = section["hx-get"] or ""
    same = await claimed.get(again, hx_request="true")
    assert (same.status, same.body) == (204, b"")
    assert (await claimed.get(again)).status == 200  # a person who reloads sees the page
    zone.texts[NAME] = [(await _row(claimed))["verification_token"].encode()]
    await claimed.post(HERE + "/check")
    changed = await claimed.get(again, hx_request="true")
    assert changed.status == 200
    assert "found" in {one["state"] for one in records(changed.text)}


async def test_a_domain_that_has_all_asks_no_more_by_the_clock(claimed: Browser, zone: Zone) -> None:
    services = claimed.client.services
    services.config = attrs.evolve(services.config, domains=attrs.evolve(services.config.domains, assume_verified=True))
    answer = await claimed.post(HERE + "/check")
    assert answer.headers["location"] == HERE + "?did=domain_ready"
    page = seen(await claimed.get(HERE))
    (section,) = [found for _, found in page.elements if found.get("id") == "domain"]
    assert section["hx-trigger"] == "live from:body"


async def test_keys_are_rotated_with_an_overlap(claimed: Browser, zone: Zone) -> None:
    text = seen(await claimed.get(HERE)).text
    assert text.count("signs now") == 2
    for _ in range(2):  # twice is once
        answer = await claimed.post(HERE + "/rotate")
        assert answer.headers["location"] == HERE + "?did=domain_keys"
    answer = await claimed.get(HERE)
    text = seen(answer).text
    assert text.count("signs now") == 2
    assert text.count("waits for its record to be found") == 2
    assert "Rotate keys" not in text
    new = [one for one in records(answer.text) if "New signature key" in one["what"]]
    assert len(new) == 2
    zone.texts[NAME] = [(await _row(claimed))["verification_token"].encode()]
    zone.exchangers[NAME] = [MX]
    for one in new:
        zone.texts[one["name"]] = [one["value"].encode()]
    assert (await claimed.post(HERE + "/check")).status == 303
    answer = await claimed.get(HERE)
    page = seen(answer)
    assert page.text.count("signs now") == 2
    assert page.text.count("leave its record until") == 2
    until = now() + timedelta(days=7)
    assert f"{until.day} {until:%B %Y}" in page.text
    assert "Rotate keys" in page.text
    assert len([one for one in records(answer.text) if "Former signature key" in one["what"]]) == 2


async def test_too_many_rotations_are_refused_on_the_page(claimed: Browser) -> None:
    db = claimed.client.services.db
    for _ in range(30):
        answer = await claimed.post(HERE + "/rotate")
        if answer.status != 303:
            break
        await db.execute("update domain_keys set state = 'retired', retired_at = now() where state = 'active'")
        await db.execute("update domain_keys set state = 'active' where state = 'next'")
    assert answer.status == 409
    assert "rotate again next month" in answer.text
    assert 'role="alert"' in answer.text
    assert "Signature keys" in answer.text


async def test_a_proof_that_is_gone_says_until_when(claimed: Browser) -> None:
    db = claimed.client.services.db
    await db.execute(
        "update domains set verified = true, verified_at = now(), claim_expires_at = null, failing_since = now()"
        " - interval '1 day' where domain = 'acme.example'"
    )
    text = seen(await claimed.get(HERE)).text
    lapses = now() + timedelta(days=6)
    assert "Put it back before" in text
    assert f"{lapses.day} {lapses:%B %Y}" in text
    assert "at risk" in seen(await claimed.get("/dashboard/domains")).text
    await db.execute("update domains set verified = false where domain = 'acme.example'")
    assert "Not any more" in seen(await claimed.get(HERE)).text
    assert "lapsed" in seen(await claimed.get("/dashboard/domains")).text


async def test_the_slow_start_is_on_the_page(claimed: Browser) -> None:
    services = claimed.client.services
    services.config = attrs.evolve(services.config, ramp=attrs.evolve(services.config.ramp, enabled=True))
    await services.db.execute(
        "insert into sending_ramps (account_id, domain, state, active_days, day, used)"
        " values (%(account)s, 'acme.example', 'ramping', 3, current_date, 7)",
        {"account": claimed.account_id},
    )
    text = seen(await claimed.get(HERE)).text
    assert re.search(r"Today 7 of \d+ recipients\. Day 3 of 30", text)


async def test_a_domain_is_given_up_by_its_name(claimed: Browser) -> None:
    page = seen(await claimed.get(HERE + "/delete"))
    (once,) = [found["value"] for tag, found in page.elements if tag == "input" and found.get("name") == "once"]
    before = await rows(claimed.client)
    for typed in ("", "acme", "acme.example.org", "<b>"):
        answer = await claimed.post(HERE + "/delete", {"typed": typed, "once": once})
        assert answer.status == 400
        assert "Type acme.example to delete it" in answer.text
    assert await rows(claimed.client) == before
    for _ in range(2):  # a second click is the same
        answer = await claimed.post(HERE + "/delete", {"typed": "Acme.Example", "once": once})
        assert (answer.status, answer.headers["location"]) == (303, "/dashboard/domains?did=domain_deleted")
    assert (await claimed.get(HERE)).status == 404
    assert NAME not in (await claimed.get("/dashboard/domains")).text


async def test_a_domain_with_agents_stays(claimed: Browser) -> None:
    db = claimed.client.services.db
    await db.execute("update domains set verified = true where domain = 'acme.example'")
    await make_agent(db, claimed.account_id, f"bot@{NAME}")
    await make_agent(db, claimed.account_id, f"gone@{NAME}")
    await db.execute("update agents set deleted_at = now() where email = 'gone@acme.example'")
    text = seen(await claimed.get(HERE)).text
    assert f"bot@{NAME}" in text
    assert f"gone@{NAME} in the trash" in text
    answer = await claimed.post(HERE + "/delete", {"typed": NAME})
    assert answer.status == 400
    text = seen(answer).text
    assert "has agents, live or in the trash" in text
    assert f"bot@{NAME}" in text
    assert (await claimed.get(HERE)).status == 200


async def test_a_domain_that_was_deleted_meanwhile(claimed: Browser) -> None:
    page = seen(await claimed.get(HERE))
    (section,) = [found for _, found in page.elements if found.get("id") == "domain"]
    await claimed.client.services.db.execute("delete from domains where domain = 'acme.example'")
    answer = await claimed.get(section["hx-get"] or "", hx_request="true")
    assert answer.status == 200
    page = seen(answer)
    assert "is not yours any more" in page.text
    (section,) = [found for _, found in page.elements if found.get("id") == "domain"]
    assert "hx-get" not in section
    for path in ("", "/delete"):
        assert (await claimed.get(HERE + path)).status == 404
    for path in ("/check", "/rotate", "/delete"):
        answer = await claimed.post(HERE + path, {"typed": NAME})
        assert answer.status == 404
        assert "It may have been deleted" in answer.text


NAMES = [
    NAME,
    "ACME.example",
    "nothing.example",
    "a%2Fb",
    "%3Cscript%3E",
    "-",
    "xn--a",
    "a" * 300,
    "%F0%9F%98%80.example",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20])
async def test_what_another_account_has_is_not_there(claimed: Browser, stranger: Browser, name: str) -> None:
    before = await rows(claimed.client)
    there = f"/dashboard/domains/{name}"
    for path in ("", "/delete"):
        assert (await stranger.get(there + path)).status == 404, path
    for path in ("/check", "/rotate", "/delete"):
        assert (await stranger.post(there + path, {"typed": name})).status == 404, path
    assert NAME not in (await stranger.get("/dashboard/domains")).text
    assert await rows(claimed.client) == before


async def test_lists_page(browser: Browser) -> None:
    db = browser.client.services.db
    for number in range(120):
        await db.execute(
            "insert into domains (domain, account_id, verification_token) values (%(name)s, %(account)s, 'x')",
            {"name": f"d{number:03}.example", "account": browser.account_id},
        )
    found, path = list[str](), "/dashboard/domains"
    for _ in range(5):
        page = seen(await browser.get(path))
        found += re.findall(r"d\d{3}\.example", page.text)
        onward = [one["href"] for tag, one in page.elements if tag == "a" and one.get("rel") == "next"]
        if not onward:
            assert "First page" in page.text
            break
        path = str(onward[0])
    assert sorted(found) == [f"d{number:03}.example" for number in range(120)]
    assert (await browser.get("/dashboard/domains?cursor=nonsense")).status == 400
