"""What the statements of pages for people read when there is much of everything.

As in `test_plans_sending`: in pages, on tables that were never analysed, and the same on analysed ones. One agent has
all the mail, none of which anybody has read, and another has none: that is where a plan that hopes to find something
soon looks at everything.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from e2ad.storage import (
    audit,
    backtest,
    belongings,
    delivery_log,
    desk,
    holdings,
    operations,
    processes,
    replays,
    review_desk,
    roster,
)
from e2ad.storage.messages import Position
from e2ad.storage.operations import Range
from e2ad.storage.pool import Database
from tests.gateway.test_intake import ACCOUNT, AGENT, household
from tests.storage import test_plans_sending as sending
from tests.storage.test_plans_sending import AT, KEY, ROWS, Counting, Statement

EMPTY = "ada@agents.test"
FEW = 900
BOUNDED = 25_000
"""Pages of a statement that reads up to a bound of its own, beyond what there is here: each row about once."""
PLACE = (AT - timedelta(hours=1), "x")
POSITION = Position(*PLACE)
OLDEST = datetime(2020, 1, 1, tzinfo=UTC)
IDS = [f"msg_{n}" for n in range(1, 51)]
EVENTS = [f"evt_{n}" for n in range(1, 51)]
DAYS = Range([AT - timedelta(days=30 - n) for n in range(30)], AT)

FILL = [
    "update messages set unread = direction = 'inbound'",
    "update holds set decided_at = now() where message_id like '%%7'",
    """insert into webhooks (account_id, id, url, events, sealed_secret)
       select %(account)s, 'wh_' || n, 'https://x.test/', '{*}', 'x' from generate_series(1, 20) n""",
    """insert into events (account_id, id, type, agent_email, message_id, envelope, created_at)
       select account_id, 'evt_' || substr(id, 5), case direction when 'inbound' then 'email.received'
              else 'email.sent' end, agent_email, id, '{}', created_at
       from messages""",
    """insert into replays (account_id, id, target, filter, events, deliveries)
       select %(account)s, 'rpl_' || n, 'endpoints', '{}', 1, 1 from generate_series(1, 200) n""",
    """insert into deliveries (account_id, id, endpoint, kind, event_id, event_type, message_id, status, attempts,
       created_at, replay_id)
       select account_id, 'whd_' || r || substr(id, 5), 'wh_1', 'webhook', id, type, message_id,
              case when substr(id, 5)::int %% 100 = 3 then 'failed' else 'delivered' end, 1, created_at,
              case r when 2 then 'rpl_' || substr(id, 5)::int / 100 end
       from events, generate_series(1, 2) r""",
    """insert into delivery_attempts (account_id, delivery_id, number, at, took)
       select account_id, id, 1, created_at, 5 from deliveries""",
    """insert into api_keys (account_id, id, key_hash, key_prefix)
       select %(account)s, 'apk_' || n, sha256(n::text::bytea), 'e2a' from generate_series(1, %(rows)s) n""",
    """insert into sessions (token_sha256, account_id, key_id, expires_at)
       select sha256(n::text::bytea), %(account)s, 'apk_' || n, now() + interval '1 day'
       from generate_series(1, 50) n""",
    "alter table audit_log disable trigger user",
    """insert into audit_log (account_id, number, at, actor_kind, actor, action, subject, evidence, previous, digest)
       select %(account)s, n, now(), 'key', 'apk_' || n %% 9, 'review.approved', 'msg_' || n, '{}', sha256('x'),
              sha256('x')
       from generate_series(1, %(rows)s) n""",
    """insert into queue_hours (account_id, hour, queue, most)
       select %(account)s, date_trunc('hour', now()) - n * interval '1 hour', 'outbound', 1
       from generate_series(1, 900) n""",
]


def _threads(agent_email: str | None, after: Position | None = None) -> Statement:
    return lambda it: desk.threads(it, ACCOUNT, agent_email, after=after, limit=51)


def _matching(state: str | None, before: tuple[datetime, str] | None = None) -> Statement:
    wanted = replays.Wanted(state=state)
    return lambda it: replays.matching(it, ACCOUNT, wanted, oldest=OLDEST, before=before, limit=51)


def _logged(endpoint: str, status: str | None) -> Statement:
    return lambda it: delivery_log.of_endpoint(it, ACCOUNT, endpoint, status=status, before=None, limit=51)


SHORT: Mapping[str, Statement] = {
    "counts": lambda it: desk.counts(it, ACCOUNT),
    "inboxes": lambda it: desk.agents(it, ACCOUNT, limit=500),
    "inboxes with mail": lambda it: desk.with_mail(it, ACCOUNT, [AGENT, EMPTY], deleted=False),
    "inboxes with trash": lambda it: desk.with_mail(it, ACCOUNT, [AGENT, EMPTY], deleted=True),
    "threads": _threads(None),
    "threads, later": _threads(None, POSITION),
    "threads of one": _threads(AGENT),
    "threads of the empty one": _threads(EMPTY),
    "rows": lambda it: desk.rows(it, ACCOUNT, IDS),
    "noticed": lambda it: desk.noticed(it, ACCOUNT, AGENT, KEY),
    "pushed": lambda it: desk.pushed(it, ACCOUNT, KEY, limit=100),
    "roster": lambda it: roster.page(it, ACCOUNT, search="", before=None, limit=51),
    "roster, searched": lambda it: roster.page(it, ACCOUNT, search="zz", before=None, limit=51),
    "around": lambda it: roster.around(it, ACCOUNT, AGENT),
    "around the empty one": lambda it: roster.around(it, ACCOUNT, EMPTY),
    "newest": lambda it: roster.newest(it, ACCOUNT, AGENT, limit=5),
    "newest of the empty one": lambda it: roster.newest(it, ACCOUNT, EMPTY, limit=5),
    "posted": lambda it: roster.posted(it, ACCOUNT, EMPTY, limit=5),
    "key": lambda it: holdings.key(it, ACCOUNT, "apk_77"),
    "keys' sessions": lambda it: holdings.sessions(it, ACCOUNT, ["apk_7", "apk_8"], "ses_1"),
    "connection": lambda it: holdings.connection(it, ACCOUNT, "grant_1"),
    "residents": lambda it: holdings.agents(it, ACCOUNT, "agents.test", limit=51),
    "names": lambda it: belongings.names(it, ACCOUNT, ["apk_7", "ses_8"]),
    "places": lambda it: belongings.places(it, ACCOUNT, [*IDS, "wh_1", AGENT]),
    "audit": lambda it: audit.page(it, ACCOUNT, before=None, limit=51),
    "audit, later": lambda it: audit.page(it, ACCOUNT, before=ROWS // 2, limit=51),
    "audit of a mail": lambda it: audit.page(it, ACCOUNT, before=None, limit=51, wanted=audit.Wanted(subject=KEY)),
    "reviews": lambda it: review_desk.waiting(it, ACCOUNT, None, after=None, limit=51),
    "reviews, later": lambda it: review_desk.waiting(it, ACCOUNT, None, after=POSITION, limit=51),
    "decided": lambda it: review_desk.decided(it, ACCOUNT, None, after=None, limit=51),
    "revisions": lambda it: review_desk.revisions(it, ACCOUNT, "msg_79"),
    "deliveries of an idle webhook": _logged("wh_2", "failed"),
    "deliveries of an event": lambda it: delivery_log.of_event(it, ACCOUNT, "evt_77", limit=51),
    "deliveries of a replay": lambda it: delivery_log.of_replay(
        it, ACCOUNT, "rpl_7", status=None, after_id="", limit=51
    ),
    "delivery": lambda it: delivery_log.one(it, ACCOUNT, "whd_177"),
    "attempts": lambda it: delivery_log.attempts(it, ACCOUNT, [f"whd_1{n}" for n in range(1, 51)]),
    "recent": lambda it: delivery_log.recent(it, ACCOUNT, ["wh_1", "wh_2"], most=200),
    "events": _matching(None),
    "events, later": _matching(None, PLACE),
    "endpoints": lambda it: replays.endpoints(it, ACCOUNT, EVENTS),
    "replay": lambda it: replays.find(it, ACCOUNT, "rpl_7"),
    "agents of charts": lambda it: operations.agents(it, ACCOUNT, limit=500),
    "depths": lambda it: operations.depths(it, ACCOUNT, DAYS),
    "failed mail": lambda it: operations.failed_mail(it, ACCOUNT, None, start=OLDEST, limit=10),
    "failing endpoints": lambda it: operations.failing_endpoints(it, ACCOUNT, None, limit=10),
    "usage": lambda it: operations.usage(it, ACCOUNT),
    "rates": lambda it: operations.rates(it, {"poll:x": AT}),
    "processes": lambda it: processes.living(it, limit=100),
    "places of a back-test": lambda it: backtest.places(
        it, ACCOUNT, AGENT, after=Position(OLDEST, ""), before=POSITION, limit=51
    ),
}
BOUND: Mapping[str, Statement] = {
    "keys": lambda it: holdings.keys(it, ACCOUNT, None, before=None, limit=51),
    "belongings": lambda it: belongings.counts(it, ACCOUNT),
    "replays": lambda it: replays.page(it, ACCOUNT, before=None, limit=21),
    "events, failed": _matching("failed"),
    "events, pending": _matching("pending"),
    "pushes": lambda it: operations.pushes(it, ACCOUNT, None, DAYS),
    "delays": lambda it: operations.delays(it, ACCOUNT, None, DAYS),
    "delays of the empty one": lambda it: operations.delays(it, ACCOUNT, EMPTY, DAYS),
    "sendings": lambda it: operations.sendings(it, ACCOUNT, None, DAYS),
    "sendings of one": lambda it: operations.sendings(it, ACCOUNT, AGENT, DAYS),
    "waiting": lambda it: operations.waiting(it, ACCOUNT),
    "deliveries": _logged("wh_1", None),
    "deliveries, delivered": _logged("wh_1", "delivered"),
    "summaries": lambda it: replays.summaries(it, ACCOUNT, EVENTS),
    "senders of a back-test": lambda it: backtest.senders(it, ACCOUNT, AGENT, IDS),
}
KNOWN: Mapping[str, Statement] = {
    "events, delivered": _matching("delivered"),
    "mails of a back-test": lambda it: backtest.mails(
        it, ACCOUNT, AGENT, IDS, reads_inbound=True, reads_outbound=True, most_characters=999, draft_octets=999
    ),
}
"""These read little once the planner knows how much there is, which is a minute after it came."""


async def _crowd(database: Database) -> None:
    """Two agents, one of which has all the mail and everything that comes of it."""
    await household(database, AGENT, EMPTY)
    names = {"account": ACCOUNT, "agent": AGENT, "rows": ROWS}
    for statement in (*sending.FILL, *FILL):
        await database.execute(statement, names, prepare=False)


async def _wide(database: Database, statements: Mapping[str, Statement], most: int) -> dict[str, int]:
    found = {}
    for name, statement in statements.items():
        counting = Counting(database)
        with suppress(TypeError, AssertionError):  # where there is always a row
            await statement(counting)
        assert counting.pages, name
        found[name] = sum(counting.pages)
    return {name: pages for name, pages in found.items() if pages > most}


async def test_pages_read_little_when_nothing_is_known(database: Database) -> None:
    await _crowd(database)
    assert await _wide(database, SHORT, FEW) == {}
    assert await _wide(database, BOUND, BOUNDED) == {}


async def test_pages_read_little_when_all_is_known(database: Database) -> None:
    await _crowd(database)
    await database.execute("vacuum analyze", prepare=False)
    assert await _wide(database, {**SHORT, **KNOWN}, FEW) == {}
    assert await _wide(database, BOUND, BOUNDED) == {}
