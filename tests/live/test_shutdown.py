"""Stopping: whatever peers do, it ends within the graces, with 0, and what got 250 is on disk."""

import signal
import smtplib
import socket
import time
from collections.abc import Callable

import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from tests.live.conftest import Endpoint
from tests.live.running import Running, wait_until
from tests.live.serving import Deployment, family, kill, living, stop

pytestmark = pytest.mark.live

MAIL = b"From: a@b.test\r\nMessage-ID: <%b@b.test>\r\n\r\nHello\r\n"
GRACES = {"GRACE_DOORS_SECONDS": "3", "GRACE_ATTEMPTS_SECONDS": "3", "GRACE_DATABASE_SECONDS": "2"}


@pytest.mark.parametrize("roles", ["smtp", "http", "worker", "smtp,worker"])
def test_each_set_of_roles_starts_and_stops(deployment: Deployment, roles: str) -> None:
    with deployment.serving("--roles", roles) as served:
        assert bool(served.told["smtp"]) == ("smtp" in roles)
        assert bool(served.told["api_url"]) == ("http" in roles)
        assert bool(served.told["dashboard_url"]) == ("http" in roles)
        if "http" in roles:
            assert served.api("GET", "/readyz")[0] == 200
        if "smtp" in roles:
            with served.smtp() as smtp:
                assert smtp.ehlo()[0] == 250


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_idle_peers_are_let_go_at_once(deployment: Deployment) -> None:
    process = deployment.start()
    try:
        served = deployment.ready(process)
        with connect(served.api_url) as idle, connect(served.api_url) as silent:
            idle.sendall(b"GET /livez HTTP/1.1\r\nHost: e2ad\r\n\r\n")
            assert idle.recv(4096).startswith(b"HTTP/1.1 200")
            smtp = served.smtp()
            smtp.ehlo()
            begun = time.monotonic()
            assert stop(process) == 0
            assert time.monotonic() - begun < 2.5
            assert smtp.getreply()[0] == 421
            smtp.close()
            assert idle.recv(10) == b""
            assert silent.recv(10) == b""
    finally:
        kill(process)


def test_a_listener_is_told_that_we_go(deployment: Deployment) -> None:
    process = deployment.start()
    try:
        served = deployment.ready(process)
        agent = served.agent("listener")
        url = f"{served.api_url.replace('http', 'ws', 1)}/v1/agents/{agent}/ws"
        headers = [(b"Authorization", f"Bearer {served.api_key}".encode())]

        async def listen() -> int:
            with trio.fail_after(20):
                async with open_websocket_url(url, extra_headers=headers) as ws:
                    process.send_signal(signal.SIGTERM)
                    with pytest.raises(ConnectionClosed) as closed:
                        await ws.get_message()
                    await trio.aclose_forcefully(ws._stream)  # the library leaves it to the garbage collector
                    return closed.value.reason.code

        begun = time.monotonic()
        assert trio.run(listen) == 1001
        assert stop(process) == 0
        assert time.monotonic() - begun < 2.5
    finally:
        kill(process)


def begin_data(served: Running, agent: str) -> smtplib.SMTP:
    smtp = served.smtp()
    smtp.ehlo()
    smtp.mail("a@b.test")
    smtp.rcpt(agent)
    smtp.putcmd("DATA")
    assert smtp.getreply()[0] == 354
    smtp.send(b"From: a@b.test\r\nMessage-ID: <data@b.test>\r\n\r\nhalf ")
    return smtp


def test_a_mail_that_never_ends_costs_the_grace_and_is_not_kept(deployment: Deployment) -> None:
    process = deployment.start(**GRACES)
    try:
        served = deployment.ready(process)
        agent = served.agent("patient")
        smtp = begin_data(served, agent)
        begun = time.monotonic()
        assert stop(process) == 0
        assert 2 < time.monotonic() - begun < 7
        smtp.close()
    finally:
        kill(process)
    with deployment.serving() as served:
        assert served.api("GET", f"/v1/agents/{agent}/messages")[1]["items"] == []


def test_a_mail_that_ends_within_the_grace_is_kept(deployment: Deployment) -> None:
    process = deployment.start()
    try:
        served = deployment.ready(process)
        agent = served.agent("quick")
        smtp = begin_data(served, agent)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: deployment.facts(process, "stopping"))
        smtp.send(b"a mail\r\n.\r\n")
        assert smtp.getreply()[0] == 250
        smtp.close()
        assert process.wait(20) == 0
    finally:
        kill(process)
    with deployment.serving() as served:
        [message] = served.api("GET", f"/v1/agents/{agent}/messages")[1]["items"]
        assert message["size_bytes"] > 0


def test_an_attempt_in_flight_is_finished_and_its_outcome_written(
    deployment: Deployment, slow_endpoint: Callable[[float], str]
) -> None:
    process = deployment.start()
    try:
        served = deployment.ready(process)
        agent = served.agent("hooked", agent_mode="cloud", webhook_url=slow_endpoint(1.0))
        served.send(agent, MAIL % b"flight")
        time.sleep(0.3)
        begun = time.monotonic()
        assert stop(process) == 0
        assert time.monotonic() - begun < 5
        assert len(deployment.facts(process, "webhook_delivered")) == 1
    finally:
        kill(process)


def test_an_endpoint_that_never_answers_costs_the_grace_and_nothing_is_lost(
    deployment: Deployment, slow_endpoint: Callable[[float], str], endpoint: Endpoint
) -> None:
    process = deployment.start(**GRACES)
    try:
        served = deployment.ready(process)
        agent = served.agent("stuck", agent_mode="cloud", webhook_url=slow_endpoint(600))
        served.send(agent, MAIL % b"stuck")
        time.sleep(0.3)
        everybody = family(process.pid)
        begun = time.monotonic()
        assert stop(process) == 0
        assert 2 < time.monotonic() - begun < 9
        assert living(everybody) == set()
    finally:
        kill(process)


def test_a_second_signal_ends_it_at_once(deployment: Deployment) -> None:
    process = deployment.start()
    try:
        served = deployment.ready(process)
        smtp = begin_data(served, served.agent("impatient"))
        process.send_signal(signal.SIGINT)
        wait_until(lambda: deployment.facts(process, "stopping"))
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert time.monotonic() - begun < 3
        smtp.close()
    finally:
        kill(process)


def test_a_stop_while_it_starts(deployment: Deployment) -> None:
    process = deployment.start()
    try:
        # From the first import to the last door: whenever it comes, it is heeded.
        time.sleep(0.6)
        assert stop(process) in (0, -signal.SIGTERM)
    finally:
        kill(process)
