"""`e2a doctor`: what does not work, why, and what to do about it."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import click
from attrs import define, field, frozen
from rich.text import Text

from e2ad.cli.completing import complete_agent
from e2ad.cli.configuring import hidden
from e2ad.cli.context import Context, command, plain
from e2ad.cli.endings import EX_DOCTOR_FAILURE, EX_DOCTOR_WARNING
from e2ad.cli.following import Enough, follow, run
from e2ad.cli.settings import home_file, profiles
from e2ad.sdk import E2AClient, E2AError

__all__ = ["doctor"]

ANSWER_SECONDS: Final = 10.0
SOCKET_SECONDS: Final = 10.0
CLOCK_WARNING_SECONDS: Final = 5.0
CLOCK_FAILURE_SECONDS: Final = 300.0
"""How far signatures may lie apart from the clock of whoever checks them (contract: signatures)."""

Status = Literal["ok", "warning", "failure", "skipped"]
_STYLES: Final[Mapping[Status, str]] = {"ok": "green", "warning": "yellow", "failure": "red", "skipped": "dim"}


@frozen
class Check:
    """One thing looked at: how it is, and what to do if it is not well."""

    name: str
    status: Status
    detail: str
    advice: str = ""


@click.command()
@click.option("--agent", metavar="AGENT", shell_complete=complete_agent, help="Look at this inbox.")
@click.option("--domain", metavar="DOMAIN", help="Look at this domain's records.")
@click.option("--mcp-url", metavar="URL", help="Where the MCP server is; else /mcp of the deployment.")
@command
def doctor(context: Context, agent: str | None, domain: str | None, mcp_url: str | None) -> None:
    """Look whether everything works: settings, deployment, clock, key, inbox, domain, sockets, MCP.

    Exit status: 0 all is well, 8 with a warning, 9 with a failure.

    \b
    e2a doctor --agent my-bot
    """
    found = []
    for check in _Patient(context, agent, domain, mcp_url).checks():
        found.append(check)
        if not context.as_json:
            _show(context, check)
    statuses = {check.status for check in found}
    worst = "failure" if "failure" in statuses else "warning" if "warning" in statuses else "ok"
    if context.as_json:
        context.emit({"status": worst, "checks": [_document(check) for check in found]})
    click.get_current_context().exit({"failure": EX_DOCTOR_FAILURE, "warning": EX_DOCTOR_WARNING}.get(worst, 0))


def _show(context: Context, check: Check) -> None:
    line = Text(f"{check.status:<8}", style=_STYLES[check.status])
    context.say(line.append(f" {check.name + ':':<14} {plain(check.detail)}", style="default"))
    if check.advice:
        context.say(f"{'':<24}{check.advice}")


def _document(check: Check) -> dict[str, str]:
    found = {"name": check.name, "status": check.status, "detail": check.detail, "advice": check.advice}
    return {name: value for name, value in found.items() if value}


@define
class _Patient:
    """What is looked at, and what was found out on the way."""

    context: Context
    agent_named: str | None
    domain_named: str | None
    mcp_url: str | None
    shared_domain: str = ""
    email: str = ""
    agent: Mapping[str, Any] = field(factory=dict)

    def checks(self) -> Iterator[Check]:
        """One after the other; those that need an earlier one are left out when that one fails."""
        yield self._settings()
        deployment = self._deployment()
        yield deployment
        if deployment.status == "failure":
            return
        yield self._clock()
        key = self._key()
        yield key
        if key.status != "failure":
            yield (inbox := self._inbox())
            if inbox.status not in ("failure", "skipped"):
                yield self._sockets()
            yield self._domain()
        yield self._mcp()

    def _settings(self) -> Check:
        found = self.context.settings
        for path in (profiles().path, home_file()):
            if path.exists() and path.stat().st_mode & 0o077:
                return Check("settings", "warning", f"{path} can be read by others", f"chmod 600 {path}")
        parts = urlsplit(found.url)
        if parts.scheme == "http" and not _is_here(parts.hostname or ""):
            return Check(
                "settings", "warning", f"{found.url} is not encrypted", "the key and all mail can be read on the way"
            )
        source = f"the key is from {found.source}" if found.source else "there is no key"
        return Check("settings", "ok", f"{found.url}; {source}")

    def _deployment(self) -> Check:
        url = self.context.settings.url
        began = time.monotonic()
        try:
            with E2AClient("e2a_", base_url=url, max_retries=0, timeout_ms=ANSWER_SECONDS * 1000) as nobody:
                info = nobody.plain.info()
        except E2AError as error:
            return Check(
                "deployment",
                "failure",
                str(error),
                "is it running? another address: e2a --url URL doctor, or e2a config set api_url URL",
            )
        self.shared_domain = str(info.get("shared_domain") or "")
        took = (time.monotonic() - began) * 1000
        return Check("deployment", "ok", f"version {info.get('version') or '?'}, answers in {took:.0f} ms")

    def _clock(self) -> Check:
        asked = datetime.now(UTC)
        status, headers = _ask(self.context.settings.url + "/")
        try:
            theirs = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return Check("clock", "skipped", "the deployment does not tell its time")
        middle = asked + (datetime.now(UTC) - asked) / 2
        apart = abs((theirs - middle).total_seconds())
        detail = f"{apart:.0f} s apart from the deployment's" if status else "the deployment does not tell its time"
        if apart > CLOCK_FAILURE_SECONDS:
            return Check("clock", "failure", detail, "signatures cannot be checked like this: set the clock (NTP)")
        if apart > CLOCK_WARNING_SECONDS:
            return Check("clock", "warning", detail, "set the clock (NTP), on this computer or there")
        return Check("clock", "ok", detail)

    def _key(self) -> Check:
        found = self.context.settings
        if not found.api_key:
            return Check("key", "failure", "there is none", "e2a login, or set E2A_API_KEY")
        try:
            account = self.context.plain.account.get()
        except E2AError as error:
            advice = "it was ended, or is of another deployment: e2a login" if error.status == 401 else ""
            return Check("key", "failure", f"{hidden(found.api_key)} from {found.source}: {error}", advice)
        scope = account.get("agent_email") or "the whole account"
        self.email = str(account.get("agent_email") or "")
        return Check("key", "ok", f"{hidden(found.api_key)} of {account['user']['email']}, for {scope}")

    def _inbox(self) -> Check:
        try:
            self.email = self.context.agent(self.agent_named) if not self.email or self.agent_named else self.email
            self.agent = self.context.plain.agents.get(self.email)
        except click.UsageError as error:
            return Check("inbox", "skipped", error.format_message(), "name one with --agent")
        except E2AError as error:
            return Check(
                "inbox", "failure", f"{self.email or self.agent_named}: {error}", "see which there are: e2a agents list"
            )
        if not self.agent["domain_verified"]:
            return Check(
                "inbox",
                "warning",
                f"{self.email}: its domain is not verified, no mail comes",
                f"e2a domains verify {self.agent['domain']}",
            )
        mode = self.agent.get("agent_mode") or ""
        where = f", posted to {self.agent['webhook_url']}" if self.agent.get("webhook_url") else ""
        return Check("inbox", "ok", f"{self.email} ({mode}{where})")

    def _sockets(self) -> Check:
        async def connect() -> None:
            await follow(self.context, self.email, _ignore, on_connected=_enough, quiet=True)

        try:
            ending = run(connect, SOCKET_SECONDS)
        except E2AError as error:
            return Check("sockets", "failure", str(error), "the deployment, or a proxy before it, refuses WebSockets")
        if ending == "stopped":
            raise KeyboardInterrupt
        if ending == "late":
            return Check(
                "sockets",
                "failure",
                f"no connection within {SOCKET_SECONDS:.0f} s",
                "a proxy before the deployment has to let WebSockets through; `e2a inbox` works without them",
            )
        return Check("sockets", "ok", f"mail for {self.email} comes at once")

    def _domain(self) -> Check:
        named = self.domain_named or str(self.agent.get("registered_domain") or self.agent.get("domain") or "")
        if not named or (named == self.shared_domain and not self.domain_named):
            return Check("domain", "skipped", "no domain of your own is used", "name one with --domain")
        try:
            domain = self.context.plain.domains.get(named)
        except E2AError as error:
            if error.status == 403 and not self.domain_named:
                return Check("domain", "skipped", f"{named}: this key may not look at it")
            return Check("domain", "failure", f"{named}: {error}", "see which there are: e2a domains list")
        lost = [one for one in domain["dns_records"] if one["status"] in ("missing", "failed")]
        said = ", ".join(f"{one['type']} {one['name']} {one['status']}" for one in lost[:5])
        advice = f"see what to publish: e2a domains show {named}"
        if not domain["verified"]:
            return Check("domain", "failure", f"{named} is not verified{': ' + said if said else ''}", advice)
        if domain.get("failing_since"):
            return Check("domain", "failure", f"{named}: the proof is gone since {domain['failing_since']}", advice)
        if domain["sending_status"] != "verified":
            return Check(
                "domain", "warning", f"{named}: sending {domain['sending_status']}{'; ' + said if said else ''}", advice
            )
        return Check("domain", "ok", f"{named} receives and sends")

    def _mcp(self) -> Check:
        url = self.mcp_url or self.context.settings.url + "/mcp"
        status, _ = _ask(url)
        # Without a key, or without a body, a server that is there says so (contract: MCP server).
        if status in (200, 400, 401, 405, 406):
            return Check("mcp", "ok", f"{url} answers")
        detail = f"{url} answers {status}" if status else f"{url} does not answer"
        if not self.mcp_url and status == 404:
            return Check("mcp", "skipped", "this deployment has no MCP server; `e2a mcp` runs one here")
        return Check("mcp", "failure" if self.mcp_url else "warning", detail, "`e2a mcp` runs one on this computer")


async def _ignore(_event: Mapping[str, Any]) -> None:
    """What comes is looked at by somebody else."""


def _enough() -> None:
    raise Enough


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """A redirect is an answer, too."""


def _ask(url: str) -> tuple[int, dict[str, str]]:
    """Status and fields of a GET without any credential; 0 for no answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {name.lower(): value for name, value in error.headers.items()}
    except (OSError, ValueError):
        return 0, {}
