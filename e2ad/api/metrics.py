"""Metrics: what became of an agent's or an account's messages (contract: metrics)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from attrs import frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, Scope, operation
from e2ad.api.shapes import Instant
from e2ad.core import errors
from e2ad.core.events import rfc3339
from e2ad.core.outbound import REASONS
from e2ad.gateway import metrics
from e2ad.gateway.metrics import Funnel, window_of
from e2ad.gateway.mint import now
from e2ad.storage.metrics import Endpoint

__all__ = ["OPERATIONS"]

MAX_ENDPOINTS = 50

Start = Annotated[datetime, Meta(tz=True, description="messages created at this time or later; 30 days before end")]
End = Annotated[datetime, Meta(tz=True, description="messages created before this time; now")]


@frozen
class AgentMetricsQuery:
    """Which messages: at most 92 days of them."""

    start: Start | UnsetType = UNSET
    end: End | UnsetType = UNSET


@frozen
class AccountMetricsQuery:
    """Which messages, and into which parts the counts are taken besides."""

    start: Start | UnsetType = UNSET
    end: End | UnsetType = UNSET
    bucket: Annotated[Literal["day"], Meta(description="each UTC day besides")] | UnsetType = UNSET
    group_by: Annotated[Literal["agent"], Meta(description="each agent besides, up to 200")] | UnsetType = UNSET


@frozen
class MetricsSummaryView:
    """Messages, each counted once in each member. `loopback` never left this deployment."""

    accepted: int
    submitted: int
    delivered: int
    bounced_hard: int
    bounced_soft: int
    bounced_undetermined: int
    complained: int
    suppressed: int
    send_failed: int
    loopback: int
    received: int
    dmarc_pass: int
    dmarc_fail: int
    dmarc_none: int
    dmarc_error: int
    review_held: int
    review_approved: int
    review_rejected: int
    review_expired_approved: int
    review_expired_rejected: int


@frozen
class MetricsRatesView:
    """Shares of mail that was to leave; null where there was none."""

    delivered_rate: float | None
    bounce_rate: float | None
    complaint_rate: float | None
    suppression_block_rate: float | None


@frozen
class MetricsCounterView:
    """One reason code: messages that have it, and how often it was observed."""

    reason_code: str
    stage: str
    outcome: str
    retryable: bool
    messages: int
    observations: int


@frozen
class AgentMetricsView:
    """One agent. `reconstructed_observations`: acceptance and authentication of mail in, which follow from it."""

    agent_email: str
    start: Instant
    end: Instant
    messages_in_window: int
    messages_with_lifecycle: int
    reconstructed_observations: int
    summary: MetricsSummaryView
    rates: MetricsRatesView
    counters: list[MetricsCounterView]


@frozen
class AgentMetricsGroupView:
    """One agent among those of the account."""

    agent_email: str
    messages_in_window: int
    messages_with_lifecycle: int
    reconstructed_observations: int
    summary: MetricsSummaryView
    rates: MetricsRatesView
    counters: list[MetricsCounterView]


@frozen
class MetricsBucketView:
    """One UTC day; a day without mail is there too."""

    day: Instant
    summary: MetricsSummaryView
    rates: MetricsRatesView


@frozen
class WebhookEndpointMetricsView:
    """One webhook, by its host alone: paths may hold secrets."""

    webhook_id: str
    url_host: str
    enabled: bool
    auto_disable_reason: str
    auto_disabled_at: Instant | None
    last_status_code: int | None
    deliveries: int
    delivered: int
    pending: int
    endpoint_rejected: int
    no_response: int
    success_rate: float | None


@frozen
class WebhookMetricsView:
    """All webhooks that there are; `endpoints` are the 50 busiest of those with deliveries."""

    deliveries: int
    delivered: int
    pending: int
    endpoint_rejected: int
    no_response: int
    endpoints_auto_disabled: int
    success_rate: float | None
    endpoints_truncated: bool
    window_exceeds_retention: bool
    endpoints: list[WebhookEndpointMetricsView]


@frozen
class AccountMetricsView:
    """All agents of the account."""

    start: Instant
    end: Instant
    messages_in_window: int
    messages_with_lifecycle: int
    reconstructed_observations: int
    summary: MetricsSummaryView
    rates: MetricsRatesView
    counters: list[MetricsCounterView]
    agents: list[AgentMetricsGroupView]
    agents_truncated: bool
    buckets: list[MetricsBucketView]
    webhooks: WebhookMetricsView


@operation(
    "getAgentMetrics",
    "GET",
    "/v1/agents/{email}/metrics",
    tag="agents",
    summary="Get what became of an agent's messages",
    query=AgentMetricsQuery,
    success={200: AgentMetricsView},
    errors=(errors.InvalidRequest, errors.NotFound),
    scope=Scope.OWN,
    poll=True,
    beta=True,
)
async def get_agent_metrics(call: Call[AgentMetricsQuery, None]) -> AgentMetricsView:
    """Counts of messages created in the window, whenever the rest of their story happened."""
    window = window_of(call.query.start or None, call.query.end or None)
    email = call.path["email"]
    funnel = await metrics.agent(call.services.db, call.principal.account_id, email, window)
    return AgentMetricsView(
        agent_email=email,
        start=rfc3339(window.start),
        end=rfc3339(window.end),
        **_told(funnel),
    )


@operation(
    "getAccountMetrics",
    "GET",
    "/v1/metrics",
    tag="account",
    summary="Get what became of the account's messages",
    query=AccountMetricsQuery,
    success={200: AccountMetricsView},
    errors=(errors.InvalidRequest,),
    poll=True,
    beta=True,
)
async def get_account_metrics(call: Call[AccountMetricsQuery, None]) -> AccountMetricsView:
    """The same for all agents together, with what became of webhook deliveries in the window."""
    query, services = call.query, call.services
    window = window_of(query.start or None, query.end or None)
    account = await metrics.account(
        services.db,
        call.principal.account_id,
        window,
        by_day=query.bucket == "day",
        by_agent=query.group_by == "agent",
    )
    kept_seconds = services.config.retention.delivery_days * 86_400
    return AccountMetricsView(
        start=rfc3339(window.start),
        end=rfc3339(window.end),
        **_told(account.whole),
        agents=[AgentMetricsGroupView(agent_email=email, **_told(part)) for email, part in account.agents],
        agents_truncated=account.more_agents,
        buckets=[_bucket(day, part) for day, part in account.days],
        webhooks=_webhooks(account.endpoints, exceeds=(now() - window.start).total_seconds() > kept_seconds),
    )


def _told(funnel: Funnel) -> dict[str, Any]:
    """What is told of an agent and of a whole account alike."""
    summary = _summary(funnel)
    return {
        "messages_in_window": funnel.messages("=messages"),
        "messages_with_lifecycle": funnel.messages("=told"),
        "reconstructed_observations": funnel.derived,
        "summary": summary,
        "rates": _rates(summary),
        "counters": _counters(funnel),
    }


def _bucket(day: date, funnel: Funnel) -> MetricsBucketView:
    summary = _summary(funnel)
    return MetricsBucketView(rfc3339(datetime.combine(day, time(), UTC)), summary, _rates(summary))


def _summary(funnel: Funnel) -> MetricsSummaryView:
    count = funnel.messages
    return MetricsSummaryView(
        accepted=count("acceptance.outbound_api", "acceptance.local_loopback", direction="outbound"),
        submitted=count("=submitted"),
        delivered=count("delivery.recipient_server_accepted"),
        bounced_hard=count("delivery.permanent_bounce"),
        bounced_soft=count("delivery.transient_bounce"),
        bounced_undetermined=count("delivery.undetermined_bounce"),
        complained=count("complaint.recipient_reported"),
        suppressed=count("suppression.recipient_blocked"),
        send_failed=count("=failed"),
        loopback=count("=loopback"),
        received=count("acceptance.inbound_smtp", "acceptance.local_loopback", direction="inbound"),
        dmarc_pass=count("authentication.dmarc_pass"),
        dmarc_fail=count("authentication.dmarc_fail"),
        dmarc_none=count("authentication.dmarc_none"),
        dmarc_error=count("authentication.dmarc_permanent_error", "authentication.dmarc_temporary_error"),
        review_held=count("review.hold_created"),
        review_approved=count("review.approved"),
        review_rejected=count("review.rejected"),
        review_expired_approved=count("review.expired_approved"),
        review_expired_rejected=count("review.expired_rejected"),
    )


def _rates(told: MetricsSummaryView) -> MetricsRatesView:
    bounced = told.bounced_hard + told.bounced_soft + told.bounced_undetermined
    return MetricsRatesView(
        delivered_rate=_rate(told.delivered, told.accepted - told.loopback),
        bounce_rate=_rate(bounced, told.submitted - told.loopback),
        complaint_rate=_rate(told.complained, told.delivered),
        suppression_block_rate=_rate(told.suppressed, told.accepted - told.loopback),
    )


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def _counters(funnel: Funnel) -> list[MetricsCounterView]:
    return [
        MetricsCounterView(
            reason_code=one.code,
            stage=REASONS[one.code].stage,
            outcome=REASONS[one.code].outcome,
            retryable=REASONS[one.code].retryable,
            messages=one.messages,
            observations=one.observations,
        )
        for one in funnel.counters()
    ]


def _webhooks(endpoints: Sequence[Endpoint], *, exceeds: bool) -> WebhookMetricsView:
    busy = [one for one in endpoints if one.deliveries]
    delivered = sum(one.delivered for one in busy)
    rejected, unanswered = sum(one.rejected for one in busy), sum(one.unanswered for one in busy)
    return WebhookMetricsView(
        deliveries=sum(one.deliveries for one in busy),
        delivered=delivered,
        pending=sum(one.pending for one in busy),
        endpoint_rejected=rejected,
        no_response=unanswered,
        endpoints_auto_disabled=sum(one.auto_disabled_at is not None for one in endpoints),
        success_rate=_rate(delivered, delivered + rejected + unanswered),
        endpoints_truncated=len(busy) > MAX_ENDPOINTS,
        window_exceeds_retention=exceeds,
        endpoints=[_endpoint(one) for one in busy[:MAX_ENDPOINTS]],
    )


def _endpoint(one: Endpoint) -> WebhookEndpointMetricsView:
    return WebhookEndpointMetricsView(
        webhook_id=one.id,
        url_host=urlsplit(one.url).hostname or "",
        enabled=one.enabled,
        auto_disable_reason=one.auto_disabled_reason,
        auto_disabled_at=None if one.auto_disabled_at is None else rfc3339(one.auto_disabled_at),
        last_status_code=one.last_status_code,
        deliveries=one.deliveries,
        delivered=one.delivered,
        pending=one.pending,
        endpoint_rejected=one.rejected,
        no_response=one.unanswered,
        success_rate=_rate(one.delivered, one.delivered + one.rejected + one.unanswered),
    )


OPERATIONS = [get_agent_metrics, get_account_metrics]
