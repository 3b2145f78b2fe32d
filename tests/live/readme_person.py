"""The reader's browser: it opens the page that lets the command line in, and says yes with the account's key."""

import json
import re
import sys
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, Request, build_opener

HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
ACTION = re.compile(r'<form[^>]* action="([^"]*)"')

_cookies = build_opener(HTTPCookieProcessor())


def asked(url: str, form: dict[str, str] | None = None) -> str:
    headers = {"Sec-Fetch-Site": "same-origin"} if form is not None else {}
    request = Request(url, None if form is None else urlencode(form).encode(), headers)
    with _cookies.open(request, timeout=20) as response:
        return response.read().decode()


def hidden(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in HIDDEN.findall(page)}


def main(folder: str, url: str) -> None:
    key = json.loads((Path(folder) / ".e2ad" / "dev.json").read_text())["api_key"]
    page = asked(url)
    page = asked(url.partition("?")[0], hidden(page) | {"api_key": key, "decision": "allow"})
    asked(urljoin(url, unescape(ACTION.findall(page)[-1])), hidden(page))


main(*sys.argv[1:])
