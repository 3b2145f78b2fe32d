"""The deployment's own domain: one rule, wherever mail leaves in its name and wherever reports come back."""

import pytest
from attrs import evolve

from e2ad.config import Config
from e2ad.core.sealing import KeyRing
from e2ad.gateway.acceptance import Acceptance, from_domain_of
from e2ad.gateway.holds import Desk


@pytest.mark.parametrize(
    ("relay", "shared", "smtp", "domain"),
    [
        ("mail.test", "agents.test", "mx.test", "mail.test"),
        ("", "agents.test", "mx.test", "agents.test"),
        ("", "", "mx.test", "mx.test"),
    ],
)
def test_which_it_is(relay: str, shared: str, smtp: str, domain: str) -> None:
    plain = Config()
    config = evolve(
        plain,
        shared_domain=shared,
        relay=evolve(plain.relay, from_domain=relay),
        smtp=evolve(plain.smtp, domain=smtp),
    )
    keys = KeyRing(("x" * 32,))
    assert from_domain_of(config) == domain
    assert Acceptance.of(config, keys).from_domain == domain
    assert Desk.of(config, keys, public_url="").from_domain == domain
