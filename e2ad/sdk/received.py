"""A mail as a webhook's receiver gets it: closed until somebody checked where the payload comes from.

Two questions, two answers. `verified`: does the payload come from our deployment, unaltered? Until that is so,
nothing that it says can be read but through `unverified_payload`, whose name says what it is. `sender_verified`:
did the sender prove to be who the mail says? That is the deployment's finding, and part of what the payload says.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn, Self

from attrs import evolve, field, frozen

from e2ad.core import mime
from e2ad.core.events import parse_rfc3339
from e2ad.sdk.errors import UnverifiedEmailError
from e2ad.sdk.events import WebhookEvent
from e2ad.sdk.signatures import MailProof, auth_fields, refusal

__all__ = ["Content", "ReceivedAttachment", "ReceivedEmail", "content_of", "proven_content"]


@frozen
class ReceivedAttachment:
    """What is attached.

    Attributes:
        index: what the API fetches it by.
        size_bytes: of the decoded content.
    """

    index: int
    filename: str | None
    content_type: str | None
    size_bytes: int
    content_id: str | None = None
    _raw: bytes | None = field(default=None, repr=False, eq=False)

    @property
    def data(self) -> bytes | None:
        """The decoded content; None where the payload has no mail in it, only what is known of it."""
        found = mime.attachment(self._raw, self.index) if self._raw is not None else None
        return found[1] if found is not None else None


@frozen
class Content:
    """What a payload says."""

    message_id: str
    sender: str | None = None
    sender_name: str | None = None
    recipient: str | None = None
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str | None = None
    text: str | None = None
    new_text: str | None = None
    html: str | None = None
    attachments: tuple[ReceivedAttachment, ...] = ()
    conversation_id: str | None = None
    received_at: datetime | None = None
    sender_verified: bool = False
    verified_domain: str | None = None
    authentication: Mapping[str, Any] | None = None
    auth_headers: Any = None
    raw: bytes | None = None
    event: WebhookEvent[Any] | None = None


class ReceivedEmail:
    """The mail of one request; see `parse_webhook`.

    `verified` and `unverified_payload` can always be read. Everything else raises `UnverifiedEmailError` while
    the payload is not verified. Printing, comparing and copying it shows nothing of what is inside, and it cannot be
    pickled: a copy that was stored has to prove itself again.

    Where `X-E2A-Auth-*` is all that proves the payload, as in what `e2a listen --forward` posts, it proves the mail,
    its id and the finding about its sender. `recipient`, `conversation_id` and `received_at` are then what the
    forwarding side says, and `verified_domain` and `authentication` are left out.
    """

    __slots__ = ("_content", "_payload")

    def __init__(self, payload: Mapping[str, Any], content: Content | None) -> None:
        self._payload = payload
        self._content = content

    @property
    def verified(self) -> bool:
        """Whether the payload is proven to come from the deployment. Of its sender `sender_verified` tells."""
        return self._content is not None

    @property
    def unverified_payload(self) -> Mapping[str, Any]:
        """The decoded body. Of an unverified object anybody may have written it: to look at, not to act on."""
        return self._payload

    def _open(self, name: str) -> Content:
        if self._content is None:
            raise UnverifiedEmailError(
                f"{name} cannot be read: nobody checked who sent this payload. Pass the request's headers and your"
                " secret to parse_webhook(body, headers, secret), or set E2A_WEBHOOK_SECRET; unverified_payload is"
                " what anybody may have written"
            )
        return self._content

    @property
    def message_id(self) -> str:
        """What the API knows the message by."""
        return self._open("message_id").message_id

    @property
    def conversation_id(self) -> str | None:
        """Of the conversation that it belongs to."""
        return self._open("conversation_id").conversation_id

    @property
    def sender(self) -> str | None:
        """The address in From; never that in Reply-To, which proves nothing."""
        return self._open("sender").sender

    @property
    def sender_name(self) -> str | None:
        """What the sender is called in From."""
        return self._open("sender_name").sender_name

    @property
    def sender_verified(self) -> bool:
        """Whether the deployment found the sender's domain to have sent it (SPF or DKIM, aligned)."""
        return self._open("sender_verified").sender_verified

    @property
    def verified_domain(self) -> str | None:
        """The domain whose DMARC passed."""
        return self._open("verified_domain").verified_domain

    @property
    def authentication(self) -> Mapping[str, Any] | None:
        """What SPF, DKIM and DMARC said, where the payload tells."""
        return self._open("authentication").authentication

    @property
    def recipient(self) -> str | None:
        """The agent that it is for."""
        return self._open("recipient").recipient

    @property
    def to(self) -> list[str]:
        """The addresses in To."""
        return list(self._open("to").to)

    @property
    def cc(self) -> list[str]:
        """The addresses in Cc."""
        return list(self._open("cc").cc)

    @property
    def reply_to(self) -> list[str]:
        """Where the sender wants answers; anybody's choice."""
        return list(self._open("reply_to").reply_to)

    @property
    def subject(self) -> str | None:
        """The subject, decoded."""
        return self._open("subject").subject

    @property
    def text(self) -> str | None:
        """The whole text, with the history that an answer quotes; None where the payload has no text in it."""
        return self._open("text").text

    @property
    def new_text(self) -> str | None:
        """What is new in it, without what it quotes."""
        return self._open("new_text").new_text

    @property
    def html(self) -> str | None:
        """The HTML as the sender wrote it: to be cleaned before it is shown."""
        return self._open("html").html

    @property
    def attachments(self) -> list[ReceivedAttachment]:
        """What is attached; with its content where the mail is in the payload."""
        return list(self._open("attachments").attachments)

    @property
    def received_at(self) -> datetime | None:
        """When it came in, with its time zone."""
        return self._open("received_at").received_at

    @property
    def raw_message(self) -> bytes | None:
        """The mail to the last byte, where the payload has it."""
        return self._open("raw_message").raw

    @property
    def event(self) -> WebhookEvent[Any] | None:
        """The event that it was announced by; None where the payload is the mail itself."""
        return self._open("event").event

    def __repr__(self) -> str:
        return f"<ReceivedEmail {self._content.message_id!r}>" if self._content else "<ReceivedEmail, unverified>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memory: object) -> Self:
        return self

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a ReceivedEmail cannot be pickled: keep the body and its headers, and verify them again")


