"""The generated models and bodies: as the document has them, and as answers are read with them."""

import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import attrs
import msgspec
import pytest

from e2ad.sdk import bodies, models
from tests.generate import python_client

SDK = Path(models.__file__).parents[1]


def test_the_files_are_what_the_generator_makes(tmp_path: Path) -> None:
    written = python_client.write(tmp_path)
    made = {str(path.relative_to(tmp_path)): path.read_text() for path in written}
    kept = {
        str(path.relative_to(SDK)): path.read_text()
        for room in ("models", "bodies")
        for path in (SDK / room).glob("*.py")
    }
    assert made.keys() == kept.keys()
    for name, text in made.items():
        assert kept[name] == text, f"python -m tests.generate.python_client: {name} has changed"


@pytest.mark.parametrize("name", models.__all__)
def test_every_model_can_be_read(name: str) -> None:
    """With all members, with those alone that must be there, and with one that nobody knows."""
    kind = getattr(models, name)
    assert inspect.getdoc(kind)
    hints = get_type_hints(kind)
    full = {one.name: example(hints[one.name]) for one in attrs.fields(kind)}
    least = {one.name: full[one.name] for one in attrs.fields(kind) if one.default is attrs.NOTHING}
    for given in (full, least, {**full, "tomorrow": 1}):
        found = msgspec.json.decode(msgspec.json.encode(given), type=kind)
        assert isinstance(found, kind)
        assert attrs.fields_dict(kind).keys() == {one for one in dir(found) if one in full}
    for missing in least:
        with pytest.raises(msgspec.ValidationError, match=missing):
            msgspec.convert({key: value for key, value in full.items() if key != missing}, kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(msgspec.convert(full, kind), next(iter(full), "x"), None)


def example(hint: Any) -> Any:
    """A value of a type."""
    for one in getattr(hint, "__args__", ()):
        if hint.__class__.__name__ == "UnionType" and one is not type(None):
            return example(one)
    origin = getattr(hint, "__origin__", hint)
    if attrs.has(origin):
        hints = get_type_hints(origin)
        return {one.name: example(hints[one.name]) for one in attrs.fields(origin)}
    if origin is list:
        return [example(hint.__args__[0])]
    if origin is dict:
        return {"key": example(hint.__args__[1])}
    if origin is datetime:
        return "2026-01-02T03:04:05.678Z"
    return {str: "x", int: 1, float: 1.5, bool: True, Any: None}[origin]


def test_times_are_aware() -> None:
    found = msgspec.convert(
        {"agent_email": "a", "address": "b", "source": "c", "created_at": "2026-01-02T03:04:05Z"},
        models.AgentSuppressionView,
    )
    assert found.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.reason is None


def test_what_no_log_is_to_have() -> None:
    made = models.RotateSecretResponse(signing_secret="whsec_1", previous_secret_expires_at=datetime.now(UTC))
    assert "whsec_1" not in repr(made)
    for kind, name in ((models.CreateAPIKeyResponse, "key"), (models.CreateWebhookResponse, "signing_secret")):
        assert not getattr(attrs.fields(kind), name).repr


@pytest.mark.parametrize("name", bodies.__all__)
def test_bodies_are_dicts(name: str) -> None:
    kind = getattr(bodies, name)
    assert inspect.getdoc(kind)
    assert kind.__required_keys__ | kind.__optional_keys__ == get_type_hints(kind).keys()


@pytest.mark.parametrize("package", [models, bodies])
def test_what_is_not_there(package: Any) -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        _ = package.Nothing
