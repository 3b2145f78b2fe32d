"""Where values come from, and that every mistake is reported at once, by its path."""

import tomllib
from pathlib import Path

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2ad.config import Config, ConfigError, load
from e2ad.config.loading import _walk

SECRET = "s" * 32
NEEDED = {"E2AD_DATABASE_URL": "postgresql:///x", "E2AD_SIGNING_SECRETS": SECRET}


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def problems(path: Path | None = None, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ=NEEDED | environ)
    return caught.value.problems


def test_the_example_is_the_defaults() -> None:
    example = Path(__file__).parents[2] / "config.example.toml"
    written = tomllib.loads(example.read_text())
    for key, attribute, value in _walk(Config()):
        section: object = written
        for part in key.split("."):
            assert isinstance(section, dict)
            assert part in section, f"{key} is missing in config.example.toml"
            section = section[part]
        assert (tuple(section) if isinstance(section, list) else section) == value, key
        assert attribute.type is not None
    assert load(example, environ=NEEDED, need=()) == load(None, environ=NEEDED, need=())


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[smtp]\nport = 25\ndomain = "mx.example"\n')
    config = load(path, environ=NEEDED | {"E2AD_SMTP_PORT": "2526"})
    assert (config.smtp.port, config.smtp.domain) == (2526, "mx.example")


def test_the_file_wins_over_what_a_command_sets(tmp_path: Path) -> None:
    path = write(tmp_path, "[smtp]\nport = 25\n")
    config = load(path, environ=NEEDED, base={"smtp": {"port": 1, "domain": "dev"}, "shared_domain": "x"})
    assert (config.smtp.port, config.smtp.domain, config.shared_domain) == (25, "dev", "x")


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("E2AD_SHARED_DOMAIN", "agents.example", "shared_domain", "agents.example"),
        ("E2AD_DNS_NAMESERVERS", "127.0.0.1:5353, [::1]:53", "dns.nameservers", ("127.0.0.1:5353", "[::1]:53")),
        ("E2AD_WEBHOOKS_RETRY_SCHEDULE_SECONDS", "0.1,2", "webhooks.retry_schedule_seconds", (0.1, 2.0)),
        ("E2AD_EGRESS_ALLOW_HTTP", "true", "egress.allow_http", True),
        ("E2AD_FEATURES_OUTBOX", "off", "features.outbox", False),
        ("E2AD_SMTP_IDLE_SECONDS", "1.5", "smtp.idle_seconds", 1.5),
        ("E2AD_RELAY_RETRY_SCHEDULE_SECONDS", "1", "relay.retry_schedule_seconds", (1.0,)),
        ("E2AD_SMTP_PROXY_TRUSTED_CIDRS", "", "smtp.proxy_trusted_cidrs", ()),
        ("E2AD_RATE_LIMITS_POLL_PER_MINUTE", "0", "rate_limits.poll_per_minute", 0),
        ("E2AD_SHARED_DOMAIN", "ägypten.example", "shared_domain", "ägypten.example"),
        ("E2AD_HTTP_PUBLIC_URL", "https://mail.example:8443/e2a", "http.public_url", "https://mail.example:8443/e2a"),
    ],
)
def test_every_kind_of_key_from_the_environment(name: str, text: str, key: str, value: object) -> None:
    config = load(environ=NEEDED | {name: text})
    assert {path: found for path, _, found in _walk(config)}[key] == value


def test_secrets_come_from_files_and_credentials(tmp_path: Path) -> None:
    (tmp_path / "database_url").write_text("postgresql:///credential\n")
    (tmp_path / "secrets").write_text(f"{SECRET}\n")
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "E2AD_SIGNING_SECRETS_FILE": str(tmp_path / "secrets"),
    }
    config = load(environ=environ)
    assert config.database.url == "postgresql:///credential"
    assert config.signing.secrets == (SECRET,)
    assert load(environ=environ | {"E2AD_DATABASE_URL": "won"}).database.url == "won"


def test_a_secret_file_that_is_not_there_is_a_problem() -> None:
    assert "signing.secrets: /nowhere can't be read" in problems(E2AD_SIGNING_SECRETS_FILE="/nowhere")[0]


