"""Keys in a real Chromium: made, copied, used, revoked; for everybody, without a script too."""

from typing import Any

import pytest

from tests.live.test_dashboard import LOOKS, Chromium, chromium
from tests.live.test_dashboard_domains import beautiful

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

__all__ = ["chromium"]

pytestmark = pytest.mark.live


def make(page: Any, url: str, name: str, opens: str = "The whole account") -> str:
    """A key made by the form, as it is shown."""
    page.goto(f"{url}/dashboard/keys")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("What it opens").select_option(label=opens)
    page.get_by_role("button", name="Create key").click()
    page.get_by_text("Copy it now").wait_for()
    return str(page.locator("#new-key").text_content())


def test_a_key_from_the_form_to_its_end(chromium: Chromium) -> None:
    page = chromium.page(permissions=["clipboard-read", "clipboard-write"])
    agent = chromium.dev.agent("keyed")
    key = make(page, chromium.url, "invoices", f"Only {agent}")
    page.get_by_role("button", name="Copy the key").click()
    page.get_by_text("Copied", exact=True).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == key
    assert key not in page.url
    messages = f"/v1/agents/{agent}/messages"
    assert chromium.dev.api("GET", messages, key=key)[0] == 200
    assert chromium.dev.api("GET", "/v1/domains", key=key)[0] == 403

    # A reload sends the form again: no second key, and not the same one again.
    page.reload()
    page.get_by_text("This form was sent before").wait_for()
    assert key not in page.content()
    assert page.get_by_role("link", name="Revoke invoices").count() == 1
    page.go_back()
    page.wait_for_load_state()
    assert key not in page.content()

    page.goto(f"{chromium.url}/dashboard/keys?agent={agent}")
    page.get_by_role("link", name="Revoke invoices").click()
    page.get_by_role("button", name="Revoke key").click()
    page.get_by_text("The key is revoked").wait_for()
    page.get_by_role("heading", name="Keys").wait_for()
    assert page.get_by_text("invoices").count() == 0
    assert chromium.dev.api("GET", messages, key=key)[0] == 401
    assert page.trouble == []


def test_a_browser_that_is_signed_in_with_a_key_goes_with_it(chromium: Chromium) -> None:
    page = chromium.page()
    key = make(page, chromium.url, "for a browser")
    other = chromium.browser.new_context().new_page()
    other.goto(f"{chromium.url}/dashboard/keys")
    other.get_by_label("API key").fill(key)
    other.get_by_role("button", name="Sign in", exact=True).click()
    other.get_by_text("you are signed in with it").wait_for()
    other.get_by_text("Live", exact=True).wait_for()
    other.get_by_role("link", name="Revoke for a browser").click()
    other.get_by_text("Revoking it signs you out at once").wait_for()
    other.get_by_role("button", name="Revoke key").click()
    other.get_by_role("heading", name="Sign in").wait_for()
    page.goto(f"{chromium.url}/dashboard/keys")
    assert page.get_by_text("for a browser").count() == 0


def test_signing_secrets(chromium: Chromium) -> None:
    page = chromium.page(java_script_enabled=False)
    page.goto(f"{chromium.url}/dashboard/keys")
    page.get_by_role("link", name="Signing secrets").click()
    page.get_by_label("Name of the new secret").fill("since March")
    page.get_by_role("button", name="Create secret").click()
    page.get_by_text("The secret is created").wait_for()
    first = page.locator(".held-secrets > li").first
    assert "signs now" in first.text_content()
    first.get_by_text("Show the secret").click()
    assert len(first.locator("pre").inner_text()) == 64
    page.get_by_role("link", name="Delete since March").click()
    page.get_by_role("button", name="Delete secret").click()
    page.get_by_text("The secret is deleted").wait_for()


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_use_it(chromium: Chromium, look: str) -> None:
    page = chromium.page(look)
    base = f"{chromium.url}/dashboard/keys"
    make(page, chromium.url, "a rather long name of a key that somebody has thought about for a while, and then again")
    beautiful_now(page)
    for url in (base, f"{base}/new", f"{base}/connections", f"{base}/signing-secrets"):
        beautiful(page, url)
    page.get_by_text("Show the secret").first.click()
    beautiful_now(page)
    page.goto(base)
    page.get_by_role("link", name="Revoke a rather long").first.click()
    beautiful(page, page.url)
    assert page.trouble == []


def beautiful_now(page: Any) -> None:
    """The page as it stands."""
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
