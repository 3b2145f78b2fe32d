"""Reading the configuration: TOML, then credentials and `_FILE`, then the environment.

A key `smtp.port` is `E2AD_SMTP_PORT` in the environment; lists are separated by commas there.
All problems are found in one go: `ConfigError.problems` has one line each, with its path.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import attrs
import cattrs
from cattrs import transform_error

from e2ad.config.sections import Check, Config
from e2ad.core.identity import SigningKey

__all__ = ["EX_CONFIG", "ConfigError", "load"]

EX_CONFIG: Final = 78
"""sysexits.h: the exit status for a configuration that can't be used."""

T = TypeVar("T")


class ConfigError(Exception):
    """The configuration cannot be used. `problems` has every reason, each with path and advice."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    base: Mapping[str, Any] | None = None,
    over: Mapping[str, Any] | None = None,
    need: tuple[str, ...] = ("database.url", "signing.secrets"),
) -> Config:
    """Read the configuration.

    Args:
        path: a TOML file, or None for none.
        environ: the environment; the process's own by default.
        base: defaults that a command sets under the file and the environment (`e2ad dev`).
        over: what was said on the command line, above everything.
        need: keys without which the command cannot run.

    Raises:
        ConfigError: with every problem that was found.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    document = _merge(base or {}, _read_toml(path, problems))
    document = _merge(document, _read_environment(environ, problems))
    document = _merge(document, over or {})
    config = _structure(document, problems)
    for key, attribute, value in _walk(config):
        check: Check | None = attribute.metadata.get("check")
        complaint = check(value) if check is not None else None
        if complaint is not None:
            problems.append(f"{key}: {complaint} (it is {_shown(attribute, value)})")
        elif key in need and not value:
            problems.append(f"{key}: is required; set it in the file or as {_variable(key)}")
    problems += _cross_checks(config)
    if problems:
        raise ConfigError(problems)
    return config


def _cross_checks(config: Config) -> Iterator[str]:
    if bool(config.smtp.tls_cert) != bool(config.smtp.tls_key):
        yield "smtp.tls_cert, smtp.tls_key: set both, or neither"
    for key, name in (("smtp.tls_cert", config.smtp.tls_cert), ("smtp.tls_key", config.smtp.tls_key)):
        if name and not os.access(name, os.R_OK):
            yield f"{key}: {name!r} can't be read; check the path and its permissions"
    for key, name in (("egress.ca_file", config.egress.ca_file), ("relay.ca_file", config.relay.ca_file)):
        if name and not os.access(name, os.R_OK):
            yield f"{key}: {name!r} can't be read; check the path and its permissions"
    if config.relay.host and config.relay.username and config.relay.tls == "none":
        yield "relay.tls: a password is not sent in the clear; use starttls or implicit"
    if bool(config.relay.username) != bool(config.relay.password):
        yield "relay.username, relay.password: set both, or neither"
    yield from _identity_problems(config)
    yield from _oidc_problems(config)


def _identity_problems(config: Config) -> Iterator[str]:
    name = config.identity.private_key_file
    if not name:
        return
    if not config.http.public_url:
        yield "identity.private_key_file: tokens name who made them: set http.public_url too"
    try:
        SigningKey.read(Path(name).read_bytes(), config.identity.key_id)
    except OSError as error:
        yield f"identity.private_key_file: {name!r} can't be read: {error.strerror}"
    except ValueError as error:
        yield f"identity.private_key_file: {name!r} {error}"


def _oidc_problems(config: Config) -> Iterator[str]:
    oidc = config.oidc
    if not oidc.issuer:
        if oidc.client_id:
            yield "oidc.issuer: is empty, so that nobody can sign in with oidc.client_id; set both, or neither"
        return
    if not oidc.client_id:
        yield "oidc.client_id: a provider knows us by it: register us there, or leave oidc.issuer empty"
    if not config.http.public_url:
        yield "oidc.issuer: the provider sends people back to us: set http.public_url too"
    if not oidc.issuer.startswith("https://") and not config.egress.allow_http:
        yield "oidc.issuer: must be https"


