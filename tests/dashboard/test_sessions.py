"""The cookie of somebody who looks at the dashboard changes from time to time."""

from datetime import timedelta
from typing import Any

from e2ad.gateway.sessions import RENEWED
from tests.dashboard.conftest import Browser


async def test_a_page_brings_a_new_cookie(browser: Browser) -> None:
    services: Any = browser.client.services
    assert "set-cookie" not in (await browser.get("/dashboard/inbox")).headers
    await services.db.execute(
        "update sessions set token_since = token_since - %(by)s", {"by": RENEWED + timedelta(seconds=1)}
    )
    services.sessions.clear()
    page = await browser.get("/dashboard/inbox")
    assert page.status == 200
    name, _, rest = page.headers["set-cookie"].partition("=")
    token, _, attributes = rest.partition("; ")
    assert (name, "HttpOnly" in attributes, "SameSite=Lax" in attributes) == ("e2a_session", True, True)
    assert token != browser.cookie
    assert (await browser.get("/dashboard/inbox")).status == 200  # requests that were under way
    browser.cookie = token
    later = await browser.get("/dashboard/inbox")
    assert later.status == 200
    assert "set-cookie" not in later.headers
