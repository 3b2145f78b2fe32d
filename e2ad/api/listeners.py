"""The sockets that accept connections."""

import socket
from typing import Final

import trio

__all__ = ["listen"]

BACKLOG: Final = 1024


async def listen(host: str, port: int, *, reuse_port: bool = False) -> list[trio.SocketListener]:
    """Sockets that accept connections; port 0 picks a free one, the same for every address of `host`.

    Args:
        host: a name or address; empty for every address of the machine.
        reuse_port: share the port with other processes (SO_REUSEPORT).
    """
    found: list[trio.SocketListener] = []
    try:
        for family, kind, protocol, _, address in await trio.socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            one = trio.socket.socket(family, kind, protocol)
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if reuse_port:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                taken = found[0].socket.getsockname()[1] if found and not port else port
                await one.bind((address[0], taken, *address[2:]))
                one.listen(BACKLOG)
                found.append(trio.SocketListener(one))
            except OSError:
                one.close()
                raise
    except OSError:
        for opened in found:
            await opened.aclose()
        raise
    return found
