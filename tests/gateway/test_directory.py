"""What the directory remembers, and what it must not."""

import pytest

from e2ad.core.address import Mailbox
from e2ad.core.errors import MailboxFull, UnknownRecipient
from e2ad.gateway import directory as module
from e2ad.gateway.directory import Directory
from e2ad.storage.pool import Database

ACCOUNT, AGENT = "a" * 32, "bot@agents.test"


async def household(database: Database) -> None:
    await database.execute("insert into accounts (id, email) values (%(id)s, 'o@owner.test')", {"id": ACCOUNT})
    await database.execute(
        "insert into domains (domain, verified, verification_token) values ('agents.test', true, 't')"
    )
    await database.execute(
        "insert into agents (email, account_id, domain, registered_domain) "
        "values (%(email)s, %(account)s, 'agents.test', 'agents.test')",
        {"email": AGENT, "account": ACCOUNT},
    )


async def test_an_address_is_asked_for_once(database: Database) -> None:
    await household(database)
    directory = Directory(database, max_storage_bytes=1 << 40)
    await directory.find(Mailbox("bot", "agents.test"))
    before = database.statements
    await directory.find(Mailbox("bot", "agents.test"))
    assert database.statements == before


async def test_a_change_that_is_announced_during_the_look_up_is_not_missed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await household(database)
    directory = Directory(database, max_storage_bytes=1 << 40)
    find = module.storage.find

    async def find_and_be_overtaken(*args: object) -> object:
        entry = await find(*args)  # type: ignore[arg-type]  # handed on as they came
        await database.execute("update agents set deleted_at = now()")
        directory.forget(AGENT)
        return entry

    monkeypatch.setattr(module.storage, "find", find_and_be_overtaken)
    await directory.find(Mailbox("bot", "agents.test"))
    monkeypatch.setattr(module.storage, "find", find)
    with pytest.raises(UnknownRecipient):
        await directory.find(Mailbox("bot", "agents.test"))


async def test_what_an_account_may_have_is_asked_again_when_it_changes(database: Database) -> None:
    await household(database)
    directory = Directory(database, max_storage_bytes=1 << 40)
    mailbox = Mailbox("bot", "agents.test")
    await directory.find(mailbox)
    await database.execute("update accounts set max_storage_bytes = 0")
    directory.forget_account("b" * 32)
    await directory.find(mailbox)
    directory.used(ACCOUNT, 1)
    directory.forget_account(ACCOUNT)
    with pytest.raises(MailboxFull):
        await directory.find(mailbox)
