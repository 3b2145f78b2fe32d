"""The loop brake: counts mails in a row from agent to agent, with no person between them.

Two agents that answer everything, wired to each other, would never stop. Each mail between agents
carries the number of its place in the row, stored with the message, so that the count holds across
processes and restarts; a mail beyond `config.gate.max_agent_hops` waits for a person, whose approval
begins a new row (the gate does both).

What counts as an answer is the parent of a reply or forward and, whatever an agent calls its mail, the
newest mail that each of its recipients sent it within the last ten minutes or in the conversation that
it names. Mail that goes one way only never grows: nothing came back that it could answer. A ring of three agents
that only ever write fresh mails is not seen as a row; the rate of sends bounds it.

Mail to oneself is 0, a note being no answer; but replies of an agent to itself are a row as well.
"""

from typing import Final, Protocol

from e2ad.core.address import without_tag
from e2ad.core.outbound import Draft
from e2ad.storage import brake as storage
from e2ad.storage.brake import Inside
from e2ad.storage.pool import Executor

__all__ = ["WINDOW_SECONDS", "Surveyed", "hops"]

WINDOW_SECONDS: Final = 600.0
# What the column holds, with room to add one.
_MOST: Final = 32_000


class Surveyed(Protocol):
    """What is needed of a survey: who sends, and which of the recipients are inside."""

    @property
    def account_id(self) -> str:
        """The sender's account."""

    @property
    def agent_email(self) -> str:
        """The sender."""

    @property
    def inside(self) -> frozenset[str]:
        """The recipients' addresses that lead to this deployment."""


async def hops(executor: Executor, draft: Draft, survey: Surveyed) -> int:
    """The draft's place in a row of mails between agents: 0 when no recipient is another agent, else from 1 on.

    One statement, or none where no recipient is inside.

    Raises:
        Unavailable: the database does not answer.
    """
    inside = [_inside(address) for address in sorted(survey.inside)]
    if not inside:
        return 0
    counted = await storage.hops(
        executor,
        survey.account_id,
        survey.agent_email,
        parent_id=draft.parent_id,
        conversation_id=draft.conversation_id,
        inside=inside,
        window_seconds=WINDOW_SECONDS,
    )
    return min(counted, _MOST)


def _inside(address: str) -> Inside:
    address = address.lower()
    return Inside(address, without_tag(address), address.rpartition("@")[2])
