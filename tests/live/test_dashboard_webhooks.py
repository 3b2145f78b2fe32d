"""Webhooks and events in a real Chromium: a test whose answer appears by itself, a failure, and sending it again."""

import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from attrs import define, field

from tests.live.test_dashboard import LOOKS, Chromium, axe, chromium

__all__ = ["chromium"]

pytestmark = pytest.mark.live

ANSWER = b'<b>taken</b> <script>document.title = "owned"</script>'


@define
class FarSide:
    """An endpoint that takes its time and answers what it is told."""

    url: str = ""
    status: int = 200
    seconds: float = 0.05
    ids: list[str] = field(factory=list)


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    here = FarSide()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            here.ids.append(self.headers["webhook-id"])
            time.sleep(here.seconds)
            self.send_response(here.status)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield here
    server.shutdown()
    server.server_close()
    thread.join()


def create(page: Any, chromium: Chromium, url: str) -> str:
    """Make a webhook as a person does; its secret."""
    page.goto(f"{chromium.url}/dashboard/webhooks")
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("URL", exact=True).fill(url)
    page.get_by_role("button", name="Create webhook").click()
    secret = page.locator("#secret").text_content()
    page.get_by_role("link", name="To the webhook, to send a test").click()
    page.get_by_role("heading", name=url).wait_for()
    return str(secret)


def test_a_webhook_is_made_and_tried(chromium: Chromium, far_side: FarSide) -> None:
    page = chromium.page()
    assert re.fullmatch(r"whsec_[0-9a-f]{64}", create(page, chromium, far_side.url))
    page.evaluate("window.kept = true")
    page.get_by_label("Event type").select_option("email.received")
    far_side.seconds = 1.5
    page.get_by_role("button", name="Send a test").click()
    page.get_by_text("Waiting for the answer.").wait_for()
    page.evaluate("window.kept = true")
    page.get_by_text("The test arrived.").wait_for()
    assert page.evaluate("window.kept"), "without a reload"
    row = page.locator("#test tbody tr").inner_text()
    assert "200" in row
    (took,) = re.findall(r"(\d+) ms", row)
    assert 1500 <= int(took) < 5000
    assert "<b>taken</b>" in row
    assert page.title() != "owned"
    page.locator("#deliveries .standing", has_text="delivered").first.wait_for()
    assert page.trouble == []


def test_what_failed_is_sent_again(chromium: Chromium, far_side: FarSide) -> None:
    agent = chromium.dev.agent("told")
    far_side.status = 503
    status, hook = chromium.dev.api(
        "POST",
        "/v1/webhooks",
        {"url": far_side.url, "events": ["email.received"], "filters": {"agent_emails": [agent]}},
    )
    assert status == 201, hook
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/events?agent={agent}")
    page.get_by_text("Live", exact=True).wait_for()
    page.evaluate("window.kept = true")
    chromium.mail(agent, "Tell them", 700)
    page.locator("#list").get_by_role("link", name="email.received").click()
    mine = page.locator(".delivery", has_text=far_side.url)
    mine.locator(".head .standing", has_text="failed").wait_for()
    assert mine.locator(".attempts li").count() == 4, "the first try and three more"
    assert mine.get_by_text("It is busy or down.").count() == 4
    far_side.status = 200
    page.get_by_role("button", name=f"Replay to {far_side.url}").click()
    page.get_by_text("Sent again.").wait_for()
    mine.get_by_text("Accepted.").wait_for()
    assert len(set(far_side.ids)) == 1, "the same event, to the last try"
    assert page.trouble == []


def test_many_are_sent_again_to_a_url_while_a_person_watches(chromium: Chromium, far_side: FarSide) -> None:
    agent = chromium.dev.agent("many")
    for number in range(12):
        chromium.mail(agent, f"Number {number}", 800 + number)
    chromium.message(agent, "Number 11")
    far_side.seconds = 0.3
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/events?agent={agent}")
    page.get_by_role("link", name="Replay these 12").click()
    page.get_by_role("radio", name="A URL").check()
    page.get_by_label("URL", exact=True).fill("http://user:word@127.0.0.1/")
    page.get_by_role("button", name="Replay 12 events").click()
    page.get_by_text("must not hold a name or a password").wait_for()
    page.get_by_label("URL", exact=True).fill(far_side.url)
    page.get_by_role("button", name="Replay 12 events").click()
    page.get_by_role("heading", name="Replay of 12 events").wait_for()
    page.evaluate("window.kept = true")
    page.get_by_text("12 of 12").first.wait_for()
    page.get_by_role("heading", name="Done").wait_for()
    assert page.evaluate("window.kept"), "without a reload"
    assert len(far_side.ids) == len(set(far_side.ids)) == 12


def test_without_a_script(chromium: Chromium, far_side: FarSide) -> None:
    page = chromium.page(java_script_enabled=False)
    create(page, chromium, far_side.url)
    page.get_by_role("button", name="Send a test").click()
    page.get_by_text("The test is on its way.").wait_for()
    page.wait_for_timeout(1000)
    page.reload()
    page.get_by_text("The test arrived.").wait_for()
    page.get_by_role("link", name="Rotate secret").click()
    page.get_by_role("button", name="Rotate secret").click()
    page.get_by_role("heading", name="There is a new secret").wait_for()
    page.get_by_role("link", name="To the webhook").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Type delete to delete it").fill("delete")
    page.get_by_role("button", name="Delete webhook").click()
    page.get_by_text("The webhook is deleted.").wait_for()


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_use_them(chromium: Chromium, far_side: FarSide, look: str) -> None:
    page = chromium.page(look)
    create(page, chromium, far_side.url)
    page.get_by_role("button", name="Send a test").click()
    page.get_by_text("The test arrived.").wait_for()
    hook = page.url
    delivery = page.locator("#deliveries a.kind").first.get_attribute("href")
    event = chromium.dev.api("GET", "/v1/events")[1]["items"][0]["id"]
    base = f"{chromium.url}/dashboard"
    page.goto(f"{base}/events/replay?event={event}&to=url")
    page.get_by_label("URL", exact=True).fill(far_side.url)
    page.get_by_role("button", name="Replay 1 event").click()
    page.get_by_role("heading", name="Done").wait_for()
    replay = page.url
    for url in (
        f"{base}/webhooks",
        f"{base}/webhooks/new",
        hook,
        hook.partition("?")[0] + "/edit",
        hook.partition("?")[0] + "/rotate",
        hook.partition("?")[0] + "/delete",
        f"{base}/events",
        f"{base}/events?state=failed&since=2026-01-01T00:00",
        f"{base}/events/{event}",
        f"{base}/events/replay",
        f"{base}/events/replays",
        replay,
        chromium.url + str(delivery),
    ):
        answered = page.goto(url)
        assert answered.status == 200, url
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], url
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{url} is too wide"
    assert page.trouble == []
