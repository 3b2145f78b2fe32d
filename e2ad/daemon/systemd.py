"""The service manager's protocol: sd_notify(3) over its datagram socket, and the watchdog."""

import os
import socket
from collections.abc import Mapping

import trio

__all__ = ["notify", "watchdog", "watchdog_seconds"]


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send one state such as `READY=1`; False when no service manager asked for it.

    The socket is a datagram socket and never waited for: a manager that does not read loses
    the message, not us our time.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address[0] == "@":
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.setblocking(False)
        try:
            manager.sendto(state.encode(), address)
        except OSError:
            return False
    return True


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often to say that we live: half of what the manager waits; None without a watchdog."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    pid = environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or not int(microseconds) or (pid and pid != str(os.getpid())):
        return None
    return int(microseconds) / 2_000_000


async def watchdog(period_seconds: float, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Tell the manager that the event loop turns, until cancelled. A loop that is stuck says nothing."""
    task_status.started()
    while True:
        notify("WATCHDOG=1")
        await trio.sleep(period_seconds)
