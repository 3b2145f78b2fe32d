"""What handlers work with: one value, built in `daemon.py`, the same for both APIs."""

import ipaddress
from collections.abc import Callable
from typing import Any

from attrs import define, field

from e2ad.api.cursors import Cursors
from e2ad.config import Config
from e2ad.core.sealing import KeyRing
from e2ad.gateway.access import Access
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
        draining: whether e2ad is being stopped; `/readyz` then says so.
        directory: the look-up of agents for RCPT; told when agents change.
        hub, resolver, egress: of the stream, of DNS and of outgoing requests, where the process has them.
        shared_domain, public_url: as configured; a process on a free port learns its URL late.
    """

    db: Database
    config: Config
    keys: KeyRing
    access: Access
    limits: RateLimits
    idempotency: Idempotency
    cursors: Cursors
    public_url: str = ""
    shared_domain: str = ""
    directory: Any = None
    hub: Any = None
    resolver: Any = None
    egress: Any = None
    draining: Callable[[], bool] = _never
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = field(default=())

    @classmethod
    def build(cls, db: Database, config: Config, keys: KeyRing, **others: Any) -> "Services":
        """The usual set over one database and one configuration; `others` are further attributes."""
        return cls(
            db=db,
            config=config,
            keys=keys,
            access=Access(db),
            limits=RateLimits(db),
            idempotency=Idempotency(db),
            cursors=Cursors(keys),
            public_url=others.pop("public_url", config.http.public_url),
            shared_domain=others.pop("shared_domain", config.shared_domain),
            trusted_proxies=tuple(ipaddress.ip_network(text) for text in config.http.trusted_proxies),
            **others,
        )
