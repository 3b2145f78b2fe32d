"""Our document against our server: schemathesis makes requests of it, good ones and bad ones, over real sockets.

What the run finds is what no table of cases of ours has thought of. It is the same each time: a fixed seed, and an
account that is filled in the same way.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from attrs import frozen

from e2ad.api.app import OPERATIONS, build_app
from e2ad.api.services import Services
from e2ad.config.sections import Config
from e2ad.core.sealing import KeyRing
from e2ad.storage.pool import open_pool
from tests.api.conftest import Client
from tests.api.credentials import every_credential
from tests.api.world import AGENT, REQUESTS, World, populate
from tests.live.running import ROOT
from tests.live.serving import Deployment, settings
from tests.zone import HOOK, Zone, guard

pytestmark = pytest.mark.live

SEED = 20260613
EXAMPLES = 15
SECONDS = 300
DOMAIN = "agents.localhost"
OUR_HOOK = "http://127.0.0.1:9/in"
"""An endpoint that the daemon's guard accepts; nobody is there."""
CONTRADICTED = "allow_header_conformance"
"""The contract answers 405 without naming the methods that there are."""
LAST = ("deleteAgent", "deleteAccount")
ENDING = [
    one.id
    for one in OPERATIONS
    if one.id not in LAST and (one.method == "DELETE" or one.id in ("approveReview", "rejectReview"))
]
SETTINGS = {
    "SHARED_DOMAIN": DOMAIN,
    "DNS_TIMEOUT_SECONDS": "0.1",
    "RATE_LIMITS_SEND_PER_MINUTE": "0",
    "RATE_LIMITS_CREATE_AGENT_PER_HOUR": "0",
}


def filled(deployment: Deployment) -> tuple[World, str]:
    """An account with some of everything, in the daemon's own database; and a token of it.

    The token is one of OAuth: no list of the API shows it, so that no operation can take it away.
    """

    async def fill() -> tuple[World, str]:
        config = attrs.evolve(Config(), shared_domain=DOMAIN)
        keys = KeyRing((settings(deployment.dsn)["E2AD_SIGNING_SECRETS"],))
        async with open_pool(deployment.dsn, size=4) as pool:
            zone = Zone()
            services = Services.build(pool, config, keys, egress=guard(zone), resolver=zone)
            account_id = await pool.fetch_value("select account_id from api_keys limit 1")
            client = Client(build_app(services), services, deployment.api_key)
            world = await populate(client, account_id)
            credentials = await every_credential(client, account_id, AGENT)
            return world, credentials["oauth"]["authorization"].removeprefix("Bearer ")

    return trio.run(fill)


def configuration(world: World, token: str) -> str:
    """The settings of a run: besides what is made up, ids that exist."""
    lines = [
        f"seed = {SEED}",
        'hooks = "tests.live.schemathesis_hooks"',
        "continue-on-failure = true",
        "request-timeout = 20.0",
        "warnings = false",
        "[auth.openapi.bearer]",
        f'bearer = "{token}"',
        "[generation]",
        "deterministic = true",
        'database = "none"',
        f"max-examples = {EXAMPLES}",
        "no-shrink = true",
        # A NUL is refused in every text, which no schema says; other tests send it.
        "allow-x00 = false",
    ]
    dictionaries, operations = [], []
    for one in OPERATIONS:
        bound = []
        for name, value in REQUESTS[one.id](world).path.items():
            dictionaries += [f"[dictionaries.{one.id}_{name}]", f"values = [{json.dumps(value)}]"]
            bound.append(f'"path.{name}" = {{ dictionary = "{one.id}_{name}", probability = 0.8 }}')
        if bound:
            operations += ["[[operations]]", f'include-operation-id = "{one.id}"']
            operations += [f"parameters = {{ {', '.join(bound)} }}"]
    return "\n".join([*lines, *dictionaries, *operations, ""])


def exemplified(document: dict[str, Any], world: World) -> dict[str, Any]:
    """The document with requests that work as its examples: good ones are made by changing them."""
    for one in OPERATIONS:
        told, request = document["paths"][one.path][one.method.lower()], REQUESTS[one.id](world)
        given = dict(request.path) | dict(request.query or {})
        for parameter in told["parameters"]:
            if parameter["name"] in given:
                parameter["example"] = given[parameter["name"]]
        if request.body is not None:
            body = json.loads(json.dumps(request.body).replace(HOOK, OUR_HOOK))
            told["requestBody"]["content"]["application/json"]["example"] = body
    return document


@frozen
class Run:
    """Runs the command, with document and settings in files of its own."""

    folder: Path
    document: dict[str, Any]
    config: str
    url: str

    def __call__(self, phases: str, verb: str, operations: Sequence[str]) -> None:
        """Once, with some operations or without them; every fault that is found fails the test."""
        settings, document = self.folder / "schemathesis.toml", self.folder / "openapi.json"
        settings.write_text(self.config)
        document.write_text(json.dumps(self.document))
        command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(settings), "run"]
        command += [str(document), "--url", self.url, "--checks", "all", "--exclude-checks", CONTRADICTED]
        command += ["--phases", phases, *(part for name in operations for part in (f"--{verb}-operation-id", name))]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "ANSWERS": str(self.folder / "answers.txt")},
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]

    def answers(self) -> dict[str, set[int]]:
        """The statuses that each operation answered with, in all runs."""
        found: dict[str, set[int]] = {}
        for line in (self.folder / "answers.txt").read_text().splitlines():
            name, _, status = line.partition(" ")
            found.setdefault(name, set()).add(int(status))
        return found


def test_the_document_and_the_server_agree(deployment: Deployment, tmp_path: Path) -> None:
    world, token = filled(deployment)
    with deployment.serving(**SETTINGS) as running:
        status, document = running.api("GET", "/v1/openapi.json")
        assert status == 200
        run = Run(tmp_path, exemplified(document, world), configuration(world, token), running.api_url)
        # What ends things comes after what looks at them, and the end of the account last.
        run("examples,coverage,fuzzing", "exclude", [*ENDING, *LAST])
        run("examples,coverage,fuzzing", "include", ENDING)
        run("examples,coverage,fuzzing", "include", ["deleteAgent"])
        run("stateful", "exclude", ["deleteAccount"])
        run("examples,coverage", "include", ["deleteAccount"])
    found = run.answers()
    assert {name: max(statuses) for name, statuses in found.items() if max(statuses) >= 500} == {}
    # A run that never gets behind the look-ups would say nothing.
    assert {one.id for one in OPERATIONS} == {name for name, statuses in found.items() if min(statuses) < 300}
