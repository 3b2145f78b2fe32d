"""What the operator's own programs call: the self test, and limits that have changed."""

from typing import Any

import attrs
import pytest
import trio

from e2ad.api.services import Services
from e2ad.core.signing import internal_signature
from e2ad.storage.connection import TrioConnection
from tests.api.conftest import Client

SECRET = "internal-secret-0123456789abcdef"
PATH = "/api/internal/limits/invalidate"


@pytest.fixture
def guarded(services: Services) -> Services:
    """A deployment with an internal secret."""
    internal = attrs.evolve(services.config.internal, secret=SECRET)
    services.config = attrs.evolve(services.config, internal=internal)
    return services


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-E2A-Internal-Signature": internal_signature(secret, body)}


def test_the_signature_is_the_contracts() -> None:
    expected = "43761552b46a3e60518b16d796f34b53ba5abc103b08b643aacc369a83407b95"
    assert internal_signature(SECRET, b'{"user_id":"u_1"}') == expected


async def test_every_process_forgets(guarded: Services, client: Client, caller: Any) -> None:
    listener = await TrioConnection.open(guarded.db.dsn)
    try:
        await listener.command(b"listen e2ad_accounts")
        body = f'{{"user_id":"{caller.account_id}"}}'.encode()
        answer = await client.post(PATH, raw=body, headers=signed(body))
        assert (answer.status, answer.body) == (204, b"")
        with trio.fail_after(5):
            assert [one.payload for one in await listener.next_notifies()] == [caller.account_id]
    finally:
        await listener.close()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"user_id":"u_1"}', {}, 401),
        (b'{"user_id":"u_1"}', signed(b'{"user_id":"u_2"}'), 401),
        (b'{"user_id":"u_1"}', signed(b'{"user_id":"u_1"}', "another secret"), 401),
        (b'{"user_id":"u_1"}', {"X-E2A-Internal-Signature": "\xe4"}, 401),
        (b'{"user_id":"u_1"}', {"Authorization": f"Bearer {SECRET}"}, 401),
        (b"{}", signed(b"{}"), 400),
        (b"\xff", signed(b"\xff"), 400),
        (b"[" * 2000, signed(b"[" * 2000), 400),
        (b'{"user_id":"\\u0000"}', signed(b'{"user_id":"\\u0000"}'), 400),
        (b"x" * 5000, signed(b"x" * 5000), 413),
    ],
)
async def test_what_is_refused(guarded: Services, client: Client, body: bytes, headers: Any, status: int) -> None:
    assert (await client.post(PATH, raw=body, headers=headers)).status == status


async def test_without_a_secret_nobody_may(client: Client) -> None:
    for secret in ("", "x"):
        assert (await client.post(PATH, raw=b"{}", headers=signed(b"{}", secret))).status == 503


# The self test


async def test_all_is_well(client: Client) -> None:
    answer = await client.get("/selftest")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/health+json")
    body = answer.json()
    assert body["status"] == "pass"
    assert set(body["checks"]) == {"database", "migrations"}
    assert body["checks"]["database"][0]["observedUnit"] == "ms"


async def test_the_database_is_away(client: Client, services: Services) -> None:
    services.db.close()
    answer = await client.get("/selftest")
    assert answer.status == 503
    body = answer.json()
    assert body["status"] == "fail"
    assert body["checks"]["database"][0]["output"] == "database_unreachable"


@pytest.mark.parametrize(
    ("says", "trouble"),
    [(b"220 mx.test ESMTP\r\n", None), (b"421 too busy\r\n", "it says 421"), (b"", "it says "), (b"22", "it says 22")],
)
async def test_the_door_for_mail(client: Client, services: Services, says: bytes, trouble: str | None) -> None:
    async def speak(stream: trio.SocketStream) -> None:
        async with stream:
            if says:
                await stream.send_all(says)

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, speak, [listener])
        services.smtp_address = listener.socket.getsockname()[:2]
        answer = await client.get("/selftest")
        nursery.cancel_scope.cancel()
    (check,) = answer.json()["checks"]["smtp"]
    assert check.get("output") == trouble
    assert answer.status == (200 if trouble is None else 503)


async def test_a_door_that_is_closed(client: Client, services: Services) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    services.smtp_address = listener.socket.getsockname()[:2]
    await listener.aclose()
    (check,) = (await client.get("/selftest")).json()["checks"]["smtp"]
    assert check["output"].startswith("no connection")


async def test_it_is_guarded(guarded: Services, client: Client, caller: Any) -> None:
    assert (await client.get("/selftest")).status == 401  # the account's key is none of the operator's
    assert (await client.get("/selftest", headers={"Authorization": "Bearer "})).status == 401
    assert (await client.get("/selftest", headers={"Authorization": f"Bearer {SECRET}"})).status == 200
    assert (await client.get("/selftest", headers=signed(b""))).status == 200
    assert (await client.get("/selftest", headers=signed(b"x"))).status == 401


async def test_it_cannot_be_asked_for_ever(client: Client) -> None:
    statuses = {(await client.get("/selftest")).status for _ in range(61)}
    assert statuses == {200, 429}
