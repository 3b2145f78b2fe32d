"""Links that were mailed to sign in, people on their way to an OpenID provider, and whom its subjects are."""

from datetime import datetime

from attrs import asdict, field, frozen

from e2ad.storage.holds import NewNotice
from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = [
    "NewLink",
    "NewState",
    "ShownLink",
    "TakenLink",
    "find_identity",
    "insert_state",
    "link_identity",
    "mail_link",
    "show_link",
    "sweep",
    "take_link",
    "take_state",
]

_SQL = load("sign_in")


@frozen
class NewLink:
    """A link before anybody knows whether there is an account for it.

    Attributes:
        email: what somebody typed.
        browser_sha256: of the browser that they typed it in.
        onward: where it leads after that.
    """

    token_sha256: bytes
    email: str
    browser_sha256: bytes
    onward: str
    at: datetime
    expires_at: datetime


@frozen
class ShownLink:
    """Whom a link signs in, and the browser that it is for."""

    email: str
    browser_sha256: bytes = field(repr=False)


@frozen
class TakenLink:
    """What a link that was used up is good for."""

    account_id: str
    onward: str


@frozen
class NewState:
    """Somebody who is sent to a provider, and what they come back with."""

    state_sha256: bytes
    browser_sha256: bytes
    onward: str
    at: datetime
    expires_at: datetime


async def mail_link(executor: Executor, link: NewLink, notice: NewNotice) -> None:
    """Keep a link and have it mailed, where its address is that of an account. Who calls does not learn whether."""
    values = asdict(link) | {"notice_id": notice.id, "content": notice.content}
    await executor.fetch_all(_SQL["mail_link"], values)


async def show_link(executor: Executor, token_sha256: bytes, at: datetime) -> ShownLink | None:
    """The link with this hash, if it is good."""
    values = {"token_sha256": token_sha256, "at": at}
    return await executor.fetch_one(_SQL["show_link"], values, row=ShownLink)


async def take_link(executor: Executor, token_sha256: bytes, browser_sha256: bytes, at: datetime) -> TakenLink | None:
    """Use a link up, in the browser that asked for it; all others of its account go with it."""
    values = {"token_sha256": token_sha256, "browser_sha256": browser_sha256, "at": at}
    return await executor.fetch_one(_SQL["take_link"], values, row=TakenLink)


async def insert_state(executor: Executor, state: NewState) -> None:
    """Somebody is sent to a provider."""
    await executor.execute(_SQL["insert_state"], asdict(state))


async def take_state(executor: Executor, state_sha256: bytes, browser_sha256: bytes, at: datetime) -> str | None:
    """Somebody is back, once and in the browser that left: where to go on. None for everybody else."""
    values = {"state_sha256": state_sha256, "browser_sha256": browser_sha256, "at": at}
    onward: str | None = await executor.fetch_value(_SQL["take_state"], values)
    return onward


async def find_identity(executor: Executor, issuer: str, subject: str, at: datetime) -> str | None:
    """The account that a provider's subject signs in to."""
    values = {"issuer": issuer, "subject": subject, "at": at}
    account_id: str | None = await executor.fetch_value(_SQL["find_identity"], values)
    return account_id


async def link_identity(
    executor: Executor, issuer: str, subject: str, account_id: str, email: str, at: datetime
) -> bool:
    """Have a provider's subject sign in to an account; False where the account has another subject there."""
    values = {"issuer": issuer, "subject": subject, "account_id": account_id, "email": email, "at": at}
    return await executor.fetch_value(_SQL["link_identity"], values) is not None


async def sweep(executor: Executor, batch: int) -> int:
    """Delete a batch of what is over; the size of the largest part."""
    swept: int = await executor.fetch_value(_SQL["sweep"], {"batch": batch})
    return swept
