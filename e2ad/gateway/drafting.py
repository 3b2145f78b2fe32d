"""From what a caller asks for to a draft: the rules of send, answer, forward and test (contract: validation).

Nothing here touches the database. Whatever is wrong with a request is found here, so that a request that breaks
a rule has no effect at all.
"""

import binascii
from base64 import b64decode
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import evolve, field, frozen

from e2ad.core import mime
from e2ad.core.address import without_tag
from e2ad.core.charset import clean
from e2ad.core.errors import (
    BlockedByPolicy,
    InvalidAttachment,
    InvalidRecipient,
    InvalidRequest,
    MessageNotYetDelivered,
    PayloadTooLarge,
)
from e2ad.core.message import EntityType
from e2ad.core.outbound import Draft, DraftAttachment, MessageType
from e2ad.core.quotation import Original, ancestors, forwarded, forwarded_subject, quoted, reply_subject
from e2ad.core.recipients import address_of, normalise, refuse_too_many
from e2ad.storage.sending import Parent

__all__ = [
    "MAX_ATTACHMENTS",
    "File",
    "Wish",
    "forward_draft",
    "parent_is_answerable",
    "reply_draft",
    "send_draft",
    "sized",
    "test_draft",
    "wants_template",
]

MAX_SUBJECT: Final = 2000
MAX_TEXT: Final = 1_048_576
MAX_CONVERSATION_ID: Final = 200
MAX_ATTACHMENTS: Final = 10
MAX_ATTACHMENT_BYTES: Final = 10_485_760
MAX_ATTACHMENTS_BYTES: Final = 26_214_400
MAX_COMPOSED_BYTES: Final = 10_485_760
MAX_FILENAME_BYTES: Final = 1024
MAX_CONTENT_TYPE: Final = 255
MAX_REPLY_TO: Final = 5
MAX_AHEAD: Final = timedelta(days=90)

_BLANKS: Final = str.maketrans("", "", " \t\r\n\f\v")


@frozen
class File:
    """An attachment as a caller gives it: `data` is base64."""

    filename: str
    content_type: str
    data: str = field(repr=False)


@frozen(kw_only=True)
class Wish:
    """What a caller asks for, as it came. What a verb does not know it does not look at.

    Attributes:
        reply_to: mailboxes; none for the agent's own address.
        conversation_id: "" where the caller names none.
        send_at: None for now.
        reply_all, quote_history: of answers.
        template_id, template_alias: the template that the words come from, by one of the two.
        template_data: values for it; None where none came along.
    """

    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    subject: str = ""
    text: str = field(default="", repr=False)
    html: str | None = field(default=None, repr=False)
    reply_to: Sequence[str] = ()
    conversation_id: str = ""
    attachments: Sequence[File] = ()
    unsubscribe: bool = False
    send_at: datetime | None = None
    reply_all: bool = False
    quote_history: bool = False
    template_id: str = ""
    template_alias: str = ""
    template_data: Mapping[str, Any] | None = field(default=None, repr=False)


def wants_template(wish: Wish) -> bool:
    """Whether the words of a mail come from a template.

    Raises:
        InvalidRequest: from two, or from one and from the request besides; or there are values for none.
    """
    if not (wish.template_id or wish.template_alias):
        if wish.template_data is not None:
            raise InvalidRequest("template_data needs template_id or template_alias")
        return False
    if wish.template_id and wish.template_alias:
        raise InvalidRequest("give template_id or template_alias, not both")
    if wish.subject or wish.text or wish.html:
        raise InvalidRequest("a template excludes literal subject, text and html")
    return True


def send_draft(wish: Wish, agent_email: str, *, own: Collection[str], at: datetime) -> Draft:
    """A fresh mail; the words of a template are in the wish by now.

    Args:
        own: the agent's addresses, which are left out of Cc and Bcc.
        at: now.

    Raises:
        InvalidRequest, InvalidRecipient, TooManyRecipients, InvalidAttachment, PayloadTooLarge: see the rules.
    """
    if not wish.subject.strip():
        raise InvalidRequest("subject is required")
    if not wish.text.strip():
        raise InvalidRequest("text is required")
    refuse_too_many(len(wish.to) + len(wish.cc) + len(wish.bcc))
    addressing = normalise(wish.to, wish.cc, wish.bcc, own=own)
    draft = Draft(
        kind=MessageType.SEND,
        agent_email=agent_email,
        to=addressing.to,
        cc=addressing.cc,
        bcc=addressing.bcc,
        subject=_subject(wish.subject),
        **_common(wish, at),
    )
    return sized(draft)


