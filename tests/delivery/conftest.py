"""Endpoints for the tests of what goes out."""

import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load() -> ModuleType:
    name = "e2ad_test_endpoint"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "endpoint.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


far = _load()


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A certificate authority, and a server certificate for hooks.example.com and localhost."""
    return far.make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def endpoint() -> AsyncIterator[Any]:
    """A plain http endpoint on loopback."""
    async with far.open_endpoint() as opened:
        yield opened


@pytest.fixture
async def tls_endpoint(ca: Any) -> AsyncIterator[Any]:
    """An https endpoint on loopback."""
    async with far.open_endpoint(ca.server) as opened:
        yield opened
