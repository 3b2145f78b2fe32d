"""What a running e2ad was told: one frozen `Config`, read once and handed on.

- `sections`, and `doors` for what is knocked at: every `key` with its default and its check of `checks`. Defaults stand
  nowhere else;
  `config.example.toml` is held equal to them by a test.
- `loading`: TOML, then systemd credentials and `_FILE`, then the environment; the later one wins.

Rules. Secrets come from the environment, files or credentials, and are never shown. Rooms take the section
or the values they need, not the whole. Sizes are `_bytes`, waits are `_seconds`.

What may go wrong. `ConfigError` holds every problem at once, each with its key and an advice; the
commands print it and exit with `EX_CONFIG` (78).
"""

from e2ad.config.loading import EX_CONFIG, ConfigError, load
from e2ad.config.sections import Config

__all__ = ["EX_CONFIG", "Config", "ConfigError", "load"]
