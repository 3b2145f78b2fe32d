"""The pages behind a mailed link: small, without a script, readable on a telephone and by a screen reader.

Everything that an agent or a stranger wrote is escaped, and what could not be seen is made visible.
"""

import re
from collections.abc import Sequence
from html import escape
from typing import Final

from e2ad.core.html_text import html_to_text
from e2ad.core.legible import legible
from e2ad.core.outbound import Draft
from e2ad.core.review_links import Action
from e2ad.storage.reviews import Shown

__all__ = ["SECURITY", "confirmation", "message_page"]

SHOWN_CHARACTERS: Final = 200_000
SHOWN_FINDINGS: Final = 60
_COMMAND: Final = re.compile(r"`([^`]+)`")

SECURITY: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Headers of every page behind a mailed link: whoever has the link may act, so that nothing keeps or shows it."""

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1d2733; --soft: #55606c; --line: #d4dae0; --paper: #f6f8fa; --card: #fff;
  --yes: #146c43; --no: #a61e2d; --ring: #1f6feb; --note: #fff6dd; --edge: #c98a00; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6ebf0; --soft: #a3afbb; --line: #2c3742; --paper: #12181f;
  --card: #1a222b; --yes: #1b7d4f; --no: #c23345; --ring: #6cb0ff; --note: #2b2513; --edge: #d9a21b; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }}
main {{ max-width: 42rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }}
header {{ color: var(--soft); font-size: .875rem; margin: 0 0 .35rem; }}
h1 {{ font-size: 1.35rem; line-height: 1.3; margin: 0 0 1rem; }}
h2 {{ font-size: 1rem; margin: 1.5rem 0 .5rem; }}
section {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; }}
dl {{ margin: 0; }} dt {{ color: var(--soft); font-size: .875rem; }}
dd {{ margin: 0; overflow-wrap: anywhere; }} dd + dt {{ margin-top: .6rem; }}
.why {{ margin: 0 0 1rem; padding: .7rem 1rem; background: var(--note); border-left: 4px solid var(--edge);
  border-radius: 6px; overflow-wrap: anywhere; }}
.said {{ border-left: 4px solid var(--soft); }} .said h1 {{ margin: 0; }} .said dl {{ margin-top: 1rem; }}
.said.approve {{ border-left-color: var(--yes); }} .said.reject {{ border-left-color: var(--no); }}
pre {{ margin: 0; padding: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }}
ul {{ margin: 0; padding-left: 1.2rem; overflow-wrap: anywhere; }}
label {{ display: block; margin: 1.5rem 0 .35rem; }}
textarea {{ width: 100%; min-height: 5rem; padding: .6rem; font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; }}
button {{ width: 100%; margin-top: 1.25rem; padding: .85rem 1rem; font: inherit; font-weight: 600; color: #fff;
  border: 0; border-radius: 8px; cursor: pointer; }}
button.approve {{ background: var(--yes); }} button.reject {{ background: var(--no); }}
:focus-visible {{ outline: 3px solid var(--ring); outline-offset: 2px; }}
p {{ margin: .75rem 0; overflow-wrap: anywhere; }} .said > :last-child {{ margin-bottom: 0; }}
code {{ font: .9em ui-monospace, monospace; }} .soft {{ color: var(--soft); font-size: .9rem; }}
</style>
</head>
<body>
<main>
<header>e2a review</header>
{content}
</main>
</body>
</html>
"""


def message_page(
    heading: str, sentences: Sequence[str], *, done: Action | None = None, draft: Draft | None = None
) -> str:
    """A page that says something: what was decided, or why nothing was.

    Args:
        sentences: what stands `between backticks` is a command to type.
        done: what was decided just now.
        draft: about which mail, named by subject and recipients.
    """
    said = "\n".join("<p>" + _COMMAND.sub(r"<code>\1</code>", escape(sentence)) + "</p>" for sentence in sentences)
    which = "" if draft is None else _listed([("Subject", [_subject(draft)]), *_recipients(draft)])
    content = f'<section class="said {done or ""}"><h1>{escape(heading)}</h1>\n{said}\n{which}</section>'
    return _PAGE.format(title=escape(heading), content=content)


