"""What can be configured: every key, its default, and what makes a value wrong.

Every default lives here and nowhere else; `config.example.toml` is held equal by a test.
"""

from typing import Any

from attrs import Factory, field, frozen

from e2ad.config import checks
from e2ad.config.checks import Check

__all__ = [
    "Authentication",
    "Check",
    "Config",
    "Dashboard",
    "Database",
    "Dns",
    "Domains",
    "Egress",
    "Features",
    "Feedback",
    "Gate",
    "Grace",
    "Http",
    "Limits",
    "Log",
    "Ramp",
    "RateLimits",
    "Relay",
    "Retention",
    "Signing",
    "Smtp",
    "Webhooks",
    "Websocket",
]


def _key(default: Any, check: Check | None = None, *, secret: bool = False) -> Any:
    """One configuration key: its default, what makes a value wrong, whether it is a secret."""
    return field(default=default, metadata={"check": check, "secret": secret})


@frozen
class Log:
    """How e2ad talks to journald or a terminal."""

    level: str = _key("info", checks.one_of("debug", "info", "warning", "error"))
    format: str = _key("auto", checks.one_of("auto", "json", "text"))


@frozen
class Database:
    """PostgreSQL. `migrations`: apply what is new, only verify, or skip."""

    url: str = _key("", secret=True)
    pool_size: int = _key(8, checks.between(2, 200))
    acquire_seconds: float = _key(10.0, checks.at_least(0.1))
    statement_seconds: float = _key(30.0, checks.at_least(1))
    migrations: str = _key("auto", checks.one_of("auto", "verify", "skip"))


@frozen
class Smtp:
    """The door for mail. An empty `host` means every address; `domain` is our name in the banner and MX."""

    host: str = _key("")
    port: int = _key(2525, checks.port)
    domain: str = _key("localhost", checks.domain)
    tls_cert: str = _key("")
    tls_key: str = _key("")
    proxy_trusted_cidrs: tuple[str, ...] = _key((), checks.networks)
    proxy_header_seconds: float = _key(5.0, checks.at_least(0.1))
    max_message_bytes: int = _key(26_214_400, checks.at_least(65_536))
    max_recipients: int = _key(100, checks.between(1, 10_000))
    max_connections: int = _key(1000, checks.at_least(1))
    max_connections_per_peer: int = _key(50, checks.at_least(1))
    max_errors: int = _key(10, checks.at_least(1))
    max_received_fields: int = _key(100, checks.at_least(10))
    idle_seconds: float = _key(300.0, checks.at_least(0.1))
    session_seconds: float = _key(1800.0, checks.at_least(1))
    write_seconds: float = _key(30.0, checks.at_least(0.1))
    admit_seconds: float = _key(20.0, checks.at_least(0.1))
    accept_seconds: float = _key(60.0, checks.at_least(1))
    handshake_seconds: float = _key(30.0, checks.at_least(0.1))
    linger_seconds: float = _key(2.0, checks.at_least(0))
    greeting_delay_seconds: float = _key(0.0, checks.between(0, 60))
    data_bytes_per_second: int = _key(1024, checks.at_least(1))
    data_grace_seconds: float = _key(30.0, checks.at_least(0))
    max_header_bytes: int = _key(262_144, checks.at_least(16_384))
    max_idle_commands: int = _key(200, checks.at_least(10))
    memory_bytes: int = _key(268_435_456, checks.at_least(1_048_576))
    memory_wait_seconds: float = _key(15.0, checks.at_least(0))
    spool_bytes: int = _key(1_048_576, checks.at_least(65_536))
    spool_dir: str = _key("")


@frozen
class Http:
    """The door for clients. `public_url` is how the world reaches it; links are built from it.

    `large_bodies_bytes` is for all request bodies over 256 KiB that are worked on at a time. At the worst each takes
    five times its size.
    """

    host: str = _key("")
    port: int = _key(8080, checks.port)
    public_url: str = _key("", checks.public_url)
    trusted_proxies: tuple[str, ...] = _key((), checks.networks)
    max_connections: int = _key(4000, checks.at_least(1))
    header_seconds: float = _key(10.0, checks.at_least(0.1))
    keep_alive_seconds: float = _key(120.0, checks.at_least(1))
    max_head_bytes: int = _key(32_768, checks.between(4096, 1_048_576))
    body_seconds: float = _key(60.0, checks.at_least(1))
    large_bodies_bytes: int = _key(134_217_728, checks.at_least(41_943_040))
    request_seconds: float = _key(60.0, checks.at_least(1))
    send_seconds: float = _key(30.0, checks.at_least(1))


