"""Each command of the two published command lines, with each of its flags, once against a daemon."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from tests.cli.serving import Account, Daemon

OLDER = """
agents list
agents register {slug} --name "My bot"
agents update {agent} --hitl --hitl-ttl 3600 --hitl-expiration-action approve
agents update {slug_of_agent} --no-hitl --hitl-expiration-action reject
agents update {spare} --webhook-url http://127.0.0.1:9/hook
agents delete {spare}
pending list
pending show {held}
pending approve {held} --yes --idempotency-key {slug}
pending reject {held} --reason "not now"
inbox --unread --limit 5 --oldest --from ada --subject S --conversation conv_1 --since 1h --until 2030-01-01T00:00:00Z
inbox --read --label one --label two --agent {agent}
read {message}
reply {message} --body Thanks --html-body "<p>Thanks</p>" --reply-all --cc c@b.test --bcc d@b.test
forward {message} --to ada@b.test
labels {message} --add urgent
labels {message} --remove urgent
conversations list
conversations show {conversation}
send --to ada@b.test --subject Hello --body "Good morning."
listen --agent {agent} --json --forward http://127.0.0.1:9/hook --forward-token t --until 1s
domains list
domains register {domain}
domains verify {registered}
domains delete {registered} --yes
webhooks list
webhooks create --url http://127.0.0.1:9/hook --events email.received
webhooks get {webhook}
webhooks update {webhook} --url http://127.0.0.1:9/other
webhooks rotate-secret {webhook}
webhooks test {webhook}
webhooks deliveries {webhook}
webhooks delete {webhook} --yes
events list
events get {event}
events redeliver {event}
config list
config set agent_email my-bot
config get agent_email
"""

NEWER = """
login --api-key {key}
whoami --json
doctor --agent {agent} --domain {verified} --mcp-url {url}/mcp --json
agents create {slug} --name "My bot"
agents get {agent}
keys create --agent {agent} --name laptop
keys list
keys delete {api_key} --yes
protection get {agent}
protection set {spare} --outbound-review on --inbound-review on --suppress-notifications on
protection set {spare} --outbound-review off --inbound-review off --suppress-notifications off
send --to a@b.test --to c@b.test --subject S --body-file {file} --html-file {file} --attach {file} --attach {file} \
 --conversation-id conv_1 --reply-to r@b.test --idempotency-key {slug} --agent {agent} --json --send-at 1h
