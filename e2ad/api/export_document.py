"""The export of an account as one JSON document that is written while it is read (contract: UserExport).

However much the account has, what is in memory is a page of rows (`storage.export`), at the worst one message
with its bytes, and the piece that is being sent; pages are read only as fast as the client takes the pieces.
"""

import binascii
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

import attrs
import msgspec
from attrs import field, frozen
from msgspec import UNSET

from e2ad import maillog
from e2ad.api.export_views import MEMBERS, UserExportUser
from e2ad.api.operation import encode
from e2ad.core.events import rfc3339
from e2ad.core.outbound import REASONS
from e2ad.core.protection import Protection
from e2ad.core.screening import thresholds
from e2ad.gateway.exports import Export

__all__ = ["SCHEMA_VERSION", "ExportDocument"]

SCHEMA_VERSION: Final = "4"
CHUNK_BYTES: Final = 131_072
_RAW_BYTES: Final = 98_304
"""Of a mail for one chunk: base64 makes four bytes of three, and so each slice but the last ends without padding."""


@frozen
class ExportDocument:
    """What a client that asked for an export is sent."""

    export: Export = field(repr=False)

    @property
    def seconds(self) -> float:
        """How long all of it may take."""
        return self.export.seconds

    async def aclose(self) -> None:
        """End the export."""
        await self.export.aclose()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The document in pieces of about `CHUNK_BYTES`.

        Raises:
            Unavailable: the database does not answer any more.
        """
        size, buffer = 0, bytearray()
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                buffer += piece
                if len(buffer) >= CHUNK_BYTES:
                    size += len(buffer)
                    yield bytes(buffer)
                    buffer.clear()
        yield bytes(buffer)
        maillog.account_exported(self.export.profile.id, size + len(buffer))

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        profile = self.export.profile
        user = UserExportUser(profile.id, profile.email, profile.name, rfc3339(profile.created_at))
        head = {"generated_at": rfc3339(self.export.at), "schema_version": SCHEMA_VERSION, "user": user}
        yield encode(head)[:-1]
        for collection in MEMBERS:
            yield b',"%s":[' % collection.encode()
            separator = b""
            async with aclosing(self.export.pages(collection)) as pages:
                async for page in pages:
                    for row in page:
                        yield separator
                        for piece in _entry(collection, row):
                            yield piece
                        separator = b","
            yield b"]"
        yield b"}\n"


def _entry(collection: str, row: Mapping[str, Any]) -> Iterator[bytes]:
    match collection:
        case "events":
            yield row["envelope"].encode()
        case "messages" if row["raw"] is not None:
            yield encode(_view(collection, row))[:-1]
            yield b',"raw_message":"'
            raw = memoryview(row["raw"])
            for at in range(0, len(raw), _RAW_BYTES):
                yield binascii.b2a_base64(raw[at : at + _RAW_BYTES], newline=False)
            yield b'"}'
        case "agents":
            yield encode(_view(collection, {**row, **_protected(row["protection"])}))
        case "transitions":
            yield encode(_view(collection, {**row, **attrs.asdict(REASONS[row["reason_code"]])}))
        case _:
            yield encode(_view(collection, row))


def _view(collection: str, row: Mapping[str, Any]) -> Any:
    """The row as its view; what is null is left out where the view may do without it."""
    view = MEMBERS[collection]
    values: dict[str, Any] = {}
    for one in attrs.fields(view):
        value = row.get(one.name)
        if value is not None or one.default is not UNSET:
            values[one.name] = rfc3339(value) if isinstance(value, datetime) else value
    return view(**values)


def _protected(stored: Any) -> dict[str, Any]:
    """The flat words of the contract for what an owner wants to be asked about."""
    protection = Protection.from_json(stored)
    flat: dict[str, Any] = {
        "public": False,
        "ttl_seconds": protection.holds.ttl_seconds,
        "on_expiry": protection.holds.on_expiry,
        "suppress_notifications": protection.holds.suppress_notifications,
        "protection": msgspec.to_builtins(protection),
    }
    for name, side in (("inbound", protection.inbound), ("outbound", protection.outbound)):
        review, block = thresholds(side.sensitivity)
        flat |= {
            f"{name}_policy": side.gate.policy,
            f"{name}_policy_action": side.gate.action,
            f"{name}_allowlist": side.gate.allowlist,
            f"{name}_scan": "off" if side.sensitivity == "off" else "on",
            f"{name}_scan_sensitivity": side.sensitivity,
            f"{name}_scan_review_threshold": review,
            f"{name}_scan_block_threshold": block,
        }
    return flat
