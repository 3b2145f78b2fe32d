"""The way out of the house: signed by the domain that speaks, handed to the relay, or captured where there is none."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import structlog
import trio
from attrs import field, frozen

from e2ad import maillog
from e2ad.core.address import AddressError, Mailbox, ReversePath, parse_mailbox
from e2ad.core.compose import SIGNED_FIELDS
from e2ad.gateway.signing_keys import SigningKey
from e2ad.mailauth.signer import SigningError, sign
from e2ad.smtp.client import Outcome, Outgoing, Phase, Refused, Relay

__all__ = ["Keys", "Upstream"]

log = structlog.get_logger("e2ad.workers")

LARGE_BYTES: Final = 128 * 1024
"""From here on signing takes more than a millisecond, and is done off the event loop."""


class Keys(Protocol):
    """Who knows the signing keys of domains (`gateway.signing_keys.SigningKeys`)."""

    async def of(self, domain: str) -> tuple[SigningKey, ...]:
        """The active keys of a domain."""


@frozen
class Upstream:
    """Where mail to people goes.

    Args:
        relay: None where none is configured.
        keys: of the domains that sign.
        host: the relay's name, which says what its ids look like.
    """

    relay: Relay | None
    keys: Keys
    host: str = ""
    _limiter: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(2))

    async def send(
        self,
        content: bytes,
        *,
        signing_domain: str,
        reverse_path: ReversePath,
        addresses: Sequence[str],
        smtputf8: bool,
        mark: Callable[[], Awaitable[None]],
    ) -> Mapping[str, Outcome] | None:
        """Sign a mail with every active key of its domain and hand it to the relay.

        Returns:
            An outcome for each address; None where the mail was captured.

        Raises:
            Unavailable: the keys could not be read; nothing was sent.
            Exception: whatever `mark` raises; nothing was sent.

        Cancellation: as `smtp.client.Relay.submit`: if this raises, the mail was not handed over.
        """
        if self.relay is None:
            return None
        outcomes: dict[str, Outcome] = {}
        mailboxes: dict[str, Mailbox] = {}
        for address in addresses:
            try:
                mailboxes[address] = parse_mailbox(address)
            except AddressError as error:
                outcomes[address] = Refused(None, Phase.RCPT, str(error))
        if not mailboxes:
            return outcomes
        signed = await self._signed(content, signing_domain)
        try:
            outgoing = Outgoing(reverse_path, tuple(mailboxes.values()), signed, smtputf8=smtputf8, before_content=mark)
        except ValueError as error:
            return outcomes | dict.fromkeys(mailboxes, Refused(None, Phase.CONTENT, str(error)))
        results = await self.relay.submit(outgoing)
        return outcomes | {address: results[mailbox] for address, mailbox in mailboxes.items()}

    async def _signed(self, content: bytes, domain: str) -> bytes:
        keys = await self.keys.of(domain)

        def work() -> bytes:
            fields = [
                sign(content, domain=domain, selector=key.selector, private_key=key.private_key, names=SIGNED_FIELDS)
                for key in keys
            ]
            return b"".join(fields) + content

        try:
            if len(content) <= LARGE_BYTES or not keys:
                return work()
            return await trio.to_thread.run_sync(work, limiter=self._limiter)
        except SigningError as error:
            # Unsigned it is still mail, and the relay may sign it.
            log.warning("mail not signed", domain=domain, error=maillog.reason_of(error))
            return content
