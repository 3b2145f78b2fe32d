"""`e2a export`: all data of the account, into a file."""

from pathlib import Path

import click

from e2ad.cli.attachments import steps, written
from e2ad.cli.context import Context, command

__all__ = ["export"]


@click.command()
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, allow_dash=True, dir_okay=False), metavar="FILE",
    help="Where to; - for standard output.",
)  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Write over a file that is there.")
@command
def export(context: Context, output: Path, force: bool) -> None:
    """Take along all data of the account, as one JSON document.

    The file is readable for you alone.

    \b
    e2a export -o account.json
    """
    target = None if str(output) == "-" else output
    with written(target, force=force, mode=0o600) as file, context.progress("exporting") as advance:
        octets = context.plain.account.export_to(file, progress=steps(advance))
    if target is not None:
        context.done({"path": str(target), "size_bytes": octets}, f"{target}: {octets} bytes")
