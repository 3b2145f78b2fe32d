"""Sending by the classic API: flat JSON, and an answer once the mail has left (contract: classic send).

The classic API knew no queue: its clients take `sent` for gone, and its `message_id` for that of the mail. So the
answer waits for the relay, or for the agent inside, as long as a caller may wait; what is still under way by then is
called `accepted`, and no mail is ever called sent that is not.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.classic.framework import ClassicCall, classic, encode_classic
from e2ad.api.classic.messages import seconds
from e2ad.api.operation import Result, Scope, settling
from e2ad.api.sending import sending
from e2ad.core.address import fold_address
from e2ad.core.errors import Failure, Forbidden
from e2ad.core.events import rfc3339
from e2ad.gateway.drafting import File, Wish
from e2ad.gateway.sending import Outcome

__all__ = ["ROUTES"]

MAX_BODY: Final = 26_214_400


Addresses = str | list[str]
"""One or several: the classic clients of both kinds are out there."""


@frozen
class ClassicFile:
    """A file; `data` is base64."""

    filename: str = ""
    content_type: str = ""
    data: str = ""


class ClassicSend(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A fresh mail. `from` may be left out where there is exactly one agent."""

    from_: str = ""
    to: Addresses | UnsetType = UNSET
    cc: Addresses | UnsetType = UNSET
    bcc: Addresses | UnsetType = UNSET
    subject: str = ""
    body: str = ""
    html_body: str = ""
    conversation_id: str = ""
    attachments: list[ClassicFile] | UnsetType = UNSET


@frozen
class ClassicReply:
    """An answer."""

    body: str = ""
    html_body: str = ""
    reply_all: bool = False
    cc: Addresses | UnsetType = UNSET
    bcc: Addresses | UnsetType = UNSET
    conversation_id: str = ""
    attachments: list[ClassicFile] | UnsetType = UNSET


@frozen
class ClassicForward:
    """A mail handed on."""

    to: Addresses | UnsetType = UNSET
    cc: Addresses | UnsetType = UNSET
    bcc: Addresses | UnsetType = UNSET
    body: str = ""
    html_body: str = ""
    conversation_id: str = ""
    attachments: list[ClassicFile] | UnsetType = UNSET


@frozen
class ClassicSent:
    """What became of the mail. Of one that is held `message_id` is ours; of all others it is the mail's own."""

    status: str
    message_id: str
    method: str | UnsetType = UNSET
    approval_expires_at: str | UnsetType = UNSET


@classic("POST", "/api/v1/send", body=ClassicSend, scope=Scope.ANY, max_body=MAX_BODY, idempotent=True)
async def send(call: ClassicCall[ClassicSend]) -> Result:
    """Send a fresh mail."""
    body, verbs = call.body, sending(call.services)
    agent_email = fold_address(body.from_) or call.principal.agent_email or ""
    if call.principal.agent_email is not None and agent_email != call.principal.agent_email:
        raise Forbidden
    agent_email = agent_email or await verbs.only_agent(call.principal.account_id)
    wish = Wish(
        to=_list(body.to),
        cc=_list(body.cc),
        bcc=_list(body.bcc),
        subject=body.subject,
        text=body.body,
        html=body.html_body or None,
        conversation_id=body.conversation_id,
        attachments=_files(body.attachments),
    )
    return await _answer(call, await verbs.send(call.principal.account_id, agent_email, wish, settling(call, _result)))


@classic(
    "POST",
    "/api/v1/agents/{email}/messages/{id}/reply",
    body=ClassicReply,
    scope=Scope.OWN,
    max_body=MAX_BODY,
    idempotent=True,
)
async def reply(call: ClassicCall[ClassicReply]) -> Result:
    """Answer within the conversation."""
    body = call.body
    wish = Wish(
        cc=_list(body.cc),
        bcc=_list(body.bcc),
        text=body.body,
        html=body.html_body or None,
        conversation_id=body.conversation_id,
        attachments=_files(body.attachments),
        reply_all=body.reply_all,
    )
    account_id, email, parent_id = call.principal.account_id, call.path["email"], call.path["id"]
    return await _answer(
        call, await sending(call.services).reply(account_id, email, parent_id, wish, settling(call, _result))
    )


@classic(
    "POST",
    "/api/v1/agents/{email}/messages/{id}/forward",
    body=ClassicForward,
    scope=Scope.OWN,
    max_body=MAX_BODY,
    idempotent=True,
)
async def forward(call: ClassicCall[ClassicForward]) -> Result:
    """Hand a mail on with its attachments."""
    body = call.body
    wish = Wish(
        to=_list(body.to),
        cc=_list(body.cc),
        bcc=_list(body.bcc),
        text=body.body,
        html=body.html_body or None,
        conversation_id=body.conversation_id,
        attachments=_files(body.attachments),
    )
    account_id, email, parent_id = call.principal.account_id, call.path["email"], call.path["id"]
    return await _answer(
        call, await sending(call.services).forward(account_id, email, parent_id, wish, settling(call, _result))
    )


@classic("POST", "/api/v1/agents/{email}/test", scope=Scope.OWN)
async def test_agent(call: ClassicCall[None]) -> Result:
    """Let the platform write to the agent."""
    return await _answer(call, await sending(call.services).test(call.principal.account_id, call.path["email"]))


def _list(addresses: Addresses | UnsetType) -> Sequence[str]:
    return (addresses,) if isinstance(addresses, str) else addresses or ()


def _files(files: list[ClassicFile] | UnsetType) -> tuple[File, ...]:
    return tuple(File(file.filename, file.content_type, file.data) for file in files or ())


async def _answer(call: ClassicCall[Any], outcome: Outcome) -> Result:
    """Wait for the mail to leave, and keep the answer that this gives for a repeat of the request.

    Raises:
        Failure: it did not leave and will not. The key is free then: the request may be tried again.
    """
    first, claim = outcome, call.claim
    outcome = await sending(call.services).wait(call.principal.account_id, outcome)
    if outcome.status == "failed":
        if claim is not None:
            await claim.forget(call.services.db)
        raise Failure(f"the mail could not be sent: {outcome.detail or 'no reason was given'}")
    result = _result(outcome)
    if claim is not None and outcome != first:
        await claim.amend(call.services.db, result.status, result.content_type, result.body())
    return result


def _result(outcome: Outcome) -> Result:
    held = outcome.status == "pending_review"
    view = ClassicSent(
        status="pending_approval" if held else outcome.status,
        message_id=outcome.message_id if held else outcome.email_message_id or outcome.message_id,
        method=outcome.method or UNSET,
        approval_expires_at=(
            UNSET if outcome.approval_expires_at is None else seconds(rfc3339(outcome.approval_expires_at))
        ),
    )
    return Result(202 if held else 200, view, encoded=encode_classic(view))


ROUTES = [send, reply, forward, test_agent]
