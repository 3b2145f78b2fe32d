"""A program and a person on their way through OAuth, over the app itself."""

import hashlib
import html
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from attrs import define

from tests.api.conftest import Answer, Client

ISSUER = "https://e2ad.test"
REDIRECT = "https://app.example/callback"
VERIFIER = "v" * 20 + "-._~" + "0" * 30
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@define
class Program:
    """A program that was registered, and the person before the browser."""

    client: Client
    cookie: str
    id: str = ""
    redirect: str = REDIRECT

    async def register(self, **changes: Any) -> Answer:
        body = {"client_name": "Postbote", "redirect_uris": [self.redirect]} | changes
        answer = await self.client.post("/oauth2/register", body)
        if answer.status == 201:
            self.id = answer.json()["client_id"]
        return answer

    def query(self, **changes: Any) -> dict[str, Any]:
        query = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "state": "s1",
        } | changes
        return {name: value for name, value in query.items() if value is not None}

    async def ask(self, **changes: Any) -> Answer:
        """Open the page that asks."""
        return await self.client.get("/oauth2/authorize", query=self.query(**changes), headers=self.browser())

    def browser(self, **more: str) -> dict[str, str]:
        return {"cookie": f"theme=dark; e2a_session={self.cookie}"} | more

    async def answer(
        self, token: str, *, path: str = "/oauth2/consent", headers: Mapping[str, str] = {}, **fields: str
    ) -> Answer:
        """Send the form of the page."""
        return await self.form(path, {"form": token, **fields}, headers={**self.browser(), **headers})

    async def form(self, path: str, fields: Mapping[str, Any], headers: Mapping[str, str] = {}) -> Answer:
        names = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self.client.post(path, raw=urlencode(fields, doseq=True).encode(), headers=names)

    async def code(self, *, scope: str = "account", choice: str = "", **changes: Any) -> str:
        """Ask, and let the person say yes."""
        page = await self.ask(**changes)
        assert page.status == 200, page.text
        back = await self.answer(form_token(page), decision="allow", scope=scope, agent_choice=choice)
        assert back.status == 303, back.text
        return arrived(back)["code"]

    async def exchange(self, given: str, /, **changes: Any) -> Answer:
        fields = {
            "grant_type": "authorization_code",
            "code": given,
            "redirect_uri": self.redirect,
            "client_id": self.id,
            "code_verifier": VERIFIER,
        } | changes
        return await self.form("/oauth2/token", {name: value for name, value in fields.items() if value is not None})

    async def refresh(self, given: str, /, **changes: Any) -> Answer:
        fields = {"grant_type": "refresh_token", "refresh_token": given, "client_id": self.id} | changes
        return await self.form("/oauth2/token", fields)

    async def tokens(self, **more: Any) -> dict[str, Any]:
        """All of the way, to the tokens."""
        answer = await self.exchange(await self.code(**more))
        assert answer.status == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def account(self, token: str) -> Answer:
        """What the token opens."""
        return await self.client.get("/v1/account", key=token)


def form_token(page: Answer) -> str:
    match = re.search(r'name="form" value="([^"]*)"', page.text)
    assert match is not None, page.text
    return html.unescape(match[1])


def arrived(back: Answer, redirect: str = REDIRECT) -> dict[str, str]:
    """What the program reads off the URL that the browser was sent to."""
    location = back.headers["location"]
    assert location.startswith(redirect), location
    return dict(parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True))
