"""Every command of `e2a`: found, explained, and able to speak to programs."""

import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from e2ad.cli.client import main
from tests.cli.conftest import FarApi
from tests.live.running import ROOT


def commands(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from commands(one, (*above, name))
        else:
            yield (*above, name), one


COMMANDS = dict(commands(main))


OLDER = """
login; agents list register update delete; pending list show approve reject; inbox; read; reply; forward; labels;
conversations list show; send; listen; domains list register verify delete;
webhooks list create get update delete rotate-secret test deliveries; events list get redeliver; config list get set
"""
NEWER = """
login; whoami; doctor; agents list create get; keys create list delete; protection get set; send; reply;
messages list get lifecycle; listen; config list get set; metrics; contacts list get create update delete import;
suppressions list add remove; account show
"""
OURS = """
logout; agents show restore; reviews list show approve reject edit; pending edit; replay; wait;
completion; trace; resolve; sent; test; messages raw delete restore mark; account limits delete;
config use unset path; export; mcp
"""


@pytest.mark.parametrize("listed", [OLDER, NEWER, OURS])
def test_what_there_is(listed: str) -> None:
    for group, *names in (part.split() for part in listed.split(";")):
        for name in names or [""]:
            assert ((group, name) if name else (group,)) in COMMANDS


FLAGS = """
whoami --json; doctor --agent --domain --mcp-url --json; agents create --name; agents register --name;
agents update --hitl --no-hitl --hitl-ttl --hitl-expiration-action --webhook-url; keys create --agent --name;
protection set --outbound-review --inbound-review --suppress-notifications;
send --to --subject --body --body-file --html-file --attach --conversation-id --conversation --reply-to
    --idempotency-key --agent --json --send-at;
reply --body --body-file --html-file --html-body --attach --conversation-id --conversation --reply-to
    --idempotency-key --agent --json --send-at --reply-all --cc --bcc;
forward --to; labels --add --remove; wait --agent --from --subject --timeout; replay --to; read --agent;
messages list --direction --since --conversation --read-status --limit --agent --json --filter;
messages get --text --agent; messages lifecycle --cursor --limit --agent --json;
inbox --unread --read --limit --oldest --from --subject --conversation --since --until --label --token --agent --search;
listen --agent --forward --forward-token --conversation --once --until --text --json;
pending approve --edit --idempotency-key; pending reject --reason; webhooks create --url --events;
metrics --start --end --by-agent --by-day --json; suppressions list --agent --limit --json;
suppressions add --agent --reason; suppressions remove --agent;
contacts list --source --import-batch --created-after --created-before; contacts create --idempotency-key;
contacts update --if-match; contacts import --email-column --name-column --on-conflict --dry-run --idempotency-key;
contacts outreach list --agent --stage; contacts outreach get --agent; contacts outreach delete --agent;
contacts outreach set --agent --stage --if-match
"""


def test_the_flags_that_scripts_use() -> None:
    for line in FLAGS.split(";"):
        words = line.split()
        path = tuple(word for word in words if not word.startswith("--"))
        known = {name for one in COMMANDS[path].params for name in (*one.opts, *one.secondary_opts)}
        assert not set(words[len(path) :]) - known, path


def test_what_is_gone_for_good_can_be_asked_for_in_a_script() -> None:
    for path, command in COMMANDS.items():
        if path[-1] in ("delete", "remove"):
            assert "--yes" in {name for one in command.params for name in one.opts}, path


def test_each_stands_below_a_heading() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    for name in main.commands:
        assert f"\n  {name} " in shown


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_explains_itself_and_speaks_json(far: FarApi, path: tuple[str, ...]) -> None:
    done = far.e2a(*path, "--help")
    assert done.exit_code == 0
    command = COMMANDS[path]
    assert (command.help or "").strip()
    options = {name for one in command.params for name in one.opts}
    assert "--json" in options
    unexplained = [
        one.name
        for one in command.params
        if isinstance(one, click.Option) and not one.help and one.name not in ("subject", "limit")
    ]
    assert not unexplained


def examples(command: click.Command) -> list[list[str]]:
    """The lines of its help that can be typed."""
    lines = (line.strip() for line in (command.help or "").splitlines())
    return [shlex.split(line[line.rindex("e2a ") :].split("  ")[0].rstrip(")")) for line in lines if "e2a " in line]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_has_an_example_that_it_understands(path: tuple[str, ...]) -> None:
    found = examples(COMMANDS[path])
    assert found
    for words in found:
        here: click.Command = main
        known = {option for one in here.params for option in (*one.opts, *one.secondary_opts)}
        for word in words[1:]:
            if isinstance(here, click.Group) and word in here.commands:
                here = here.commands[word]
                known |= {option for one in here.params for option in (*one.opts, *one.secondary_opts)}
            elif word.startswith("--"):
                assert word.partition("=")[0] in known, (words, word)


def test_no_path_of_the_api_is_spelled_here() -> None:
    for file in (ROOT / "e2ad" / "cli").glob("*.py"):
        for line in file.read_text().splitlines():
            assert "/v1/" not in line or "/v1/responses" in line, (file, line)
