"""`e2ad dev send`: each peer of the offline world gets the verdict that it promises."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from e2ad.dev import letters
from e2ad.dev.letters import PEERS, NotSent
from tests.live.running import Running, dev_folder, running_dev

pytestmark = pytest.mark.live

VERDICTS = [
    # peer, SPF, DKIM, DMARC, verified domain, X-E2A-Auth-Verified
    ("aligned", "pass", ["pass", "pass"], "pass", "northwind.test", "true"),
    ("forged", "pass", ["pass"], "fail", None, "false"),
    ("unsigned", "none", [], "none", None, "false"),
    ("expired-key", "fail", ["permerror"], "fail", None, "false"),
    ("forwarded", "pass", ["pass", "pass"], "pass", "northwind.test", "true"),
    ("altered", "pass", ["fail", "fail"], "fail", None, "false"),
]


@pytest.mark.parametrize(("peer", "spf", "dkim", "dmarc", "domain", "verified"), VERDICTS)
def test_each_peer(
    dev: Running, peer: str, spf: str, dkim: list[str], dmarc: str, domain: str | None, verified: str
) -> None:
    agent = dev.agent(f"world-{peer}")
    sent = trio.run(letters.send, dev.folder, peer, agent)
    assert (sent.peer, sent.to, sent.reply[:3]) == (peer, agent, "250")
    [item] = dev.api("GET", f"/v1/agents/{agent}/messages")[1]["items"]
    _, message = dev.api("GET", f"/v1/agents/{agent}/messages/{item['id']}")
    evidence = message["authentication"]
    assert evidence["spf"]["status"] == spf
    assert [result["status"] for result in evidence["dkim"]] == dkim
    assert evidence["dmarc"]["status"] == dmarc
    assert message["verified_domain"] == domain
    assert message["auth_headers"]["X-E2A-Auth-Verified"] == verified
    assert message["subject"] == sent.subject


def test_every_peer_is_in_the_table() -> None:
    assert sorted(PEERS) == sorted(row[0] for row in VERDICTS)


@pytest.fixture
def folder() -> Iterator[Path]:
    with dev_folder() as folder:
        yield folder


def test_whom_it_writes_to(folder: Path) -> None:
    with running_dev(folder) as running:

        def send(*arguments: str) -> tuple[int, str]:
            done = running.e2ad("dev", "--dir", str(folder), "send", *arguments)
            return done.returncode, done.stdout + done.stderr

        # No agent yet: the first is made. One agent: it is the one. A slug is enough.
        status, text = send()
        assert status == 0
        assert "ada@northwind.test -> first@agents.localhost: 250" in text
        assert "expect: verified" in text
        status, text = send("--as", "forged", "--to", "first", "--subject", "Grüße", "--text", "Hallo\nWelt", "--json")
        assert (status, json.loads(text)["subject"]) == (0, "Grüße")
        _, page = running.api("GET", "/v1/agents/first@agents.localhost/messages")
        assert [item["subject"] for item in page["items"]] == ["Grüße", "The first mail"]

        running.agent("second")
        with pytest.raises(NotSent, match=r"add --to with one of: second@agents.localhost, first@agents.localhost"):
            trio.run(letters.send, folder, "aligned", None)
        status, text = send("--to", "nobody")
        assert status == 1
        assert "550" in text
        assert "nobody@agents.localhost" in text
        assert "Traceback" not in text
    for to in ("first", None):
        with pytest.raises(NotSent, match=r"is `e2ad dev` still running\?"):
            trio.run(letters.send, folder, "aligned", to)


def test_nothing_runs_here(dev: Running, tmp_path: Path) -> None:
    done = dev.e2ad("dev", "--dir", str(tmp_path / "nothing"), "send")
    assert (done.returncode, done.stdout) == (1, "")
    assert "start `e2ad dev` there first" in done.stderr
    assert not (tmp_path / "nothing").exists()
