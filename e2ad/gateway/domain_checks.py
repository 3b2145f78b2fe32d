"""Looking at a domain's DNS, and writing what that makes of the domain.

All questions of a look go out at once, under one deadline and outside any transaction. Then one
transaction moves the row as it stands by then; a look that began before the last one changes nothing.
"""

import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

import trio
from attrs import frozen

from e2ad import maillog
from e2ad.config.sections import Config, Domains
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.domain_life import Policy, Proof, Step, advance
from e2ad.core.domain_records import (
    Answer,
    Answers,
    Finding,
    Question,
    Wanted,
    Word,
    everything_found,
    is_key_slot,
    judge,
    judge_ownership,
    key_slot,
    ownership_questions,
    questions,
)
from e2ad.core.errors import NotFound
from e2ad.core.events import envelope
from e2ad.gateway import audit
from e2ad.gateway.mint import new_id, now
from e2ad.mailauth.suffixes import listed_organization
from e2ad.storage import domains as storage
from e2ad.storage.domains import Domain
from e2ad.storage.outbox import NewEvent, emit
from e2ad.storage.pool import Database, Executor

__all__ = ["CheckSettings", "Checked", "DnsRecords", "DomainChecks", "look_up"]

CONCURRENCY: Final = 16
"""Questions of one look that are under way at once."""


class DnsRecords(Protocol):
    """Whoever asks the DNS. Any exception means that there was no answer, an empty list that there is no record."""

    async def mx(self, name: str) -> list[tuple[int, str]]:
        """Preference and host of each MX record."""

    async def txt(self, name: str) -> list[bytes]:
        """The TXT records, each with its strings joined."""


@frozen
class CheckSettings:
    """What checks depend on.

    Attributes:
        mail_host: the name that MX records must point to.
        relay_host: through which mail leaves; "" where none does.
        ramps: whether sending of new domains starts slowly.
        outbox: whether subscribed webhooks get events.
    """

    mail_host: str
    relay_host: str
    domains: Domains
    ramps: bool = False
    outbox: bool = True

    @classmethod
    def of(cls, config: Config) -> "CheckSettings":
        """As configured."""
        return cls(
            mail_host=config.smtp.domain,
            relay_host=config.relay.host,
            domains=config.domains,
            ramps=config.ramp.enabled,
            outbox=config.features.outbox,
        )

    @property
    def policy(self) -> Policy:
        """The times of a domain's life."""
        return Policy(
            recheck_seconds=self.domains.recheck_seconds,
            grace_seconds=self.domains.grace_seconds,
            claim_seconds=self.domains.claim_seconds,
        )


@frozen
class Checked:
    """A domain after a look, and what the look found by slot."""

    domain: Domain
    findings: Mapping[str, Finding]

    @property
    def proven(self) -> bool:
        """Was the proof of ownership there?"""
        return self.findings["ownership"].word is Word.FOUND


