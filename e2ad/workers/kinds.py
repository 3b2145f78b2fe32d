"""The table of sweeps: what is done from time to time, how often, and how long it may take.

A sweep does one batch and says how many rows it touched. The runner of sweeps repeats it while
batches come back full, one process at a time, each run bounded by its deadline.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from e2ad import maillog
from e2ad.config import Config
from e2ad.core.audit import SYSTEM
from e2ad.core.sealing import KeyRing
from e2ad.gateway import audit, domain_sweeps, engagements
from e2ad.gateway.closing import KEPT_DAYS, Closing
from e2ad.gateway.domain_checks import CheckSettings, DnsRecords, DomainChecks
from e2ad.storage import (
    agents,
    deliveries,
    feedback,
    idempotency,
    limits,
    metrics,
    oauth,
    operations,
    retention,
    sessions,
    sign_in,
)
from e2ad.storage.pool import Database

__all__ = ["BATCH", "Sweep", "table"]

BATCH: Final = 1000
DISABLE_WINDOW_SECONDS: Final = 72 * 3600.0
DISABLE_FAILURES: Final = 10
DISABLE_REASON: Final = "10 or more deliveries failed within 72 hours and none was delivered"
INTAKE_HOURS: Final = 72
IDEMPOTENCY_HOURS: Final = 24
RATE_WINDOW_HOURS: Final = 2
OAUTH_CLIENT_DAYS: Final = 90
"""After which a program that nobody uses is forgotten (contract: retention)."""
AGENT_BATCH: Final = 200
DUE_BATCH: Final = 200
STATISTICS_SECONDS: Final = 5.0
CLOSED_SECONDS: Final = 300.0
METRICS_SECONDS: Final = 60.0
QUEUES_SECONDS: Final = 60.0
QUEUE_DAYS: Final = 31
ACCOUNT_IDLE_SECONDS: Final = 600.0
"""After so long the request that closed an account does not delete it any more."""


@frozen
class Sweep:
    """One kind of recurring work.

    Attributes:
        period_seconds: from one run to the next.
        deadline_seconds: for one run, all its batches together.
        batch: does one batch of at most this many rows and says how many it touched.
        at_start: also as soon as the process runs.
    """

    name: str
    period_seconds: float
    deadline_seconds: float
    batch: Callable[[Database, int], Awaitable[int]]
    at_start: bool = False


def table(config: Config, dns: DnsRecords | None = None) -> tuple[Sweep, ...]:
    """All sweeps under this configuration; those that look at domains only with a DNS to ask."""
    keep = config.retention

    async def drop_events(database: Database, batch: int) -> int:
        return await retention.drop_events(database, keep.event_days, batch)

    async def drop_deliveries(database: Database, batch: int) -> int:
        return await retention.drop_deliveries(database, keep.delivery_days, batch)

    async def drop_provider_events(database: Database, batch: int) -> int:
        return await feedback.sweep(database, keep.event_days, batch)

    async def drop_notices(database: Database, batch: int) -> int:
        return await retention.drop_notices(database, keep.event_days, batch)

    async def drop_revisions(database: Database, batch: int) -> int:
        return await retention.drop_revisions(database, keep.trash_days, batch)

    async def purge_messages(database: Database, batch: int) -> int:
        return await retention.purge_messages(database, keep.trash_days, batch)

    async def purge_agents(database: Database, batch: int) -> int:
        return await _purge_agents(database, keep.trash_days, batch)

    async def recheck_domains(database: Database, batch: int) -> int:
        assert dns is not None
        return await domain_sweeps.recheck(DomainChecks(database, dns, CheckSettings.of(config)), batch)

    async def delete_accounts(database: Database, batch: int) -> int:
        closing = Closing(database, KeyRing(config.signing.secrets))
        return batch if await closing.go_on(ACCOUNT_IDLE_SECONDS) else 0

    looks = (Sweep("domains", config.domains.sweep_seconds, 300.0, recheck_domains),) if dns is not None else ()
    hour = 3600.0
    return (
        *looks,
        Sweep("domain_claims", config.domains.sweep_seconds, 60.0, domain_sweeps.expire),
        Sweep("failing_webhooks", config.webhooks.sweep_seconds, 60.0, _disable_failing),
        Sweep("contacts_due", config.outreach.sweep_seconds, 120.0, _announcing(config.features.outbox), at_start=True),
        Sweep("webhook_secrets", config.webhooks.sweep_seconds, 30.0, _clear_secrets),
        Sweep("statistics", STATISTICS_SECONDS, 60.0, _keep_statistics),
        Sweep("metrics", METRICS_SECONDS, 30.0, _count_hours, at_start=True),
        Sweep("queues", QUEUES_SECONDS, 30.0, _look_at_queues, at_start=True),
        Sweep("events", hour, 300.0, drop_events),
        Sweep("deliveries", hour, 300.0, drop_deliveries),
        Sweep("provider_events", hour, 60.0, drop_provider_events),
        Sweep("notices", hour, 300.0, drop_notices),
        Sweep("audit", hour, 300.0, _drop_audit),
        Sweep("drafts", hour, 300.0, drop_revisions),
        Sweep("intake_keys", hour, 300.0, _drop_intake_keys),
        Sweep("idempotency_keys", hour, 60.0, _drop_idempotency_keys),
        Sweep("rate_windows", hour, 60.0, _drop_rate_windows),
        Sweep("oauth", hour, 300.0, _drop_oauth),
        Sweep("sessions", hour, 60.0, sessions.sweep),
        Sweep("sign_in", hour, 60.0, sign_in.sweep),
        Sweep("trashed_messages", hour, 300.0, purge_messages),
        Sweep("trashed_agents", hour, 300.0, purge_agents),
        Sweep("closed_accounts", CLOSED_SECONDS, 240.0, delete_accounts, at_start=True),
    )


def _announcing(outbox: bool) -> Callable[[Database, int], Awaitable[int]]:
    async def announce_due(database: Database, batch: int) -> int:
        told = await engagements.announce_due(database, DUE_BATCH, outbox_on=outbox)
        # A full batch says "full", so that it is called again.
        return batch if told == DUE_BATCH else told

    return announce_due


async def _disable_failing(database: Database, batch: int) -> int:
    stopped = await deliveries.disable_failing(
        database,
        window_seconds=DISABLE_WINDOW_SECONDS,
        failures=DISABLE_FAILURES,
        reason=DISABLE_REASON,
        limit=batch,
    )
    for webhook in stopped:
        maillog.webhook_disabled(webhook.account_id, webhook.id, f"{webhook.failed} deliveries failed, none delivered")
    return len(stopped)


async def _keep_statistics(database: Database, batch: int) -> int:
    await retention.keep_statistics(database)
    return 0


async def _count_hours(database: Database, batch: int) -> int:
    # It knows itself whether there is more: say "full", so that it is called again.
    return batch if await metrics.count_hours(database) else 0


async def _look_at_queues(database: Database, batch: int) -> int:
    await operations.look(database)
    await operations.forget(database, QUEUE_DAYS)
    return 0


async def _clear_secrets(database: Database, batch: int) -> int:
    # Of as many rows as there were rotations in the last day: no batches needed.
    return min(batch - 1, await deliveries.clear_old_secrets(database))


async def _drop_audit(database: Database, batch: int) -> int:
    return batch if await retention.drop_audit(database, KEPT_DAYS) else 0


async def _drop_intake_keys(database: Database, batch: int) -> int:
    return await retention.drop_intake_keys(database, INTAKE_HOURS, batch)


async def _drop_idempotency_keys(database: Database, batch: int) -> int:
    before = datetime.now(UTC) - timedelta(hours=IDEMPOTENCY_HOURS)
    return min(batch - 1, await idempotency.sweep(database, before))


async def _drop_oauth(database: Database, batch: int) -> int:
    return await oauth.sweep(database, OAUTH_CLIENT_DAYS, batch)


async def _drop_rate_windows(database: Database, batch: int) -> int:
    before = datetime.now(UTC) - timedelta(hours=RATE_WINDOW_HOURS)
    return min(batch - 1, await limits.sweep(database, before))


async def _purge_agents(database: Database, days: int, batch: int) -> int:
    """Agents past their time in the trash: their mail first, in batches, then themselves."""
    touched = 0
    for agent in await retention.trashed_agents(database, days, 1):
        size = min(batch, AGENT_BATCH)
        async with database.transaction() as transaction:
            purged, contents = await agents.purge_messages(transaction, agent.account_id, agent.email, batch=size)
            if contents:
                await agents.lock_contents(transaction, agent.account_id, contents)
                await agents.drop_contents(transaction, agent.account_id, contents)
            if purged < size and await agents.purge(transaction, agent.account_id, agent.email):
                known = {"reason": "its time in the trash was over"}
                await audit.record(transaction, agent.account_id, SYSTEM, "agent.deleted", agent.email, known)
        # There may be more of it, or another agent: say "full", so that it is called again.
        touched = batch
    return touched
