"""The TypeScript client: has the types of the API, does what it says against a running server, and installs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from e2ad.dev import letters
from tests.delivery.endpoint import CertificateAuthority
from tests.generate.typescript_schema import SCHEMA, generated
from tests.live.conftest import Deployment, Running, wait_until
from tests.live.node import Built, Node, build, find_node, install_modules
from tests.live.serving import free_port
from tests.live.test_published_clients import account

pytestmark = pytest.mark.live
VECTORS = Path(__file__).parents[1] / "sdk" / "webhook_vectors.json"
MAIL = "From: Ada <ada@example.test>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}.{to}>\r\n\r\nHello\r\n"


@pytest.fixture(scope="session")
def node() -> Node:
    return find_node()


@pytest.fixture(scope="session")
def modules(node: Node) -> Path:
    return install_modules(node)


@pytest.fixture(scope="session")
def built(node: Node, modules: Path) -> Built:
    return build(node, modules)


@pytest.fixture(scope="session")
def told(dev: Running) -> Mapping[str, Any]:
    """The deployment, and the secret that proves its mail."""
    _, listed = dev.api("GET", "/api/v1/users/me/signing-secrets")
    return {**dev.told, "signing_secret": listed["secrets"][0]["secret"]}


def asking(told: Mapping[str, Any]) -> dict[str, str]:
    return {
        "E2AD_TOLD": json.dumps(dict(told)),
        "E2A_API_URL": str(told["api_url"]),
        "E2A_API_KEY": str(told["api_key"]),
    }


def test_its_types_are_those_of_the_document(node: Node, modules: Path) -> None:
    assert generated(modules, node.node) == SCHEMA.read_text(), "run python -m tests.generate.typescript_schema"


def test_what_needs_no_server(built: Built, ca: CertificateAuthority) -> None:
    """Calls, pages, proofs, mail, frames and sockets, with peers that behave badly."""
    folder = ca.ca_file.parent
    tls = {"cert": (folder / "server.pem").read_text(), "key": (folder / "server.key").read_text()}
    built.tests(
        *sorted((built.package / ".test" / "test").glob("*.test.js")),
        E2AD_WEBHOOK_VECTORS=str(VECTORS),
        E2AD_TLS=json.dumps(tls),
        NODE_EXTRA_CA_CERTS=str(ca.ca_file),
    )


def test_every_resource(built: Built, told: Mapping[str, Any]) -> None:
    built.tests(built.package / ".test" / "test" / "live" / "resources.test.js", **asking(told))


def test_the_end_of_an_account(built: Built, dev: Running) -> None:
    own = account(dev, "typescript-farewell")
    built.tests(built.package / ".test" / "test" / "live" / "farewell.test.js", **asking(own))


def test_it_listens_through_a_restart(built: Built, deployment: Deployment) -> None:
    """What came meanwhile comes then, and nothing twice."""
    port = str(free_port())
    script = built.package / ".test" / "test" / "live" / "listener.js"
    with ExitStack() as stack:
        with deployment.serving(HTTP_PORT=port) as first:
            to = first.agent("listener")
            first.send(to, MAIL.format(to=to, subject="one"))
            listener = stack.enter_context(built.node.running(script, to, **asking(first.told)))
            assert _said(listener, until="one") == ["connecting", "connected", "one"]
        # Mail goes on coming in while nobody can push it.
        with deployment.serving("--roles", "smtp") as mail_alone:
            mail_alone.send(to, MAIL.format(to=to, subject="two"))
        with deployment.serving(HTTP_PORT=port) as second:
            found = _said(listener, until="two")
            second.send(to, MAIL.format(to=to, subject="three"))
            found += _said(listener, until="three")
        subjects = [one for one in found if one not in ("waiting", "connecting", "connected")]
        assert subjects == ["two", "three"], found
        assert "waiting" in found


def _said(listener: "subprocess.Popen[str]", until: str) -> list[str]:
    """Its states and the subjects of its events, up to one."""
    assert listener.stdout is not None
    found: list[str] = []
    while until not in found:
        line = listener.stdout.readline()
        assert line, f"the listener ended after {found}"
        one = json.loads(line)
        found.append(str(one.get("subject") or one.get("state")))
    return found


def test_it_installs_into_an_empty_project(built: Built, told: Mapping[str, Any]) -> None:
    needed = {"package.json", "README.md", "dist/index.js", "dist/index.d.ts", "dist/index.js.map", "src/index.ts"}
    assert needed <= built.packed
    assert not [name for name in built.packed if name.startswith(("test/", ".test/", "node_modules/"))]
    assert [one.name for one in (built.project / "node_modules").iterdir() if one.name[0] != "."] == ["@e2ad"]
    types = _declarations(built.project / "node_modules" / "@e2ad" / "sdk" / "dist")
    assert "./frames.js" in types
    assert not [name for name in types if not name.startswith(".")], "its types need no others"
    programs = (built.project / "node_modules" / "@e2ad" / "sdk" / "dist").rglob("*.js")
    followed = [one.name for one in programs if re.search(r"""(?:from|import\()\s*["']node:""", one.read_text())]
    assert not followed, "a bundler for browsers stops at Node's own modules"
    script = "import { E2AClient } from '@e2ad/sdk'; console.log((await new E2AClient().info()).shared_domain);"
    command = (built.node.node, "--input-type=module", "--eval", script)
    said = built.node.run(*command, cwd=built.project, **asking(told))
    assert said.strip() == told["shared_domain"]


