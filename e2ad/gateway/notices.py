"""Mail of the deployment itself: the request to review a held draft.

It goes to the owner of the account alone. It names the recipients and the subject and never the body,
which stays behind the link. The links show first and act only on a second, deliberate step, so that
scanners and previews change nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Final

from e2ad.core.compose import compose_notice
from e2ad.core.legible import legible, shortened
from e2ad.core.outbound import Draft
from e2ad.core.review_links import ReviewLink
from e2ad.gateway import mint
from e2ad.storage.holds import NewNotice

__all__ = ["review_request"]

SUBJECT_CHARACTERS: Final = 60
SHOWN_RECIPIENTS: Final = 20

_TEXT: Final = """\
An agent of yours wants to send a mail and waits for your decision.

{lines}

Look at it and approve:
{approve}

Look at it and reject:
{reject}

Other ways to decide:
{dashboard}

Opening a link shows the mail and changes nothing; you confirm on the page. The links work once,
and only for the mail as it is now: after an edit they tell you so.
"""

_HTML: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:560px;margin:0 auto">
<h1 style="font-size:20px;margin:0 0 12px">Mail waits for your decision</h1>
<p style="margin:0 0 16px">An agent of yours wants to send a mail.</p>
<table role="presentation" style="border-collapse:collapse;margin:0 0 20px">{rows}</table>
<p style="margin:0 0 20px">
<a href="{approve}" style="display:inline-block;padding:10px 18px;margin:0 8px 8px 0;border-radius:6px;\
background:#146c43;color:#fff;text-decoration:none">Review and approve</a>
<a href="{reject}" style="display:inline-block;padding:10px 18px;margin:0 8px 8px 0;border-radius:6px;\
background:#a61e2d;color:#fff;text-decoration:none">Review and reject</a></p>
<p style="margin:0 0 8px"><a href="{dashboard}">Other ways to decide</a></p>
<p style="margin:0;font-size:14px">Opening a link shows the mail and changes nothing; you confirm on the page.
The links work once, and only for the mail as it is now: after an edit they tell you so.</p>
</div></body></html>
"""

_ROW: Final = (
    '<tr><th scope="row" style="text-align:left;vertical-align:top;padding:2px 16px 2px 0;font-weight:600;'
    'white-space:nowrap">{name}</th>'
    '<td style="padding:2px 0;overflow-wrap:anywhere"><bdi>{value}</bdi></td></tr>'
)


def review_request(
    draft: Draft,
    *,
    message_id: str,
    sha256: bytes,
    reason: str,
    expires_at: datetime,
    at: datetime,
    to: str,
    secret: str,
    public_url: str,
    from_domain: str,
) -> NewNotice:
    """The mail that asks the owner to decide about a held draft, with its links (contract: notification e-mail).

    Args:
        sha256: of the draft as it is held; the links are bound to it.
        to: the account's address.
        secret: the deployment's current one.
    """
    base = public_url.rstrip("/")
    links = {
        action: f"{base}/v1/{action}?t={ReviewLink.until(message_id, action, expires_at).token(secret, sha256)}"
        for action in ("approve", "reject")
    }
    dashboard = f"{base}/dashboard/pending?id={message_id}"
    subject = legible(draft.subject) or "(no subject)"
    title = f"[e2a] approve outbound from {draft.agent_email}: {shortened(subject, SUBJECT_CHARACTERS)}"
    rows = [
        ("Agent", draft.agent_email),
        *_recipient_rows(draft),
        ("Subject", shortened(subject, 500)),
        ("Files", _files(draft)),
        ("Why held", legible(reason)),
        ("Decide by", expires_at.strftime("%Y-%m-%d %H:%M UTC")),
    ]
    lines = "\n".join(f"{name + ':':<11}{value}" for name, value in rows)
    text = _TEXT.format(lines=lines, dashboard=dashboard, **links)
    html = _HTML.format(
        title=escape(title),
        rows="".join(_ROW.format(name=escape(name), value=escape(value)) for name, value in rows),
        dashboard=escape(dashboard),
        **{action: escape(link) for action, link in links.items()},
    )
    content = compose_notice(
        from_address=f"hitl-noreply@{from_domain}",
        from_name="e2a",
        to=to,
        subject=title,
        text=text,
        html=html,
        message_id=f"<hitl-approve-{message_id}@{from_domain}>",
        at=at,
    )
    return NewNotice(mint.new_id("ntc_"), to, content)


def _recipient_rows(draft: Draft) -> list[tuple[str, str]]:
    named = (("To", draft.to), ("Cc", draft.cc), ("Bcc", draft.bcc))
    return [(name, _listed(addresses)) for name, addresses in named if addresses]


def _listed(addresses: Sequence[str]) -> str:
    shown = ", ".join(legible(address) for address in addresses[:SHOWN_RECIPIENTS])
    more = len(addresses) - SHOWN_RECIPIENTS
    return shown if more <= 0 else f"{shown} and {more} more"


def _files(draft: Draft) -> str:
    if not draft.attachments:
        return "none"
    return ", ".join(
        f"{shortened(legible(one.filename), 60)} ({len(one.data):,} bytes)" for one in draft.attachments[:10]
    )
