"""The configuration of the commands of `e2ad`: where it is, and what happens where it is wrong."""

from pathlib import Path

import click

from e2ad import maillog
from e2ad.cli import failing
from e2ad.config import Config, ConfigError, load

__all__ = ["config_option", "configuration"]

config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(exists=False, dir_okay=False, path_type=Path),
    envvar="E2AD_CONFIG",
    help="A TOML file; config.example.toml has every key.",
)


def configuration(path: Path | None, need: tuple[str, ...]) -> Config:
    """The configuration, or exit 78 with every problem on stderr."""
    try:
        config = load(path, need=need)
    except ConfigError as error:
        failing.fail_for_configuration(error)
    maillog.configure(config.log.level, config.log.format)
    return config
