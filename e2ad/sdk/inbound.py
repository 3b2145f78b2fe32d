"""From an event to the mail itself, with what one does with it: answer, hand on, fetch an attachment.

An event tells of a mail and does not contain it. `client.inbound.from_event(event)` fetches it with the client's own
key, so that nothing of the event counts but which message it is about.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Generic, Literal, TypeAlias, overload

from attrs import define, field, frozen

from e2ad.sdk import bodies, models
from e2ad.sdk.errors import E2AValidationError
from e2ad.sdk.events import WebhookEvent
from e2ad.sdk.exchange import Answer, Steps
from e2ad.sdk.faces import Async, AsyncPlain, Driver, F, Plain, Resource, Sync, operation
from e2ad.sdk.resources.messages import Messages

__all__ = ["AsyncInboundAttachment", "AsyncInboundEmail", "Inbound", "InboundAttachment", "InboundEmail"]

SCHEMA_VERSION: Final = "1"

Event: TypeAlias = WebhookEvent[Any] | Mapping[str, Any]
JSON: TypeAlias = Mapping[str, Any]


@define(eq=False, init=False)
class InboundAttachment(Resource[F]):
    """What is attached to a mail; `get` fetches it."""

    _inbox: str = field(repr=False)
    _message_id: str = field(repr=False)
    index: int
    size_bytes: int
    filename: str | None
    content_type: str | None
    content_id: str | None

    def __init__(self, driver: Driver, inbox: str, message_id: str, known: models.AttachmentMetaView) -> None:
        super().__init__(driver)
        self._inbox, self._message_id = inbox, message_id
        self.index, self.size_bytes = known.index, known.size_bytes
        self.filename, self.content_type, self.content_id = known.filename, known.content_type, known.content_id

    @operation
    def get(self, *, inline: bool = False) -> Steps[models.AttachmentView]:
        """Where its octets are; with `inline` also those, as base64."""
        messages = Messages[F](self._driver)
        return Messages.get_attachment.__wrapped__(messages, self._inbox, self._message_id, self.index, inline=inline)

    def to_dict(self) -> dict[str, Any]:
        """What is known of it, for JSON."""
        known = {
            "index": self.index,
            "size_bytes": self.size_bytes,
            "content_type": self.content_type,
            "filename": self.filename,
            "content_id": self.content_id,
        }
        return {name: value for name, value in known.items() if value is not None}


class InboundEmail(Resource[F]):
    """A mail that came in, fetched from the deployment.

    Attributes:
        event: what announced it.
        message: all that the API says of it.
        id: the message's.
        inbox: the agent that it came to.
        from_: the address in From; `sender` is the same.
        verified: whether DMARC passed for the domain in From.
        reply_targets: where an answer goes: Reply-To, or From where there is none.
        text: what is new in it, without what it quotes.
        text_truncated: whether it was longer.
        flagged: whether it came in although its sender is not on the list.
    """

    def __init__(self, driver: Driver, event: Event, message: models.MessageView) -> None:
        super().__init__(driver)
        self.event = event
        self.message = message
        self.id = message.id
        self.inbox = message.delivered_to
        self.conversation_id = message.conversation_id
        self.from_ = message.header_from
        self.envelope_from = message.envelope_from
        self.authentication = message.authentication
        self.verified_domain = message.verified_domain
        self.verified = message.authentication is not None and message.authentication.dmarc.status == "pass"
        self.to = list(message.to)
        self.cc = list(message.cc)
        self.reply_to = list(message.reply_to)
        self.reply_targets = self.reply_to or ([message.header_from] if message.header_from else [])
        self.subject = message.subject
        self.text = message.parsed.text if message.parsed is not None else None
        self.html = message.parsed.html if message.parsed is not None else None
        self.text_truncated = message.parsed is not None and message.parsed.truncated
        self.received_at = message.created_at
        self.flagged = bool(message.flagged)
        self.flag_reason = message.flag_reason
        self.attachments = [InboundAttachment[F](driver, self.inbox, self.id, known) for known in message.attachments]

    @property
    def sender(self) -> str | None:
        """The address in From; `verified` says whether it can be believed."""
        return self.from_

    @property
    def recipient(self) -> str:
        """The agent that it came to."""
        return self.inbox

    @operation
    def reply(
        self,
        body: bodies.ReplyRequest | JSON | str,
        *,
        unsubscribe: bodies.UnsubscribeOptions | JSON | None = None,
        quote_history: bool | None = None,
        wait: Literal["sent"] | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[models.SendResultView]:
        """Answer it, to `reply_targets`; a bare text is the body's `text`. See `client.messages.send`."""
        return Messages.reply.__wrapped__(
            Messages[F](self._driver),
            self.inbox,
            self.id,
            {"text": body} if isinstance(body, str) else body,
            unsubscribe=unsubscribe,
            quote_history=quote_history,
            wait=wait,
            idempotency_key=idempotency_key,
        )

    @operation
    def forward(
        self,
        body: bodies.ForwardRequest | JSON,
        *,
        unsubscribe: bodies.UnsubscribeOptions | JSON | None = None,
        wait: Literal["sent"] | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[models.SendResultView]:
        """Hand it on, with its attachments. See `client.messages.send`."""
        return Messages.forward.__wrapped__(
            Messages[F](self._driver),
            self.inbox,
            self.id,
            body,
            unsubscribe=unsubscribe,
            wait=wait,
            idempotency_key=idempotency_key,
        )

    def to_dict(self) -> dict[str, Any]:
        """What one mostly wants to know of it, for JSON."""
        known = {
            "id": self.id,
            "inbox": self.inbox,
            "conversation_id": self.conversation_id,
            "from": self.from_,
            "envelope_from": self.envelope_from,
            "verified": self.verified,
            "to": self.to,
            "cc": self.cc,
            "reply_to": self.reply_to,
            "reply_targets": self.reply_targets,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "text_truncated": self.text_truncated,
            "received_at": _milliseconds(self.received_at),
            "flagged": self.flagged,
            "flag_reason": self.flag_reason,
            "attachments": [attachment.to_dict() for attachment in self.attachments],
        }
        return {name: value for name, value in known.items() if value is not None}

    def __repr__(self) -> str:
        return f"InboundEmail({self.to_dict()!r})"


AsyncInboundAttachment: TypeAlias = InboundAttachment[Async]
AsyncInboundEmail: TypeAlias = InboundEmail[Async]


@frozen
class _EmailAnswer(Answer[Any], Generic[F]):
    """The message of an event, as the mail that it is."""

    driver: Driver
    event: Event

    def model(self) -> InboundEmail[F]:
        return InboundEmail(self.driver, self.event, super().model())

    def plain(self) -> dict[str, Any]:
        return self.model().to_dict()


class Inbound(Resource[F]):
    """`client.inbound`."""

    @overload
    def from_event(self: Inbound[Sync], event: Event, *, mark_read: bool | None = None) -> InboundEmail[Sync]: ...
    @overload
    def from_event(
        self: Inbound[Async], event: Event, *, mark_read: bool | None = None
    ) -> Coroutine[Any, Any, InboundEmail[Async]]: ...
    @overload
    def from_event(self: Inbound[Plain], event: Event, *, mark_read: bool | None = None) -> dict[str, Any]: ...
    @overload
    def from_event(
        self: Inbound[AsyncPlain], event: Event, *, mark_read: bool | None = None
    ) -> Coroutine[Any, Any, dict[str, Any]]: ...
    def from_event(self, event: Event, *, mark_read: bool | None = None) -> Any:
        """The mail that an `email.received` event tells of. It counts as read from then on, unless told otherwise.

        Args:
            event: from `construct_event`, `parse_webhook(…).event` or `listen`, or its envelope as a dict.

        Raises:
            E2AValidationError: it is another event (`invalid_email_received_event`).
            E2ANotFoundError: the message is gone.
        """
        return self._driver.run(self._fetched(event, mark_read))

    def _fetched(self, event: Event, mark_read: bool | None) -> Steps[Any]:
        inbox, message_id = _keys(event)
        messages = Messages[F](self._driver)
        found = yield from Messages.get.__wrapped__(messages, inbox, message_id, mark_read=mark_read)
        return _EmailAnswer(found.response, found.type, self._driver, event)


def _keys(event: Event) -> tuple[str, str]:
    """What the message is fetched by."""
    envelope = event if isinstance(event, Mapping) else {"type": event.type, "schema_version": event.schema_version}
    data = envelope.get("data") if isinstance(event, Mapping) else event.data
    if envelope.get("type") != "email.received" or envelope.get("schema_version") != SCHEMA_VERSION:
        raise _invalid("it takes an email.received event of schema version 1")
    keys = [data.get(name) if isinstance(data, Mapping) else None for name in ("delivered_to", "message_id")]
    for name, key in zip(("delivered_to", "message_id"), keys, strict=True):
        if not isinstance(key, str) or not key:
            raise _invalid(f"the event does not say which message it is about: {name} is missing")
    return str(keys[0]), str(keys[1])


def _invalid(message: str) -> E2AValidationError:
    return E2AValidationError(message, code="invalid_email_received_event")


def _milliseconds(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
