"""The first run and the pages about agents, in a real Chromium, with programs and endpoints that are real too."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.live.conftest import Endpoint
from tests.live.node import build, find_node, install_modules
from tests.live.running import ROOT, Running, dev_folder, running_dev, wait_until
from tests.live.test_dashboard import CHROMIUM, LOOKS, SECONDS, Chromium

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """A browser and a daemon of its own: its account is empty, and nobody is signed in."""
    if not os.access(CHROMIUM, os.X_OK):
        if os.environ.get("CI"):
            pytest.fail("there is no chromium")
        pytest.skip("there is no chromium")
    settings = {"E2AD_WEBHOOKS_RETRY_SCHEDULE_SECONDS": "0.2,0.2,0.2", "E2AD_DNS_TIMEOUT_SECONDS": "1"}
    with dev_folder() as folder, running_dev(folder, **settings) as dev, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(f"{dev.told['dashboard_url']}/api/auth/login")
        page.get_by_label("API key").fill(dev.api_key)
        page.get_by_role("button", name="Sign in", exact=True).click()
        # Whoever asked for nothing else lands in the dashboard, and without an agent where one is made.
        page.get_by_role("heading", name="New agent").wait_for()
        yield Chromium(browser, dev, page.context.storage_state())
        browser.close()


def snippet(page: Any, name: str) -> str:
    """What a person copies."""
    (text,) = page.locator("details.way", has=page.locator(f"summary:text-is('{name}')")).locator("pre").all()
    return str(text.text_content())


def run(*command: str, seconds: float = 60, **environ: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", **environ},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def tools_of(line: str) -> list[str]:
    """What the address and the header of the line for tools open."""
    words = shlex.split(line.replace("\\\n", " "))
    assert words[:6] == ["claude", "mcp", "add", "--transport", "http", "mail"]
    name, _, value = words[words.index("--header") + 1].partition(": ")
    async with (
        httpx2.AsyncClient(headers={name: value}, timeout=30) as http,
        Client(streamable_http_client(words[6], http_client=http)) as client,
    ):
        return [tool.name for tool in (await client.list_tools()).tools]


def test_the_first_run(chromium: Chromium) -> None:
    page = chromium.page()
    page.goto(f"{chromium.url}/")
    page.get_by_role("heading", name="New agent").wait_for()
    page.get_by_label("Name").fill("admin")
    page.get_by_role("button", name="Create agent").click()
    page.get_by_role("alert").get_by_text("'admin' is reserved").wait_for()
    page.get_by_label("Name").fill("helper")
    page.get_by_role("button", name="Create agent").click()
    page.get_by_text("Waiting for the first mail").wait_for()
    page.evaluate("window.kept = true")
    page.get_by_text("From a terminal").click()
    run("sh", "-c", str(page.locator("#by-curl").text_content()))
    page.get_by_text("Mail has arrived.").wait_for()
    page.get_by_role("link", name="Hello").wait_for()
    assert page.evaluate("window.kept")
    page.get_by_role("button", name="Create a key for this inbox").click()
    page.get_by_text("This is the key for this inbox.").wait_for()
    key = str(page.locator("#key").text_content())
    found = json.loads(run("sh", "-c", snippet(page, "curl")))
    assert [item["subject"] for item in found["items"]] == ["Hello"]
    assert "me@example.test not verified Hello" in run(sys.executable, "-c", snippet(page, "Python"))
    tools = trio.run(tools_of, snippet(page, "MCP"))
    assert {"list_messages", "send_message"} <= set(tools)
    # What is drawn again is not what carries the key.
    page.evaluate("window.kept = true")
    page.get_by_text("Live", exact=True).wait_for()
    chromium.mail("helper@agents.localhost", "While it is open", 1)
    page.get_by_role("link", name="While it is open").wait_for()
    assert page.evaluate("window.kept")
    assert key in snippet(page, "TypeScript")
    page.goto(f"{chromium.url}/dashboard/start/helper@agents.localhost")
    assert key not in page.content()
    assert "YOUR_API_KEY" in snippet(page, "curl")
    assert [one for one in page.trouble if "422" not in one and "400" not in one] == []


def test_the_typescript_snippet_runs(chromium: Chromium, tmp_path: Path) -> None:
    node = find_node()
    built = build(node, install_modules(node))
    email = chromium.dev.agent("scripted")
    chromium.mail(email, "For a script", 2)
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/start/{email}")
    page.get_by_role("button", name="Create a key for this inbox").click()
    page.get_by_text("This is the key for this inbox.").wait_for()
    (tmp_path / "node_modules").symlink_to(built.project / "node_modules")
    script = tmp_path / "snippet.mjs"
    script.write_text(snippet(page, "TypeScript"))
    assert "For a script" in node.run(node.node, str(script), cwd=tmp_path)


def test_a_program_that_listens_is_seen(chromium: Chromium) -> None:
    email = chromium.dev.agent("heard")
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/start/{email}")
    page.get_by_role("button", name="Create a key for this inbox").click()
    page.get_by_text("This is the key for this inbox.").wait_for()
    setting, command = snippet(page, "Terminal").splitlines()
    words = shlex.split(command)
    assert words[0] == "e2a"
    environ = dict(pair.split("=", 1) for pair in shlex.split(setting)[1:])
    start = [sys.executable, "-c", "from e2ad.cli.client import main; main()", *words[1:]]
    listening = subprocess.Popen(
        start, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env={**os.environ, **environ}
    )
    try:

        def seen() -> bool:
            page.goto(f"{chromium.url}/dashboard/agents/{email}")
            return bool(page.get_by_text("A program is connected").count())

        wait_until(seen)
        page.get_by_role("button", name="Send a test mail").click()
        page.get_by_text("The test mail is on its way").wait_for()
        page.locator("#state").get_by_role("listitem").first.wait_for()
        assert listening.stdout is not None
        assert listening.stdout.readline()
    finally:
        listening.kill()
        listening.communicate()


def test_to_the_cloud_and_a_test_mail_arrives_there(chromium: Chromium, endpoint: Endpoint) -> None:
    email = chromium.dev.agent("to-the-cloud")
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/agents")
    page.get_by_role("link", name="to-the-cloud", exact=True).click()
    page.get_by_label("Cloud").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").get_by_text("there is none").wait_for()
    assert page.get_by_label("Cloud").is_checked()
    page.get_by_label("Webhook URL").fill("https://nobody.invalid/x")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").get_by_text("does not resolve").wait_for()
    page.get_by_label("Webhook URL").fill(endpoint.url)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    endpoint.answers.put(500)
    page.get_by_text("Live", exact=True).wait_for()
    page.get_by_role("button", name="Send a test mail").click()
    assert endpoint.next().path == "/hook"  # answered 500
    posted = endpoint.next()
    assert email in json.dumps(json.loads(posted.body))
    page.evaluate("window.kept = true")
    page.get_by_text("Delivered, answer 200").wait_for()
    assert page.evaluate("window.kept")
    page.get_by_label("Name").fill("Not saved yet")
    chromium.mail(email, "Meanwhile", 3)
    page.get_by_role("link", name="Meanwhile").wait_for()
    assert page.get_by_label("Name").input_value() == "Not saved yet"  # what is drawn again is not what is typed in


def test_deleted_and_restored_without_a_script(chromium: Chromium) -> None:
    email = chromium.dev.agent("here-and-gone")
    page = chromium.page(java_script_enabled=False)
    page.goto(f"{chromium.url}/dashboard/agents/{email}")
    page.get_by_role("link", name="Suppressed addresses").click()
    page.get_by_label("Address").fill("ada@northwind.test")
    page.get_by_role("button", name="Suppress").click()
    page.get_by_role("button", name="Remove ada@northwind.test").click()
    page.get_by_text("may write to this address again").wait_for()
    page.get_by_role("link", name=email).click()
    page.get_by_role("link", name="Delete this agent").click()
    page.get_by_label("To confirm, type the address").fill("something else")
    page.get_by_role("button", name="Delete this agent").click()
    page.get_by_text("This is not its address.").wait_for()
    page.get_by_label("To confirm, type the address").fill(email)
    page.get_by_role("button", name="Delete this agent").click()
    page.get_by_text("The agent is deleted.").wait_for()
    page.get_by_role("button", name=f"Restore {email}").click()
    page.get_by_text("Restored.").wait_for()
    page.get_by_role("heading", name=email).wait_for()


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_use_it(chromium: Chromium, look: str) -> None:
    dev: Running = chromium.dev
    email = f"looked-at-{re.sub(' ', '-', look)}@agents.localhost"
    long = "A name that is as long as names may be " * 5
    dev.agent(email.partition("@")[0], name=long.strip()[:200])
    posting = dev.agent(
        f"posts-{re.sub(' ', '-', look)}", agent_mode="cloud", webhook_url="http://127.0.0.1:9/" + "x" * 500
    )
    chromium.mail(posting, "A subject " * 20, 4)
    dev.api("POST", f"/v1/agents/{email}/suppressions", {"address": "x" * 60 + "@northwind.test", "reason": "y" * 200})
    gone = dev.agent(f"gone-{re.sub(' ', '-', look)}")
    dev.api("DELETE", f"/v1/agents/{gone}?confirm=DELETE")
    page = chromium.page(look)
    base = f"{chromium.url}/dashboard"

    def check(what: str) -> None:
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], what
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{what} is too wide"

    for url in (
        f"{base}/agents",
        f"{base}/agents?search=nobody",
        f"{base}/agents?deleted=1",
        f"{base}/agents/{email}",
        f"{base}/agents/{posting}",
        f"{base}/agents/{email}/suppressions",
        f"{base}/agents/{email}/delete",
        f"{base}/agents/{gone}/purge",
        f"{base}/start",
        f"{base}/start/{email}",
        f"{base}/start/{posting}",
    ):
        assert page.goto(url).status == 200, url
        check(url)
    assert page.trouble == []
    page.get_by_role("button", name="Create a key for this inbox").click()
    page.get_by_text("This is the key for this inbox.").wait_for()
    for opened in page.locator("details.way").all()[1:]:
        opened.locator("summary").click()
    check("the page with a key")
    page.goto(f"{base}/agents/{email}")
    page.get_by_label("Webhook URL").fill("nonsense")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()
    check("settings with something wrong")
