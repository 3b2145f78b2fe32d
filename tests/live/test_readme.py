"""Every block of the README, in its order, as a reader runs it against the daemon that its first line starts.

`RULES` says of each block what has to be seen besides its exit statuses. A block without a rule fails, and so does a
rule without a block. What no test machine can run stands in `NOT_RUN`, with the reason.
"""

import itertools
import json
import re
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import pytest
import trio
from attrs import define

from e2ad.cli import client, daemon
from tests.live.node import OPTIONS, Node, find_node, install_modules
from tests.live.readme_blocks import Block, blocks, prose
from tests.live.readme_desk import Desk, add_node, set_desk
from tests.live.readme_terminal import Going, Ran, Terminal
from tests.live.running import Running, wait_until
from tests.live.serving import free_port

pytestmark = pytest.mark.live

BLOCKS = blocks()

NOT_RUN = {
    "Docker 1": "takes Docker and its images",
}

PORTS = (2525, 3000, 8080, 9000, 9001, 9002)


@define
class Walk:
    """One reader on the way through the page.

    Attributes:
        first: the terminal in which `e2ad dev` runs.
        second: the one for all the rest.
    """

    desk: Desk
    first: Terminal
    second: Terminal
    node: Node
    modules: Path
    serving: Going | None = None
    hook: Ran | None = None
    offer: Ran | None = None

    @property
    def dev(self) -> Running:
        """The daemon, to look at what became of it all."""
        told = json.loads((self.desk.folder / ".e2ad" / "dev.json").read_text())
        return Running(told, self.desk.folder / ".e2ad", self.first._process)  # type: ignore[arg-type]

    def run(self, block: Block) -> list[Ran]:
        """All lines of a block, each of which has to end well."""
        return [self.second.run(command) for command in block.commands]

    def until(self, command: str, text: str) -> Ran:
        """A line, again and again until it shows what takes its time."""
        deadline = time.monotonic() + 20
        while text not in (ran := self.second.run(command)).out:
            assert time.monotonic() < deadline, f"{command}: no {text!r} in {ran.out}"
        return ran

    def write(self, block: Block) -> None:
        """The file that a block is."""
        (self.desk.folder / block.name).write_text(self.second.fitted(block.text))

    def mail(self, agent: str, **wanted: str) -> list[dict[str, Any]]:
        """The agent's mail, newest first, both ways."""
        query = urlencode({"direction": "all", "limit": "100", **wanted})
        status, page = self.dev.api("GET", f"/v1/agents/{agent}@agents.localhost/messages?read_status=all&{query}")
        assert status == 200, page
        items: list[dict[str, Any]] = page["items"]
        return items