def _declarations(dist: Path) -> set[str]:
    """What the types that a program sees import, directly or not."""
    seen, left = set[str](), ["./index.js"]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if name.startswith("."):
            here = Path(name)
            text = (dist / here.with_suffix(".d.ts")).read_text()
            found = re.findall(r"""(?:from|import\()\s*["']([\w./@:-]+)["']""", text)
            left += [f"./{os.path.normpath(here.parent / one)}" if one.startswith(".") else one for one in found]
    return seen


def test_the_readme_sends_and_searches(built: Built, told: Mapping[str, Any]) -> None:
    program = built.program(0)
    said = built.node.run(built.node.node, str(program), cwd=program.parent, **asking(told)).splitlines()
    assert said[0].endswith(" accepted"), said


def test_the_readme_listens(built: Built, dev: Running, told: Mapping[str, Any]) -> None:
    """It answers whom it can believe, and nobody else."""
    to = dev.agent("readme-listens")
    program = built.program(1).with_name(f"listening{os.getpid()}.js")
    program.write_text(built.program(1).read_text().replace("support@agents.localhost", to))
    trio.run(letters.send, dev.folder, "forged", to)
    sent = trio.run(letters.send, dev.folder, "aligned", to)
    mail = f"/v1/agents/{to}/messages"
    with built.node.running(program, **asking(told)) as listener:
        (answer,) = wait_until(lambda: dev.api("GET", f"{mail}?direction=outbound&read_status=all")[1]["items"])
        assert sent.subject in answer["subject"]
        wait_until(lambda: not dev.api("GET", f"{mail}?direction=inbound&read_status=unread")[1]["items"])
        assert listener.poll() is None
    program.unlink()


def test_the_readme_receives(built: Built, dev: Running, told: Mapping[str, Any]) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hook"
    secret = {"E2A_WEBHOOK_SECRET": str(told["signing_secret"])}
    with built.node.running(built.program(2), PORT=str(port), **secret) as receiver:
        to = dev.agent("readme-receives", agent_mode="cloud", webhook_url=url)
        wait_until(lambda: _answers(url) == 400)
        dev.send(to, MAIL.format(to=to, subject="hooked"))
        assert receiver.stdout is not None
        assert receiver.stdout.readline().split() == ["ada@example.test", "false", "hooked"]
    with built.node.running(built.program(2), PORT=str(port)):
        wait_until(lambda: _answers(url) == 400)


def _answers(url: str) -> int:
    """To a payload that anybody may have written."""
    command = [sys.executable, "-c", _POST, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return int(done.stdout or 0)


_POST = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=b'{"from": "eve@example.test"}'), timeout=5)
    print(204)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError:
    print(0)
"""


def test_two_keys_are_two_clients(built: Built, dev: Running, told: Mapping[str, Any]) -> None:
    """A program of one account sees nothing of another."""
    other = account(dev, "typescript-other")
    dev.agent("readme-own")
    script = (
        "import { E2AClient } from './.test/src/index.js';"
        "console.log(JSON.stringify(await new E2AClient().agents.list().toArray()));"
    )
    command = (built.node.node, "--input-type=module", "--eval", script)
    mine, theirs = (json.loads(built.node.run(*command, cwd=built.package, **asking(one))) for one in (told, other))
    assert "readme-own" in json.dumps(mine)
    assert theirs == []
