"""Does the door for mail answer as a mail server does? Asked as a peer would ask, over the network."""

import ipaddress
from typing import Final

import trio

from e2ad.config import Config

__all__ = ["smtp_trouble"]

SECONDS: Final = 3.0
MAX_GREETING: Final = 1024


async def smtp_trouble(config: Config, address: tuple[str, int]) -> str | None:
    """What is wrong with the SMTP door of this process, or None.

    Args:
        address: where it listens.
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])  # noqa: S104 - compared, not bound
    try:
        with trio.fail_after(SECONDS + config.smtp.greeting_delay_seconds):
            async with await trio.open_tcp_stream(host, address[1]) as stream:
                if _is_proxy(config, host):
                    await stream.send_all(b"PROXY UNKNOWN\r\n")
                greeting = await _greeting(stream)
                await stream.send_all(b"QUIT\r\n")
    except trio.TooSlowError:
        return "no greeting in time"
    except (OSError, trio.BrokenResourceError) as error:
        return f"no connection: {error}"
    return None if greeting.startswith(b"220") else f"it says {greeting[:3].decode('ascii', 'replace')}"


async def _greeting(stream: trio.SocketStream) -> bytes:
    greeting = b""
    while b"\n" not in greeting and len(greeting) < MAX_GREETING:
        more = await stream.receive_some(MAX_GREETING)
        if not more:
            break
        greeting += more
    return greeting


def _is_proxy(config: Config, host: str) -> bool:
    return any(ipaddress.ip_address(host) in ipaddress.ip_network(one) for one in config.smtp.proxy_trusted_cidrs)
