"""All tools, by name."""

from collections.abc import Mapping
from typing import Final

from e2ad.mcp import account, agents, aliases, contacts, domains, mail, reviews, sending, templates, webhooks
from e2ad.mcp.caller import Account
from e2ad.mcp.tool import RUNTIME, Tool

__all__ = ["TOOLS", "may_call", "offered"]

_WHOAMI, _GET_AGENT, *_ADMIN_AGENTS = agents.TOOLS

TOOLS: Final[Mapping[str, Tool]] = {
    tool.name: tool
    for tool in (
        _WHOAMI,
        _GET_AGENT,
        *mail.TOOLS,
        *sending.TOOLS,
        *contacts.TOOLS,
        *account.TOOLS,
        *_ADMIN_AGENTS,
        *reviews.TOOLS,
        *domains.TOOLS,
        *webhooks.TOOLS,
        *templates.TOOLS,
        *aliases.TOOLS,
    )
}
"""Those for the mail of one inbox first: a model reads lists from the top."""


def may_call(tool: Tool, account: Account) -> bool:
    """Whether a tool is for this credential at all; the API judges the call itself."""
    return tool.tier is RUNTIME or account.rules_account


def offered(account: Account) -> list[Tool]:
    """What a credential is shown: the runtime tools first."""
    listed = [tool for tool in TOOLS.values() if tool.listed and may_call(tool, account)]
    return sorted(listed, key=lambda tool: tool.tier is not RUNTIME)
