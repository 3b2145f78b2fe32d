"""Sending: fresh mail, answers, forwards and the platform's test (contract: messages, sending)."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from attrs import evolve, frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, Result, Scope, encode, operation, settling
from e2ad.api.services import Services
from e2ad.api.shapes import NULL_REFUSED, Instant
from e2ad.api.template_views import verbatim
from e2ad.api.views import optional_instant
from e2ad.core import errors
from e2ad.core.events import parse_rfc3339
from e2ad.gateway.drafting import File, Wish
from e2ad.gateway.sending import Outcome, Sending

__all__ = ["OPERATIONS", "Attachment", "SendResultView", "files", "send_result", "sending"]

MAX_BODY: Final = 41_943_040
"""Bytes of a request: a mail of 25 MiB in base64, and its words."""

Address = Annotated[str, Meta(max_length=320, description="an address, bare or as Name <address>")]
Addresses = list[Address]
ReplyTo = Annotated[
    str | list[Address],
    Meta(description="where answers go: one address, or up to five; the agent's own if absent"),
]
Subject = Annotated[str, Meta(max_length=2000)]
Text = Annotated[str, Meta(max_length=1_048_576)]
ConversationId = Annotated[str, Meta(max_length=200, description="the conversation to continue; absent: a new one")]
SendAt = Annotated[
    str,
    Meta(
        description="not before this time, within 90 days; absent or past: now",
        extra_json_schema={"format": "date-time"},
    ),
]


@frozen
class Attachment:
    """A file."""

    filename: str
    content_type: str
    data: Annotated[str, Meta(description="base64, at most 10 MiB decoded")]


@frozen
class UnsubscribeOptions:
    """Managed unsubscribe: one-click fields, a footer, and a page of ours."""

    mode: Annotated[str, Meta(extra_json_schema={"enum": ["managed"]})]


Unsubscribe = Annotated[UnsubscribeOptions, NULL_REFUSED]


@frozen
class SendEmailRequest:
    """A fresh mail: literal, or from a template."""

    to: Addresses
    cc: Addresses | UnsetType = UNSET
    bcc: Addresses | UnsetType = UNSET
    subject: Subject | UnsetType = UNSET
    text: Text | UnsetType = UNSET
    html: Text | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET
    reply_to: ReplyTo | UnsetType = UNSET
    conversation_id: ConversationId | UnsetType = UNSET
    send_at: SendAt | UnsetType = UNSET
    unsubscribe: Unsubscribe | UnsetType = UNSET
    template_id: str | UnsetType = UNSET
    template_alias: str | UnsetType = UNSET
    template_data: dict[str, Any] | UnsetType = UNSET


@frozen
class ReplyRequest:
    """An answer."""

    text: Annotated[str, Meta(max_length=1_048_576, description="not empty")]
    html: Text | UnsetType = UNSET
    reply_all: Annotated[bool, Meta(description="also to the other recipients of the mail")] | UnsetType = UNSET
    cc: Addresses | UnsetType = UNSET
    bcc: Addresses | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET
    reply_to: ReplyTo | UnsetType = UNSET
    conversation_id: ConversationId | UnsetType = UNSET
    send_at: SendAt | UnsetType = UNSET
    quote_history: Annotated[bool, Meta(description="put the mail below the answer")] | UnsetType = UNSET
    unsubscribe: Unsubscribe | UnsetType = UNSET


@frozen
class ForwardRequest:
    """A mail handed on; its attachments go along."""

    to: Addresses
    text: Annotated[str, Meta(max_length=1_048_576, description="a note above the mail, which may be empty")]
    html: Text | UnsetType = UNSET
    cc: Addresses | UnsetType = UNSET
    bcc: Addresses | UnsetType = UNSET
    attachments: list[Attachment] | UnsetType = UNSET
    reply_to: ReplyTo | UnsetType = UNSET
    conversation_id: ConversationId | UnsetType = UNSET
    send_at: SendAt | UnsetType = UNSET
    unsubscribe: Unsubscribe | UnsetType = UNSET


@frozen
class WaitQuery:
    """How long the answer may take."""

    wait: (
        Annotated[str, Meta(description="sent: answer once the mail has left or failed, 15 seconds at most")]
        | UnsetType
    ) = UNSET


@frozen
class SendResultView:
    """What became of the mail so far; `status` decides which members are there."""

    status: str
    message_id: str
    method: str | UnsetType = UNSET
    sent_as: str | UnsetType = UNSET
    provider_message_id: str | UnsetType = UNSET
    approval_expires_at: Instant | UnsetType = UNSET
    scheduled_at: Instant | UnsetType = UNSET
    edited: bool | UnsetType = UNSET


SENT: Final = {202: SendResultView, 200: SendResultView}
ERRORS: Final = (
    errors.InvalidRecipient,
    errors.InvalidAttachment,
    errors.TooManyRecipients,
    errors.LimitExceeded,
    errors.SendingDomainNotVerified,
    errors.BlockedByPolicy,
    errors.IdempotencyInFlight,
    errors.IdempotencyKeyReuse,
    errors.RecipientSuppressed,
    errors.PayloadTooLarge,
    errors.RateLimited,
)

_outgoing = partial(
    operation,
    tag="messages",
    query=WaitQuery,
    success=SENT,
    scope=Scope.OWN,
    idempotent=True,
    max_body=MAX_BODY,
)


@_outgoing(
    "sendMessage",
    "POST",
    "/v1/agents/{email}/messages",
    summary="Send a mail",
    body=SendEmailRequest,
    errors=(*ERRORS, errors.TemplateNotFound, errors.TemplateRenderFailed, errors.TemplateRenderedEmpty),
)
async def send_message(call: Call[WaitQuery, SendEmailRequest]) -> Result:
    """Accept a mail and send it: to agents here at once, to people through the relay.

    Branch on `status`: a mail may be accepted, scheduled, held for a person, or to the agent itself and there.
    """
    body = call.body
    wish = evolve(
        _wish(body),
        to=body.to,
        subject=body.subject or "",
        text=body.text or "",
        template_id=body.template_id or "",
        template_alias=body.template_alias or "",
        template_data=None if body.template_data is UNSET else verbatim(call.raw_body, "template_data"),
    )
    account_id, email = call.principal.account_id, call.path["email"]
    return await _answer(call, await sending(call.services).send(account_id, email, wish, settling(call, send_result)))


@_outgoing(
    "replyToMessage",
    "POST",
    "/v1/agents/{email}/messages/{id}/reply",
    summary="Answer a mail",
    body=ReplyRequest,
    errors=(*ERRORS, errors.MessageNotYetDelivered),
)
async def reply_to_message(call: Call[WaitQuery, ReplyRequest]) -> Result:
    """Answer within the conversation. Mail that a machine wrote is not answered."""
    body = call.body
    wish = evolve(
        _wish(body), text=body.text, reply_all=body.reply_all is True, quote_history=body.quote_history is True
    )
    account_id, email, parent_id = call.principal.account_id, call.path["email"], call.path["id"]
    return await _answer(
        call, await sending(call.services).reply(account_id, email, parent_id, wish, settling(call, send_result))
    )


@_outgoing(
    "forwardMessage",
    "POST",
    "/v1/agents/{email}/messages/{id}/forward",
    summary="Forward a mail",
    body=ForwardRequest,
    errors=(*ERRORS, errors.MessageNotYetDelivered),
)
async def forward_message(call: Call[WaitQuery, ForwardRequest]) -> Result:
    """Hand a mail on with its attachments, as a conversation of its own."""
    body = call.body
    wish = evolve(_wish(body), to=body.to, text=body.text)
    account_id, email, parent_id = call.principal.account_id, call.path["email"], call.path["id"]
    return await _answer(
        call, await sending(call.services).forward(account_id, email, parent_id, wish, settling(call, send_result))
    )


@operation(
    "testAgent",
    "POST",
    "/v1/agents/{email}/test",
    tag="agents",
    summary="Send a test mail to an agent",
    success=SENT,
    errors=(
        errors.SendingDomainNotVerified,
        errors.BlockedByPolicy,
        errors.RecipientSuppressed,
        errors.LimitExceeded,
        errors.RateLimited,
    ),
    scope=Scope.OWN,
)
async def test_agent(call: Call[None, None]) -> Result:
    """Let the platform write to the agent, on the way that all mail takes."""
    outcome = await sending(call.services).test(call.principal.account_id, call.path["email"])
    return send_result(outcome)


def sending(services: Services) -> Sending:
    """The verbs of sending over this process's collaborators."""
    return Sending.of(
        services.config,
        services.db,
        services.keys,
        services.limits,
        services.courier,
        public_url=services.public_url,
    )


