"""What an account may send and store: its own caps, or the deployment's (contract: quotas).

Asked twice: here, so that the answer comes early and in its place among the checks, and by the statement that
accepts a mail, so that of two at once only one gets the last place.
"""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from e2ad.config.sections import Limits
from e2ad.core.errors import LimitExceeded
from e2ad.storage.sending import Quota, Survey

__all__ = ["Quotas"]

_UNITS = {
    "messages_month": "recipients this month",
    "messages_day": "recipients today",
    "storage_bytes": "octets of stored mail",
}


@frozen
class Quotas:
    """The caps over the deployment's defaults."""

    limits: Limits

    def month(self, survey: Survey) -> int:
        """Recipients in a calendar month, UTC."""
        return self.limits.max_messages_month if survey.max_messages_month is None else survey.max_messages_month

    def day(self, survey: Survey) -> int | None:
        """Recipients in a day, UTC; None for no limit. The default 0 is none, an account's own 0 is nothing at all."""
        return (self.limits.max_messages_day or None) if survey.max_messages_day is None else survey.max_messages_day

    def storage(self, survey: Survey) -> int:
        """Octets of mail, in and out."""
        return self.limits.max_storage_bytes if survey.max_storage_bytes is None else survey.max_storage_bytes

    def check(self, survey: Survey, recipients: int) -> None:
        """Is there room for one more mail, month first, then day, then storage?

        How large the mail will be is not known yet: what counts here is that storage is not full.

        Raises:
            LimitExceeded: with the resource and its numbers.
        """
        for resource, used, most in self._all(survey):
            if most is not None and used + (1 if resource == "storage_bytes" else recipients) > most:
                raise self.over(survey, resource, recipients)

    def over(self, survey: Survey, resource: Quota, recipients: int) -> LimitExceeded:
        """What the caller is told of a mail that does not fit."""
        used, most = next((used, most) for name, used, most in self._all(survey) if name == resource)
        details: dict[str, Any] = {
            "resource": resource,
            "limit": most,
            "current": used,
            "plan_code": survey.plan_code or self.limits.plan_code,
        }
        if survey.upgrade_url:
            details["upgrade_url"] = survey.upgrade_url
        mail = "this mail" if resource == "storage_bytes" else f"a mail to {recipients} more"
        return LimitExceeded(
            f"the account is at {used} of {most} {_UNITS[resource]}, and {mail} does not fit", details=details
        )

    def _all(self, survey: Survey) -> Iterator[tuple[Quota, int, int | None]]:
        yield "messages_month", survey.messages_month, self.month(survey)
        yield "messages_day", survey.messages_day, self.day(survey)
        yield "storage_bytes", survey.storage_bytes, self.storage(survey)