def reply_draft(wish: Wish, agent_email: str, parent: Parent, *, own: Collection[str], at: datetime) -> Draft:
    """An answer to a mail of the inbox, or another word to those who got one of the agent's own.

    Raises:
        MessageNotYetDelivered: the agent's own mail has not left yet.
        BlockedByPolicy: a machine wrote the mail: nobody reads the answer, or another machine answers it.
        InvalidRequest, InvalidRecipient, TooManyRecipients, InvalidAttachment, PayloadTooLarge: see the rules.
    """
    if not wish.text.strip():
        raise InvalidRequest("text is required")
    parent_is_answerable(parent)
    refuse_too_many(len(wish.cc) + len(wish.bcc))
    outbound = parent.direction == "outbound"
    to = parent.to_addresses if outbound else parent.reply_to_addresses or [parent.header_from or ""]
    cc = list(wish.cc)
    if wish.reply_all:
        others = _legible([*([] if outbound else parent.to_addresses), *parent.cc_addresses])
        cc += [address for address in others if without_tag(address) != agent_email]
    if not any(to):
        raise InvalidRecipient("the mail names nobody to answer to")
    addressing = normalise(to, cc, wish.bcc, own=own)
    text, html = clean(wish.text), wish.html
    if wish.quote_history:
        text, html = quoted(_original(parent), text, html)
    message_id = parent.message_id
    draft = Draft(
        kind=MessageType.REPLY,
        agent_email=agent_email,
        to=addressing.to,
        cc=addressing.cc,
        bcc=addressing.bcc,
        subject=_subject(reply_subject(_one_line(parent.subject))),
        in_reply_to=message_id,
        references=ancestors(parent.raw or b"", message_id),
        parent_id=parent.id,
        **(_common(wish, at) | {"text": text, "html": html}),
    )
    return sized(evolve(draft, conversation_id=draft.conversation_id or parent.conversation_id))


def forward_draft(wish: Wish, agent_email: str, parent: Parent, *, own: Collection[str], at: datetime) -> Draft:
    """A mail handed on, with its attachments, under a note.

    Raises:
        MessageNotYetDelivered: the agent's own mail has not left yet.
        InvalidRequest, InvalidRecipient, TooManyRecipients, InvalidAttachment, PayloadTooLarge: see the rules;
            the limits are those of note and original together.
    """
    _refuse_undelivered(parent)
    refuse_too_many(len(wish.to) + len(wish.cc) + len(wish.bcc))
    addressing = normalise(wish.to, wish.cc, wish.bcc, own=own)
    common = _common(wish, at, carried=len(parent.attachments))
    text, html = forwarded(_original(parent), common["text"], common["html"])
    draft = Draft(
        kind=MessageType.FORWARD,
        agent_email=agent_email,
        to=addressing.to,
        cc=addressing.cc,
        bcc=addressing.bcc,
        subject=_subject(forwarded_subject(_one_line(parent.subject))),
        parent_id=parent.id,
        **(common | {"text": text, "html": html}),
    )
    return sized(evolve(draft, attachments=(*_carried(parent), *draft.attachments)))


def test_draft(agent_email: str, *, at: datetime) -> Draft:
    """The platform's mail to an agent, to see that mail arrives."""
    return Draft(
        kind=MessageType.TEST,
        agent_email=agent_email,
        to=(agent_email,),
        subject="Test mail from e2a",
        text=(
            f"This is a test mail to {agent_email}, sent at {at:%Y-%m-%d %H:%M:%S} UTC.\n\n"
            "If you can read it, mail reaches this agent.\n"
        ),
    )


def parent_is_answerable(parent: Parent) -> None:
    """May an agent answer this mail?

    Raises:
        MessageNotYetDelivered: it is the agent's own and has not left yet.
        BlockedByPolicy: a machine outside wrote it (RFC 3834 section 2); between agents the loop brake holds.
    """
    _refuse_undelivered(parent)
    automated = parent.automation is not None and parent.entity_type == EntityType.HUMAN.value
    if parent.direction == "inbound" and automated:
        raise BlockedByPolicy(
            f"the mail was written by a machine ({parent.automation}): it is not answered, so that no loop begins"
        )


def _refuse_undelivered(parent: Parent) -> None:
    if parent.direction == "outbound" and not parent.submitted:
        raise MessageNotYetDelivered


def _common(wish: Wish, at: datetime, *, carried: int = 0) -> dict[str, Any]:
    """The fields that all verbs read alike."""
    for name, text in (("text", wish.text), ("html", wish.html or "")):
        if len(text) > MAX_TEXT:
            raise InvalidRequest(f"{name} must have at most {MAX_TEXT} characters")
    _refuse_breaks("conversation_id", wish.conversation_id)
    if len(wish.conversation_id) > MAX_CONVERSATION_ID:
        raise InvalidRequest(f"conversation_id must have at most {MAX_CONVERSATION_ID} characters")
    if len(wish.attachments) + carried > MAX_ATTACHMENTS:
        message = f"at most {MAX_ATTACHMENTS} attachments, those of a forwarded mail included"
        raise InvalidRequest(message, details={"fields": [{"location": "body.attachments", "message": message}]})
    return {
        "text": clean(wish.text),
        "html": clean(wish.html) if wish.html else None,
        "reply_to": _reply_to(wish.reply_to),
        "conversation_id": clean(wish.conversation_id.strip()),
        "attachments": tuple(_decoded(index, file) for index, file in enumerate(wish.attachments)),
        "unsubscribe": wish.unsubscribe,
        "send_at": _send_at(wish.send_at, at),
    }


