"""The line between the parent and one of its worker processes: a pair of sockets.

The child says over it that it serves. Its end of file tells the child to stop: the parent has
closed its end, or is gone, however it went. So no child outlives a parent that was killed, and
being asked to stop is not a second signal beside the one that a terminal or a service manager
sends to all processes at once.
"""

import os
import socket
from collections.abc import MutableMapping

import trio

__all__ = ["LIFELINE", "inherited", "wait_parent_gone"]

LIFELINE = "E2AD_LIFELINE_FD"
"""The environment variable that names the child's end."""


def inherited(environ: MutableMapping[str, str] = os.environ) -> trio.socket.SocketType | None:
    """The child's end, or None in a process that is nobody's worker.

    The variable is taken out of the environment: processes that this one starts are not meant.
    """
    number = environ.pop(LIFELINE, "")
    if not number:
        return None
    line = socket.socket(fileno=int(number))
    line.set_inheritable(False)
    return trio.socket.from_stdlib_socket(line)


async def wait_parent_gone(line: trio.socket.SocketType) -> None:
    """Wait until the parent has closed its end, or has died."""
    try:
        while await line.recv(1):
            pass
    except OSError:
        pass  # reset: gone as well
