"""Attachments by signed link: the one route of `/v1` that takes no credential but a token.

A link is given to whoever may read the message, and can be handed on, to a browser or another
program, for the 15 minutes that it works (contract: getAttachment). The bytes are an attachment
to whatever opens them: a sender's HTML must not become a page of ours.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from attrs import frozen

from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import envelope, log_accident, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.messages import open_download
from e2ad.api.services import Services
from e2ad.core.address import fold_address
from e2ad.core.errors import Forbidden, NotFound, Unauthorized
from e2ad.core.message import AttachmentMeta
from e2ad.gateway import messages as gateway
from e2ad.gateway.limits import Allowance, address_subject
from e2ad.storage import messages as storage

__all__ = ["DOWNLOADS_PER_MINUTE", "Download", "endpoints"]

DOWNLOADS_PER_MINUTE: Final = 120
"""Of one client address: the only bound on somebody without a credential."""
WINDOW_SECONDS: Final = 60
PATH: Final = "/v1/agents/{email}/messages/{id}/attachments/{index}/download"


@frozen
class Download:
    """Answers a signed link."""

    services: Services

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """The bytes; 401 without a token, 403 for a bad or expired one, 404 when the message is gone.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        allowance = Allowance()
        try:
            subject = address_subject("download", exchange.client_address)
            allowance = await self.services.limits.take(subject, DOWNLOADS_PER_MINUTE, WINDOW_SECONDS)
            allowance.check()
            response = await run_bounded(self._download(exchange.query().get("token", ""), path), self.services)
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes an answer
            error = root_failure(raised)
            log_accident(error, exchange, "downloadAttachment")
            response = envelope(error, exchange)
        headers = {"Cache-Control": "private, no-store", **allowance.headers(), **response.headers}
        return Response(response.status, response.body, response.content_type, headers)

    async def _download(self, token: str, path: Mapping[str, str]) -> Response:
        if not token:
            raise Unauthorized("the link's token is missing")
        if not open_download(self.services, token, path["id"], path["index"]):
            raise Forbidden("the link is not valid or has expired: ask for a new one")
        content = await storage.download(self.services.db, fold_address(path["email"]), path["id"])
        if content is None:
            raise NotFound
        found = await gateway.cut(content, int(path["index"]))
        return Response(
            200,
            found.content or b"",
            content_type(found.meta),
            {"Content-Disposition": disposition(found.meta), "Content-Security-Policy": "sandbox; default-src 'none'"},
        )


def content_type(meta: AttachmentMeta) -> str:
    """The stored type where it can stand in a header, else that of bytes."""
    text = meta.content_type or ""
    return text if text.isascii() and text.isprintable() and "/" in text else "application/octet-stream"


def disposition(meta: AttachmentMeta) -> str:
    """RFC 6266: a plain name for everybody, and the true one where it has other characters."""
    if not meta.filename:
        return "attachment"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in meta.filename)
    exact = "" if plain == meta.filename else f"; filename*=UTF-8''{quote(meta.filename, safe='')}"
    return f'attachment; filename="{plain}"{exact}'


def endpoints(services: Services) -> list[tuple[str, str, Download]]:
    """The link's path."""
    return [("GET", PATH, Download(services))]
