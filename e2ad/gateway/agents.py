"""The verbs of agents: create, change, trash, restore, purge; who may have which address.

Both APIs call these; no rule of theirs lives in a translator. Checks that ask the outside (a URL's
host, a domain's MX) run before a transaction is opened, counts and uniqueness inside it.
"""

from contextlib import suppress
from typing import Any, Final, Protocol

import trio
from attrs import evolve, frozen

from e2ad.config.sections import Limits
from e2ad.core.address import Mailbox
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import (
    AddressInTrash,
    AgentTaken,
    Conflict,
    DomainNotRegistered,
    DomainNotVerified,
    InboundMxMissing,
    InvalidRequest,
    InvalidSlug,
    LimitExceeded,
    MxCheckFailed,
    NotFound,
    NotInTrash,
    ReservedDomain,
    SendInProgress,
)
from e2ad.core.slug import agent_mailbox, check_slug, domain_and_parents, refuse_bounce_subtree
from e2ad.gateway import audit
from e2ad.storage import agents as storage
from e2ad.storage import submissions
from e2ad.storage.agents import Agent, Change, NewAgent, Survey
from e2ad.storage.pool import Database, Executor

__all__ = ["MAX_NAME", "MODES", "AgentDraft", "AgentRegistry", "MailExchangers", "UrlGuard"]

MODES: Final = ("local", "cloud")
MAX_NAME: Final = 200
MX_SECONDS: Final = 3.0
"""For the look-up of an inherited subdomain's MX (contract: agents on domains)."""
PURGE_BATCH: Final = 500
"""Messages that one transaction of a purge deletes: short enough to disturb nobody."""


class UrlGuard(Protocol):
    """Whoever knows which URLs deliveries may go to."""

    async def check_url(self, url: str) -> None:
        """Raise `InvalidWebhookUrl` for one that they may not."""


class MailExchangers(Protocol):
    """Whoever asks the DNS for MX records."""

    async def mx(self, name: str) -> list[tuple[int, str]]:
        """Preference and host of a domain's MX records, none when it has none; any exception without an answer."""


@frozen
class AgentDraft:
    """What somebody wants an agent to be. Exactly one of `slug` and `email` names it.

    `agent_mode` None is for a caller that has to be told that it is required.
    """

    slug: str = ""
    email: str = ""
    name: str = ""
    agent_mode: str | None = "local"
    webhook_url: str = ""
    catch_all: bool = False


