"""The front page."""

from types import SimpleNamespace

import pytest

from e2ad.config import load
from e2ad.dashboard.views import build_dashboard


def pages(shared_domain: str, **environ: str):
    config = load(environ=environ, need=())
    services = SimpleNamespace(config=config, public_url="https://mail.example", shared_domain=shared_domain)
    return build_dashboard(services).test_client()


@pytest.mark.parametrize(
    ("shared_domain", "environ", "words"),
    [
        ("agents.example", {}, "</em>@agents.example"),
        ("", {}, "use a domain of your own"),
        ("<script>", {}, "@&lt;script&gt;"),
        ("", {"E2AD_RELAY_HOST": "relay.example"}, "sent through relay.example"),
        ("", {}, "none leaves this deployment"),
    ],
)
async def test_what_it_says(shared_domain: str, environ: dict[str, str], words: str) -> None:
    response = await pages(shared_domain, **environ).get("/")
    assert response.status_code == 200
    text = (await response.get_data()).decode()
    assert words in text
    assert "https://mail.example/docs" in text


@pytest.mark.parametrize("path", ["/", "/nothing"])
async def test_every_answer_is_closed_to_scripts_and_frames(path: str) -> None:
    response = await pages("").get(path)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
