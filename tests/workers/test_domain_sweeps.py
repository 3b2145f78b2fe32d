"""The sweeps of domains, as the table has them: due ones are looked at, claims run out."""

from e2ad.config.sections import Config
from e2ad.gateway.mint import now
from e2ad.storage.pool import Database
from e2ad.workers.kinds import table
from e2ad.workers.sweeps import run_once
from tests import factories
from tests.zone import Zone


async def test_due_domains_are_looked_at_in_batches(database: Database) -> None:
    owner = await factories.account(database)
    for number in range(20):
        await factories.domain(database, f"d{number}.example", owner.account_id)
    await database.execute("update domains set next_check_at = now(), verified_at = now()", {})
    started = now()
    sweeps = {sweep.name: sweep for sweep in table(Config(), Zone())}
    await run_once(database, sweeps["domains"])
    row = await database.fetch_one(
        "select count(*) filter (where last_checked_at >= %(at)s) as looked,"
        " count(*) filter (where failing_since is not null and verified) as failing,"
        " count(*) filter (where next_check_at > now()) as later from domains",
        {"at": started},
    )
    assert row == {"looked": 20, "failing": 20, "later": 20}


async def test_claims_run_out(database: Database) -> None:
    owner = await factories.account(database)
    for name in ("old.example", "young.example"):
        await factories.domain(database, name, owner.account_id, verified=False)
    await database.execute(
        "update domains set claim_expires_at = now() + case domain when 'old.example' then -1 else 1 end"
        " * interval '1 hour'",
        {},
    )
    sweeps = {sweep.name: sweep for sweep in table(Config())}
    assert "domains" not in sweeps  # nothing to ask
    assert await run_once(database, sweeps["domain_claims"]) == 1
    assert await database.fetch_value("select domain from domains", {}) == "young.example"
