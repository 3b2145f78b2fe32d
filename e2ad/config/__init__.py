"""Configuration: frozen sections (`sections`), read from TOML, the environment and credentials (`loading`)."""

from e2ad.config.loading import EX_CONFIG, ConfigError, load
from e2ad.config.sections import Config

__all__ = ["EX_CONFIG", "Config", "ConfigError", "load"]