def test_all_problems_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'shared_domain = 3\n[smtp]\nport = "x"\nfoo = 1\nidle_seconds = -1\n[bogus]\nx = 1\n'
        '[dns]\nnameservers = ["ns.example"]\n[webhooks]\nretry_schedule_seconds = [1, "a"]\n',
    )
    with pytest.raises(ConfigError) as caught:
        load(path, environ={"E2AD_SMTP_MAX_RECIPIENTS": "many", "E2AD_SMTP_BAR": "1"})
    text = "\n".join(caught.value.problems)
    for fragment in (
        "E2AD_SMTP_MAX_RECIPIENTS: 'many' is not a whole number",
        "E2AD_SMTP_BAR: no such key",
        "shared_domain: 3 is not text",
        "smtp.port: 'x' is not a whole number",
        "smtp.foo: no such key",
        "smtp.idle_seconds: must be at least 0.1",
        "bogus: no such key",
        "dns.nameservers: 'ns.example' is not host:port",
        "webhooks.retry_schedule_seconds",
        "database.url: is required; set it in the file or as E2AD_DATABASE_URL",
        "signing.secrets: is required",
    ):
        assert fragment in text, text
    assert len(caught.value.problems) == 11


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("E2AD_SMTP_PROXY_TRUSTED_CIDRS", "0.0.0.0/0", "would trust everybody"),
        ("E2AD_SMTP_PROXY_TRUSTED_CIDRS", "::/0", "would trust everybody"),
        ("E2AD_SMTP_PROXY_TRUSTED_CIDRS", "10.0.0.1/8", "is not a network"),
        ("E2AD_HTTP_TRUSTED_PROXIES", "lan", "is not a network"),
        ("E2AD_EGRESS_ALLOW_NETWORKS", "lan", "is not a network"),
        ("E2AD_DNS_STUB_ZONES", "127.0.0.1:53", "is not zone=host:port"),
        ("E2AD_DNS_NAMESERVERS", "127.0.0.1:0", "is not host:port"),
        ("E2AD_SMTP_PORT", "70000", "must be a port"),
        ("E2AD_SMTP_TLS_CERT", "/nowhere", "set both, or neither"),
        ("E2AD_RELAY_TLS", "ssl", "must be one of none, starttls, implicit"),
        ("E2AD_WEBHOOKS_RETRY_SCHEDULE_SECONDS", "", "needs at least one wait"),
        ("E2AD_EGRESS_ALLOW_HTTP", "perhaps", "is not true or false"),
        ("E2AD_SHARED_DOMAIN", "two words", "shared_domain: must be a domain name"),
        ("E2AD_SMTP_DOMAIN", "https://mx.example", "smtp.domain: must be a domain name"),
        ("E2AD_RELAY_FROM_DOMAIN", "me@mail.example", "relay.from_domain: must be a domain name"),
        ("E2AD_HTTP_PUBLIC_URL", "mail.example.com", "http.public_url: must be a whole address"),
        ("E2AD_HTTP_PUBLIC_URL", "https://[mail/", "http.public_url: must be a whole address"),
        ("E2AD_HTTP_PUBLIC_URL", "ftp://mail.example", "http.public_url: must be a whole address"),
        ("E2AD_HTTP_PUBLIC_URL", "https://mail.example/?x=", "http.public_url: must be a whole address"),
        ("E2AD_RELAY_USERNAME", "e2ad", "relay.username, relay.password: set both, or neither"),
        ("E2AD_RELAY_PASSWORD", "secret", "relay.username, relay.password: set both, or neither"),
        ("E2AD_RELAY_CA_FILE", "/nowhere", "relay.ca_file: '/nowhere' can't be read"),
    ],
)
def test_what_is_wrong_with_a_value(variable: str, text: str, complaint: str) -> None:
    assert complaint in "\n".join(problems(**{variable: text}))


def test_a_secret_is_never_shown() -> None:
    [problem] = problems(E2AD_SIGNING_SECRETS="hunter2")
    assert "fewer than 32 bytes" in problem
    assert "hunter2" not in problem


def test_a_password_is_not_sent_in_the_clear() -> None:
    found = problems(E2AD_RELAY_HOST="relay", E2AD_RELAY_USERNAME="u", E2AD_RELAY_TLS="none")
    assert "relay.tls" in found[0]


