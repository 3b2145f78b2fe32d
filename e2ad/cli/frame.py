"""The outermost frame of `e2a`: help by subject, failures for programs, interruptions and broken pipes."""

import os
import sys
from collections import UserDict
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, Final, NoReturn

import click

from e2ad.cli.endings import EX_AGAIN, EX_INTERRUPTED, EX_USAGE, STATUSES, refuse
from e2ad.cli.printing import plain

__all__ = ["CONTEXT", "PROGRAM", "Frame", "Group"]

PROGRAM: Final = "e2a"

CONTEXT: Final[Mapping[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Commands(UserDict[str, click.Command]):
    """Commands by name; one that is kept as `module:attribute` is imported when it is asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._places: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def __getitem__(self, name: str) -> click.Command:
        if name in self._places:
            module, _, attribute = self._places.pop(name).partition(":")
            self.data[name] = getattr(import_module(module), attribute)
        return self.data[name]

    def later(self, name: str, place: str) -> None:
        """Keep where a command is."""
        self._places[name] = place
        self.data[name] = click.Command(name)  # stands for it in the order of names


class Group(click.Group):
    """Commands in their subjects, in the order in which they were added; by itself it shows its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands: Commands = Commands(self.commands)
        self._subjects: dict[str, list[str]] = {}

    def add_all(self, subject: str, places: Mapping[str, str]) -> None:
        """Add commands below a heading.

        Args:
            places: a module for each name, which is imported when the command is asked for, so that none waits for
                what only others need; with `:attribute`, if the command is not called there as it is called here.
        """
        for name, place in places.items():
            module, _, attribute = place.partition(":")
            self.commands.later(name, f"e2ad.cli.{module}:{attribute or name}")
            self._subjects.setdefault(subject, []).append(name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, as they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, below their headings."""
        if not self._subjects:
            super().format_commands(ctx, formatter)
            return
        width = max(map(len, self.commands))
        for subject, names in self._subjects.items():
            shown = [(name, self.commands[name]) for name in names if not self.commands[name].hidden]
            with formatter.section(subject):
                formatter.write_dl([(name.ljust(width), one.get_short_help_str(80)) for name, one in shown])


class Frame(Group):
    """The program."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What the exit statuses mean."""
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status), words) for status, words in STATUSES.items()])

    def main(  # type: ignore[override]  # it always ends the process
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run a command, and end the process as scripts expect it.

        Raises:
            SystemExit: always.
        """
        given = list(sys.argv[1:] if args is None else args)
        _open_what_is_closed()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter is no failure
        try:
            status = super().main(given, prog_name or PROGRAM, **{**extra, "standalone_mode": False})
            sys.stdout.flush()
        except click.ClickException as error:
            if "--json" in given:
                code = "usage" if error.exit_code == EX_USAGE else "failed"
                refuse({"code": code, "message": error.format_message()}, error.exit_code)
            error.show()
            sys.exit(error.exit_code)
        except click.Abort as error:
            interrupted = isinstance(error.__cause__ or error.__context__, KeyboardInterrupt)
            click.echo("" if interrupted else "Aborted!", err=True)
            sys.exit(EX_INTERRUPTED if interrupted else EX_AGAIN)
        except BrokenPipeError:
            _nobody_reads()
            sys.exit(EX_AGAIN)
        except OSError as error:  # a full disk behind stdout, for instance
            _nobody_reads()
            message = f"{error.filename or 'the output'}: {error.strerror or error}"
            if "--json" in given:
                refuse({"code": "failed", "message": message}, EX_AGAIN)
            click.echo(f"e2a: {plain(message)}", err=True)
            sys.exit(EX_AGAIN)
        sys.exit(status if isinstance(status, int) else 0)


def _open_what_is_closed() -> None:
    """Give what was started with a closed stdin, stdout or stderr (`>&-`) one that is empty.

    Else the next connection would get its number, and what is printed by a program that is started here would go there.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _nobody_reads() -> None:
    """Let the interpreter's last flush go nowhere, not into a pipe that is closed."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
