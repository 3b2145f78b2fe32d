"""The frame of the pages on which a person signs in and lets programs in: small, no script, good on a telephone."""

from html import escape
from typing import Final

from e2ad.core.errors import Failure

__all__ = ["HTML", "SECURITY", "framed", "sentence"]

HTML: Final = "text/html; charset=utf-8"
SECURITY: Final = {
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Headers of every page and of what its form is answered. Whom a page tells where it leads from, it says itself.

No Cross-Origin-Opener-Policy, neither here nor on the way here: programs on the web open the page that asks in a window
that reports back to them, and signing in is a part of that way.
"""

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
  --yes: #146c43; --ring: #1f6feb; --note: #fff6dd; --edge: #c98a00; --bad: #a61e2d; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6ebf0; --soft: #a3afbb; --line: #2c3742; --paper: #12181f;
  --card: #1a222b; --yes: #1b7d4f; --ring: #6cb0ff; --note: #2b2513; --edge: #d9a21b; --bad: #f2808c; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
main {{ max-width: 34rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }}
header {{ color: var(--soft); font-size: .875rem; margin: 0 0 .35rem; }}
h1 {{ font-size: 1.35rem; line-height: 1.3; margin: 0 0 1rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }} .way-in {{ margin: 0 0 1rem; }}
section, fieldset {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem;
  margin: 0 0 1rem; min-width: 0; }}
legend {{ font-weight: 600; padding: 0 .35rem; margin-left: -.35rem; }}
dl {{ margin: 0; }} dt {{ color: var(--soft); font-size: .875rem; }}
dd {{ margin: 0; overflow-wrap: anywhere; }} dd + dt {{ margin-top: .6rem; }}
.note {{ margin: 0 0 1rem; padding: .7rem 1rem; background: var(--note); border-left: 4px solid var(--edge);
  border-radius: 6px; overflow-wrap: anywhere; }}
.bad {{ border-left-color: var(--bad); }}
.way {{ display: grid; grid-template-columns: auto 1fr; gap: 0 .7rem; padding: .35rem 0; cursor: pointer; }}
.way input {{ width: 1.15rem; height: 1.15rem; margin: .2rem 0 0; accent-color: var(--ring); }}
.way small, .hint {{ color: var(--soft); font-size: .9rem; display: block; }} .hint {{ margin-top: .35rem; }}
.field {{ display: block; margin: .75rem 0 .3rem; }}
select, input[type=text], input[type=password], input[type=email] {{ width: 100%; padding: .65rem .7rem;
  font: inherit; color: inherit; background: var(--paper); border: 1px solid #7f8b97; border-radius: 8px; }}
.buttons {{ display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; }}
button {{ padding: .85rem 1rem; font: inherit; font-weight: 600; border-radius: 8px; cursor: pointer;
  color: inherit; background: var(--card); border: 1px solid var(--line); }}
button.yes {{ color: #fff; background: var(--yes); border-color: var(--yes); }}
form:has(#account:checked) .inbox, form:has(.listed:checked) .typed {{ display: none; }}
:focus-visible {{ outline: 3px solid var(--ring); outline-offset: 2px; }}
p {{ margin: 0 0 .75rem; overflow-wrap: anywhere; }} p:last-child {{ margin-bottom: 0; }}
.soft {{ color: var(--soft); font-size: .9rem; }} .after {{ margin-top: 1rem; }}
.one, .wide {{ grid-template-columns: 1fr; width: 100%; }}
.turned {{ direction: rtl; }} .turned > * {{ direction: ltr; }}
label.first {{ margin-top: 0; font-weight: 600; }} section form {{ margin-top: 1rem; }}
details {{ margin-top: 1rem; }} summary {{ cursor: pointer; }} details p {{ margin-top: .5rem; }}
a {{ color: var(--ring); }} code {{ font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<main>
<header>e2a</header>
{content}
</main>
</body>
</html>
"""


def framed(title: str, content: str) -> str:
    """A whole page. `title` is plain text, `content` is HTML."""
    return _PAGE.format(title=escape(title), content=content)


def sentence(failure: Failure) -> str:
    """What a failure says, for people."""
    return failure.message[:1].upper() + failure.message[1:] + "."
