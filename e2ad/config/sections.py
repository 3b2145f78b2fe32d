"""What can be configured: every key, its default, and what makes a value wrong.

Every default lives here and nowhere else; `config.example.toml` is held equal by a test.
"""

from attrs import Factory, frozen

from e2ad.config import checks
from e2ad.config.checks import Check
from e2ad.config.doors import Dashboard, Http, Identity, Internal, Oidc, Smtp, Websocket
from e2ad.config.key import key

__all__ = [
    "Authentication",
    "Check",
    "Config",
    "Dashboard",
    "Database",
    "Dns",
    "Domains",
    "Egress",
    "Export",
    "Features",
    "Feedback",
    "Gate",
    "Grace",
    "Http",
    "Identity",
    "Internal",
    "Limits",
    "Log",
    "Oidc",
    "Ramp",
    "RateLimits",
    "Relay",
    "Retention",
    "Screening",
    "Signing",
    "Smtp",
    "Webhooks",
    "Websocket",
]


@frozen
class Log:
    """How e2ad talks to journald or a terminal."""

    level: str = key("info", checks.one_of("debug", "info", "warning", "error"))
    format: str = key("auto", checks.one_of("auto", "json", "text"))


@frozen
class Database:
    """PostgreSQL. `migrations`: apply what is new, only verify, or skip."""

    url: str = key("", secret=True)
    pool_size: int = key(8, checks.between(2, 200))
    acquire_seconds: float = key(10.0, checks.at_least(0.1))
    statement_seconds: float = key(30.0, checks.at_least(1))
    migrations: str = key("auto", checks.one_of("auto", "verify", "skip"))


@frozen
class Dns:
    """Name servers as `host:port`; empty means those of the system.

    A stub zone, `test=127.0.0.1:5353`, sends questions about one domain to a server of its own.
    """

    nameservers: tuple[str, ...] = key((), checks.nameservers)
    stub_zones: tuple[str, ...] = key((), checks.stub_zones)
    timeout_seconds: float = key(5.0, checks.between(0.1, 60))
    attempt_seconds: float = key(2.0, checks.between(0.05, 30))
    cache_entries: int = key(4096, checks.at_least(16))
    concurrency: int = key(256, checks.at_least(8))


@frozen
class Authentication:
    """SPF, DKIM, DMARC, ARC: one deadline for all of them; large mail is checked in worker processes."""

    deadline_seconds: float = key(10.0, checks.between(0.1, 120))
    authserv_id: str = key("")
    worker_processes: int = key(1, checks.between(0, 64))


@frozen
class Signing:
    """The deployment's secrets, newest first: they seal what is stored and sign links and cursors."""

    secrets: tuple[str, ...] = key((), checks.secrets, secret=True)


@frozen
class Webhooks:
    """Deliveries out. `retry_schedule_seconds` are the waits after each failed attempt but the last."""

    retry_schedule_seconds: tuple[float, ...] = key((60, 300, 900, 3600, 14_400, 28_800, 57_600), checks.schedule)
    attempt_seconds: float = key(15.0, checks.between(0.1, 300))
    concurrency: int = key(64, checks.between(1, 1024))
    per_endpoint: int = key(4, checks.between(1, 64))
    memory_bytes: int = key(268_435_456, checks.at_least(1_048_576))
    poll_seconds: float = key(30.0, checks.between(0.05, 600))
    sweep_seconds: float = key(300.0, checks.between(0.05, 3600))


@frozen
class Egress:
    """What deliveries may reach beyond public addresses over https."""

    allow_networks: tuple[str, ...] = key((), checks.any_networks)
    allow_http: bool = key(default=False)
    ca_file: str = key("")


@frozen
class Relay:
    """The upstream for mail to people. An empty host means that none leaves: it is kept and shown as captured.

    `from_domain` is ours for mail that an agent's own domain cannot vouch for yet, and for notices; empty
    means the shared domain. `helo` is our name in EHLO; empty means `smtp.domain`. Waits after each failed
    attempt but the last are `retry_schedule_seconds`; while the relay cannot be reached, or the mail
    is put off for another reason that is not its own, it waits for `give_up_seconds` in all.
    """

    host: str = key("")
    port: int = key(587, checks.port)
    tls: str = key("starttls", checks.one_of("none", "starttls", "implicit"))
    username: str = key("")
    password: str = key("", secret=True)
    ca_file: str = key("")
    helo: str = key("")
    from_domain: str = key("", checks.domain)
    retry_schedule_seconds: tuple[float, ...] = key((120, 600, 3600, 14_400, 14_400), checks.schedule)
    outage_seconds: float = key(300.0, checks.between(0.05, 86_400))
    give_up_seconds: float = key(259_200.0, checks.at_least(1))
    max_connections: int = key(8, checks.between(1, 256))
    concurrency: int = key(32, checks.between(1, 1024))
    connect_seconds: float = key(30.0, checks.between(0.1, 600))
    command_seconds: float = key(60.0, checks.between(0.1, 600))
    data_seconds: float = key(120.0, checks.between(0.1, 3600))
    final_seconds: float = key(300.0, checks.between(0.1, 3600))
    memory_bytes: int = key(134_217_728, checks.at_least(52_428_800))
    poll_seconds: float = key(30.0, checks.between(0.05, 600))


