"""A domain of one's own in a real Chromium: claimed, its records copied, published on loopback, found by themselves."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from e2ad.dev.zone import Zone
from tests.live.running import wait_until
from tests.live.serving import Deployment
from tests.live.test_dashboard import CHROMIUM, LOOKS, Chromium
from tests.live.test_domains import MX, name_server

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

__all__ = ["name_server"]

pytestmark = pytest.mark.live

NAME = "shop.test"


@pytest.fixture
def person(deployment: Deployment, name_server: tuple[Zone, str]) -> Iterator[tuple[Chromium, Zone]]:
    """Somebody who is signed in, and the zone that their domain is in."""
    if not os.access(CHROMIUM, os.X_OK):
        if os.environ.get("CI"):
            pytest.fail("there is no chromium")
        pytest.skip("there is no chromium")
    zone, address = name_server
    zone.add("test", "TXT", "a zone")
    with (
        deployment.serving(SMTP_DOMAIN=MX, DNS_NAMESERVERS=address, DOMAINS_SWEEP_SECONDS="0.2") as serving,
        playwright.sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{serving.told['dashboard_url']}/")
        page.get_by_label("API key").fill(serving.api_key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/dashboard/**")
        yield Chromium(browser, serving, page.context.storage_state()), zone
        browser.close()


def publish(zone: Zone, records: list[dict[str, Any]]) -> None:
    for record in records:
        zone.remove(record["name"], record["type"])
    for record in records:
        value = f"{record['priority']} {record['value']}." if record["type"] == "MX" else record["value"]
        zone.add(record["name"], record["type"], value)


def states(page: Any) -> list[str]:
    return [one.strip() for one in page.locator("#domain .records .tag").all_text_contents()]


def complaints(page: Any) -> list[str]:
    """What the browser complains of, but for a form that was refused, as it had to be."""
    return [one for one in page.trouble if "status of 400" not in one]


def beautiful(page: Any, url: str) -> None:
    """Nothing to complain of for axe, and nothing wider than the window."""
    assert page.goto(url).status == 200, url
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == [], url
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{url} is too wide"


def test_from_a_name_to_green(person: tuple[Chromium, Zone]) -> None:
    chromium, zone = person
    page = chromium.page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{chromium.url}/dashboard/domains")
    page.get_by_label("Domain", exact=True).fill("co.uk")
    page.get_by_role("button", name="Add domain").click()
    page.get_by_text("co.uk is a public suffix").wait_for()
    page.get_by_label("Domain", exact=True).fill(NAME)
    page.get_by_role("button", name="Add domain").click()
    page.get_by_role("heading", name=NAME, exact=True).wait_for()

    # What is copied is what the API says, however long it is.
    _, domain = chromium.dev.api("GET", f"/v1/domains/{NAME}")
    records = domain["dns_records"]
    rows = page.locator("#domain .records > li")
    assert rows.count() == len(records)
    for number, record in enumerate(records):
        for what in ("name", "value"):
            button = rows.nth(number).get_by_role("button", name=f"Copy the {what}")
            button.click()
            button.filter(has_text="Copied").wait_for()
            assert page.evaluate("navigator.clipboard.readText()") == record[what]

    # Another's signature key stands there as an alias, and mail goes elsewhere.
    dkim = next(record for record in records if record["purpose"] == "dkim")
    zone.add(dkim["name"], "CNAME", "key.provider.test.")
    zone.add("key.provider.test", "TXT", "v=DKIM1; k=rsa; p=AAAA")
    zone.add(NAME, "MX", "10 old.provider.test.")
    page.get_by_role("button", name="Check now").click()
    page.get_by_text("it is not complete yet").wait_for()
    assert set(states(page)) == {"missing", "differs", "optional"}
    assert page.locator(".record dd", has_text="v=DKIM1; k=rsa; p=AAAA").count() == 1
    page.get_by_text("10 old.provider.test").wait_for()

    # Now they are pasted.
    zone.remove(dkim["name"])
    publish(zone, records)
    page.get_by_role("button", name="Check now").click()
    page.get_by_text("everything is there").wait_for()
    assert set(states(page)) == {"found", "optional"}
    page.get_by_text("signed with its own keys").wait_for()
    assert complaints(page) == []


def test_what_the_server_sees_by_itself_appears_without_a_reload(person: tuple[Chromium, Zone]) -> None:
    chromium, zone = person
    status, domain = chromium.dev.api("POST", "/v1/domains", {"domain": NAME})
    assert status == 201
    page, other = chromium.page(), chromium.page()
    page.goto(f"{chromium.url}/dashboard/domains/{NAME}")
    page.evaluate("window.kept = true; getSelection().selectAllChildren(document.getElementById('r1-value'))")
    token = page.evaluate("getSelection().toString()")
    assert token == domain["verification_token"]
    # Asked again and again, nothing that a person has marked is lost while nothing changes.
    with page.expect_response(lambda answer: "mark=" in answer.url and answer.status == 204, timeout=15_000):
        pass
    assert page.evaluate("getSelection().toString()") == token
    publish(zone, domain["dns_records"])
    other.goto(f"{chromium.url}/dashboard/domains/{NAME}")
    other.get_by_role("button", name="Check now").click()
    other.get_by_text("everything is there").wait_for()
    page.get_by_text("signed with its own keys").wait_for()
    assert set(states(page)) == {"found", "optional"}

    # New keys: the old ones sign until the records are there.
    other.get_by_role("button", name="Rotate keys").click()
    other.get_by_text("New keys are created").wait_for()
    wait_until(lambda: len(chromium.dev.api("GET", f"/v1/domains/{NAME}")[1]["dns_records"]) > 9)
    assert states(other).count("not checked yet") == 2
    publish(zone, chromium.dev.api("GET", f"/v1/domains/{NAME}")[1]["dns_records"])
    other.get_by_role("button", name="Check now").click()
    other.get_by_text("leave its record until").first.wait_for()

    # Given up by its name; the page that is open says so.
    other.get_by_role("link", name="Delete this domain").click()
    other.get_by_label(f"Type {NAME}").fill("shop")
    other.get_by_role("button", name="Delete domain").click()
    other.get_by_text(f"Type {NAME} to delete it.").wait_for()
    other.get_by_label(f"Type {NAME}").fill(NAME)
    other.get_by_role("button", name="Delete domain").click()
    other.get_by_text("The domain is deleted.").wait_for()
    page.evaluate("htmx.trigger(document.body, 'live')")
    page.get_by_text("This domain is not yours any more").wait_for()
    assert page.evaluate("window.kept")
    assert page.trouble == []
    assert complaints(other) == []


def test_everybody_can_use_it(person: tuple[Chromium, Zone]) -> None:
    chromium, zone = person
    base = f"{chromium.url}/dashboard/domains"
    beautiful(chromium.page("phone"), base)
    _, domain = chromium.dev.api("POST", "/v1/domains", {"domain": NAME})
    publish(zone, domain["dns_records"][:2])
    zone.add(f"_dmarc.{NAME}", "TXT", "v=DMARC2; " + "x" * 200)
    chromium.dev.api("POST", f"/v1/domains/{NAME}/verify")
    chromium.dev.api("POST", f"/v1/domains/{NAME}/rotate-keys")
    for look in LOOKS:
        page = chromium.page(look)
        for url in (base, f"{base}/{NAME}", f"{base}/{NAME}/delete"):
            beautiful(page, url)
        assert page.trouble == []


def test_without_a_script(person: tuple[Chromium, Zone]) -> None:
    chromium, zone = person
    page = chromium.page(java_script_enabled=False)
    page.goto(f"{chromium.url}/dashboard/domains")
    page.get_by_label("Domain", exact=True).fill(NAME)
    page.get_by_role("button", name="Add domain").click()
    page.get_by_text("Paste the records below").wait_for()
    assert page.get_by_role("button", name="Copy").count() == 0
    publish(zone, chromium.dev.api("GET", f"/v1/domains/{NAME}")[1]["dns_records"])
    page.get_by_role("button", name="Check now").click()
    page.get_by_text("everything is there").wait_for()
    page.get_by_role("link", name="Delete this domain").click()
    page.get_by_label(f"Type {NAME}").fill(NAME)
    page.get_by_role("button", name="Delete domain").click()
    page.get_by_text("The domain is deleted.").wait_for()