@frozen
class AgentRegistry:
    """The verbs over their collaborators.

    Args:
        database: where agents live.
        guard: says which URLs deliveries may go to.
        exchangers: looks up MX records.
        shared_domain: of the deployment; "" when it has none.
        mail_host: the name that an MX record must point to.
        limits: caps of accounts that have none of their own.
    """

    database: Database
    guard: UrlGuard
    exchangers: MailExchangers
    shared_domain: str
    mail_host: str
    limits: Limits

    def mailbox(self, draft: AgentDraft) -> Mailbox:
        """The address that a draft asks for.

        Raises:
            InvalidRequest: neither slug nor address, both, or no address.
            InvalidSlug: the slug is malformed or reserved, or there is no shared domain.
        """
        if draft.slug and draft.email:
            raise InvalidRequest("give slug or email, not both")
        if draft.slug:
            if not self.shared_domain:
                raise InvalidSlug("slug registration is not available: this deployment has no shared domain, use email")
            return Mailbox(check_slug(draft.slug), self.shared_domain)
        if not draft.email.strip():
            raise InvalidRequest("email or slug is required")
        mailbox = agent_mailbox(draft.email)
        if mailbox.domain == self.shared_domain:
            check_slug(mailbox.local_part)
        return mailbox

    async def create(self, account_id: str, draft: AgentDraft, actor: Actor = SYSTEM) -> Agent:
        """Make an agent.

        The order of checks is the contract's: address, URL, domain, quota, mode, duplicate.

        Raises:
            InvalidRequest, InvalidSlug, InvalidWebhookUrl: see there.
            DomainNotRegistered, DomainNotVerified, ReservedDomain: the domain is not the caller's to use.
            InboundMxMissing, MxCheckFailed: an inherited subdomain's mail does not come here.
            LimitExceeded: the account has as many agents as it may have.
            AgentTaken, AddressInTrash: the address is an agent already.
            Conflict: the domain has another catch-all.

        Cancellation: before COMMIT nothing is kept.
        """
        mailbox = self.mailbox(draft)
        _check_name(draft.name)
        if draft.webhook_url:
            await self.guard.check_url(draft.webhook_url)
        survey = await self._survey(self.database, account_id, mailbox)
        registered_domain = await self._authority(account_id, mailbox, survey)
        max_agents = self._check_quota(survey)
        self._check_mode(draft.agent_mode, draft.webhook_url)
        self._check_catch_all(draft.catch_all, mailbox.domain)
        _check_free(account_id, survey)
        new = NewAgent(
            email=str(mailbox),
            account_id=account_id,
            domain=mailbox.domain,
            registered_domain=registered_domain,
            name=draft.name,
            agent_mode=draft.agent_mode or "local",
            webhook_url=draft.webhook_url,
            catch_all=draft.catch_all,
        )
        async with self.database.transaction() as transaction:
            await storage.lock_account(transaction, account_id)
            agent = await storage.insert(transaction, new, max_agents=max_agents)
            if agent is None:
                # Something changed since the survey: a new one says what.
                survey = await self._survey(transaction, account_id, mailbox)
                self._check_quota(survey)
                _check_free(account_id, survey)
                raise DomainNotVerified(f"{registered_domain} is not verified any more: verify it first")
            await audit.record(transaction, account_id, actor, "agent.created", agent.email, _ways(agent))
            return agent

    async def update(self, account_id: str, email: str, change: Change, actor: Actor = SYSTEM) -> Agent:
        """Change a live agent.

        Raises:
            InvalidRequest: nothing to change, a bad name or mode, cloud without a URL.
            InvalidWebhookUrl: the new URL is not one that deliveries may go to.
            NotFound: no such live agent of the account.
            Conflict: the domain has another catch-all, or somebody changed the agent meanwhile.
        """
        if change == Change():
            raise InvalidRequest("nothing to change: send at least one of name, agent_mode, webhook_url, catch_all")
        _check_name(change.name or "")
        agent = await self.live(account_id, email)
        wanted = evolve(
            agent,
            agent_mode=agent.agent_mode if change.agent_mode is None else change.agent_mode,
            webhook_url=agent.webhook_url if change.webhook_url is None else change.webhook_url,
            catch_all=agent.catch_all if change.catch_all is None else change.catch_all,
        )
        self._check_mode(wanted.agent_mode, wanted.webhook_url)
        self._check_catch_all(bool(change.catch_all), agent.domain)
        if change.webhook_url:
            await self.guard.check_url(change.webhook_url)
        told = audit.difference(_ways(agent), _ways(wanted))
        if wanted.webhook_url != agent.webhook_url:
            # Also where only what the log does not keep of it has changed.
            told.setdefault("webhook_url", {"before": _public(agent), "after": _public(wanted)})
        if not told:
            return await _updated(self.database, account_id, email, change)
        async with self.database.transaction() as transaction:
            changed = await _updated(transaction, account_id, email, change)
            await audit.record(transaction, account_id, actor, "agent.changed", email, {"changed": told})
        return changed

    async def live(self, account_id: str, email: str) -> Agent:
        """The account's live agent.

        Raises:
            NotFound: unknown, somebody else's, or in the trash.
        """
        agent = await storage.find(self.database, email)
        if agent is None or agent.account_id != account_id or agent.deleted_at is not None:
            raise NotFound
        return agent

    async def trash(self, account_id: str, email: str, actor: Actor = SYSTEM) -> None:
        """Refuse an agent's mail and hide it; `restore` undoes it.

        Raises:
            NotFound: no such live agent of the account.
        """
        async with self.database.transaction() as transaction:
            if not await storage.trash(transaction, account_id, email):
                raise NotFound
            await audit.record(transaction, account_id, actor, "agent.trashed", email)

    async def purge(self, account_id: str, email: str, actor: Actor = SYSTEM) -> int:
        """Delete an agent with all its mail for good, live or from the trash; how many messages went.

        It goes to the trash first, so that no mail comes in behind us, and then in batches, each
        a transaction of its own.

        Raises:
            NotFound: no such agent of the account.
            SendInProgress: mail of it is being sent at this moment.

        Cancellation: what was deleted stays deleted, the rest is in the trash; call it again.
        """
        agent = await storage.find(self.database, email)
        if agent is None or agent.account_id != account_id:
            raise NotFound
        if await submissions.in_progress(self.database, account_id, email):
            raise SendInProgress
        if agent.deleted_at is None:
            with suppress(NotFound):  # somebody else was faster
                await self.trash(account_id, email, actor)
        purged = 0
        while True:
            async with self.database.transaction() as transaction:
                deleted, contents = await storage.purge_messages(transaction, account_id, email, batch=PURGE_BATCH)
                if contents:
                    await storage.lock_contents(transaction, account_id, contents)
                    await storage.drop_contents(transaction, account_id, contents)
                if deleted < PURGE_BATCH and await storage.purge(transaction, account_id, email):
                    await audit.record(transaction, account_id, actor, "agent.deleted", email)
            purged += deleted
            if deleted < PURGE_BATCH:
                return purged

    async def restore(self, account_id: str, email: str, actor: Actor = SYSTEM) -> Agent:
        """Bring an agent back from the trash with all its mail.

        Raises:
            NotInTrash: it is live.
            DomainNotRegistered: another account has proved that the domain is its own.
            NotFound: no such agent of the account.
        """
        async with self.database.transaction() as transaction:
            restored = await storage.restore(transaction, account_id, email)
            if restored is not None:
                await audit.record(transaction, account_id, actor, "agent.restored", email)
        if restored is not None:
            return restored
        agent = await storage.find(self.database, email)
        if agent is None or agent.account_id != account_id:
            raise NotFound
        if agent.deleted_at is not None:
            raise DomainNotRegistered(f"{agent.domain} belongs to another account now: its agents cannot come back")
        raise NotInTrash(f"{email} is not in the trash")

    async def _survey(self, executor: Any, account_id: str, mailbox: Mailbox) -> Survey:
        survey = await storage.survey(executor, account_id, str(mailbox), domain_and_parents(mailbox.domain))
        if survey is None:
            raise NotFound("the account does not exist any more")
        return survey

    async def _authority(self, account_id: str, mailbox: Mailbox, survey: Survey) -> str:
        """The registered domain that lets this account have the address."""
        rows = {row.domain: row for row in survey.domains}
        wanted = mailbox.domain
        nearest = next((rows[name] for name in domain_and_parents(wanted) if name in rows), None)
        if nearest is None:
            raise DomainNotRegistered(f"{wanted} is not registered with this account: register and verify it first")
        if nearest.domain == self.shared_domain and nearest.account_id is None:
            if wanted != self.shared_domain:
                raise ReservedDomain(f"names below {self.shared_domain} are reserved: use {self.shared_domain} itself")
            return self.shared_domain
        if nearest.account_id != account_id:
            raise DomainNotRegistered(f"{wanted} is not registered with this account: register and verify it first")
        if nearest.domain != wanted:
            refuse_bounce_subtree(wanted, [row.domain for row in rows.values() if row.account_id == account_id])
        if not nearest.verified:
            raise DomainNotVerified(f"{nearest.domain} is not verified yet: set its DNS records and verify it first")
        if nearest.domain != wanted:
            await self._check_mx(wanted)
        return nearest.domain

    async def _check_mx(self, domain: str) -> None:
        failed = MxCheckFailed(f"the MX records of {domain} could not be looked up: try again", retry_after_seconds=5)
        found: list[tuple[int, str]] | None = None
        with trio.move_on_after(MX_SECONDS):
            try:
                found = await self.exchangers.mx(domain)
            except Exception as error:
                raise failed from error
        if found is None:
            raise failed
        if self.mail_host.rstrip(".").lower() not in {host.rstrip(".").lower() for _, host in found}:
            raise InboundMxMissing(
                f"{domain} has no MX record that points to {self.mail_host}: add one (or a wildcard)"
            )

    def _check_quota(self, survey: Survey) -> int:
        most = self.limits.max_agents if survey.max_agents is None else survey.max_agents
        if survey.live_agents >= most:
            details: dict[str, Any] = {"resource": "agents", "limit": most, "current": survey.live_agents}
            details["plan_code"] = survey.plan_code or self.limits.plan_code
            if survey.upgrade_url:
                details["upgrade_url"] = survey.upgrade_url
            raise LimitExceeded(
                f"the account has {survey.live_agents} of {most} agents: delete one or raise the limit",
                details=details,
            )
        return most

    def _check_mode(self, agent_mode: str | None, webhook_url: str) -> None:
        if not agent_mode:
            raise InvalidRequest("agent_mode is required: local or cloud")
        if agent_mode not in MODES:
            raise InvalidRequest("agent_mode must be local or cloud")
        if agent_mode == "cloud" and not webhook_url:
            raise InvalidRequest("webhook_url is required for agent_mode cloud")

    def _check_catch_all(self, catch_all: bool, domain: str) -> None:
        # On a shared domain it would take the mail of everybody who mistypes anybody's address.
        if catch_all and domain == self.shared_domain:
            raise InvalidRequest("catch_all is only possible on a domain of your own")


async def _updated(executor: Executor, account_id: str, email: str, change: Change) -> Agent:
    changed = await storage.update(executor, account_id, email, change)
    if changed is None:
        raise Conflict("the agent was changed by another request at the same time: read it and try again")
    return changed


def _ways(agent: Agent) -> dict[str, Any]:
    """What decides where its mail goes, without what a URL may keep secret."""
    return {"agent_mode": agent.agent_mode, "webhook_url": _public(agent), "catch_all": agent.catch_all}


def _public(agent: Agent) -> str:
    return audit.public_part(agent.webhook_url)


def _check_free(account_id: str, survey: Survey) -> None:
    if survey.holder is None:
        return
    if survey.holder.trashed and survey.holder.account_id == account_id:
        raise AddressInTrash
    raise AgentTaken


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME:
        raise InvalidRequest(f"name must have at most {MAX_NAME} characters")
    if not name.isprintable():
        raise InvalidRequest("name must not contain line breaks or other control characters")
