"""The pages of signing in: the form, what a program on this computer asks for, and the way on.

None needs a script. The one that hands a key to a program has one line of it, so that nobody has to press a button.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import urlsplit

from e2ad.api.frame import framed
from e2ad.core.legible import legible
from e2ad.gateway.sessions import SeenSession, Way
from e2ad.gateway.sign_in_links import PATH as LINK_PATH

__all__ = [
    "going_on",
    "hand_over",
    "link_elsewhere",
    "link_gone",
    "link_sent",
    "link_shown",
    "policy",
    "refusal",
    "sent_on",
    "sessions_page",
    "sign_in",
    "signed_in",
]

LOGIN: Final = "/api/auth/login"
LOGOUT: Final = "/api/auth/logout"
OIDC: Final = "/api/auth/oidc"
LINK: Final = LINK_PATH
LINK_ASKED: Final = LINK + "/ask"
SESSIONS: Final = "/api/auth/sessions"
HOME: Final = "/dashboard/"
"""Where somebody lands who asked for nothing else, where there are pages for people."""

_WAYS: Final[Mapping[Way, str]] = {
    "key": "with an API key",
    "link": "with a link by mail",
    "oidc": "with an OpenID provider",
}

_SEND: Final = "document.forms[0].submit()"
_SEND_HASH: Final = b64encode(hashlib.sha256(_SEND.encode()).digest()).decode()


def policy(*, handing: bool = False) -> str:
    """The Content-Security-Policy of a page; of the one whose form goes to this computer with `handing`."""
    # Not the program's own address: a policy cannot name [::1].
    own = f"script-src 'sha256-{_SEND_HASH}'; form-action http:" if handing else "form-action 'self'"
    return f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; {own}"


def sign_in(
    token: str,
    callback: str = "",
    *,
    owner: str = "",
    again: str = "",
    trouble: str = "",
    email: str = "",
    by_mail: bool = False,
    provider: str = "",
) -> str:
    """The ways of signing in, each a form. With `callback` it also says that a program waits there for a key.

    Args:
        token: what is asked for, signed for these forms.
        owner: who is signed in already, and has only to say yes.
        again: where somebody else can sign in.
        trouble: why the last try did not do.
        email: what was typed before.
        by_mail: a link can be mailed.
        provider: the name of the OpenID provider; "" for none.
    """
    heading = "Let the command line in?" if callback else "Sign in"
    parts = [f"<h1>{heading}</h1>"]
    if trouble:
        parts.append(f'<p class="note bad" role="alert">{escape(trouble)}</p>')
    if callback:
        parts.append(_asking(callback, owner))
    hidden = f'<input type="hidden" name="form" value="{escape(token)}">'
    if provider and not owner:
        parts.append(
            f'<form class="way-in" method="post" action="{OIDC}">{hidden}'
            f'<button class="wide">Sign in with {escape(legible(provider))}</button></form>'
        )
    parts.append(f'<form method="post" action="{LOGIN}">{hidden}')
    if not owner:
        parts.append(_key_field())
    parts.append(_buttons("Let it in" if callback else "Sign in", deny=bool(callback)))
    parts.append("</form>")
    if owner:
        parts.append(f'<p class="soft after">Not you? <a href="{escape(again)}">Sign in another way</a>.</p>')
        return framed(heading, "\n".join(parts))
    if by_mail:
        parts.append('<p class="soft after">Or by mail:</p>')
        parts.append(f'<form method="post" action="{LINK_ASKED}">{hidden}{_email_field(email)}</form>')
    parts.append(_HELP)
    return framed(heading, "\n".join(parts))


def link_sent(email: str) -> str:
    """What everybody is told who has asked for a link, whether there is an account or not."""
    return framed(
        "Look into your mail",
        f"<section><h1>Look into your mail</h1><p>If an account here belongs to {escape(legible(email))}, a link to "
        "sign in is on its way there. It works once, for 15 minutes, in this browser.</p>"
        f'<p class="soft">Nothing comes? Look among the spam, or <a href="{LOGIN}">sign in another way</a>.</p>'
        "</section>",
    )


def link_shown(token: str, email: str) -> str:
    """Asks whoever opens a link that is good, in the browser that asked for it. Opening it has changed nothing."""
    return framed(
        "Sign in",
        f"<section><h1>Sign in as {escape(legible(email))}?</h1>"
        f'<form method="post" action="{LINK}"><input type="hidden" name="t" value="{escape(token)}">'
        '<button class="yes wide">Sign in</button></form></section>',
    )


def link_elsewhere() -> str:
    """Says that a link is for another browser, and what to do."""
    return refusal(
        "This link was asked for in another browser",
        [
            "It signs nobody in here: whoever asked for it is meant to be the one who uses it.",
            "Copy it to the browser in which you asked for it, or ask for a new one here.",
            "If you have not asked for any, somebody else has typed your address: do nothing.",
        ],
    )


def link_gone() -> str:
    """Says that a link is good for nothing, and what to do."""
    return refusal(
        "This link is not good any more",
        [
            "A link works once and for 15 minutes, and none does once you have signed in with a newer one.",
            "Ask for a new one.",
        ],
    )


def sent_on(url: str, name: str) -> str:
    """Leads to the provider. Not a redirect, for the reason that `going_on` has."""
    there = escape(url)
    return framed(
        f"On to {name}",
        f'<meta http-equiv="refresh" content="0;url={there}">'
        f'<section><h1>On to {escape(legible(name))}</h1><p><a href="{there}">Go on</a></p></section>',
    )


def sessions_page(sessions: Sequence[SeenSession], owner: str) -> str:
    """Where somebody is signed in, each with a button that ends it."""
    rows = "".join(_session(one) for one in sessions)
    others = (
        f'<form method="post" action="{SESSIONS}"><button class="wide" name="end" value="others">'
        "End all others</button></form>"
    )
    return framed(
        "Where you are signed in",
        f"<h1>Where you are signed in</h1><p>As {escape(legible(owner))}.</p>{rows}"
        f"{others if len(sessions) > 1 else ''}",
    )


def hand_over(callback: str, fields: Mapping[str, str]) -> str:
    """Sends the fields to a program on this computer, by itself or with a button."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    refused = "error" in fields
    heading = "Not let in" if refused else "One more step"
    said = "The command line is told that you said no." if refused else "The command line gets its key now."
    content = (
        f"<section><h1>{heading}</h1><p>{said} If nothing happens, press the button.</p>"
        f'<form method="post" action="{escape(callback)}">{hidden}'
        f'<button class="yes wide">Go on</button></form></section>'
        f"<script>{_SEND}</script>"
    )
    return framed(heading, content)


