"""Names that tools had once. They can be called and are not listed: a model that sees two of a kind uses both."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import evolve

from e2ad.mcp import mail, reviews, sending
from e2ad.mcp.caller import Caller
from e2ad.mcp.tool import Arguments, Schema, Tool

__all__ = ["TOOLS"]


def _alias(name: str, of: Tool, renamed: Mapping[str, str] | None = None) -> Tool:
    """A tool under an old name.

    Args:
        renamed: old names of parameters, by the present ones.
    """
    old = renamed or {}
    call = _translated(of.call, {there: here for here, there in old.items()})
    return evolve(
        of,
        name=name,
        call=call,
        description=f"Another name of {of.name}.",
        required=_with(of.required, old),
        optional=_with(of.optional, old),
        listed=False,
    )


def _with(parameters: Mapping[str, Schema], old: Mapping[str, str]) -> dict[str, Schema]:
    return {old.get(name, name): schema for name, schema in parameters.items()}


def _translated(
    call: Callable[[Caller, Arguments], Awaitable[Mapping[str, Any]]], present: Mapping[str, str]
) -> Callable[[Caller, Arguments], Awaitable[Mapping[str, Any]]]:
    async def translated(caller: Caller, arguments: Arguments) -> Mapping[str, Any]:
        return await call(caller, {present.get(name, name): value for name, value in arguments.items()})

    return translated


_BY_NAME: Final = {tool.name: tool for tool in (*mail.TOOLS, *sending.TOOLS, *reviews.TOOLS)}
_APPROVE, _REJECT = _BY_NAME["approve_review"], _BY_NAME["reject_review"]

TOOLS: Final = (
    _alias("send_email", _BY_NAME["send_message"], {"text": "body", "html": "html_body", "email": "agent_email"}),
    _alias("get_attachment_data", _BY_NAME["get_attachment"]),
    _alias("list_pending_messages", _BY_NAME["list_reviews"]),
    _alias("get_pending_message", _BY_NAME["get_review"]),
    _alias("approve_pending_message", _APPROVE, {"text": "body_text", "html": "body_html"}),
    _alias("approve_message", _APPROVE),
    _alias("reject_pending_message", _REJECT),
    _alias("reject_message", _REJECT),
)
