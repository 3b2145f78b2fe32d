"""The dashboard in a real Chromium: live, by keyboard, without a script, for everybody, closed to strangers."""

import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import frozen

from tests.live.running import Running, dev_folder, running_dev, wait_until

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.live

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SECONDS = 15_000
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 850}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 850}},
    "wide": {"color_scheme": "light", "viewport": {"width": 2200, "height": 1200}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
    "dark phone": {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
}
RICH = """\
From: "Grace \u202eHopper" <grace@northwind.test>
To: {to}
Subject: Invoice 4711 <script>document.title='owned'</script>
Message-ID: <rich@northwind.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=cut

--cut
Content-Type: text/html; charset=utf-8

<h2 style="color:#0a6347">Invoice</h2><p>Dear support</p><img src="https://track.example/p.png" alt="">
<script>parent.document.title='owned'</script><img src=x onerror="parent.document.title='owned'">
<form action="https://evil.example"><input name=password></form><a href="https://northwind.test/pay">Pay</a>
--cut
Content-Type: application/pdf
Content-Disposition: attachment; filename="invoice.pdf"

%PDF
--cut--
"""


@frozen
class Chromium:
    """A browser, and the daemon that it looks at."""

    browser: Any
    dev: Running
    state: Any

    @property
    def url(self) -> str:
        return str(self.dev.told["dashboard_url"])

    def page(self, look: str = "light", **more: Any) -> Any:
        """A new window, signed in; what it complains of and what it asks others for is kept in `page.trouble`."""
        context = self.browser.new_context(storage_state=self.state, **{**LOOKS[look], **more})
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        page.trouble = []
        page.on("console", lambda said: page.trouble.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.trouble.append(str(error)))
        page.on("request", lambda asked: page.trouble.append(asked.url) if not self._ours(asked.url) else None)
        return page

    def _ours(self, url: str) -> bool:
        return url.startswith((self.url + "/", "data:", "about:"))

    def mail(self, to: str, subject: str, number: int) -> None:
        head = f"From: Ada <ada@northwind.test>\nTo: {to}\nSubject: {subject}\nMessage-ID: <{number}@northwind.test>\n"
        self.dev.send(to, head + "\nGood morning.\n", sender="ada@northwind.test")

    def message(self, agent: str, subject: str) -> str:
        """Where a mail is shown."""
        path = f"/v1/agents/{agent}/messages?read_status=all"
        (one,) = wait_until(
            lambda: [item["id"] for item in self.dev.api("GET", path)[1]["items"] if subject in item["subject"]]
        )
        return f"{self.url}/dashboard/inbox/{agent}/messages/{one}"


@pytest.fixture(scope="module")
def chromium(dev: Running) -> Iterator[Chromium]:
    if not os.access(CHROMIUM, os.X_OK):
        if os.environ.get("CI"):
            pytest.fail("there is no chromium")
        pytest.skip("there is no chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{dev.told['dashboard_url']}/")
        page.get_by_label("API key").fill(dev.api_key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/dashboard/**")
        yield Chromium(browser, dev, page.context.storage_state())
        browser.close()


@pytest.fixture(scope="module")
def agent(chromium: Chromium) -> str:
    """An inbox with some of everything in it."""
    email = chromium.dev.another_agent("looked-at")
    chromium.dev.send(email, RICH.format(to=email).replace("\n", "\r\n").encode(), sender="grace@northwind.test")
    for number in range(3):
        chromium.mail(email, f"Letter {number}", number)
    found = chromium.message(email, "Invoice").rpartition("/")[2]
    # Next to one whose address is as long as can be, and unread.
    chromium.mail(chromium.dev.another_agent("a-long-name-with-as-many-letters-as"), "S" * 300, 9)
    answer = chromium.dev.api("POST", f"/v1/agents/{email}/messages/{found}/reply", {"text": "It was paid."})
    assert answer[0] in (200, 202)
    chromium.dev.api("PATCH", f"/v1/agents/{email}/messages/{found}", {"add_labels": ["invoice", "urgent"]})
    return email


def test_the_first_mail_appears_by_itself(chromium: Chromium) -> None:
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/start")
    page.get_by_label("Name").fill("first-run")
    page.get_by_role("button", name="Create agent").click()
    page.get_by_text("Waiting for the first mail").wait_for()
    chromium.mail("first-run@agents.localhost", "It works", 50)
    page.get_by_text("Mail has arrived.").wait_for()
    page.get_by_role("link", name="It works").click()
    page.get_by_role("heading", name="It works").wait_for()
    assert page.trouble == []


def test_new_mail_is_listed_without_a_reload_and_after_a_break(chromium: Chromium, agent: str) -> None:
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/inbox?agent={agent}")
    page.get_by_text("Live", exact=True).wait_for()
    page.evaluate("window.kept = true")
    chromium.mail(agent, "While you look", 60)
    page.get_by_text("While you look").wait_for()
    # A page that nobody sees lets go of its stream.
    hide = "seen => { Object.defineProperty(document, 'hidden', { value: !seen, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, False)
    chromium.mail(agent, "While you were away", 61)
    chromium.message(agent, "While you were away")
    page.wait_for_timeout(500)
    assert page.get_by_text("While you were away").count() == 0
    page.evaluate(hide, True)
    page.get_by_text("While you were away").wait_for()
    assert page.evaluate("window.kept")


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_use_it(chromium: Chromium, agent: str, look: str) -> None:
    page = chromium.page(look)
    there = chromium.message(agent, "Invoice")
    base = f"{chromium.url}/dashboard"
    for url in (
        f"{base}/inbox",
        f"{base}/inbox?agent={agent}&unread=1&from=ada",
        f"{base}/inbox?q=letter",
        f"{base}/inbox?box=trash",
        there,
        f"{there}?show=html",
        f"{there}/reply",
        f"{there}/raw",
        f"{base}/compose",
        f"{base}/start",
        f"{base}/start/{agent}",
    ):
        assert page.goto(url).status == 200, url
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == [], url
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{url} is too wide"
    assert page.trouble == []


def test_by_keyboard(chromium: Chromium, agent: str) -> None:
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/inbox?agent={agent}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("a/b")
    assert page.input_value("#search") == "a/b"
    for _ in range(40):
        page.keyboard.press("Tab")
        outline = "e => getComputedStyle(e).outlineStyle + getComputedStyle(e.closest('.mail') || e).outlineStyle"
        assert page.evaluate(f"({outline})(document.activeElement)") != "nonenone"
        if page.evaluate("document.activeElement.className") == "what":
            break
    else:
        pytest.fail("no mail can be reached")
    page.keyboard.press("Enter")
    page.wait_for_url("**/messages/**")


def test_without_a_script(chromium: Chromium, agent: str) -> None:
    page = chromium.page(java_script_enabled=False)
    page.goto(chromium.message(agent, "Letter 0"))
    page.get_by_label("Add labels").fill("by-hand")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("The labels are changed.").wait_for()
    page.get_by_role("link", name="Reply", exact=True).click()
    page.get_by_label("Text").fill("Thank you.")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Re: Letter 0").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("This mail is in the trash.").wait_for()
    page.get_by_role("button", name="Restore").click()
    page.get_by_text("Restored from the trash.").wait_for()


def test_a_strangers_html_does_nothing(chromium: Chromium, agent: str) -> None:
    page = chromium.page()
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=200, content_type="image/png", body=b"")

    page.context.route("https://**/*", answer)
    there = chromium.message(agent, "Invoice")
    page.goto(f"{there}?show=html")
    frame = page.frame_locator("iframe.html")
    frame.get_by_role("heading", name="Invoice").wait_for()
    assert "owned" not in page.title().replace("document.title='owned'", "")
    assert frame.locator("script, form, input").count() == 0
    assert page.evaluate("document.querySelector('iframe').contentDocument") is None
    assert asked == []
    page.get_by_role("link", name="Load pictures").click()
    frame.get_by_role("heading", name="Invoice").wait_for()
    page.wait_for_timeout(500)
    assert set(asked) == {"https://track.example/p.png"}


def test_an_open_page_does_not_keep_the_process(chromium: Chromium) -> None:
    with dev_folder() as folder:
        with running_dev(folder) as own:
            page = chromium.browser.new_context().new_page()
            page.goto(f"{own.told['dashboard_url']}/")
            page.get_by_label("API key").fill(own.api_key)
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.get_by_text("Live", exact=True).wait_for()
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 10
        assert own.process.returncode == 0
        page.get_by_text("Reconnecting").wait_for()


def test_signing_out(chromium: Chromium) -> None:
    page = chromium.browser.new_context().new_page()
    page.goto(f"{chromium.url}/dashboard/inbox?unread=1")
    page.get_by_label("API key").fill(chromium.dev.api_key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/dashboard/inbox?unread=1")
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "e2a_session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto(f"{chromium.url}/dashboard/inbox")
    page.get_by_role("heading", name="Sign in").wait_for()