@pytest.mark.parametrize("text", ["[smtp", "a = ", "\0"])
def test_a_file_that_is_not_toml(tmp_path: Path, text: str) -> None:
    assert "is not valid TOML" in problems(write(tmp_path, text))[0]


def test_a_file_that_is_not_there() -> None:
    assert "can't be read" in problems(Path("/nowhere/config.toml"))[0]


def test_sections_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Config().smtp.port = 1


def rsa_key(folder: Path, bits: int) -> Path:
    path = folder / f"{bits}.pem"
    made = rsa.generate_private_key(65537, bits)
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_a_signing_key_for_agents(tmp_path: Path) -> None:
    url = {"E2AD_HTTP_PUBLIC_URL": "https://mail.example.com"}
    good, small = rsa_key(tmp_path, 2048), rsa_key(tmp_path, 1024)
    config = load(None, environ=NEEDED | url | {"E2AD_IDENTITY_PRIVATE_KEY_FILE": str(good)})
    assert config.identity.key_id == "v1"
    (problem,) = problems(E2AD_IDENTITY_PRIVATE_KEY_FILE=str(good))
    assert "set http.public_url too" in problem
    (problem,) = problems(**url | {"E2AD_IDENTITY_PRIVATE_KEY_FILE": str(small)})
    assert "has 1024 bits" in problem
    (problem,) = problems(**url | {"E2AD_IDENTITY_PRIVATE_KEY_FILE": str(tmp_path / "none")})
    assert "can't be read" in problem
    assert any("identity.key_id" in one for one in problems(E2AD_IDENTITY_KEY_ID="a b"))


def test_an_openid_provider(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    good = {
        "E2AD_HTTP_PUBLIC_URL": "https://mail.example.com",
        "E2AD_OIDC_ISSUER": "https://accounts.google.com",
        "E2AD_OIDC_CLIENT_ID": "1234.apps.googleusercontent.com",
        "E2AD_OIDC_CLIENT_SECRET_FILE": str(secret),
        "E2AD_OIDC_ALLOWED_EMAIL_DOMAINS": "example.com, example.org",
    }
    oidc = load(None, environ=NEEDED | good).oidc
    assert (oidc.client_secret, oidc.allowed_email_domains) == ("s3cret", ("example.com", "example.org"))
    assert (oidc.scopes, oidc.create_accounts) == ("openid email profile", False)
    for changes, words in (
        ({"E2AD_OIDC_CLIENT_ID": ""}, "oidc.client_id: a provider knows us by it"),
        ({"E2AD_OIDC_ISSUER": ""}, "oidc.issuer: is empty"),
        ({"E2AD_OIDC_ISSUER": "http://accounts.example"}, "oidc.issuer: must be https"),
        ({"E2AD_OIDC_ISSUER": "accounts.example"}, "must be a whole address"),
        ({"E2AD_HTTP_PUBLIC_URL": ""}, "set http.public_url too"),
        ({"E2AD_OIDC_SCOPES": "email"}, "openid among them"),
        ({"E2AD_OIDC_SCOPES": "openid  email"}, "openid among them"),
        ({"E2AD_OIDC_ALLOWED_EMAIL_DOMAINS": "Example.com"}, "in lower case"),
        ({"E2AD_OIDC_ALLOWED_EMAIL_DOMAINS": "a b"}, "in lower case"),
    ):
        found = problems(**(good | changes))
        assert any(words in one for one in found), (changes, found)
    local = {"E2AD_OIDC_ISSUER": "http://127.0.0.1:1", "E2AD_EGRESS_ALLOW_HTTP": "true"}
    assert load(None, environ=NEEDED | good | local).oidc.issuer == "http://127.0.0.1:1"


def test_a_secret_for_the_operators_programs(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 32 + "\n")
    config = load(None, environ=NEEDED | {"E2AD_INTERNAL_SECRET_FILE": str(secret)})
    assert config.internal.secret == "s" * 32
    (problem,) = problems(E2AD_INTERNAL_SECRET="short")
    assert "fewer than 32 bytes" in problem
    assert "short" not in problem
