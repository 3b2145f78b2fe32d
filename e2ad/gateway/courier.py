"""What the verbs of mail out ask of whoever carries it: to look at once, and to deliver one mail inside now."""

from typing import Protocol

__all__ = ["Courier", "NoCourier"]


class Courier(Protocol):
    """The hand that carries accepted mail. It works from the table of submissions; being told only saves time."""

    def kick(self) -> None:
        """Submissions or notices were committed by this process: look at once. Does not wait."""

    async def carry(self, account_id: str, message_id: str) -> None:
        """Carry one accepted mail now, as far as it goes inside this deployment.

        Raises:
            Unavailable: it was not carried; it is carried later.

        Cancellation: the mail stays due and is carried later.
        """


class NoCourier:
    """Nobody carries mail in this process: others find it by their poll."""

    def kick(self) -> None:
        """Nothing to tell."""

    async def carry(self, account_id: str, message_id: str) -> None:
        """Left to others."""