send --to a@b.test --subject S --body - --conversation conv_1 --wait
reply {message} --body-file {file} --attach {file} --conversation-id conv_1 --agent {agent} --idempotency-key {slug}
messages list --direction all --since 1h --conversation conv_1 --read-status all --limit 5 --agent {agent} --json
messages list --filter "subject:S -from:noreply"
messages get {message} --text --agent {agent}
messages lifecycle {message} --limit 5 --agent {agent} --json
listen --agent {agent} --conversation conv_1 --once --until 1s --text --json
metrics
metrics {agent} --start 7d --end 1h --json
metrics --by-agent --by-day
contacts create {address} --json
contacts list --source manual --import-batch imp_1 --created-after 7d --created-before 1h
contacts get {contact}
contacts update {contact} --if-match {etag} --name Ada
contacts delete {contact} --yes
contacts import {people} --email-column mail --name-column who --on-conflict merge --dry-run --idempotency-key {slug}
contacts imports delete {batch} --yes
contacts outreach list --agent {agent} --stage new
contacts outreach set {contact} --agent {agent} --stage won
contacts outreach get {reached} --agent {agent}
contacts outreach delete {reached} --agent {agent} --yes
suppressions list --limit 5 --json
suppressions list --agent {agent}
suppressions add {address} --agent {agent} --reason asked
suppressions remove {suppressed} --agent {agent} --yes
account show
"""

ENDS = {"listen --agent {agent} --conversation": 6, "domains verify": 1, "doctor": 9}
"""Which end in another way than with 0: nothing comes, and no record is published."""


@define
class World:
    """What commands are about; some things are made anew for each that asks."""

    account: Account
    folder: Path
    count: int = 0

    def __getitem__(self, name: str) -> str:
        self.count += 1
        return str(getattr(self, name)())

    def do(self, question: Any) -> Any:
        return self.account.ask(question)

    def slug(self) -> str:
        return f"every-{self.account.email.partition('@')[0]}-{self.count}"

    def url(self) -> str:
        return self.account.daemon.url

    def key(self) -> str:
        return self.account.key

    def agent(self) -> str:
        return f"every-{self.account.email.partition('@')[0]}@agents.test"

    def slug_of_agent(self) -> str:
        return self.agent().partition("@")[0]

    def spare(self) -> str:
        return self.account.agent("spare")

    def message(self) -> str:
        found = self.do(lambda api: api.messages.list(self.agent(), read_status="all").to_list(1))
        return str(found[0]["id"])

    def conversation(self) -> str:
        return str(self.do(lambda api: api.conversations.list(self.agent()).to_list(1))[0]["id"])

    def held(self) -> str:
        held = self.account.agent("held")
        rules = self.do(lambda api: api.agents.get_protection(held))
        rules["outbound"]["require_review"] = True
        self.do(lambda api: api.agents.replace_protection(held, rules))
        body = {"to": ["ada@b.test"], "subject": "S", "text": "t"}
        return str(self.do(lambda api: api.messages.send(held, body))["message_id"])

    def domain(self) -> str:
        return f"{self.slug()}.example.org"

    def registered(self) -> str:
        return str(self.do(lambda api: api.domains.create({"domain": self.domain()}))["domain"])

    verified = registered

    def webhook(self) -> str:
        body = {"url": "http://127.0.0.1:9/hook", "events": ["email.received"]}
        return str(self.do(lambda api: api.webhooks.create(body))["id"])

    def event(self) -> str:
        return str(self.do(lambda api: api.events.list(limit=1).page().items)[0]["id"])

    def api_key(self) -> str:
        return str(self.do(lambda api: api.account.api_keys.create({"scope": "account"}))["id"])

    def file(self) -> str:
        (self.folder / "file.txt").write_text("text")
        return "file.txt"

    def people(self) -> str:
        (self.folder / "people.csv").write_text("mail,who\nada@b.test,Ada\n")
        return "people.csv"

    def address(self) -> str:
        return f"p{self.count}@b.test"

    def contact(self) -> str:
        self.made = str(self.do(lambda api: api.contacts.create({"address": self.address()}))["address"])
        return self.made

    made: str = ""

    def etag(self) -> str:
        return str(self.do(lambda api: api.contacts.get_with_etag(self.made))[1])

    def reached(self) -> str:
        who = self.contact()
        self.do(lambda api: api.contacts.set_outreach(self.agent(), who, {"stage": "new"}))
        return who

    def batch(self) -> str:
        body = {"contacts": [{"address": self.address()}]}
        return str(self.do(lambda api: api.contacts.import_(body))["batch_id"])

    def suppressed(self) -> str:
        who = {"address": self.address()}
        return str(self.do(lambda api: api.agents.create_suppression(self.agent(), who))["address"])


@pytest.fixture(scope="module")
def world(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> World:
    one = World(daemon.account(), tmp_path_factory.mktemp("world"))
    agent = one.agent()
    one.do(lambda api: api.agents.create({"slug": one.slug_of_agent()}))
    daemon.deliver(agent, f"From: ada@b.test\r\nTo: {agent}\r\nSubject: S\r\n\r\nHello.\r\n".encode())
    return one


LINES = [line for text in (OLDER, NEWER) for line in text.replace("\\\n", "").strip().splitlines()]


@pytest.mark.parametrize("line", LINES)
def test_it_runs(world: World, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world.folder)
    arguments = [argument.format_map(world) for argument in shlex.split(line)]
    environ = {"E2A_AGENT_EMAIL": world.agent(), "HOME": str(world.folder)}
    done = world.account.e2a(*arguments, input="from standard input", **environ)
    expected = next((status for start, status in ENDS.items() if line.startswith(start)), 0)
    assert done.exit_code == expected, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    if "--json" in arguments:
        for document in done.stdout.splitlines():
            json.loads(document)
    else:
        assert done.stdout or arguments[0] == "listen"
