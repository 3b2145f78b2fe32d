"""`e2a contacts`, its imports and its outreach, against a daemon."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from e2ad.cli import importing
from e2ad.cli.contact_files import Line
from e2ad.cli.metadata import changed_metadata
from tests.cli.conftest import FarApi
from tests.cli.serving import Account


def told(account: Account, *arguments: str) -> Any:
    """What a command that works says to programs."""
    done = account.e2a(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_a_contact_from_its_making_to_its_end(account: Account) -> None:
    made = account.e2a(
        "contacts", "create", "Ada <ADA@b.test>", "--name", "Ada \u202eL.", "--metadata", "company=Acme",
        "--metadata", "seats:=12", "--metadata", "note=a=b",
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr
    assert made.stdout.startswith("added ada@b.test\n")
    assert "company=Acme" in made.stdout
    assert "\u202e" not in made.stdout
    assert told(account, "contacts", "get", "ada@b.test")["metadata"] == {"company": "Acme", "seats": 12, "note": "a=b"}
    again = account.e2a("contacts", "create", "ada@b.test")
    assert (again.exit_code, again.stdout) == (5, "")
    changed = told(
        account, "contacts", "update", "ada@b.test", "--metadata", "company=B", "--unset", "seats", "--name", ""
    )
    assert changed["metadata"] == {"company": "B", "note": "a=b"}
    assert changed["display_name"] == ""
    assert told(account, "contacts", "update", "ada@b.test", "--no-metadata")["metadata"] == {}
    assert "ada@b.test" in account.e2a("contacts", "list").stdout
    assert account.e2a("contacts", "delete", "ada@b.test").exit_code == 2
    assert account.e2a("contacts", "delete", "ada@b.test", "--yes").stdout == "forgotten: ada@b.test\n"
    assert account.e2a("contacts", "list").stdout.startswith("no contacts")
    assert account.e2a("contacts", "get", "ada@b.test").exit_code == 5


def test_the_same_key_makes_one_contact(account: Account) -> None:
    first = told(account, "contacts", "create", "ada@b.test", "--idempotency-key", "k")
    assert told(account, "contacts", "create", "ada@b.test", "--idempotency-key", "k") == first


def test_a_version_keeps_two_writers_apart(account: Account) -> None:
    tag = told(account, "contacts", "create", "ada@b.test") and told(account, "contacts", "get", "ada@b.test")["etag"]
    assert account.e2a("contacts", "update", "ada@b.test", "--name", "One", "--if-match", tag).exit_code == 0
    late = account.e2a("contacts", "update", "ada@b.test", "--name", "Two", "--if-match", tag)
    assert late.exit_code == 5
    assert "precondition_failed" in late.stderr
    assert account.e2a("contacts", "update", "ada@b.test", "--name", "Three", "--if-match", "*").exit_code == 0


@pytest.mark.parametrize("group", [["contacts"], ["contacts", "outreach"]])
def test_what_somebody_else_writes_meanwhile_is_not_lost(
    account: Account, monkeypatch: pytest.MonkeyPatch, group: list[str]
) -> None:
    verb = ["update"] if group == ["contacts"] else ["set"]
    agent = account.agent()
    account.ask(lambda api: api.contacts.create({"address": "a@b.test", "metadata": {"x": "1"}}))
    account.ask(lambda api: api.contacts.set_outreach(agent, "a@b.test", {"metadata": {"x": "1"}}))

    def slow(before: Any, *arguments: Any, **options: Any) -> Any:
        if before:
            account.ask(lambda api: api.contacts.update("a@b.test", {"metadata": {"x": "2"}}))
            account.ask(lambda api: api.contacts.set_outreach(agent, "a@b.test", {"metadata": {"x": "2"}}))
        return changed_metadata(before, *arguments, **options)

    monkeypatch.setattr(f"e2ad.cli.{group[-1]}.changed_metadata", slow)
    done = account.e2a(*group, *verb, "a@b.test", "--metadata", "y=1")
    assert "precondition_failed" in done.stderr
    assert told(account, *group, "get", "a@b.test")["metadata"] == {"x": "2"}


@pytest.mark.parametrize(
    ("pairs", "words"),
    [(["x"], "KEY=VALUE"), (["=x"], "KEY=VALUE"), (["x:=y"], "must be JSON"), (["x:=[1]"], "flat")],
)
def test_metadata_that_is_none(pairs: list[str], words: str) -> None:
    with pytest.raises(click.UsageError, match=words):
        changed_metadata({}, pairs, (), no_metadata=False)


def test_lists_are_narrowed(account: Account) -> None:
    told(account, "contacts", "create", "ada@b.test")
    Path("p.txt").write_text("bob@b.test\n")
    batch = told(account, "contacts", "import", "p.txt")["batch_ids"][0]
    for arguments, addresses in (
        (["--source", "manual"], ["ada@b.test"]),
        (["--source", "import"], ["bob@b.test"]),
        (["--import-batch", batch], ["bob@b.test"]),
        (["--created-after", "1h"], ["bob@b.test", "ada@b.test"]),
        (["--created-before", "1h"], []),
        (["--limit", "1"], ["bob@b.test"]),
    ):
        assert [one["address"] for one in told(account, "contacts", "list", *arguments)] == addresses
    assert account.e2a("contacts", "list", "--created-after", "soon").exit_code == 2


def test_nothing_to_change(account: Account) -> None:
    assert account.e2a("contacts", "update", "ada@b.test").exit_code == 2
    assert account.e2a("contacts", "create", "nobody").exit_code == 5


PEOPLE = "email;name;city\nada@b.test;Ada;Paris\nbob@b.test;Bob;\nnonsense;x;\nbob@b.test;;\n"


def test_an_import_and_its_end(account: Account) -> None:
    agent = account.agent()
    Path("p.csv").write_bytes(b"\xef\xbb\xbf" + PEOPLE.encode())
    told(account, "contacts", "create", "ada@b.test", "--name", "A.")
    dry = account.e2a("contacts", "import", "p.csv", "--dry-run")
    assert dry.exit_code == 5
    assert dry.stdout == (
        "1 would be created, 1 would be updated, 1 would be skipped (1 of them stand twice in the file), 1 failed\n"
    )
    assert dry.stderr.startswith("p.csv: line 4: ")
    assert len(told(account, "contacts", "list")) == 1  # nothing was changed
    skipping = account.e2a("contacts", "import", "p.csv", "--dry-run", "--on-conflict", "skip", "--json")
    assert json.loads(skipping.stdout)["skipped"] == 2
    done = account.e2a("contacts", "import", "p.csv", "--agent", agent, "--stage", "new", "--json")
    assert done.exit_code == 5
    document = json.loads(done.stdout)
    assert {name: document[name] for name in ("created", "updated", "skipped", "failed")} == {
        "created": 1, "updated": 1, "skipped": 1, "failed": 1,
    }  # fmt: skip
    assert [one["line"] for one in document["results"]] == [2, 3, 4, 5]
    assert document["results"][3]["message"] == "line 3 has the same address"
    assert told(account, "contacts", "get", "ada@b.test")["metadata"] == {"city": "Paris"}
    assert {one["stage"] for one in told(account, "contacts", "outreach", "list")} == {"new"}
    told(account, "contacts", "outreach", "delete", "bob@b.test", "--yes")
    batch = document["batch_ids"][0]
    assert account.e2a("contacts", "imports", "delete", batch).exit_code == 2
    gone = account.e2a("contacts", "imports", "delete", batch, "--yes")
    assert gone.stdout == f"{batch}: 1 contacts removed, 0 kept\n"
    assert account.e2a("contacts", "imports", "delete", "imp_none", "--yes").exit_code == 5


def test_an_import_from_standard_input_without_a_flaw(account: Account) -> None:
    done = account.e2a("contacts", "import", "-", input='{"address": "ada@b.test"}\n{"address": "bob@b.test"}\n')
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("2 created, 0 updated, 0 skipped, 0 failed\n  to take it back: ")
    listed = account.e2a("contacts", "list", "--json").stdout
    again = account.e2a("contacts", "import", "-", "--on-conflict", "skip", input=listed)
    assert again.stdout.startswith("0 created, 0 updated, 2 skipped, 0 failed\n")


def test_a_stopped_import_goes_on_where_it_was(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 2)
    Path("p.txt").write_text("".join(f"p{number}@b.test\n" for number in range(5)))
    whole = importing._batches

    def stopping(lines: list[Line]) -> Any:
        yield next(iter(whole(lines)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_batches", stopping)
        stopped = account.e2a("contacts", "import", "p.txt")
    assert stopped.exit_code == 130
    assert stopped.stdout == ""
    assert "2 of 5 contacts are in for certain" in stopped.stderr
    key = stopped.stderr.split("--idempotency-key ")[1].split()[0]
    assert len(told(account, "contacts", "list")) == 2
    done = told(account, "contacts", "import", "p.txt", "--idempotency-key", key)
    assert (done["created"], done["updated"], len(done["batch_ids"])) == (5, 0, 3)
    assert len(told(account, "contacts", "list")) == 5
    assert told(account, "contacts", "import", "p.txt")["updated"] == 5  # another import, another key


def test_a_server_that_fails_in_the_middle(far: FarApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_OCTETS", 30)
    answer = {"batch_id": "imp_1", "created": 1, "updated": 0, "skipped": 0, "failed": 0}
    answer |= {"results": [{"index": 0, "status": "created", "address": "a@b.test"}]}
    down = {"error": {"code": "unavailable", "message": "later", "request_id": "r"}}
    far.on("POST", "/v1/contacts/import", answer, (503, down))
    Path("p.txt").write_text("a@b.test\nb@b.test\n")
    done = far.e2a("contacts", "import", "p.txt", "--idempotency-key", "mine")
    assert done.exit_code == 1
    assert "1 of 2 contacts are in for certain" in done.stderr
    assert "--idempotency-key mine" in done.stderr
    assert [one.key for one in far.asked][:2] == ["mine-1", "mine-2"]
    assert {one.key for one in far.asked[1:]} == {"mine-2"}


def test_a_hopeless_import_gives_no_advice_to_repeat_it(account: Account) -> None:
    Path("p.txt").write_text("a@b.test\n")
    done = account.e2a("contacts", "import", "p.txt", "--agent", "nobody@agents.test")
    assert done.exit_code == 5
    assert "--idempotency-key" not in done.stderr


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (b"", [], "nothing in it"),
        (b"\xff\xfe\x00", [], "is not UTF-16"),
        (b"name\nAda\n", [], "which column has the addresses"),
        (b'email\n"a@b.test\n', [], "line 2: this is not CSV"),
        (b"a@b.test\n", ["--stage", "new"], "add --agent"),
        (b"a@b.test\n", ["--idempotency-key", "k" * 250], "1 to 240"),
        (b"a@b.test\n", ["--email-column", "x"], "no column 'x'"),
    ],
)
def test_files_that_are_refused(far: FarApi, content: bytes, arguments: list[str], words: str) -> None:
    Path("p.csv").write_bytes(content)
    done = far.e2a("contacts", "import", "p.csv", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert not far.asked
    assert far.e2a("contacts", "import", "none.csv").exit_code == 2


def test_many_failures_are_not_all_shown(far: FarApi) -> None:
    Path("p.jsonl").write_text('{"address": "a@b.test"}\n' + "x\n" * 30)
    answer = {"batch_id": "", "results": [{"index": 0, "status": "created", "address": "a@b.test", "suppressed": True}]}
    far.on("POST", "/v1/contacts/import", answer)
    done = far.e2a("contacts", "import", "p.jsonl")
    assert done.exit_code == 5
    assert len(done.stderr.splitlines()) == 21
    assert "and 10 more" in done.stderr
    assert "1 of them may not be written to" in done.stdout
    assert "take it back" not in done.stdout


def test_outreach(account: Account) -> None:
    agent = account.agent()
    told(account, "contacts", "create", "ada@b.test")
    set_ = account.e2a(
        "contacts", "outreach", "set", "ada@b.test", "--stage", "asked", "--next-action-at", "3d", "--metadata", "k=v"
    )
    assert set_.exit_code == 0, set_.stderr
    assert "asked" in set_.stdout
    found = told(account, "contacts", "outreach", "get", "ada@b.test", "--agent", agent)
    assert (found["stage"], found["metadata"], found["agent_email"]) == ("asked", {"k": "v"}, agent)
    for arguments, count in (
        (["--stage", "asked"], 1), (["--stage", "x"], 0), (["--replied", "yes"], 0), (["--suppressed", "no"], 1),
        (["--next-action-before", "4d"], 1), (["--next-action-before", "0s"], 0), (["--last-outbound-before", "0s"], 1),
    ):  # fmt: skip
        assert len(told(account, "contacts", "outreach", "list", *arguments)) == count, arguments
    told(account, "suppressions", "add", "ada@b.test", "--reason", "asked us")
    listed = account.e2a("contacts", "outreach", "list")
    assert "yes: manual (asked us)" in listed.stdout
    tag = found["etag"]
    changed = told(account, "contacts", "outreach", "set", "ada@b.test", "--no-next-action", "--if-match", tag)
    assert changed["next_action_at"] is None
    assert changed["stage"] == "asked"
    late = account.e2a("contacts", "outreach", "set", "ada@b.test", "--stage", "x", "--if-match", tag)
    assert "precondition_failed" in late.stderr
    more = told(account, "contacts", "outreach", "set", "ada@b.test", "--metadata", "l:=true", "--unset", "k")
    assert more["metadata"] == {"l": True}
    assert account.e2a("contacts", "outreach", "delete", "ada@b.test").exit_code == 2
    assert account.e2a("contacts", "outreach", "delete", "ada@b.test", "--yes").stdout == "forgotten: ada@b.test\n"
    assert account.e2a("contacts", "outreach", "list").stdout.startswith("there is no outreach")
    assert account.e2a("contacts", "outreach", "get", "ada@b.test").exit_code == 5
    both = account.e2a("contacts", "outreach", "set", "ada@b.test", "--next-action-at", "3d", "--no-next-action")
    assert both.exit_code == 2
