"""`e2a contacts import`: a file of contacts into the account, in as many requests as it takes.

Each request has a key made of the import's own and its place, and the same file makes the same requests. So an
import that stopped in the middle, for whatever reason, goes on when it is repeated with `--idempotency-key`: what
the server has done already it answers again and does not do again.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import click
from attrs import asdict, define, field

from e2ad.cli.contact_files import Line, read_lines
from e2ad.cli.context import EX_PERMANENT, Context, command, given
from e2ad.cli.files import FILE, read_bytes
from e2ad.sdk import E2AError

__all__ = ["contacts_import"]

BATCH_ROWS: Final = 1000
BATCH_OCTETS: Final = 16 * 1024**2
"""Of the rows of a request; the API takes 20 MiB of body."""
SHOWN_PROBLEMS: Final = 20
LONGEST_KEY: Final = 240

_COUNTS: Final = ("created", "updated", "skipped", "failed")


@define
class Tally:
    """What became of the lines so far.

    Attributes:
        results: of each line in the file's order, with its number.
        enrolled, suppressed: of those that came in, how many an agent deals with now, or may not write to.
    """

    batches: list[str] = field(factory=list)
    results: list[dict[str, Any]] = field(factory=list)

    def count(self, status: str) -> int:
        """How many lines ended so."""
        return sum(one["status"] == status for one in self.results)

    def add(self, lines: Sequence[Line], answer: Mapping[str, Any]) -> None:
        """The server's word on a batch."""
        if answer["batch_id"]:
            self.batches.append(answer["batch_id"])
        for one in answer["results"]:
            rest = {name: value for name, value in one.items() if name != "index"}
            if twin := re.fullmatch(r"row (\d+) has the same address", str(rest.get("message"))):
                rest["message"] = f"line {lines[int(twin[1])].number} has the same address"
            self.results.append({"line": lines[one["index"]].number, **rest})

    def fail(self, line: Line, code: str = "unreadable") -> None:
        """A line that was never sent."""
        self.results.append({"line": line.number, "status": "failed", "code": code, "message": line.problem})

    def document(self, **more: Any) -> dict[str, Any]:
        """For programs."""
        self.results.sort(key=lambda one: int(one["line"]))
        return {
            **more,
            **{name: self.count(name) for name in _COUNTS},
            "batch_ids": self.batches,
            "results": self.results,
        }


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--email-column", metavar="NAME", help="The column of addresses, if it is not called email or address.")
@click.option("--name-column", metavar="NAME", help="The column of names, if it is not called name.")
@click.option("--encoding", help="What the file is written in, if not UTF-8, for instance cp1252.")
@click.option("--agent", metavar="AGENT", help="Let this agent deal with all of them.")
@click.option("--stage", help="At which stage it is with them; with --agent.")
@click.option(
    "--on-conflict", type=click.Choice(["merge", "skip"]), help="What happens to those who are there already."
)
@click.option("--dry-run", is_flag=True, help="Only look what would happen; nothing is changed.")
@click.option("--idempotency-key", "key", metavar="KEY", help="Of an import that stopped: go on where it was.")
@command
def contacts_import(
    context: Context,
    file: Path,
    email_column: str | None,
    name_column: str | None,
    encoding: str | None,
    agent: str | None,
    stage: str | None,
    on_conflict: str | None,
    dry_run: bool,
    key: str | None,
) -> None:
    """Add contacts from a FILE, - for standard input: CSV with a line of heads, JSON lines, or bare addresses.

    Columns other than address and name become metadata. Sends nothing to anybody.

    \b
    e2a contacts import people.csv --dry-run
    e2a contacts import people.csv --agent my-bot --stage new --on-conflict skip
    """
    if stage is not None and agent is None:
        raise click.UsageError("--stage says how far an agent is; add --agent")
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise click.UsageError(f"--idempotency-key takes 1 to {LONGEST_KEY} characters")
    lines = read_lines(read_bytes(file), email_column=email_column, name_column=name_column, encoding=encoding)
    tally = Tally()
    good = [line for line in lines if line.row is not None]
    for line in lines:
        if line.row is None:
            tally.fail(line)
    rest = given(on_conflict=on_conflict, agent_email=context.full(agent) if agent else None, stage=stage)
    if dry_run:
        _look(context, tally, good, skip=on_conflict == "skip")
    else:
        _send(context, tally, good, rest, key or uuid4().hex)
    _report(context, tally, file, dry_run=dry_run)


