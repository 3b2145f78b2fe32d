"""Which path is whose, and what an unknown one is told."""

from typing import Any

import pytest

from e2ad.api.exchange import path_of
from e2ad.api.routing import MethodUnknown, Router

ROUTES = Router(
    [
        ("GET", "/v1/a", 1),
        ("GET", "/v1/a/{id}", 2),
        ("POST", "/v1/a/check", 3),
        ("GET", "/v1/a/{email}/b/{id}", 4),
        ("DELETE", "/v1/a/{id}", 5),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "v1/a", (1, {})),
        ("GET", "v1/a/x", (2, {"id": "x"})),
        ("DELETE", "v1/a/x", (5, {"id": "x"})),
        ("POST", "v1/a/check", (3, {})),
        ("GET", "v1/a/check", (2, {"id": "check"})),
        ("GET", "v1/a/p/b/q", (4, {"email": "p", "id": "q"})),
        ("GET", "v1/a/", None),
        ("GET", "v1/a//b/q", None),
        ("GET", "v1", None),
        ("GET", "v1/a/p/b", None),
    ],
)
def test_routes(method: str, path: str, found: Any) -> None:
    assert ROUTES.find(method, path.split("/")) == found


@pytest.mark.parametrize(("method", "path"), [("PUT", "v1/a"), ("HEAD", "v1/a"), ("GET", "v1/a/x/b/y/z")])
def test_known_paths_with_other_methods(method: str, path: str) -> None:
    if path.endswith("z"):
        assert ROUTES.find(method, path.split("/")) is None
    else:
        with pytest.raises(MethodUnknown):
            ROUTES.find(method, path.split("/"))


def test_a_route_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Router([("GET", "/a/{x}", 1), ("GET", "/a/{y}", 2)])


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/info/", "/v1//info", "/v1/account/api-keys/"])
async def test_unknown_paths_below_v1_get_an_envelope(client: Any, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/", "/nothing", "/api", "/api/nothing", "/api/v1/nothing", "/api/v1/info/"])
async def test_unknown_paths_elsewhere_get_text(client: Any, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.text.strip()) == (404, "not found")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "PATCH"])
async def test_other_methods_below_v1(client: Any, method: str) -> None:
    answer = await client.request(method, "/v1/info")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "allow" not in answer.headers


async def test_other_methods_of_the_classic_api(client: Any) -> None:
    answer = await client.post("/api/v1/info", {})
    assert (answer.status, answer.text) == (405, "method not allowed\n")


async def test_health(client: Any) -> None:
    client.key = None
    for method, path in [("GET", "/api/health"), ("HEAD", "/api/health"), ("GET", "/livez")]:
        answer = await client.request(method, path)
        assert (answer.status, answer.json()) == (200, {"status": "ok"})


async def test_readiness(client: Any, services: Any, database: Any) -> None:
    client.key = None
    assert (await client.get("/readyz")).json() == {"status": "ready"}
    services.draining = lambda: True
    answer = await client.get("/readyz")
    assert (answer.status, answer.json()) == (503, {"status": "not_ready", "reason": "draining"})
    services.draining = lambda: False
    database.close()
    answer = await client.get("/readyz")
    assert (answer.status, answer.json()["reason"]) == (503, "database_unreachable")


async def test_a_database_of_another_version_is_not_ready(client: Any, database: Any) -> None:
    await database.execute("update schema_migrations set sha256 = 'x'", prepare=False)
    assert (await client.get("/readyz")).json()["reason"] == "schema_unknown"


async def test_the_classic_api_answers_trouble_in_text(client: Any) -> None:
    client.key = None
    answer = await client.get("/api/v1/users/me/limits")
    assert (answer.status, answer.text) == (401, "unauthorized\n")
    assert answer.headers["www-authenticate"] == 'Bearer realm="e2a"'


async def test_a_socket_must_be_asked_for(client: Any, caller: Any, database: Any, api: Any) -> None:
    await api.make_agent(database, caller.account_id, "a@x.test")
    answer = await client.get("/v1/agents/A@x.test/ws")
    assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")
    assert answer.headers["content-type"].startswith("text/plain")
    assert (await client.get("/v1/agents/nobody@x.test/ws")).code == "not_found"
    assert (await client.get("/v1/agents/a@x.test/ws", headers={"Authorization": caller.key})).code == "unauthorized"


async def test_the_classic_socket_must_be_asked_for_too(client: Any, caller: Any, database: Any, api: Any) -> None:
    await api.make_agent(database, caller.account_id, "a@x.test")
    key, client.key = client.key, None
    assert (await client.get(f"/api/v1/agents/a@x.test/ws?token={key}")).status == 426
    answer = await client.get("/api/v1/agents/a@x.test/ws")
    assert (answer.status, answer.text) == (401, "unauthorized\n")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://mail.test/v1/info?x=1", "/v1/info"),
        (b"HTTPS://mail.test", "/"),
        (b"/v1/agents/http://x", "/v1/agents/http://x"),
    ],
)
def test_an_absolute_target_means_its_path(target: bytes, path: str) -> None:
    assert path_of({"raw_path": target, "path": ""}) == path