def confirmation(shown: Shown, draft: Draft, action: Action, token: str, *, path: str) -> str:
    """The held mail whole, and the button that decides. Opening it decides nothing.

    Args:
        path: where the form goes.
    """
    heading = "Approve this mail?" if action == "approve" else "Reject this mail?"
    parts = [f"<h1>{heading}</h1>", _why(shown), _envelope(shown, draft), _bodies(draft), _findings(shown)]
    form = [f'<form method="post" action="{escape(path)}">', f'<input type="hidden" name="t" value="{escape(token)}">']
    if action == "reject":
        form.append('<label for="reason">Reason, for your agent (optional)</label>')
        form.append('<textarea id="reason" name="reason" maxlength="2000"></textarea>')
    does = "Approve and send" if action == "approve" else "Reject for good"
    form.append(f'<button class="{action}" type="submit">{does}</button></form>')
    form.append('<p class="soft">Nothing has happened yet. This link works once.</p>')
    return _PAGE.format(title=heading, content="\n".join([*filter(None, parts), *form]))


def _why(shown: Shown) -> str:
    if shown.reason is None:
        return ""
    return f'<p class="why"><strong>Held for you:</strong> {_safe(shown.reason["summary"])}</p>'


def _recipients(draft: Draft) -> list[tuple[str, list[str]]]:
    return [(name, list(who)) for name, who in (("To", draft.to), ("Cc", draft.cc), ("Bcc", draft.bcc)) if who]


def _subject(draft: Draft) -> str:
    return draft.subject or "(no subject)"


def _listed(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    return (
        "<dl>"
        + "".join(f"<dt>{name}</dt>" + "".join(f"<dd>{_safe(value)}</dd>" for value in values) for name, values in rows)
        + "</dl>"
    )


def _envelope(shown: Shown, draft: Draft) -> str:
    rows = [("Agent", [draft.agent_email]), *_recipients(draft)]
    if draft.reply_to:
        rows.append(("Answers go to", list(draft.reply_to)))
    rows.append(("Subject", [_subject(draft)]))
    if draft.attachments:
        files = [f"{one.filename} ({one.content_type}, {len(one.data):,} bytes)" for one in draft.attachments]
        rows.append(("Files", files))
    if draft.send_at is not None:
        rows.append(("Leaves at", [f"{draft.send_at:%Y-%m-%d %H:%M} UTC"]))
    if shown.review_expires_at is not None:
        rows.append(("Decide by", [f"{shown.review_expires_at:%Y-%m-%d %H:%M} UTC"]))
    return f'<section aria-label="The mail">{_listed(rows)}</section>'


def _bodies(draft: Draft) -> str:
    parts = [f"<h2>Text</h2>\n<pre>{_lines(draft.text)}</pre>"]
    if draft.html is not None:
        parts.append(
            "<h2>HTML part, as text</h2>\n"
            '<p class="soft">Recipients may see this part instead of the text above.</p>\n'
            f"<pre>{_lines(html_to_text(draft.html).text)}</pre>"
        )
    return "\n".join(parts)


def _findings(shown: Shown) -> str:
    said = shown.reason["summary"] if shown.reason is not None else None  # stands above already
    summaries = [one["summary"] for one in (shown.findings or [])[:SHOWN_FINDINGS] if one["summary"] != said]
    if not summaries:
        return ""
    items = "".join(f"<li>{_safe(summary)}</li>" for summary in summaries)
    return f"<h2>What was noticed</h2>\n<ul>{items}</ul>"


def _safe(text: str) -> str:
    return f"<bdi>{escape(legible(text))}</bdi>"


def _lines(text: str) -> str:
    shown = "\n".join(escape(legible(line)) for line in text[:SHOWN_CHARACTERS].splitlines())
    if len(text) > SHOWN_CHARACTERS:
        shown += f"\n\n[{len(text) - SHOWN_CHARACTERS:,} more characters are not shown here]"
    return shown
