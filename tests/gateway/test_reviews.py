"""A decision that ends half-way is none, wherever it ends."""

import email
from datetime import timedelta
from typing import Any

import pytest
import trio
from attrs import evolve

from e2ad.config.sections import Config
from e2ad.core.errors import Conflict, InvalidRequest, MessageNotPending, NotFound
from e2ad.core.outbound import Draft, DraftAttachment, MessageType, decode_draft
from e2ad.core.protection import Outbound, Protection
from e2ad.core.sealing import KeyRing
from e2ad.gateway import holds, mint
from e2ad.gateway.acceptance import Acceptance, survey
from e2ad.gateway.drafting import File
from e2ad.gateway.edits import Edits, edited
from e2ad.gateway.gate import Held, judge
from e2ad.gateway.holds import Desk
from e2ad.gateway.previews import preview
from e2ad.gateway.reviews import Reviewer, Reviews
from e2ad.storage import reviews
from e2ad.storage.pool import Database, Executor

ACCOUNT = "a" * 32
AGENT = "bot@agents.test"
KEYS = KeyRing(("a deployment secret of the tests, long enough",))
CONFIG = evolve(Config(), shared_domain="agents.test")
REVIEWS = Reviews(Desk.of(CONFIG, KEYS, public_url="https://e2a.test"), Acceptance.of(CONFIG, KEYS))
PERSON = Reviewer("api", "key")
TABLES = ("messages", "holds", "hold_revisions", "lifecycle", "events", "submissions", "recipients", "contents")


class Died(Exception):
    """The process ended here."""


class Dying(Executor):
    """Ends after so many statements."""

    def __init__(self, executor: Any, statements: int) -> None:
        self.executor = executor
        self.left = statements

    async def _run(self, *args: Any) -> Any:
        if not self.left:
            raise Died
        self.left -= 1
        return await self.executor._run(*args)


async def run(database: Database, statement: str, **parameters: Any) -> None:
    async with database.connection() as connection:
        await connection.execute(statement, parameters)


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    async with database.connection() as connection:
        return {table: await connection.fetch_all(f"select * from {table} order by 1, 2") for table in TABLES}


@pytest.fixture
async def house(database: Database) -> Database:
    """An account with an agent."""
    await run(database, "insert into accounts (id, email) values (repeat('a', 32), 'owner@example.com')")
    await run(
        database,
        "insert into domains (domain, account_id, verified, verification_token)"
        " values ('agents.test', repeat('a', 32), true, 't')",
    )
    await run(
        database,
        "insert into agents (email, account_id, domain, registered_domain)"
        " values ('bot@agents.test', repeat('a', 32), 'agents.test', 'agents.test')",
    )
    return database


async def held(database: Database, **changes: Any) -> str:
    draft = evolve(
        Draft(agent_email=AGENT, to=("ada@example.org",), subject="Hi", text="x", conversation_id="conv_1"), **changes
    )
    protection = Protection(outbound=Outbound(require_review=True))
    found = evolve(await survey(database, ACCOUNT, AGENT, draft.recipients), protection=protection)
    verdict = await judge(database, found, draft, max_agent_hops=6)
    assert isinstance(verdict, Held)
    message_id = mint.new_id("msg_")
    async with database.transaction() as transaction:
        await holds.hold(transaction, found, draft, verdict, message_id=message_id, desk=REVIEWS.desk)
    return message_id


async def decide(verb: str, executor: Executor, message_id: str) -> Any:
    match verb:
        case "approve":
            return await REVIEWS.approve(executor, ACCOUNT, message_id, PERSON, edits=Edits(subject="other"))
        case "reject":
            return await REVIEWS.reject(executor, ACCOUNT, message_id, PERSON)
        case _:
            return await REVIEWS.edit(executor, ACCOUNT, message_id, PERSON, Edits(text="other"))


@pytest.mark.parametrize("verb", ["approve", "reject", "edit"])
async def test_all_or_nothing(house: Database, verb: str) -> None:
    message_id = await held(house)
    before = await everything(house)
    for statements in range(40):
        try:
            async with house.transaction() as transaction:
                await decide(verb, Dying(transaction, statements), message_id)
        except Died:
            assert await everything(house) == before
        else:
            break
    else:
        pytest.fail("it never came to an end")
    assert statements > 2
    after = await everything(house)
    assert after != before
    if verb == "approve":
        assert (after["messages"][0]["review_status"], after["messages"][0]["subject"]) == ("review_approved", "other")
        assert len(after["submissions"]) == 1


