"""A full account in a running daemon, and a real Chromium that is signed in to it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from attrs import field, frozen

from e2ad.api.app import build_app
from e2ad.api.services import Services
from e2ad.config.sections import Config
from e2ad.core.sealing import KeyRing
from e2ad.storage.pool import open_pool
from tests.api.conftest import Client
from tests.api.world import populate
from tests.conftest import Postgres
from tests.dashboard.places import Around, furnish
from tests.live.running import Running
from tests.live.serving import Deployment, found, settings
from tests.zone import Zone, guard

DOMAIN = "agents.localhost"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SECONDS = 15_000


@frozen
class Desk:
    """Somebody at a browser."""

    world: Around
    deployment: Deployment
    running: Running
    browser: Any
    state: Any = field(repr=False)

    @property
    def url(self) -> str:
        return str(self.running.told["dashboard_url"])

    def page(self, **more: Any) -> Any:
        """A new window, signed in; what it complains of and what it asks others for is kept in `page.trouble`."""
        context = self.browser.new_context(storage_state=self.state, **more)
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        page.trouble = []
        page.on("console", lambda said: page.trouble.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.trouble.append(str(error)))
        page.on("dialog", lambda dialog: (page.trouble.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda opened: page.trouble.append(f"opened {opened.url}"))
        page.on("request", lambda asked: page.trouble.append(asked.url) if not self._ours(asked.url) else None)
        return page

    def _ours(self, url: str) -> bool:
        return url.startswith((self.url + "/", "data:", "about:"))


async def fill(deployment: Deployment, count: int = 2) -> Around:
    """Some of everything, a mail with HTML and a file among it."""
    config = attrs.evolve(Config(), shared_domain=DOMAIN)
    keys = KeyRing((settings(deployment.dsn)["E2AD_SIGNING_SECRETS"],))
    async with open_pool(deployment.dsn, size=4) as pool:
        zone = Zone()
        services = Services.build(pool, config, keys, egress=guard(zone), resolver=zone)
        account = await pool.fetch_value("select account_id from api_keys limit 1")
        world = await populate(Client(build_app(services), services, deployment.api_key), account, count)
        return await furnish(pool, world)


def sign_in(browser: Any, url: str, key: str) -> Any:
    """What the browser has to show from then on."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/dashboard/**")
    state = context.storage_state()
    context.close()
    return state


@contextmanager
def open_desk(postgres: Postgres, template: str, folder: Path) -> Iterator[Desk]:
    """One for the tests of a module."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not os.access(CHROMIUM, os.X_OK):
        if os.environ.get("CI"):
            pytest.fail("there is no chromium")
        pytest.skip("there is no chromium")
    name = trio.run(postgres.make, "live", f"template {template} strategy file_copy")
    try:
        dsn = postgres.dsn_of(name)
        deployment = Deployment(dsn, found(dsn), folder)
        world = trio.run(fill, deployment)
        with deployment.serving("--roles", "http", SHARED_DOMAIN=DOMAIN) as running, playwright.sync_playwright() as on:
            browser = on.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            state = sign_in(browser, str(running.told["dashboard_url"]), deployment.api_key)
            yield Desk(world, deployment, running, browser, state)
            browser.close()
    finally:
        postgres.give_back(name)
