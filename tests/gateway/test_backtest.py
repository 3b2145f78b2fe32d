"""The back-test of a policy: it says of each stored mail what really applying the policy does to it."""

import gc
import time
from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from e2ad.core.errors import NotFound
from e2ad.core.protection import OPEN, Gate, Inbound, Outbound, Protection, ProvenancePolicy
from e2ad.gateway import protection as verbs
from e2ad.gateway.backtest import Backtest, Preview, Shelf
from e2ad.gateway.rejudging import Replay
from e2ad.storage import backtest as storage
from e2ad.storage.messages import Position
from e2ad.storage.pool import Database
from tests.gateway.replaying import ACCOUNT, AGENT, CONFIG, CORPUS, In, Out, World, any_protection, made_up


@pytest.fixture
async def world(database: Database) -> World:
    world = World(database)
    await world.found()
    return world


def out(policy: Any = "open", action: Any = "review", *entries: str, **more: Any) -> Protection:
    return Protection(outbound=Outbound(gate=Gate(policy, action, entries), **more))


def into(policy: Any = "open", action: Any = "review", *entries: str, sensitivity: Any = "off") -> Protection:
    return Protection(inbound=Inbound(gate=Gate(policy, action, entries), sensitivity=sensitivity))


def both(one: Protection, other: Protection) -> Protection:
    return Protection(inbound=one.inbound, outbound=other.outbound)