@pytest.mark.parametrize("verb", ["approve", "reject", "edit"])
async def test_a_killed_connection_decides_nothing(house: Database, verb: str) -> None:
    message_id = await held(house)
    before = await everything(house)
    broken = False
    try:
        async with house.transaction() as transaction:
            await decide(verb, transaction, message_id)
            pid = await transaction.fetch_value("select pg_backend_pid()")
            await run(house, "select pg_terminate_backend(%(pid)s)", pid=pid)
            await transaction.fetch_value("select 1")
    except Exception:
        broken = True
    assert broken
    assert await everything(house) == before


async def test_cancelled_is_undone(house: Database) -> None:
    message_id = await held(house)
    before = await everything(house)
    with trio.CancelScope() as scope:
        async with house.transaction() as transaction:
            await decide("approve", transaction, message_id)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert await everything(house) == before


async def test_who_edits_while_another_approves(house: Database) -> None:
    """Whoever comes second has to see what the first did: never is one draft approved and another sent."""
    for _ in range(6):
        message_id = await held(house)
        seen = (await everything(house))["hold_revisions"]
        sha256 = next(bytes(row["sha256"]) for row in seen if row["message_id"] == message_id)
        outcomes: dict[str, str] = {}

        async def approve(message_id: str = message_id, sha256: bytes = sha256, to: dict[str, str] = outcomes) -> None:
            try:
                async with house.transaction() as transaction:
                    await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON, seen=sha256)
                to["approve"] = "done"
            except (Conflict, MessageNotPending) as error:
                to["approve"] = type(error).__name__

        async def edit(message_id: str = message_id, to: dict[str, str] = outcomes) -> None:
            try:
                async with house.transaction() as transaction:
                    await REVIEWS.edit(transaction, ACCOUNT, message_id, PERSON, Edits(text="forged"))
                to["edit"] = "done"
            except MessageNotPending as error:
                to["edit"] = type(error).__name__

        async with trio.open_nursery() as nursery:
            nursery.start_soon(approve)
            nursery.start_soon(edit)
        assert outcomes in (
            {"approve": "done", "edit": "MessageNotPending"},
            {"approve": "Conflict", "edit": "done"},
        )
    for content in (await everything(house))["contents"]:
        assert b"forged" not in content["raw"]


async def test_drafts_of_one_conversation_are_approved_at_once(house: Database) -> None:
    """Each of them has a lock on its own row: nobody may want that of another."""
    for _ in range(3):
        conversation = mint.new_id("conv_")
        held_ids = [await held(house, conversation_id=conversation) for _ in range(6)]
        async with trio.open_nursery() as nursery:
            for message_id in held_ids:
                nursery.start_soon(approve_alone, house, message_id)
    after = await everything(house)
    assert len(after["submissions"]) == 18
    assert {row["review_status"] for row in after["messages"]} == {"review_approved"}


async def test_a_draft_is_approved_while_others_of_its_conversation_are_looked_at(house: Database) -> None:
    message_id, other = await held(house), await held(house)
    async with house.transaction() as looking:
        assert await reviews.lock(looking, ACCOUNT, other) is not None
        with trio.fail_after(5):
            await approve_alone(house, message_id)


async def approve_alone(database: Database, message_id: str) -> None:
    async with database.transaction() as transaction:
        await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON)


LETTER = {
    "html": "<p>x</p>",
    "attachments": (DraftAttachment("a.bin", "application/octet-stream", bytes(range(256)) * 9000),),
    "cc": ("carl@example.org",),
}


async def left(database: Database, message_id: str) -> bytes:
    """The octets that a dispatcher finds, whenever it comes."""
    content: bytes = await database.fetch_value(
        "select c.raw from messages m join contents c on c.account_id = m.account_id and c.sha256 = m.content_sha256"
        " where m.id = %(id)s",
        {"id": message_id},
    )
    return content


def name_of(content: bytes) -> str:
    return str(email.message_from_bytes(content)["Message-ID"])


@pytest.mark.parametrize("changes", [{}, LETTER], ids=["plain", "with parts"])
async def test_what_was_seen_is_what_leaves(house: Database, changes: dict[str, Any]) -> None:
    message_id, at = await held(house, **changes), mint.now()
    seen = await preview(house, REVIEWS.acceptance, ACCOUNT, message_id, at)
    again = await preview(house, REVIEWS.acceptance, ACCOUNT, message_id, at)
    assert (seen.content, seen.composition) == (again.content, again.composition)
    before = await everything(house)
    for statements in range(40):
        try:
            async with house.transaction() as transaction:
                dying = Dying(transaction, statements)
                await REVIEWS.approve(dying, ACCOUNT, message_id, PERSON, exactly=seen.composition)
        except Died:
            assert await everything(house) == before
        else:
            break
    assert statements > 2
    assert await left(house, message_id) == seen.content


