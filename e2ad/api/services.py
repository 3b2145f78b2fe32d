"""What handlers work with: one value, built in `daemon.py`, the same for both APIs."""

import ipaddress
from collections.abc import Callable

from attrs import define

from e2ad.api.bodies import Bodies
from e2ad.api.cursors import Cursors
from e2ad.api.exchange import Network
from e2ad.config import Config
from e2ad.core.sealing import KeyRing
from e2ad.delivery.egress import Egress
from e2ad.gateway.access import Access
from e2ad.gateway.courier import Courier, NoCourier
from e2ad.gateway.domain_checks import DnsRecords
from e2ad.gateway.idempotency import Idempotency
from e2ad.gateway.limits import RateLimits
from e2ad.storage.pool import Database

__all__ = ["Services"]


def _never() -> bool:
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
        bodies: the memory of large requests.
    """

    db: Database
    config: Config
    keys: KeyRing
    access: Access
    limits: RateLimits
    idempotency: Idempotency
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
    ) -> "Services":
        """The usual set over one database and one configuration."""
        return cls(
            db=db,
            config=config,
            keys=keys,
            access=Access(db),
            limits=RateLimits(db),
            idempotency=Idempotency(db, keys),
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
        )
