"""What goes to the agents: a delivery that is due, what it carries, and how an attempt can end.

Values only. Storage fills them in one statement, delivery acts on them, the worker writes the
outcome back; none of the three needs to know the others.
"""

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from attrs import field, frozen

from e2ad.core.signing import Verdict

__all__ = [
    "Attempt",
    "CarriedMessage",
    "Deferred",
    "Delivered",
    "DeliveryKind",
    "Endpoint",
    "Gone",
    "Outcome",
    "Position",
    "PutBack",
    "PutOff",
    "RecentEvent",
    "Refused",
    "StreamEvent",
    "StreamStart",
    "Surface",
    "parse_notification",
]


class DeliveryKind(StrEnum):
    """Whose URL it is: a subscribed webhook's, the agent's own (cloud mode), or one that a replay names."""

    WEBHOOK = "webhook"
    AGENT = "agent"
    URL = "url"


class Surface(StrEnum):
    """Which of the two APIs a webhook was made with; it decides the shape of the body."""

    V1 = "v1"
    CLASSIC = "classic"


@frozen
class CarriedMessage:
    """The message that an event is about, as far as a delivery tells of it.

    `raw` is None where the channel does not carry it, or where it is large and is read by the
    attempt itself under a budget of bytes.
    """

    id: str
    created_at: datetime
    conversation_id: str
    delivered_to: str
    agent_email: str
    header_from: str | None
    to: tuple[str, ...]
    cc: tuple[str, ...]
    reply_to: tuple[str, ...]
    subject: str
    verdict: Verdict
    content_sha256: bytes | None
    size_bytes: int
    raw: bytes | None = field(default=None, repr=False)

    @property
    def body_hash(self) -> str:
        """The hash that the verdict is bound to, lower-case hex."""
        return "" if self.content_sha256 is None else self.content_sha256.hex()

    @property
    def answer_to(self) -> str:
        """`from` of the classic shapes: the first Reply-To where there is one, else From."""
        return self.reply_to[0] if self.reply_to else self.header_from or ""


@frozen
class Endpoint:
    """Where a delivery goes, as it stands at the time of the attempt.

    Attributes:
        url: "" when there is none any more.
        exists: False when the webhook or the agent is gone, or in the trash.
        enabled: a webhook's switch; for an agent, whether it is in cloud mode.
        sealed_secrets: of a webhook, newest first; the previous one only during its grace.
    """

    url: str
    exists: bool = True
    enabled: bool = True
    surface: Surface = Surface.V1
    sealed_secrets: tuple[bytes, ...] = field(default=(), repr=False)


@frozen
class Attempt:
    """One claimed try at one delivery. The row says already that it was made.

    Attributes:
        number: 1 for the first.
        waits: how often it was put off because the endpoint was switched off.
        leased_until: nobody else claims the row before this time.
        body: the exact envelope text, or a test's own.
        is_cancelled: it belongs to a replay that nobody wants any more.
        signing_secret_id, sealed_signing_secret: the account's newest, or None.
    """

    account_id: str
    id: str
    kind: DeliveryKind
    endpoint_key: str
    endpoint: Endpoint
    event_id: str | None
    event_type: str
    body: str | None = field(repr=False)
    number: int
    waits: int
    leased_until: datetime
    created_at: datetime
    message: CarriedMessage | None = None
    signing_secret_id: str | None = None
    sealed_signing_secret: bytes | None = field(default=None, repr=False)
    is_cancelled: bool = False


@frozen
class Delivered:
    """The endpoint said 2xx."""

    status_code: int
    excerpt: str = ""


@frozen
class Deferred:
    """Not this time. `retry_after_seconds` is what the endpoint asked for."""

    reason: str
    status_code: int | None = None
    retry_after_seconds: float | None = None
    excerpt: str = ""
    unreachable: bool = False


@frozen
class Refused:
    """Never: there is nothing to send, or nowhere to send it to."""

    reason: str
    status_code: int | None = None
    excerpt: str = ""


@frozen
class Gone:
    """410: the endpoint asks for nothing more, ever (contract: a webhook is disabled by it)."""

    excerpt: str = ""
    status_code: int = 410


@frozen
class PutOff:
    """The endpoint is switched off: wait an hour, at the cost of no attempt."""

    reason: str


@frozen
class PutBack:
    """The attempt was never made: the row goes back as it was, due at once."""


def parse_notification(payload: str) -> list[tuple[str, list[str]]]:
    """Read an `e2ad_events` notification: lines of `account_id:evt_…,evt_…`, the ids possibly none."""
    found: list[tuple[str, list[str]]] = []
    for line in payload.split("\n"):
        account_id, colon, ids = line.partition(":")
        if colon and account_id:
            found.append((account_id, [event_id for event_id in ids.split(",") if event_id]))
    return found


Outcome: TypeAlias = Delivered | Deferred | Refused | Gone | PutOff | PutBack


@frozen
class StreamEvent:
    """One `email.received` event for the agent's sockets, with what its frame is made of."""

    account_id: str
    agent_email: str
    event_id: str
    created_at: datetime
    envelope: str = field(repr=False)
    message: CarriedMessage

    def position(self, *, announced: bool) -> "Position":
        """Where it stands among the announcements, or where its message stands in the inbox."""
        if announced:
            return Position(self.created_at, self.event_id)
        return Position(self.message.created_at, self.message.id)


@frozen(order=True)
class Position:
    """A place in an agent's mail: what stands behind it is newer."""

    at: datetime
    id: str = ""


@frozen
class RecentEvent:
    """An event's name and time, without its content."""

    account_id: str
    agent_email: str
    event_id: str
    created_at: datetime
    is_unread: bool


@frozen
class StreamStart:
    """The database's clock at the moment a socket joined, and who signs for it."""

    at: datetime
    signing_secret_id: str | None
    sealed_signing_secret: bytes | None = field(repr=False)
