"""A browser that is signed in, or is about to be."""

import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tests.api.conftest import Answer, Client

LOGIN = "/api/auth/login"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "Origin": "http://test"}


class Browser:
    """Keeps cookies, sends forms as a browser does; has no key."""

    def __init__(self, client: Client) -> None:
        self.client = Client(client.app, client.services, None)
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []

    async def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.client.request(method, path, headers={"Cookie": cookies, **(headers or {})}, **more)
        if "set-cookie" in answer.headers:
            self.set.append(answer.headers["set-cookie"])
            name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.request("GET", path, **more)

    async def form(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.request(
            "POST", path, raw=urlencode(fields).encode(), headers={**kind, **OWN_PAGE, **(headers or {})}
        )

    async def sign_in(self, key: str, query: Mapping[str, str] | None = None, **fields: str) -> Answer:
        page = await self.get(LOGIN, query=query)
        return await self.form(LOGIN, {"form": form_of(page), "api_key": key, **fields})

    @property
    def session(self) -> str:
        return self.cookies["e2a_session"]


def form_of(page: Answer) -> str:
    return hidden(page)["form"]


def hidden(page: Answer) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    return {html.unescape(name): html.unescape(value) for name, value in found}