@frozen
class DomainChecks:
    """Looks at domains.

    Args:
        dns: answers without remembering, since people look right after they published.
    """

    database: Database
    dns: DnsRecords
    settings: CheckSettings

    def wanted(self, domain: Domain) -> Wanted:
        """The records of a domain."""
        return Wanted(
            domain=domain.domain,
            token=domain.token,
            mail_host=self.settings.mail_host,
            relay_host=self.settings.relay_host,
            organization=listed_organization(domain.domain),
            keys=domain.keys,
        )

    async def look(self, wanted: Wanted) -> dict[str, Finding]:
        """What the DNS says about each record, within `domains.probe_seconds`."""
        if self.settings.domains.assume_verified:
            return everything_found(wanted)
        return judge(wanted, await look_up(self.dns, questions(wanted), self.settings.domains.probe_seconds))

    async def proves(self, domain: str, tokens: Iterable[str]) -> bool:
        """Does the DNS show one of these proofs of ownership now?"""
        first, *others = tokens
        wanted = Wanted(domain, first, self.settings.mail_host, proofs=tuple(others))
        answers = await look_up(self.dns, ownership_questions(domain), self.settings.domains.probe_seconds)
        return judge_ownership(wanted, answers).word is Word.FOUND

    async def check(self, account_id: str, name: str, proof: Proof, actor: Actor = SYSTEM) -> Checked:
        """Look at a domain and move it on by what is seen.

        Args:
            proof: what makes it verified, if it is not.

        Raises:
            NotFound: the account has no such domain, or lost it while we looked.

        Cancellation: before COMMIT nothing is kept.
        """
        seen_first = await storage.find(self.database, account_id, name)
        if seen_first is None:
            raise NotFound
        at = now()
        findings = await self.look(self.wanted(seen_first))
        async with self.database.transaction() as transaction:
            if not await storage.lock(transaction, account_id, name):
                raise NotFound
            domain = await storage.find(transaction, account_id, name)
            if domain is None or domain.token != seen_first.token:
                raise NotFound
            if domain.life.last_checked_at is not None and domain.life.last_checked_at > at:
                return Checked(domain, findings)
            step = advance(
                domain.life,
                domain.keys,
                findings,
                at=at,
                policy=self.settings.policy,
                proof=proof,
                jitter=random.random(),
            )
            await self._write(transaction, domain, step, findings, at)
            after = await storage.find(transaction, account_id, name)
            assert after is not None
            if after.life.verified != domain.life.verified:
                action = "domain.verified" if after.life.verified else "domain.lapsed"
                known = {"seen": {slot: finding.word.value for slot, finding in findings.items()}}
                await audit.record(transaction, account_id, actor, action, name, known, at=at)
        _tell(domain, after)
        return Checked(after, findings)

    async def _write(
        self, transaction: Executor, domain: Domain, step: Step, findings: Mapping[str, Finding], at: datetime
    ) -> None:
        dropped = {move.selector for move in step.keys if move.state is None}
        kept = {key_slot(key.selector) for key in domain.keys if key.selector not in dropped}
        await storage.save(transaction, domain.domain, step.life, _remembered(domain.seen, findings, kept))
        for move in step.keys:
            if move.state is None:
                await storage.drop_key(transaction, domain.domain, move.selector)
            else:
                await storage.move_key(transaction, domain.domain, move.selector, move.state, at)
        if step.life.verified and not domain.life.verified and not self.settings.ramps:
            await storage.exempt(transaction, domain.account_id, domain.domain)
        if step.sending_event is not None:
            event = _sending_event(domain, step.sending_event, step.life.sending_error, at)
            await emit(transaction, [event], outbox=self.settings.outbox)


async def look_up(dns: DnsRecords, asked: Iterable[Question], seconds: float) -> Answers:
    """Ask everything at once. What has no answer in time is left out of the answers."""
    answers: dict[Question, Answer] = {}
    turns = trio.Semaphore(CONCURRENCY)

    async def ask(question: Question) -> None:
        async with turns:
            try:
                if question.type == "MX":
                    answers[question] = await dns.mx(question.name)
                else:
                    answers[question] = await dns.txt(question.name)
            except Exception:  # noqa: BLE001 - silence, failure and nonsense are the same: no answer
                return

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for question in asked:
                nursery.start_soon(ask, question)
    return answers


def _remembered(before: Mapping[str, Any], findings: Mapping[str, Finding], keys: set[str]) -> dict[str, Any]:
    """What is kept of a look: of what DNS gave no answer about, what was known before."""
    kept = {}
    for slot, finding in findings.items():
        if is_key_slot(slot) and slot not in keys:
            continue
        if finding.word is Word.DEFERRED and slot in before:
            kept[slot] = before[slot]
        else:
            kept[slot] = {"word": finding.word.value, "seen": list(finding.seen)}
    return kept


def _sending_event(domain: Domain, status: str, reason: str | None, at: datetime) -> NewEvent:
    event_type, event_id = f"domain.sending_{status}", new_id("evt_")
    data = {"domain": domain.domain, "sending_status": status}
    if reason is not None:
        data["reason"] = reason
    return NewEvent(
        account_id=domain.account_id,
        id=event_id,
        type=event_type,
        agent_email=None,
        conversation_id=None,
        message_id=None,
        envelope=envelope(event_type, event_id, at, data),
        created_at=at,
    )


def _tell(before: Domain, after: Domain) -> None:
    if before.life.verified != after.life.verified:
        word = "verified" if after.life.verified else "lapsed"
        maillog.domain_changed(after.account_id, after.domain, word)
    if before.life.sending_status != after.life.sending_status:
        maillog.domain_changed(after.account_id, after.domain, f"sending {after.life.sending_status}")