def files(attachments: list[Attachment] | UnsetType) -> tuple[File, ...]:
    """Attachments as the gateway takes them."""
    return tuple(File(one.filename, one.content_type, one.data) for one in attachments or ())


def send_result(outcome: Outcome) -> Result:
    """The answer of `/v1`: 202 while it waits for somebody, 200 once it is decided (contract: result)."""
    known = outcome.status in ("sent", "failed")
    view = SendResultView(
        status=outcome.status,
        message_id=outcome.message_id,
        method=outcome.method or UNSET,
        sent_as=(outcome.sent_as or UNSET) if known else UNSET,
        provider_message_id=outcome.provider_message_id or UNSET,
        approval_expires_at=optional_instant(outcome.approval_expires_at),
        scheduled_at=optional_instant(outcome.scheduled_at),
    )
    return Result(200 if known else 202, view)


def _wish(body: SendEmailRequest | ReplyRequest | ForwardRequest) -> Wish:
    reply_to = body.reply_to or ()
    return Wish(
        cc=body.cc or (),
        bcc=body.bcc or (),
        html=body.html or None,
        reply_to=(reply_to,) if isinstance(reply_to, str) else tuple(reply_to),
        conversation_id=body.conversation_id or "",
        attachments=files(body.attachments),
        unsubscribe=body.unsubscribe is not UNSET,
        send_at=_instant(body.send_at),
    )


def _instant(text: str | UnsetType) -> datetime | None:
    if not text:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise errors.InvalidRequest("send_at must be an RFC 3339 time with an offset") from error


async def _answer(call: Call[WaitQuery, Any], outcome: Outcome) -> Result:
    """The answer, after the wait that the caller asked for. What a repeat is told stays as it was stored.

    Of mail to oneself it is told how it ended: that is known when the first caller is answered.
    """
    if call.claim is not None and outcome.method == "loopback" and outcome.status != "accepted":
        result = send_result(outcome)
        await call.claim.amend(call.services.db, result.status, result.content_type, result.body())
    if call.query.wait == "sent":
        outcome = await sending(call.services).wait(call.principal.account_id, outcome)
    result = send_result(outcome)
    return evolve(result, encoded=encode(result.view))


OPERATIONS = [send_message, reply_to_message, forward_message, test_agent]
