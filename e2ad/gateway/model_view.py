"""A stored message as a language model may read it; the rules are those of `core.model_view`."""

from functools import partial
from typing import Final

import trio
from attrs import frozen

from e2ad.core import mime, model_view
from e2ad.core.events import rfc3339
from e2ad.core.mime import SeenBody
from e2ad.core.model_view import Content, Facts, Material, Page
from e2ad.core.outbound import Draft
from e2ad.gateway import mint
from e2ad.storage.messages import Message

__all__ = ["ModelReading", "read_for_model"]

_LARGE_OCTETS: Final = 65_536
"""From here on the work takes longer than the event loop may be kept."""
_threads: Final = trio.CapacityLimiter(2)


@frozen
class ModelReading:
    """A page, and the content that it is of."""

    page: Page
    content: Content
    truncated: bool


async def read_for_model(
    message: Message, agent_email: str, *, offset: int, max_chars: int, draft: Draft | None = None
) -> ModelReading:
    """One page of a message.

    Args:
        draft: what mail out says as long as nothing is composed of it.

    Cancellation: a thread that still reads is left to end by itself; there are at most two.
    """
    work = partial(_read, message, agent_email, draft, offset, max_chars)
    size = len(message.body_text) + len(message.body_html or "") + (len(message.raw or b"") if message.body_html else 0)
    size += sum(map(len, (message.subject, *message.to_addresses, *message.cc_addresses, *message.reply_to_addresses)))
    if size <= _LARGE_OCTETS:
        return work()
    return await trio.to_thread.run_sync(work, limiter=_threads, abandon_on_cancel=True)


def _read(message: Message, agent_email: str, draft: Draft | None, offset: int, max_chars: int) -> ModelReading:
    body = _body(message, draft)
    content = model_view.compose(
        Material(
            sender_name=message.sender_name,
            header_from=message.header_from or "",
            to=message.to_addresses,
            cc=message.cc_addresses,
            reply_to=message.reply_to_addresses,
            subject=message.subject,
            text=body.text,
            new_text=body.new_text,
            attachments=_names(message, draft),
            hidden=body.hidden,
        )
    )
    facts = Facts(
        message_id=message.id,
        agent_email=agent_email,
        direction="inbound" if message.direction == "inbound" else "outbound",
        at=rfc3339(message.created_at),
        verified=message.verified,
        verified_domain=message.verified_domain,
        flagged=message.flagged,
        truncated=message.truncated,
    )
    found = model_view.page(content, facts, offset=offset, max_chars=max_chars, draw=lambda: mint.new_id(""))
    return ModelReading(found, content, message.truncated)


def _body(message: Message, draft: Draft | None) -> SeenBody:
    if draft is not None:
        return SeenBody(draft.text, draft.text, 0)
    if message.body_html is not None and message.raw is not None:
        # What is stored may be made of the HTML, with what it hides.
        return mime.seen_body(message.raw)
    new = message.body_text if message.new_text is None else message.new_text
    return SeenBody(message.body_text, new, 0)


def _names(message: Message, draft: Draft | None) -> list[str]:
    if draft is not None:
        found = [(one.filename, one.content_type, len(one.data)) for one in draft.attachments]
    else:
        found = [
            (one.get("filename") or "(unnamed)", one.get("content_type") or "unknown", one["size_bytes"])
            for one in message.attachments
        ]
    return [f"{number}: {name} ({kind}, {size} bytes)" for number, (name, kind, size) in enumerate(found)]