def signed_in(owner: str) -> str:
    """Who is signed in, and how to stop it."""
    return framed(
        "Signed in",
        f"<section><h1>You are signed in</h1><p>As {escape(legible(owner))}.</p>"
        f'<form method="post" action="{LOGOUT}"><button class="wide">Sign out</button></form></section>'
        f'<p class="soft"><a href="{SESSIONS}">Where you are signed in</a></p>',
    )


def going_on(path: str) -> str:
    """Leads to a path of ours.

    Not a redirect: browsers hold the policy of the page with the form against all redirects behind it, also
    those that lead from here to a program somewhere else.
    """
    there = escape(path)
    return framed(
        "Signed in",
        f'<meta http-equiv="refresh" content="0;url={there}">'
        f'<section><h1>You are signed in</h1><p><a href="{there}">Go on</a></p></section>',
    )


def refusal(heading: str, sentences: Sequence[str]) -> str:
    """A page that says why nothing happens."""
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return framed(heading, f'<section><h1>{escape(heading)}</h1>{said}<p><a href="{LOGIN}">Sign in</a></p></section>')


def _asking(callback: str, owner: str) -> str:
    facts = [
        ("Program", f"The one that listens on this computer at {urlsplit(callback).netloc}"),
        ("Gets", "A new API key of the whole account"),
    ]
    if owner:
        facts.append(("Signed in as", legible(owner)))
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in facts)
    return (
        '<p class="note">Go on only if you have just typed <code>e2a login</code>, or started something else on this '
        f"computer that needs your mail.</p><section><dl>{rows}</dl></section>"
    )


def _key_field() -> str:
    return (
        '<section><label class="field first" for="api_key">API key</label>'
        '<input type="password" id="api_key" name="api_key" maxlength="512" autocomplete="current-password" '
        'autocapitalize="none" spellcheck="false" autofocus aria-describedby="hint">'
        '<span class="hint" id="hint">It begins with <code>e2a_acct_</code>.</span></section>'
    )


def _email_field(email: str) -> str:
    return (
        '<section><label class="field first" for="email">E-mail address</label>'
        f'<input type="email" id="email" name="email" maxlength="320" autocomplete="email" value="{escape(email)}" '
        'aria-describedby="mailed"><span class="hint" id="mailed">A link that signs you in is mailed to it.</span>'
        '</section><div class="buttons one"><button>Mail me a link</button></div>'
    )


def _session(one: SeenSession) -> str:
    facts = [
        ("Signed in", f"{one.began_at:%Y-%m-%d %H:%M} UTC, {_WAYS[one.signed_in_by]}"),
        ("Last used", "now" if one.current else f"{one.last_used_at:%Y-%m-%d %H:%M} UTC"),
        ("From", one.network or "an unknown network"),
    ]
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in facts)
    name = (one.browser or "A browser") + (" (this one)" if one.current else "")
    return (
        f'<section><h2>{escape(name)}</h2><dl>{rows}</dl><form method="post" action="{SESSIONS}">'
        f'<button class="wide" name="end" value="{escape(one.id)}">{"Sign out" if one.current else "End it"}</button>'
        "</form></section>"
    )


def _buttons(yes: str, *, deny: bool) -> str:
    allow = f'<button class="yes" name="decision" value="allow">{yes}</button>'
    if not deny:
        return f'<div class="buttons one">{allow}</div>'
    # The first button of a form is the one that the return key presses.
    return f'<div class="buttons turned">{allow}<button name="decision" value="deny">No</button></div>'


_HELP: Final = (
    '<details><summary>Where do I get a key?</summary><p class="soft">Whoever runs this deployment makes the first '
    "key of an account with <code>e2ad bootstrap you@example.com</code>, which shows it once. With one key you can "
    'make more: <code>POST /v1/account/api-keys</code>, see <a href="/docs">the reference</a>. A key of a single inbox '
    "(<code>e2a_agt_</code>) does not sign in.</p></details>"
)
