"""Each face with its own types, as mypy sees them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_a_type_checker_sees() -> None:
    """Also that each mistake is one: an ignore that ignores nothing is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(Path(__file__).parent / "typed.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
