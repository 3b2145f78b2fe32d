"""A held draft as the very mail that it would leave as, so that a person decides about octets and not about intentions.

A mail has identifiers and a Date of its own. Of a draft that is looked at they follow from the draft and from when it
was looked at: composed again with both, it is the same mail, and an approval that names its hash means nothing else.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from attrs import evolve

from e2ad.core.errors import Conflict, Failure, MessageNotPending, NotFound
from e2ad.core.outbound import Draft, decode_draft, sha256_of
from e2ad.gateway import mint
from e2ad.gateway.acceptance import Acceptance, Stamp, off_loop, survey
from e2ad.gateway.decisions import Composition, Preview
from e2ad.storage import reviews as storage
from e2ad.storage.pool import Executor
from e2ad.storage.reviews import Hold

__all__ = ["MAX_AHEAD", "MAX_LOOKED_AT", "OTHERWISE", "draft_of", "looked_at", "preview", "stamp_of"]

MAX_LOOKED_AT: Final = timedelta(hours=24)
MAX_AHEAD: Final = timedelta(minutes=1)
"""How old, and how far ahead of this clock, the composition may be that an approval names."""

OTHERWISE: Final = "it would leave otherwise than you saw it: look at it again and decide about what it is now"


async def preview(
    executor: Executor, acceptance: Acceptance, account_id: str, message_id: str, at: datetime
) -> Preview:
    """The mail that a held draft would leave as, composed at `at`. Nothing is decided and nothing locked.

    Raises:
        NotFound: no such message with a live agent.
        MessageNotPending: it never was held, or it was received.
    """
    owner = await storage.agent_of(executor, account_id, message_id)
    hold = await storage.hold(executor, account_id, message_id)
    if owner is None:
        raise NotFound("message not found")
    if hold is None or owner.direction != "outbound":
        raise MessageNotPending
    draft, obstacle = looked_at(draft_of(hold)), None
    surveyed = await survey(executor, account_id, owner.agent_email, draft.recipients)
    try:
        acceptance.check(surveyed, draft)
    except Failure as failure:
        obstacle = failure
    stamp = Stamp(at, hold.sha256 or b"")
    prepared = await acceptance.prepare(surveyed, draft, message_id=message_id, held=True, stamp=stamp)
    content = prepared.submission.composed.content
    sha256 = await off_loop(partial(sha256_of, content), len(content))
    return Preview(Composition(at, sha256), content, obstacle)


def stamp_of(exactly: Composition | None, hold: Hold) -> Stamp | None:
    """With what a mail is composed that a reviewer saw.

    Raises:
        Conflict: that was too long ago: it would leave with a Date that nobody believes.
    """
    if exactly is None:
        return None
    if not -MAX_AHEAD <= mint.now() - exactly.at <= MAX_LOOKED_AT:
        raise Conflict(OTHERWISE)
    return Stamp(exactly.at, hold.sha256 or b"")


def looked_at(draft: Draft) -> Draft:
    """A person looked at it: it is no answer of a machine, and the count of mails without one starts anew."""
    return evolve(draft, automatic=False, hops=1)


def draft_of(hold: Hold) -> Draft:
    """The newest draft of a hold.

    Raises:
        MessageNotPending: it is one of received mail.
    """
    if hold.draft is None:
        raise MessageNotPending
    return decode_draft(hold.draft)
