"""SPF, DKIM, DMARC and ARC for one mail, under one deadline, as evidence that never refuses a mail."""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import structlog
import trio
import trio_parallel
from attrs import define, evolve, frozen

from e2ad.core.address import Mailbox, ReversePath
from e2ad.core.alignment import Aligner, conclude
from e2ad.core.authentication import (
    ArcResult,
    ArcStatus,
    Authentication,
    DkimResult,
    DkimStatus,
    DmarcResult,
    DmarcStatus,
    SpfResult,
    SpfStatus,
)
from e2ad.mailauth.arc_method import check_arc
from e2ad.mailauth.dkim_method import check_dkim
from e2ad.mailauth.dmarc_method import Discovery, align, discover
from e2ad.mailauth.engine import Check, evaluate
from e2ad.mailauth.header_section import RawHeader, read_header
from e2ad.mailauth.resolver import DnsTemporaryError, Resolver
from e2ad.mailauth.spf_method import check_spf, spf_identity
from e2ad.mailauth.suffixes import listed_organization

__all__ = ["AuthenticationSettings", "Authenticator", "SpfTicket"]

_log: Any = structlog.get_logger("e2ad.mailauth")

_LATE: Final = "not finished in time"
_WORKER_GRACE_SECONDS: Final = 2.0
_THREADS: Final = 2


@frozen
class AuthenticationSettings:
    """Bounds of the evaluation.

    Attributes:
        deadline_seconds: for one mail, everything together; what is late is `temperror`.
        worker_processes: processes for large mails; 0 uses threads, which a deadline leaves but cannot stop.
        authserv_id: our name in Authentication-Results.
        max_signatures: DKIM signatures that are evaluated.
        inline_bytes: body or covered header fields up to which the work (under 2 ms) is done in place.
        background_evaluations: SPF evaluations under way ahead of their mail; further ones wait for it.
    """

    deadline_seconds: float = 10.0
    worker_processes: int = 1
    authserv_id: str = ""
    max_signatures: int = 10
    inline_bytes: int = 65_536
    background_evaluations: int = 256


@define(eq=False)
class SpfTicket:
    """An SPF evaluation that may have begun before the content arrived. Made by `Authenticator.expect`."""

    peer_address: str
    helo: str
    reverse_path: ReversePath
    done: trio.Event | None = None
    result: SpfResult | None = None

    def is_for(self, peer_address: str, helo: str, reverse_path: ReversePath) -> bool:
        """Is this about the same question? A ticket of another transaction is no evidence for this one."""
        return (self.peer_address, self.helo, self.reverse_path) == (peer_address, helo, reverse_path)


@define(eq=False)
class _Findings:
    """What is known so far; what the deadline finds unfinished stays as it was put here first."""

    spf: SpfResult
    discovery: Discovery
    dkim: list[DkimResult]
    arc: ArcResult | None = None
    aligner: Aligner | None = None


