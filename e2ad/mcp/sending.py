"""Tools that send mail."""

from collections.abc import Mapping
from typing import Any, Final

from e2ad.mcp.caller import Caller
from e2ad.mcp.mail import MESSAGE_ID
from e2ad.mcp.tool import (
    EMAIL,
    RUNTIME,
    SENDING,
    Arguments,
    Schema,
    Tool,
    flag,
    instant,
    items,
    open_object,
    picked,
    record,
    text,
)

__all__ = ["ATTACHMENTS", "CONTENT", "TOOLS", "send_message"]

ATTACHMENTS: Final = items(
    "Files to go with it, at most 10 and 10 MiB together.",
    of=record(
        "A file.",
        {
            "filename": text("Its name."),
            "content_type": text("Its type, such as text/csv."),
            "data": text("Its bytes in base64."),
        },
    ),
    most=10,
)

CONTENT: Final[Mapping[str, Schema]] = {
    "cc": items("More recipients, seen by all."),
    "bcc": items("More recipients, seen by nobody else."),
    "attachments": ATTACHMENTS,
    "conversation_id": text("The conversation that it shall belong to."),
    "reply_to": text("Where answers shall go, if not to the agent."),
    "idempotency_key": text(
        "A word of your own for this one mail, such as a UUID. If you do not learn what became of a call, repeat it "
        "with the same key: the mail is then sent once.",
        255,
    ),
    "email": EMAIL,
    "send_at": instant("When it shall leave; at once if left out."),
}

_BODY: Final = ("text", "html", "cc", "bcc", "attachments", "conversation_id", "reply_to", "send_at")

_HELD: Final = (
    "It waits for a person, who approves or rejects it; nothing has been sent yet. Do not send it again. Look later "
    "with get_message_lifecycle or get_message what became of it, and go on with other work meanwhile."
)
_OUTCOME: Final = (
    "The answer's status says what became of it: accepted (on its way), scheduled, sent, failed, or pending_review (a "
    "person has to approve it first: do not send it again, look later with get_message_lifecycle)."
)


def told(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a send; one that is held says how to wait."""
    return dict(result) | ({"guidance": _HELD} if result.get("status") == "pending_review" else {})


def _key(arguments: Arguments) -> dict[str, Any]:
    return picked(arguments, "idempotency_key")


async def send_message(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    """A new mail."""
    body = picked(arguments, "to", "subject", *_BODY, "template_id", "template_alias", "template_data")
    return told(await caller.api.messages.send(await caller.agent(arguments), body, **_key(arguments)))


async def _reply(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    body = picked(arguments, "reply_all", "quote_history", *_BODY)
    email = await caller.agent(arguments)
    return told(await caller.api.messages.reply(email, arguments["message_id"], body, **_key(arguments)))


async def _forward(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
    # The API wants the words before the quoted mail to be said, be they none.
    body = {"text": "", **picked(arguments, "to", *_BODY)}
    email = await caller.agent(arguments)
    return told(await caller.api.messages.forward(email, arguments["message_id"], body, **_key(arguments)))


_TO: Final = items('Recipients, each as ada@example.com or "Ada <ada@example.com>".')
_TEXT: Final = text("What it says, as plain text.")
_HTML: Final = text("The same as HTML, where it shall have a form.")

TOOLS: Final = (
    Tool(
        "send_message",
        RUNTIME,
        SENDING,
        "Send a new mail. It needs subject and text, or a template. To answer a mail use reply_to_message, so that "
        f"the answer belongs to its conversation. {_OUTCOME}",
        send_message,
        required={"to": _TO},
        optional={
            "subject": text("The subject.", 2000),
            "text": _TEXT,
            "html": _HTML,
            "template_id": text("A stored template instead of subject and text."),
            "template_alias": text("The same, by its alias."),
            "template_data": open_object("Values for the template's variables."),
            **CONTENT,
        },
    ),
    Tool(
        "reply_to_message",
        RUNTIME,
        SENDING,
        "Answer a message: to its sender (to its recipients, if the message is one of your own), in its conversation "
        f"and with its subject. {_OUTCOME}",
        _reply,
        required={"message_id": MESSAGE_ID, "text": _TEXT},
        optional={
            "html": _HTML,
            "reply_all": flag("True: to all who got it."),
            **CONTENT,
            "quote_history": flag("True: the message is quoted below the answer."),
        },
    ),
    Tool(
        "forward_message",
        RUNTIME,
        SENDING,
        "Hand a message on to others, quoted and with its attachments, below words of your own. Take care: it shows "
        f"them all that the sender wrote. {_OUTCOME}",
        _forward,
        required={"message_id": MESSAGE_ID, "to": _TO},
        optional={"text": text("Words before the quoted message."), "html": _HTML, **CONTENT},
    ),
)
