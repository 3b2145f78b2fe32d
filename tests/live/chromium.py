"""A real Chromium, told what to do over its own protocol."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define
from trio_websocket import WebSocketConnection, open_websocket_url

STEP_SECONDS = 20.0
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0")


@define
class Chromium:
    """A page of it. Cookies are shared by the pages of one context."""

    socket: WebSocketConnection
    session: str
    context: str
    _last: int = 0

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        return await _command(self, method, self.session, **params)

    async def run(self, script: str) -> Any:
        """What an expression is in the page."""
        answer = await self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def go(self, url: str) -> None:
        await self.command("Page.navigate", url=url)
        await self.until("document.readyState == 'complete'")

    async def until(self, condition: str) -> Any:
        """Wait for a condition, also over pages that come and go."""
        with trio.move_on_after(STEP_SECONDS):
            while True:
                try:
                    if value := await self.run(condition):
                        return value
                except (AssertionError, LookupError):
                    pass  # the page is just changing
                await trio.sleep(0.05)
        where = await self.run("location.href + '\\n' + document.body.innerText")
        raise AssertionError(f"{condition} did not come true at {where}")

    async def text(self) -> str:
        return str(await self.run("document.body.innerText"))

    async def press(self, words: str) -> None:
        """Press the button with these words."""
        button = f"[...document.querySelectorAll('button')].find(one => one.innerText.trim() == {json.dumps(words)})"
        await self.until(f"!!{button}")
        await self.run(f"setTimeout(() => {button}.click())")

    async def type(self, name: str, text: str) -> None:
        """Fill in the field of this name."""
        field = f"document.querySelector('[name={json.dumps(name)}]')"
        await self.until(f"!!{field}")
        await self.run(f"{field}.value = {json.dumps(text)}")


async def _command(page: Chromium, method: str, session: str | None, **params: Any) -> dict[str, Any]:
    page._last += 1
    number = page._last
    told = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
    with trio.fail_after(STEP_SECONDS):
        await page.socket.send_message(json.dumps(told))
        while True:
            answer = json.loads(await page.socket.get_message())
            if answer.get("id") == number:
                if "error" in answer:
                    raise LookupError(answer["error"])
                result: dict[str, Any] = answer["result"]
                return result


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Chromium]:
    """A fresh browser for the time of the block."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium here")
    profile = Path(tempfile.mkdtemp(prefix="e2ad-chromium-"))
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        told = profile / "DevToolsActivePort"
        with trio.fail_after(STEP_SECONDS):
            while not (told.exists() and len(told.read_text().splitlines()) == 2):
                await trio.sleep(0.05)
        port, path = told.read_text().splitlines()
        async with open_websocket_url(f"ws://127.0.0.1:{port}{path}", max_message_size=64_000_000) as socket:
            yield await _new_page(socket)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def another(page: Chromium) -> Chromium:
    """A page in a context of its own: another browser, as far as cookies go."""
    return await _new_page(page.socket, page._last + 1_000_000)


async def _new_page(socket: WebSocketConnection, last: int = 0) -> Chromium:
    page = Chromium(socket, "", "", last)
    page.context = (await _command(page, "Target.createBrowserContext", None))["browserContextId"]
    made = await _command(page, "Target.createTarget", None, url="about:blank", browserContextId=page.context)
    attached = await _command(page, "Target.attachToTarget", None, targetId=made["targetId"], flatten=True)
    page.session = attached["sessionId"]
    return page
