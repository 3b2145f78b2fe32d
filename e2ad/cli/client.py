"""`e2a`: the agent's and the operator's client. Everything it does goes through the public API."""

import click

from e2ad import __version__
from e2ad.cli.endings import Asked
from e2ad.cli.frame import CONTEXT, Frame

__all__ = ["main"]


@click.group(cls=Frame, context_settings=CONTEXT, invoke_without_command=True)
@click.option("--url", metavar="URL", help="The deployment, e.g. https://mail.example.com (E2A_URL).")
@click.option("--api-key", metavar="KEY", help="The credential (E2A_API_KEY).")
@click.option("--profile", metavar="NAME", help="A profile of the configuration (E2A_PROFILE); see: e2a config --help.")
@click.option("--json", "as_json", is_flag=True, help="The same as --json behind the command's name.")
@click.option("--no-color", is_flag=True, help="No colours on a terminal either (NO_COLOR).")
@click.version_option(__version__, prog_name="e2a")
@click.pass_context
def main(
    context: click.Context, url: str | None, api_key: str | None, profile: str | None, as_json: bool, no_color: bool
) -> None:
    """Your agents' mail: make agents, read what came, answer it, and decide what may leave.

    \b
    e2a login                                     connect to a deployment
    e2a agents create my-bot                      make an address
    e2a inbox --agent my-bot                      see what came
    e2a send --to ada@example.org --subject Hi --body "Good morning."

    With --json a command writes one JSON value to stdout (a list is an array), and one a line where it
    runs on (listen). What else there is to say goes to stderr; a failure is an object there.
    """
    asked = context.ensure_object(Asked)
    asked.url, asked.api_key, asked.profile, asked.as_json = url, api_key, profile, as_json
    asked.colour = False if no_color else None
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


main.add_all(
    "Connect",
    {
        "login": "login",
        "logout": "login",
        "whoami": "login",
        "doctor": "doctor",
        "config": "configuring",
        "completion": "completion",
    },
)
main.add_all("Agents", {"agents": "agents", "keys": "account", "account": "account"})
main.add_all(
    "Mail",
    {
        "inbox": "inbox",
        "read": "inbox",
        "send": "sending",
        "reply": "sending",
        "forward": "sending",
        "sent": "sending",
        "test": "sending:try_agent",
        "messages": "inbox",
        "labels": "inbox",
        "conversations": "conversations",
        "attachments": "attachments",
    },
)
main.add_all("Wait", {"wait": "waiting", "listen": "listening", "replay": "listening"})
main.add_all(
    "Decisions",
    {
        "reviews": "reviews",
        "pending": "reviews:reviews",
        "protection": "protection",
        "suppressions": "suppressions",
    },
)
main.add_all("People and texts", {"contacts": "contacts", "templates": "templates"})
main.add_all(
    "Account",
    {
        "domains": "domains",
        "webhooks": "webhooks",
        "events": "events",
        "signing-secrets": "signing_secrets:signing_secrets",
        "metrics": "metrics",
        "limits": "limits",
        "export": "exporting",
        "connections": "connections",
        "feedback": "feedback",
    },
)
main.add_all("What became of it", {"trace": "tracing", "resolve": "tracing"})
main.add_all("For programs", {"mcp": "mcp"})
