"""When a socket of libpq can go on: what psycopg's generators ask for, waited for by Trio."""

import select
from typing import Any

import psycopg
import trio
from psycopg import pq
from psycopg.waiting import Ready, Wait

__all__ = ["readiness", "wait_polling", "wait_ready"]

_EVENTS = {Wait.R: select.POLLIN, Wait.W: select.POLLOUT, Wait.RW: select.POLLIN | select.POLLOUT}


def readiness(fd: int, wanted: Wait) -> int:
    """Which of the `wanted` directions would not block now; 0 if none. Does not wait."""
    poll = select.poll()
    poll.register(fd, _EVENTS[wanted])
    ready = 0
    for _, event in poll.poll(0):
        if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
            ready |= Ready.R
        if event & select.POLLOUT:
            ready |= Ready.W
    # An error is reported as readable whatever was asked for: the next read will say what it is.
    return ready & wanted or (wanted if ready else 0)


async def wait_ready(fd: int, wanted: Wait) -> int:
    """Wait until at least one of the `wanted` directions would not block, and say which."""
    if wanted == Wait.R:
        await trio.lowlevel.wait_readable(fd)
        return Ready.R
    # A socket is nearly always writable: asking first saves one round of the event loop.
    if ready := readiness(fd, wanted):
        return ready
    if wanted == Wait.W:
        await trio.lowlevel.wait_writable(fd)
        return Ready.W
    # Not a nursery with two tasks: it would hide Cancelled in a group. An epoll descriptor is
    # itself readable as soon as one of its directions is ready.
    with select.epoll(1) as both:
        both.register(fd, select.EPOLLIN | select.EPOLLOUT)
        await trio.lowlevel.wait_readable(both.fileno())
    return readiness(fd, wanted)


async def wait_polling(state: int, connecting: Any) -> None:
    """Wait for what libpq's polling functions asked for.

    Raises:
        psycopg.OperationalError: they asked for nothing, since it has failed.
    """
    if state == pq.PollingStatus.READING:
        await trio.lowlevel.wait_readable(connecting.socket)
    elif state == pq.PollingStatus.WRITING:
        await trio.lowlevel.wait_writable(connecting.socket)
    else:
        raise psycopg.OperationalError(connecting.get_error_message())
