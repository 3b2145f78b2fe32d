"""Operations in a real Chromium: follows along without a jump, for everybody, with nothing from elsewhere."""

from typing import Any

import pytest

from tests.live.running import Running, dev_folder, running_dev, wait_until
from tests.live.test_dashboard import LOOKS, Chromium, axe, chromium

pytestmark = pytest.mark.live

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def agent(chromium: Chromium) -> str:
    """An inbox through which some mail went."""
    email = chromium.dev.another_agent("operated")
    for number in range(3):
        chromium.mail(email, f"Operated {number}", 500 + number)
    chromium.message(email, "Operated 2")
    return email


def received(page: Any) -> int:
    return int(page.locator("#rows-mail tr").first.locator("td").first.text_content())


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_read_it(chromium: Chromium, agent: str, look: str) -> None:
    page = chromium.page(look)
    for query in ("", "?span=7d", f"?span=30d&agent={agent}"):
        url = f"{chromium.url}/dashboard/operations{query}"
        assert page.goto(url).status == 200, url
        page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == [], url
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{url} is too wide"
        # Words keep their size, however narrow the chart is.
        assert page.locator("#chart-mail text").first.bounding_box()["height"] >= 11
    assert page.trouble == []


def test_it_follows_along_and_stays_where_it_is(chromium: Chromium, agent: str) -> None:
    page = chromium.page()
    page.goto(f"{chromium.url}/dashboard/operations?agent={agent}")
    page.get_by_text("Live", exact=True).wait_for()
    page.evaluate("window.kept = true")
    page.get_by_text("The numbers of Mail in and out").click()
    page.get_by_role("region", name="The numbers of Mail in and out").focus()
    page.evaluate("scrollTo(0, 400)")
    before, there = received(page), page.evaluate("scrollY")
    chromium.mail(agent, "One more", 520)
    wait_until(lambda: page.wait_for_timeout(100) or received(page) == before + 1)
    assert page.evaluate("scrollY") == there
    assert page.locator("#rows-mail").is_visible()
    assert "The numbers of Mail" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert page.evaluate("window.kept")
    assert page.trouble == []


def test_another_span_and_another_agent(chromium: Chromium, agent: str) -> None:
    page = chromium.page(java_script_enabled=False)
    page.goto(f"{chromium.url}/dashboard/operations")
    page.get_by_role("link", name="7 days").click()
    page.get_by_label("Agent", exact=True).select_option(agent)
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("heading", name=f"Operations {agent}").wait_for()
    assert "span=7d" in page.url
    assert page.locator("#rows-mail tr").count() == 7
    assert page.get_by_text("worker").first.is_visible()


def test_the_process_that_serves_the_page_is_on_it(chromium: Chromium) -> None:
    with dev_folder() as folder, running_dev(folder) as dev:
        pid = dev.told["pid"]
        context = chromium.browser.new_context()
        page = context.new_page()
        sign_in(page, dev)
        page.goto(f"{dev.told['dashboard_url']}/dashboard/operations")
        page.reload()
        assert f", {pid}" in page.locator("#processes tbody th").first.text_content()
        assert "Running" in page.locator("#processes").text_content()
        context.close()


def sign_in(page: Any, dev: Running) -> None:
    page.goto(f"{dev.told['dashboard_url']}/")
    page.get_by_label("API key").fill(dev.api_key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/dashboard/**")