def content_of(payload: Mapping[str, Any]) -> Content:
    """What a payload of any of the shapes claims. Total but for the mail inside, which has to be one.

    The shapes are an event's envelope, that of the classic API (`event` instead of `type`), a whole message of the
    API, and the flat message that an agent's own URL gets.

    Raises:
        E2AWebhookSignatureError: the mail inside is not base64.
    """
    event, data = None, payload
    if isinstance(payload.get("data"), Mapping) and isinstance(payload.get("type", payload.get("event")), str):
        data = payload["data"]
        event = _event(payload)
    parsed, body = _object(data.get("parsed")), _object(data.get("body"))
    text = _text(parsed.get("text")) or _text(body.get("text"))
    return Content(
        message_id=_text(data.get("message_id")) or _text(data.get("id")) or "",
        sender=_text(data.get("header_from") if "header_from" in data else data.get("from")),
        sender_name=_text(data.get("sender_name")),
        recipient=_text(data.get("recipient")) or _text(data.get("delivered_to")) or _text(data.get("agent_email")),
        to=_texts(data.get("to")),
        cc=_texts(data.get("cc")),
        reply_to=_texts(data.get("reply_to")),
        subject=_text(data.get("subject")),
        text=text,
        new_text=text,
        html=_text(parsed.get("html")) or _text(body.get("html")),
        attachments=_attachments(data.get("attachments")),
        conversation_id=_text(data.get("conversation_id")) or None,
        received_at=_time(data.get("received_at") or data.get("created_at")),
        verified_domain=_text(data.get("verified_domain")),
        authentication=_object(data.get("authentication")) or None,
        auth_headers=data.get("auth_headers") or payload.get("auth_headers"),
        raw=_raw(data.get("raw_message")),
        event=event,
    )


def proven_content(claimed: Content, proof: MailProof | None, *, mail_alone: bool = False) -> Content:
    """Of what is claimed that which is proven; what the mail itself says wins.

    Args:
        claimed: by a payload that is proven to the last byte, unless `mail_alone`.
        proof: of the mail, if that is there.
        mail_alone: only the mail is proven, not what the payload says besides.
    """
    inside = auth_fields(claimed.auth_headers)
    if proof is not None:
        sender, is_verified = proof.verdict.sender, proof.verdict.verified
    elif inside:
        sender, is_verified = inside.get("x-e2a-auth-sender", ""), inside.get("x-e2a-auth-verified") == "true"
    else:
        sender, is_verified = claimed.sender or "", claimed.verified_domain is not None
    found = evolve(
        claimed,
        message_id=proof.message_id if proof is not None else claimed.message_id,
        sender=sender or None,
        sender_verified=is_verified,
        verified_domain=None if mail_alone else claimed.verified_domain,
        authentication=None if mail_alone else claimed.authentication,
        event=None if mail_alone else claimed.event,
    )
    return found if found.raw is None else _read(found, found.raw)


def _read(content: Content, raw: bytes) -> Content:
    """With what the mail says in place of what is said about it."""
    mail = mime.parse(raw)
    return evolve(
        content,
        sender_name=mail.sender_name or None,
        to=mail.to,
        cc=mail.cc,
        reply_to=mail.reply_to,
        subject=mail.subject,
        text=mail.text,
        # A reply that says nothing new still says what it quotes.
        new_text=mail.new_text or mail.text,
        html=mail.html,
        attachments=tuple(
            ReceivedAttachment(one.index, one.filename, one.content_type, one.size_bytes, one.content_id, raw)
            for one in mail.attachments
        ),
    )


def _event(payload: Mapping[str, Any]) -> WebhookEvent[Any]:
    """Of either API."""
    return WebhookEvent(
        type=_text(payload.get("type")) or _text(payload.get("event")) or "",
        id=_text(payload.get("id")) or "",
        schema_version=_text(payload.get("schema_version")) or "",
        created_at=_text(payload.get("created_at")) or "",
        data=payload["data"],
        raw=payload,
    )


def _raw(value: object) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise refusal("body", "the mail in the payload is not base64") from None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _time(value: object) -> datetime | None:
    try:
        return parse_rfc3339(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _attachments(value: object) -> tuple[ReceivedAttachment, ...]:
    listed = value if isinstance(value, list) else []
    return tuple(
        ReceivedAttachment(
            index=_number(one.get("index"), index),
            filename=_text(one.get("filename")),
            content_type=_text(one.get("content_type")),
            size_bytes=_number(one.get("size_bytes"), 0),
            content_id=_text(one.get("content_id")),
        )
        for index, one in enumerate(listed)
        if isinstance(one, Mapping)
    )


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default
