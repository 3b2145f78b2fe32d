"""`e2ad audit`: prove that the log of who decided what is as it was written, and hand it to somebody who proves it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import trio

from e2ad.cli import failing
from e2ad.cli.configured import config_option, configuration
from e2ad.core.audit import Head, parse_head
from e2ad.core.errors import NotFound

if TYPE_CHECKING:
    from e2ad.daemon import Checked

__all__ = ["audit"]

EX_BAD_ROW: Final = 1
EX_UNAVAILABLE: Final = 69
"""Nothing is known: the database did not answer. Not 1, which says that somebody changed the log."""
NEED: Final = ("database.url",)


@click.group()
def audit() -> None:
    """The log of who decided what about mail and access."""


@audit.command()
@config_option
@click.option("--account", help="Only this account: its id, or the address of its owner.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each account.")
@click.option("--expect", metavar="NUMBER:DIGEST", help="A head of that account that was printed and kept before.")
def verify(path: Path | None, account: str | None, as_json: bool, expect: str | None) -> None:
    """Look at every row of the log, and name the first that is not what was written.

    Prints the newest row of each account as NUMBER:DIGEST. Kept where this database's owner cannot change it, it
    proves later, with --expect, that no row up to that one was changed, removed or put in.

    Exits with 0 where all is well, 1 where a row is bad, 69 where the database does not answer and 78 where the
    configuration is wrong.
    """
    expected = _expected(expect, account)
    config = configuration(path, NEED)
    bad = False

    def tell(checked: "Checked") -> None:
        nonlocal bad
        bad = bad or checked.flaw is not None
        _clear()
        click.echo(json.dumps(_json(checked)) if as_json else _text(checked))

    from e2ad import daemon

    with _known():
        found = trio.run(partial(daemon.verify_audit, config, account, expected, tell, _progress))
    if not found and not as_json:
        click.echo("no account has an audit log yet")
    sys.exit(EX_BAD_ROW if bad else 0)


@audit.command()
@config_option
@click.option("--account", required=True, help="Whose: the id of an account, or the address of its owner.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A new file.")
def export(path: Path | None, account: str, output: Path) -> None:
    """Write the log of an account as JSON lines, which can be verified without e2ad.

    The documentation of e2ad/core/audit.py has the program for that, of some ten lines. What is in the file is what
    is stored, also where it is bad: then the exit status is 1.
    """
    config = configuration(path, NEED)
    if output.exists():
        raise click.BadParameter(f"{output} is there already", param_hint="--output")
    from e2ad import daemon

    with _known():
        checked = trio.run(partial(daemon.export_audit, config, account, output, _progress))
    _clear()
    click.echo(_text(checked), err=True)
    sys.exit(0 if checked.flaw is None else EX_BAD_ROW)


def _expected(text: str | None, account: str | None) -> Head | None:
    if text is None:
        return None
    if account is None:
        raise click.UsageError("--expect is about one account: say which with --account")
    try:
        return parse_head(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expect") from error


@contextmanager
def _known() -> Iterator[None]:
    try:
        with failing.explained():
            try:
                yield
            except* NotFound as group:
                raise click.BadParameter(str(group.exceptions[0]), param_hint="--account") from None
    except SystemExit as stopped:
        sys.exit(EX_UNAVAILABLE if stopped.code == failing.EX_FAILED else stopped.code)


def _text(checked: "Checked") -> str:
    if checked.flaw is None:
        return f"{checked.account_id}  fine  {checked.rows} rows  {checked.head}"
    flaw = checked.flaw
    return f"{checked.account_id}  BAD   row {flaw.number} ({flaw.reason}): {flaw.detail}"


def _json(checked: "Checked") -> dict[str, Any]:
    known: dict[str, Any] = {
        "account_id": checked.account_id,
        "fine": checked.flaw is None,
        "rows": checked.rows,
        "head": str(checked.head),
    }
    if checked.flaw is not None:
        known |= {"bad_row": checked.flaw.number, "reason": checked.flaw.reason, "detail": checked.flaw.detail}
    return known


def _progress(rows: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{rows:,} rows", nl=False, err=True)


def _clear() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
