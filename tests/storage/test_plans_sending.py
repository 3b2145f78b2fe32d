"""What the statements of mail out read when there is much mail and the planner knows nothing yet.

Counted in pages, which no other process on the machine can change: each statement is run in a transaction that is
undone, and whatever reads more than a few hundred pages has looked at everybody's mail for somebody's.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2ad.storage import (
    brake,
    feedback,
    ledger,
    outcomes,
    provenance,
    reviews,
    sending,
    submissions,
    suppressions,
)
from e2ad.storage.brake import Inside
from e2ad.storage.executor import Params
from e2ad.storage.pool import Database, Executor
from tests.gateway.test_intake import ACCOUNT, AGENT, household

ROWS = 20_000
MOST_PAGES = 600
AT = datetime.now(UTC)
KEY = "msg_77"
INSIDE = [Inside("ada@agents.test", "ada@agents.test", "agents.test")]
ADDRESSES = [f"p{n}@people.test" for n in range(1, 51)]

FILL = [
    """insert into messages (account_id, id, agent_email, direction, method, delivered_to, conversation_id,
       message_id_key, header_from, subject, body_text, content_sha256, entity_type, verified, hops, created_at,
       review_status, review_expires_at)
       select %(account)s, 'msg_' || n, %(agent)s, case when n %% 2 = 0 then 'inbound' else 'outbound' end, 'smtp',
              %(agent)s, 'conv_' || n, n || '@x.test', case when n %% 4 = 0 then 'ada@agents.test'
              else 'p' || n || '@people.test' end,
              'Subject ' || n, repeat('word ', 40), sha256(n::text::bytea),
              case when n %% 4 = 0 then 'agent' else 'human' end, n %% 4 = 2, 0, now() - n * interval '1 s',
              case when n %% 10 = 9 then 'pending_review' end,
              case when n %% 10 = 9 then now() + n * interval '1 s' end
       from generate_series(1, %(rows)s) n""",
    """insert into submissions (account_id, message_id, agent_email, sent_as, signing_domain, return_path, return_token,
       status, next_attempt_at, provider_message_id)
       select %(account)s, 'msg_' || n, %(agent)s, 'own_address', 'agents.test',
              'bounces+' || md5(n::text) || '@agents.test', md5(n::text),
              case when n %% 100 = 1 then 'accepted' else 'sent' end,
              case when n %% 100 = 1 then now() - interval '1 s' end, 'provider-' || n
       from generate_series(1, %(rows)s, 2) n""",
    """insert into recipients (account_id, message_id, address, place, route, status)
       select %(account)s, 'msg_' || n, 'p' || n || '@people.test', 'to', 'relay',
              case when n %% 100 = 1 then 'pending' else 'sent' end
       from generate_series(1, %(rows)s, 2) n""",
    """insert into lifecycle (account_id, id, message_id, reason_code)
       select %(account)s, 'mlt_' || n, 'msg_' || n, 'queue.outbound_submission' from generate_series(1, %(rows)s) n""",
    """insert into suppressions (account_id, agent_email, address, source, created_at)
       select %(account)s, case when n %% 2 = 0 then '' else %(agent)s end, 'p' || n || '@gone.test', 'bounce',
              now() - n * interval '1 s'
       from generate_series(1, %(rows)s) n""",
    """insert into unsubscribe_tokens (token_sha256, account_id, agent_email, address)
       select sha256(n::text::bytea), %(account)s, %(agent)s, 'p' || n || '@people.test'
       from generate_series(1, %(rows)s) n""",
    """insert into holds (account_id, message_id, agent_email, direction, reason, on_expiry)
       select account_id, id, agent_email, direction, '{}', 'reject' from messages where review_status is not null""",
    """insert into hold_revisions (account_id, message_id, revision, draft, sha256, editor)
       select account_id, message_id, 1, 'x', sha256('x'), 'agent' from holds""",
    """insert into notices (id, account_id, kind, message_id, recipient, content, next_attempt_at, status)
       select 'ntc_' || n, %(account)s, 'review', 'msg_' || n, 'o@x.test', 'x',
              case when n %% 100 = 9 then now() - interval '1 s' end,
              case when n %% 100 = 9 then 'pending' else 'sent' end
       from generate_series(1, %(rows)s) n""",
]


class Counting(Executor):
    """Runs a statement for what it reads, undoes it, and answers that there was nothing."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.pages: list[int] = []

    async def _run(
        self, statement: str, params: Params | None, rows: Callable[[Any], Any], prepare: bool | None
    ) -> tuple[list[Any], int]:
        explained = f"explain (analyze, buffers, timing off, format json) {statement}"
        with suppress(_Undone):
            async with self.database.transaction() as transaction:
                (row,) = await transaction.fetch_all(explained, params or {}, prepare=False)
                raise _Undone
        (found,) = row.values()
        plan = found[0]["Plan"]
        self.pages.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        return [], 0


