"""What the hub needs from others: its settings, and the reads that it asks of the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from e2ad.core.delivery import Position, RecentEvent, StreamEvent, StreamStart

__all__ = ["Reads", "SocketSettings"]


class SocketSettings(Protocol):
    """The `[websocket]` section of the configuration."""

    @property
    def ping_seconds(self) -> float:
        """Between two pings of a socket."""

    @property
    def pong_seconds(self) -> float:
        """How long a pong may take."""

    @property
    def send_seconds(self) -> float:
        """How long one frame may take to send."""

    @property
    def window(self) -> int:
        """Frames that may wait for one socket."""

    @property
    def poll_seconds(self) -> float:
        """The slow poll, the net under all notifications."""


class Reads(Protocol):
    """What the hub asks of the database (`storage.stream.StreamReads`)."""

    async def start(self, account_id: str) -> StreamStart:
        """The moment of joining and the signing secret."""

    async def backlog(
        self, account_id: str, agent_email: str, after: Position, limit: int, *, all_mail: bool
    ) -> list[StreamEvent]:
        """A page of mail, oldest first."""

    async def position(self, account_id: str, agent_email: str, event_id: str) -> Position | None:
        """Where an event stands."""

    async def by_ids(self, wanted: Sequence[tuple[str, str]], agent_emails: Sequence[str]) -> list[StreamEvent]:
        """Events by name."""

    async def recent_ids(self, agents: Sequence[tuple[str, str, datetime]], limit: int) -> list[RecentEvent]:
        """Names of events since a moment."""