class Authenticator:
    """Judges the sender of one mail after another. One for the process."""

    def __init__(self, settings: AuthenticationSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver
        self._nursery: trio.Nursery | None = None
        self._background = 0
        self._workers: trio_parallel.WorkerContext | None = None
        self._worker_limiter = trio.CapacityLimiter(max(1, settings.worker_processes))
        self._thread_limiter = trio.CapacityLimiter(_THREADS)
        # Read from disk once, here, and not under the first mail's deadline.
        listed_organization("example.com")

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the evaluations that run ahead and the worker processes, until cancelled.

        `authenticate` works without it too, in threads and with nothing ahead of time.

        Cancellation:
            Evaluations ahead are dropped, their tickets fall back to evaluation on demand. Worker
            processes end within two seconds.
        """
        try:
            async with AsyncExitStack() as stack:
                if self._settings.worker_processes:
                    context = trio_parallel.open_worker_context(grace_period=_WORKER_GRACE_SECONDS)
                    self._workers = await stack.enter_async_context(context)
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    task_status.started()
                    try:
                        await trio.sleep_forever()
                    finally:
                        self._nursery = self._workers = None
        except trio_parallel.BrokenWorkerError as error:
            _log.warning("worker_killed", reason=str(error))

    def expect(self, peer_address: str, helo: str, reverse_path: ReversePath) -> SpfTicket:
        """Begin SPF at MAIL FROM, so that its DNS is waited for while the content arrives. Never blocks.

        Where there is no room the ticket is one all the same, and is evaluated on demand.
        """
        ticket = SpfTicket(peer_address, helo, reverse_path)
        if self._nursery is not None and self._background < self._settings.background_evaluations:
            ticket.done = trio.Event()
            self._background += 1
            self._nursery.start_soon(self._evaluate_ahead, ticket, ticket.done)
        return ticket

    async def authenticate(
        self,
        peer_address: str,
        helo: str,
        reverse_path: ReversePath,
        content: bytes,
        author: Mailbox | None,
        *,
        spf: SpfTicket | None = None,
    ) -> Authentication:
        """Find out what stands behind a mail's sender. Never raises but Cancelled.

        Nothing in the mail is believed: fields that carry somebody's verdict, in our name or not,
        are content like any other.

        Args:
            peer_address: of the SMTP client; empty where there is none.
            helo: as it introduced itself.
            reverse_path: of MAIL FROM.
            content: header section and body, dots unstuffed, CRLF kept.
            author: the mailbox in From, None where there is not exactly one: DMARC has no Author
                Domain then and reads `permerror` (RFC 9989 section 5.3.1), and nothing is verified.
            spf: what `expect` gave for this transaction.
        """
        header = read_header(content)
        if header.count(b"from") > 1:
            author = None
        domain = author.domain if author is not None and not author.domain.startswith("[") else None
        findings = _Findings(_spf_unknown(helo, reverse_path, _LATE), _undiscovered(author, domain, _LATE), [])
        with trio.move_on_after(self._settings.deadline_seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._guard, "spf", self._find_spf, findings, spf, peer_address, helo, reverse_path)
                if domain is not None:
                    nursery.start_soon(self._guard, "dmarc", self._find_record, findings, domain)
                if header.count(b"dkim-signature"):
                    nursery.start_soon(self._guard, "dkim", self._find_dkim, findings, header)
                if header.count(b"arc-seal") or header.count(b"arc-message-signature"):
                    findings.arc = ArcResult(ArcStatus.TEMPERROR, detail=_LATE)
                    nursery.start_soon(self._guard, "arc", self._find_arc, findings, header)
            if domain is not None:
                await self._guard("alignment", self._find_alignment, findings, domain)
        if not findings.dkim and header.count(b"dkim-signature"):
            findings.dkim.append(DkimResult(DkimStatus.TEMPERROR, detail=_LATE))
        return _conclude(findings, domain)

    async def _guard(self, method: str, find: Callable[..., Awaitable[None]], *args: Any) -> None:
        # Evidence that cannot be had must not cost the mail: an accident of ours is logged and reads temperror.
        try:
            await find(*args)
        except Exception as error:  # noqa: BLE001  # see above
            _log.error("authentication_failed", method=method, exc_info=error)

    async def _evaluate_ahead(self, ticket: SpfTicket, done: trio.Event) -> None:
        try:
            with trio.move_on_after(self._settings.deadline_seconds):
                await self._guard("spf", self._fill_ticket, ticket)
        finally:
            self._background -= 1
            done.set()

    async def _fill_ticket(self, ticket: SpfTicket) -> None:
        ticket.result = await check_spf(self._resolver, ticket.peer_address, ticket.helo, ticket.reverse_path)

    async def _find_spf(
        self, findings: _Findings, ticket: SpfTicket | None, peer_address: str, helo: str, reverse_path: ReversePath
    ) -> None:
        if ticket is not None and ticket.done is not None and ticket.is_for(peer_address, helo, reverse_path):
            await ticket.done.wait()
            if ticket.result is not None:
                findings.spf = ticket.result
                return
        findings.spf = await check_spf(self._resolver, peer_address, helo, reverse_path)

    async def _find_record(self, findings: _Findings, domain: str) -> None:
        findings.discovery = await discover(self._resolver, domain)

    async def _find_dkim(self, findings: _Findings, header: RawHeader) -> None:
        await check_dkim(
            header,
            findings.dkim,
            lookup=self._resolver.txt,
            evaluate=self._evaluate,
            now=time.time(),
            max_signatures=self._settings.max_signatures,
        )

    async def _find_arc(self, findings: _Findings, header: RawHeader) -> None:
        findings.arc = await check_arc(header, lookup=self._resolver.txt, evaluate=self._evaluate, now=time.time())

    async def _find_alignment(self, findings: _Findings, domain: str) -> None:
        if not findings.discovery.known:
            return
        # Only a mechanism that passed, or might have, can align.
        domains = {findings.spf.domain} if findings.spf.status in (SpfStatus.PASS, SpfStatus.TEMPERROR) else set()
        domains |= {r.domain for r in findings.dkim if r.status in (DkimStatus.PASS, DkimStatus.TEMPERROR)}
        known = {name for name in domains if name is not None}
        try:
            findings.aligner = await align(self._resolver, findings.discovery, domain, known)
        except DnsTemporaryError as error:
            _log.debug("alignment_unknown", domain=domain, reason=str(error))

    async def _evaluate(self, body: bytes, checks: Sequence[Check]) -> list[str | None]:
        covered = sum(len(value) for check in checks for _, value in check.fields)
        if max(len(body), covered) <= self._settings.inline_bytes:
            return evaluate(body, checks)
        if self._workers is None:
            return await trio.to_thread.run_sync(
                evaluate, body, checks, abandon_on_cancel=True, limiter=self._thread_limiter
            )
        return await self._workers.run_sync(evaluate, body, checks, kill_on_cancel=True, limiter=self._worker_limiter)


def _conclude(findings: _Findings, domain: str | None) -> Authentication:
    discovery = findings.discovery
    record = None if discovery.published is None else discovery.published.record
    if domain is None or not discovery.known:
        return conclude(findings.spf, findings.dkim, findings.arc, discovery.result, record=None, aligner=None)
    if findings.aligner is not None:
        return conclude(
            findings.spf, findings.dkim, findings.arc, discovery.result, record=record, aligner=findings.aligner
        )
    # The organizations of other domains could not be found out: the very same domain still aligns.
    same_only = Aligner(domain, domain, {})
    authentication = conclude(
        findings.spf, findings.dkim, findings.arc, discovery.result, record=record, aligner=same_only
    )
    if authentication.verified:
        return authentication
    dmarc = evolve(discovery.result, status=DmarcStatus.TEMPERROR, detail="alignment could not be determined")
    return Authentication(findings.spf, dmarc, tuple(findings.dkim), findings.arc, verified=False)


def _spf_unknown(helo: str, reverse_path: ReversePath, detail: str) -> SpfResult:
    identity = spf_identity(helo, reverse_path)
    return SpfResult(SpfStatus.TEMPERROR, None if isinstance(identity, str) else identity.domain, detail=detail)


def _undiscovered(author: Mailbox | None, domain: str | None, detail: str) -> Discovery:
    if author is None:
        result = DmarcResult(DmarcStatus.PERMERROR, detail="the mail does not have exactly one author in From")
    elif domain is None:
        result = DmarcResult(DmarcStatus.PERMERROR, detail="the author's domain is not a domain name")
    else:
        result = DmarcResult(DmarcStatus.TEMPERROR, domain, detail=detail)
    return Discovery(result, known=False)
