"""What the deployment says about itself."""

from typing import Any


async def test_info_names_the_shared_domain(client: Any) -> None:
    answer = await client.get("/v1/info", headers={"Authorization": ""})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "version": "1.0.0",
        "shared_domain": "agents.localhost",
        "slug_registration_enabled": True,
        "features": {"outbox": True, "screening": True, "dashboard": True, "mcp": True},
    }


async def test_info_has_the_public_url_only_when_there_is_one(client: Any) -> None:
    client.services.public_url = "https://mail.example"
    client.services.shared_domain = ""
    body = (await client.get("/v1/info")).json()
    assert body["public_url"] == "https://mail.example"
    assert (body["shared_domain"], body["slug_registration_enabled"]) == ("", False)


async def test_the_classic_info_is_the_small_one(client: Any) -> None:
    answer = await client.get("/api/v1/info")
    assert answer.body == b'{"shared_domain":"agents.localhost","slug_registration_enabled":true}\n'