def _send_at(send_at: datetime | None, at: datetime) -> datetime | None:
    if send_at is None or send_at <= at:
        return None
    if send_at > at + MAX_AHEAD:
        raise InvalidRequest(f"send_at must be within {MAX_AHEAD.days} days")
    return send_at


def _subject(text: str) -> str:
    _refuse_breaks("subject", text)
    if len(text) > MAX_SUBJECT:
        raise InvalidRequest(f"subject must have at most {MAX_SUBJECT} characters")
    return clean(text.strip())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _refuse_breaks(name: str, text: str) -> None:
    if "\r" in text or "\n" in text:
        raise InvalidRequest(f"{name} must not contain line breaks")


def _reply_to(texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) > MAX_REPLY_TO:
        raise InvalidRequest(f"reply_to must have at most {MAX_REPLY_TO} addresses")
    try:
        return tuple(dict.fromkeys(address_of(text) for text in texts))
    except ValueError as error:
        raise InvalidRequest(f"reply_to: {error}") from error


def _decoded(index: int, file: File) -> DraftAttachment:
    name = f"attachments[{index}]"
    for member, text in (("filename", file.filename), ("content_type", file.content_type)):
        _refuse_breaks(f"{name}.{member}", text)
    if not file.filename.strip():
        raise InvalidRequest(f"{name}.filename is required")
    if len(file.filename.encode(errors="replace")) > MAX_FILENAME_BYTES:
        raise InvalidRequest(f"{name}.filename must have at most {MAX_FILENAME_BYTES} bytes")
    if len(file.content_type) > MAX_CONTENT_TYPE:
        raise InvalidRequest(f"{name}.content_type must have at most {MAX_CONTENT_TYPE} characters")
    encoded = file.data.translate(_BLANKS)
    # Before it is decoded: what is too large needs no room of its own.
    if len(encoded) // 4 * 3 - 2 > MAX_ATTACHMENT_BYTES:
        raise _too_large("attachment", len(encoded) // 4 * 3, MAX_ATTACHMENT_BYTES, file.filename)
    try:
        data = b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise InvalidAttachment(f"{name}.data is not valid base64") from error
    return DraftAttachment(clean(file.filename), clean(file.content_type) or "application/octet-stream", data)


def _carried(parent: Parent) -> Iterable[DraftAttachment]:
    for number, meta in enumerate(parent.attachments, 1):
        found = mime.attachment(parent.raw or b"", meta["index"])
        if found is not None:
            cut, data = found
            filename = _one_line(cut.filename or "") or f"attachment-{number}"
            content_type = _one_line(cut.content_type or "") or "application/octet-stream"
            yield DraftAttachment(filename, content_type, data, cut.content_id)


def sized(draft: Draft) -> Draft:
    """The draft, if it is within the limits of sizes and of time."""
    for attachment in draft.attachments:
        if len(attachment.data) > MAX_ATTACHMENT_BYTES:
            raise _too_large("attachment", len(attachment.data), MAX_ATTACHMENT_BYTES, attachment.filename)
    together = sum(len(attachment.data) for attachment in draft.attachments)
    if together > MAX_ATTACHMENTS_BYTES:
        raise _too_large("attachments_total", together, MAX_ATTACHMENTS_BYTES)
    composed = together + sum(len(text.encode()) for text in (draft.subject, draft.text, draft.html or ""))
    if composed > MAX_COMPOSED_BYTES:
        raise _too_large("composed_message", composed, MAX_COMPOSED_BYTES)
    if draft.send_at is not None and draft.is_loopback:
        raise InvalidRequest("mail to oneself is delivered at once: send_at needs another recipient")
    return draft


def _too_large(scope: str, actual: int, most: int, filename: str | None = None) -> PayloadTooLarge:
    what = {
        "attachment": f"attachment {filename!r}",
        "attachments_total": "all attachments together",
        "composed_message": "subject, text, html and attachments together",
    }[scope]
    details: dict[str, Any] = {"scope": scope, "actual_bytes": actual, "max_bytes": most}
    if filename is not None:
        details["filename"] = filename
    return PayloadTooLarge(f"{what}: {actual} bytes, at most {most} are allowed", details=details)


def _original(parent: Parent) -> Original:
    author = parent.header_from or "an unknown sender"
    if parent.sender_name:
        author = f"{_one_line(parent.sender_name)} <{author}>"
    return Original(
        author=author,
        sent_at=parent.sent_at or parent.created_at,
        subject=_one_line(parent.subject),
        to=parent.to_addresses,
        cc=parent.cc_addresses,
        text=parent.body_text,
        html=parent.body_html,
    )


def _legible(addresses: Iterable[str]) -> list[str]:
    """Those that can be written to: what a stranger put into To and Cc is not the caller's to mend."""
    found = []
    for address in addresses:
        try:
            found.append(address_of(address))
        except ValueError:
            continue
    return found
