"""What all commands of `e2a` have in common: help, failures, interruptions, pipes, colours."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from e2ad import __version__
from e2ad.cli.client import main
from e2ad.cli.endings import STATUSES
from tests.cli.conftest import FarApi
from tests.live.running import ROOT

PROGRAM = [sys.executable, "-c", "from e2ad.cli.client import main; main()"]


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("E2A_", "XDG_"))}
    return kept | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)} | more


def test_alone_it_shows_its_commands_by_subject() -> None:
    for arguments in ([], ["--help"], ["-h"]):
        done = CliRunner().invoke(main, arguments, prog_name="e2a")
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.startswith("Usage: e2a ")
        for heading in ("Connect:", "Agents:", "Mail:", "Decisions:", "Exit status:"):
            assert f"\n{heading}\n" in done.stdout
    for status, words in STATUSES.items():
        assert f"  {status} " in done.stdout
        assert words in done.stdout


def test_statuses_are_frozen() -> None:
    assert list(STATUSES) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130]


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"], prog_name="e2a").stdout == f"e2a, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["agnts"], "Did you mean 'agents'?"),
        (["agents", "crate"], "Did you mean 'create'?"),
        (["inbox", "--unred"], "--unread"),
        (["send", "--to"], "--to"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(main, arguments, prog_name="e2a")
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    if "--to" not in arguments:  # there --json would be taken for the address
        told = json.loads(CliRunner().invoke(main, [*arguments, "--json"], prog_name="e2a").stderr)
        assert (told["error"]["code"], told["error"]["exit_status"]) == ("usage", 2)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, {"code": "unauthorized", "message": "no"}, 4),
        (403, {"code": "forbidden", "message": "no"}, 4),
        (403, {"code": "account_read_only", "message": "no"}, 10),
        (404, {"code": "not_found", "message": "no"}, 5),
        (422, {"code": "invalid_request", "message": "no", "details": {
            "fields": [{"location": "body.name", "message": "too long"}]}}, 5),
        (500, {"code": "internal_error", "message": "no"}, 1),
    ],
)  # fmt: skip
def test_failures_for_people_and_for_programs(far: FarApi, status: int, error: dict[str, Any], code: int) -> None:
    far.on("PATCH", "/v1/agents/bot@agents.test", (status, {"error": {**error, "request_id": "req_1"}}))
    arguments = ["agents", "update", "bot@agents.test", "--name", "x"]
    done = far.e2a(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(f"e2a: no ({error['code']})\n")
    assert ("body.name: too long" in done.stderr) is ("details" in error)
    for given in ([*arguments, "--json"], ["--json", *arguments]):
        done = far.e2a(*given)
        assert (done.exit_code, done.stdout) == (code, "")
        told = json.loads(done.stderr)["error"]
        assert told["code"] == error["code"]
        assert told["status"] == status
        assert told["request_id"] == "req_1"
        assert told["exit_status"] == code
        assert told.get("details") == error.get("details")


def test_nobody_there(far: FarApi) -> None:
    far.url = "http://127.0.0.1:1"
    done = far.e2a("agents", "list", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stderr)["error"]["code"] == "connection_error"


@pytest.mark.parametrize("address", ["ftp://x", "mail.example.org", "http://"])
def test_no_address(far: FarApi, address: str) -> None:
    far.url = address
    done = far.e2a("agents", "list")
    assert done.exit_code == 2
    assert address in done.stderr


def test_without_a_key(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "agents", "list"], env=environ(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert "e2a login" in done.stderr


def test_json_cannot_steer_a_terminal(far: FarApi, page: Any) -> None:
    agent = {"email": "bot@agents.test", "name": "a\x1b[2J\x9b1m\u202eb\x7f Grüße"}
    far.on("GET", "/v1/agents", page(agent))
    done = far.e2a("agents", "list", "--json")
    assert json.loads(done.stdout) == [agent]
    assert not set(done.stdout.rstrip("\n")) & {chr(code) for code in (*range(32), *range(127, 160), 0x202E)}
    assert "Grüße" in done.stdout


def test_a_list_in_a_pipe_is_whole(far: FarApi, page: Any) -> None:
    long = {"email": f"{'x' * 200}@agents.test", "name": "a name\nof two lines", "webhook_url": "https://" + "y" * 300}
    far.on("GET", "/v1/agents", page(long, {"email": "b@agents.test", "name": "漢字", "agent_mode": "local"}))
    done = far.e2a("agents", "list")
    head, first, second = done.stdout.splitlines()
    assert long["email"] in first
    assert first.endswith(long["webhook_url"])
    assert "a name of two lines" in first
    assert head.index("mode") == second.index("local") + 2  # two letters that are four columns wide
    assert all(line == line.rstrip() for line in (head, first, second))


ON_A_TERMINAL = [
    sys.executable,
    "-c",
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from e2ad.cli.client import main; main()",
]


class Terminal:
    """A program that thinks that a person looks at it."""

    def __init__(self, tmp_path: Path, *arguments: str, columns: int = 60, **more: str) -> None:
        self.fd, there = pty.openpty()
        self.process = subprocess.Popen(
            [*ON_A_TERMINAL, *arguments],
            stdin=there,
            stdout=there,
            stderr=there,
            cwd=tmp_path,
            env=environ(tmp_path, COLUMNS=str(columns), **more),
            start_new_session=True,
        )
        os.close(there)

    def read(self, until: str | None = None, seconds: float = 20) -> str:
        """What it says, to its end or to a text."""
        said = b""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self.fd, 65536)
            except OSError:  # it has ended
                break
            said += piece
            if not piece or (until is not None and until.encode() in said):
                break
        return said.decode()

    def wait(self) -> int:
        """Its exit status; what does not end is ended."""
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            os.close(self.fd)


@pytest.mark.parametrize(
    ("options", "more", "coloured"),
    [
        ([], {"TERM": "xterm-256color"}, True),
        ([], {"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
        (["--no-color"], {"TERM": "xterm-256color"}, False),
        ([], {"TERM": "dumb"}, False),
    ],
)
def test_colours(
    far: FarApi, page: Any, tmp_path: Path, options: list[str], more: dict[str, str], coloured: bool
) -> None:
    far.on("GET", "/v1/agents", page({"email": f"{'x' * 90}@agents.test", "name": "Bot"}))
    terminal = Terminal(tmp_path, "--url", far.url, "--api-key", "key", *options, "agents", "list", **more)
    said = terminal.read()
    assert terminal.wait() == 0
    assert ("\x1b[" in said) is coloured
    assert said.count("x") >= 90  # broken into lines, cut off nowhere
    widest = max(len(line) for line in said.replace("\r", "").splitlines() if "\x1b" not in line)
    assert widest <= (80 if more["TERM"] == "dumb" else 60)


def test_a_mail_cannot_steer_a_terminal(far: FarApi, tmp_path: Path) -> None:
    far.raw["/v1/agents/a@b.test/messages/msg_1/raw"] = (
        b"Subject: \x1b]0;owned\x07\r\n\r\nGr\xc3\xbc\xc3\x9fe \xff\x1b[2J"
    )
    arguments = ("--url", far.url, "--api-key", "key", "messages", "raw", "msg_1", "--agent", "a@b.test")
    terminal = Terminal(tmp_path, *arguments, TERM="xterm")
    said = terminal.read()
    assert terminal.wait() == 0
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "Grüße" in said
    assert far.e2a(*arguments[4:]).stdout_bytes == far.raw["/v1/agents/a@b.test/messages/msg_1/raw"]


def test_a_slug_is_on_the_configured_domain(far: FarApi) -> None:
    far.on("GET", "/v1/agents/bot@here.test", {"email": "bot@here.test"})
    done = far.e2a("agents", "show", "bot", agent="", E2A_SHARED_DOMAIN="here.test")
    assert done.exit_code == 0, done.stderr
    assert [asked.path for asked in far.asked] == ["/v1/agents/bot@here.test"]


def test_a_person_says_no(far: FarApi, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--url", far.url, "--api-key", "key", "agents", "delete", "a@b.test", "--permanent")
    terminal.read(until="[y/N]")
    os.write(terminal.fd, b"n\n")
    assert "nothing was done" in terminal.read()
    assert terminal.wait() == 5
    assert not far.asked


def test_nobody_can_be_asked(far: FarApi) -> None:
    done = far.e2a("agents", "delete", "a@b.test", "--permanent")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert not far.asked


def test_interrupted_at_a_question(far: FarApi, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--url", far.url, "--api-key", "key", "agents", "delete", "a@b.test", "--permanent")
    terminal.read(until="[y/N]: ")
    for _ in range(50):
        # The interpreter does not see one that comes just before it begins to read.
        os.write(terminal.fd, b"\x03")
        if "\n" in terminal.read(until="\n", seconds=0.5):
            break
    terminal.read(seconds=2)
    assert terminal.wait() == 130


def test_interrupted_at_work(far: FarApi, tmp_path: Path) -> None:
    far.on("GET", "/v1/account", (429, {"error": {"code": "rate_limited", "message": "", "request_id": "",
                                                  "details": {"retry_after_seconds": 60}}}))  # fmt: skip
    process = subprocess.Popen(
        [*PROGRAM, "--url", far.url, "--api-key", "key", "whoami"],
        env=environ(tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not far.asked and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # it has its answer, and waits before it asks again
    process.send_signal(signal.SIGINT)
    said, told = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "")
    assert "Traceback" not in told


def test_a_reader_that_goes_away(far: FarApi, page: Any, tmp_path: Path) -> None:
    far.on("GET", "/v1/agents", page(*({"email": f"{number}@agents.test"} for number in range(20_000))))
    process = subprocess.Popen(
        [*PROGRAM, "--url", far.url, "--api-key", "key", "agents", "list"],
        env=environ(tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == 1
    assert told == b""


@pytest.mark.parametrize(
    ("closed", "arguments", "status", "words"),
    [
        (">&-", "agents list", 0, ""),
        ("2>&-", "agents nosuch", 2, ""),
        ("<&-", "agents delete a@b.test --permanent", 2, "add --yes"),
        ("<&-", "feedback -", 2, "there is nothing in it"),
        ("<&- >&- 2>&-", "agents list", 0, ""),
        ("> /dev/full", "agents list", 1, "No space left"),
        ("> /dev/full", "agents list --json", 1, '"exit_status": 1'),
        ("> /dev/full", "messages raw msg_1 --agent a@b.test", 1, "No space left"),
    ],
)
def test_streams_that_are_not_there(
    far: FarApi, page: Any, tmp_path: Path, closed: str, arguments: str, status: int, words: str
) -> None:
    far.on("GET", "/v1/agents", page({"email": "a@agents.test"}))
    far.raw["/v1/agents/a@b.test/messages/msg_1/raw"] = b"Subject: one\r\n\r\ntwo"
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {arguments} {closed}', "sh", *PROGRAM, "--url", far.url, "--api-key", "key"],
        env=environ(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("answer", [{}, {"items": 5, "user": None}, [1, 2], None, {"header_from": 5, "user": []}])
@pytest.mark.parametrize("arguments", [["whoami"], ["read", "msg_1"], ["agents", "list"], ["limits"]])
def test_another_program_answers(far: FarApi, answer: Any, arguments: list[str]) -> None:
    for path in ("/v1/account", "/v1/agents/bot@agents.test/messages/msg_1", "/v1/agents"):
        far.on("GET", path, answer)
    done = far.e2a(*arguments)
    assert (done.exit_code, done.stdout) == (5, "")
    assert "does an e2ad answer there?" in done.stderr
    done = far.e2a("--json", *arguments)
    if done.exit_code:  # else the answer is passed on as it came
        assert json.loads(done.stderr)["error"]["code"] == "invalid_response"


def test_what_to_do_about_it(far: FarApi) -> None:
    far.on("GET", "/v1/agents/b@b.test", (404, {"error": {"code": "not_found", "message": "agent not found"}}))
    assert "e2a agents list" in far.e2a("agents", "show", "b@b.test").stderr
    path = "/v1/agents/bot@agents.test/messages/msg_1"
    far.on("GET", path, (404, {"error": {"code": "not_found", "message": "message not found"}}))
    assert "looked for at bot@agents.test; if it is another agent's: --agent" in far.e2a("read", "msg_1").stderr
    secure = CliRunner().invoke(main, ["--url", far.url.replace("http:", "https:"), "--api-key", "key", "whoami"])
    assert (secure.exit_code, "http:// instead of https://" in secure.stderr) == (1, True)


def test_none_waits_for_what_only_others_need(tmp_path: Path) -> None:
    asked = "import sys; from e2ad.cli.client import main\ntry: main({})\nfinally: print(*sys.modules)"
    loaded = {
        arguments: set(
            subprocess.run(
                [sys.executable, "-c", asked.format(list(arguments))],
                env=environ(tmp_path),
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            ).stdout.split()
        )
        for arguments in ((), ("inbox", "--help"), ("--version",))
    }
    assert "e2ad.cli.webhooks" in loaded[()]  # help tells of all
    assert "e2ad.cli.inbox" in loaded["inbox", "--help"]
    for modules in (loaded["inbox", "--help"], loaded["--version",]):
        assert not modules & {"trio", "wsproto", "e2ad.cli.webhooks", "e2ad.cli.listening"}
