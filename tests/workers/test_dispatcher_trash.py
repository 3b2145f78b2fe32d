"""The trash and mail that has not left: cancelled, armed again, or too late."""

from datetime import UTC, datetime, timedelta

import pytest

from e2ad.core.errors import SendInProgress
from e2ad.gateway import messages
from e2ad.storage import submissions
from e2ad.storage.pool import Database
from tests import factories
from tests.workers.dispatching import post, world

AGENT = "bot@agents.test"
SOON = timedelta(seconds=1)


async def scheduled(database: Database, account: str, at: datetime) -> str:
    return await factories.submission(database, account, relay=["joe@people.test"], scheduled_at=at, next_attempt_at=at)


async def test_restored_before_its_time_it_leaves(database: Database) -> None:
    account = await world(database)
    async with post(database) as it:
        message = await scheduled(database, account, datetime.now(UTC) + SOON)
        await messages.trash(database, account, AGENT, message)
        await messages.restore(database, account, AGENT, message)
        assert (await it.row(message))["status"] == "accepted"
        await database.execute("update submissions set next_attempt_at = now()", prepare=False)
        it.dispatcher.kick()
        await it.settled(message)
        assert (await it.row(message))["status"] == "sent"


async def test_restored_later_it_has_failed(database: Database) -> None:
    account = await world(database)
    async with post(database) as it:
        message = await scheduled(database, account, datetime.now(UTC) + SOON)
        await messages.trash(database, account, AGENT, message)
        await database.execute("update submissions set next_attempt_at = now()", prepare=False)
        it.dispatcher.kick()
        await it.settled(message)
        await messages.restore(database, account, AGENT, message)
        it.dispatcher.kick()
        await it.settled(message)
        row = await it.row(message)
        assert (row["status"], row["next_attempt_at"]) == ("failed", None)
        assert await it.ledger(message) == [("submission.cancelled", "joe@people.test")]
    assert it.far.mails == []


@pytest.mark.parametrize(("lease", "refused"), [(60, True), (-1, False)])
async def test_what_is_on_its_way_cannot_be_thrown_away(database: Database, lease: int, refused: bool) -> None:
    account = await world(database)
    until = datetime.now(UTC) + timedelta(seconds=lease)
    message = await factories.submission(
        database, account, relay=["joe@people.test"], status="sending", leased_until=until, next_attempt_at=until
    )
    assert await submissions.in_progress(database, account, AGENT) == refused
    if refused:
        with pytest.raises(SendInProgress):
            await messages.trash(database, account, AGENT, message)
    else:
        await messages.trash(database, account, AGENT, message)
    await database.execute("update messages set deleted_at = now()", prepare=False)
    if refused:
        await messages.trash(database, account, AGENT, message)
        with pytest.raises(SendInProgress):
            await messages.purge(database, account, AGENT, message)
    else:
        await messages.purge(database, account, AGENT, message)
    assert await database.fetch_value("select count(*) from submissions", prepare=False) == int(refused)
