"""The protection of an agent in a real Chromium: settings are changed, tried on the stored mail, and saved."""

from typing import Any

import pytest

from tests.live.running import Running
from tests.live.test_dashboard import LOOKS, Chromium, axe, chromium  # noqa: F401 - a fixture

pytestmark = pytest.mark.live

WOULD = "What these settings would have done"


@pytest.fixture(scope="module")
def guarded(chromium: Chromium) -> str:  # noqa: F811
    """An agent with mail in both directions."""
    dev: Running = chromium.dev
    email = dev.another_agent("guarded")
    for number in range(3):
        chromium.mail(email, f"Letter {number}", 700 + number)
    chromium.message(email, "Letter 2")
    body = {"to": ["stranger@else.test"], "subject": "An offer", "text": "Hello"}
    assert dev.api("POST", f"/v1/agents/{email}/messages", body)[0] in (200, 202)
    return email


def opened(chromium: Chromium, email: str, look: str = "light", query: str = "", **more: Any) -> Any:  # noqa: F811
    page = chromium.page(look, **more)
    page.goto(f"{chromium.url}/dashboard/agents/{email}/protection{query}")
    return page


def test_settings_are_tried_and_then_saved(chromium: Chromium, guarded: str) -> None:  # noqa: F811
    page = opened(chromium, guarded)
    page.evaluate("window.kept = true")
    page.get_by_role("group", name="Who may write to it").get_by_label("Only those on the list").check()
    page.get_by_role("group", name="What is done with mail of others").get_by_label("Hold it").check()
    page.get_by_label("List of senders").fill("somebody@else.test")
    page.get_by_label("Was never seen").select_option("Refuse")
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_role("heading", name=WOULD).wait_for()
    table = page.get_by_role("table", name="Mail to the agent")
    assert table.get_by_role("row").filter(has_text="Held").inner_text().split()[-3:] == ["0", "3", "(+3)"]
    out = page.get_by_role("table", name="Mail of the agent")
    assert out.get_by_role("row").filter(has_text="Refused").inner_text().split()[-3:] == ["0", "1", "(+1)"]
    page.get_by_text("stranger@else.test was never seen by this agent before").wait_for()
    assert "4 would have ended differently" in page.get_by_role("status").filter(has_text="differently").inner_text()
    # The page was not left, and what was entered stands.
    assert page.evaluate("window.kept")
    assert page.get_by_label("List of senders").input_value() == "somebody@else.test"
    assert chromium.dev.api("GET", f"/v1/agents/{guarded}/protection")[1]["inbound"]["gate"]["policy"] == "open"
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The protection is saved.").wait_for()
    saved = chromium.dev.api("GET", f"/v1/agents/{guarded}/protection")[1]
    assert saved["inbound"]["gate"] == {"policy": "allowlist", "action": "review", "allowlist": ["somebody@else.test"]}
    assert saved["outbound"]["provenance"] == {"unseen": "block"}
    assert page.trouble == []


def test_what_is_wrong_is_said_without_leaving_the_page(chromium: Chromium, guarded: str) -> None:  # noqa: F811
    page = opened(chromium, guarded)
    page.get_by_label("How long it waits").fill("nine")
    page.get_by_label("List of recipients").fill("not an address")
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_role("link", name="How long it waits").wait_for()
    page.get_by_role("link", name="List of recipients").click()
    assert page.evaluate("document.activeElement.id || location.hash") in ("out_list", "#out_list")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Enter a whole number.").first.wait_for()
    assert page.get_by_label("List of recipients").input_value() == "not an address"
    assert page.get_by_label("How long it waits").get_attribute("aria-invalid") == "true"


def test_it_works_without_a_script(chromium: Chromium, guarded: str) -> None:  # noqa: F811
    page = opened(chromium, guarded, query="?preset=every", java_script_enabled=False)
    page.get_by_text("Not saved yet.").wait_for()
    page.get_by_role("button", name="Preview", exact=True).click()
    page.get_by_role("heading", name=WOULD).wait_for()
    page.get_by_role("link", name="An offer").wait_for()
    assert page.get_by_label("A person approves every mail").is_checked()
    page.get_by_role("link", name="Nothing", exact=True).click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The protection is saved.").wait_for()


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_use_it(chromium: Chromium, guarded: str, look: str) -> None:  # noqa: F811
    page = opened(chromium, guarded, look, "?preset=every")
    for name in ("", "Preview"):
        if name:
            page.get_by_label("How long it waits").fill("8")
            page.get_by_role("button", name=name, exact=True).click()
            page.get_by_role("link", name="How long it waits").wait_for()
            page.get_by_label("How long it waits").fill("7")
            page.get_by_role("button", name=name, exact=True).click()
            page.get_by_role("heading", name=WOULD).wait_for()
            page.get_by_text("What is assumed").click()
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.trouble == []
