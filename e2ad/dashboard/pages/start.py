"""From an empty account to the first mail: an agent by its slug, a snippet to copy, and the mail as it arrives."""

import json
import shlex
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote

from e2ad.core.errors import (
    AddressInTrash,
    AgentTaken,
    DomainNotRegistered,
    DomainNotVerified,
    Failure,
    InvalidSlug,
    NotFound,
    Unavailable,
    answer,
)
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.words import hint, sentence
from e2ad.gateway.mint import new_secret

__all__ = ["PAGES", "mail_by_curl", "snippets"]

MOST: Final = 5
KEY: Final = "YOUR_API_KEY"
_SAY_IT: Final = (InvalidSlug, AddressInTrash)
"""What says by itself what to do."""


@page("GET", "/start")
async def start(desk: Desk) -> View:
    """The form that makes an agent."""
    return _form(desk, "", None)


@page("POST", "/start")
async def create(desk: Desk) -> View | See:
    """Make an agent, by a slug on the shared domain or by a whole address."""
    name = desk.form.line("name").lower()
    shared = desk.services.shared_domain
    email = name if "@" in name else f"{name}@{shared}"
    try:
        agent = await desk.call("createAgent", body={"email" if "@" in name or not shared else "slug": name})
    except AgentTaken as failure:
        # The form was sent twice, or the agent was made before: it is there.
        return See(_path(email), "agent_mine") if await _own(desk, email) else _form(desk, name, failure)
    except Unavailable:
        raise
    except Failure as failure:
        return _form(desk, name, failure)
    return See(_path(agent["email"]), "created")


@page("GET", "/start/<email>")
async def watch(desk: Desk) -> View:
    """How a program reads this inbox, and what has come into it."""
    return await _watched(desk)


@page("POST", "/start/<email>/key")
async def make_key(desk: Desk) -> View:
    """Make a key for this inbox alone and show it, in the snippets too, this once. Sent twice, it is made once."""
    body = {"name": f"for {desk.email}"[:200], "scope": "agent", "agent_email": desk.email}
    await desk.call("getAgent", path={"email": desk.email})
    made = await desk.call("createApiKey", body=body, key=desk.form.text("once"))
    return await _watched(desk, made["key"])


@page("GET", "/start/<email>/key")
async def no_key(desk: Desk) -> See:
    """Of a page that is opened again later: a key is shown once."""
    agent = await desk.call("getAgent", path={"email": desk.email})
    return See(_path(agent["email"]))


@page("POST", "/start/<email>/test")
async def test(desk: Desk) -> See:
    """Let the platform write to the agent."""
    agent = await desk.call("getAgent", path={"email": desk.email})
    await desk.call("testAgent", path={"email": agent["email"]})
    return See(_path(agent["email"]), "tested")


def snippets(url: str, email: str, key: str = KEY, *, mcp: bool = True) -> Mapping[str, str]:
    """How to read an inbox, in each of the ways, to be pasted as they stand once `key` is one.

    An address is quoted for what it is pasted into: a local-part may hold what a shell would carry out.
    """
    url, address = url.rstrip("/"), json.dumps(email)
    tools = {"MCP": _mcp(f"{url}/mcp", key)} if mcp else {}
    return {
        "curl": f"""\
curl -s "{url}/v1/agents/{quote(email, safe="@")}/messages?read_status=all" \\
  -H "Authorization: Bearer {key}"
""",
        "Python": f"""\
from e2ad.sdk import E2AClient

with E2AClient("{key}", base_url="{url}") as client:
    for mail in client.messages.list({address}, read_status="all").to_list(limit=5):
        print(mail.header_from, mail.verified_domain or "not verified", mail.subject)
""",
        "TypeScript": f"""\
import {{ E2AClient }} from "@e2ad/sdk";

const client = new E2AClient({{ apiKey: "{key}", baseUrl: "{url}" }});
const mails = client.messages.list({address}, {{ readStatus: "all" }});
for (const mail of await mails.toArray({{ limit: 5 }})) {{
  console.log(mail.header_from, mail.verified_domain ?? "not verified", mail.subject);
}}
""",
        **tools,
        "Terminal": f"""\
export E2A_API_KEY={key} E2A_URL={url}
e2a listen --agent {shlex.quote(email)}
""",
    }


def _mcp(url: str, key: str) -> str:
    return f"""\
claude mcp add --transport http mail {url} \\
  --header "Authorization: Bearer {key}"
"""


def mail_by_curl(smtp: tuple[str, int] | None, mail_host: str, email: str) -> str:
    """A first mail from a terminal, for whoever has no mail program that reaches this server; "" without a door."""
    if smtp is None:
        return ""
    address, port = ip_address(smtp[0]), smtp[1]
    if address.is_loopback or not mail_host or mail_host == "localhost":
        where = "[::1]" if address.version == 6 else "127.0.0.1"
    else:
        where = mail_host
    return f"""\
printf 'From: me@example.test\\nSubject: Hello\\n\\nIt works.\\n' |
  curl -s --crlf -T - smtp://{where}:{port} --mail-from me@example.test --mail-rcpt {shlex.quote(email)}
"""


async def _watched(desk: Desk, key: str = "") -> View:
    agent = await desk.call("getAgent", path={"email": desk.email})
    query = {"read_status": "all", "limit": str(MOST)}
    found = await desk.call("listMessages", path={"email": agent["email"]}, query=query)
    services = desk.services
    return show(
        "watch.html",
        agent=agent,
        path=_path(agent["email"]),
        messages=found["items"],
        message_path=message_path,
        key=key,
        once_key=new_secret(),
        snippets=snippets(services.public_url, agent["email"], key or KEY, mcp=services.config.features.mcp),
        by_curl=mail_by_curl(services.smtp_address, services.config.smtp.domain, agent["email"]),
    )


async def _own(desk: Desk, email: str) -> bool:
    try:
        await desk.call("getAgent", path={"email": email})
    except NotFound:
        return False
    return True


def _path(email: str) -> str:
    return f"/start/{quote(email, safe='@')}"


def _onward(failure: Failure | None) -> tuple[str, str]:
    """Where what is in the way can be put right: a path, and its words."""
    match failure:
        case AddressInTrash():
            return "/agents?deleted=1", "Deleted agents"
        case DomainNotVerified() | DomainNotRegistered():
            return "/domains", "Domains"
        case _:
            return "", ""


def _form(desk: Desk, name: str, failure: Failure | None) -> View:
    context: dict[str, Any] = {
        "shared_domain": desk.services.shared_domain,
        "name": name,
        "trouble": sentence(failure) if failure else "",
        "todo": hint(failure) if failure and not isinstance(failure, _SAY_IT) else "",
        "onward": _onward(failure),
    }
    return show("start.html", status=answer(failure).status if failure else 200, **context)


PAGES = (start, create, watch, make_key, no_key, test)