Rule = Callable[[Walk, Block], None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """What has to be seen of the blocks with these names."""

    def keep(function: Rule) -> Rule:
        assert not RULES.keys() & set(names), names
        RULES.update(dict.fromkeys(names, function))
        return function

    return keep


# Try it


@rule("Try it: one line 1")
def the_line_that_starts_it(walk: Walk, block: Block) -> None:
    [line] = block.commands
    walk.serving = walk.first.begin(line)
    said = walk.serving.ran.wait_out("Ctrl-C ends it.", 60)
    assert said.startswith("e2ad is running\n")
    asked_for(walk, ".[postgres]", "postgres")


@rule("Try it: one line 2")
def the_line_that_tests_it(walk: Walk, block: Block) -> None:
    walk.run(block)
    asked_for(walk, ".[dev]", "dev")
    assert walk.desk.called("pytest") == [[]]


def asked_for(walk: Walk, requirement: str, extra: str) -> None:
    project = tomllib.loads((walk.desk.folder / "pyproject.toml").read_text())["project"]
    assert extra in project["optional-dependencies"]
    assert walk.desk.called("pip")[-1][-1] == requirement


# The five-minute walk


@rule("The five-minute walk 1")
def the_second_terminal(walk: Walk, block: Block) -> None:
    walk.run(block)
    assert walk.second.run("command -v e2a").out == f"{walk.desk.folder}/.venv/bin/e2a\n"


@rule("The five-minute walk 2")
def the_first_mail(walk: Walk, block: Block) -> None:
    *_, inbox, read = walk.run(block)
    assert re.findall(r"\[(.*?)\]", inbox.out) == ["not verified", "not verified", "verified: northwind.test"]
    assert "Changed on the way" in read.out
    assert "not verified" in read.out
    with walk.dev.smtp() as smtp:
        smtp.ehlo()
        smtp.mail("ada@northwind.test")
        assert smtp.rcpt("my-bot@agents.localhost")[0] == 250  # what `swaks` is given


@rule("The five-minute walk 3")
def waiting(walk: Walk, block: Block) -> None:
    listen, as_json, wait = block.commands
    going = walk.second.begin(listen)
    going.ran.wait_out("The first mail")
    assert going.stop() in (0, 130)
    going = walk.second.begin(as_json)
    going.ran.wait_out("The first mail")
    assert going.stop() in (0, 130)
    events = [json.loads(line) for line in going.ran.out.splitlines()]
    assert {event["type"] for event in events} == {"email.received"}
    assert {event["data"]["subject"] for event in events} == {"The first mail", "Your account needs you"}
    assert walk.second.run(wait).out.startswith("The first mail\n")


@rule("The five-minute walk 4")
def posted_to_a_program(walk: Walk, block: Block) -> None:
    hook, forward, events, replay = block.commands
    walk.hook = walk.second.run(hook)
    walk.hook.wait_err("waits for deliveries")
    going = walk.second.begin(forward)
    assert "verified: false; signature good" in walk.hook.wait_out("Your account needs you")
    going.ran.wait_err("forwarded")
    assert going.stop() in (0, 130)
    assert walk.second.run(events).out.count("email.received") == 3
    assert " 200 " in walk.second.run(replay).out
    assert walk.hook.out.count("signature good") == 2


@rule("The five-minute walk 5")
def posted_by_the_deployment(walk: Walk, block: Block) -> None:
    assert walk.hook is not None
    *lines, back = block.commands
    for line in lines:
        walk.second.run(line)
    wait_until(lambda: walk.hook and walk.hook.out.count("signature good") == 3)
    assert walk.hook.out.splitlines()[-1].startswith("ada@northwind.test  The first mail  [verified: true")
    assert "local" in walk.second.run(back).out
    walk.second.run("kill %%")


@rule("The five-minute walk 6")
def plain_http(walk: Walk, block: Block) -> None:
    key, curl = walk.run(block)
    assert key.out == ""
    assert len(json.loads(curl.out)["items"]) == 4
    for path in ("/docs", "/v1/info"):
        assert walk.dev.api("GET", path)[0] == 200


# Send mail


@rule("Send mail 1")
def from_agent_to_agent(walk: Walk, block: Block) -> None:
    create, send, inbox, reply, trace = block.commands
    walk.second.run(create)
    walk.second.run(send)
    assert "[verified: agents.localhost]" in walk.until(inbox, "Lunch").out
    walk.second.run(reply)
    assert "helper@agents.localhost" in walk.second.run(trace).out
    [answer] = wait_until(lambda: walk.mail("my-bot", subject_contains="Re: Lunch"))
    assert answer["header_from"] == "helper@agents.localhost"
    [lunch] = walk.mail("helper", subject_contains="Lunch", direction="inbound")
    _, whole = walk.dev.api("GET", f"/v1/agents/helper@agents.localhost/messages/{lunch['id']}")
    assert [one["filename"] for one in whole["attachments"]] == ["README.md"]


@rule("Send mail 2")
def captured(walk: Walk, block: Block) -> None:
    send, sent, raw = block.commands
    walk.second.run(send)
    walk.until(sent, "[captured]")
    assert re.search(r"^Subject: Good morning\r?$", walk.second.run(raw).out, re.MULTILINE)


@rule("Send mail 3")
def held(walk: Walk, block: Block) -> None:
    every, listed, send = block.commands
    walk.second.run(every)
    walk.second.run(listed)
    assert "held for review" in walk.second.run(send, status=3).out
    assert walk.serving is not None
    said = walk.serving.ran.wait_out(": Offer\n")
    link = re.findall(r"approve: (http\S+)", said)[-1]
    page = walk.second.run(f"curl -s {link!r}").out
    assert "<button" in page
    assert "1,000 pieces." in page


@rule("Send mail 4")
def decided(walk: Walk, block: Block) -> None:
    listed, show, edit, approve = block.commands
    assert "Offer" in walk.second.run(listed).out
    assert "1,000 pieces." in walk.second.run(show).out
    walk.second.run(edit)
    approved = walk.second.run(approve, typed="y\n")
    assert "900 pieces." in approved.out
    walk.until("e2a sent --agent my-bot --limit 1", "[captured]")


@rule("Send mail 5")
def from_a_template(walk: Walk, block: Block) -> None:
    walk.run(block)
    assert wait_until(lambda: walk.mail("my-bot", subject_contains="Hello Ada"))


# Find and read mail


@rule("Find and read mail 1")
def found_again(walk: Walk, block: Block) -> None:
    search, both_ways = walk.run(block)
    assert "Lunch" in search.out
    assert {"Hello Ada", "Re: Lunch", "The first mail"} <= set(
        re.findall(r"Hello Ada|Re: Lunch|The first mail", both_ways.out)
    )


# Use it from a program


@rule("Use it from a program 1")
def a_key_for_a_program(walk: Walk, block: Block) -> None:
    walk.run(block)
    assert walk.second.run("echo $agent_key").out.startswith("e2a_agt_")


@rule("hello.py", "search.py", "receiver.py", "listener.py", "offer.py", "decide.py", "assistant.py")
def a_file_in_python(walk: Walk, block: Block) -> None:
    compile(block.text, block.name, "exec")
    walk.write(block)


@rule("hello.mjs", "receiver.mjs", "listener.mjs")
def a_file_in_typescript(walk: Walk, block: Block) -> None:
    walk.write(block)


@rule("Python 1")
def the_python_client(walk: Walk, block: Block) -> None:
    hello, search = walk.run(block)
    *listed, status = hello.out.splitlines()
    assert len(listed) == 5
    assert "ada@northwind.test verified The first mail" in listed
    assert status == "sent"
    assert search.out.splitlines().count("The first mail") == 2
    # The same under the other loop.
    text = (walk.desk.folder / "search.py").read_text()
    other = text.replace("import trio", "import asyncio").replace("trio.run(main)", "asyncio.run(main())")
    (walk.desk.folder / "search.py").write_text(other)
    assert "trio" not in other
    assert walk.second.run(block.commands[1]).out == search.out


@rule("TypeScript 1")
def the_typescript_package(walk: Walk, block: Block) -> None:
    walk.run(block)
    assert (walk.desk.folder / "node_modules" / "@e2ad" / "sdk" / "package.json").exists()


@rule("TypeScript 2")
def the_typescript_client(walk: Walk, block: Block) -> None:
    [hello] = walk.run(block)
    *listed, status = hello.out.splitlines()
    assert len(listed) == 5
    assert "ada@northwind.test verified The first mail" in listed
    assert status == "sent"


@rule("The command line in scripts 1")
def in_scripts(walk: Walk, block: Block) -> None:
    send, wait = walk.run(block)
    message_id = json.loads(send.out)["message_id"]
    assert walk.mail("my-bot", subject_contains="Build", direction="outbound")[0]["id"] == message_id
    assert wait.out == "nothing came: 6\n"


@rule("The command line in scripts 2")
def profiles(walk: Walk, block: Block) -> None:
    browser, key, whoami, _, doctor, _ = walk.run(block)
    assert "you@localhost.localdomain" in browser.out
    assert "you@localhost.localdomain" in key.out
    assert "my-bot@agents.localhost" in whoami.out
    stored = json.loads((walk.desk.home / ".config" / "e2a" / "config.json").read_text())
    assert stored["profile"] == "work"
    prefixes = {name: one["api_key"][:8] for name, one in stored["profiles"].items()}
    assert prefixes == {"work": "e2a_acct", "ci": "e2a_agt_"}
    assert "failed" not in doctor.out
    assert "e2a" in walk.second.run("complete -p e2a").out


@rule("A model, by MCP 1")
def what_claude_is_told(walk: Walk, block: Block) -> None:
    """What the two lines say is what the official client needs to get in."""
    walk.run(block)
    by_http, by_stdio = walk.desk.called("claude")
    assert by_http[:5] == ["mcp", "add", "--transport", "http", "mail"]
    url, option, header = by_http[5:]
    assert (option, header.partition(": ")[0]) == ("--header", "Authorization")
    assert by_stdio[:3] == ["mcp", "add", "mail-here"]
    command = by_stdio[by_stdio.index("--") + 1 :]
    environ = dict(value.split("=", 1) for name, value in itertools.pairwise(by_stdio) if name == "--env")
    tools = trio.run(offered_by_http, url, header.partition(": ")[2])
    assert len(tools) == 19
    assert "whoami" in tools
    path = f"{walk.desk.folder}/.venv/bin:{walk.desk.path}:/usr/bin:/bin"
    assert trio.run(offered_by_stdio, command, {"PATH": path, "HOME": str(walk.desk.home), **environ}) == tools


async def offered_by_http(url: str, authorization: str) -> list[str]:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    with trio.fail_after(20):
        async with (
            httpx2.AsyncClient(headers={"Authorization": authorization}) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            return [tool.name for tool in (await client.list_tools()).tools]


async def offered_by_stdio(command: list[str], environ: dict[str, str]) -> list[str]:
    from mcp import Client, StdioServerParameters

    with trio.fail_after(20):
        async with Client(StdioServerParameters(command=command[0], args=command[1:], env=environ)) as client:
            return [tool.name for tool in (await client.list_tools()).tools]


@rule("Four examples 1")
def receivers(walk: Walk, block: Block) -> None:
    create_python, python, create_node, node, aligned, forged, curl, end = block.commands
    walk.second.run(create_python)
    in_python = walk.second.run(python)
    wait_port(walk, 9001)
    walk.second.run(create_node)
    in_node = walk.second.run(node)
    wait_port(walk, 9002)
    walk.second.run(aligned)
    walk.second.run(forged)
    for receiver in (in_python, in_node):
        receiver.wait_out("NOT verified service@harborbank.test Your account needs you\n")
        receiver.wait_out("verified ada@northwind.test The first mail\n")
    refused = walk.second.run(curl)
    assert "E2AWebhookSignatureError" in refused.out
    walk.second.run(end)
    assert "anybody" not in in_node.out
    # What the listener posts, and so an agent's own URL, takes the account's signing secret.
    script = "from e2ad.sdk import E2AClient; print(E2AClient().account.signing_secrets.list().to_list()[0].secret)"
    secret = walk.second.run(f"E2A_API_KEY=$key python -c '{script}'").out.strip()
    in_python = walk.second.run(python.replace("whsec_…", secret))
    wait_port(walk, 9001)
    [mail] = walk.mail("my-bot", subject_contains="The first mail", limit="1")
    walk.second.run(f"e2a replay {mail['id']} --to http://127.0.0.1:9001/")
    in_python.wait_out("verified ada@northwind.test The first mail\n")
    walk.second.run("kill %%")


def wait_port(walk: Walk, port: int) -> None:
    wait_until(
        lambda: walk.second.run(f"curl -s -o {walk.desk.home}/got http://127.0.0.1:{port}/", status=None).status == 0
    )


@rule("Four examples 2")
def listeners(walk: Walk, block: Block) -> None:
    python, node = block.commands
    going = walk.second.begin(python)
    going.ran.wait_out("ada@northwind.test The first mail\n")
    going.ran.wait_out("service@harborbank.test Your account needs you\n")
    wait_until(lambda: answers(walk) == 2)
    going.stop()
    going = walk.second.begin(node)
    walk.second.run("e2ad dev send --as aligned --to my-bot")
    going.ran.wait_out("ada@northwind.test The first mail\n")
    wait_until(lambda: answers(walk) == 3)
    going.stop()


def answers(walk: Walk) -> int:
    """How many mails to Ada say that somebody is on it."""
    sent = walk.mail("my-bot", subject_contains="Re: The first mail", direction="outbound")
    return sum(mail["to"] == ["ada@northwind.test"] for mail in sent)


@rule("Four examples 3")
def an_agent_asks(walk: Walk, block: Block) -> None:
    [walk.offer] = walk.run(block)
    walk.offer.wait_out("pending_review msg_")


@rule("Four examples 4")
def a_person_decides(walk: Walk, block: Block) -> None:
    [line] = block.commands
    decide = walk.second.run(line, typed="y\n" * 10)
    assert "my-bot@agents.localhost to eve@paperclip.test \nOffer \n1,000 pieces.\n" in decide.out
    assert "accepted" in decide.out
    assert walk.offer is not None
    assert walk.offer.out.splitlines()[1:] == ["sent"]


@rule("Four examples 5")
def an_agent_with_tools(walk: Walk, block: Block) -> None:
    by_http, by_stdio = walk.run(block)
    tools, *mail, sent = by_http.out.splitlines()
    assert len(tools.split()) == 19
    assert "Subject: The first mail" in mail
    assert "UNTRUSTED-MAIL" in mail[-1]
    assert "accepted" in sent
    # By the other way it is the same, and with the same key no second mail.
    again, *_, sent_again = by_stdio.out.splitlines()
    assert (again, sent_again) == (tools, sent)
    assert wait_until(lambda: answers(walk) == 4)


# Run it for real


@rule("systemd 1")
def as_a_service(walk: Walk, block: Block) -> None:
    """All of it but the service manager's own part, below a folder instead of the root."""
    below = walk.desk.folder.parent
    (below / "etc" / "systemd" / "system").mkdir(parents=True)
    for command in block.commands:
        walk.second.run(re.sub(r"/(etc|opt)/", rf"{below}/\1/", command))
    assert "the configuration is fine" in walk.second.ran[-2].out
    assert walk.desk.called("systemctl") == [["enable", "--now", "e2ad"]]
    assert walk.desk.called("journalctl") == [["-fu", "e2ad"]]
    unit = (below / "etc/systemd/system/e2ad.service").read_text()
    for path in ("/etc/e2ad/credentials/", "/etc/e2ad/config.toml", "/opt/e2ad/bin/e2ad"):
        assert path in unit, path


@rule("Mail to the world 1")
def the_relay(walk: Walk, block: Block) -> None:
    assert tomllib.loads(block.text)["relay"]["host"] == "smtp.example.net"
    (walk.desk.folder / "relay.toml").write_text(block.text)
    environ = f"E2AD_DATABASE_URL=postgresql:///x E2AD_RELAY_PASSWORD=x E2AD_SIGNING_SECRETS={'0123456789abcdef' * 4}"
    checked = walk.second.run(f"{environ} e2ad config check -c relay.toml")
    assert checked.out == "the configuration is fine\n"


# The walk


@pytest.fixture
def walk() -> Iterator[Walk]:
    """Two terminals in a fresh checkout; what still runs at the end is stopped, the daemon with Ctrl-C."""
    node = find_node()
    modules = install_modules(node)
    folder = Path(tempfile.mkdtemp(prefix="e2ad-readme-"))
    folder.chmod(0o755)  # the database's account has to come through
    desk = set_desk(folder)
    add_node(desk, node.node, node.npm, modules)
    ports = {port: free_port() for port in PORTS}
    doors = {"SMTP_PORT": ports[2525], "HTTP_PORT": ports[8080], "DASHBOARD_PORT": ports[3000]}
    settings = {f"E2AD_{name}": str(port) for name, port in doors.items()}
    settings["E2AD_RATE_LIMITS_POLL_PER_MINUTE"] = "0"  # the tests look more often than a reader does
    first = Terminal(desk.folder, desk.outputs, ports, desk.environ(**settings))
    second = Terminal(desk.folder, desk.outputs, ports, desk.environ(E2A_URL=f"http://127.0.0.1:{ports[8080]}"))
    walk = Walk(desk, first, second, node, modules)
    try:
        yield walk
    finally:
        second.close()
        status = walk.serving.stop(seconds=45) if walk.serving else 0
        first.close()
        shutil.rmtree(folder)
    assert status in (0, 130)


def test_the_whole_of_it(walk: Walk) -> None:
    """One test, since each block stands on those before it."""
    for block in BLOCKS:
        if block.name in NOT_RUN:
            continue
        try:
            RULES[block.name](walk, block)
        except BaseException as error:
            error.add_note(f"README.md, line {block.line}: {block.name}")
            raise
    commands = " ".join(ran.command for ran in walk.second.ran)
    assert [block.name for block in BLOCKS if block.language in ("python", "ts") and block.name not in commands] == []
    check_types(walk)


def check_types(walk: Walk) -> None:
    """What runs as it stands is TypeScript as well: as strict as can be, against the package as it was installed."""
    files = [walk.desk.folder / f"{block.name.removesuffix('.mjs')}.mts" for block in BLOCKS if block.language == "ts"]
    for file in files:
        shutil.copy(file.with_suffix(".mjs"), file)
    compiler = str(walk.modules / "typescript" / "bin" / "tsc")
    more = ("--noEmit", "--typeRoots", str(walk.modules / "@types"))
    walk.node.run(walk.node.node, compiler, *OPTIONS, *more, *map(str, files), cwd=walk.desk.folder)


def test_each_block_has_one_rule() -> None:
    names = [block.name for block in BLOCKS]
    assert len(names) == len(set(names))
    assert sorted(names) == sorted([*RULES, *NOT_RUN])


COMMAND = re.compile(r"`(e2ad? [^`]+)`")
ROOTS: dict[str, click.Command] = {"e2a": client.main, "e2ad": daemon.main}


@pytest.mark.parametrize("line", sorted(set(COMMAND.findall(prose()))))
def test_each_command_in_the_text_is_one(line: str) -> None:
    """As far as it is named: its commands, and its options."""
    name, *words = line.split()
    command = ROOTS[name]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, line
        command = found
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= {*known, "--help"}
