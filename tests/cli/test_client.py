"""Every command of `e2a`: found, explained, and able to speak to programs."""

from collections.abc import Iterator

import click
import pytest

from e2ad.cli.client import main
from tests.cli.conftest import FarApi


def commands(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from commands(one, (*above, name))
        else:
            yield (*above, name), one


COMMANDS = dict(commands(main))


def test_what_there_is() -> None:
    assert set(COMMANDS) >= {
        ("send",), ("reply",), ("forward",), ("test",), ("sent",), ("trace",),
        ("reviews", "list"), ("reviews", "show"), ("reviews", "approve"), ("reviews", "reject"), ("reviews", "edit"),
        ("pending", "list"), ("pending", "show"), ("pending", "approve"), ("pending", "reject"), ("pending", "edit"),
        ("protection", "show"), ("protection", "set"),
        ("suppressions", "list"), ("suppressions", "add"), ("suppressions", "remove"),
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_explains_itself_and_speaks_json(far: FarApi, path: tuple[str, ...]) -> None:
    done = far.e2a(*path, "--help")
    assert done.exit_code == 0
    command = COMMANDS[path]
    assert (command.help or "").strip()
    options = {name for one in command.params for name in one.opts}
    assert "--json" in options
    unexplained = [
        one.name
        for one in command.params
        if isinstance(one, click.Option) and not one.help and one.name not in ("subject", "limit")
    ]
    assert not unexplained
