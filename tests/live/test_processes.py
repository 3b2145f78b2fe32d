"""`e2ad serve --workers N`: shared ports, restarts, and nobody left behind."""

import os
import signal
import smtplib
import socket
import time
import urllib.request
from pathlib import Path

import pytest

from tests.live.running import Running, wait_until
from tests.live.serving import Deployment, family, free_port, kill, living, stop

pytestmark = pytest.mark.live


def fixed_ports() -> dict[str, str]:
    return {f"{door}_PORT": str(free_port()) for door in ("SMTP", "HTTP", "DASHBOARD")}


def running(deployment: Deployment, process: object, ports: dict[str, str]) -> Running:
    told = {
        "api_key": deployment.api_key,
        "api_url": f"http://127.0.0.1:{ports['HTTP_PORT']}",
        "smtp": f"127.0.0.1:{ports['SMTP_PORT']}",
    }
    return Running(told, deployment.folder, process)


def ready(deployment: Deployment, process: object) -> None:
    wait_until(lambda: any("workers" in fact for fact in deployment.facts(process, "serving")), 30)


def children(pid: int) -> set[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return {int(number) for number in file.read().split()}


def test_two_workers(deployment: Deployment) -> None:
    ports = fixed_ports()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(deployment.folder / "notify"))
        manager.settimeout(30)
        os.environ["NOTIFY_SOCKET"] = str(deployment.folder / "notify")
        try:
            process = deployment.start("--workers", "2", **ports)
        finally:
            del os.environ["NOTIFY_SOCKET"]
        try:
            # Once for all of them, and only when each of them serves.
            assert manager.recv(64) == b"READY=1"
            assert len(deployment.facts(process, "serving")) == 3
            served = running(deployment, process, ports)
            agent = served.agent("shared")
            before = children(process.pid)
            assert len(before) == 2
            for number in range(12):
                served.send(agent, f"From: a@b.test\r\nMessage-ID: <{number}@b.test>\r\n\r\nHello\r\n")
            status, page = served.api("GET", f"/v1/agents/{agent}/messages?limit=100")
            assert (status, len(page["items"])) == (200, 12)

            # One dies; the other goes on, and a new one takes its place.
            victim = min(before)
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: victim not in children(process.pid))
            for _ in range(5):
                with urllib.request.urlopen(served.api_url + "/livez", timeout=5) as response:
                    assert response.status == 200
            wait_until(lambda: len(deployment.facts(process, "serving")) == 4, 20)
            assert len(children(process.pid)) == 2

            everybody = family(process.pid)
            assert stop(process) == 0
            assert manager.recv(64) == b"STOPPING=1"
            assert living(everybody) == set()
        finally:
            kill(process)


def test_a_signal_to_all_of_them_is_one_signal(deployment: Deployment) -> None:
    """A terminal's Ctrl-C and systemd's control group reach parent and children alike."""
    ports = fixed_ports()
    process = deployment.start("--workers", "2", **ports)
    try:
        ready(deployment, process)
        served = running(deployment, process, ports)
        agent = served.agent("graceful")
        smtp = served.smtp()
        smtp.ehlo()
        smtp.mail("a@b.test")
        smtp.rcpt(agent)
        smtp.putcmd("DATA")
        assert smtp.getreply()[0] == 354
        smtp.send(b"From: a@b.test\r\n\r\nhalf a mail\r\n")
        for pid in [process.pid, *children(process.pid)]:
            os.kill(pid, signal.SIGINT)
        time.sleep(0.5)
        # The mail that was begun is finished within the grace: nobody was cut off.
        smtp.send(b".\r\n")
        assert smtp.getreply()[0] == 250
        smtp.close()
        assert process.wait(40) == 0
    finally:
        kill(process)


def test_no_child_outlives_a_parent_that_was_killed(deployment: Deployment) -> None:
    ports = fixed_ports()
    process = deployment.start("--workers", "2", **ports)
    try:
        ready(deployment, process)
        everybody = family(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not living(everybody), 20)
        with pytest.raises(OSError):
            smtplib.SMTP("127.0.0.1", int(ports["SMTP_PORT"]), timeout=2)
    finally:
        kill(process)


def test_a_child_that_never_serves_ends_all(deployment: Deployment) -> None:
    ports = fixed_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(ports["HTTP_PORT"])))
        other.listen()
        process = deployment.start("--workers", "2", **ports)
        try:
            assert process.wait(30) == 1
            log = deployment.log_of(process).read_text()
            assert f"http cannot listen on 127.0.0.1:{ports['HTTP_PORT']}" in log
            assert "did not become ready" in log
            assert "Traceback" not in "".join(line for line in log.splitlines() if line[:1] != "{")
        finally:
            kill(process)


def test_a_stop_while_it_starts(deployment: Deployment) -> None:
    process = deployment.start("--workers", "2", **fixed_ports())
    try:
        # The import of a library may start a program of the system before anybody heeds a signal: that is no worker.
        wait_until(lambda: heeds(process.pid, signal.SIGTERM) and children(process.pid), 20)
        everybody = family(process.pid)
        assert stop(process) == 0
        assert living(everybody) == set()
    finally:
        kill(process)


def heeds(pid: int, number: signal.Signals) -> bool:
    """Has the process a handler for this signal?"""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def test_free_ports_cannot_be_shared(deployment: Deployment) -> None:
    process = deployment.start("--workers", "2", HTTP_PORT=str(free_port()))
    try:
        assert process.wait(30) == 78
        assert deployment.log_of(process).read_text().splitlines() == [
            "e2ad: smtp.port: must not be 0 with --workers",
            "e2ad: dashboard.port: must not be 0 with --workers",
        ]
    finally:
        kill(process)
