"""The sockets that accept connections, for every door alike."""

import errno
from contextlib import ExitStack
from typing import Final

import trio

__all__ = ["open_listeners"]

BACKLOG: Final = 1024


async def open_listeners(host: str | None, port: int, *, reuse_port: bool = False) -> list[trio.SocketListener]:
    """Bind every address of `host` (None or "": all, IPv4 and IPv6), with one port for all of them.

    Args:
        host: name or address.
        port: 0 picks a free one.
        reuse_port: let other processes share the port, each with a queue of its own.

    Raises:
        OSError: an address cannot be bound.
    """
    found = await trio.socket.getaddrinfo(
        host or None, port, type=trio.socket.SOCK_STREAM, flags=trio.socket.AI_PASSIVE
    )
    listeners: list[trio.SocketListener] = []
    with ExitStack() as undo:
        for family, kind, protocol, _, address in found:
            try:
                listener = await _listen(family, kind, protocol, (address[0], port, *address[2:]), reuse_port)
            except OSError as error:
                # A host without IPv6 still resolves "all addresses" to both families.
                if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) or len(found) == 1:
                    raise
                continue
            undo.callback(listener.socket.close)
            listeners.append(listener)
            port = listener.socket.getsockname()[1]
        if not listeners:
            raise OSError(errno.EADDRNOTAVAIL, f"no address of {host} can be bound")
        undo.pop_all()
    return listeners


async def _listen(
    family: int, kind: int, protocol: int, address: tuple[object, ...], reuse_port: bool
) -> trio.SocketListener:
    with ExitStack() as undo:
        sock = undo.enter_context(trio.socket.socket(family, kind, protocol))
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEPORT, 1)
        if family == trio.socket.AF_INET6:
            sock.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 1)
        await sock.bind(address)
        sock.listen(BACKLOG)
        undo.pop_all()
        return trio.SocketListener(sock)