async def test_what_was_seen_is_not_what_another_draft_leaves_as(house: Database) -> None:
    """Of whichever mail leaves nobody has seen the name on another one."""
    message_id, at = await held(house), mint.now()
    seen = await preview(house, REVIEWS.acceptance, ACCOUNT, message_id, at)
    with pytest.raises(Conflict):
        async with house.transaction() as transaction:
            await REVIEWS.approve(
                transaction, ACCOUNT, message_id, PERSON, edits=Edits(text="other"), exactly=seen.composition
            )
    assert (await everything(house))["submissions"] == []
    async with house.transaction() as transaction:
        await REVIEWS.edit(transaction, ACCOUNT, message_id, PERSON, Edits(text="other"))
    with pytest.raises(Conflict):
        async with house.transaction() as transaction:
            await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON, exactly=seen.composition)
    other = await preview(house, REVIEWS.acceptance, ACCOUNT, message_id, at)
    twin = await preview(house, REVIEWS.acceptance, ACCOUNT, await held(house, text="other"), at)
    assert len({name_of(one.content) for one in (seen, other, twin)}) == 3
    async with house.transaction() as transaction:
        await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON)
    assert name_of(await left(house, message_id)) not in {name_of(one.content) for one in (seen, twin)}


@pytest.mark.parametrize("seconds", [-24 * 3600 - 60, 120])
async def test_what_was_seen_too_long_ago_is_looked_at_again(house: Database, seconds: int) -> None:
    message_id, at = await held(house), mint.now() + timedelta(seconds=seconds)
    seen = await preview(house, REVIEWS.acceptance, ACCOUNT, message_id, at)
    with pytest.raises(Conflict):
        async with house.transaction() as transaction:
            await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON, exactly=seen.composition)


async def test_wrong_states(house: Database) -> None:
    with pytest.raises(NotFound):
        await decide("approve", house, "msg_nothing")
    message_id = await held(house)
    for status in ("review_approved", "review_rejected", "review_expired_approved", "review_expired_rejected", None):
        await run(house, "update messages set review_status = %(s)s", s=status)
        for verb in ("approve", "reject", "edit"):
            with pytest.raises(MessageNotPending):
                await decide(verb, house, message_id)
    await run(house, "update messages set review_status = 'pending_review', direction = 'inbound'")
    with pytest.raises(InvalidRequest):
        await decide("edit", house, message_id)
    with pytest.raises(InvalidRequest):
        await REVIEWS.reject(house, ACCOUNT, message_id, PERSON, reason="x" * 2001)
    with pytest.raises(NotFound):
        await REVIEWS.approve(house, "b" * 32, message_id, PERSON)


async def test_a_persons_approval_starts_the_count_anew(house: Database) -> None:
    message_id = await held(
        house, hops=7, kind=MessageType.REPLY, in_reply_to="<p@x>", references=("<p@x>",), automatic=True
    )
    async with house.transaction() as transaction:
        await REVIEWS.approve(transaction, ACCOUNT, message_id, PERSON)
    found = await everything(house)
    assert found["messages"][0]["hops"] == 1
    raw = bytes(found["contents"][0]["raw"])
    assert b"In-Reply-To: <p@x>" in raw
    assert b"Auto-Submitted" not in raw
    # What was approved stays on record as it was held.
    assert decode_draft(found["hold_revisions"][0]["draft"]).hops == 7


FILE = DraftAttachment("a.txt", "text/plain", b"hi")
WHOLE = Draft(
    kind=MessageType.FORWARD,
    agent_email=AGENT,
    to=("ada@example.org",),
    cc=("bob@example.org",),
    subject="Fwd: Hi",
    text="x",
    html="<p>x",
    attachments=(FILE,),
    parent_id="msg_1",
    conversation_id="conv_1",
    references=("<p@x>",),
)


@pytest.mark.parametrize(
    ("edits", "changes"),
    [
        (Edits(), {}),
        (Edits(subject="Fwd: Hi"), {}),
        (Edits(subject="y"), {"subject": "y"}),
        (Edits(text="y"), {"text": "y"}),
        (Edits(html=""), {"html": None}),
        (Edits(to=["Eve <Eve@Example.net>"]), {"to": ("eve@example.net",)}),
        (Edits(cc=()), {"cc": ()}),
        (Edits(bcc=["ada@example.org", "eve@example.net", AGENT]), {"bcc": ("eve@example.net",)}),
        (Edits(attachments=()), {"attachments": ()}),
        (
            Edits(attachments=[File("b", "text/x", "aG8=")]),
            {"attachments": (DraftAttachment("b", "text/x", b"ho"),)},
        ),
    ],
)
def test_an_edit_changes_what_it_names(edits: Edits, changes: Any) -> None:
    assert edited(WHOLE, edits, own=(AGENT,), at=mint.now()) == evolve(WHOLE, **changes)
