"""An account that has some of everything, and for each operation and route a request that works in it.

The tests that go over every operation are generated from `REQUESTS`, those over the classic routes from
`CLASSIC`: whoever adds one adds its request here, and it is tested for scopes, isolation, costs, pages and
keys like all others.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from attrs import field, frozen

from e2ad.api.classic.framework import ClassicRoute
from e2ad.api.operation import Operation
from e2ad.core.events import rfc3339
from e2ad.core.signing import event_id
from e2ad.gateway.accounts import keep_shared_domain
from e2ad.gateway.mint import new_id, now
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from tests import factories
from tests.api.conftest import Answer, Client, make_agent
from tests.zone import HOOK

AGENT = "bot@agents.localhost"
HELD_BY = "careful@agents.localhost"
TRASHED = "gone@agents.localhost"
DOMAIN = "shop.example.com"
ADDRESS = "ada0@example.org"
MAIL: dict[str, Any] = {"to": ["ada@example.org"], "subject": "Hi", "text": "Hello"}
OPEN: dict[str, Any] = {"inbound": {"gate": {}, "scan": {}}, "outbound": {"gate": {}, "scan": {}}, "holds": {}}
REVIEW = {**OPEN, "outbound": {"gate": {}, "scan": {}, "require_review": True}}
RAW = (
    b"From: Grace <grace@example.org>\r\nTo: bot@agents.localhost\r\nSubject: Hello\r\nMessage-ID: <m1@example.org>\r\n"
    b"Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\n\r\nGood morning.\r\n--cut\r\n"
    b'Content-Type: text/csv\r\nContent-Disposition: attachment; filename="a.csv"\r\n\r\n1,2\r\n--cut--\r\n'
)


@frozen
class World:
    """What there is, by the ids that paths need."""

    account_id: str
    message: str
    sent: str
    trashed: str
    unknown: str
    held: str
    also_held: str
    conversation: str
    webhook: str
    event: str
    key: str
    template: str
    batch: str
    connection: str
    secret: str
    classic_webhook: str


@frozen
class Request:
    """One call: what fills the path, and what goes with it."""

    path: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, Any] | None = None
    body: Any = None
    headers: Mapping[str, str] = field(factory=dict)


async def populate(client: Client, account_id: str, count: int = 2) -> World:
    """Fill an account: `count` rows in every list."""
    db = client.services.db
    await keep_shared_domain(db, "agents.localhost")
    await db.execute(f"update accounts set max_templates = 1000 where id = '{account_id}'")
    for email in (AGENT, HELD_BY, *(f"bot{number}@agents.localhost" for number in range(2, count))):
        await make_agent(db, account_id, email)
    await factories.agent(db, account_id, TRASHED, deleted_at=now())
    for number in range(count):
        await factories.domain(db, DOMAIN if number == 0 else f"shop{number}.example.com", account_id)
    mails = await _mail(client, account_id, count)
    webhook, event = await _pushed(client, account_id, count, mails["message"])
    batch = await _people(client, account_id, count)
    template = ""
    for number in range(count):
        body = {"name": f"t{number}", "alias": f"t{number}", "subject": "Hi {{name}}", "text": "Hello {{name}}"}
        template = _id(await client.post("/v1/templates", body))
        await factories.api_key(db, account_id)
    key = await db.fetch_value(f"select id from api_keys where account_id = '{account_id}' order by created_at desc")
    secret = ""
    for number in range(count):
        secret = await factories.signing_secret(db, client.services.keys, account_id, f"secret {number}")
    classic = _id(await client.post("/api/v1/webhooks", WEBHOOK))
    found = {"webhook": webhook, "classic_webhook": classic, "event": event, "secret": secret}
    connection = ""
    for number in range(count):
        connection = await let_in(db, account_id, f"mcp_{number:012x}")
    found |= {"template": template, "key": key, "batch": batch, "connection": connection}
    return World(account_id=account_id, **found, **mails)


async def _mail(client: Client, account_id: str, count: int) -> dict[str, str]:
    db = client.services.db
    conversation = new_id("conv_")
    found: dict[str, str] = {"conversation": conversation}
    for number in range(count):
        shared = {"conversation_id": conversation if number < 2 else new_id("conv_"), "number": number}
        found["message"] = await factories.message(db, account_id, AGENT, raw=RAW, **shared, threaded=True)
        sent = await factories.sent(db, account_id, [f"ada{number}@example.org"], AGENT)
        found["sent"] = sent.message_id
        found["trashed"] = await factories.message(db, account_id, AGENT, deleted_at=now(), number=number)
    unknown = await factories.sent(db, account_id, ["lost@example.org"], AGENT, state="outcome_unknown")
    found["unknown"] = unknown.message_id
    assert (await client.put(f"/v1/agents/{HELD_BY}/protection", REVIEW)).status == 200
    for _ in range(count):
        answer = await client.post(f"/v1/agents/{HELD_BY}/messages", MAIL)
        found["also_held"] = found.get("held", "")
        found["held"] = answer.json()["message_id"]
    return found


async def _pushed(client: Client, account_id: str, count: int, message_id: str) -> tuple[str, str]:
    db = client.services.db
    webhook = event = ""
    for number in range(count):
        webhook = _id(await client.post("/v1/webhooks", {"url": HOOK, "events": ["email.received"]}))
        event = event_id(message_id, str(number))
        row = {"account_id": account_id, "id": event, "type": "email.received", "agent_email": AGENT}
        envelope = f'{{"type":"email.received","id":"{event}","schema_version":"1","created_at":"x","data":{{}}}}'
        times = {"created_at": now() - timedelta(minutes=number), "matched_endpoints": [webhook]}
        await factories.insert(db, "events", {**row, "envelope": envelope, **times})
    for number in range(count):
        row = {"account_id": account_id, "id": f"whd_{number}_{event}", "endpoint": webhook, "kind": "webhook"}
        more = {"event_type": "email.received", "status": "delivered", "event_id": event, "replay_id": str(number)}
        await factories.insert(db, "deliveries", row | more)
    if count:
        asked = {"target": "endpoints", "filter": Jsonb({}), "events": 1, "deliveries": 1}
        await factories.insert(db, "replays", {"account_id": account_id, "id": f"rpl_{event}", **asked})
        row = {"account_id": account_id, "endpoint": webhook, "kind": "webhook", "event_type": "email.received"}
        again = {"id": f"whd_again_{event}", "replay_id": f"rpl_{event}"}
        for more in ({"id": f"whd_{event}", "status": "delivered"}, again):
            await factories.insert(db, "deliveries", row | {"event_id": event} | more)
    return webhook, event


async def _people(client: Client, account_id: str, count: int) -> str:
    db = client.services.db
    rows = [{"address": f"ada{number}@example.org"} for number in range(count)]
    answer = await client.post("/v1/contacts/import", {"contacts": rows, "agent_email": AGENT, "stage": "new"})
    assert answer.status == 200, answer.text
    for number in range(count):
        for agent_email in ("", AGENT):
            row = {"account_id": account_id, "agent_email": agent_email, "address": f"ada{number}@example.org"}
            await factories.insert(db, "suppressions", row | {"source": "manual"})
    return str(answer.json()["batch_id"])


async def let_in(db: Executor, account_id: str, client_id: str) -> str:
    """A program with access to the whole account; the id of its grant."""
    grant = {"account_id": account_id, "id": new_id("grant_"), "client_id": client_id, "scope": "account"}
    await db.execute(
        "insert into oauth_clients (id, name, redirect_uris) values (%(id)s, 'A program', '{}') on conflict do nothing",
        {"id": client_id},
    )
    await factories.insert(db, "oauth_grants", grant)
    return grant["id"]


def _id(answer: Answer) -> str:
    assert answer.status == 201, answer.text
    return str(answer.json()["id"])


CONFIRM = {"confirm": "DELETE"}


def _of(email: str = AGENT, **path: str) -> dict[str, str]:
    return {"email": email, **path}


REQUESTS: Mapping[str, Callable[[World], Request]] = {
    "getInfo": lambda _: Request(),
    "getAccount": lambda _: Request(),
    "deleteAccount": lambda _: Request(query=CONFIRM),
    "exportAccount": lambda _: Request(),
    "getAccountMetrics": lambda _: Request(query={"bucket": "day", "group_by": "agent"}),
    "listApiKeys": lambda _: Request(),
    "createApiKey": lambda _: Request(body={"name": "x"}),
    "deleteApiKey": lambda w: Request({"id": w.key}, CONFIRM),
    "listConnections": lambda _: Request(),
    "deleteConnection": lambda w: Request({"id": w.connection}, CONFIRM),
    "listAgents": lambda _: Request(),
    "createAgent": lambda _: Request(body={"email": "new@agents.localhost"}),
    "getAgent": lambda _: Request(_of()),
    "updateAgent": lambda _: Request(_of(), body={"name": "x"}),
    "deleteAgent": lambda _: Request(_of(), CONFIRM),
    "restoreAgent": lambda _: Request(_of(TRASHED)),
    "getAgentMetrics": lambda _: Request(_of()),
    "getAgentProtection": lambda _: Request(_of()),
    "putAgentProtection": lambda _: Request(_of(), body=OPEN),
    "listMessages": lambda _: Request(_of(), {"direction": "all"}),
    "getMessage": lambda w: Request(_of(id=w.message)),
    "getRawMessage": lambda w: Request(_of(id=w.message)),
    "updateMessage": lambda w: Request(_of(id=w.message), body={"add_labels": ["x"]}),
    "deleteMessage": lambda w: Request(_of(id=w.message)),
    "restoreMessage": lambda w: Request(_of(id=w.trashed)),
    "getAttachment": lambda w: Request(_of(id=w.message, index="0"), {"inline": "true"}),
    "getMessageLifecycle": lambda w: Request(_of(id=w.sent)),
    "resolveMessage": lambda w: Request(_of(id=w.unknown), body={"outcome": "sent"}),
    "sendMessage": lambda _: Request(_of(), body=MAIL),
    "replyToMessage": lambda w: Request(_of(id=w.message), body={"text": "Hello"}),
    "forwardMessage": lambda w: Request(_of(id=w.message), body={"to": ["bob@example.org"], "text": "Hello"}),
    "testAgent": lambda _: Request(_of()),
    "listSuppressions": lambda _: Request(),
    "deleteSuppression": lambda _: Request({"address": ADDRESS}, CONFIRM),
    "listAgentSuppressions": lambda _: Request(_of()),
    "createAgentSuppression": lambda _: Request(_of(), body={"address": "new@example.org"}),
    "deleteAgentSuppression": lambda _: Request(_of(address=ADDRESS), CONFIRM),
    "listConversations": lambda _: Request(_of()),
    "getConversation": lambda w: Request(_of(id=w.conversation)),
    "listContacts": lambda _: Request(),
    "createContact": lambda _: Request(body={"address": "new@example.org"}),
    "getContact": lambda _: Request({"address": ADDRESS}),
    "updateContact": lambda _: Request({"address": ADDRESS}, body={"display_name": "Ada"}),
    "deleteContact": lambda _: Request({"address": ADDRESS}, CONFIRM),
    "importContacts": lambda _: Request(body={"contacts": [{"address": "imported@example.org"}]}),
    "deleteImportBatch": lambda w: Request({"batch_id": w.batch}, CONFIRM),
    "listEngagements": lambda _: Request(_of()),
    "getEngagement": lambda _: Request(_of(address=ADDRESS)),
    "upsertEngagement": lambda _: Request(_of(address=ADDRESS), body={"stage": "won"}),
    "deleteEngagement": lambda _: Request(_of(address=ADDRESS), CONFIRM),
    "listReviews": lambda _: Request(),
    "getReview": lambda w: Request({"id": w.held}),
    "approveReview": lambda w: Request({"id": w.held}, body={}),
    "rejectReview": lambda w: Request({"id": w.also_held}, body={}),
    "editReview": lambda w: Request({"id": w.held}, body={"subject": "Other"}),
    "listDomains": lambda _: Request(),
    "registerDomain": lambda _: Request(body={"domain": "new.example.com"}),
    "getDomain": lambda _: Request({"domain": DOMAIN}),
    "verifyDomain": lambda _: Request({"domain": DOMAIN}),
    "rotateDomainKeys": lambda _: Request({"domain": DOMAIN}),
    "deleteDomain": lambda _: Request({"domain": DOMAIN}, CONFIRM),
    "listTemplates": lambda _: Request(),
    "createTemplate": lambda _: Request(body={"name": "n", "subject": "Hi", "text": "Hello"}),
    "validateTemplate": lambda _: Request(body={"subject": "Hi {{name}}"}),
    "getTemplate": lambda w: Request({"id": w.template}),
    "updateTemplate": lambda w: Request({"id": w.template}, body={"name": "m"}),
    "deleteTemplate": lambda w: Request({"id": w.template}, CONFIRM),
    "listStarterTemplates": lambda _: Request(),
    "getStarterTemplate": lambda _: Request({"alias": "welcome"}),
    "listWebhooks": lambda _: Request(),
    "createWebhook": lambda _: Request(body={"url": HOOK, "events": ["email.received"]}),
    "getWebhook": lambda w: Request({"id": w.webhook}),
    "updateWebhook": lambda w: Request({"id": w.webhook}, body={"description": "x"}),
    "deleteWebhook": lambda w: Request({"id": w.webhook}, CONFIRM),
    "rotateWebhookSecret": lambda w: Request({"id": w.webhook}),
    "testWebhook": lambda w: Request({"id": w.webhook}, body={}),
    "listWebhookDeliveries": lambda w: Request({"id": w.webhook}),
    "listEvents": lambda _: Request(),
    "getEvent": lambda w: Request({"id": w.event}),
    "redeliverEvent": lambda w: Request({"id": w.event}, body={}),
}


FEEDBACK = {"message": "It works.", "category": "other"}
SENT: dict[str, Any] = {"to": ["ada@example.org"], "subject": "Hi", "body": "Hello"}
WEBHOOK: dict[str, Any] = {"url": HOOK, "events": ["email.received"]}

CLASSIC: Mapping[str, Callable[[World], Request]] = {
    "GET /api/v1/info": lambda _: Request(),
    "GET /api/v1/users/me/limits": lambda _: Request(),
    "GET /api/v1/users/me/export": lambda _: Request(),
    "DELETE /api/v1/users/me": lambda _: Request(query={"confirm": "DELETE"}),
    "POST /api/v1/agents": lambda _: Request(body={"slug": "new", "agent_mode": "local"}),
    "GET /api/v1/agents": lambda _: Request(),
    "GET /api/v1/agents/{email}": lambda _: Request(_of()),
    "PUT /api/v1/agents/{email}": lambda _: Request(_of(), body={"hitl_enabled": True}),
    "DELETE /api/v1/agents/{email}": lambda _: Request(_of()),
    "GET /api/v1/users/me/signing-secrets": lambda _: Request(),
    "POST /api/v1/users/me/signing-secrets": lambda _: Request(body={"name": "x"}),
    "DELETE /api/v1/users/me/signing-secrets/{id}": lambda w: Request({"id": w.secret}),
    "GET /api/v1/agents/{email}/messages": lambda _: Request(_of()),
    "GET /api/v1/agents/{email}/messages/{id}": lambda w: Request(_of(id=w.message)),
    "PATCH /api/v1/agents/{email}/messages/{id}": lambda w: Request(_of(id=w.message), body={"add_labels": ["x"]}),
    "POST /api/v1/send": lambda _: Request(body={"from": AGENT, **SENT}),
    "POST /api/v1/agents/{email}/messages/{id}/reply": lambda w: Request(_of(id=w.message), body={"body": "Hello"}),
    "POST /api/v1/agents/{email}/messages/{id}/forward": lambda w: Request(
        _of(id=w.message), body={"to": ["bob@example.org"], "body": "Hello"}
    ),
    "POST /api/v1/agents/{email}/test": lambda _: Request(_of()),
    "GET /api/v1/pending": lambda _: Request(),
    "GET /api/v1/messages": lambda _: Request(),
    "GET /api/v1/messages/{id}": lambda w: Request({"id": w.held}),
    "POST /api/v1/messages/{id}/approve": lambda w: Request({"id": w.held}, body={}),
    "POST /api/v1/agents/{email}/messages/{id}/approve": lambda w: Request(_of(HELD_BY, id=w.held), body={}),
    "POST /api/v1/messages/{id}/reject": lambda w: Request({"id": w.also_held}, body={}),
    "POST /api/v1/agents/{email}/messages/{id}/reject": lambda w: Request(_of(HELD_BY, id=w.held), body={}),
    "GET /api/v1/agents/{email}/conversations": lambda _: Request(_of()),
    "GET /api/v1/agents/{email}/conversations/{id}": lambda w: Request(_of(id=w.conversation)),
    "GET /api/v1/domains": lambda _: Request(),
    "POST /api/v1/domains": lambda _: Request(body={"domain": "new.example.com"}),
    "GET /api/v1/domains/{domain}": lambda _: Request({"domain": DOMAIN}),
    "POST /api/v1/domains/{domain}/verify": lambda _: Request({"domain": DOMAIN}),
    "PATCH /api/v1/domains/{domain}": lambda _: Request({"domain": DOMAIN}, body={"is_primary": True}),
    "DELETE /api/v1/domains/{domain}": lambda _: Request({"domain": DOMAIN}),
    "GET /api/v1/webhooks": lambda _: Request(),
    "POST /api/v1/webhooks": lambda _: Request(body=WEBHOOK),
    "GET /api/v1/webhooks/{id}": lambda w: Request({"id": w.classic_webhook}),
    "PATCH /api/v1/webhooks/{id}": lambda w: Request({"id": w.classic_webhook}, body={"description": "x"}),
    "PUT /api/v1/webhooks/{id}": lambda w: Request({"id": w.classic_webhook}, body=WEBHOOK),
    "DELETE /api/v1/webhooks/{id}": lambda w: Request({"id": w.classic_webhook}),
    "POST /api/v1/webhooks/{id}/rotate-secret": lambda w: Request({"id": w.classic_webhook}),
    "POST /api/v1/webhooks/{id}/test": lambda w: Request({"id": w.classic_webhook}, body={}),
    "GET /api/v1/webhooks/{id}/deliveries": lambda w: Request({"id": w.classic_webhook}),
    "POST /api/v1/webhooks/{id}/redeliver-since": lambda w: Request(
        {"id": w.classic_webhook}, body={"since": rfc3339(now() - timedelta(hours=1))}
    ),
    "GET /api/v1/events": lambda _: Request(),
    "GET /api/v1/events/{id}": lambda w: Request({"id": w.event}),
    "POST /api/v1/events/{id}/redeliver": lambda w: Request({"id": w.event}, body={}),
    "POST /api/feedback": lambda _: Request(body=FEEDBACK),
    "GET /api/keys": lambda _: Request(),
    "POST /api/keys": lambda _: Request(body={"name": "x"}),
    "DELETE /api/keys/{id}": lambda w: Request({"id": w.key}),
    "GET /api/auth/me": lambda _: Request(),
}


def named(one: Operation | ClassicRoute) -> str:
    """What an operation or a route is called in the tables here."""
    return one.id if isinstance(one, Operation) else f"{one.method} {one.path}"


def request_for(one: Operation | ClassicRoute, world: World) -> Request:
    """The request that works."""
    return (REQUESTS if isinstance(one, Operation) else CLASSIC)[named(one)](world)


async def call(client: Client, one: Operation | ClassicRoute, request: Request, **more: Any) -> Answer:
    """Make the call; `more` wins over what the request says."""
    given: dict[str, Any] = {"body": request.body, "query": request.query, "headers": request.headers}
    if "raw" in more:
        given["body"] = None
    return await client.request(one.method, one.path.format_map(request.path), **(given | more))


async def rows(client: Client) -> dict[str, str]:
    """All that is stored, table by table, as something to compare; not how often somebody asked."""
    db = client.services.db
    if not _TABLES:
        found = await db.fetch_all("select tablename from pg_tables where schemaname = 'public' order by 1")
        _TABLES.extend(one["tablename"] for one in found)
    parts = [
        f"select '{table}' as name, coalesce(md5(string_agg(t::text, '' order by t::text)), '') as sum from {table} t"
        for table in _TABLES
        if table not in ("rate_windows", "idempotency_keys")
    ]
    return {one["name"]: one["sum"] for one in await db.fetch_all(" union all ".join(parts))}


_TABLES: list[str] = []
