"""A word to the operator of the deployment."""

from __future__ import annotations

from attrs import frozen

from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation

__all__ = ["Feedback", "FeedbackReceipt"]


@frozen
class FeedbackReceipt:
    """It is kept."""

    status: str
    id: str


class Feedback(Resource[F]):
    """`client.feedback`."""

    @operation
    def send(
        self,
        message: str,
        *,
        email: str | None = None,
        category: str | None = None,
        page: str | None = None,
    ) -> Steps[FeedbackReceipt]:
        """Say something; an `email` is only needed for an answer. Never tried twice.

        Args:
            page: what it is about.
        """
        given = {"message": message, "email": email, "category": category, "page": page}
        body = {name: value for name, value in given.items() if value is not None}
        return self._call(FeedbackReceipt, "POST", "/api/feedback", body=body)