@frozen
class Domains:
    """Domains of accounts: how often their DNS is looked at, and how long a name lives without its proof.

    A claim without proof keeps others from the name for `claim_seconds`; a verified domain that loses
    its proof lapses after `grace_seconds`.
    """

    recheck_seconds: float = key(86_400.0, checks.between(0.05, 2_592_000))
    sweep_seconds: float = key(300.0, checks.between(0.05, 3600))
    claim_seconds: float = key(259_200.0, checks.at_least(1))
    grace_seconds: float = key(604_800.0, checks.at_least(0))
    probe_seconds: float = key(10.0, checks.between(0.1, 60))
    assume_verified: bool = key(default=False)


@frozen
class Ramp:
    """A slow start for own domains, per account: off by default. The cap grows day by day to `target_daily`."""

    enabled: bool = key(default=False)
    start_daily: int = key(50, checks.at_least(1))
    target_daily: int = key(2000, checks.at_least(1))
    ramp_days: int = key(30, checks.between(1, 365))


@frozen
class Feedback:
    """Delivery reports of a mail provider: the SNS topics that are believed, by ARN. None by default."""

    sns_topic_arns: tuple[str, ...] = key(())


@frozen
class RateLimits:
    """Requests a minute; 0 switches a limit off."""

    poll_per_minute: int = key(240, checks.at_least(0))
    send_per_minute: int = key(60, checks.at_least(0))
    create_agent_per_hour: int = key(200, checks.at_least(0))


@frozen
class Limits:
    """Caps for accounts that have none of their own; `max_messages_day` 0 means none."""

    plan_code: str = key("default")
    max_agents: int = key(1_000_000, checks.at_least(0))
    max_domains: int = key(1_000_000, checks.at_least(0))
    max_messages_month: int = key(1_000_000_000, checks.at_least(0))
    max_messages_day: int = key(0, checks.at_least(0))
    max_storage_bytes: int = key(1_125_899_906_842_624, checks.at_least(0))


@frozen
class Gate:
    """Holds: how often those that ran out are looked for, and when a mailed request for review is tried again.

    `max_agent_hops` mails may follow each other from agent to agent; the next one is held for a person.
    """

    sweep_seconds: float = key(60.0, checks.between(0.05, 3600))
    notice_schedule_seconds: tuple[float, ...] = key((60, 300, 900, 3600, 3600), checks.schedule)
    max_agent_hops: int = key(6, checks.between(1, 1000))


@frozen
class Outreach:
    """Contacts that are to be written to: how often it is looked whose time has come."""

    sweep_seconds: float = key(300.0, checks.between(0.05, 3600))


@frozen
class Export:
    """Exports of whole accounts: how many a process makes at a time, and how long one may take."""

    concurrent: int = key(2, checks.between(1, 64))
    seconds: float = key(3600.0, checks.at_least(1))


@frozen
class Screening:
    """A model that is asked about content besides the heuristics. An empty `model_url` means none.

    The question is a POST of JSON with subject, sender, at most `max_characters` of the text and what the heuristics
    found. A model on a private network needs `egress.allow_networks`. After `breaker_failures` failures in a row it
    is left alone for `breaker_open_seconds`, then for longer, up to `breaker_longest_seconds`.

    Mail waits for it, hidden. A question that is not answered is asked again after each time of
    `retry_schedule_seconds`; after the last one a person decides.
    """

    model_url: str = key("", checks.public_url)
    model_token: str = key("", secret=True)
    model_name: str = key("")
    deadline_seconds: float = key(10.0, checks.between(0.1, 120))
    max_characters: int = key(20_000, checks.between(100, 1_000_000))
    concurrency: int = key(4, checks.between(1, 256))
    breaker_failures: int = key(5, checks.at_least(1))
    breaker_open_seconds: float = key(5.0, checks.at_least(0.05))
    breaker_longest_seconds: float = key(300.0, checks.at_least(0.05))
    retry_schedule_seconds: tuple[float, ...] = key((60, 180, 600), checks.schedule)
    poll_seconds: float = key(5.0, checks.between(0.05, 600))


@frozen
class Retention:
    """Days after which what is done is deleted."""

    trash_days: int = key(30, checks.at_least(1))
    event_days: int = key(30, checks.at_least(1))
    delivery_days: int = key(90, checks.at_least(1))


@frozen
class Features:
    """What may be switched off while the rest keeps working."""

    outbox: bool = key(default=True)
    screening: bool = key(default=True)
    dashboard: bool = key(default=True)
    mcp: bool = key(default=True)


@frozen
class Grace:
    """Seconds that each storey gets to finish when e2ad stops; their sum is below the unit's TimeoutStopSec."""

    doors_seconds: float = key(10.0, checks.between(0, 300))
    attempts_seconds: float = key(16.0, checks.between(0, 300))
    database_seconds: float = key(5.0, checks.between(0, 300))


@frozen
class Config:
    """Everything a running e2ad was told."""

    shared_domain: str = key("", checks.domain)
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
    identity: Identity = Factory(Identity)
    oidc: Oidc = Factory(Oidc)
    internal: Internal = Factory(Internal)
    rate_limits: RateLimits = Factory(RateLimits)
    limits: Limits = Factory(Limits)
    websocket: Websocket = Factory(Websocket)
    gate: Gate = Factory(Gate)
    outreach: Outreach = Factory(Outreach)
    export: Export = Factory(Export)
    screening: Screening = Factory(Screening)
    retention: Retention = Factory(Retention)
    features: Features = Factory(Features)
    grace: Grace = Factory(Grace)
