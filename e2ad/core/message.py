"""A mail, as each stage knows it: the envelope at SMTP, the parsed content, the stored message."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from e2ad.core.address import Mailbox, ReversePath
from e2ad.core.protection import OPEN, Protection

__all__ = [
    "AttachmentMeta",
    "Automation",
    "EntityType",
    "Envelope",
    "ParsedMessage",
    "Peer",
    "Recipient",
]


@frozen
class Peer:
    """The other end of one SMTP session, as far as it is known when a transaction ends.

    `address` is the connecting IP address, or the source that a trusted proxy named.
    `helo` is the argument of EHLO or HELO, empty before it. `session` is the id in our log.
    """

    address: str
    port: int
    helo: str
    session: str
    tls: bool = False


@frozen
class Recipient:
    """An agent that a forward-path leads to, or the return path of a message of that agent.

    `delivered_to` is the address as the peer typed it (lower-cased domain); `agent_email` the
    agent's own address, which differs for plus-tags and catch-alls. `reports_on` is set for a
    return path: the id of the message that left with it, and that a report is about.
    """

    account_id: str
    agent_email: str
    delivered_to: str
    protection: Protection = OPEN
    registered_domain: str = ""
    reports_on: str | None = None


@frozen
class Envelope:
    """RFC 5321 section 2.3.1: who sends it, and to whom. Recipients are already distinct agents."""

    peer: Peer
    reverse_path: ReversePath
    recipients: tuple[Recipient, ...]
    smtputf8: bool = False


class Automation(StrEnum):
    """What kind of machine wrote a mail, when one did (RFC 3834 and the usual vendors' headers)."""

    AUTO_REPLIED = "auto-replied"
    AUTO_GENERATED = "auto-generated"
    BOUNCE = "bounce"
    LIST = "list"
    BULK = "bulk"


class EntityType(StrEnum):
    """X-E2A-Auth-Entity-Type: mail from outside is `human`; from an agent of this deployment, `agent`."""

    HUMAN = "human"
    AGENT = "agent"


@frozen
class AttachmentMeta:
    """One attachment in document order; its bytes are cut from the raw mail on demand.

    `index` counts from 0 over parts with disposition attachment, a filename, or a Content-ID
    on a part that is not text, and over messages inside the message; `size_bytes` is the
    decoded size (contract behaviour-inbound 1.11).
    """

    index: int
    size_bytes: int
    filename: str | None = None
    content_type: str | None = None
    content_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract's AttachmentMetaView: absent members are left out."""
        document: dict[str, Any] = {"index": self.index, "size_bytes": self.size_bytes}
        if self.filename is not None:
            document["filename"] = self.filename
        if self.content_type is not None:
            document["content_type"] = self.content_type
        if self.content_id is not None:
            document["content_id"] = self.content_id
        return document


@frozen
class ParsedMessage:
    """What a reader needs of a mail, as clean text. Built by `core.mime.parse`, which never fails.

    Every string is valid Unicode without NUL and without lone surrogates, so that it can be
    stored and put into JSON as it is. What had to be mended is listed in `defects`.

    Attributes:
        author: the one mailbox of the one From field; None when there is not exactly one.
        header_from: what to show as the sender: the author's address, else the first address
            in From, else None. Lower-cased domain, local part as written.
        sender_name: the display name beside it, or "".
        to, cc, reply_to: bare addresses in order; a list that can't be read is empty.
        message_id: the Message-ID field's msg-id with its angle brackets, or None.
        message_id_key, in_reply_to, references: canonical keys for threading
            (`core.threads.message_id_key`), malformed ids left out, document order.
        thread_keys: those that may name its thread, nearest ancestor first: of well-formed fields alone.
        text: the whole plain text (from HTML where the mail has no text part), up to 1 MiB.
        new_text: the part that is new in a reply, quoted history removed.
        html: the HTML part as it came, up to 1 MiB, or None.
        automation: set when a machine wrote it.
        received_count: number of Received fields.
        conversation_id: X-E2A-Conversation-Id as claimed by the mail; not to be believed unchecked.
    """

    subject: str = ""
    author: Mailbox | None = None
    header_from: str | None = None
    sender_name: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    sent_at: datetime | None = None
    message_id: str | None = None
    message_id_key: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    thread_keys: tuple[str, ...] = ()
    text: str = ""
    new_text: str = ""
    html: str | None = None
    truncated: bool = False
    attachments: tuple[AttachmentMeta, ...] = ()
    automation: Automation | None = None
    received_count: int = 0
    conversation_id: str | None = None
    defects: tuple[str, ...] = field(default=())
