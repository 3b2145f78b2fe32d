"""A person with a real browser signs in: by a real OpenID provider, and by a link from a real mail."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from e2ad.core import mime
from e2ad.storage.pool import open_pool
from tests.live.chromium import Chromium, another, open_chromium
from tests.live.serving import Deployment, free_port

pytestmark = pytest.mark.live

VERSION = "9.13.3"
CLIENT = ("e2ad", "a secret: of the client")
SESSIONS = "/api/auth/sessions"
LOGIN = f"/api/auth/login?next={SESSIONS}"


@pytest.fixture(scope="session")
def oidc_provider() -> Path:
    """The folder that node-oidc-provider is installed in: the reference among certified providers."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "e2ad-tests" / f"oidc-provider-{VERSION}"
    npm = shutil.which("npm")
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm or "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", f"oidc-provider@{VERSION}"]
        done = npm and subprocess.run(
            [*command, "--prefix", str(folder)], capture_output=True, timeout=300, check=False
        )
        if not done or done.returncode != 0:
            if os.environ.get("CI"):
                pytest.fail("node-oidc-provider cannot be installed")
            pytest.skip("node-oidc-provider cannot be installed without npm and its registry")
        (folder / "complete").touch()
    return folder


@contextmanager
def providing(installed: Path, port: int, redirect_uri: str, *, verified: bool = True) -> Iterator[None]:
    """The provider, on another site than ours: `localhost` is not `127.0.0.1`."""
    told = {
        "installed": str(installed),
        "port": port,
        "clientId": CLIENT[0],
        "clientSecret": CLIENT[1],
        "redirectUri": redirect_uri,
        "verified": verified,
    }
    script = Path(__file__).parent / "provider.mjs"
    process = subprocess.Popen(
        ["node", script, json.dumps(told)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def agree(page: Chromium, login: str) -> None:
    """What a person does at the provider."""
    await page.type("login", login)
    await page.type("password", "any")
    await page.press("Sign-in")
    await page.until("location.host.startsWith('localhost') && document.body.innerText.includes('Continue')")
    await page.press("Continue")


async def mailed_link(dsn: str) -> str:
    async with open_pool(dsn, size=1) as database:
        content = await database.fetch_value("select content from notices where kind = 'sign_in'", prepare=False)
    (link,) = re.findall(r"http://\S+/api/auth/link\?t=sil_\w+", mime.parse(bytes(content)).text)
    return str(link)


async def kept(page: Chromium, name: str) -> None:
    """A picture to look at, where somebody wants to."""
    if folder := os.environ.get("E2AD_TEST_PICTURES"):
        shot = await page.command("Page.captureScreenshot", format="png")
        await trio.Path(folder, f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


@pytest.mark.parametrize("verified", [True, False])
async def test_a_person_with_a_provider(deployment: Deployment, oidc_provider: Path, verified: bool) -> None:
    port, http = free_port(), free_port()
    here = f"http://127.0.0.1:{http}"
    more = {
        "HTTP_PORT": str(http),
        "HTTP_PUBLIC_URL": here,
        "EGRESS_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
        "OIDC_ISSUER": f"http://localhost:{port}",
        "OIDC_CLIENT_ID": CLIENT[0],
        "OIDC_CLIENT_SECRET": CLIENT[1],
        "OIDC_NAME": "Acme",
    }
    with (
        providing(oidc_provider, port, f"{here}/api/auth/callback", verified=verified),
        deployment.serving("--roles", "http", **more),
    ):
        async with open_chromium() as page:
            await page.go(here + LOGIN)
            await kept(page, "sign-in")
            await page.press("Sign in with Acme")
            await agree(page, "you@example.test")
            if not verified:
                await page.until("location.pathname == '/api/auth/callback' && !!document.querySelector('h1')")
                assert "in a way that can be believed" in await page.text()
                return
            await page.until(f"location.pathname == '{SESSIONS}'")
            text = await page.text()
            assert "with an OpenID provider" in text
            assert "Chrome on Linux (this one)" in text
            assert await page.run("document.cookie") == ""
            await kept(page, "sessions")
            await page.press("Sign out")
            await page.until("location.pathname == '/api/auth/login'")
            stranger = await another(page)
            await stranger.go(here + LOGIN)
            await stranger.press("Sign in with Acme")
            await agree(stranger, "nobody@example.test")
            await stranger.until("document.body.innerText.includes('e2ad bootstrap nobody@example.test')")


async def test_a_person_with_a_mail(deployment: Deployment) -> None:
    http = free_port()
    here = f"http://127.0.0.1:{http}"
    with deployment.serving(HTTP_PORT=str(http), HTTP_PUBLIC_URL=here):
        async with open_chromium() as page:
            await page.go(here + LOGIN)
            await page.type("email", "you@example.test")
            await page.press("Mail me a link")
            await page.until("document.body.innerText.includes('Look into your mail')")
            await kept(page, "mailed")
            link = await mailed_link(deployment.dsn)
            other = await another(page)
            await other.go(link)
            assert "asked for in another browser" in await other.text()
            await kept(other, "elsewhere")
            await page.go(link)
            assert "Sign in as you@example.test?" in await page.text()
            await kept(page, "link")
            await page.press("Sign in")
            await page.until(f"location.pathname == '{SESSIONS}'")
            assert "with a link by mail" in await page.text()
            await page.go(link)
            assert "not good any more" in await page.text()
