"""The collaborators of one process, each built once. The only place where they are."""

import attrs
import trio
from attrs import field, frozen

from e2ad import __version__, maillog
from e2ad.api import stream
from e2ad.api.app import Api, build_app
from e2ad.api.services import Services
from e2ad.config import Config
from e2ad.core.sealing import KeyRing
from e2ad.daemon.collector import spare_what_stays
from e2ad.daemon.settings import authentication_settings, identity_key, relay_settings, resolver_settings
from e2ad.daemon.telling import telling
from e2ad.dashboard.app import build_dashboard
from e2ad.dashboard.live import Live
from e2ad.delivery.egress import Egress
from e2ad.delivery.hub import Hub
from e2ad.delivery.poster import Poster
from e2ad.delivery.webhook import Webhooks
from e2ad.gateway.directory import Directory
from e2ad.gateway.inside import InsideMail
from e2ad.gateway.intake import Intake
from e2ad.gateway.limits import RateLimits
from e2ad.gateway.screening import Screener
from e2ad.gateway.signing_keys import SigningKeys
from e2ad.mailauth.authenticator import Authenticator
from e2ad.mailauth.resolver import Resolver
from e2ad.mcp.door import Door as Tools
from e2ad.smtp.client import Relay
from e2ad.storage.listener import Listener
from e2ad.storage.pool import Database
from e2ad.storage.stream import StreamReads
from e2ad.workers import runner
from e2ad.workers.contents import ByteBudget, StoredContents
from e2ad.workers.dispatch_relay import Upstream
from e2ad.workers.dispatcher import Dispatcher
from e2ad.workers.screening import ScreeningWorker

__all__ = ["House"]


@frozen
class House:
    """The collaborators, each built once and handed to those who work with it."""

    config: Config
    database: Database
    closing: trio.Event
    listener: Listener
    resolver: Resolver
    authenticator: Authenticator
    directory: Directory
    intake: Intake
    hub: Hub
    runner: runner.Runner
    relay: Relay | None
    signing_keys: SigningKeys
    dispatcher: Dispatcher
    screening: ScreeningWorker
    poster: Poster
    services: Services
    stream_handler: stream.StreamHandler
    tools: Tools | None
    live: Live
    app: Api
    runner_done: trio.Event = field(factory=trio.Event)
    dispatcher_done: trio.Event = field(factory=trio.Event)

    @classmethod
    def build(cls, config: Config, database: Database) -> "House":
        """Make all of them; nothing runs yet, and no port is open."""
        keys = KeyRing(config.signing.secrets)
        asking = resolver_settings(config)
        resolver = Resolver(asking)
        authenticator = Authenticator(authentication_settings(config), resolver)
        # Not the one that mail is judged with: strangers' silent name servers can use up all of its questions.
        egress = Egress(config.egress, Resolver(asking))
        hub = Hub(StreamReads(database), keys, config.websocket)
        contents = StoredContents(database, ByteBudget(config.webhooks.memory_bytes))
        poster = Poster(egress)
        webhooks = runner.Runner(database, Webhooks(poster, keys, contents), config.webhooks)
        directory = Directory(database, max_storage_bytes=config.limits.max_storage_bytes)
        screener = Screener.of(config)
        screening = ScreeningWorker.of(database, config, egress)
        intake = Intake(
            database,
            outbox=config.features.outbox,
            on_stored=telling(hub, webhooks, screening),
            on_usage=directory.used,
        )
        relay = Relay(relay_settings(config)) if config.relay.host else None
        signing_keys = SigningKeys(database, keys)
        dispatcher = Dispatcher(
            database,
            config,
            inside=InsideMail(directory, intake, config.smtp.domain, config.smtp.max_received_fields, screener),
            upstream=Upstream(relay, signing_keys, config.relay.host),
            limits=RateLimits(database),
        )
        closing = trio.Event()
        # People publish a record and ask at once whether it is seen: an answer of a minute ago would tell them no.
        fresh_dns = Resolver(attrs.evolve(asking, max_ttl_seconds=0, negative_ttl_seconds=0))
        services = Services.build(
            database, config, keys, egress=egress, resolver=resolver, fresh_dns=fresh_dns,
            draining=closing.is_set, courier=dispatcher, identity_key=identity_key(config), listens=hub.listens,
        )  # fmt: skip
        tools = Tools(__version__, maillog.tool_failed, spare_what_stays) if config.features.mcp else None
        live = Live(database)
        return cls(
            config=config,
            database=database,
            closing=closing,
            listener=Listener(database.dsn),
            resolver=resolver,
            authenticator=authenticator,
            directory=directory,
            intake=intake,
            hub=hub,
            runner=webhooks,
            relay=relay,
            signing_keys=signing_keys,
            dispatcher=dispatcher,
            screening=screening,
            poster=poster,
            services=services,
            stream_handler=stream.StreamHandler(services, hub),
            tools=tools,
            live=live,
            app=_application(services, tools, live),
        )


def _application(services: Services, tools: Tools | None, live: Live) -> Api:
    """All that is spoken over HTTP; the pages for people are part of it, on whichever door they are asked for."""
    app = build_app(services, tools)
    if services.config.features.dashboard:
        app.register_blueprint(build_dashboard(services, live))
    return app
