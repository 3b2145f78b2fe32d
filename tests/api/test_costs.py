"""What a request asks of the database does not grow with what is stored, nor with what it names."""

from collections.abc import Callable, Sequence

import pytest

from e2ad.api.app import OPERATIONS
from e2ad.api.operation import Operation
from tests.api.conftest import Caller, Client, make_caller
from tests.api.world import AGENT, MAIL, REQUESTS, Request, World, call, populate
from tests.zone import HOOK

READS = [one for one in OPERATIONS if one.method == "GET"]
IN_ORDER = {"editReview": -1, "deleteAgent": 2, "deleteDomain": 3, "deleteAccount": 4}
"""Writes that come before or after others, since they would be in their way."""
WRITES = sorted(
    (one for one in OPERATIONS if one.method != "GET"),
    key=lambda one: (IN_ORDER.get(one.id, one.method == "DELETE"), -one.path.count("/")),
)
MOST = {
    "getAccountMetrics": 5,
    "exportAccount": 50,
    "deleteAccount": 30,
    "registerDomain": 17,
    "approveReview": 11,
    "rotateDomainKeys": 11,
    "resolveMessage": 10,
    "verifyDomain": 8,
    "importContacts": 8,
    "rejectReview": 8,
    "createAgent": 6,
    "editReview": 6,
    "deleteDomain": 6,
    "deleteImportBatch": 6,
}
"""Operations that need more than `USUAL` statements, and how many they may have."""
USUAL = {"GET": 2, "POST": 5, "PUT": 5, "PATCH": 5, "DELETE": 5}
IN_PAGES = {"exportAccount", "deleteAccount"}
"""What goes through a whole account, so many rows at a time."""
RATE = 1
"""A rate is counted in the table now and then, in between in memory: that is one statement more or less."""


async def statements(client: Client, world: World, operations: Sequence[Operation]) -> dict[str, int]:
    """How many statements each operation takes, the credential known already."""
    found = {}
    await client.get("/v1/account")
    for one in operations:
        before = client.services.db.statements
        answer = await call(client, one, REQUESTS[one.id](world))
        assert answer.status in one.success, (one.id, answer.text)
        found[one.id] = client.services.db.statements - before
    return found


@pytest.mark.parametrize("operations", [READS, WRITES], ids=["reads", "writes"])
async def test_nothing_has_a_query_per_row(client: Client, caller: Caller, operations: Sequence[Operation]) -> None:
    few = await statements(client, await populate(client, caller.account_id, 2), operations)
    await client.services.db.execute("truncate accounts, domains cascade")
    caller = await make_caller(client.services.db)
    client.key = caller.key
    many = await statements(client, await populate(client, caller.account_id, 30), operations)
    grown = {name: count for name, count in many.items() if count - few[name] > RATE and name not in IN_PAGES}
    assert grown == {}
    most = {one.id: MOST.get(one.id, USUAL[one.method]) for one in operations}
    assert {name: count for name, count in many.items() if count > most[name]} == {}


def _addresses(count: int) -> list[str]:
    return [f"eve{number}@example.org" for number in range(count)]


GROWING: list[tuple[str, Callable[[int], Request]]] = [
    ("sendMessage", lambda n: Request({"email": AGENT}, body={**MAIL, "to": _addresses(n)})),
    ("forwardMessage", lambda n: Request(body={"to": _addresses(n), "text": "Hello"})),
    ("importContacts", lambda n: Request(body={"contacts": [{"address": one} for one in _addresses(n * 10)]})),
    (
        "importContacts",
        lambda n: Request(
            body={"contacts": [{"address": one} for one in _addresses(n * 10)], "agent_email": AGENT, "stage": "new"}
        ),
    ),
    ("updateMessage", lambda n: Request(body={"add_labels": [f"label{number}" for number in range(n)]})),
    (
        "createWebhook",
        lambda n: Request(body={"url": HOOK, "events": ["email.received"], "filters": {"conversation_ids": ["c"] * n}}),
    ),
    (
        "putAgentProtection",
        lambda n: Request(
            body={
                "inbound": {"gate": {"policy": "allowlist", "allowlist": _addresses(n)}, "scan": {}},
                "outbound": {"gate": {}, "scan": {}},
                "holds": {},
            }
        ),
    ),
    ("editReview", lambda n: Request(body={"to": _addresses(n)})),
]


@pytest.mark.parametrize(("name", "request_of"), GROWING, ids=lambda one: one if isinstance(one, str) else "")
async def test_nothing_has_a_query_per_member(
    client: Client, caller: Caller, name: str, request_of: Callable[[int], Request]
) -> None:
    """However many addresses, contacts or labels a body has."""
    world = await populate(client, caller.account_id)
    (one,) = (one for one in OPERATIONS if one.id == name)
    found = []
    for count in (20, 1, 20):
        request = request_of(count)
        path = {**REQUESTS[name](world).path, **request.path}
        before = client.services.db.statements
        answer = await call(client, one, Request(path, body=request.body))
        assert answer.status in one.success, answer.text
        found.append(client.services.db.statements - before)
    assert found[2] - found[1] <= RATE
