"""Where a mail provider's feedback comes in: `POST /webhooks/ses`, which takes no credential.

What authenticates it is SNS's signature; see `delivery.sns`. Whatever it is told here by status is
what SNS acts upon: 2xx ends it, 5xx makes it come again, and 4xx is for everybody who is not SNS.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from e2ad import maillog
from e2ad.api.classic.framework import plain
from e2ad.api.dispatch import run_bounded
from e2ad.api.errors import log_accident, retry_headers, root_failure
from e2ad.api.exchange import ClientGone, Exchange, Response
from e2ad.api.services import Services
from e2ad.core.errors import Failure, Forbidden, Unavailable, answer
from e2ad.delivery import sns
from e2ad.delivery.egress import Unreachable
from e2ad.delivery.fetch import fetch
from e2ad.gateway import mint, provider_feedback

__all__ = ["MAX_BODY", "PATH", "SesFeedback", "endpoints"]

PATH: Final = "/webhooks/ses"
MAX_BODY: Final = 262_144


@frozen
class SesFeedback:
    """Answers SNS."""

    services: Services
    verifier: sns.Verifier

    async def respond(self, exchange: Exchange, path: Mapping[str, str]) -> Response:
        """200 once it is acted upon; 400 for what is no message of SNS, 403 for one that is not believed.

        Raises:
            ClientGone: nobody is left to be answered.
        """
        try:
            body = await exchange.read_body(MAX_BODY)
            return await run_bounded(self._take(body), self.services)
        except ClientGone:
            raise
        except Exception as raised:  # noqa: BLE001 - the one place where a surprise becomes an answer
            error = root_failure(raised)
            if isinstance(error, Forbidden):
                maillog.feedback_refused(exchange.client_address, error.message)
            log_accident(error, exchange, "sesFeedback")
            text = error.message if isinstance(error, Failure) else "internal error"
            return plain(answer(error).status, text, retry_headers(error))

    async def _take(self, body: bytes) -> Response:
        notification = sns.parse(body)
        await self.verifier.check(notification, mint.now())
        match notification.kind:
            case "Notification":
                event = provider_feedback.read_event(notification.message)
                if event is None:
                    maillog.feedback_ignored(notification.id, "it is no event about a mail")
                else:
                    outbox = self.services.config.features.outbox
                    await provider_feedback.take(self.services.db, notification.id, event, outbox=outbox)
            case "SubscriptionConfirmation":
                await self._confirm(notification)
            case "UnsubscribeConfirmation":
                # Somebody with the right to do so ended it; to confirm would be to subscribe again.
                maillog.feedback_ignored(notification.id, "the subscription of the topic has ended")
        return plain(200, "ok")

    async def _confirm(self, notification: sns.Notification) -> None:
        target = sns.confirmation_target(notification)
        egress = self.services.egress
        try:
            await fetch(egress, target, max_bytes=sns.CONFIRMATION_BYTES, seconds=sns.FETCH_SECONDS)
        except Unreachable as error:
            raise Unavailable from error


def endpoints(services: Services) -> list[tuple[str, str, SesFeedback]]:
    """The path that the provider is told."""
    topics = frozenset(services.config.feedback.sns_topic_arns)
    return [("POST", PATH, SesFeedback(services, sns.Verifier(topics, sns.Certificates(services.egress))))]
