"""From an empty account to the first mail: an agent by its slug, a snippet to copy, and the mail as it arrives."""

from collections.abc import Mapping
from typing import Final

from e2ad.core.errors import Failure, answer
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.page import See, View, page, show
from e2ad.dashboard.pages.inbox import message_path
from e2ad.dashboard.words import hint, sentence

__all__ = ["PAGES", "snippets"]

MOST: Final = 5


@page("GET", "/start")
async def start(desk: Desk) -> View:
    """The form that makes an agent."""
    return _form(desk, "", None)


@page("POST", "/start")
async def create(desk: Desk) -> View | See:
    """Make an agent, by a slug on the shared domain or by a whole address."""
    name = desk.form.line("name").lower()
    body = {"email" if "@" in name else "slug": name}
    try:
        agent = await desk.call("createAgent", body=body)
    except Failure as failure:
        return _form(desk, name, failure)
    return See(f"/start/{agent['email']}", "created")


@page("GET", "/start/<email>")
async def watch(desk: Desk) -> View:
    """How a program reads this inbox, and what has come into it."""
    agent = await desk.call("getAgent", path={"email": desk.email})
    query = {"read_status": "all", "limit": str(MOST)}
    found = await desk.call("listMessages", path={"email": agent["email"]}, query=query)
    return show(
        "watch.html",
        agent=agent,
        messages=found["items"],
        message_path=message_path,
        snippets=snippets(desk.services.public_url, agent["email"]),
        smtp=desk.services.smtp_address,
        mail_host=desk.services.config.smtp.domain,
    )


@page("POST", "/start/<email>/test")
async def test(desk: Desk) -> See:
    """Let the platform write to the agent."""
    agent = await desk.call("getAgent", path={"email": desk.email})
    await desk.call("testAgent", path={"email": agent["email"]})
    return See(f"/start/{agent['email']}", "tested")


def snippets(url: str, email: str) -> Mapping[str, str]:
    """How to read an inbox, in each of the ways; the key is named, never written."""
    url = url.rstrip("/")
    return {
        "curl": f"""\
curl -s -H "Authorization: Bearer YOUR_API_KEY" \\
  "{url}/v1/agents/{email}/messages?read_status=all"
""",
        "Python": f"""\
from e2ad.sdk import E2AClient

with E2AClient("YOUR_API_KEY", base_url="{url}") as client:
    for mail in client.messages.list("{email}", read_status="all").to_list(limit=5):
        print(mail.header_from, mail.verified_domain or "not verified", mail.subject)
""",
        "TypeScript": f"""\
import {{ E2AClient }} from "@e2ad/sdk";

const client = new E2AClient({{ apiKey: "YOUR_API_KEY", baseUrl: "{url}" }});
const mails = client.messages.list("{email}", {{ readStatus: "all" }});
for (const mail of await mails.toArray({{ limit: 5 }})) {{
  console.log(mail.header_from, mail.verified_domain ?? "not verified", mail.subject);
}}
""",
        "MCP": f"""\
claude mcp add --transport http mail {url}/mcp \\
  --header "Authorization: Bearer YOUR_API_KEY"
""",
        "Terminal": f"""\
e2a listen --agent {email}
""",
    }


def _form(desk: Desk, name: str, failure: Failure | None) -> View:
    return show(
        "start.html",
        status=answer(failure).status if failure else 200,
        shared_domain=desk.services.shared_domain,
        name=name,
        trouble=sentence(failure) if failure else "",
        todo=hint(failure) if failure else "",
    )


PAGES = (start, create, watch, test)
