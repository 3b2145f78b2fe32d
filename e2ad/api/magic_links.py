"""The links of a mailed request to review, as pages for a person without a credential.

GET and HEAD show and change nothing, whatever reads the mail before its owner does; POST decides. The token is
bound to the draft as it was when the mail was written: of a draft that was changed since, the page says so.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qs

import trio
from attrs import evolve, frozen

from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.review_pages import SECURITY, Facts, confirmation, message_page
from e2ad.api.review_words import ending, left
from e2ad.api.reviews import deciding
from e2ad.api.services import Services
from e2ad.core import errors
from e2ad.core.audit import Actor
from e2ad.core.errors import Failure, answer
from e2ad.core.outbound import Draft, decode_draft
from e2ad.core.review_links import Action, ReviewLink
from e2ad.gateway import mint
from e2ad.gateway.limits import address_subject
from e2ad.gateway.reviews import MAX_REASON, Reviewer
from e2ad.gateway.whence import whence
from e2ad.storage import reviews as storage
from e2ad.storage.reviews import Linked, Shown

__all__ = ["PENDING_PATH", "MagicLink", "PendingPage", "endpoints"]

MAX_FORM: Final = 65_536
PER_MINUTE: Final = 120
"""Of one client address: the only bound on somebody without a credential."""
WINDOW_SECONDS: Final = 60
DEFAULT_REASON: Final = "magic-link rejection"
PREFIXES: Final = ("/v1", "/api/v1")
PENDING_PATH: Final = "/dashboard/pending"
REVIEWS_PATH: Final = "/dashboard/reviews"
METHODS: Final = ("GET", "HEAD", "POST")
REFUSED_METHODS: Final = ("PUT", "PATCH", "DELETE", "OPTIONS")
HTML: Final = "text/html; charset=utf-8"

_PAGES: Final = trio.CapacityLimiter(2)
_MESSAGE_ID: Final = re.compile(r"msg_[0-9a-f]{32}")
_INVALID: Final = "Copy it whole from the mail, or decide at the command line: `e2a reviews list`"


class _Refused(Exception):
    """A page that says why nothing happens."""

    def __init__(self, status: int, heading: str, *sentences: str) -> None:
        super().__init__(heading)
        self.status = status
        self.heading = heading
        self.sentences = sentences


@frozen
class _Opened:
    """A link that may decide. `fingerprint` is the start of its token's hash: it tells two apart and opens nothing."""

    link: ReviewLink
    found: Linked
    sha256: bytes
    fingerprint: str


