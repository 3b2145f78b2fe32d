"""Deleting an account: it is closed at once and for good, then its data goes in short steps.

One transaction over everything would be simpler, and the contract's words suggest it; but with much mail it
runs into the deadline of a statement, holds back the cleaning of all tables meanwhile, and on a crash starts
over. In steps no statement takes long, other accounts notice nothing, and a process that is killed leaves a
closed account that the sweep goes on with. Nobody sees half an account, for nobody can get in: the keys, sessions and
programs end with the first step, in every process, and so do its agents' mail and sockets.

What stays for `KEPT_DAYS` is the audit log, with who deleted the account as its last row: for the deployment's owner
alone, since nobody is left who could sign in.
"""

from collections import Counter
from typing import Final

from attrs import frozen

from e2ad import maillog
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.domain_records import ownership_token
from e2ad.core.errors import SendInProgress, Unauthorized
from e2ad.core.sealing import KeyRing
from e2ad.gateway import audit
from e2ad.storage import closing as storage
from e2ad.storage.pool import Database

__all__ = ["KEPT_DAYS", "Closing"]

KEPT_DAYS: Final = 90
"""How long the audit log outlives its account."""


@frozen
class Closing:
    """The two halves of deleting an account."""

    database: Database
    keys: KeyRing

    async def close(self, account_id: str, actor: Actor = SYSTEM) -> Counter[str]:
        """End every way into the account; how many rows of what went.

        Raises:
            SendInProgress: mail of it is being sent at this moment. Nothing has changed then.
            Unauthorized: it is closed, or gone.

        Cancellation: before COMMIT nothing has changed.
        """
        async with self.database.transaction() as transaction:
            email = await storage.lock(transaction, account_id)
            if email is None:
                raise Unauthorized
            if not await storage.silence(transaction, account_id):
                raise SendInProgress
            gone = Counter(await storage.close(transaction, account_id))
            known = {"email": email, "ended": dict(gone)}
            await audit.record(transaction, account_id, actor, "account.deleted", account_id, known)
        maillog.account_closed(account_id)
        return gone

    async def erase(self, account_id: str, gone: Counter[str]) -> None:
        """Delete what a closed account has, and the account; `gone` counts what went, also up to where it stopped.

        Cancellation: what is deleted stays deleted; call it again for the rest.
        """
        for table, batch in storage.BATCHES.items():
            deleted = batch
            # A step may delete more than a batch: an address goes with all agents that know it.
            while deleted >= batch:
                deleted = await storage.delete_batch(self.database, account_id, table)
                gone[table] += deleted
        async with self.database.transaction() as transaction:
            for heir in await storage.heirs(transaction, account_id):
                token = ownership_token(self.keys.current, heir.account_id, heir.domain)
                await storage.bequeath(transaction, heir, token)
            domains = await storage.delete_domains(transaction, account_id)
            rest = await storage.erase(transaction, account_id)
        gone.update(rest, domains=domains)
        maillog.account_deleted(account_id, gone["messages"])

    async def go_on(self, idle_seconds: float) -> bool:
        """Delete the rest of an account that was closed so long ago; False when there is none."""
        account_id = await storage.closed(self.database, idle_seconds)
        if account_id is None:
            return False
        await self.erase(account_id, Counter())
        return True
