"""Whatever strangers write: a real Chromium shows it, and nothing of it runs, loads or leads away."""

import re
from collections.abc import Iterator

import pytest
import trio

from e2ad.storage.pool import open_pool
from tests.api.world import AGENT
from tests.conftest import Postgres
from tests.dashboard.places import GETS, filled
from tests.dashboard.poison import PAYLOADS, hostile_mail, poison
from tests.live.desk import Desk, open_desk

pytestmark = pytest.mark.live

PARTS = ("", "?show=html", "?show=html&images=1", "/raw", "/reply", "/forward")
AWAY = """() => [...document.querySelectorAll('a, area, form, button, iframe, [hx-get]')].flatMap(e =>
  [e.href, e.action, e.getAttribute('formaction'), e.src, e.getAttribute('hx-get')]
    .filter(u => typeof u === 'string' && u)
).filter(u => new URL(u, location.href).origin !== location.origin)"""
BROUGHT = "document.querySelectorAll('object, embed, base, math, video, audio, style, img, frame, applet').length"
FRAMED = "script, form, input, iframe, svg, math, object, [onerror], [onload], link, base"
WHOLE = 4
"""Every so many payloads stand in all texts of the account and not in mail alone: that is slow to look at."""


@pytest.fixture(scope="module")
def desk(postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(postgres, template, tmp_path_factory.mktemp("desk")) as opened:
        yield opened


def look(page: object, url: str, status: tuple[int, ...] = (200,)) -> list[str]:
    """Open a page and say what is wrong with it."""
    answer = page.goto(url)  # type: ignore[attr-defined]  # Playwright is not there for the type checker
    wrong = [] if answer.status in status else [f"{url}: {answer.status}"]
    page.wait_for_load_state("load")  # type: ignore[attr-defined]
    title = page.title()  # type: ignore[attr-defined]
    if re.fullmatch(r"owned|1", title):
        wrong.append(f"{url}: the title was changed")
    wrong += [f"{url}: leads to {one}" for one in page.evaluate(AWAY)]  # type: ignore[attr-defined]
    if page.evaluate(BROUGHT):  # type: ignore[attr-defined]
        wrong.append(f"{url}: elements that are none of ours")
    return wrong


def test_mail_does_nothing(desk: Desk) -> None:
    """Each payload in every field and header of a mail, on every page that shows a mail."""

    async def arrive() -> list[str]:
        async with open_pool(desk.deployment.dsn, size=1) as database:
            return [
                await hostile_mail(database, desk.world, AGENT, text, 100 + number)
                for number, text in enumerate(PAYLOADS)
            ]

    page = desk.page()
    # What a person has asked to load is let in: pictures, and nothing else.
    page.context.route("**://evil.example/**", lambda route: route.abort())
    wrong = []
    for sent in trio.run(arrive):
        for part in PARTS:
            wrong += look(page, f"{desk.url}/dashboard/inbox/{AGENT}/messages/{sent}{part}")
            frame = page.frame_locator("iframe.html")
            if "show=html" in part:
                frame.locator("body").wait_for()
                if frame.locator(
                    "script, form, input, iframe, svg, math, object, [onerror], [onload], link, base"
                ).count():
                    wrong.append(f"{sent}{part}: the frame holds what it must not")
    for path in ("/inbox", f"/inbox?agent={AGENT}", "/inbox?unread=1", "/inbox?from=example", f"/start/{AGENT}"):
        wrong += look(page, f"{desk.url}/dashboard{path}")
    assert wrong + page.trouble == []
    page.context.close()


@pytest.mark.parametrize("number", range(0, len(PAYLOADS), WHOLE))
def test_no_text_of_the_account_does_anything(desk: Desk, number: int) -> None:
    """A payload in every text that is stored, on every page that there is."""

    async def spread() -> None:
        async with open_pool(desk.deployment.dsn, size=1) as database:
            await poison(database, desk.world, PAYLOADS[number])

    trio.run(spread)
    page = desk.page()
    wrong = []
    for path in GETS:
        if not path.endswith(("/html", "/attachments/<index>", "/export", "/download")):
            wrong += look(page, desk.url + filled(path, desk.world), (200, 409))
    assert wrong + [one for one in page.trouble if "status of 409" not in one] == []
    page.context.close()


def test_a_test_that_can_fail(desk: Desk) -> None:
    """A page that does what no page may do is noticed: a script, another host, a title."""
    page = desk.page()
    page.goto(f"{desk.url}/dashboard/inbox")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=//evil.example/x onerror=alert(1)>')")
    page.wait_for_timeout(300)
    assert any("evil.example" in one for one in page.trouble)
    assert page.evaluate(BROUGHT) == 1
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<a href=\"javascript:1\">x</a>')")
    assert page.evaluate(AWAY) == ["javascript:1"]
    page.context.close()
