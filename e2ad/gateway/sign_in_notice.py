"""The mail that carries a link to sign in.

It goes to the owner of an account, who has asked for it, or has not: it says what to do then. The link is for the
browser that asked, and opening it shows a page and changes nothing, so that scanners and previews use nothing up.
"""

from datetime import datetime
from html import escape
from typing import Final

from e2ad.core.compose import compose_notice
from e2ad.gateway import mint
from e2ad.storage.holds import NewNotice

__all__ = ["sign_in_notice"]

_TEXT: Final = """\
Here is your link to sign in at {host}:

{link}

Open it in the browser in which you asked for it and confirm on the page. It works once, until {until}.

Asked for {asked}.
If that was not you, do nothing: the link opens nothing in any other browser.
"""

_HTML: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:560px;margin:0 auto">
<h1 style="font-size:20px;margin:0 0 12px">Sign in at {host}</h1>
<p style="margin:0 0 20px">
<a href="{link}" style="display:inline-block;padding:10px 18px;border-radius:6px;\
background:#146c43;color:#fff;text-decoration:none">Sign in</a></p>
<p style="margin:0 0 8px">Open it in the browser in which you asked for it and confirm on the page.
It works once, until {until}.</p>
<p style="margin:0;font-size:14px">Asked for {asked}.
If that was not you, do nothing: the link opens nothing in any other browser.</p>
</div></body></html>
"""


def sign_in_notice(
    *, to: str, link: str, host: str, browser: str, network: str, at: datetime, until: datetime, from_domain: str
) -> NewNotice:
    """The mail with a link.

    Args:
        host: what people know the deployment by.
        browser, network: where it was asked for, in words of ours.
    """
    notice_id = mint.new_id("ntc_")
    origin = f"{f' in {browser}' if browser else ''}{f', from the network {network}' if network else ''}"
    words = {
        "host": host,
        "link": link,
        "until": f"{until:%Y-%m-%d %H:%M} UTC",
        "asked": f"at {at:%H:%M} UTC{origin}",
        "title": f"[e2a] your link to sign in at {host}",
    }
    content = compose_notice(
        from_address=f"sign-in-noreply@{from_domain}",
        from_name="e2a",
        to=to,
        subject=words["title"],
        text=_TEXT.format(**words),
        html=_HTML.format(**{name: escape(word) for name, word in words.items()}),
        message_id=f"<sign-in-{notice_id}@{from_domain}>",
        at=at,
    )
    return NewNotice(notice_id, to, content)
