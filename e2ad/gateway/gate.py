"""The gate of mail out: what the owner's policy says of one draft, before it is accepted.

The judgement itself is pure (`core.policy`); here is what it has to know: where each recipient is known from, which
is asked only where the policy could make something of it, and what the content looks like, where the owner asked
for that.
"""

from e2ad.core.outbound import Draft
from e2ad.core.policy import Blocked, Held, Passed, asks_provenance, judge_outbound
from e2ad.core.provenance import Sighting
from e2ad.gateway import provenance
from e2ad.gateway.provenance import Past
from e2ad.gateway.screening import OFF, Screener
from e2ad.storage.pool import Executor
from e2ad.storage.sending import Survey

__all__ = ["Blocked", "Held", "Passed", "judge"]


async def judge(
    executor: Executor,
    survey: Survey,
    draft: Draft,
    *,
    max_agent_hops: int,
    screener: Screener = OFF,
    past: Past | None = None,
) -> Passed | Held | Blocked:
    """May this draft leave, does a person decide, or is it refused?

    Args:
        survey: of the agent and its recipients.
        draft: with its conversation, parent and `hops` set.
        max_agent_hops: `config.gate.max_agent_hops`.
        screener: whether content is looked at.
        past: see `provenance.classify`.

    Raises:
        Unavailable: the database does not answer.
    """
    sightings: tuple[Sighting, ...] = ()
    if asks_provenance(survey.protection):
        sightings = await provenance.classify(
            executor,
            survey.account_id,
            survey.agent_email,
            conversation_id=draft.conversation_id,
            parent_id=draft.parent_id,
            recipients=draft.recipients,
            allowlist=survey.protection.outbound.gate.allowlist,
            past=past,
        )
    return judge_outbound(
        draft,
        survey.protection,
        sightings,
        own_domains=(survey.domain, survey.registered_domain),
        max_agent_hops=max_agent_hops,
        scan=await screener.draft(draft, survey.protection.outbound.sensitivity),
    )
