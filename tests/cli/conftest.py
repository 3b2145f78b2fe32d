"""`e2a` against a far side that answers as a test says."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from attrs import define, field
from click.testing import CliRunner, Result

from e2ad.cli.client import main
from tests.cli.serving import Account, Daemon, serving
from tests.conftest import Postgres


@define
class Asked:
    """One request that came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    key: str | None


@define
class FarApi:
    """A scripted API: answers by method and path; a list of answers is used up, its last one stays."""

    answers: dict[tuple[str, str], Any] = field(factory=dict)
    asked: list[Asked] = field(factory=list)
    raw: dict[str, bytes] = field(factory=dict)
    url: str = ""

    def on(self, method: str, path: str, *answers: Any) -> None:
        """Each answer is a document, or a pair of status and document."""
        self.answers[method, path] = list(answers)

    def last(self, method: str) -> Asked:
        """The last request by this method."""
        return [one for one in self.asked if one.method == method][-1]

    def answer(self, method: str, path: str) -> tuple[int, Any]:
        answers = self.answers.get((method, path))
        if answers is None:
            return 404, {"error": {"code": "not_found", "message": f"{method} {path}", "request_id": "req_1"}}
        one = answers.pop(0) if len(answers) > 1 else answers[0]
        return one if isinstance(one, tuple) else (200, one)

    def e2a(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002
        agent: str = "bot@agents.test",
        **environ: str,
    ) -> Result:
        """Run a command."""
        return CliRunner().invoke(
            main,
            ["--url", self.url, "--api-key", "key", *arguments],
            input=input,
            env={"E2A_AGENT_EMAIL": agent, "HOME": "/nonexistent", "E2A_API_KEY": "", "E2A_URL": ""} | environ,
        )


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FarApi]:
    """A running scripted API; the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    api = FarApi()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            octets = self.rfile.read(int(self.headers["Content-Length"] or 0))
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            path = unquote(parts.path)
            body = json.loads(octets) if octets else None
            api.asked.append(Asked(self.command, path, query, body, self.headers["Idempotency-Key"]))
            status, document = api.answer(self.command, path)
            if status == 0:
                return  # hangs up without a word
            text = json.dumps(document).encode()
            if path in api.raw:
                status, text = 200, api.raw[path]
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield api
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def page() -> Callable[..., Any]:
    """A page of a list."""

    def make(*items: Any) -> Any:
        return {"items": list(items), "next_cursor": None}

    return make


@pytest.fixture(scope="session")
def daemon(postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running daemon for all tests, each with an account of its own."""
    with serving(postgres, template, tmp_path_factory.mktemp("daemon")) as running:
        yield running


@pytest.fixture
def account(daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Account:
    """An account with nothing in it; the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    return daemon.account()


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is there to be asked; what they type is a command's input."""
    assert list(main.commands.values())  # all are imported: none shall keep for good what is put in its place here
    for name in ("context", "reviews", "suppressions"):
        monkeypatch.setattr(f"e2ad.cli.{name}.at_a_terminal", lambda: True)