@frozen
class Dashboard:
    """The door for people, a port of its own."""

    host: str = _key("")
    port: int = _key(3000, checks.port)


@frozen
class Dns:
    """Name servers as `host:port`; empty means those of the system.

    A stub zone, `test=127.0.0.1:5353`, sends questions about one domain to a server of its own.
    """

    nameservers: tuple[str, ...] = _key((), checks.nameservers)
    stub_zones: tuple[str, ...] = _key((), checks.stub_zones)
    timeout_seconds: float = _key(5.0, checks.between(0.1, 60))
    attempt_seconds: float = _key(2.0, checks.between(0.05, 30))
    cache_entries: int = _key(4096, checks.at_least(16))
    concurrency: int = _key(256, checks.at_least(8))


@frozen
class Authentication:
    """SPF, DKIM, DMARC, ARC: one deadline for all of them; large mail is checked in worker processes."""

    deadline_seconds: float = _key(10.0, checks.between(0.1, 120))
    authserv_id: str = _key("")
    worker_processes: int = _key(1, checks.between(0, 64))


@frozen
class Signing:
    """The deployment's secrets, newest first: they seal what is stored and sign links and cursors."""

    secrets: tuple[str, ...] = _key((), checks.secrets, secret=True)


@frozen
class Webhooks:
    """Deliveries out. `retry_schedule_seconds` are the waits after each failed attempt but the last."""

    retry_schedule_seconds: tuple[float, ...] = _key((60, 300, 900, 3600, 14_400, 28_800, 57_600), checks.schedule)
    attempt_seconds: float = _key(15.0, checks.between(0.1, 300))
    concurrency: int = _key(64, checks.between(1, 1024))
    per_endpoint: int = _key(4, checks.between(1, 64))
    memory_bytes: int = _key(268_435_456, checks.at_least(1_048_576))
    poll_seconds: float = _key(30.0, checks.between(0.05, 600))
    sweep_seconds: float = _key(300.0, checks.between(0.05, 3600))


@frozen
class Egress:
    """What deliveries may reach beyond public addresses over https."""

    allow_networks: tuple[str, ...] = _key((), checks.any_networks)
    allow_http: bool = _key(default=False)
    ca_file: str = _key("")


@frozen
class Relay:
    """The upstream for mail to people. An empty host means that none leaves: it is kept and shown as captured.

    `from_domain` is ours for mail that an agent's own domain cannot vouch for yet, and for notices; empty
    means the shared domain. `helo` is our name in EHLO; empty means `smtp.domain`. Waits after each failed
    attempt but the last are `retry_schedule_seconds`; while the relay cannot be reached, or the mail
    is put off for another reason that is not its own, it waits for `give_up_seconds` in all.
    """

    host: str = _key("")
    port: int = _key(587, checks.port)
    tls: str = _key("starttls", checks.one_of("none", "starttls", "implicit"))
    username: str = _key("")
    password: str = _key("", secret=True)
    ca_file: str = _key("")
    helo: str = _key("")
    from_domain: str = _key("", checks.domain)
    retry_schedule_seconds: tuple[float, ...] = _key((120, 600, 3600, 14_400, 14_400), checks.schedule)
    outage_seconds: float = _key(300.0, checks.between(0.05, 86_400))
    give_up_seconds: float = _key(259_200.0, checks.at_least(1))
    max_connections: int = _key(8, checks.between(1, 256))
    concurrency: int = _key(32, checks.between(1, 1024))
    connect_seconds: float = _key(30.0, checks.between(0.1, 600))
    command_seconds: float = _key(60.0, checks.between(0.1, 600))
    data_seconds: float = _key(120.0, checks.between(0.1, 3600))
    final_seconds: float = _key(300.0, checks.between(0.1, 3600))
    memory_bytes: int = _key(134_217_728, checks.at_least(52_428_800))
    poll_seconds: float = _key(30.0, checks.between(0.05, 600))


@frozen
class Domains:
    """Domains of accounts: how often their DNS is looked at, and how long a name lives without its proof.

    A claim without proof keeps others from the name for `claim_seconds`; a verified domain that loses
    its proof lapses after `grace_seconds`.
    """

    recheck_seconds: float = _key(86_400.0, checks.between(0.05, 2_592_000))
    sweep_seconds: float = _key(300.0, checks.between(0.05, 3600))
    claim_seconds: float = _key(259_200.0, checks.at_least(1))
    grace_seconds: float = _key(604_800.0, checks.at_least(0))
    probe_seconds: float = _key(10.0, checks.between(0.1, 60))
    assume_verified: bool = _key(default=False)


