"""Mail: read, sent, answered, sorted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Literal
from urllib.parse import urlsplit

from e2ad.sdk import bodies, models
from e2ad.sdk.exchange import Steps
from e2ad.sdk.faces import F, Resource, operation, paged
from e2ad.sdk.pages import Page, Paging
from e2ad.sdk.resources.terms import CONFIRMED, JSON, When

__all__ = ["Messages"]

MESSAGES = "/v1/agents/{}/messages"
MESSAGE = MESSAGES + "/{}"


class Messages(Resource[F]):
    """`client.messages`."""

    @paged
    def list(
        self,
        email: str,
        *,
        direction: str | None = None,
        read_status: str | None = None,
        sort: str | None = None,
        from_: str | None = None,
        subject_contains: str | None = None,
        conversation_id: str | None = None,
        labels: Sequence[str] | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        deleted: bool | None = None,
        filter: str | None = None,  # noqa: A002  # the API's word
        search: str | None = None,
    ) -> Paging[models.MessageSummaryView]:
        """The mail of an agent, newest first; `search` looks for words, `filter` is an expression over members.

        Without `direction` it is what came in, without `read_status` what is unread: `"all"` lifts each.
        """
        return self._list(
            models.MessageSummaryView,
            MESSAGES,
            email,
            direction=direction,
            read_status=read_status,
            sort=sort,
            **{"from": from_},
            subject_contains=subject_contains,
            conversation_id=conversation_id,
            labels=labels,
            since=since,
            until=until,
            limit=limit,
            deleted=deleted,
            filter=filter,
            search=search,
        )

    @operation
    def get(self, email: str, message_id: str, *, mark_read: bool | None = None) -> Steps[models.MessageView]:
        """One message, whole. Mail that came in counts as read from then on, unless `mark_read` is False."""
        return self._call(models.MessageView, "GET", MESSAGE, email, message_id, query={"mark_read": mark_read})

    @operation
    def get_exact(self, email: str, message_id: str, *, mark_read: bool | None = None) -> Steps[bytes]:
        """What `get` answers, octet for octet, to hand it on."""
        return self._octets(MESSAGE, email, message_id, query={"mark_read": mark_read})

    @operation
    def get_model_view(
        self,
        email: str,
        message_id: str,
        *,
        max_chars: int | None = None,
        offset: int | None = None,
        mark_read: bool | None = None,
    ) -> Steps[models.ModelView]:
        """One message, or a part of it, as a text for a language model; what the sender wrote is fenced in."""
        query = {"view": "model", "max_chars": max_chars, "offset": offset, "mark_read": mark_read}
        return self._call(models.ModelView, "GET", MESSAGE, email, message_id, query=query)

    @operation
    def get_raw(self, email: str, message_id: str) -> Steps[bytes]:
        """The octets of a message, as they came or as they leave."""
        return self._octets(MESSAGE + "/raw", email, message_id)

    @operation
    def get_lifecycle(
        self, email: str, message_id: str, *, cursor: str | None = None, limit: int | None = None
    ) -> Steps[Page[models.MessageLifecycleTransition]]:
        """A page of what happened to a message, in order."""
        kind = Page[models.MessageLifecycleTransition]
        query = {"cursor": cursor, "limit": limit}
        return self._call(kind, "GET", MESSAGE + "/lifecycle", email, message_id, query=query)

    @operation
    def get_metrics(
        self, email: str, *, start: When | None = None, end: When | None = None
    ) -> Steps[models.AgentMetricsView]:
        """What became of an agent's mail between two times."""
        query = {"start": start, "end": end}
        return self._call(models.AgentMetricsView, "GET", "/v1/agents/{}/metrics", email, query=query)

    @operation
    def send(
        self,
        email: str,
        body: bodies.SendEmailRequest | JSON,
        *,
        unsubscribe: bodies.UnsubscribeOptions | JSON | None = None,
        wait: Literal["sent"] | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[models.SendResultView]:
        """Send a mail. Branch on `status` of the answer: it may be accepted, scheduled, sent, or held for a person.

        Args:
            wait: `"sent"` has the answer wait until the mail has left or failed, about 15 seconds at most.
            idempotency_key: names this very mail, so that a repetition, even by another process, sends nothing.
        """
        return self._send(MESSAGES, email, body=body, unsubscribe=unsubscribe, wait=wait, key=idempotency_key)

    @operation
    def reply(
        self,
        email: str,
        message_id: str,
        body: bodies.ReplyRequest | JSON,
        *,
        unsubscribe: bodies.UnsubscribeOptions | JSON | None = None,
        quote_history: bool | None = None,
        wait: Literal["sent"] | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[models.SendResultView]:
        """Answer a message; see `send`."""
        if quote_history is not None:
            body = {**body, "quote_history": quote_history}
        parts = (MESSAGE + "/reply", email, message_id)
        return self._send(*parts, body=body, unsubscribe=unsubscribe, wait=wait, key=idempotency_key)

    @operation
    def forward(
        self,
        email: str,
        message_id: str,
        body: bodies.ForwardRequest | JSON,
        *,
        unsubscribe: bodies.UnsubscribeOptions | JSON | None = None,
        wait: Literal["sent"] | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[models.SendResultView]:
        """Hand a message on, with its attachments; see `send`."""
        parts = (MESSAGE + "/forward", email, message_id)
        return self._send(*parts, body=body, unsubscribe=unsubscribe, wait=wait, key=idempotency_key)

    def _send(
        self, route: str, *parts: str, body: Any, unsubscribe: Any, wait: str | None, key: str | None
    ) -> Steps[models.SendResultView]:
        if unsubscribe is not None:
            body = {**body, "unsubscribe": unsubscribe}
        return self._call(
            models.SendResultView,
            "POST",
            route,
            *parts,
            query={"wait": wait},
            body=body,
            keyed=True,
            idempotency_key=key,
        )

    @operation
    def update_labels(
        self, email: str, message_id: str, body: bodies.UpdateMessageRequest | JSON
    ) -> Steps[models.UpdateMessageResultView]:
        """Add and remove labels, and say whether it is read."""
        return self._call(models.UpdateMessageResultView, "PATCH", MESSAGE, email, message_id, body=body)

    @operation
    def delete(self, email: str, message_id: str, *, permanent: bool = False) -> Steps[models.DeleteMessageResult]:
        """Put a message into the trash; with `permanent`, have one that is there deleted for good."""
        query = {**CONFIRMED, "permanent": permanent or None}
        return self._call(models.DeleteMessageResult, "DELETE", MESSAGE, email, message_id, query=query)

    @operation
    def restore(self, email: str, message_id: str) -> Steps[models.MessageView]:
        """Take a message back out of the trash."""
        return self._call(models.MessageView, "POST", MESSAGE + "/restore", email, message_id)

    @operation
    def resolve(
        self, email: str, message_id: str, body: bodies.ResolveMessageRequest | JSON
    ) -> Steps[models.ResolveMessageResult]:
        """Decide about a mail of which nobody knows whether it left."""
        return self._call(models.ResolveMessageResult, "POST", MESSAGE + "/resolve", email, message_id, body=body)

    @operation
    def get_attachment(
        self, email: str, message_id: str, index: int, *, inline: bool = False
    ) -> Steps[models.AttachmentView]:
        """What an attachment is and where its octets are; with `inline` also those, as base64."""
        route = MESSAGE + "/attachments/{}"
        query = {"inline": inline or None}
        return self._call(models.AttachmentView, "GET", route, email, message_id, index, query=query)

    @operation
    def download_attachment(
        self,
        email: str,
        message_id: str,
        index: int,
        file: BinaryIO,
        *,
        progress: Callable[[int], object] | None = None,
    ) -> Steps[int]:
        """Write the octets of an attachment into `file`; how many there were.

        Args:
            progress: called with the number of octets so far.
        """
        found = yield from self._call(
            models.AttachmentView, "GET", MESSAGE + "/attachments/{}", email, message_id, index
        )
        # The address names the deployment as others see it; this client reaches it under its own base_url.
        address = urlsplit(found.model().download_url)
        return (yield from self._poured(f"{address.path}?{address.query}", file, progress))
