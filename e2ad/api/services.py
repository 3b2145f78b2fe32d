"""What handlers work with: one value, built in `daemon.py`, the same for both APIs."""

import ipaddress
from collections.abc import Callable

from attrs import define

from e2ad.api.bodies import Bodies
from e2ad.api.cursors import Cursors
from e2ad.api.exchange import Network
from e2ad.config import Config
from e2ad.core.identity import SigningKey
from e2ad.core.sealing import KeyRing
from e2ad.delivery.egress import Egress
from e2ad.gateway.access import Access
from e2ad.gateway.courier import Courier, NoCourier
from e2ad.gateway.domain_checks import DnsRecords
from e2ad.gateway.exports import Exports
from e2ad.gateway.idempotency import Idempotency
from e2ad.gateway.identity import Identities
from e2ad.gateway.limits import RateLimits
from e2ad.gateway.oauth_clients import Clients
from e2ad.gateway.oidc import OpenIdProvider
from e2ad.gateway.sessions import Sessions
from e2ad.storage.pool import Database

__all__ = ["Services"]


def _never() -> bool:
    return False


def _unknown(_: str) -> bool:
    return False


@define(kw_only=True)
class Services:
    """The collaborators of the API.

    Attributes:
        db: the pool; it is an Executor, and `db.transaction()` gives one inside a transaction.
        keys: the deployment's secrets.
        egress: says which URLs deliveries may go to, and the only way to the outside.
        resolver: looks up MX records.
        fresh_dns: looks up the records of domains without remembering them.
        shared_domain, public_url: as configured; a process on a free port learns its URL late.
        draining: whether e2ad is being stopped; `/readyz` then says so.
        courier: carries mail out; told of what was accepted.
        oauth_clients: programs that ask people for access, and what their documents say.
        sessions: who is signed in with a browser.
        openid: the provider that people may sign in with, where there is one.
        identities: what agents show to say who they are.
        bodies: the memory of large requests.
        smtp_address: where this process takes mail, once it does.
        listens: whether a program listens to this inbox by a socket of this process.
    """

    db: Database
    config: Config
    keys: KeyRing
    access: Access
    limits: RateLimits
    idempotency: Idempotency
    exports: Exports
    oauth_clients: Clients
    sessions: Sessions
    openid: OpenIdProvider | None
    identities: Identities
    cursors: Cursors
    egress: Egress
    resolver: DnsRecords
    fresh_dns: DnsRecords
    public_url: str
    shared_domain: str
    trusted_proxies: tuple[Network, ...]
    draining: Callable[[], bool]
    courier: Courier
    bodies: Bodies
    smtp_address: tuple[str, int] | None = None
    listens: Callable[[str], bool] = _unknown

    def forget_account(self, account_id: str) -> None:
        """What was known of an account's credentials is not true any more.

        A notification says so to every process, this one too, but not before the answer.
        """
        self.access.forget(account_id)
        self.sessions.forget(account_id)

    @classmethod
    def build(
        cls,
        db: Database,
        config: Config,
        keys: KeyRing,
        *,
        egress: Egress,
        resolver: DnsRecords,
        fresh_dns: DnsRecords | None = None,
        draining: Callable[[], bool] = _never,
        courier: Courier | None = None,
        identity_key: SigningKey | None = None,
        listens: Callable[[str], bool] = _unknown,
    ) -> "Services":
        """The usual set over one database and one configuration."""
        limits = RateLimits(db)
        identities = Identities(db, identity_key, config.http.public_url.rstrip("/"))
        return cls(
            db=db,
            config=config,
            keys=keys,
            access=Access(db, identities),
            limits=limits,
            idempotency=Idempotency(db, keys),
            exports=Exports(db, config.export.concurrent, config.export.seconds),
            oauth_clients=Clients(db, egress, limits),
            sessions=Sessions(db),
            openid=OpenIdProvider(config.oidc, egress, config.egress.allow_http) if config.oidc.issuer else None,
            identities=identities,
            cursors=Cursors(keys),
            egress=egress,
            resolver=resolver,
            fresh_dns=fresh_dns or resolver,
            public_url=config.http.public_url,
            shared_domain=config.shared_domain,
            trusted_proxies=tuple(ipaddress.ip_network(text) for text in config.http.trusted_proxies),
            draining=draining,
            courier=courier or NoCourier(),
            bodies=Bodies(config.http.large_bodies_bytes),
            listens=listens,
        )
