"""What a reviewer changes of a held draft: the same rules as for its author, and nothing else of it moves.

What makes a mail an answer or a forward, its conversation, its files and its time stay unless they are named.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from attrs import evolve, field, frozen

from e2ad.core.outbound import Draft
from e2ad.gateway.drafting import File, Wish, send_draft, sized

__all__ = ["Edits", "edited"]


@frozen(kw_only=True)
class Edits:
    """What is to be another one; None leaves it. `html` "" removes the HTML part, `attachments` () all files."""

    to: Sequence[str] | None = None
    cc: Sequence[str] | None = None
    bcc: Sequence[str] | None = None
    subject: str | None = None
    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    attachments: Sequence[File] | None = None

    @property
    def is_empty(self) -> bool:
        """Is everything left as it is?"""
        return self == Edits()


def edited(draft: Draft, edits: Edits, *, own: Collection[str], at: datetime) -> Draft:
    """The draft with the changes; the same draft where nothing changes.

    Args:
        own: addresses of the agent, which are left out of Cc and Bcc.

    Raises:
        InvalidRequest, InvalidRecipient, TooManyRecipients, InvalidAttachment, PayloadTooLarge: as for a fresh mail.
    """
    if edits.is_empty:
        return draft
    wish = Wish(
        to=draft.to if edits.to is None else edits.to,
        cc=draft.cc if edits.cc is None else edits.cc,
        bcc=draft.bcc if edits.bcc is None else edits.bcc,
        subject=draft.subject if edits.subject is None else edits.subject,
        text=draft.text if edits.text is None else edits.text,
        html=draft.html if edits.html is None else edits.html,
        attachments=edits.attachments or (),
    )
    fresh = send_draft(wish, draft.agent_email, own=own, at=at)
    return sized(
        evolve(
            draft,
            to=fresh.to,
            cc=fresh.cc,
            bcc=fresh.bcc,
            subject=fresh.subject,
            text=fresh.text,
            html=fresh.html,
            attachments=draft.attachments if edits.attachments is None else fresh.attachments,
        )
    )