@frozen
class MagicLink:
    """Answers the links of one action."""

    services: Services
    action: Action

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """A page, whatever happens.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        if exchange.method not in METHODS:
            # What was sent is read, so that the connection can go on.
            page = _page(405, "This link cannot do that", "Open it in a browser.")
            return Response(page.status, page.body, page.content_type, {**page.headers, "Allow": ", ".join(METHODS)})
        try:
            subject = address_subject("review_link", exchange.client_address)
            (await self.services.limits.take(subject, PER_MINUTE, WINDOW_SECONDS)).check()
            return await run_bounded(self._answer(exchange), self.services)
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes a page
            error = root_failure(raised)
            if isinstance(error, _Refused):
                return _page(error.status, error.heading, *error.sentences)
            log_accident(error, exchange, f"magic link {self.action}")
            page = _trouble(error)
            return evolve(page, headers={**page.headers, **retry_headers(error)})

    async def _answer(self, exchange: Exchange) -> Response:
        if exchange.method == "POST":
            form = await _form(exchange)
            opened = await self._open(form.get("t") or form.get("token") or "")
            return await self._decide(opened, form.get("reason", ""), exchange.client_address)
        query = exchange.query()
        token = query.get("t") or query.get("token") or ""
        opened = await self._open(token)
        shown, draft = await self._shown(opened)
        facts = await self._facts(opened, shown, draft)
        # An HTML part of nothing but delimiters takes a second or two to be read as text.
        write = partial(confirmation, shown, draft, self.action, token, path=exchange.raw_path, facts=facts)
        page = await trio.to_thread.run_sync(write, limiter=_PAGES, abandon_on_cancel=True)
        return Response(200, page.encode(), HTML, SECURITY)

    async def _shown(self, opened: _Opened) -> tuple[Shown, Draft]:
        shown = await storage.show(self.services.db, opened.found.account_id, opened.link.message_id)
        if shown is None or shown.draft is None:
            raise _gone()
        return shown, decode_draft(shown.draft)

    async def _facts(self, opened: _Opened, shown: Shown, draft: Draft) -> Facts:
        account_id, at = opened.found.account_id, mint.now()
        whom = await whence(self.services.db, account_id, draft, shown.findings or ())
        hold = await storage.hold(self.services.db, account_id, shown.message.id)
        then = ending(hold.on_expiry if hold is not None else "reject", shown.message.direction)
        return Facts(whom, left(shown.review_expires_at or at, at), then)

    async def _open(self, token: str) -> _Opened:
        """The hold that a token is about, if it may decide about it.

        Raises:
            _Refused: it may not.
        """
        link = ReviewLink.claimed(token)
        if link is None:
            raise _Refused(400, "This link is not valid", _INVALID)
        found = await storage.by_link(self.services.db, link.message_id)
        if found is None or found.trashed:
            raise _gone()
        secrets = self.services.keys.secrets
        signed = [sha256 for sha256 in found.sha256s if link.is_signed(secrets, token, sha256)]
        if not signed or link.action != self.action:
            raise _Refused(400, "This link is not valid", _INVALID)
        if mint.now().timestamp() >= link.expires_at:
            raise _Refused(
                410,
                "This link has expired",
                "The time to decide about this mail is over.",
                f"What became of it: `e2a reviews show {link.message_id}`",
            )
        if found.review_status != "pending_review":
            raise _decided(found.review_status)
        if signed[-1] != found.sha256s[-1]:
            raise _Refused(
                409,
                "The mail was changed",
                "It was edited after this link was sent, so the link is no longer about what would leave.",
                f"Nothing was decided. See what would leave now: `e2a reviews show {link.message_id}`",
            )
        return _Opened(link, found, signed[-1], hashlib.sha256(token.encode()).hexdigest()[:16])

    async def _decide(self, opened: _Opened, reason: str, client_address: str) -> Response:
        account_id, message_id = opened.found.account_id, opened.link.message_id
        actor = Actor("link", opened.fingerprint, client_address)
        reviewer, verbs = Reviewer("link", account_id, actor), deciding(self.services)
        _, draft = await self._shown(opened)
        if self.action == "reject":
            reason = reason.strip()[:MAX_REASON] or DEFAULT_REASON
            await verbs.reject(account_id, message_id, reviewer, reason=reason, seen=opened.sha256)
            return _done("reject", "Rejected", "This mail will not be sent.", draft)
        approved = await verbs.approve(account_id, message_id, reviewer, seen=opened.sha256)
        if approved.accepted is not None and approved.accepted.scheduled_at is not None:
            at = approved.accepted.scheduled_at
            return _done("approve", "Approved", f"This mail leaves at {at:%Y-%m-%d %H:%M} UTC.", draft)
        return _done("approve", "Approved", "This mail is on its way.", draft)


@frozen
class PendingPage:
    """Where the third link of the mail leads: how else to decide. It asks for no credential and looks nothing up."""

    services: Services

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """The same for everybody, but for the id that the link itself names."""
        named = exchange.query().get("id", "")
        which = named if _MESSAGE_ID.fullmatch(named) else ""
        sentences = [
            "Decide with the two links of the mail that asked you: each shows the whole mail first.",
            f"Or at the command line: `e2a reviews show {which or 'MESSAGE'}`",
        ]
        onward = f"{REVIEWS_PATH}/{which}" if self.services.config.features.dashboard else ""
        page = message_page("Mail waits for your decision", sentences, onward=onward.rstrip("/"))
        return Response(200, page.encode(), HTML, SECURITY)


def endpoints(services: Services) -> list[tuple[str, str, MagicLink | PendingPage]]:
    """Both actions under the paths of both APIs, and the page that the mail's third link leads to."""
    approve, reject = MagicLink(services, "approve"), MagicLink(services, "reject")
    links: list[tuple[str, str, MagicLink | PendingPage]] = [
        (method, f"{prefix}/{one.action}", one)
        for prefix in PREFIXES
        for one in (approve, reject)
        for method in (*METHODS, *REFUSED_METHODS)
    ]
    return [*links, ("GET", PENDING_PATH, PendingPage(services))]


def _page(status: int, heading: str, *sentences: str) -> Response:
    return Response(status, message_page(heading, sentences).encode(), HTML, SECURITY)


def _done(action: Action, heading: str, sentence: str, draft: Draft) -> Response:
    return Response(200, message_page(heading, [sentence], done=action, draft=draft).encode(), HTML, SECURITY)


def _gone() -> _Refused:
    return _Refused(404, "There is no such mail", "It was deleted, or its agent is in the trash.")


def _decided(status: str | None) -> _Refused:
    said = {
        "review_rejected": "It was rejected and will not be sent.",
        "review_expired_rejected": "The time to decide ran out, and it was rejected.",
        "review_expired_approved": "The time to decide ran out, and it was approved.",
    }.get(status or "", "It was approved.")
    return _Refused(409, "This mail is decided already", said)


def _trouble(error: BaseException) -> Response:
    """What stands in the way of a decision. After trouble of ours nobody can say here whether it was decided."""
    status = answer(error).status
    match error:
        case errors.MessageNotPending():
            return _page(409, "This mail is decided already", "Somebody else, or the clock, was faster.")
        case errors.NotFound():
            gone = _gone()
            return _page(gone.status, gone.heading, *gone.sentences)
        case errors.Conflict():
            return _page(409, "The mail was changed", "Nothing was decided. Open the link again.")
        case Failure() if status < 500:
            return _page(status, "The mail cannot be sent now", error.message, "Nothing was decided; it stays held.")
        case _:
            return _page(
                status, "Something went wrong here", "Open the link again in a moment: it tells what was decided."
            )


async def _form(exchange: Exchange) -> dict[str, str]:
    media_type = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    raw = await exchange.read_body(MAX_FORM)
    if media_type not in ("", "application/x-www-form-urlencoded"):
        raise _Refused(400, "This link is not valid", _INVALID)
    try:
        fields = parse_qs(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError as error:
        raise _Refused(400, "This link is not valid", _INVALID) from error
    return {name: values[0].replace("\0", "") for name, values in fields.items()}
