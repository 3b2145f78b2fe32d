"""Crashes: ours and the database's. What got 250 is stored, once; what did not is nobody's promise."""

import random
import smtplib
import threading
import time
from pathlib import Path

import pytest
import trio

from e2ad.dev.postgres import open_server
from e2ad.storage.pool import open_pool
from tests.live.running import wait_until
from tests.live.serving import Deployment, found, free_port, kill, stop

pytestmark = pytest.mark.live

ROUNDS = 10


class Sender(threading.Thread):
    """Sends numbered mails for ever; each again, with the same bytes, until it gets its 250."""

    def __init__(self, number: int, port: int, to: str) -> None:
        super().__init__(daemon=True)
        self.number, self.port, self.to = number, port, to
        self.accepted: list[str] = []
        self.repeated = 0
        self.over = threading.Event()

    def run(self) -> None:
        count = 0
        while not self.over.is_set():
            count += 1
            message_id = f"<{self.number}.{count}@crash.test>"
            content = f"From: a@crash.test\r\nMessage-ID: {message_id}\r\nSubject: {count}\r\n\r\nMail {count}.\r\n"
            while not self.over.is_set() and not self.try_once(content):
                self.repeated += 1
                time.sleep(0.05)
            if not self.over.is_set():
                self.accepted.append(message_id)

    def try_once(self, content: str) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, local_hostname="crash.test", timeout=10) as smtp:
                smtp.sendmail("a@crash.test", [self.to], content)
                return True
        except (OSError, smtplib.SMTPException):
            return False


def test_no_kill_loses_or_doubles_a_mail(deployment: Deployment) -> None:
    port, chance = free_port(), random.Random(3)
    ports = {"SMTP_PORT": str(port), "HTTP_PORT": str(free_port()), "DASHBOARD_PORT": str(free_port())}
    process = deployment.start(**ports)
    senders: list[Sender] = []
    try:
        served = deployment.ready(process)
        agent = served.agent("survivor")
        senders = [Sender(number, port, agent) for number in range(4)]
        for sender in senders:
            sender.start()
        for _ in range(ROUNDS):
            before = sum(len(sender.accepted) for sender in senders)
            wait_until(lambda: sum(len(sender.accepted) for sender in senders) > before + 4, 20)  # noqa: B023
            time.sleep(chance.uniform(0.0, 0.3))
            kill(process)
            process = deployment.start(**ports)
        deployment.ready(process)
        for sender in senders:
            sender.over.set()
        for sender in senders:
            sender.join(20)
    finally:
        for sender in senders:
            sender.over.set()
        kill(process)
    rows = trio.run(message_ids, deployment.dsn)
    accepted = {message_id for sender in senders for message_id in sender.accepted}
    assert len(accepted) > ROUNDS * 4
    assert sum(sender.repeated for sender in senders) > ROUNDS
    counted = {message_id: rows.count(message_id) for message_id in accepted}
    doubled = {message_id for message_id in rows if rows.count(message_id) > 1}
    assert {message_id for message_id, count in counted.items() if count == 0} == set(), "promised and lost"
    assert doubled == set(), "stored twice"


async def message_ids(dsn: str) -> list[str]:
    async with open_pool(dsn, size=2) as database:
        rows = await database.fetch_all("select message_id from messages", prepare=False)
    return [str(row["message_id"]) for row in rows]


class Server(threading.Thread):
    """The database's server, in a thread with its own loop; `stop` kills it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.ready, self.over, self.dsn = threading.Event(), threading.Event(), ""

    def run(self) -> None:
        async def serve() -> None:
            async with open_server(self.folder, settings={"fsync": "off"}) as server:
                self.dsn = server.dsn
                self.ready.set()
                while not self.over.is_set():
                    await trio.sleep(0.05)

        trio.run(serve)

    def stop(self) -> None:
        self.over.set()
        self.join(30)


def code_of(port: str, to: str) -> int:
    mail = f"From: a@b.test\r\nMessage-ID: <{time.monotonic_ns()}@b.test>\r\n\r\nHello\r\n"
    with smtplib.SMTP("127.0.0.1", int(port), local_hostname="x.test", timeout=30) as smtp:
        smtp.ehlo()
        smtp.mail("a@b.test")
        code, _ = smtp.rcpt(to)
        if code == 250:
            code, _ = smtp.data(mail)
        return code


def test_it_survives_its_database(tmp_path: Path) -> None:
    """451 and 503 while the database is away, and work again by itself when it is back."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "pg"

    server = Server(folder)
    server.start()
    assert server.ready.wait(60)
    deployment = Deployment(server.dsn, found(server.dsn), tmp_path)
    process = deployment.start(DATABASE_ACQUIRE_SECONDS="1")
    try:
        served = deployment.ready(process)
        agent, port = served.agent("steady"), served.told["smtp"].rpartition(":")[2]
        assert code_of(port, agent) == 250
        server.stop()
        assert code_of(port, agent) == 451
        status, answer = served.api("GET", f"/v1/agents/{agent}/messages")
        assert status == 503, answer
        assert answer["error"]["code"] in ("unavailable", "internal_error")
        assert served.api("GET", "/readyz")[0] == 503
        assert served.api("GET", "/livez")[0] == 200
        server = Server(folder)
        server.start()
        assert server.ready.wait(60)
        wait_until(lambda: code_of(port, agent) == 250, 20)
        wait_until(lambda: served.api("GET", "/readyz")[0] == 200, 20)
        status, page = served.api("GET", f"/v1/agents/{agent}/messages")
        assert (status, len(page["items"])) == (200, 2)
        assert stop(process) == 0
    finally:
        kill(process)
        server.stop()
