"""Python's collector of cyclic garbage, set for a process that lives long and makes much.

With its defaults it took a sixth of the processor under load: it looked at every module, class and
schema again and again, none of which ever goes.
"""

import gc
from typing import Final

__all__ = ["spare_what_stays"]

YOUNG: Final = 4000
"""Containers made and not yet gone, after which the young ones are looked at: those of some dozen mails."""


def spare_what_stays() -> None:
    """Never look again at what is there now, and at what is young less often. Called when all is imported, and when
    something large was imported later.

    What is large in a mail (its octets, its texts) is freed by reference counts and waits for nobody.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
