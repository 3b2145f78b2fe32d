"""What a stranger writes is text: in every field of a mail, on every page that shows it."""

import base64
import re

import pytest

from tests.api.conftest import Answer, make_caller
from tests.api.world import populate
from tests.dashboard.conftest import AGENT, Browser, mail, seen
from tests.dashboard.places import ALSO, GETS, Around, filled, furnish, shown
from tests.dashboard.poison import PAYLOADS as HOSTILE
from tests.dashboard.poison import hostile_mail, poison

PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre><iframe srcdoc='<script>alert(1)</script>'>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}<b>",
    "${alert(1)}",
    "<!--<script>-->alert(1)",
    "\u202egpj.exe\u202c\u2066\u200b",
    "&lt;script&gt;&#60;script&#62;",
    "\u2028alert(1)\u2029",
    '<a href="data:text/html,<script>alert(1)</script>">',
    "' hx-get='/dashboard/start' hx-trigger='load' x='",
    '" onfocus=alert(1) autofocus x="',
]
FIELDS = [
    "subject",
    "from_name",
    "from_address",
    "to",
    "cc",
    "reply_to",
    "file_name",
    "file_kind",
    "text",
    "message_id",
    "header",
]


def encoded(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="


def letter(field: str, payload: str) -> bytes:
    """A mail with the payload in one place."""
    said = {one: payload if one == field else "" for one in FIELDS}
    local = '"' + payload.replace("\\", "").replace('"', "'") + '"'
    lines = [
        f"From: {encoded(said['from_name'] or 'Ada')} <{local if field == 'from_address' else 'ada'}@example.org>",
        f"To: {encoded(said['to'] or 'Bot')} <{local if field == 'to' else 'bot'}@agents.localhost>",
        f"Cc: {encoded(said['cc'] or 'C')} <{local if field == 'cc' else 'c'}@example.org>",
        f"Reply-To: {encoded(said['reply_to'] or 'R')} <{local if field == 'reply_to' else 'r'}@example.org>",
        f"Subject: {encoded(said['subject'] or 'Hello')}",
        f"Message-ID: <{payload if field == 'message_id' else 'm1'}@example.org>",
        f"X-Thing: {encoded(payload) if field == 'header' else 'x'}",
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=cut",
        "",
        "--cut",
        "Content-Type: text/plain; charset=utf-8",
        "",
        said["text"] or "Good morning.",
        "--cut",
        f"Content-Type: {'text/' + payload if field == 'file_kind' else 'text/csv'}",
        f'Content-Disposition: attachment; filename="{encoded(payload) if field == "file_name" else "a.csv"}"',
        "",
        "1,2",
        "--cut--",
        "",
    ]
    return "\r\n".join(lines).encode()


def check(answer, *, where: str) -> None:
    """No element and no attribute that only a stranger can have brought."""
    assert answer.status == 200, (where, answer.status)
    page = seen(answer)
    scripts = [found for tag, found in page.elements if tag == "script"]
    assert all(set(found) == {"src", "defer"} for found in scripts), where
    assert len(scripts) == 2, where
    for tag, found in page.elements:
        assert tag not in ("object", "embed", "base", "math", "style"), where
        assert tag != "img", where
        assert "srcdoc" not in found, where
        assert not [name for name in found if name.startswith("on")], (where, tag, found)
        for name in ("href", "src", "action", "formaction"):
            assert not re.match(r"\s*(javascript|data|vbscript):", found.get(name) or "", re.IGNORECASE), (where, found)
        if "hx-get" in found:
            assert found["hx-get"].startswith("/dashboard/"), (where, found)
            assert found["hx-trigger"] == "live from:body", where
    assert "49" not in re.findall(r">[^<]*\b(49)\b", answer.text), where


@pytest.mark.parametrize("field", FIELDS)
async def test_every_field_of_a_mail_is_text(browser: Browser, field: str) -> None:
    for number, payload in enumerate(PAYLOADS):
        there = await mail(browser, letter(field, payload), number=number)
        for path in ("", "?show=html", "/raw", "/reply", "/forward"):
            check(await browser.get(there + path), where=f"{field} {payload!r} {path}")
    for path in (
        "/dashboard/inbox",
        f"/dashboard/inbox?agent={AGENT}",
        f"/dashboard/start/{AGENT}",
        "/dashboard/inbox?unread=1",
    ):
        check(await browser.get(path), where=f"{field} {path}")


@pytest.fixture
async def world(anybody: Browser) -> Around:
    client = anybody.client
    client.key = (caller := await make_caller(client.services.db)).key
    found = await furnish(client.services.db, await populate(client, caller.account_id))
    client.key = None
    anybody.account_id, anybody.cookie = caller.account_id, await client.services.sessions.begin(caller.account_id)
    return found


@pytest.mark.parametrize("number", range(len(HOSTILE)))
async def test_every_page_takes_every_text_for_text(anybody: Browser, world: Around, number: int) -> None:
    """Whatever stands in any text of the account, no page gets an element or an attribute of it."""
    urls = [filled(path, world) for path in GETS] + ["/dashboard" + one(world) for one in ALSO]
    before = {url: await anybody.get(url) for url in urls}
    db, text = anybody.client.services.db, HOSTILE[number]
    await poison(db, world, text)
    sent = await hostile_mail(db, world, AGENT, text, 30)
    there = f"/dashboard/inbox/{AGENT}/messages/{sent}"
    wrong = []
    for url in [*urls, *(there + part for part in ("", "?show=html", "/raw", "/reply", "/forward", "/html"))]:
        answer = await anybody.get(url)
        if answer.status >= 400 and not (url in before and answer.status == before[url].status):
            wrong.append(f"{url}: {answer.status}")
        wrong += [f"{url}: {one}" for one in brought(url, answer)]
    assert wrong == []


def brought(url: str, answer: Answer) -> list[str]:
    """Elements and attributes of a page that none of our templates has, and addresses that are not ours."""
    page = shown(f"http://test{url}", answer)
    framed = url.partition("?")[0].endswith("/html") and answer.status == 200  # else it is a page of ours that says why
    found = [f"inline {tag}" for tag in page.inline if not framed]
    never = STRANGE - {"style", "img"} | {"form", "input", "link", "svg"} if framed else STRANGE
    for tag, given in page.elements:
        strange = [one for one in given if one.startswith(("on", "hx-on")) or one in ("srcdoc", "formaction")]
        if strange or tag in never:
            found.append(f"{tag} {given}")
        if (given.get("hx-get") or "/dashboard").partition("?")[0] != url.partition("?")[0] and "hx-get" in given:
            found.append(f"{tag} hx-get={given['hx-get']}")
    others = [one for one in [*page.links, *page.loaded] if not one.startswith(("http://test/", "mailto:", "tel:"))]
    return found + [one for one in others if not (framed and one.startswith(("https://", "http://")))]


STRANGE = {"object", "embed", "base", "math", "mglyph", "style", "applet", "video", "audio", "img", "frame", "noscript"}
"""Elements that no page of ours has; the mail's own page has a style of ours."""


@pytest.mark.parametrize(
    "column",
    [
        "subject",
        "sender_name",
        "header_from",
        "envelope_from",
        "flag_reason",
        "continuity_detail",
        "resembles",
        "automation",
    ],
)
async def test_what_is_stored_is_text_however_it_came_there(browser: Browser, column: str) -> None:
    for number, payload in enumerate(PAYLOADS):
        more = {"continuity": "break"} if column in ("continuity_detail", "resembles") else {}
        authentication = {"authentication": _evidence(payload)}
        there = await mail(browser, number=number, **{column: payload}, **more, **authentication)
        check(await browser.get(there), where=f"{column} {payload!r}")
    check(await browser.get("/dashboard/inbox"), where=column)


async def test_labels_are_text(browser: Browser) -> None:
    there = await mail(browser, labels=list(PAYLOADS))
    check(await browser.get(there), where="label")
    check(await browser.get("/dashboard/inbox"), where="label in a list")
    for payload in PAYLOADS:
        answer = await browser.post(there + "/labels", {"add": payload})
        assert answer.status in (303, 400, 422)


@pytest.mark.parametrize("name", ["q", "from", "label", "agent", "box", "cursor", "did"])
async def test_what_an_address_brings_is_text(browser: Browser, name: str) -> None:
    for payload in PAYLOADS:
        for path in ("/dashboard/inbox", "/dashboard/compose"):
            answer = await browser.client.request("GET", path, query={name: payload}, headers=browser._headers({}))
            if answer.status == 200:
                check(answer, where=f"{name}={payload!r}")
            else:
                assert answer.status in (400, 404, 422), answer.text
                assert len([tag for tag, _ in seen(answer).elements if tag == "script"]) == 0


@pytest.mark.parametrize("name", ["to", "cc", "subject", "text", "from"])
async def test_a_form_that_comes_back_is_text(browser: Browser, name: str) -> None:
    for payload in PAYLOADS:
        form = {"from": AGENT, "to": "not an address", "subject": "Hi", "text": "Hello", name: payload}
        answer = await browser.post("/dashboard/compose", form)
        if answer.status == 303:
            continue
        assert answer.status >= 400
        page = seen(answer)
        assert len([tag for tag, _ in page.elements if tag == "script"]) == 2, payload
        assert not [found for _, found in page.elements if any(key.startswith("on") for key in found)], payload
    for payload in PAYLOADS:
        answer = await browser.post("/dashboard/start", {"name": payload})
        assert answer.status >= 400, payload
        assert len([tag for tag, _ in seen(answer).elements if tag == "script"]) == 2, payload


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_a_file_is_saved_and_never_shown(browser: Browser, payload: str) -> None:
    there = await mail(browser, letter("file_name", payload))
    answer = await browser.get(there + "/attachments/0")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    name = re.search(r'filename="([^"]*)"', answer.headers["content-disposition"])
    assert name is not None
    assert not set(name[1]) & set('/\\:*?<>|;%"\r\n')


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/pdf"])
async def test_documents_are_saved_too(browser: Browser, kind: str) -> None:
    there = await mail(browser, letter("file_kind", "csv").replace(b"text/csv", kind.encode()))
    answer = await browser.get(there + "/attachments/0")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert (await browser.get(there + "/attachments/1")).status == 404
    for index in ("-1", "x", "99999999", "%31%30"):
        assert (await browser.get(there + f"/attachments/{index}")).status == 404


def _evidence(payload: str):
    from e2ad.storage.adaptation import Jsonb

    return Jsonb(
        {
            "spf": {"status": "fail", "domain": payload, "aligned": False, "detail": payload},
            "dkim": [{"status": "pass", "domain": payload, "selector": payload, "aligned": True, "detail": payload}]
            * 9,
            "dmarc": {"status": "fail", "domain": payload, "policy": "reject", "aligned_by": [], "detail": payload},
            "arc": {"status": "pass", "domain": payload, "detail": payload},
        }
    )
