"""The page behind List-Unsubscribe: `/u/{token}`, for people and for mail programs (RFC 8058; contract: unsubscribe).

Looking changes nothing, since scanners and previews look at every link of a mail. A mail program posts
`List-Unsubscribe=One-Click` and gets an empty answer; a person presses the button and gets a page. Who
may do it is whoever has the link: there is no credential, and nothing of the recipient on the page.
"""

import io
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import parse_qs

from attrs import frozen
from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.review_pages import security
from e2ad.api.services import Services
from e2ad.api.suppressions import suppressions
from e2ad.core.errors import Failure, InvalidRequest, answer
from e2ad.gateway.limits import Allowance, address_subject

__all__ = ["REQUESTS_PER_MINUTE", "UnsubscribePage", "endpoints"]

REQUESTS_PER_MINUTE: Final = 600
"""Of one client address: large mail providers act for many recipients from few addresses."""
WINDOW_SECONDS: Final = 60
MAX_BODY: Final = 1024
PATH: Final = "/u/{token}"
TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"

ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
CONFIRMED: Final = ("confirm", "unsubscribe")

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#55606c;--line:#d4dae0;--paper:#f6f8fa;--card:#fff;--act:#1d4f91;
--ring:#1f6feb}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#a3afbb;--line:#2c3742;--paper:#12181f;--card:#1a222b;
--act:#2f6db8;--ring:#6cb0ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:30rem;margin:min(14vh,8rem) auto 2rem;padding:0 1rem}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.25rem}
h1{font-size:1.35rem;line-height:1.3;margin:0 0 .75rem}p{margin:0;overflow-wrap:anywhere}
strong{display:inline-block;max-width:100%}
.soft{color:var(--soft);font-size:.9rem;margin-top:.75rem}
button{width:100%;margin-top:1.25rem;padding:.85rem 1rem;font:inherit;font-weight:600;color:#fff;background:var(--act);
border:0;border-radius:8px;cursor:pointer}
:focus-visible{outline:3px solid var(--ring);outline-offset:2px}
"""

SECURITY: Final = security(_STYLE)


@frozen
class UnsubscribePage:
    """Answers an unsubscribe link."""

    services: Services

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """The page, or what a POST did; 404 for a link that was never given out.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        allowance = Allowance()
        try:
            subject = address_subject("unsubscribe", exchange.client_address)
            allowance = await self.services.limits.take(subject, REQUESTS_PER_MINUTE, WINDOW_SECONDS)
            allowance.check()
            response = await run_bounded(self._handle(exchange, path["token"]), self.services)
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes an answer
            error = root_failure(raised)
            log_accident(error, exchange, "unsubscribe")
            text = error.message if isinstance(error, Failure) else "internal error"
            status, more = answer(error).status, retry_headers(error)
            if exchange.method == "GET":  # a person, who wants a page; a mail program reads the status
                shown = "This link cannot be used", f"<p>{escape(text[:1].upper() + text[1:])}.</p>"
                response = _page(*shown, status=status, headers=more)
            else:
                response = Response(status, f"{text}\n".encode(), TEXT, more)
        headers = {**SECURITY, **allowance.headers(), **response.headers}
        return Response(response.status, response.body, response.content_type, headers)

    async def _handle(self, exchange: Exchange, token: str) -> Response:
        verbs = suppressions(self.services)
        if exchange.method == "GET":
            return _page("Unsubscribe", _question((await verbs.link(token)).agent_email))
        body = await exchange.read_body(MAX_BODY)
        fields = _fields(exchange.headers.get("content-type", ""), body)
        if ONE_CLICK not in fields and CONFIRMED not in fields:
            raise InvalidRequest("the form must say List-Unsubscribe=One-Click or confirm=unsubscribe")
        done = await verbs.unsubscribe(token)
        if ONE_CLICK in fields:
            return Response(200, b"", TEXT)
        return _page("Unsubscribed", f"<p>You get no more mail from <strong>{escape(done.agent_email)}</strong>.</p>")


def endpoints(services: Services) -> list[tuple[str, str, UnsubscribePage]]:
    """The link's path."""
    page = UnsubscribePage(services)
    return [("GET", PATH, page), ("POST", PATH, page)]


def _fields(content_type: str, body: bytes) -> set[tuple[str, str]]:
    """The names and values of a form, in either of the forms that RFC 8058 section 3.2 allows."""
    kind, options = parse_options_header(content_type)
    try:
        if kind == "multipart/form-data":
            boundary = options.get("boundary", "").encode("ascii")
            form, _ = MultiPartParser(max_form_parts=10).parse(io.BytesIO(body), boundary, len(body))
            return {(name, value) for name, values in form.lists() for value in values}
        if kind in ("application/x-www-form-urlencoded", ""):
            parsed = parse_qs(body.decode("ascii"), max_num_fields=10)
            return {(name, value) for name, values in parsed.items() for value in values}
    except Exception as error:
        # The parser of multiparts names no errors; whatever it stumbles over came from the client.
        raise InvalidRequest("the form cannot be read") from error
    raise InvalidRequest("the body must be a form")


def _question(agent_email: str) -> str:
    return (
        f"<p>Stop all mail from <strong>{escape(agent_email)}</strong> to you?</p>"
        '<form method="post"><input type="hidden" name="confirm" value="unsubscribe">'
        '<button type="submit">Unsubscribe</button></form>'
        '<p class="soft">Nothing has happened yet.</p>'
    )


def _page(title: str, content: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"<main><section><h1>{title}</h1>{content}</section></main></body></html>\n"
    )
    return Response(status, text.encode(), HTML, headers or {})
