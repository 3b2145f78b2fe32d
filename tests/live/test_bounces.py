"""The whole way there and back: a daemon sends through a real Postfix, which reports by mail what it could not do."""

import os
import re
import shutil
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.live.running import Running, wait_until
from tests.live.serving import Deployment, free_port

pytestmark = pytest.mark.live

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
myhostname = relay.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = {folder}/data/log
maillog_file_prefixes = {folder}
virtual_mailbox_domains = far.test
virtual_mailbox_maps = inline:{{ {{ ann@far.test = mail/ }} }}
virtual_mailbox_base = {folder}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_reject_unlisted_recipient = no
transport_maps = inline:{{
    {{ agents.test = smtp:[127.0.0.1]:{back} }},
    {{ full@far.test = error:5.2.2 mailbox full }},
    {{ policy@far.test = error:5.7.1 we do not like you }},
    {{ gone.test = error:5.4.4 no such domain }},
    {{ slow@far.test = retry:4.3.2 come back later }} }}
delay_warning_time = 1s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
virtual unix - n n - - virtual
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@frozen
class Postfix:
    """A private Postfix that takes everything and thinks about it later."""

    folder: Path

    @property
    def log(self) -> str:
        path = self.folder / "data" / "log"
        return path.read_text() if path.exists() else ""

    def delivered(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / "mail" / "new").glob("*"))]