KNOWN_ONLY = ProvenancePolicy(content="review", unseen="review")
SETTINGS = {
    "nothing": OPEN,
    "every mail out": out(require_review=True),
    "listed senders, others marked": into("allowlist", "flag", "ada@example.org", "else.test"),
    "listed senders, others held": into("allowlist", "review", "ada@example.org"),
    "listed senders, others refused": into("allowlist", "block", "example.org"),
    "own domain in": into("domain", "review"),
    "screening low": into(sensitivity="low"),
    "screening medium": into(sensitivity="medium"),
    "screening high": into(sensitivity="high"),
    "screening and list": into("allowlist", "flag", "ada@example.org", sensitivity="medium"),
    "listed recipients, others marked": out("allowlist", "flag", "ada@example.org"),
    "listed recipients, others held": out("allowlist", "review", "example.org"),
    "listed recipients, others refused": out("allowlist", "block", "example.org"),
    "own domain out": out("domain", "review"),
    "drafts looked at": out(sensitivity="medium"),
    "drafts looked at closely": out(sensitivity="high"),
    "known people": out(provenance=KNOWN_ONLY),
    "known people, strangers refused": out(provenance=ProvenancePolicy(content="block", unseen="block")),
    "no participants": out(provenance=ProvenancePolicy(participant="review", content="review", unseen="review")),
    "correspondents alone": out(provenance=ProvenancePolicy(participant="block", content="block", unseen="review")),
    "nobody but the list": out(
        "open", "flag", "else.test", provenance=ProvenancePolicy(correspondent="review", participant="review")
    ),
    "held mail makes nobody known": both(into("allowlist", "review", "stranger@else.test"), out(provenance=KNOWN_ONLY)),
    "refused mail makes nobody known": both(into("domain", "block"), out(provenance=KNOWN_ONLY)),
    "screened mail makes nobody known": both(into(sensitivity="high"), out(provenance=KNOWN_ONLY, sensitivity="high")),
    "all at once": both(
        into("allowlist", "flag", "example.org", sensitivity="high"),
        out("allowlist", "flag", "example.org", provenance=KNOWN_ONLY, sensitivity="medium"),
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
async def test_it_equals_really_applying_the_settings(world: World, name: str) -> None:
    await world.begin(OPEN)
    await world.live(CORPUS)
    said, preview = await world.backtest(SETTINGS[name])
    assert (preview.asked, preview.ran_out, preview.unread, preview.gone) == (len(CORPUS), False, 0, 0)
    await world.begin(SETTINGS[name])
    await world.live(CORPUS)
    assert said == world.fared


@pytest.mark.parametrize("seed", range(8))
async def test_it_equals_really_applying_any_settings_to_any_mail(world: World, seed: int) -> None:
    letters = made_up(seed)
    await world.begin(OPEN)
    await world.live(letters)
    settings = [any_protection(seed * 100 + number) for number in range(2)]
    said = [(await world.backtest(one))[0] for one in settings]
    for one, told in zip(settings, said, strict=True):
        await world.begin(one)
        await world.live(letters)
        assert told == world.fared, one


@pytest.mark.parametrize("seed", range(20, 24))
async def test_it_equals_other_settings_also_where_mail_was_held_in_truth(world: World, seed: int) -> None:
    """What was kept back and passes now, and what passed and is kept back now."""
    letters, real, wanted = made_up(seed, 40), any_protection(seed), any_protection(seed + 1000)
    await world.begin(real)
    await world.live(letters)
    kept = [letter for letter in letters if letter.key in world.ids]
    world.never_left = frozenset(key for key, (fate, _) in world.fared.items() if fate not in ("passed", "flagged"))
    told = [(await world.backtest(one))[0] for one in (wanted, OPEN)]
    for one, said in zip((wanted, OPEN), told, strict=True):
        await world.begin(one)
        await world.live(kept)
        assert said == world.fared, one


@pytest.mark.parametrize("seed", range(40, 43))
async def test_what_came_before_is_as_it_was(world: World, seed: int) -> None:
    """Settings that are put in force in the middle are tried from the middle on."""
    letters, wanted = made_up(seed, 40), any_protection(seed)
    await world.begin(OPEN)
    await world.live(letters)
    last = next(letter.key for letter in letters[19::-1] if letter.key in world.ids)
    at = await world.db.fetch_value("select created_at from messages where id = %(id)s", {"id": world.ids[last]})
    said, _ = await world.backtest(wanted, after=Position(at, world.ids[last]))
    before = letters.index(next(letter for letter in letters if letter.key == last)) + 1
    assert set(said) == {letter.key for letter in letters[before:]}
    await world.begin(OPEN)
    await world.live(letters[:before])
    await world.protect(wanted)
    await world.live(letters[before:])
    assert said == {key: fared for key, fared in world.fared.items() if key in said}


STRICT = both(
    into("allowlist", "review", "ada@example.org", sensitivity="high"),
    out(provenance=KNOWN_ONLY, sensitivity="high"),
)


async def contents(world: World) -> dict[str, list[Any]]:
    """All that is stored, sequences and what is remembered of idle connections aside."""
    tables = await world.db.fetch_all(
        "select table_name as name from information_schema.tables"
        " where table_schema = 'public' and table_type = 'BASE TABLE' order by 1",
        prepare=False,
    )
    return {
        row["name"]: [
            one["row"]
            for one in await world.db.fetch_all(
                f"select to_jsonb(t) ::text as row from {row['name']} t order by 1", prepare=False
            )
        ]
        for row in tables
    }


async def test_nothing_is_written(world: World) -> None:
    await world.begin(OPEN)
    await world.live(CORPUS)
    before = await contents(world)
    assert sum(map(len, before.values())) > 200
    _, preview = await world.backtest(STRICT)
    assert len(preview.changed) > 10
    assert await contents(world) == before


async def test_cancelled_anywhere_it_leaves_nothing(world: World) -> None:
    await world.begin(OPEN)
    await world.live(CORPUS[:12])
    before = await contents(world)
    judge, ended = Replay.judge, 0
    for stop in (0, 1, 5, 10):
        seen = [0]

        async def cancelled(self: Any, mail: Any, seen: list[int] = seen, stop: int = stop) -> Any:
            seen[0] += 1
            if seen[0] > stop:
                scope.cancel()
            return await judge(self, mail)

        with pytest.MonkeyPatch.context() as patch, trio.CancelScope() as scope:
            patch.setattr(Replay, "judge", cancelled)
            await world.backtest(STRICT)
        ended += scope.cancelled_caught
    assert ended == 4
    assert await contents(world) == before
    said, _ = await world.backtest(STRICT)
    assert len(said) == 12


async def test_an_agent_without_mail_has_an_empty_preview(world: World) -> None:
    said, preview = await world.backtest(STRICT)
    assert said == {}
    assert (preview.stored, preview.asked, preview.changed, preview.older, preview.last) == (0, 0, [], None, None)


async def test_of_whom_there_is_no_agent_there_is_no_preview(world: World) -> None:
    for account, email in (("b" * 32, "bot@agents.test"), (ACCOUNT, "nobody@agents.test")):
        with pytest.raises(NotFound):
            await Backtest.of(CONFIG, world.db).run(account, email, OPEN)


async def test_mail_that_is_deleted_meanwhile_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.begin(OPEN)
    await world.live(CORPUS[:10])
    gone, places = world.ids["in2"], storage.places

    async def then_deleted(*args: Any, **more: Any) -> Any:
        found = await places(*args, **more)
        await world.db.execute("delete from messages where id = %(id)s", {"id": gone})
        return found

    monkeypatch.setattr(storage, "places", then_deleted)
    said, preview = await world.backtest(STRICT)
    assert (preview.asked, preview.gone, preview.unread, preview.ran_out) == (10, 1, 0, False)
    assert set(said) == {letter.key for letter in CORPUS[:10]} - {"in2"}


async def test_mail_in_the_trash_and_mail_without_its_content_count(world: World) -> None:
    await world.begin(OPEN)
    await world.live(CORPUS)
    said, _ = await world.backtest(STRICT)
    await world.db.execute("update messages set deleted_at = now() where direction = 'inbound'")
    await world.db.execute("update messages set content_sha256 = null")
    await world.db.execute("truncate contents")
    assert (await world.backtest(STRICT))[0] == said


@pytest.mark.parametrize(
    "damage",
    [
        "update messages set authentication = '{\"spf\": 1}'",
        "update messages set authentication = '[]'",
        "update messages set authentication = null",
        "update messages set attachments = '[{}]'",
        "update hold_revisions set draft = '\\x00ff'",
    ],
)
async def test_what_cannot_be_read_stops_nothing(world: World, damage: str) -> None:
    await world.begin(out("allowlist", "review", "ada@example.org"))
    await world.live(CORPUS)
    await world.db.execute(damage, prepare=False)
    said, preview = await world.backtest(STRICT)
    assert preview.unread == 0
    assert set(said) == set(world.ids)


async def test_one_that_cannot_be_judged_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.begin(OPEN)
    await world.live(CORPUS[:6])
    judge = Replay.judge

    async def failing(self: Any, mail: Any) -> Any:
        if mail.id == world.ids["in2"]:
            raise ZeroDivisionError
        return await judge(self, mail)

    monkeypatch.setattr(Replay, "judge", failing)
    said, preview = await world.backtest(STRICT)
    assert (preview.unread, len(said), preview.ran_out) == (1, 5, False)


async def fill(world: World, count: int) -> None:
    """The letters that are stored, so many times over, each with its own id."""
    await world.db.execute(
        "insert into messages select (jsonb_populate_record(m, jsonb_build_object("
        " 'id', 'msg_' || md5(m.id || n), 'created_at', m.created_at + n * interval '1 minute',"
        " 'message_id_key', null))).* from messages m, generate_series(1, %(times)s) n",
        {"times": count // len(world.ids)},
        prepare=False,
    )


class Steps(trio.abc.Instrument):
    """The longest time for which one step of a task computes."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._since = time.thread_time()

    def before_task_step(self, task: Any) -> None:
        self._since = time.thread_time()

    def after_task_step(self, task: Any) -> None:
        self.longest = max(self.longest, time.thread_time() - self._since)


async def test_ten_thousand_mails_go_by_parts_and_hold_nobody_up(world: World) -> None:
    await world.begin(OPEN)
    await world.live(CORPUS)
    await fill(world, 10_000)
    await world.db.execute("analyze messages", prepare=False)
    backtest = evolve(Backtest.of(CONFIG, world.db), seconds=120)
    wanted = verbs.validated(into("allowlist", "review", "ada@example.org", sensitivity="high"), screening=True)
    # What the tests before this one left is not to be gone through while somebody looks at the clock.
    gc.collect()
    gc.freeze()
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    try:
        first = await backtest.run(ACCOUNT, AGENT, wanted)
    finally:
        trio.lowlevel.remove_instrument(steps)
        gc.unfreeze()
    assert (first.asked, len(first.judged), first.ran_out) == (2000, 2000, False)
    assert first.stored > 9_900
    assert steps.longest < 0.05
    seen, part = len(first.judged), first
    while part.older is not None:
        part = await backtest.run(ACCOUNT, AGENT, verbs.validated(into("domain"), screening=True), before=part.older)
        seen += len(part.judged)
    assert seen == first.stored


async def test_a_shelf_keeps_little_and_not_for_long(autojump_clock: MockClock) -> None:
    shelf, preview = Shelf(), Preview(judged=(), stored=0, asked=0)
    for number in range(40):
        shelf.put(str(number), "?", preview)
        await trio.sleep(1)
    assert [number for number in range(40) if shelf.get(str(number), "?")] == list(range(24, 40))
    assert shelf.get("39", "another question") is None
    await trio.sleep(590)
    # Asked for any, it lets go of all that are too old: also of an account that is gone and asks no more.
    assert shelf.get("39", "?") is preview
    assert len(shelf._kept) < 16
    await trio.sleep(10)
    assert shelf.get("39", "?") is None
    assert not shelf._kept


async def test_a_subject_without_an_end_is_kept_with_one(world: World) -> None:
    await world.live([In(key="in1", author="ada@example.org")])
    await world.db.execute("update messages set subject = repeat('x', 200000)")
    preview = await Backtest.of(CONFIG, world.db).run(ACCOUNT, AGENT, OPEN)
    assert [len(one.subject) for one in preview.judged] == [300]


async def test_large_drafts_are_not_all_read_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.begin(out(require_review=True))
    await world.live([Out(key=f"out{number}", to=("ada@example.org",)) for number in range(12)])
    await world.db.execute("update hold_revisions set draft = decode(repeat('78', 1000000), 'hex')")
    read: list[int] = []

    async def mails(*arguments: Any, **more: Any) -> list[storage.StoredMail]:
        rows = await true(*arguments, **more)
        read.append(sum(len(row.draft or b"") for row in rows))
        return rows

    true = storage.mails
    monkeypatch.setattr(storage, "mails", mails)
    preview = await Backtest.of(CONFIG, world.db).run(ACCOUNT, AGENT, OPEN)
    assert len(preview.judged) == 12
    assert sum(read) == 12_000_000
    assert max(read) <= 4 * 1024 * 1024
