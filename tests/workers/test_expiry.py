"""Holds that ran out: each ends as its owner wanted, once, whoever looks for it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import trio
from attrs import evolve

from e2ad.config.sections import Config
from e2ad.core.errors import Unavailable
from e2ad.core.outbound import Draft, MessageType
from e2ad.core.policy import Held, HoldReason
from e2ad.core.protection import Holds, Outbound, Protection
from e2ad.core.sealing import KeyRing
from e2ad.gateway import deciding as gateway
from e2ad.gateway import holds, mint
from e2ad.gateway.acceptance import Acceptance, survey
from e2ad.gateway.courier import NoCourier
from e2ad.gateway.deciding import Deciding
from e2ad.gateway.holds import Desk
from e2ad.gateway.limits import RateLimits
from e2ad.gateway.reviews import Reviewer, Reviews
from e2ad.storage.pool import Database
from e2ad.workers.expiry import Expiry

ACCOUNT = "a" * 32
AGENT = "bot@agents.test"
KEYS = KeyRing(("a deployment secret of the tests, long enough",))
CONFIG = evolve(Config(), shared_domain="agents.test")
DESK = Desk.of(CONFIG, KEYS, public_url="https://e2a.test")


class Kicked(NoCourier):
    """Counts."""

    kicks = 0

    def kick(self) -> None:
        self.kicks += 1


async def household(database: Database) -> None:
    for statement in (
        "insert into accounts (id, email) values (repeat('a', 32), 'owner@example.com')",
        "insert into domains (domain, account_id, verified, verification_token)"
        " values ('agents.test', repeat('a', 32), true, 't')",
        "insert into agents (email, account_id, domain, registered_domain)"
        " values ('bot@agents.test', repeat('a', 32), 'agents.test', 'agents.test')",
    ):
        async with database.connection() as connection:
            await connection.execute(statement)


async def held(database: Database, on_expiry: str = "reject", *, overdue: bool = True, **changes: Any) -> str:
    """A draft that is held, and whose time is over."""
    message_id = mint.new_id("msg_")
    found = await survey(database, ACCOUNT, AGENT, ())
    protection = Protection(outbound=Outbound(require_review=True), holds=Holds(on_expiry=on_expiry))  # type: ignore[arg-type]  # from tables
    draft = Draft(
        agent_email=AGENT,
        to=("ada@example.org",),
        subject="x",
        text="y",
        conversation_id=mint.new_id("conv_"),
        **changes,
    )
    verdict = Held(HoldReason("send", "review_required", "all"), ())
    async with database.transaction() as transaction:
        await holds.hold(
            transaction, evolve(found, protection=protection), draft, verdict, message_id=message_id, desk=DESK
        )
    if overdue:
        await run(
            database,
            "update messages set review_expires_at = now() - interval '1 second' where id = %(id)s",
            id=message_id,
        )
    return message_id


async def run(database: Database, statement: str, **parameters: Any) -> None:
    async with database.connection() as connection:
        await connection.execute(statement, parameters)


async def rows(database: Database, table: str) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        return await connection.fetch_all(f"select * from {table}")


async def statuses(database: Database) -> dict[str, Any]:
    return {row["id"]: row["review_status"] for row in await rows(database, "messages")}


def expiry(database: Database, courier: NoCourier | None = None) -> Expiry:
    reviews = Reviews(DESK, Acceptance.of(CONFIG, KEYS))
    return Expiry(database, lambda: reviews, courier or NoCourier())


async def test_each_ends_as_its_owner_wanted(database: Database) -> None:
    await household(database)
    courier = Kicked()
    sent, dropped = await held(database, "approve"), await held(database, "reject")
    waits = await held(database, "approve", overdue=False)
    assert await expiry(database, courier).sweep() == 2
    assert await statuses(database) == {
        sent: "review_expired_approved",
        dropped: "review_expired_rejected",
        waits: "pending_review",
    }
    assert [row["message_id"] for row in await rows(database, "submissions")] == [sent]
    assert sorted(
        row["reason_code"] for row in await rows(database, "lifecycle") if "expired" in row["reason_code"]
    ) == [
        "review.expired_approved",
        "review.expired_rejected",
    ]
    assert sorted(row["type"] for row in await rows(database, "events") if "requested" not in row["type"]) == [
        "email.review_approved",
        "email.review_rejected",
    ]
    assert {row["decided_via"] for row in await rows(database, "holds")} == {"expiry", None}
    assert courier.kicks == 1
    assert await expiry(database).sweep() == 0


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("update domains set verified = false", "not verified"),
        (
            "insert into suppressions (account_id, address, source)"
            " values (repeat('a', 32), 'ada@example.org', 'manual')",
            "suppressed",
        ),
    ],
)
async def test_what_may_not_leave_is_rejected_with_the_reason(database: Database, trouble: str, words: str) -> None:
    await household(database)
    message_id = await held(database, "approve")
    await run(database, trouble)
    assert await expiry(database).sweep() == 1
    assert await statuses(database) == {message_id: "review_expired_rejected"}
    (hold,) = await rows(database, "holds")
    assert words in hold["rejection_reason"]
    assert await rows(database, "submissions") == []


async def test_trouble_that_passes_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await household(database)
    message_id = await held(database, "approve")
    prepare = Acceptance.prepare

    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(Acceptance, "prepare", away)
    assert await expiry(database).sweep() == 0
    assert await statuses(database) == {message_id: "pending_review"}
    monkeypatch.setattr(Acceptance, "prepare", prepare)
    assert await expiry(database).sweep() == 1
    assert await statuses(database) == {message_id: "review_expired_approved"}


async def test_what_cannot_be_composed_is_rejected(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await household(database)
    message_id = await held(database, "approve")

    async def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("the subject cannot be written")

    monkeypatch.setattr(Acceptance, "prepare", broken)
    assert await expiry(database).sweep() == 1
    assert await statuses(database) == {message_id: "review_expired_rejected"}


async def test_one_that_breaks_does_not_stop_the_others(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await household(database)
    ids = [await held(database) for _ in range(3)]
    reject = Reviews.expire_rejecting

    async def sometimes(self: Reviews, transaction: Any, locked: Any, *more: Any) -> Any:
        if locked.id == ids[1]:
            raise RuntimeError("surprise")
        return await reject(self, transaction, locked, *more)

    monkeypatch.setattr(Reviews, "expire_rejecting", sometimes)
    assert await expiry(database).sweep() == 2
    assert (await statuses(database))[ids[1]] == "pending_review"


async def test_holds_of_trashed_agents_wait(database: Database) -> None:
    await household(database)
    message_id = await held(database)
    await run(database, "update agents set deleted_at = now()")
    assert await expiry(database).sweep() == 0
    assert await statuses(database) == {message_id: "pending_review"}


async def test_a_forward_stays_a_forward_and_an_answer_an_answer(database: Database) -> None:
    await household(database)
    await held(database, "approve", kind=MessageType.FORWARD)
    await held(
        database, "approve", kind=MessageType.REPLY, in_reply_to="<p@example.org>", references=("<p@example.org>",)
    )
    assert await expiry(database).sweep() == 2
    contents = [bytes(row["raw"]) for row in await rows(database, "contents")]
    assert sorted(b"In-Reply-To" in content for content in contents) == [False, True]
    # Nobody looked at them.
    assert sorted(b"Auto-Submitted" in content for content in contents) == [False, True]


async def test_many_processes_end_each_hold_once(database: Database) -> None:
    await household(database)
    ids: Sequence[str] = [await held(database, "approve" if number % 2 else "reject") for number in range(24)]
    decided: list[int] = []

    async def process() -> None:
        decided.append(await expiry(database).sweep())

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(process)
    assert sum(decided) == len(ids)
    assert len(await rows(database, "submissions")) == 12
    assert len([row for row in await rows(database, "events") if "requested" not in row["type"]]) == 24


async def test_a_person_and_the_clock_at_once(database: Database) -> None:
    await household(database)
    deciding = Deciding.of(CONFIG, database, KEYS, RateLimits(database), NoCourier(), public_url="")
    for _ in range(4):
        message_id = await held(database, "approve")
        outcomes: list[str] = []

        async def person(message_id: str = message_id, outcomes: list[str] = outcomes) -> None:
            try:
                await deciding.reject(ACCOUNT, message_id, Reviewer("api", "k"))
            except gateway.NotFound:
                raise
            except Exception as error:
                outcomes.append(type(error).__name__)
            else:
                outcomes.append("rejected")

        async def clock(outcomes: list[str] = outcomes) -> None:
            outcomes.append(str(await expiry(database).sweep()))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(person)
            nursery.start_soon(clock)
        status = (await statuses(database))[message_id]
        if status == "review_rejected":
            assert sorted(outcomes) == ["0", "rejected"]
        else:
            assert (sorted(outcomes), status) == (["1", "MessageNotPending"], "review_expired_approved")


async def test_it_sweeps_in_its_rhythm_until_told(database: Database) -> None:
    await household(database)
    message_id = await held(database)
    async with trio.open_nursery() as nursery:
        await nursery.start(expiry(database).run, 0.05)
        with trio.fail_after(10):
            while (await statuses(database))[message_id] == "pending_review":
                await trio.sleep(0.02)
        nursery.cancel_scope.cancel()


async def test_a_time_that_is_over_was_set_by_the_hold(database: Database) -> None:
    await household(database)
    await held(database, overdue=False)
    (message,) = await rows(database, "messages")
    assert abs(message["review_expires_at"] - mint.now() - timedelta(days=7)) < timedelta(minutes=1)
