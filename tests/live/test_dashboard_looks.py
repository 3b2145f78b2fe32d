"""Every page of the dashboard in a real Chromium, as everybody may need it: generated from the pages themselves."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Postgres
from tests.dashboard.places import ALSO, GETS, filled
from tests.live.desk import Desk, open_desk

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.live

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 850}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 850}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""In the dark only the colours differ."""
MOST_STEPS = 250
FILES = ("/raw", "/html", "/attachments/<index>", "/export", "/download")
"""Ends of pages that are documents of their own or files; `raw` is looked at by its page."""
STOPS = """() => {
  const wanted = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const groups = new Set();
  window.stops = [...document.querySelectorAll(wanted)].filter(e => {
    if (e.disabled || e.tabIndex < 0 || !e.checkVisibility({ visibilityProperty: true })) { return false; }
    if (e.type !== 'radio') { return true; }
    const first = !groups.has(e.name); groups.add(e.name);
    return document.querySelector(`input[type=radio][name="${e.name}"]:checked`) ? e.checked : first;
  });
  return window.stops.length;
}"""
STEP = """() => {
  const e = document.activeElement, seen = window.stops.indexOf(e);
  if (e === document.body) { return null; }
  const marked = n => { const s = getComputedStyle(n); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'; };
  const box = e.getBoundingClientRect();
  const near = [e, e.parentElement, e.closest('.mail, li, label, tr')].filter(Boolean);
  const said = e.outerHTML.slice(0, 120);
  return { seen, said, marked: near.some(marked), shown: box.width > 0 && box.height > 0 };
}"""


@pytest.fixture(scope="module")
def desk(postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(postgres, template, tmp_path_factory.mktemp("desk")) as opened:
        yield opened


def pages(desk: Desk) -> list[str]:
    """All that shows a page."""
    paths = [filled(path, desk.world) for path in GETS if not path.endswith(FILES[1:])]
    return [desk.url + one for one in [*paths, *("/dashboard" + also(desk.world) for also in ALSO)]]


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_see_it(desk: Desk, look: str) -> None:
    page = desk.page(**LOOKS[look])
    wrong = []
    for url in pages(desk):
        answer = page.goto(url)
        if answer.status not in (200, 409):
            wrong.append(f"{url}: {answer.status}")
        options = CONTRAST if look == "dark" else None
        for one in axe.Axe().run(page, options=options).response["violations"]:
            wrong.append(f"{url}: {one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}")
        if page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
            wrong.append(f"{url}: wider than the window")
        if page.locator("h1").count() != 1:
            wrong.append(f"{url}: {page.locator('h1').count()} headings of the first level")
    wrong += [one for one in page.trouble if "status of 409" not in one]
    page.context.close()
    assert wrong == []


def test_everything_is_reached_by_keyboard_in_its_order(desk: Desk) -> None:
    page = desk.page(**LOOKS["light"])
    wrong = []
    for url in pages(desk):
        page.goto(url)
        expected, reached = page.evaluate(STOPS), list[int]()
        for _ in range(MOST_STEPS):
            page.keyboard.press("Tab")
            step = page.evaluate(STEP)
            if step is None:
                continue  # on its way out of a frame, or around
            if len(reached) > 1 and step["seen"] == reached[0]:
                break
            inside = reached[-1:] == [step["seen"]]  # the parts of a field for times are marked by the browser itself
            if not (step["marked"] and step["shown"]) and not inside:
                wrong.append(f"{url}: no focus to be seen on {step['said']}")
            if step["seen"] >= 0 and step["seen"] not in reached:
                reached.append(step["seen"])
        if reached != sorted(reached):
            wrong.append(f"{url}: in another order than it is read: {reached}")
        left = sorted(set(range(expected)) - set(reached))
        said = [page.evaluate("n => window.stops[n].outerHTML.slice(0, 120)", one) for one in left[:3]]
        if left:
            wrong.append(f"{url}: never reached: {said}")
    page.context.close()
    assert wrong == []


def test_it_works_without_a_script(desk: Desk) -> None:
    page = desk.page(java_script_enabled=False)
    wrong = []
    for url in pages(desk):
        page.goto(url)
        if not page.locator("h1").is_visible():
            wrong.append(f"{url}: no heading")
        idle = page.locator("button:not([form]):visible").filter(visible=True)
        for number in range(idle.count()):
            if idle.nth(number).locator("xpath=ancestor::form").count() == 0:
                wrong.append(f"{url}: a button that does nothing: {idle.nth(number).inner_text()}")
        if not page.locator("nav[aria-label=Main] a").count():
            wrong.append(f"{url}: no links")
    wrong += [one for one in page.trouble if "status of 409" not in one]
    page.context.close()
    assert wrong == []
