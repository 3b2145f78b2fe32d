"""Contacts: whom an account deals with, one by one and by the thousand (contract: contacts).

An address is one contact, however it is written. A writer may say which version it has seen and is refused when there
is another. An import tells of every line what became of it, and can be undone as far as nobody has used it.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve, frozen

from e2ad.core import contacts as rules
from e2ad.core.contacts import MAX_CONTACTS, Entry, Outcome, Row
from e2ad.core.errors import (
    ContactExists,
    ContactLimitReached,
    ContactNotFound,
    ImportBatchNotFound,
    InvalidRecipient,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
)
from e2ad.core.etags import OCTETS, Condition
from e2ad.gateway import mint
from e2ad.gateway.acceptance import THREAD_BYTES, off_loop
from e2ad.storage import agents, engagements
from e2ad.storage import contacts as table
from e2ad.storage.contacts import Contact, ContactFilter
from e2ad.storage.pool import Database, Executor

__all__ = ["Contacts", "Imported", "Reversed", "Upload", "add_contact", "known_address", "new_version", "read_lines"]

NO_METADATA: Final = "{}"
ROW_WEIGHT: Final = THREAD_BYTES // 8
"""What reading one line of an import may cost, in characters: up to a millisecond where its domain is no ASCII."""


@frozen
class Imported:
    """An import, and what became of each of its lines, in their order."""

    batch_id: str
    outcomes: Sequence[Outcome]

    def count(self, status: str) -> int:
        """How many lines ended so."""
        return sum(outcome.status == status for outcome in self.outcomes)


@frozen
class Reversed:
    """What an import that was undone left."""

    contacts_deleted: int
    contacts_retained: int
    engagements_deleted: int


@frozen
class Upload:
    """What somebody wants imported.

    Attributes:
        entries, others: its lines, by `read_lines`.
        merge: whether a line changes a contact that is there.
        agent_email: who is to be enrolled with all of them.
    """

    entries: Sequence[Entry]
    others: Sequence[Outcome] = ()
    merge: bool = True
    agent_email: str | None = None
    stage: str = ""


@frozen
class Contacts:
    """The verbs of the account's contacts."""

    database: Database

    async def page(
        self, account_id: str, wanted: ContactFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[Contact]:
        """One page, newest first."""
        return await table.page(self.database, account_id, wanted, before=before, limit=limit)

    async def get(self, account_id: str, address: str) -> Contact:
        """One contact, by any spelling of its address.

        Raises:
            ContactNotFound: the account has none.
        """
        found = await table.find(self.database, account_id, known_address(address))
        if found is None:
            raise ContactNotFound
        return found

    async def create(
        self,
        transaction: Executor,
        account_id: str,
        address: str,
        display_name: str,
        metadata: Mapping[str, Any] | None,
    ) -> Contact:
        """Add a contact, inside the caller's transaction.

        Raises:
            InvalidRecipient: the address is none.
            InvalidRequest: the metadata is not flat, or too large.
            ContactExists: it is there already.
            ContactLimitReached: the account has as many as it may have.
        """
        bare = rules.canonical(address)
        text = NO_METADATA if metadata is None else rules.check_metadata(metadata)
        added = await add_contact(transaction, account_id, bare, display_name, text)
        if added is None:
            raise ContactExists
        return added

    async def update(
        self,
        account_id: str,
        address: str,
        *,
        display_name: str | None,
        metadata: Mapping[str, Any] | None,
        condition: Condition | None,
    ) -> Contact:
        """Change what is given. Nothing given is a look whether the version is still the one that was seen.

        Raises:
            ContactNotFound: the account has no such contact; also where the request is wrong besides.
            InvalidRequest: the metadata is not flat, or too large.
            PreconditionFailed: it is another version by now.
        """
        text, wrong = None, None
        try:
            text = None if metadata is None else rules.check_metadata(metadata)
        except InvalidRequest as error:
            wrong = error
        if wrong is not None:
            # Whether it is there comes before what is wrong with the rest (contract: order of checks).
            await self.get(account_id, address)
            raise wrong
        if text is not None or display_name is not None:
            changed = await table.update(
                self.database,
                account_id,
                known_address(address),
                display_name=display_name,
                metadata=text,
                etag=new_version(),
                seen=None if condition is None else condition.tags,
            )
            if changed is not None:
                return changed
            if condition is None:
                raise ContactNotFound
            await self.get(account_id, address)
            raise PreconditionFailed
        found = await self.get(account_id, address)
        if not (condition is None or condition.holds(found.etag)):
            raise PreconditionFailed
        return found

    async def delete(self, account_id: str, address: str) -> str:
        """Remove a contact and all outreach to it. Suppressions and mail stay.

        Returns:
            The address as it was stored.

        Raises:
            ContactNotFound: the account has no such contact.
        """
        bare = known_address(address)
        if not await table.delete(self.database, account_id, bare):
            raise ContactNotFound
        return bare

    async def load(self, transaction: Executor, account_id: str, upload: Upload) -> Imported:
        """Add and update contacts by the thousand, inside the caller's transaction. Sends nothing.

        The number of statements does not depend on the number of lines.

        Raises:
            InvalidRequest: a stage for nobody.
            NotFound: the agent to enrol with is not a live one of the account.
        """
        if upload.stage and upload.agent_email is None:
            raise InvalidRequest("stage needs agent_email: it is the stage of that agent's outreach")
        await agents.lock_account(transaction, account_id)
        if upload.agent_email is not None and not await engagements.hold_agent(
            transaction, account_id, upload.agent_email
        ):
            raise NotFound(f"{upload.agent_email[:80]} is not an agent of this account")
        batch_id = mint.new_id("imp_")
        await table.add_batch(transaction, account_id, batch_id)
        written = await _write(transaction, account_id, batch_id, upload)
        return Imported(batch_id, rules.in_order([*upload.others, *written]))

    async def undo(self, account_id: str, batch_id: str) -> Reversed:
        """Remove what an import made, where it is as it was made. Doing so again finds nothing more.

        A contact stays that was changed, that mail went to or came from, or that an agent is enrolled with;
        an enrolment stays that was changed, or that there was mail under.

        Raises:
            ImportBatchNotFound: the account made no such import.

        Cancellation: all of it is undone, or nothing.
        """
        async with self.database.transaction() as transaction:
            if not await table.has_batch(transaction, account_id, batch_id):
                raise ImportBatchNotFound
            # Held first and looked at afterwards: whoever enrols one of them meanwhile came before, or waits.
            await table.lock_batch(transaction, account_id, batch_id)
            enrolments = await engagements.drop_batch(transaction, account_id, batch_id)
            deleted, retained = await table.drop_batch(transaction, account_id, batch_id)
        return Reversed(deleted, retained, enrolments)


async def read_lines(rows: Sequence[Row]) -> tuple[list[Entry], list[Outcome]]:
    """As `core.contacts.read_rows`, off the event loop where there is more than a handful.

    To be called before there is a transaction, which would have to wait for it.

    Cancellation: nothing has happened.
    """
    return await off_loop(lambda: rules.read_rows(rows), ROW_WEIGHT * len(rows))


async def add_contact(
    transaction: Executor, account_id: str, address: str, display_name: str = "", metadata: str = NO_METADATA
) -> Contact | None:
    """A new contact, counted against the account's limit; None when the address has one.

    Args:
        address: canonical.
        metadata: checked, as JSON text.

    Raises:
        ContactLimitReached: the account has as many as it may have.
    """
    await agents.lock_account(transaction, account_id)
    added = await table.insert(
        transaction, account_id, address, display_name, metadata, etag=new_version(), most=MAX_CONTACTS
    )
    if added is None and not await table.hold(transaction, account_id, address):
        raise _full()
    return added


def known_address(text: str) -> str:
    """The stored spelling of an address that a caller names a contact by.

    Raises:
        ContactNotFound: no contact can have it.
    """
    try:
        return rules.canonical(text)
    except InvalidRecipient as error:
        raise ContactNotFound from error


def new_version() -> bytes:
    """A version that nobody has seen."""
    return secrets.token_bytes(OCTETS)


async def _write(transaction: Executor, account_id: str, batch_id: str, upload: Upload) -> list[Outcome]:
    """Store the good lines and say what became of each."""
    entries = upload.entries
    if not entries:
        return []
    addresses = [entry.address for entry in entries]
    known = await table.lock_known(transaction, account_id, addresses)
    survey = await table.survey(transaction, account_id, upload.agent_email, addresses)
    fresh = [entry for entry in entries if entry.address not in known]
    room = max(0, MAX_CONTACTS - survey.total)
    added, late = fresh[:room], {entry.address for entry in fresh[room:]}
    await table.import_rows(transaction, account_id, batch_id, added, [new_version() for _ in added])
    if upload.merge:
        there = [entry for entry in entries if entry.address in known]
        await table.merge_rows(transaction, account_id, there, [new_version() for _ in there])
    enrolled: set[str] = set()
    if upload.agent_email is not None:
        resolved = [address for address in addresses if address not in late]
        enrolled = await engagements.enrol(
            transaction,
            account_id,
            upload.agent_email,
            resolved,
            stage=upload.stage,
            batch_id=batch_id,
            etags=[new_version() for _ in resolved],
        )
    suppressed = set(survey.suppressed)
    return [
        evolve(
            _outcome(entry, known, late, merge=upload.merge),
            enrolled=entry.address in enrolled,
            suppressed=entry.address in suppressed,
        )
        for entry in entries
    ]


def _outcome(entry: Entry, known: set[str], late: set[str], *, merge: bool) -> Outcome:
    if entry.address in late:
        return Outcome(entry.index, "failed", entry.address, "contact_limit_reached", _full().message)
    if entry.address not in known:
        return Outcome(entry.index, "created", entry.address)
    if merge:
        return Outcome(entry.index, "updated", entry.address)
    return Outcome(entry.index, "skipped", entry.address, "already_exists", "the contact exists, and is left as it is")


def _full() -> ContactLimitReached:
    return ContactLimitReached(f"the account has {MAX_CONTACTS} contacts, as many as it may have: delete some first")
