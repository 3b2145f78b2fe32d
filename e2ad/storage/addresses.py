"""From a DSN to the single attempts to connect that it stands for.

libpq resolves host names with a blocking call and, when it is driven without blocking, never
moves on from a host that does not answer. So names are resolved here, by Trio, and each address
becomes an attempt of its own; everything else about the DSN is left to libpq.
"""

import random
from typing import Any

import psycopg
import trio
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

__all__ = ["attempts"]

DEFAULTS = {
    "application_name": "e2ad",
    "client_encoding": "UTF8",
    # GSS encryption is tried first by default, with calls that block and that few servers want.
    "gssencmode": "disable",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Used where neither the DSN nor libpq's environment says otherwise."""


async def attempts(dsn: str, statement_seconds: float = 0.0) -> list[dict[str, Any]]:
    """The parameters of each attempt to make, in order.

    Args:
        dsn: a connection string or URI with one host or several; `host`, `hostaddr` and `port` are lists then.
        statement_seconds: becomes the session's `statement_timeout`; 0 leaves the server's.

    Raises:
        psycopg.OperationalError: a name cannot be resolved and no other host is left.
        psycopg.ProgrammingError: the DSN cannot be parsed.
    """
    given: dict[str, Any] = {}
    for option in pq.Conninfo.get_defaults():
        if option.val is not None and option.envvar and option.keyword in (b"host", b"hostaddr", b"port"):
            given[option.keyword.decode()] = option.val.decode()
    given |= {key: value for key, value in conninfo_to_dict(dsn).items() if value is not None}
    params = DEFAULTS | given
    params.pop("connect_timeout", None)  # only counts in libpq's blocking calls
    params["options"] = _options(statement_seconds, str(given.get("options") or ""))
    hosts = _split(params)
    if params.get("load_balance_hosts") == "random":
        random.shuffle(hosts)
    wanted = params.get("target_session_attrs")
    resolved: list[dict[str, Any]] = []
    unresolved: list[str] = []
    for host in hosts:
        try:
            resolved += [params | host | {"hostaddr": address} for address in await _addresses(host)]
        except OSError as error:
            unresolved.append(f"cannot resolve {host['host']!r}: {error}")
    if not resolved:
        raise psycopg.OperationalError("; ".join(unresolved))
    if wanted == "prefer-standby":
        # A preference between hosts, which a single attempt cannot have: standbys first, then anybody.
        first = [attempt | {"target_session_attrs": "standby"} for attempt in resolved]
        return first + [attempt | {"target_session_attrs": "any"} for attempt in resolved]
    return resolved


def _options(statement_seconds: float, given: str) -> str:
    """The session's settings. The DSN's own come last, and so win, except for the time zone."""
    settings = []
    if statement_seconds:
        settings.append(f"-c statement_timeout={round(statement_seconds * 1000)}")
    settings.append("-c idle_in_transaction_session_timeout=60000")
    return " ".join([*settings, given, "-c timezone=UTC"]).replace("  ", " ")


def _split(params: dict[str, Any]) -> list[dict[str, Any]]:
    """One mapping of host, hostaddr and port for each host that is named."""
    names = str(params.get("host") or "").split(",")
    addresses = str(params.get("hostaddr") or "").split(",")
    ports = str(params.get("port") or "").split(",")
    count = max(len(names), len(addresses))
    for label, values in (("host", names), ("hostaddr", addresses), ("port", ports)):
        if len(values) not in (1, count):
            raise psycopg.OperationalError(f"the DSN names {count} hosts and {len(values)} values for {label}")
    return [
        {
            "host": names[index if len(names) > 1 else 0],
            "hostaddr": addresses[index if len(addresses) > 1 else 0],
            "port": ports[index if len(ports) > 1 else 0],
        }
        for index in range(count)
    ]


async def _addresses(host: dict[str, Any]) -> list[str]:
    """The addresses of one host; an empty one for a socket's directory, which has none."""
    name = host["host"]
    if host["hostaddr"] or not name or name.startswith(("/", "@")):
        return [host["hostaddr"]]
    found = await trio.socket.getaddrinfo(name, None, type=trio.socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
