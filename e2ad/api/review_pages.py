"""The pages behind a mailed link: small, without a script, readable on a telephone and by a screen reader.

Everything that an agent or a stranger wrote is escaped, and what could not be seen is made visible.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from typing import Final

from attrs import frozen

from e2ad.api.review_words import CLASSES, why
from e2ad.core.html_text import html_to_text
from e2ad.core.legible import legible
from e2ad.core.outbound import Draft
from e2ad.core.review_links import Action
from e2ad.gateway.whence import Whence
from e2ad.storage.reviews import Shown

__all__ = ["SECURITY", "Facts", "confirmation", "message_page", "security"]

SHOWN_CHARACTERS: Final = 200_000
SHOWN_FINDINGS: Final = 60
_COMMAND: Final = re.compile(r"`([^`]+)`")

_STYLE: Final = """\
:root { color-scheme: light dark; --ink: #1b2430; --soft: #566270; --line: #dbe1e7; --paper: #f5f7f9; --card: #fff;
  --accent: #0b6e4f; --good: #0b6e4f; --good-paper: #e5f4ed; --warn: #7a4d00; --warn-paper: #fff3d6; --bad: #a61e2d;
  --bad-paper: #fde8e9; --no: #a61e2d; --ring: #1f6feb; --edge: #7f8b97; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eaf0; --soft: #a2aeba; --line: #2b3641; --paper: #10161c;
  --card: #171f27; --accent: #12754f; --good: #5fd0a0; --good-paper: #123026; --warn: #edc05a; --warn-paper: #30270f;
  --bad: #ff97a0; --bad-paper: #3a191d; --no: #b5303f; --ring: #6cb0ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header { display: flex; align-items: center; gap: .45rem; padding: .75rem 1.25rem; background: var(--card);
  border-bottom: 1px solid var(--line); font-weight: 700; font-size: 1.1rem; }
header i { width: .7rem; height: .7rem; border-radius: 50%; background: var(--accent); }
header span { color: var(--soft); font-weight: 400; font-size: .9rem; margin-left: .3rem; }
main { max-width: 46rem; margin: 0 auto; padding: 1.25rem; }
h1 { font-size: 1.4rem; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; margin: 0 0 .8rem;
  overflow-wrap: anywhere; }
h2 { font-size: 1rem; font-weight: 650; margin: 0 0 .6rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.15rem;
  margin: 0 0 1rem; min-width: 0; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem .9rem; margin: 0; }
dt { color: var(--soft); grid-column: 1; } dd { margin: 0; grid-column: 2; overflow-wrap: anywhere; }
.why { border-left: 4px solid var(--accent); } .why p { margin: 0; overflow-wrap: anywhere; }
.why p + p { margin-top: .35rem; }
.said { border-left: 4px solid var(--soft); } .said h1 { margin: 0 0 .5rem; } .said dl { margin-top: 1rem; }
.said.approve { border-left-color: var(--good); } .said.reject { border-left-color: var(--bad); }
.whom { list-style: none; margin: 0 0 1rem; padding: 0; }
.whom li { padding: .45rem 0; border-top: 1px solid var(--line);
  overflow-wrap: anywhere; } .whom li:first-child { border-top: 0; padding-top: 0; }
