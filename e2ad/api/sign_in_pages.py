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

__all__ = ["going_on", "hand_over", "policy", "refusal", "sign_in", "signed_in"]

LOGIN: Final = "/api/auth/login"
LOGOUT: Final = "/api/auth/logout"

_SEND: Final = "document.forms[0].submit()"
_SEND_HASH: Final = b64encode(hashlib.sha256(_SEND.encode()).digest()).decode()


def policy(*, handing: bool = False) -> str:
    """The Content-Security-Policy of a page; of the one whose form goes to this computer with `handing`."""
    # Not the program's own address: a policy cannot name [::1].
    own = f"script-src 'sha256-{_SEND_HASH}'; form-action http:" if handing else "form-action 'self'"
    return f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; {own}"


def sign_in(token: str, callback: str = "", *, owner: str = "", again: str = "", trouble: str = "") -> str:
    """The form. With `callback` it also says that a program waits there for a key.

    Args:
        token: what is asked for, signed for this form.
        owner: who is signed in already, and has only to say yes.
        again: where somebody else can sign in.
        trouble: why the last try did not do.
    """
    heading = "Let the command line in?" if callback else "Sign in"
    parts = [f"<h1>{heading}</h1>"]
    if trouble:
        parts.append(f'<p class="note bad" role="alert">{escape(trouble)}</p>')
    if callback:
        parts.append(_asking(callback, owner))
    parts.append(f'<form method="post" action="{LOGIN}"><input type="hidden" name="form" value="{escape(token)}">')
    if not owner:
        parts.append(_key_field())
    parts.append(_buttons("Let it in" if callback else "Sign in", deny=bool(callback)))
    parts.append("</form>")
    if owner:
        parts.append(f'<p class="soft after">Not you? <a href="{escape(again)}">Sign in with another key</a>.</p>')
    else:
        parts.append(_HELP)
    return framed(heading, "\n".join(parts))


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
        f'<form method="post" action="{LOGOUT}"><button class="wide">Sign out</button></form></section>',
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
        '<section><label class="field first" for="api_key">API key of the account</label>'
        '<input type="password" id="api_key" name="api_key" maxlength="512" autocomplete="current-password" '
        'autocapitalize="none" spellcheck="false" autofocus aria-describedby="hint">'
        '<span class="hint" id="hint">It begins with <code>e2a_acct_</code>.</span></section>'
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
