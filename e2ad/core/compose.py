"""From a draft to the bytes of a mail, once and for all.

Written by hand: the standard library's generator folds wrongly in places, costs milliseconds, and lets a
header value decide about structure. Pure: the identifier and the time come in, so the same draft makes the
same bytes; boundaries are derived from the identifier. Bcc has no field to be written in.

Strings of a draft are hostile. Text is cleaned; an address, an identifier of our own or a link that cannot be
written is refused with `ValueError`, because a repaired one would be another one.
"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from e2ad.core.charset import clean_line
from e2ad.core.compose_body import Entity, build, with_footer, words_of
from e2ad.core.compose_header import (
    addresses,
    display_name,
    field,
    identifiers,
    mailbox,
    text_field,
    written_address,
)
from e2ad.core.outbound import Draft, MessageType, SentAs

__all__ = ["SIGNED_FIELDS", "Author", "Composed", "author_of", "compose", "compose_notice"]

SIGNED_FIELDS: Final = (
    b"from", b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id", b"in-reply-to", b"references",
    b"auto-submitted", b"list-unsubscribe", b"list-unsubscribe-post", b"cfbl-address", b"mime-version", b"content-type",
    b"content-transfer-encoding",
)  # fmt: skip
"""What a signature of a composed mail covers, also where a field is absent, so that none can be added.

RFC 6376 section 5.4.1, and the fields for which RFC 8058 section 4 and RFC 9477 section 3.1 ask it.
"""

PLATFORM_NAME: Final = "e2a"
RELAY_NAME: Final = "{} via e2a"
RELAY_LOCAL_PART: Final = "agent"
TEST_LOCAL_PART: Final = "noreply"

_URL: Final = re.compile(r"https?://[!-;=?-~]{1,800}\Z")


@frozen
class Author:
    """What stands in From: a clean display name, or "", and an address."""

    name: str
    address: str


@frozen
class Composed:
    """A mail, ready to be signed and sent.

    Attributes:
        content: its octets, CRLF line ends.
        header_from: the address in From.
        sender_name: the display name in From, or "".
        message_id: its Message-ID with the brackets.
        smtputf8: it can only travel with SMTPUTF8 (RFC 6531): an address of it, hidden recipients
            included, has a local part that is not ASCII.
    """

    content: bytes
    header_from: str
    sender_name: str
    message_id: str
    smtputf8: bool


def author_of(draft: Draft, *, sent_as: SentAs, from_domain: str) -> Author:
    """In whose name the mail is (contract: From identity).

    Raises:
        ValueError: the agent's address or the domain is none.
    """
    if draft.kind is MessageType.TEST:
        return Author(PLATFORM_NAME, str(written_address(f"{TEST_LOCAL_PART}@{from_domain}")))
    name, address = display_name(draft.sender_name), str(written_address(draft.agent_email))
    if sent_as is SentAs.OWN_ADDRESS:
        return Author(name, address)
    return Author(RELAY_NAME.format(name or address), str(written_address(f"{RELAY_LOCAL_PART}@{from_domain}")))


def compose(
    draft: Draft,
    *,
    message_id: str,
    at: datetime,
    sent_as: SentAs,
    from_domain: str,
    unsubscribe_url: str | None = None,
    feedback_address: str | None = None,
) -> Composed:
    """The mail that a draft means.

    Args:
        draft: what the agent wants to say.
        message_id: a new Message-ID with its brackets, in the domain of From.
        at: the Date; aware.
        sent_as: whether it goes out in the agent's own name.
        from_domain: the deployment's own domain, for mail in its name.
        unsubscribe_url: the one-click link of RFC 8058; adds the two fields and a footer.
        feedback_address: where complaints may go as ARF (RFC 9477).

    Raises:
        ValueError: something cannot be written: an address, the identifier, a naive time, a link; or the
            draft asks for managed unsubscribe and no link came.
    """
    if draft.unsubscribe and unsubscribe_url is None:
        raise ValueError("managed unsubscribe needs a link")
    author = author_of(draft, sent_as=sent_as, from_domain=from_domain)
    reply_to = draft.reply_to or (draft.agent_email,)
    header = [field("From", mailbox(author.name, author.address))]
    if draft.to:
        header.append(field("To", addresses(draft.to)))
    if draft.cc:
        header.append(field("Cc", addresses(draft.cc)))
    header.append(field("Reply-To", addresses(reply_to)))
    header += _identity(draft.subject, at, message_id)
    if parent := identifiers([draft.in_reply_to or ""]):
        header.append(field("In-Reply-To", parent))
    if ancestors := identifiers(draft.references):
        header.append(field("References", ancestors))
    if draft.kind is MessageType.TEST:
        header.append(field("Auto-Submitted", ["auto-generated"]))
    elif draft.kind is MessageType.REPLY and draft.automatic:
        header.append(field("Auto-Submitted", ["auto-replied"]))
    text, html = words_of(draft.text, draft.html), draft.html
    if unsubscribe_url is not None:
        link = _link(unsubscribe_url)
        header.append(field("List-Unsubscribe", [f"<{link}>"]))
        header.append(field("List-Unsubscribe-Post", ["List-Unsubscribe=One-Click"]))
        text, html = with_footer(text, html, link)
    if feedback_address is not None:
        header.append(field("CFBL-Address", [f"{written_address(feedback_address)};", "report=arf"]))
    if clean_line(draft.conversation_id):
        header.append(text_field("X-E2A-Conversation-Id", draft.conversation_id))
    content = _whole(header, build(text, html, draft.attachments, seed=message_id))
    everybody = (author.address, *reply_to, *draft.recipients)
    return Composed(
        content, author.address, author.name, message_id, not all(map(str.isascii, _local_parts(everybody)))
    )


def compose_notice(
    *, from_address: str, from_name: str, to: str, subject: str, text: str, html: str, message_id: str, at: datetime
) -> bytes:
    """A mail of the deployment itself to one of its people, such as the request to review a held one.

    Raises:
        ValueError: an address, the identifier or the time cannot be written.
    """
    header = [
        field("From", mailbox(display_name(from_name), from_address)),
        field("To", addresses([to])),
        field("Reply-To", mailbox(display_name(from_name), from_address)),
        *_identity(subject, at, message_id),
        field("Auto-Submitted", ["auto-generated"]),
    ]
    return _whole(header, build(text, html, (), seed=message_id))


def _identity(subject: str, at: datetime, message_id: str) -> list[str]:
    if at.tzinfo is None:
        raise ValueError("the time of a mail needs a zone")
    if identifiers([message_id]) != [message_id]:
        raise ValueError("not a Message-ID")
    return [
        text_field("Subject", subject),
        field("Date", [format_datetime(at.astimezone(UTC))]),
        field("Message-ID", [message_id]),
    ]


def _whole(header: list[str], body: Entity) -> bytes:
    head = "".join([*header, field("MIME-Version", ["1.0"]), body.header, "\r\n"])
    content = b"".join((head.encode(), *body.body))
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _link(url: str) -> str:
    if _URL.match(url) is None or not urlsplit(url).hostname:
        raise ValueError("not a link that can stand in a header field")
    return url


def _local_parts(values: tuple[str, ...]) -> list[str]:
    return [value.rpartition("@")[0] for value in values]
