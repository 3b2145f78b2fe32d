"""`POST /api/feedback`: a word to the operator of this deployment, from anybody."""

from attrs import frozen

from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.operation import Scope
from e2ad.gateway import remarks

__all__ = ["ROUTES", "post_feedback"]

MAX_BODY = 32_768


@frozen
class Feedback:
    """What somebody has to say. Forms name the members differently; the first that is there counts."""

    message: str = ""
    body: str = ""
    text: str = ""
    email: str = ""
    reply_to: str = ""
    category: str = ""
    type: str = ""
    kind: str = ""
    page: str = ""
    url: str = ""


@frozen
class Received:
    """It is kept."""

    status: str
    id: str


@classic("POST", "/api/feedback", body=Feedback, scope=Scope.PUBLIC, max_body=MAX_BODY)
async def post_feedback(call: ClassicCall[Feedback]) -> Received:
    """Keep a message for the operator; an address is only needed for an answer."""
    given = call.body
    kept = await remarks.submit(
        call.services.db,
        call.services.limits,
        call.client_address,
        words=given.message or given.body or given.text,
        reply_to=given.email or given.reply_to,
        kind=given.category or given.type or given.kind,
        page=given.page or given.url,
    )
    return Received("received", kept)


ROUTES = [post_feedback]
