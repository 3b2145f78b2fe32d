"""Sections of what peers, clients and people knock at, and of how they prove themselves."""

from attrs import frozen

from e2ad.config import checks
from e2ad.config.key import key

__all__ = ["Dashboard", "Http", "Identity", "Internal", "Oidc", "Smtp", "Websocket"]


@frozen
class Smtp:
    """The door for mail. An empty `host` means every address; `domain` is our name in the banner and MX."""

    host: str = key("")
    port: int = key(2525, checks.port)
    domain: str = key("localhost", checks.domain)
    tls_cert: str = key("")
    tls_key: str = key("")
    proxy_trusted_cidrs: tuple[str, ...] = key((), checks.networks)
    proxy_header_seconds: float = key(5.0, checks.at_least(0.1))
    max_message_bytes: int = key(26_214_400, checks.at_least(65_536))
    max_recipients: int = key(100, checks.between(1, 10_000))
    max_connections: int = key(1000, checks.at_least(1))
    max_connections_per_peer: int = key(50, checks.at_least(1))
    max_errors: int = key(10, checks.at_least(1))
    max_received_fields: int = key(100, checks.at_least(10))
    idle_seconds: float = key(300.0, checks.at_least(0.1))
    session_seconds: float = key(1800.0, checks.at_least(1))
    write_seconds: float = key(30.0, checks.at_least(0.1))
    admit_seconds: float = key(20.0, checks.at_least(0.1))
    accept_seconds: float = key(60.0, checks.at_least(1))
    handshake_seconds: float = key(30.0, checks.at_least(0.1))
    linger_seconds: float = key(2.0, checks.at_least(0))
    greeting_delay_seconds: float = key(0.0, checks.between(0, 60))
    data_bytes_per_second: int = key(1024, checks.at_least(1))
    data_grace_seconds: float = key(30.0, checks.at_least(0))
    max_header_bytes: int = key(262_144, checks.at_least(16_384))
    max_idle_commands: int = key(200, checks.at_least(10))
    memory_bytes: int = key(268_435_456, checks.at_least(1_048_576))
    memory_wait_seconds: float = key(15.0, checks.at_least(0))
    spool_bytes: int = key(1_048_576, checks.at_least(65_536))
    spool_dir: str = key("")


@frozen
class Http:
    """The door for clients. `public_url` is how the world reaches it; links are built from it.

    `large_bodies_bytes` is for all request bodies over 256 KiB that are worked on at a time. At the worst each takes
    five times its size.
    """

    host: str = key("")
    port: int = key(8080, checks.port)
    public_url: str = key("", checks.public_url)
    trusted_proxies: tuple[str, ...] = key((), checks.networks)
    max_connections: int = key(4000, checks.at_least(1))
    header_seconds: float = key(10.0, checks.at_least(0.1))
    keep_alive_seconds: float = key(120.0, checks.at_least(1))
    max_head_bytes: int = key(32_768, checks.between(4096, 1_048_576))
    body_seconds: float = key(60.0, checks.at_least(1))
    large_bodies_bytes: int = key(134_217_728, checks.at_least(41_943_040))
    request_seconds: float = key(60.0, checks.at_least(1))
    send_seconds: float = key(30.0, checks.at_least(1))


@frozen
class Dashboard:
    """The door for people, a port of its own."""

    host: str = key("")
    port: int = key(3000, checks.port)


@frozen
class Websocket:
    """Push to agents without a public URL."""

    ping_seconds: float = key(30.0, checks.between(0.05, 600))
    pong_seconds: float = key(10.0, checks.between(0.05, 120))
    send_seconds: float = key(5.0, checks.between(0.05, 120))
    window: int = key(256, checks.between(1, 100_000))
    poll_seconds: float = key(15.0, checks.between(0.05, 600))


@frozen
class Identity:
    """Tokens by which agents show who they are. `private_key_file`: an RSA key of at least 2048 bits, PEM without a
    password; empty: no such tokens. Needs `http.public_url`. With a new key goes a new `key_id`.
    """

    private_key_file: str = key("")
    key_id: str = key("v1", checks.name)


@frozen
class Oidc:
    """People sign in with an OpenID provider. An empty `issuer` means none; with one go `client_id` and
    `http.public_url`, and `<public_url>/api/auth/callback` is what the provider must know as redirect URI.

    `name` stands on the button; `prompt` is what the provider shall ask in any case. Somebody signs in to the account
    that has their verified address. With `create_accounts` those who have none get one: then name the
    `allowed_email_domains`, or it is everybody whom the provider knows; without domains listed, all are fine. A
    provider on a private network needs `egress.allow_networks`.
    """

    issuer: str = key("", checks.public_url)
    client_id: str = key("")
    client_secret: str = key("", secret=True)
    scopes: str = key("openid email profile", checks.scopes)
    prompt: str = key("", checks.one_of("", "login", "consent", "select_account"))
    name: str = key("")
    allowed_email_domains: tuple[str, ...] = key((), checks.domains)
    create_accounts: bool = key(default=False)
    request_seconds: float = key(5.0, checks.between(0.1, 15))
    remember_seconds: float = key(3600.0, checks.between(1, 86_400))


@frozen
class Internal:
    """Calls from the operator's own programs, signed with this secret; without one only `/selftest`, by anybody."""

    secret: str = key("", checks.shared_secret, secret=True)