def _read_toml(path: Path | None, problems: list[str]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        problems.append(f"{path}: can't be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path}: is not valid TOML: {error}")
    return {}


def _read_environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """The environment, `…_FILE` and systemd credentials, as a document of the same shape."""
    found: dict[str, Any] = {}
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    known: set[str] = set()
    for key, attribute, _ in _walk(Config()):
        variable = _variable(key)
        text: str | None = None
        if attribute.metadata.get("secret"):
            known.add(variable + "_FILE")
            credential = Path(credentials, key.replace(".", "_")) if credentials else None
            if credential is not None and credential.exists():
                text = _read_secret(key, credential, problems)
            if variable + "_FILE" in environ:
                text = _read_secret(key, Path(environ[variable + "_FILE"]), problems)
        known.add(variable)
        text = environ.get(variable, text)
        if text is not None:
            _put(found, key, _from_text(key, attribute, text, problems))
    problems += [
        f"{name}: no such key; see config.example.toml for their names"
        for name in sorted(environ)
        if name.startswith(_SECTION_PREFIXES) and name not in known
    ]
    return found


def _read_secret(key: str, path: Path, problems: list[str]) -> str | None:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{key}: {path} can't be read: {error}")
        return None


def _from_text(key: str, attribute: "attrs.Attribute[Any]", text: str, problems: list[str]) -> Any:
    wanted = attribute.type
    try:
        if get_origin(wanted) is tuple:
            kind = get_args(wanted)[0]
            return [kind(part.strip()) for part in text.split(",") if part.strip()]
        if wanted is bool:
            return {
                "true": True,
                "1": True,
                "yes": True,
                "on": True,
                "false": False,
                "0": False,
                "no": False,
                "off": False,
            }[text.strip().lower()]
        return wanted(text) if wanted in (int, float) else text
    except (ValueError, KeyError):
        problems.append(f"{_variable(key)}: {text!r} is not {_kind(wanted)}")
        return attribute.default


def _structure(document: Mapping[str, Any], problems: list[str]) -> Config:
    """The document as a Config. What does not fit is reported and left out, so that the rest is checked too."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _exactly)
    try:
        return converter.structure(document, Config)
    except cattrs.ClassValidationError as error:
        lines = transform_error(error, path="", format_exception=_sentence)
    remaining = _merge(document, {})
    for line in lines:
        what, _, path = line.rpartition(" @ ")
        path = path.removeprefix(".")
        unknown = what.removeprefix(_UNKNOWN).split(", ") if what.startswith(_UNKNOWN) else []
        for key in unknown:
            problems.append(f"{_join(path, key)}: no such key; see config.example.toml for their names")
            _drop(remaining, _join(path, key))
        if not unknown:
            problems.append(f"{path}: {what}")
            _drop(remaining, path.partition("[")[0])
    return converter.structure(remaining, Config)


_UNKNOWN: Final = "unknown: "


def _sentence(error: BaseException, wanted: type | None) -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return _UNKNOWN + ", ".join(sorted(error.extra_fields))
    if isinstance(error, ValueError):
        return str(error)
    return f"is not {_kind(wanted)}"


def _exactly(value: Any, wanted: type[T]) -> T:
    """TOML has types of its own: a number in quotes is a mistake, not a number."""
    if type(value) is wanted:
        return value
    if wanted is float and type(value) is int:
        return cast("T", float(value))
    raise ValueError(f"{value!r} is not {_kind(wanted)}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _drop(document: dict[str, Any], key: str) -> None:
    *sections, name = key.split(".")
    for section in sections:
        document = document[section]
    document.pop(name, None)


def _walk(config: Any, prefix: str = "") -> Iterator[tuple[str, "attrs.Attribute[Any]", Any]]:
    for attribute in attrs.fields(type(config)):
        value = getattr(config, attribute.name)
        if attrs.has(type(value)):
            yield from _walk(value, f"{prefix}{attribute.name}.")
        else:
            yield prefix + attribute.name, attribute, value


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: _merge(value, {}) if isinstance(value, Mapping) else value for key, value in under.items()}
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _put(document: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        document = document.setdefault(section, {})
    document[name] = value


def _variable(key: str) -> str:
    return "E2AD_" + key.upper().replace(".", "_")


def _kind(wanted: Any) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(wanted, "a list")


def _shown(attribute: "attrs.Attribute[Any]", value: Any) -> str:
    return "a secret" if attribute.metadata.get("secret") else repr(value)


_SECTION_PREFIXES = tuple(
    f"E2AD_{attribute.name.upper()}_"
    for attribute in attrs.fields(Config)
    if attribute.type is not None and attrs.has(attribute.type)
)
