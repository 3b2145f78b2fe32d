"""`e2a mcp`: the tools for a program on this machine that speaks MCP through standard streams."""

import traceback

import click
import trio

from e2ad import __version__
from e2ad.cli.context import Context, command
from e2ad.cli.options import agent_option

__all__ = ["mcp"]


@click.command()
@agent_option
@command
def mcp(context: Context, agent: str | None) -> None:
    """Serve your inbox to a program that speaks MCP (Model Context Protocol), through stdin and stdout.

    \b
    claude mcp add --transport stdio e2a --env E2A_API_KEY=... --env E2A_URL=https://mail.example.com -- e2a mcp

    With the key of an agent the tools for its mail are offered, with a key of the account all of them. The same tools
    are at https://your.deployment/mcp.
    """
    from e2ad.mcp import stdio  # half a second, which no other command shall wait for
    from e2ad.sdk import AsyncE2AClient

    context.client  # noqa: B018  # says so if there is no key
    settings = context.settings
    email = context.agent(agent) if agent or settings.agent_email else ""

    async def run() -> None:
        async with AsyncE2AClient(settings.api_key, base_url=settings.url, max_elapsed_ms=20_000) as client:
            await stdio.serve(client, settings.api_key, __version__, _tell, agent_email=email)

    trio.run(run)


def _tell(tool: str, error: Exception) -> None:
    click.echo(f"e2a mcp: {tool} failed", err=True)
    traceback.print_exception(error)