def _send(context: Context, tally: Tally, lines: Sequence[Line], rest: Mapping[str, Any], key: str) -> None:
    """All batches, one after the other."""
    with _resumable(context, key, tally, len(lines)), context.progress("importing", total=len(lines)) as advance:
        for number, batch in enumerate(_batches(lines), start=1):
            body = {"contacts": [line.row for line in batch], **rest}
            tally.add(batch, context.plain.contacts.import_(body, idempotency_key=f"{key}-{number}"))
            advance(len(batch))


@contextmanager
def _resumable(context: Context, key: str, tally: Tally, total: int) -> Iterator[None]:
    """Says how to go on, whatever stops the work inside, unless it would only stop there again."""
    before = len(tally.results)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        taken = len(tally.results) - before
        if taken or not isinstance(error, E2AError) or error.retryable:
            context.note(f"stopped: {taken} of {total} contacts are in for certain")
            context.note(f"to go on, repeat the same command within a day with --idempotency-key {key}")
        raise


def _batches(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """As many lines as one request takes; the same file is always divided in the same way."""
    batch, octets = list[Line](), 0
    for line in lines:
        size = len(json.dumps(line.row)) + 1
        if batch and (len(batch) == BATCH_ROWS or octets + size > BATCH_OCTETS):
            yield batch
            batch, octets = [], 0
        batch.append(line)
        octets += size
    if batch:
        yield batch


def _look(context: Context, tally: Tally, lines: Sequence[Line], *, skip: bool) -> None:
    """What an import would do, by the rules of the server and the contacts that there are."""
    from e2ad.core.contacts import Row, read_rows  # here, since every other command would start later for it

    rows = [Row(row["address"], row.get("display_name"), row.get("metadata")) for line in lines if (row := line.row)]
    entries, others = read_rows(rows)
    tally.add(lines, {"batch_id": None, "results": [given(**asdict(one)) for one in others]})
    with context.progress("looking at the contacts that there are") as advance:
        known = set[str]()
        for page in context.plain.contacts.list(limit=100).pages():
            known |= {contact["address"] for contact in page.items}
            advance(len(page.items))
    for entry in entries:
        status = "created" if entry.address not in known else "skipped" if skip else "updated"
        tally.results.append({"line": lines[entry.index].number, "status": status, "address": entry.address})


def _report(context: Context, tally: Tally, file: Path, *, dry_run: bool) -> None:
    """What came of it; ends with 5 if a line failed."""
    document = tally.document(dry_run=dry_run)
    failed = [one for one in tally.results if one["status"] == "failed"]
    for one in failed[:SHOWN_PROBLEMS]:
        about = f" ({one['address']})" if one.get("address") else ""
        context.note(f"{file}: line {one['line']}{about}: {one.get('message') or one.get('code')}")
    if len(failed) > SHOWN_PROBLEMS:
        context.note(f"and {len(failed) - SHOWN_PROBLEMS} more lines that failed; --json tells of all")
    would = "would be " if dry_run else ""
    counts = ", ".join(f"{tally.count(name)} {would}{name}" for name in _COUNTS[:3])
    skipped = Counter(one.get("code") for one in tally.results if one["status"] == "skipped")
    twice = (
        f" ({skipped['duplicate_in_batch']} of them stand twice in the file)" if skipped["duplicate_in_batch"] else ""
    )
    lines = [f"{counts}{twice}, {len(failed)} failed"]
    if blocked := sum(bool(one.get("suppressed")) for one in tally.results):
        lines.append(f"{blocked} of them may not be written to: e2a suppressions list")
    if tally.batches:
        lines.append(f"  to take it back: e2a contacts imports delete {' '.join(tally.batches)}")
    context.done(document, *lines)
    if failed:
        click.get_current_context().exit(EX_PERMANENT)
