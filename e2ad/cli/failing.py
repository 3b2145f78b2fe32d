"""How `e2ad` fails: one line a person can act on and an exit status, or the whole story of a surprise."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from e2ad.config import EX_CONFIG, ConfigError
from e2ad.core.errors import Failure
from e2ad.dev.postgres import PostgresFailed

__all__ = ["explained", "fail_for_configuration"]

EX_FAILED = 1
EX_INTERRUPTED = 130


def fail_for_configuration(error: ConfigError) -> NoReturn:
    """Every problem on a line of its own, exit 78."""
    for problem in error.problems:
        click.echo(f"e2ad: {problem}", err=True)
    sys.exit(EX_CONFIG)


@contextmanager
def explained() -> Iterator[None]:
    """Run a command's work in this.

    Raises:
        SystemExit: for every failure that has a name.
    """
    try:
        yield
    except BaseException as error:
        leaves = list(_leaves(error))
        if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
            sys.exit(EX_INTERRUPTED)
        for leaf in leaves:
            if isinstance(leaf, ConfigError):
                fail_for_configuration(leaf)
        if not leaves or not all(isinstance(leaf, _known()) for leaf in leaves):
            raise
        for line in dict.fromkeys(_line(leaf) for leaf in leaves):
            click.echo(f"e2ad: {line}", err=True)
        sys.exit(EX_FAILED)


def _known() -> tuple[type[BaseException], ...]:
    """What a person can mend, or wait for. Anything else is a mistake of ours and keeps its stack."""
    from e2ad.daemon import ChildDied, MigrationFailed  # not for commands that run no daemon

    return OSError, Failure, PostgresFailed, MigrationFailed, ChildDied


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _leaves(member)
    else:
        yield error


def _line(error: BaseException) -> str:
    """Its sentence, with the reason behind it where that says more."""
    text = str(error) or type(error).__name__
    cause = " ".join(str(error.__cause__ or "").split())
    return text if not cause or isinstance(error, OSError) else f"{text} ({cause})"
