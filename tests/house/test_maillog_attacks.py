"""What a log line must never hold, whatever renders it."""

import subprocess
import sys

import pytest

SCRIPT = """
import structlog
from e2ad import maillog

maillog.configure(style={style!r})
def fail(secret):
    raise RuntimeError("no secret in it")
try:
    fail("e2a_acct_" + "5e" * 32)
except RuntimeError:
    structlog.get_logger("e2ad").exception("it failed")
"""


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_traceback_does_not_show_local_variables(style: str) -> None:
    command = [sys.executable, "-c", SCRIPT.format(style=style)]
    written = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stderr
    assert "no secret in it" in written
    assert "5e5e5e5e" not in written
