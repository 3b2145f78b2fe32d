"""Every state of an SMTP session and every move between them, as one table.

The machine (`smtp.protocol`) changes its state only by this table. A cell names either the state
after the command was taken, or the reply that refuses it where it stands.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, TypeAlias

from e2ad.smtp import replies
from e2ad.smtp.grammar import Verb
from e2ad.smtp.replies import Reply

__all__ = ["COMMAND_STATES", "MOVES", "Move", "State"]


class State(Enum):
    """Where a session stands."""

    GREETING = auto()
    """We have not spoken yet; nor may the peer."""
    START = auto()
    """Waiting for EHLO or HELO; again after STARTTLS (RFC 3207 section 4.2)."""
    READY = auto()
    """Introduced, no transaction."""
    MAIL = auto()
    """A reverse-path, no recipient yet."""
    RCPT = auto()
    """At least one recipient."""
    CHUNKS = auto()
    """Between two chunks of BDAT."""
    SPOILED = auto()
    """A chunk was refused; its successors are read away until RSET or LAST."""
    DATA = auto()
    """Content up to the final dot."""
    CHUNK = auto()
    """Octets of one chunk."""
    ENDED = auto()
    """The content is complete and not answered yet."""
    TLS = auto()
    """220 to STARTTLS is given; the handshake follows."""
    CLOSED = auto()
    """We said our last word."""


COMMAND_STATES: Final = (State.START, State.READY, State.MAIL, State.RCPT, State.CHUNKS, State.SPOILED)
"""Where command lines are read."""

Move: TypeAlias = State | Reply


def _row(
    state: State,
    *,
    mail: Move,
    rcpt: Move,
    data: Move,
    bdat: Move,
    reset: State = State.READY,
    starttls: Move = replies.STARTTLS_IN_TRANSACTION,
) -> dict[tuple[State, Verb], Move]:
    return {
        (state, Verb.EHLO): State.READY,
        (state, Verb.HELO): State.READY,
        (state, Verb.MAIL): mail,
        (state, Verb.RCPT): rcpt,
        (state, Verb.DATA): data,
        (state, Verb.BDAT): bdat,
        (state, Verb.RSET): reset,
        (state, Verb.STARTTLS): starttls,
        (state, Verb.NOOP): state,
        (state, Verb.VRFY): state,
        (state, Verb.HELP): state,
        (state, Verb.AUTH): replies.NO_AUTH,
        (state, Verb.QUIT): State.CLOSED,
    }


MOVES: Final[Mapping[tuple[State, Verb], Move]] = {
    **_row(
        State.START,
        mail=replies.SAY_EHLO_FIRST,
        rcpt=replies.SAY_EHLO_FIRST,
        data=replies.SAY_EHLO_FIRST,
        bdat=replies.SAY_EHLO_FIRST,
        reset=State.START,
        starttls=replies.SAY_EHLO_FIRST,
    ),
    **_row(
        State.READY,
        mail=State.MAIL,
        rcpt=replies.MAIL_FIRST,
        data=replies.MAIL_FIRST,
        bdat=replies.MAIL_FIRST,
        starttls=State.TLS,
    ),
    **_row(
        State.MAIL,
        mail=replies.NESTED_MAIL,
        rcpt=State.RCPT,
        data=replies.RECIPIENT_FIRST,
        bdat=replies.RECIPIENT_FIRST,
    ),
    **_row(State.RCPT, mail=replies.NESTED_MAIL, rcpt=State.RCPT, data=State.DATA, bdat=State.CHUNK),
    # RFC 3030 section 2: DATA and BDAT do not mix in one transaction.
    **_row(
        State.CHUNKS,
        mail=replies.CHUNKING_BEGUN,
        rcpt=replies.CHUNKING_BEGUN,
        data=replies.CHUNKING_BEGUN,
        bdat=State.CHUNK,
    ),
    **_row(
        State.SPOILED,
        mail=replies.CHUNKING_FAILED,
        rcpt=replies.CHUNKING_FAILED,
        data=replies.CHUNKING_FAILED,
        bdat=replies.CHUNKING_FAILED,
    ),
}
