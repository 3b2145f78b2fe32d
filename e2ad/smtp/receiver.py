"""The other side of the door: whom the SMTP server asks, and to whom it hands a mail."""

from typing import Protocol

from e2ad.core.address import Mailbox, ReversePath
from e2ad.core.message import Envelope, Peer, Recipient

__all__ = ["Receiver"]


class Receiver(Protocol):
    """Takes responsibility for mail. Each method may raise a `core.errors.Failure`, which the peer is told."""

    def begin(self, peer: Peer, reverse_path: ReversePath) -> None:
        """A transaction begins: what can be looked up early, such as SPF, may start now. Must not block."""

    async def admit(self, peer: Peer, forward_path: Mailbox) -> Recipient:
        """Find the agent that a forward-path leads to.

        Raises:
            UnknownRecipient: there is none; MailboxFull: its account is over quota; or another failure.

        Cancellation:
            After `admit_seconds` the call is cancelled and the peer told 451.
        """

    async def accept(self, envelope: Envelope, content: bytes) -> tuple[str, ...]:
        """Store the mail for good and return its message ids; then, and only then, the peer hears 250.

        Cancellation:
            After `accept_seconds` the call is cancelled and the peer told 451. It is not cancelled
            when the peer goes away meanwhile.
        """
