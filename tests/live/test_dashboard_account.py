"""The account and its audit log in a real Chromium: sessions end, files arrive, approvals are proved, all is gone."""

import json
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.test_audit import recipe
from tests.live.running import Running, dev_folder, running_dev
from tests.live.test_dashboard import LOOKS, SECONDS, Chromium, axe, chromium
from tests.live.test_reviews import protect, send

__all__ = ["chromium"]

pytestmark = pytest.mark.live

PAGES = ("account", "account/export", "account/delete", "account/suppressions", "account/audit", "account/audit/verify")


@pytest.fixture(scope="module")
def dev() -> Iterator[Running]:
    """A deployment whose account may be deleted in the end."""
    with dev_folder() as folder, running_dev(Path(folder)) as running:
        yield running


def sign_in(chromium: Chromium) -> Any:
    """A browser of its own."""
    page = chromium.browser.new_context().new_page()
    page.set_default_timeout(SECONDS)
    page.goto(f"{chromium.url}/dashboard/account")
    page.get_by_label("API key").fill(chromium.dev.api_key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Account", exact=True).wait_for()
    return page


def test_another_session_is_ended_and_its_page_signed_out(chromium: Chromium) -> None:
    other = sign_in(chromium)
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/account")
    assert page.get_by_text("this one").count() == 1
    page.get_by_role("button", name="End the session of").first.click()
    page.get_by_text("The session is over.").wait_for()
    other.get_by_role("link", name="Audit log").click()
    other.get_by_role("heading", name="Sign in").wait_for()
    assert page.trouble == []


def test_the_export_arrives_and_is_whole(chromium: Chromium, tmp_path: Path) -> None:
    agent = chromium.dev.agent("exported")
    for number in range(3):
        chromium.mail(agent, f"Take me {number}", 900 + number)
    chromium.message(agent, "Take me 2")
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/account/export")
    with page.expect_download() as begun:
        page.get_by_role("button", name="Download the export").click()
    assert begun.value.suggested_filename.startswith("e2a-export-")
    told = json.loads(Path(begun.value.path()).read_text())
    assert sum("Take me" in one["subject"] for one in told["messages"]) == 3
    page.get_by_text("All data").first.wait_for()
    assert page.trouble == []


def test_an_approval_made_here_is_in_the_log_with_its_hash(chromium: Chromium, tmp_path: Path) -> None:
    writer, reader = chromium.dev.agent("audit-writer"), chromium.dev.agent("audit-reader")
    protect(chromium.dev, writer)
    message_id = send(chromium.dev, writer, reader)
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/reviews")
    # As the page does it: from one of our own, with the session alone.
    script = """id => fetch(`/v1/reviews/${id}/approve`, {method: "POST", body: "{}",
        headers: {"Content-Type": "application/json"}}).then(answer => answer.status)"""
    assert page.evaluate(script, message_id) in (200, 202)
    page.goto(f"{chromium.url}/dashboard/account/audit")
    row = page.get_by_role("listitem").filter(has_text="Approved held mail").first
    assert row.get_by_text("This browser").count() == 1
    row.get_by_text("Evidence", exact=True).click()
    sha256 = row.locator("dt:has-text('Content (SHA-256)') + dd").inner_text()
    assert len(bytes.fromhex(sha256)) == 32
    row.get_by_role("link", name="only this").click()
    page.get_by_text(message_id).first.wait_for()
    assert page.locator(".ledger strong", has_text="Signed in").count() == 0
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("rows hold.").wait_for()
    head = page.locator("#head").inner_text()
    page.get_by_role("link", name="Audit log").click()
    with page.expect_download() as begun:
        page.get_by_role("button", name="Download").click()
    file = str(begun.value.path())
    proof = subprocess.run([sys.executable, "-c", recipe(), file], capture_output=True, text=True, check=False)
    assert proof.stdout.strip() == head, proof.stderr
    assert page.trouble == []


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_stands_in_the_way_of_anybody(chromium: Chromium, look: str) -> None:
    page = chromium.page(look)
    for name in PAGES:
        url = f"{chromium.url}/dashboard/{name}"
        assert page.goto(url).status == 200, url
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == [], url
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{url} is too wide"
    assert page.trouble == []


def test_without_a_script(chromium: Chromium) -> None:
    sign_in(chromium)
    page = chromium.page(java_script_enabled=False)
    page.goto(f"{chromium.url}/dashboard/account/audit")
    page.get_by_text("Filter", exact=True).first.click()
    page.get_by_label("Who", exact=True).select_option(label="People in a browser")
    page.get_by_role("button", name="Filter").click()
    page.locator(".ledger strong", has_text="Signed in").first.wait_for()
    page.get_by_role("button", name="Verify").click()
    page.get_by_text("rows hold.").wait_for()
    page.goto(f"{chromium.url}/dashboard/account")
    page.get_by_role("button", name="End all others").click()
    page.get_by_text("All other sessions are over.").wait_for()
    page.get_by_text("Nobody is signed in anywhere else.").wait_for()


def test_the_account_is_deleted(chromium: Chromium) -> None:
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/account")
    page.get_by_role("link", name="Delete the account").click()
    page.get_by_role("textbox", name="to delete the account").fill("no")
    page.get_by_role("button", name="Delete the account").click()
    page.get_by_text("Nothing is deleted.").wait_for()
    email = page.locator("label[for=typed] code").inner_text()
    page.get_by_role("textbox", name="to delete the account").fill(email)
    page.get_by_role("button", name="Delete the account").click()
    page.get_by_role("heading", name="The account is deleted").wait_for()
    found = axe.Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] != "minor"] == []
    page.goto(f"{chromium.url}/dashboard/inbox")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert urllib.parse.urlsplit(page.url).path == "/api/auth/login"
    assert chromium.dev.api("GET", "/v1/account")[0] == 401
