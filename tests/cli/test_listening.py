"""`e2a listen`, `replay` and `wait` against a daemon and a program on this computer."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from click.testing import CliRunner

from e2ad.cli.client import main
from e2ad.cli.forwarding import Forwarding, headers_of, reply_of
from tests.cli.serving import Account, Daemon
from tests.live.running import ROOT

MAIL = "From: Ada <ada@b.test>\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{text}\r\n"


@define
class Target:
    """A program that gets what is handed on; `answers` are used up, the last one stays."""

    url: str
    got: "queue.Queue[tuple[str, dict[str, str], bytes]]" = field(factory=queue.Queue)
    answers: list[tuple[int, bytes]] = field(factory=lambda: [(200, b"")])


@pytest.fixture
def target() -> Iterator[Target]:
    here: list[Target] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here[0].got.put((self.path, dict(self.headers), body))
            answers = here[0].answers
            status, said = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.append(Target(f"http://127.0.0.1:{server.server_address[1]}"))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield here[0]
    server.shutdown()
    server.server_close()
    thread.join(10)


def deliver(daemon: Daemon, to: str, subject: str, text: str = "Hello.") -> None:
    daemon.deliver(to, MAIL.format(to=to, subject=subject, text=text).encode())


def unread(account: Account, agent: str) -> list[str]:
    return [one["subject"] for one in account.ask(lambda api: api.messages.list(agent).to_list())]


def test_what_is_forwarded_is_what_the_deployment_says(account: Account, target: Target) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one", "Grüße \\u00e9")
    done = account.e2a("listen", "--once", "--forward", f"{target.url}/hook?x=1", "--forward-token", "secret")
    assert done.exit_code == 0, done.stderr
    path, headers, body = target.got.get(timeout=10)
    assert path == "/hook?x=1"
    message = json.loads(body)
    assert message["subject"] == "one"
    exact = account.ask(lambda api: api.messages.get_exact(agent, message["id"], mark_read=False))
    here, there = json.loads(body), json.loads(exact)
    assert list(here) == list(there)
    signed = here.pop("auth_headers")
    there.pop("auth_headers")
    assert here | {"read_status": "read"} == there | {"read_status": "read"}
    given = {name.lower(): value for name, value in headers.items()}
    assert given["authorization"] == "Bearer secret"
    assert given["content-type"] == "application/json"
    assert {name.lower(): value for name, value in signed.items()}.items() <= given.items()
    assert len(signed) >= 8
    assert "200 after" in done.stderr
    assert unread(account, agent) == []


@pytest.mark.parametrize("answer", [(500, b"broken"), (302, b""), (404, b"")])
def test_what_is_not_taken_stays_unread(account: Account, target: Target, answer: tuple[int, bytes]) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one")
    target.answers = [answer]
    done = account.e2a("listen", "--once", "--text", "--forward", f"{target.url}/hook")
    assert done.exit_code == 0
    assert "could not forward msg_" in done.stderr
    assert str(answer[0]) in done.stderr
    assert "Hello." in done.stdout
    assert target.got.qsize() == 1
    assert unread(account, agent) == ["one"]


def test_it_goes_on_when_the_target_fails(account: Account, target: Target) -> None:
    agent = account.agent()
    for subject in ("one", "two"):
        deliver(account.daemon, agent, subject)
    target.answers = [(503, b""), (200, b"")]
    done = account.e2a("listen", "--until", "3s", "--json", "--forward", target.url)
    assert done.exit_code == 0, done.stderr
    assert [json.loads(line)["data"]["subject"] for line in done.stdout.splitlines()] == ["one", "two"]
    assert unread(account, agent) == ["one"]


def test_a_slow_target_has_its_deadline(account: Account) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        done = account.e2a("listen", "--once", "--forward", address, "--forward-timeout", "0.3")
    assert done.exit_code == 0
    assert "no answer within 0.3 s" in done.stderr
    assert unread(account, agent) == ["one"]


def test_a_model_is_asked_and_its_answer_sent(account: Account, target: Target) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "Question", "What is the time?")
    target.answers = [(200, json.dumps({"output_text": "It is noon."}).encode())]
    done = account.e2a("listen", "--once", "--forward", f"{target.url}/v1/responses")
    assert done.exit_code == 0, done.stderr
    path, headers, body = target.got.get(timeout=10)
    asked = json.loads(body)
    assert (path, asked["model"]) == ("/v1/responses", "openclaw")
    assert "What is the time?" in asked["input"]
    assert "Verified sender: no" in asked["input"]
    assert not [name for name in headers if name.lower().startswith("x-e2a")]
    [sent] = account.ask(lambda api: api.messages.list(agent, direction="outbound").to_list())
    assert (sent["subject"], sent["to"]) == ("Re: Question", ["ada@b.test"])
    assert "answered msg_" in done.stderr
    whole = account.ask(lambda api: api.messages.get(agent, sent["id"]))
    assert "It is noon." in whole["parsed"]["text"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"output_text": " yes "}', "yes"),
        (
            b'{"output": [{"type": "reasoning"}, {"content": [{"type": "output_text", "text": "a"}, {"type": "x"}]}]}',
            "a",
        ),
        (b'{"output": [7, {"content": [7]}]}', ""),
        (b'{"output_text": null}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_what_a_model_says(body: bytes, text: str) -> None:
    assert reply_of(body) == text


def test_only_the_fields_of_the_mail_go_along() -> None:
    given = {
        "X-E2A-Auth-Verified": "true",
        "x-e2a-auth-sender": "ada@b.test",
        "X-E2A-Auth-Delegation": "a\r\nX-Evil: 1",
        "Authorization": "Bearer x",
        "X-E2A-Auth-Name": "é",
    }
    assert headers_of({"auth_headers": given}) == {"X-E2A-Auth-Verified": "true", "x-e2a-auth-sender": "ada@b.test"}
    assert headers_of({}) == headers_of({"auth_headers": None}) == {}


@pytest.mark.parametrize(
    ("url", "is_model"),
    [
        ("http://x/v1/responses", True),
        ("http://x/a/v1/responses/", True),
        ("http://x/v1/responses?a", True),
        ("http://x/v1/responses/2", False),
        ("http://x/hook?u=/v1/responses", False),
    ],
)
def test_which_address_is_a_model(url: str, is_model: bool) -> None:
    assert Forwarding(url).is_responses is is_model


def conversed(account: Account, agent: str) -> str:
    """Have the agent write and be answered; the id of the conversation."""
    body = {"to": ["ada@b.test"], "subject": "Question", "text": "?"}
    sent = account.ask(lambda api: api.messages.send(agent, body, wait="sent"))["message_id"]
    raw = account.ask(lambda api: api.messages.get_raw(agent, sent)).decode()
    [msg_id] = re.findall(r"^Message-ID: (\S+)", raw, re.MULTILINE | re.IGNORECASE)
    deliver(account.daemon, agent, f"Re: Question\r\nIn-Reply-To: {msg_id}\r\nX-Number: 1")
    return str(account.ask(lambda api: api.messages.get(agent, sent))["conversation_id"])


def test_of_one_conversation_and_for_a_while(account: Account) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one")
    wanted = conversed(account, agent)
    done = account.e2a("listen", "--conversation", wanted, "--once", "--json", "--text")
    assert done.exit_code == 0, done.stderr
    event = json.loads(done.stdout)
    assert (event["data"]["subject"], event["text"]) == ("Re: Question", "Hello.")
    assert unread(account, agent) == ["one"]
    late = account.e2a("listen", "--conversation", "conv_0", "--once", "--until", "1s")
    assert (late.exit_code, late.stdout) == (6, "")
    assert account.e2a("listen", "--until", "2020-01-01T00:00:00Z", "--json").exit_code == 0
    assert account.e2a("listen", "--forward", "localhost:3000").exit_code == 2


def test_waiting_for_an_answer(account: Account) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one")
    wanted = conversed(account, agent)
    done = waited(account, "--conversation", wanted, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["subject"] == "Re: Question"


def event_of(account: Account) -> str:
    [event] = account.ask(lambda api: api.events.list(type="email.received").to_list())
    return str(event["id"])


def test_replay(account: Account, target: Target) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one")
    event_id = event_of(account)
    done = account.e2a("replay", event_id, "--to", f"{target.url}/hook", "--token", "secret", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["taken"], told["event_id"]) == (200, True, event_id)
    assert told["latency_ms"] > 0
    path, headers, body = target.got.get(timeout=10)
    given = {name.lower(): value for name, value in headers.items()}
    assert (path, json.loads(body)["subject"], given["authorization"]) == ("/hook", "one", "Bearer secret")
    assert given["x-e2a-auth-message-id"] == told["message_id"]
    assert unread(account, agent) == ["one"]

    assert account.e2a("replay", told["message_id"], "--to", target.url).exit_code == 0
    assert json.loads(target.got.get(timeout=10)[2])["id"] == told["message_id"]

    assert account.e2a("replay", event_id, "--event", "--to", target.url).exit_code == 0
    envelope = json.loads(target.got.get(timeout=10)[2])
    assert list(envelope) == ["type", "id", "schema_version", "created_at", "data"]
    assert (envelope["type"], envelope["id"]) == ("email.received", event_id)


@pytest.mark.parametrize(("answer", "status"), [(200, 0), (204, 0), (404, 5), (302, 5), (429, 1), (500, 1)])
def test_how_a_replay_ends(account: Account, target: Target, answer: int, status: int) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one")
    target.answers = [(answer, b"")]
    done = account.e2a("replay", event_of(account), "--to", target.url)
    assert done.exit_code == status
    assert f": {answer} after " in done.stdout


def test_a_replay_to_nobody(account: Account) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one")
    event_id = event_of(account)
    assert account.e2a("replay", event_id, "--to", "http://127.0.0.1:1/x").exit_code == 1
    assert account.e2a("replay", event_id, "--to", "x").exit_code == 2
    assert account.e2a("replay", "evt_0", "--to", "http://127.0.0.1:1/x").exit_code == 5
    assert account.e2a("replay", "msg_0", "--event", "--to", "http://127.0.0.1:1/x").exit_code == 2


def waited(account: Account, *arguments: str) -> Any:
    return account.e2a("wait", "--timeout", "15s", *arguments)


def test_waiting_for_what_is_there_already(account: Account) -> None:
    agent = account.agent()
    for subject, text in (("Code", "It is 111111."), ("Other", "No."), ("Code again", "It is\r\n222222.")):
        deliver(account.daemon, agent, subject, text)
    assert waited(account, "--subject", "CODE", "--extract", r"\d{6}").stdout == "222222\n"
    done = waited(account, "--from", "ADA@", "--text", "is 1", "--extract", r"is (\d+)", "--json")
    told = json.loads(done.stdout)
    assert (told["subject"], told["extracted"], told["read_status"]) == ("Code", "111111", "read")
    assert unread(account, agent) == ["Other"]
    assert waited(account, "--subject", "other", "--peek").exit_code == 0
    assert unread(account, agent) == ["Other"]
    shown = waited(account, "--subject", "other")
    assert "From:     ada@b.test" in shown.stdout
    assert unread(account, agent) == []


def test_waiting_for_what_comes(account: Account) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "stale")
    late = threading.Timer(1.0, lambda: [deliver(account.daemon, agent, one) for one in ("wrong", "right")])
    late.start()
    done = waited(account, "--subject", "right", "--json")
    late.join()
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["subject"] == "right"
    assert sorted(unread(account, agent)) == ["stale", "wrong"]


@pytest.mark.parametrize(
    "options",
    [["--from", "nobody"], ["--text", "nothing"], ["--since", "2030-01-01T00:00:00Z"], ["--extract", "absent"],
     ["--conversation", "conv_0"]],
)  # fmt: skip
def test_waiting_in_vain(account: Account, options: list[str]) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one")
    done = account.e2a("wait", "--timeout", "1s", *options)
    assert (done.exit_code, done.stdout) == (6, "")
    assert "no such mail within 1 s" in done.stderr
    told = account.e2a("wait", "--timeout", "1s", "--json", *options)
    assert json.loads(told.stderr.splitlines()[-1])["error"]["code"] == "wait_expired"
    assert unread(account, agent) == ["one"]


@pytest.mark.parametrize("options", [["--timeout", "soon"], ["--extract", "("], ["--since", "yesterday"]])
def test_waiting_wrongly(account: Account, options: list[str]) -> None:
    account.agent()
    assert account.e2a("wait", *options).exit_code == 2


def test_what_is_extracted_cannot_steer_the_terminal(account: Account) -> None:
    agent = account.agent()
    deliver(account.daemon, agent, "one", "code \x1b[2J123")
    done = waited(account, "--extract", "code (.*)")
    assert "\x1b" not in done.stdout
    assert "123" in done.stdout


PROGRAM = [sys.executable, "-c", "from e2ad.cli.client import main; main()"]


def started(account: Account, *arguments: str) -> "subprocess.Popen[str]":
    """A command as a process of its own."""
    return subprocess.Popen(
        [*PROGRAM, "--url", account.daemon.url, "--api-key", account.key, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": "/nonexistent", "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (["wait", "--timeout", "60"], "waiting for mail", 130),
        (["listen"], "connected", 0),
        (["listen", "--once"], "connected", 130),
    ],
)
def test_interrupted(account: Account, arguments: list[str], words: str, status: int) -> None:
    """Whoever listens is stopped like that; whoever waits has not got what was waited for."""
    account.agent()
    process = started(account, *arguments)
    assert process.stderr is not None
    told = ""
    while words not in told:
        told = process.stderr.readline()
        assert told, process.wait()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, rest = process.communicate(timeout=20)
    assert (process.returncode, said) == (status, "")
    assert "Traceback" not in rest


def test_a_reader_of_events_that_goes_away(account: Account) -> None:
    agent = account.agent()
    for subject in ("one", "two", "three"):
        deliver(account.daemon, agent, subject)
    process = started(account, "listen", "--json", "--until", "20s")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["data"]["subject"] == "one"
    process.stdout.close()
    deliver(account.daemon, agent, "four")
    assert process.wait(20) == 1
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_looking_once(account: Account) -> None:
    agent = account.agent()
    done = account.e2a("wait", "--timeout", "0")
    assert (done.exit_code, done.stdout) == (6, "")
    deliver(account.daemon, agent, "one")
    done = account.e2a("wait", "--timeout", "0", "--json", "--peek")
    assert (done.exit_code, json.loads(done.stdout)["subject"]) == (0, "one")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["wait", "--timeout", "2", "--agent", "a@b.test"], 6), (["listen", "--until", "2s", "--agent", "a@b.test"], 0)],
)
def test_a_deployment_that_is_silent_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = CliRunner().invoke(main, ["--url", url, "--api-key", "key", *arguments], env={"HOME": str(tmp_path)})
    assert done.exit_code == status, done.stderr
    assert time.monotonic() - began < 15


def test_a_token_that_no_list_of_processes_shows(account: Account, target: Target) -> None:
    deliver(account.daemon, account.agent(), "one")
    done = account.e2a("listen", "--once", "--forward", target.url, E2A_FORWARD_TOKEN="from the environment")
    assert done.exit_code == 0, done.stderr
    assert target.got.get_nowait()[1]["Authorization"] == "Bearer from the environment"
