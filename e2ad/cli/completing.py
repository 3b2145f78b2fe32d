"""What a shell is offered: names that the deployment knows, if it answers at once; nothing if it does not."""

from typing import Final

import click
from click.shell_completion import CompletionItem

from e2ad.cli import settings
from e2ad.cli.endings import Asked

__all__ = ["complete_agent"]

ANSWER_MS: Final = 1500
"""A person waits with a finger on the key."""


def complete_agent(context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The account's agents."""
    from e2ad.sdk import E2AClient

    asked = context.find_object(Asked) or Asked()
    try:
        found = settings.find(asked.url, asked.api_key, None, profile=asked.profile)
        if not found.api_key:
            return []
        with E2AClient(found.api_key, base_url=found.url, max_retries=0, timeout_ms=ANSWER_MS) as client:
            agents = client.plain.agents.list(limit=100).page().items
        return [
            CompletionItem(agent["email"], help=agent.get("name") or None)
            for agent in agents
            if str(agent["email"]).startswith(incomplete)
        ]
    except Exception:  # noqa: BLE001 - a shell that completes shows nothing rather than a complaint
        return []
