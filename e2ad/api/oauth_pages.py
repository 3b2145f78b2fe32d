"""The pages of OAuth that a person sees: the question, and what stands in its way. No script, readable on a telephone.

What a program says of itself is shown as its own words: escaped, with everything invisible made visible.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from e2ad.api.frame import framed
from e2ad.core.legible import legible, shortened
from e2ad.core.oauth import form_targets, shown_target
from e2ad.core.oauth_clients import Client
from e2ad.core.oauth_consent import ConsentRequest
from e2ad.gateway.oauth_consent import EXISTING, MOST_LISTED, NEW, Choice

__all__ = ["policy", "question", "refusal"]

_SHOWN: Final = 120


def policy(redirect_uri: str | None = None) -> str:
    """The Content-Security-Policy of a page; of one with the form, whose answer leads to `redirect_uri`."""
    targets = "'none'" if redirect_uri is None else form_targets(redirect_uri)
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action {targets}"
    )


def refusal(heading: str, sentences: Sequence[str]) -> str:
    """A page that says why nothing happens."""
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return framed(heading, f"<section><h1>{escape(heading)}</h1>{said}</section>")


def question(
    client: Client,
    request: ConsentRequest,
    token: str,
    *,
    owner: str,
    inboxes: Sequence[str],
    chosen: Choice,
    trouble: str = "",
) -> str:
    """The question whether a program may be let in.

    Args:
        token: the request, signed for this form.
        owner: the address of whoever is signed in.
        inboxes: the newest of the account; one more than `MOST_LISTED` tells that there are more.
        chosen: what is filled in.
        trouble: why the last answer could not be taken.
    """
    name = shortened(legible(client.name), _SHOWN) or "A program without a name"
    vouched = legible(client.host) if client.host else ""
    facts = [
        ("Program", name),
        ("Vouched for by", vouched or "nobody: the name is what it says of itself"),
        ("Sends you on to", legible(shown_target(request.redirect_uri))),
        ("Signed in as", legible(owner)),
    ]
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in facts)
    bad = f'<p class="note bad" role="alert">{escape(trouble)}</p>' if trouble else ""
    warning = (
        '<p class="note"><strong>Nobody has checked this program.</strong> '
        "Go on only if you have just started it yourself and know where it sends you on to.</p>"
    )
    content = (
        f"<h1>Let “{escape(name)}” use your mail?</h1>{bad}{warning}<section><dl>{rows}</dl></section>"
        '<form method="post" action="/oauth2/consent">'
        f'<input type="hidden" name="form" value="{escape(token)}">'
        f"{_scopes(request, chosen)}{_inboxes(inboxes, chosen)}"
        '<div class="buttons"><button name="decision" value="deny">Deny</button>'
        '<button class="yes" name="decision" value="allow">Allow</button></div></form>'
        '<p class="soft" style="margin-top:1rem">What you allow lasts until you take it back, or until the program '
        "has not used it for 30 days.</p>"
    )
    return framed(f"Let {name} use your mail?", content)


def _scopes(request: ConsentRequest, chosen: Choice) -> str:
    if "account" not in request.scopes:
        return '<input type="hidden" name="scope" value="agent">'
    ways = (
        ("agent", "One inbox", "Read its mail, and write and answer in its name. Nothing else."),
        (
            "account",
            "The whole account",
            "Every inbox, its mail and its settings, domains and webhooks; deleting too. "
            "And API keys: those that it makes stay good when you take this back.",
        ),
    )
    shown = "".join(
        f'<label class="way"><input type="radio" name="scope" id="{scope}" value="{scope}"'
        f"{' checked' if scope == chosen.scope else ''}><span>{label}<small>{meaning}</small></span></label>"
        for scope, label, meaning in ways
    )
    return f"<fieldset><legend>What may it use?</legend>{shown}</fieldset>"


def _inboxes(inboxes: Sequence[str], chosen: Choice) -> str:
    options = [(EXISTING + email, email) for email in inboxes[:MOST_LISTED]]
    if len(inboxes) > MOST_LISTED:
        options.append((EXISTING, "Another one, written below"))
    options.append((NEW, "Make a new inbox"))
    shown = "".join(
        f'<option value="{escape(value)}"{" class=listed" if value not in (EXISTING, NEW) else ""}'
        f"{' selected' if value == chosen.agent_choice else ''}>{escape(legible(label))}</option>"
        for value, label in options
    )
    return (
        '<fieldset class="inbox"><legend>Which inbox?</legend>'
        f'<select name="agent_choice" aria-label="Inbox">{shown}</select>'
        '<div class="typed"><label class="field" for="address">Its name or address</label>'
        f'<input type="text" id="address" name="address" value="{escape(chosen.address)}" maxlength="320" '
        'autocomplete="off" autocapitalize="none" spellcheck="false">'
        '<span class="hint">A new one for which you type nothing gets a name of its own.</span></div></fieldset>'
    )