@contextmanager
def running_postfix(port: int, back: int) -> Iterator[Postfix]:
    """Postfix on a port of loopback; mail for agents.test goes to another."""
    program = shutil.which("postfix", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("Postfix is not installed, or this is not root")
    folder = Path(os.path.realpath(f"/tmp/e2ad-bouncer-{os.getpid()}"))
    folder.mkdir(mode=0o755)
    try:
        account = shutil._get_uid("postfix"), shutil._get_gid("postfix")  # type: ignore[attr-defined]
        for name in ("etc", "queue", "data", "mail"):
            (folder / name).mkdir(mode=0o755)
        for name in ("data", "mail"):
            os.chown(folder / name, *account)
        main = MAIN.format(folder=folder, uid=account[0], gid=account[1], back=back)
        (folder / "etc" / "main.cf").write_text(main)
        (folder / "etc" / "master.cf").write_text(MASTER.format(port=port))
        with (folder / "out").open("wb") as out:
            process = subprocess.Popen([program, "-c", str(folder / "etc"), "start-fg"], stdout=out, stderr=out)
        made = Postfix(folder)
        try:
            assert wait_until(lambda: process.poll() is not None or _greets(port), 20)
            assert process.poll() is None, (folder / "out").read_text() + made.log
            yield made
        finally:
            subprocess.run([program, "-c", str(folder / "etc"), "stop"], capture_output=True, timeout=30, check=False)
            process.terminate()
            process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            return probe.recv(3) == b"220"
    except OSError:
        return False


@pytest.fixture
def house(deployment: Deployment) -> Iterator[tuple[Running, Postfix, str]]:
    """A daemon that sends through Postfix, Postfix, and an agent."""
    port = free_port()
    settings = {
        "RELAY_HOST": "127.0.0.1",
        "RELAY_PORT": str(port),
        "RELAY_TLS": "none",
        "SMTP_DOMAIN": "in.agents.test",
    }
    with deployment.serving(**settings) as daemon:
        back = int(daemon.told["smtp"].rpartition(":")[2])
        with running_postfix(port, back) as postfix:
            yield daemon, postfix, daemon.agent("bot")


def send(daemon: Running, agent: str, *to: str) -> str:
    status, sent = daemon.api("POST", f"/v1/agents/{agent}/messages", {"to": list(to), "subject": "Hi", "text": "Hi"})
    assert status == 202, sent
    return str(sent["message_id"])


def events(daemon: Running, message_id: str) -> dict[str, list[Mapping[str, Any]]]:
    """The events of one message, by type."""
    status, page = daemon.api("GET", "/v1/events?limit=100")
    assert status == 200, page
    found: dict[str, list[Mapping[str, Any]]] = {}
    for event in page["items"]:
        if event["data"].get("message_id") == message_id:
            found.setdefault(event["type"], []).append(event["data"])
    return found


def suppressed(daemon: Running) -> dict[str, str]:
    status, page = daemon.api("GET", "/v1/account/suppressions")
    assert status == 200, page
    return {item["address"]: item["source"] for item in page["items"]}


def state(daemon: Running, agent: str, message_id: str) -> str:
    status, message = daemon.api("GET", f"/v1/agents/{agent}/messages/{message_id}")
    assert status == 200, message
    return str(message["delivery_status"])


def test_what_postfix_cannot_deliver_comes_back(house: tuple[Running, Postfix, str]) -> None:
    daemon, postfix, agent = house
    unknown = send(daemon, agent, "nobody@far.test")
    several = send(daemon, agent, "ann@far.test", "full@far.test", "policy@far.test", "bob@gone.test")
    slow = send(daemon, agent, "slow@far.test")
    try:
        wait_until(lambda: state(daemon, agent, unknown) == "bounced", 30)
        wait_until(lambda: len(events(daemon, several).get("email.bounced", [])) == 3, 30)
        wait_until(lambda: state(daemon, agent, slow) == "deferred", 30)
    except AssertionError:
        print(postfix.log[-4000:])
        raise
    (bounced,) = events(daemon, unknown)["email.bounced"]
    assert bounced["delivered_to"] == "nobody@far.test"
    assert bounced["bounce_type"] == "permanent"
    assert len(events(daemon, unknown)["email.sent"]) == 1
    addresses = {data["delivered_to"]: data["bounce_type"] for data in events(daemon, several)["email.bounced"]}
    assert addresses == dict.fromkeys(("full@far.test", "policy@far.test", "bob@gone.test"), "permanent")
    # A full mailbox and a policy may be otherwise the next time; the other two get no more.
    assert suppressed(daemon) == {"nobody@far.test": "bounce", "bob@gone.test": "bounce"}
    status, refused = daemon.api(
        "POST", f"/v1/agents/{agent}/messages", {"to": ["nobody@far.test"], "subject": "x", "text": "x"}
    )
    assert (status, refused["error"]["code"]) == (422, "recipient_suppressed")
    # Reports are no mail of the agent's.
    assert daemon.api("GET", f"/v1/agents/{agent}/messages?direction=inbound&read_status=all")[1]["items"] == []
    _answer_to_the_return_path(daemon, postfix, agent)


def _answer_to_the_return_path(daemon: Running, postfix: Postfix, agent: str) -> None:
    """Whoever answers the envelope sender reaches the agent; a token that nobody has is refused at once."""
    (letter,) = wait_until(postfix.delivered)
    found = re.search(rb"^Return-Path: <(bounces\+[0-9a-f]{32}@agents\.test)>", letter, re.MULTILINE)
    assert found is not None, letter[:300]
    path = found[1].decode()
    daemon.send(path, "From: ann@far.test\r\nSubject: I am here\r\n\r\nHello!\r\n", sender="ann@far.test")
    items = wait_until(lambda: daemon.api("GET", f"/v1/agents/{agent}/messages?read_status=all")[1]["items"])
    assert [item["subject"] for item in items if item["direction"] == "inbound"] == ["I am here"]
    with daemon.smtp() as peer, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        peer.sendmail("", [f"bounces+{'0' * 32}@agents.test"], "Subject: x\r\n\r\nx\r\n")
    assert next(iter(refused.value.recipients.values()))[0] == 550


def test_a_report_that_meets_a_closed_door_comes_again(deployment: Deployment) -> None:
    """The daemon goes away between mail and report: Postfix keeps the report, and the next daemon hears it."""
    port, back = free_port(), free_port()
    settings = {
        "RELAY_HOST": "127.0.0.1",
        "RELAY_PORT": str(port),
        "RELAY_TLS": "none",
        "SMTP_DOMAIN": "in.agents.test",
    }
    with running_postfix(port, back) as postfix:
        with deployment.serving(**settings) as daemon:  # its own door is elsewhere: the report finds nobody
            agent = daemon.agent("bot")
            unknown = send(daemon, agent, "nobody@far.test")
            wait_until(lambda: "Connection refused" in postfix.log, 30)
            assert state(daemon, agent, unknown) == "sent"
        with deployment.serving(**settings, SMTP_PORT=str(back)) as daemon:
            wait_until(lambda: state(daemon, agent, unknown) == "bounced", 30)
            assert suppressed(daemon) == {"nobody@far.test": "bounce"}
            time.sleep(1)
            assert len(events(daemon, unknown)["email.bounced"]) == 1
