"""What the deployment would mail to its owner, shown by `e2ad dev` on its own console.

So all of it can be tried on one machine: the request to review, and the link to sign in, come up where `e2ad dev`
runs, with the very links that the mail has.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import trio
from attrs import frozen

from e2ad.core import mime
from e2ad.core.errors import Unavailable
from e2ad.storage.captured import Notice, notices_since
from e2ad.storage.listener import Listener
from e2ad.storage.pool import open_pool

__all__ = ["Request", "SignInLink", "request_of", "sign_in_of", "watch"]

CHANNEL: Final = "e2ad_submissions"
POLL_SECONDS: Final = 5.0
GATHER_SECONDS: Final = 0.25
"""Every mail that is sent wakes whoever listens; a person does not read faster than this."""

OVERLAP: Final = timedelta(seconds=60)
"""A notice is dated before its transaction ends: so far is looked back for those that came late."""

_LINK: Final = re.compile(r"https?://\S+/v1/(approve|reject)\?t=[A-Za-z0-9._-]+")
_SIGN_IN: Final = re.compile(r"https?://\S+/api/auth/link\?t=sil_[0-9a-f]{64}")


@frozen
class Request:
    """A request to review, as it stands in the mail to the owner."""

    message_id: str
    subject: str
    approve: str
    reject: str


@frozen
class SignInLink:
    """A link to sign in, as it stands in the mail to the owner."""

    email: str
    link: str


def request_of(notice: Notice) -> Request | None:
    """The links of a notice; None for one that asks for no decision."""
    mail = mime.parse(notice.content)
    links = {found[1]: found[0] for found in _LINK.finditer(mail.text)}
    if notice.message_id is None or set(links) != {"approve", "reject"}:
        return None
    return Request(notice.message_id, mail.subject or "", links["approve"], links["reject"])


def sign_in_of(notice: Notice) -> SignInLink | None:
    """The link of a notice that has one to sign in with; None for any other."""
    if notice.message_id is not None:
        return None
    mail = mime.parse(notice.content)
    found = _SIGN_IN.search(mail.text)
    return None if found is None or not mail.to else SignInLink(mail.to[0], found[0])


async def watch(
    dsn: str,
    show: Callable[[Request | SignInLink], None],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `show` once for each request or link that is written from now on; never returns.

    Raises:
        Unavailable: the database cannot be reached at the start.

    Cancellation: the connections are closed.
    """
    woken = trio.Event()

    def wake(_payload: str = "") -> None:
        woken.set()

    since, shown = datetime.now(UTC), set[str]()
    listener = Listener(dsn)
    listener.subscribe(CHANNEL, wake)
    listener.on_gap(wake)
    async with open_pool(dsn, size=1) as database, trio.open_nursery() as nursery:
        await nursery.start(listener.run)
        task_status.started()
        while True:
            with trio.move_on_after(POLL_SECONDS):
                await woken.wait()
            await trio.sleep(GATHER_SECONDS)
            woken = trio.Event()
            began = datetime.now(UTC)
            try:
                found = await notices_since(database, since)
            except Unavailable:
                continue  # the daemon beside us says so; the next look finds what this one missed
            for notice in found:
                if notice.id not in shown and (asked := request_of(notice) or sign_in_of(notice)) is not None:
                    show(asked)
            shown = {notice.id for notice in found}
            since = max(since, began - OVERLAP)
