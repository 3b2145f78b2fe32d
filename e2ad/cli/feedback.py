"""`e2a feedback`: a word to whoever runs the deployment."""

import click

from e2ad.cli.context import Context, command
from e2ad.cli.files import text_of

__all__ = ["feedback"]


@click.command()
@click.argument("message")
@click.option("--email", help="Where an answer would reach you.")
@click.option("--category", help="What it is about, in a word: bug, idea.")
@command
def feedback(context: Context, message: str, email: str | None, category: str | None) -> None:
    """Say something to the operator of the deployment.

    MESSAGE - reads it from standard input.

    \b
    e2a feedback "The inbox could sort by size." --email ada@example.org
    """
    words = (text_of(message) or "").strip()
    if not words:
        raise click.UsageError("there is nothing in it")
    kept = context.plain.feedback.send(words, email=email, category=category)
    context.done(kept, f"the operator has it: {kept['id']}")