class _Undone(Exception):
    pass


@pytest.fixture
async def crowded(database: Database) -> Database:
    """Two agents, one of which has all the mail."""
    await household(database, AGENT, "ada@agents.test")
    for statement in FILL:
        await database.execute(statement, {"account": ACCOUNT, "agent": AGENT, "rows": ROWS}, prepare=False)
    return database


Statement = Callable[[Executor], Awaitable[Any]]

STATEMENTS: Mapping[str, Statement] = {
    "survey of fifty": lambda it: sending.survey(it, ACCOUNT, AGENT, ADDRESSES),
    "survey": lambda it: sending.survey(it, ACCOUNT, AGENT, ["ada@agents.test"]),
    "parent": lambda it: sending.parent(it, ACCOUNT, AGENT, KEY, octets=1000),
    "state": lambda it: sending.state(it, ACCOUNT, KEY),
    "claim": lambda it: submissions.claim(it, limit=10, lease_seconds=60),
    "claim one": lambda it: submissions.claim(it, limit=0, lease_seconds=60, named=(ACCOUNT, "msg_101")),
    "next submission": submissions.next_due_seconds,
    "claim notices": lambda it: submissions.claim_notices(it, limit=10, lease_seconds=60),
    "next notice": submissions.next_notice_seconds,
    "reviews": lambda it: reviews.page(it, ACCOUNT, before=None, limit=10),
    "reviews, later": lambda it: reviews.page(it, ACCOUNT, before=(AT - timedelta(hours=1), "msg_3"), limit=10),
    "reviews, soonest": lambda it: reviews.soonest(it, ACCOUNT, limit=10),
    "reviews that ran out": lambda it: reviews.due(it, "outbound", AT + timedelta(seconds=100), after=None, limit=10),
    "review": lambda it: reviews.show(it, ACCOUNT, "msg_79"),
    "review by link": lambda it: reviews.by_link(it, "msg_79"),
    "review locked": lambda it: reviews.lock(it, ACCOUNT, "msg_79"),
    "lifecycle": lambda it: ledger.of_message(it, ACCOUNT, AGENT, KEY, after=None, limit=10),
    "return path": lambda it: feedback.find_return_path(it, "0" * 32, None),
    "return path below": lambda it: feedback.find_return_path(it, "0" * 32, "agents.test"),
    "correlate": lambda it: feedback.correlate(it, ["provider-77"], ["0" * 32]),
    "recipients": lambda it: feedback.recipients(it, ACCOUNT, KEY),
    "outcomes locked": lambda it: outcomes.lock(it, [(ACCOUNT, f"msg_{n}") for n in range(1, 40, 2)]),
    "rearm": lambda it: outcomes.rearm(it, ACCOUNT, KEY),
    "suppression removed": lambda it: suppressions.remove(it, ACCOUNT, "", "p78@gone.test"),
    "unsubscribe": lambda it: suppressions.by_token(it, b"0" * 32),
    "hops": lambda it: brake.hops(
        it, ACCOUNT, AGENT, parent_id="msg_76", conversation_id="conv_76", inside=INSIDE, window_seconds=3600
    ),
    "hops of a fresh mail": lambda it: brake.hops(
        it, ACCOUNT, AGENT, parent_id=None, conversation_id="conv_76", inside=INSIDE, window_seconds=3600
    ),
    "known": lambda it: provenance.known(
        it, ACCOUNT, AGENT, forms=ADDRESSES, conversation_id="conv_76", parent_id="msg_76", members=10, octets=9999
    ),
    "passages": lambda it: provenance.passages(
        it,
        ACCOUNT,
        AGENT,
        conversation_id="conv_76",
        parent_id="msg_76",
        members=10,
        newest=10,
        texts_of=10,
        octets=9999,
        list_octets=9999,
    ),
}


async def test_what_is_asked_for_one_mail_reads_little(crowded: Database) -> None:
    wide: dict[str, int] = {}
    for name, statement in STATEMENTS.items():
        counting = Counting(crowded)
        with suppress(TypeError):  # where there is always a row
            await statement(counting)
        assert counting.pages, name
        if sum(counting.pages) > MOST_PAGES:
            wide[name] = sum(counting.pages)
    assert wide == {}
