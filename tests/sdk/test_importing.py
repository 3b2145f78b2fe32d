"""What importing the client loads, seen from a fresh interpreter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import e2ad.sdk

ROOT = Path(__file__).parents[2]
FOREIGN = {"click", "dkim", "dns", "hypercorn", "mcp", "psycopg", "pydantic", "quart", "rich", "spf", "structlog"}
LOOPS = {"asyncio", "trio"}
PROGRAM = """
import json, sys, time
began = time.perf_counter()
{}
print(json.dumps([time.perf_counter() - began, sorted(sys.modules)]))
"""


def loaded(statement: str) -> tuple[float, set[str]]:
    """Seconds, and the modules that are there afterwards."""
    command = [sys.executable, "-c", PROGRAM.format(statement)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


def test_a_client_loads_nothing_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    times = []
    for _ in range(3):
        seconds, modules = loaded("from e2ad.sdk import E2AClient, E2AError")
        times.append(seconds)
    with capsys.disabled():
        print(f" [{min(times) * 1000:.0f} ms] ", end="")
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & (FOREIGN | LOOPS)
    rooms = {name.split(".")[1] for name in modules if name.startswith("e2ad.")}
    assert rooms <= {"core", "sdk"}
    assert not {name for name in modules if name.startswith("e2ad.sdk.models.")}, "models come when they are wanted"
    assert not modules & {"e2ad.core.mime", "wsproto"}, "taking mail apart and sockets come when they are wanted"


def test_all_names_are_there_and_load_nothing_of_the_server() -> None:
    program = "import e2ad.sdk as sdk; from e2ad.sdk import models, bodies; " + "; ".join(
        f"[getattr({room}, name) for name in {room}.__all__]" for room in ("sdk", "models", "bodies")
    )
    _, modules = loaded(program)
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & (FOREIGN | {"trio"})
    assert {name.split(".")[1] for name in modules if name.startswith("e2ad.")} <= {"core", "sdk"}


def test_types_are_found_where_the_published_client_has_them() -> None:
    for name in ("AgentView", "MessageView", "SendResultView"):
        assert getattr(e2ad.sdk, name) is getattr(e2ad.sdk.models, name)
    assert e2ad.sdk.SendEmailRequest(to=["a@b.test"], text="x") == {"to": ["a@b.test"], "text": "x"}
    assert "AgentView" in vars(e2ad.sdk), "it is looked up once"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        _ = e2ad.sdk.Nothing
