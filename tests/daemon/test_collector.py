"""The collector of garbage, as a process that lives long has it."""

import subprocess
import sys

SCRIPT = """
import gc
from e2ad import daemon

class Ring:
    gone = 0
    def __init__(self):
        self.me = self
    def __del__(self):
        Ring.gone += 1

daemon.spare_what_stays()
assert gc.isenabled()
assert gc.get_freeze_count() > 10_000, gc.get_freeze_count()
assert len(gc.get_objects()) < 1000, "what was imported is looked at again"
for _ in range(20_000):
    Ring()
assert Ring.gone > 10_000, Ring.gone
"""


def test_what_is_imported_is_spared_and_what_goes_round_in_circles_is_not() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=60)
