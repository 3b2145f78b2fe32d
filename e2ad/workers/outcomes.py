"""What becomes of an attempt's outcome: the row that is written, and what the operator is told."""

from collections.abc import Callable, Sequence

import structlog

from e2ad import maillog
from e2ad.core.delivery import Attempt, Deferred, Delivered, DeliveryKind, Gone, Outcome, PutBack, PutOff, Refused
from e2ad.core.retry import DISABLED_WAIT_SECONDS, DISABLED_WAITS, next_wait_seconds
from e2ad.storage.deliveries import Recorded, Result

__all__ = ["decide", "tell"]

log = structlog.get_logger("e2ad.workers")


def decide(attempt: Attempt, outcome: Outcome, schedule: Sequence[float], jitter: Callable[[], float]) -> Recorded:
    """The row that an outcome becomes.

    Args:
        schedule: seconds to wait after each failed attempt. A URL that a replay names is tried once: a person looks
            at the answer.
        jitter: from 0 up to 1, fresh for each wait.
    """
    account_id, delivery_id, number = attempt.account_id, attempt.id, attempt.number
    match outcome:
        case Delivered(status_code, excerpt):
            return Recorded(account_id, delivery_id, number, "delivered", 0.0, status_code, None, excerpt)
        case Refused(reason, status_code, excerpt):
            return Recorded(account_id, delivery_id, number, "failed", 0.0, status_code, reason, excerpt)
        case Gone(excerpt, status_code):
            return Recorded(account_id, delivery_id, number, "failed", 0.0, status_code, "HTTP 410", excerpt)
        case PutBack():
            return Recorded(account_id, delivery_id, number, "put_back")
        case PutOff(reason):
            if attempt.waits >= DISABLED_WAITS:
                return Recorded(account_id, delivery_id, number, "given_up", 0.0, None, reason)
            return Recorded(account_id, delivery_id, number, "put_off", DISABLED_WAIT_SECONDS, None, reason)
        case Deferred(reason, status_code, retry_after_seconds, excerpt):
            waits = () if attempt.kind is DeliveryKind.URL else schedule
            wait = next_wait_seconds(number, waits, jitter(), retry_after_seconds)
            result: Result = "failed" if wait is None else "again"
            return Recorded(account_id, delivery_id, number, result, wait or 0.0, status_code, reason, excerpt)


def tell(attempt: Attempt, outcome: Outcome, record: Recorded) -> None:
    """Log it, once it is written."""
    match record.result:
        case "delivered":
            maillog.webhook_delivered(attempt.id, attempt.endpoint_key, attempt.number, record.status_code or 0)
        case "failed" | "given_up":
            maillog.webhook_failed(attempt.id, attempt.endpoint_key, attempt.number, record.error or "")
        case "again":
            maillog.webhook_deferred(
                attempt.id, attempt.endpoint_key, attempt.number, record.wait_seconds, record.error or ""
            )
        case "put_off" | "put_back":
            log.debug("delivery put off", delivery=attempt.id, outcome=type(outcome).__name__)
