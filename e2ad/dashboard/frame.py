"""What all pages look like: the templates, the links, the counts beside them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from attrs import define, field
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from e2ad import __version__
from e2ad.api.services import Services
from e2ad.api.sign_in_pages import LOGIN, LOGOUT
from e2ad.core.errors import Failure
from e2ad.core.events import rfc3339
from e2ad.core.unseen import remove_unseen
from e2ad.dashboard import words
from e2ad.dashboard.assets import Asset
from e2ad.dashboard.desk import Desk
from e2ad.dashboard.page import ROOT, View
from e2ad.gateway.mint import new_secret, now
from e2ad.storage import desk as storage

__all__ = ["LINKS", "Frame"]

LINKS: Final[tuple[tuple[str, str, str], ...]] = (
    ("Inbox", "/inbox", "unread"),
    ("Agents", "/agents", ""),
    ("Reviews", "/reviews", "held"),
    ("Domains", "/domains", ""),
    ("Webhooks", "/webhooks", ""),
    ("Events", "/events", ""),
    ("Keys", "/keys", ""),
    ("Operations", "/operations", ""),
    ("Account", "/account", ""),
)
"""The links of every page: label, path below `/dashboard`, and the count beside it, `unread`, `held` or none."""

_TEMPLATES: Final = Path(__file__).parent / "templates"
_DOES_NOT_COUNT: Final = re.compile(r"[^a-z_]")


@define
class Frame:
    """Fills templates; one a process."""

    services: Services
    assets: Mapping[str, Asset]
    _templates: Environment = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= {
            "shown": words.shown,
            "seen": lambda text: remove_unseen(text or "")[0],
            "exact": words.exact,
            "size": words.size,
            "initial": words.initial,
            "told": words.told_count,
            "segment": lambda text: quote(str(text), safe="@"),
            "rfc3339": rfc3339,
        }
        self._templates.globals |= {
            "root": ROOT,
            "asset": lambda name: self.assets[name].url,
            "link": link,
            "version": __version__,
            "login": LOGIN,
            "logout": LOGOUT,
            "links": LINKS,
            # A form that is sent twice is done once.
            "once": new_secret,
        }

    async def page(self, desk: Desk, view: View) -> str:
        """A whole page for somebody who is signed in."""
        counts = await storage.counts(self.services.db, desk.account_id)
        at = now()
        did = words.NOTICES.get(_DOES_NOT_COUNT.sub("", desk.asked("did")), "")
        return self._templates.get_template(view.template).render(
            {
                "counts": counts,
                "desk": desk,
                "here": desk.here,
                "now": rfc3339(at),
                "ago": lambda text: words.ago(text, at),
                "did": did,
                **view.context,
            }
        )

    def trouble(self, error: BaseException, status: int, request_id: str, *, signed_in: bool) -> str:
        """A page that says what went wrong and what to do."""
        if isinstance(error, Failure):
            said, todo = words.sentence(error), words.hint(error)
        else:
            said = "Something went wrong here."
            todo = "It is written to the operator's log. Try again in a moment."
        heading = {404: "Not found", 403: "Not from here", 429: "Too fast", 413: "Too large"}.get(
            status, "This cannot be done" if status < 500 else "This does not work now"
        )
        return self._templates.get_template("trouble.html").render(
            heading=heading, said=said, todo=todo, status=status, request_id=request_id, signed_in=signed_in
        )


def link(path: str, **query: Any) -> str:
    """An address below `/dashboard` with these parameters, those that say nothing left out."""
    wanted = urlencode({name.rstrip("_"): value for name, value in query.items() if value not in ("", None, False)})
    return f"{ROOT}{path}" + (f"?{wanted}" if wanted else "")