.whom small { display: block; color: var(--soft); font-size: .85rem; } .whom .field { color: var(--soft); }
.tag { display: inline-block; padding: .05rem .5rem; border-radius: 99px; font-size: .78rem; white-space: nowrap; }
.tag.good { background: var(--good-paper); color: var(--good); }
.tag.warn { background: var(--warn-paper); color: var(--warn); }
.tag.bad { background: var(--bad-paper); color: var(--bad); }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; line-height: 1.6; }
pre + h2 { margin-top: 1.25rem; }
ul { margin: 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
label { display: block; margin: 0 0 .35rem; font-weight: 600; } label .soft { font-weight: 400; }
textarea { width: 100%; min-height: 4.5rem; padding: .42rem .75rem; font: inherit; color: inherit;
  background: var(--card); border: 1px solid var(--edge); border-radius: 8px; resize: vertical; margin-bottom: .9rem; }
button { min-height: 2.8rem; min-width: 12rem; padding: .5rem 1.25rem; font: inherit; font-weight: 600; color: #fff;
  border: 0; border-radius: 8px; cursor: pointer; }
button.approve { background: var(--accent); } button.reject { background: var(--no); }
button:hover { filter: brightness(1.08); }
a { color: var(--good); } a:focus-visible { border-radius: 4px; }
:focus-visible { outline: 3px solid var(--ring); outline-offset: 2px; }
p { margin: .5rem 0; overflow-wrap: anywhere; } section > :last-child { margin-bottom: 0; }
code { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.soft { color: var(--soft); } .small { font-size: .85rem; }
@media (max-width: 30rem) { main { padding: .9rem; } button { width: 100%; } dl { display: block; }
  dd + dt { margin-top: .5rem; } }
"""


def security(style: str) -> dict[str, str]:
    """Headers of a page behind a mailed link: whoever has the link may act, so that nothing keeps or shows it.

    Args:
        style: what stands in the page's style element; no other style is followed, and no script.
    """
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
    }


SECURITY: Final = security(_STYLE)

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="color-scheme" content="light dark">
<title>{title} · e2a</title>
<style>{style}</style>
</head>
<body>
<header><i aria-hidden="true"></i>e2a<span>review</span></header>
<main>
{content}
</main>
</body>
</html>
"""


@frozen
class Facts:
    """What stands beside the mail.

    Attributes:
        whom: the recipients, each with whence it is known.
        left: how much time is left, and `ending`, what happens then.
    """

    whom: Sequence[Whence]
    left: str
    ending: str


def message_page(
    heading: str,
    sentences: Sequence[str],
    *,
    done: Action | None = None,
    draft: Draft | None = None,
    onward: str = "",
) -> str:
    """A page that says something: what was decided, or why nothing was.

    Args:
        sentences: what stands `between backticks` is a command to type.
        done: what was decided just now.
        draft: about which mail, named by subject and recipients.
        onward: where the dashboard shows it, for who is signed in there.
    """
    said = "\n".join("<p>" + _COMMAND.sub(r"<code>\1</code>", escape(sentence)) + "</p>" for sentence in sentences)
    which = "" if draft is None else _listed([("Subject", [_subject(draft)]), *_recipients(draft)])
    link = f'<p><a href="{escape(onward)}">Open it in the dashboard</a></p>' if onward else ""
    content = f'<section class="said {done or ""}"><h1>{escape(heading)}</h1>\n{said}\n{link}{which}</section>'
    return _whole(heading, content)


def confirmation(shown: Shown, draft: Draft, action: Action, token: str, *, path: str, facts: Facts) -> str:
    """The held mail whole, and the button that decides. Opening it decides nothing.

    Args:
        path: where the form goes.
    """
    heading = "Approve this mail?" if action == "approve" else "Reject this mail?"
    parts = [
        f"<h1>{heading}</h1>",
        _why(shown, facts),
        _envelope(shown, draft, facts),
        _bodies(draft),
        _findings(shown),
    ]
    form = [
        f'<section><form method="post" action="{escape(path)}">',
        f'<input type="hidden" name="t" value="{escape(token)}">',
    ]
    if action == "reject":
        form.append('<label for="reason">Reason <span class="soft">for your agent (optional)</span></label>')
        form.append('<textarea id="reason" name="reason" maxlength="2000"></textarea>')
    does = "Approve and send" if action == "approve" else "Reject for good"
    form.append(f'<button class="{action}" type="submit">{does}</button></form>')
    form.append('<p class="soft small">Nothing has happened yet. This link works once.</p></section>')
    return _whole(heading, "\n".join([*filter(None, parts), *form]))


def _whole(title: str, content: str) -> str:
    return _PAGE.format(title=escape(title), style=_STYLE, content=content)


def _why(shown: Shown, facts: Facts) -> str:
    said, more = why(shown.reason)
    detail = f' <span class="soft">{_safe(more)}</span>' if more else ""
    until = "" if shown.review_expires_at is None else f" ({shown.review_expires_at:%Y-%m-%d %H:%M} UTC)"
    time = f'<p><strong>{facts.left}</strong>, {facts.ending}<span class="soft">{until}</span></p>'
    return f'<section class="why"><p><strong>Held for you:</strong> {_safe(said)}{detail}</p>{time}</section>'


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


def _whom(facts: Facts) -> str:
    items = []
    for one in facts.whom:
        level, word, words = CLASSES[one.provenance]
        looks = f" It looks like {_safe(one.resembles)} and is not." if one.resembles else ""
        excerpt = f" “{_safe(one.excerpt)}”" if one.excerpt else ""
        items.append(
            f'<li><span class="field">{one.field}</span> {_safe(one.address)} <span class="tag {level}">{word}</span>'
            f"<small>{words}{looks}{excerpt}</small></li>"
        )
    return f'<ul class="whom" aria-label="Recipients, and whence they are known">{"".join(items)}</ul>'


def _envelope(shown: Shown, draft: Draft, facts: Facts) -> str:
    rows = [("Subject", [_subject(draft)]), ("Agent", [draft.agent_email])]
    if draft.reply_to:
        rows.append(("Answers go to", list(draft.reply_to)))
    if draft.attachments:
        files = [f"{one.filename} ({one.content_type}, {len(one.data):,} bytes)" for one in draft.attachments]
        rows.append(("Files", files))
    if draft.send_at is not None:
        rows.append(("Leaves at", [f"{draft.send_at:%Y-%m-%d %H:%M} UTC"]))
    return f'<section aria-label="The mail"><h2>Whom it goes to</h2>{_whom(facts)}{_listed(rows)}</section>'


def _bodies(draft: Draft) -> str:
    parts = [f"<h2>Text</h2>\n<pre>{_lines(draft.text)}</pre>"]
    if draft.html is not None:
        parts.append(
            "<h2>HTML part, as text</h2>\n"
            '<p class="soft small">Recipients may see this part instead of the text above.</p>\n'
            f"<pre>{_lines(html_to_text(draft.html).text)}</pre>"
        )
    return f"<section>{''.join(parts)}</section>"


def _findings(shown: Shown) -> str:
    said = shown.reason["summary"] if shown.reason is not None else None  # stands above already
    summaries = [
        one["summary"]
        for one in (shown.findings or [])[:SHOWN_FINDINGS]
        if one["summary"] != said and one.get("detector") != "provenance"  # that stands beside each recipient
    ]
    if not summaries:
        return ""
    items = "".join(f"<li>{_safe(summary)}</li>" for summary in summaries)
    return f"<section><h2>What was noticed</h2>\n<ul>{items}</ul></section>"


def _safe(text: str) -> str:
    return f"<bdi>{escape(legible(text))}</bdi>"


def _lines(text: str) -> str:
    shown = "\n".join(escape(legible(line)) for line in text[:SHOWN_CHARACTERS].splitlines())
    if len(text) > SHOWN_CHARACTERS:
        shown += f"\n\n[{len(text) - SHOWN_CHARACTERS:,} more characters are not shown here]"
    return shown