@frozen
class Ramp:
    """A slow start for own domains, per account: off by default. The cap grows day by day to `target_daily`."""

    enabled: bool = _key(default=False)
    start_daily: int = _key(50, checks.at_least(1))
    target_daily: int = _key(2000, checks.at_least(1))
    ramp_days: int = _key(30, checks.between(1, 365))


@frozen
class Feedback:
    """Delivery reports of a mail provider: the SNS topics that are believed, by ARN. None by default."""

    sns_topic_arns: tuple[str, ...] = _key(())


@frozen
class RateLimits:
    """Requests a minute; 0 switches a limit off."""

    poll_per_minute: int = _key(240, checks.at_least(0))
    send_per_minute: int = _key(60, checks.at_least(0))
    create_agent_per_hour: int = _key(200, checks.at_least(0))


@frozen
class Limits:
    """Caps for accounts that have none of their own; `max_messages_day` 0 means none."""

    plan_code: str = _key("default")
    max_agents: int = _key(1_000_000, checks.at_least(0))
    max_domains: int = _key(1_000_000, checks.at_least(0))
    max_messages_month: int = _key(1_000_000_000, checks.at_least(0))
    max_messages_day: int = _key(0, checks.at_least(0))
    max_storage_bytes: int = _key(1_125_899_906_842_624, checks.at_least(0))


@frozen
class Websocket:
    """Push to agents without a public URL."""

    ping_seconds: float = _key(30.0, checks.between(0.05, 600))
    pong_seconds: float = _key(10.0, checks.between(0.05, 120))
    send_seconds: float = _key(5.0, checks.between(0.05, 120))
    window: int = _key(256, checks.between(1, 100_000))
    poll_seconds: float = _key(15.0, checks.between(0.05, 600))


@frozen
class Gate:
    """Holds: how often those that ran out are looked for, and when a mailed request for review is tried again.

    `max_agent_hops` mails may follow each other from agent to agent; the next one is held for a person.
    """

    sweep_seconds: float = _key(60.0, checks.between(0.05, 3600))
    notice_schedule_seconds: tuple[float, ...] = _key((60, 300, 900, 3600, 3600), checks.schedule)
    max_agent_hops: int = _key(6, checks.between(1, 1000))


@frozen
class Retention:
    """Days after which what is done is deleted."""

    trash_days: int = _key(30, checks.at_least(1))
    event_days: int = _key(30, checks.at_least(1))
    delivery_days: int = _key(90, checks.at_least(1))


@frozen
class Features:
    """What may be switched off while the rest keeps working."""

    outbox: bool = _key(default=True)
    screening: bool = _key(default=False)
    dashboard: bool = _key(default=True)
    mcp: bool = _key(default=False)


@frozen
class Grace:
    """Seconds that each storey gets to finish when e2ad stops; their sum is below the unit's TimeoutStopSec."""

    doors_seconds: float = _key(10.0, checks.between(0, 300))
    attempts_seconds: float = _key(16.0, checks.between(0, 300))
    database_seconds: float = _key(5.0, checks.between(0, 300))


@frozen
class Config:
    """Everything a running e2ad was told."""

    shared_domain: str = _key("", checks.domain)
    log: Log = Factory(Log)
    database: Database = Factory(Database)
    smtp: Smtp = Factory(Smtp)
    http: Http = Factory(Http)
    dashboard: Dashboard = Factory(Dashboard)
    dns: Dns = Factory(Dns)
    authentication: Authentication = Factory(Authentication)
    signing: Signing = Factory(Signing)
    webhooks: Webhooks = Factory(Webhooks)
    egress: Egress = Factory(Egress)
    relay: Relay = Factory(Relay)
    domains: Domains = Factory(Domains)
    ramp: Ramp = Factory(Ramp)
    feedback: Feedback = Factory(Feedback)
    rate_limits: RateLimits = Factory(RateLimits)
    limits: Limits = Factory(Limits)
    websocket: Websocket = Factory(Websocket)
    gate: Gate = Factory(Gate)
    retention: Retention = Factory(Retention)
    features: Features = Factory(Features)
    grace: Grace = Factory(Grace)
