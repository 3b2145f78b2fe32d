"""`e2a attachments` and `e2a export`: files that are there whole or not at all, and nowhere else."""

import base64
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.cli.attachments import own_name, written
from tests.cli.conftest import FarApi
from tests.cli.serving import Account

PDF = bytes(range(256)) * 40
MAIL = (
    b"From: ada@b.test\r\nSubject: Files\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\n\r\nHello.\r\n"
    b'--cut\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="../../etc/passwd.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n%s\r\n"
    b'--cut\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nhi\r\n--cut--\r\n'
)


@pytest.fixture
def message(account: Account) -> str:
    agent = account.agent()
    account.daemon.deliver(agent, MAIL % base64.encodebytes(PDF).replace(b"\n", b"\r\n"))
    found = account.ask(lambda api: api.messages.list(agent).to_list())
    return str(found[0]["id"])


def test_a_list_that_leaves_the_message_unread(account: Account, message: str) -> None:
    listed = account.e2a("attachments", "list", message)
    assert listed.exit_code == 0, listed.stderr
    assert "passwd.pdf  application/pdf  10240" in listed.stdout
    [first, second] = json.loads(account.e2a("attachments", "list", message, "--json").stdout)
    assert (first["size_bytes"], second["filename"]) == (10240, "a.txt")
    agent = account.ask(lambda api: api.agents.list().to_list())[0]["email"]
    assert account.ask(lambda api: api.messages.list(agent, read_status="unread").to_list())
    assert account.e2a("attachments", "list", "msg_none").exit_code == 5


def test_a_file_under_a_name_of_ones_own(account: Account, message: str) -> None:
    done = account.e2a("attachments", "get", message, "0", "-o", "mine.pdf")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "mine.pdf: 10240 bytes\n"
    assert Path("mine.pdf").read_bytes() == PDF
    there = account.e2a("attachments", "get", message, "1", "-o", "mine.pdf")
    assert there.exit_code == 5
    assert "--force" in there.stderr
    assert Path("mine.pdf").read_bytes() == PDF
    forced = account.e2a("attachments", "get", message, "1", "-o", "mine.pdf", "--force", "--json")
    assert json.loads(forced.stdout)["path"] == "mine.pdf"
    assert Path("mine.pdf").read_bytes().strip() == b"hi"
    assert os.listdir() == ["mine.pdf"]


def test_a_file_under_the_name_that_a_stranger_gave_it(account: Account, message: str) -> None:
    Path("here").mkdir()
    assert account.e2a("attachments", "get", message, "0").stdout == "passwd.pdf: 10240 bytes\n"
    assert account.e2a("attachments", "get", message, "0", "-o", "here").stdout == "here/passwd.pdf: 10240 bytes\n"
    assert sorted(map(str, Path().rglob("*"))) == ["here", "here/passwd.pdf", "passwd.pdf"]


def test_a_file_on_standard_output(account: Account, message: str) -> None:
    done = account.e2a("attachments", "get", message, "0", "-o", "-")
    assert done.exit_code == 0, done.stderr
    assert done.stdout_bytes == PDF
    assert account.e2a("attachments", "get", message, "0", "-o", "-", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "status"), [(["9"], 5), (["x"], 2), (["-1"], 2), (["0", "-o", "none/x"], 5), (["0", "-o", "x/y/"], 5)]
)
def test_what_is_refused(account: Account, message: str, arguments: list[str], status: int) -> None:
    done = account.e2a("attachments", "get", message, *arguments)
    assert (done.exit_code, done.stdout) == (status, ""), done.stderr
    assert os.listdir() == []


def test_a_file_that_came_in_part_is_not_kept(far: FarApi) -> None:
    found = {"index": 0, "filename": "a", "size_bytes": 99, "download_url": "http://x/there?token=t"}
    found |= {"expires_at": "2026-07-01T12:00:00Z"}
    far.on("GET", "/v1/agents/bot@agents.test/messages/msg_1/attachments/0", found)
    far.on("GET", "/there", {"short": True})
    done = far.e2a("attachments", "get", "msg_1", "0", "-o", "a")
    assert done.exit_code == 1
    assert "instead of 99" in done.stderr
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (None, "attachment-3"),
        ("", "attachment-3"),
        ("..", "attachment-3"),
        ("/etc/shadow", "shadow"),
        ("C:\\Windows\\x.dll", "x.dll"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("~root", "root"),
        ("a\0b\x1b[2J\u202efdp.exe", "a_b_[2J_fdp.exe"),
        ("con.txt", "attachment-3-con.txt"),
        ("line\nbreak.txt", "line break.txt"),
        ("x" * 400 + ".pdf", "x" * 146 + ".pdf"),
        ("ü" * 200 + ".tar.gz", "ü" * 73 + ".gz"),
        ("a" + "." * 300, "a"),
        ("invoice (1).pdf", "invoice (1).pdf"),
    ],
)
def test_names_of_strangers(theirs: str | None, ours: str) -> None:
    assert own_name(theirs, 3) == ours


@given(st.text(), st.integers(0, 99))
def test_no_name_leads_out_of_the_folder(theirs: str, index: int) -> None:
    ours = own_name(theirs, index)
    assert Path(ours).name == ours
    assert ours not in (".", "..", "")
    assert ours[0] not in ".-~"
    assert len(ours.encode()) <= 170
    assert not set(ours) & set("/\\\0\n\r\x1b")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = list[bytes]()
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with written(pipe, force=False) as file:
        file.write(b"hi")
    reader.join(10)
    assert read == [b"hi"]
    assert pipe.is_fifo()


def test_an_export_is_whole_and_for_its_owner_alone(account: Account, message: str) -> None:
    done = account.e2a("export", "-o", "account.json")
    assert done.exit_code == 0, done.stderr
    path = Path("account.json")
    assert done.stdout == f"account.json: {path.stat().st_size} bytes\n"
    assert path.stat().st_mode & 0o777 == 0o600
    document = json.loads(path.read_bytes())
    assert document["user"]["email"] == account.email
    assert [one["id"] for one in document["messages"]] == [message]
    assert account.e2a("export", "-o", "account.json").exit_code == 5
    told = again(account, "export", "-o", "account.json", "-f", "--json")
    assert json.loads(told.stdout) == {"path": "account.json", "size_bytes": path.stat().st_size}
    assert json.loads(again(account, "export", "-o", "-").stdout_bytes)["user"]["email"] == account.email


def again(account: Account, *arguments: str) -> Any:
    """A command that works once the server has noticed that the last export is over."""
    for _ in range(100):
        done = account.e2a(*arguments)
        if done.exit_code == 0:
            return done
        time.sleep(0.05)
    raise AssertionError(done.stderr)


def test_an_export_that_breaks_off_leaves_nothing(far: FarApi) -> None:
    far.on("GET", "/v1/account/export", (0, None))
    done = far.e2a("export", "-o", "account.json")
    assert done.exit_code == 1
    assert os.listdir() == []
    assert far.e2a("export").exit_code == 2
