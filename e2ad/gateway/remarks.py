"""What people tell the operator of this deployment, without a credential (contract: feedback).

Whoever can reach the API can write here, so all of it is bounded: the words, how often one address may, and how
often everybody together. The words go into the table and nowhere else: not into the log, not into a mail.
"""

from typing import Final

from e2ad import maillog
from e2ad.core.address import AddressError, parse_mailbox
from e2ad.core.charset import clean, clean_line
from e2ad.core.errors import InvalidRequest
from e2ad.gateway.limits import RateLimits, address_subject
from e2ad.gateway.mint import new_id
from e2ad.storage import remarks as table
from e2ad.storage.pool import Database
from e2ad.storage.remarks import Remark

__all__ = ["PER_HOUR", "submit"]

PER_HOUR: Final = 10
"""Of one client address."""
HOUR_SECONDS: Final = 3600
PER_DAY: Final = 1000
"""Of all clients together: what a crowd can fill the disk with in a day is some megabytes."""
DAY_SECONDS: Final = 86_400

MAX_WORDS: Final = 8000
MAX_KIND: Final = 64
MAX_ADDRESS: Final = 320
MAX_PAGE: Final = 2048


async def submit(
    database: Database,
    limits: RateLimits,
    client_address: str,
    *,
    words: str,
    reply_to: str = "",
    kind: str = "",
    page: str = "",
) -> str:
    """Keep what somebody has to say.

    Args:
        reply_to: an address to answer to, if its author wants an answer.
        kind, page: what it is about, and where; cut where they are too long.

    Returns:
        The id that the operator finds it by.

    Raises:
        RateLimited: this address, or all together, said enough for now.
        InvalidRequest: there are no words, or too many, or the address is none.
    """
    (await limits.take(address_subject("feedback", client_address), PER_HOUR, HOUR_SECONDS)).check()
    remark = Remark(
        id=new_id("fb_"),
        kind=clean_line(kind)[:MAX_KIND],
        body=clean(words).strip(),
        reply_to=_address(reply_to.strip()),
        page=clean_line(page)[:MAX_PAGE] or None,
    )
    if not remark.body:
        raise InvalidRequest("message is required")
    if len(remark.body) > MAX_WORDS:
        raise InvalidRequest(f"message must have at most {MAX_WORDS} characters")
    (await limits.take("feedback", PER_DAY, DAY_SECONDS)).check()
    await table.add(database, remark)
    maillog.remark_received(remark.id, len(remark.body))
    return remark.id


def _address(text: str) -> str | None:
    if not text:
        return None
    if len(text) > MAX_ADDRESS:
        raise InvalidRequest(f"email must have at most {MAX_ADDRESS} characters")
    try:
        return parse_mailbox(text).folded
    except AddressError as error:
        raise InvalidRequest(f"email is not an address: {error}") from error
