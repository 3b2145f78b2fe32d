"""sd_notify over real datagram sockets, and the watchdog's rhythm."""

import os
import secrets
import socket
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from e2ad.daemon import systemd


def manager(address: str) -> socket.socket:
    far = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    far.bind(address)
    far.setblocking(False)
    return far


def test_a_state_reaches_the_manager(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with manager(address) as far:
        assert systemd.notify("READY=1", {"NOTIFY_SOCKET": address})
        assert far.recv(64) == b"READY=1"


def test_an_abstract_address() -> None:
    name = f"e2ad-{secrets.token_hex(8)}"
    with manager(f"\0{name}") as far:
        assert systemd.notify("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert far.recv(64) == b"STOPPING=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nonexistent/notify"}])
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    assert not systemd.notify("READY=1", environ)


def test_a_manager_that_does_not_read_costs_no_time(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with manager(address):
        sent = [systemd.notify("WATCHDOG=1", {"NOTIFY_SOCKET": address}) for _ in range(5000)]
    assert sent[0]
    assert not sent[-1]


OWN = str(os.getpid())


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": OWN}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_half_of_what_the_manager_waits(environ: dict[str, str], seconds: float | None) -> None:
    assert systemd.watchdog_seconds(environ) == seconds


async def test_the_watchdog_keeps_its_rhythm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with manager(address) as far:
        with trio.move_on_after(100):
            await systemd.watchdog(15.0)
        assert [far.recv(64) for _ in range(7)] == [b"WATCHDOG=1"] * 7
        with pytest.raises(BlockingIOError):
            far.recv(64)
