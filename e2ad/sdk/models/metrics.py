"""Counts and rates."""

from datetime import datetime

from attrs import frozen

__all__ = [
    "AccountMetricsView",
    "AgentMetricsGroupView",
    "AgentMetricsView",
    "MetricsBucketView",
    "MetricsCounterView",
    "MetricsRatesView",
    "MetricsSummaryView",
    "WebhookEndpointMetricsView",
    "WebhookMetricsView",
]


@frozen(kw_only=True)
class MetricsCounterView:
    """One reason code: messages that have it, and how often it was observed."""

    reason_code: str
    stage: str
    outcome: str
    retryable: bool
    messages: int
    observations: int


@frozen(kw_only=True)
class MetricsRatesView:
    """Shares of mail that was to leave; null where there was none."""

    delivered_rate: float | None
    bounce_rate: float | None
    complaint_rate: float | None
    suppression_block_rate: float | None


@frozen(kw_only=True)
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


@frozen(kw_only=True)
class AgentMetricsGroupView:
    """One agent among those of the account."""

    agent_email: str
    messages_in_window: int
    messages_with_lifecycle: int
    reconstructed_observations: int
    summary: MetricsSummaryView
    rates: MetricsRatesView
    counters: list[MetricsCounterView]


@frozen(kw_only=True)
class AgentMetricsView:
    """One agent. `reconstructed_observations`: acceptance and authentication of mail in, which follow from it."""

    agent_email: str
    start: datetime
    end: datetime
    messages_in_window: int
    messages_with_lifecycle: int
    reconstructed_observations: int
    summary: MetricsSummaryView
    rates: MetricsRatesView
    counters: list[MetricsCounterView]


@frozen(kw_only=True)
class MetricsBucketView:
    """One UTC day; a day without mail is there too."""

    day: datetime
    summary: MetricsSummaryView
    rates: MetricsRatesView


@frozen(kw_only=True)
class WebhookEndpointMetricsView:
    """One webhook, by its host alone: paths may hold secrets."""

    webhook_id: str
    url_host: str
    enabled: bool
    auto_disable_reason: str
    auto_disabled_at: datetime | None
    last_status_code: int | None
    deliveries: int
    delivered: int
    pending: int
    endpoint_rejected: int
    no_response: int
    success_rate: float | None


@frozen(kw_only=True)
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


@frozen(kw_only=True)
class AccountMetricsView:
    """All agents of the account."""

    start: datetime
    end: datetime
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
