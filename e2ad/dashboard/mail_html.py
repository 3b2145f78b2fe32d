"""The HTML of a mail, made harmless: sanitised, without anything from elsewhere unless it was asked for, and framed.

Three locks, each enough: nh3 leaves nothing that runs or loads; the page in the frame has a policy of its own that lets
nothing run and nothing load; the frame is a sandbox without an origin, so that what ran could reach nothing of ours.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

import nh3
from attrs import define, field, frozen

from e2ad.core.markup import pieces

__all__ = ["PICTURES", "SafeHtml", "policy", "safe_html"]

PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"})
"""Kinds of pictures that are shown; SVG is a document with scripts and is not."""
MAX_MARKUP: Final = 3_000_000
MAX_DEPTH: Final = 2000
MAX_STEPS: Final = 20_000_000
MAX_COPIES: Final = 1_000_000
"""Characters, open elements, and how often one may be looked at or copied: far beyond what mail programs write."""
MAX_INLINE: Final = 8_000_000
"""Bytes of pictures that a mail brings along and that are put into the page."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS: Final = _words(
    "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del "
    "dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q "
    "rp rt ruby s samp section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr"
)
_DROPPED_WHOLE: Final = _words(
    "script style title template noscript noembed noframes iframe object embed applet svg math textarea select option "
    "xmp audio video canvas"
)
_ATTRIBUTES: Final = {
    "*": {"dir", "lang", "title", "align", "valign", "style"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "font": {"color", "face", "size"},
    "table": {"width", "border", "cellpadding", "cellspacing", "bgcolor", "summary"},
    "td": {"width", "height", "colspan", "rowspan", "bgcolor", "nowrap"},
    "th": {"width", "height", "colspan", "rowspan", "bgcolor", "nowrap", "scope"},
    "tr": {"bgcolor", "height"},
    "col": {"width", "span"},
    "colgroup": {"width", "span"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value"},
    "time": {"datetime"},
    "blockquote": {"type"},
}
_STYLES: Final = _words(
    "color background-color font-family font-size font-style font-weight font-variant line-height letter-spacing "
    "text-align text-decoration text-transform text-indent vertical-align white-space word-break word-wrap "
    "overflow-wrap direction width max-width min-width height max-height min-height padding padding-top padding-right "
    "padding-bottom padding-left margin margin-top margin-right margin-bottom margin-left border border-top "
    "border-right "
    "border-bottom border-left border-color border-style border-width border-collapse border-spacing border-radius "
    "display list-style-type table-layout"
)
_FORMATTING: Final = _words("a b big code em font i nobr s small strike strong tt u")
_WITHOUT_END: Final = _words(
    "area base br col embed hr img input link meta param source track wbr p li td th tr dd dt thead tbody tfoot "
    "colgroup option html head body"
)
"""Elements that hold nothing, or that the next one of their kind ends."""
_TOO_MUCH: Final = "<p>This HTML is nested so deeply that it is not shown. The text and the raw source are there.</p>"
_REMOTE_STYLE: Final = re.compile(r"url\(\s*[\"']?\s*(?:https?:)?//|@import", re.IGNORECASE)
_REMOTE_ATTRIBUTE: Final = re.compile(
    r"(?:^|[\s\"'/])(?:src|srcset|background|poster|data)\s*=\s*[\"']?\s*(?:https?:)?//", re.IGNORECASE
)
_REMOTE_LINK: Final = re.compile(r"href\s*=\s*[\"']?\s*(?:https?:)?//", re.IGNORECASE)
_MAX_ATTRIBUTES: Final = 8192

_PAGE: Final = """\
<!doctype html>
<html lang="und"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>A mail</title>
<style>
:root { color-scheme: light; }
body { margin: 12px; background: #fff; color: #1c2530; font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
img { max-width: 100%%; height: auto; } img:not([src]) { display: none; }
pre { white-space: pre-wrap; } table { max-width: 100%%; } blockquote { margin: 0 0 0 8px; padding-left: 12px;
  border-left: 3px solid #ccd3da; }
</style></head><body>%s</body></html>
"""


@frozen
class SafeHtml:
    """A document for the frame; `blocked` is how many things of it would have been loaded from elsewhere.

    Where taking the HTML apart would cost too much, the document says so instead, and `too_much` is true.
    """

    document: str = field(repr=False)
    blocked: int
    too_much: bool = False


def safe_html(markup: str, pictures: Mapping[str, tuple[str, bytes]], *, remote: bool) -> SafeHtml:
    """Make a mail's HTML harmless; total, whatever it is.

    Args:
        pictures: what the mail brings along, by Content-ID: kind and bytes.
        remote: pictures from elsewhere are let in; nothing else ever is.
    """
    if _costs_too_much(markup):
        return SafeHtml(_PAGE % _TOO_MUCH, 0, too_much=True)
    keeper = _Keeper(pictures, remote)
    body = nh3.clean(
        markup,
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WHOLE),
        attributes={name: set(names) for name, names in _ATTRIBUTES.items()},
        attribute_filter=keeper.keep,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel="noopener noreferrer nofollow",
        filter_style_properties=set(_STYLES),
        set_tag_attribute_values={
            "a": {"target": "_blank"},
            "img": {"referrerpolicy": "no-referrer", "loading": "lazy"},
        },
        strip_comments=True,
    )
    return SafeHtml(_PAGE % body, _remote(markup))


def policy(*, remote: bool) -> str:
    """The Content-Security-Policy of the page in the frame."""
    pictures = "img-src data: https: http:" if remote else "img-src data:"
    return (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
        f"{pictures}; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )


@define
class _Keeper:
    """Decides about each attribute that the list lets through."""

    pictures: Mapping[str, tuple[str, bytes]]
    remote: bool
    inline: int = 0

    def keep(self, tag: str, name: str, value: str) -> str | None:
        """The value to keep, or None."""
        if name == "style":
            return None if "url(" in value.lower() or "\\" in value or "expression" in value.lower() else value
        if tag == "img" and name == "src":
            return self._picture(value.strip())
        if name == "href":
            return value if value.strip().lower().startswith(("http://", "https://", "mailto:", "tel:")) else None
        return value

    def _picture(self, value: str) -> str | None:
        lower = value[:40].lower()
        if lower.startswith("cid:"):
            kind, content = self.pictures.get(value[4:].strip("<>"), ("", b""))
            if kind.lower() not in PICTURES or self.inline + len(content) > MAX_INLINE:
                return None
            self.inline += len(content)
            return f"data:{kind.lower()};base64,{b64encode(content).decode()}"
        if lower.startswith("data:"):
            kind = lower[5:].partition(";")[0].partition(",")[0]
            return value if kind in PICTURES else None
        return value if self.remote and lower.startswith(("http://", "https://")) else None


def _costs_too_much(markup: str) -> bool:
    """Whether a browser's rules would make far more of the HTML than is written there.

    Each open element is looked at for each further tag, and each open formatting element is opened anew in each
    paragraph: some kilobytes can so become gigabytes.
    """
    if len(markup) > MAX_MARKUP:
        return True
    open_now = dict[str, int]()
    tags = depth = formats = deepest = most_formats = 0
    for kind, _, _, name, _ in pieces(markup):
        if name in _WITHOUT_END or kind not in ("open", "close"):
            tags += 1
            continue
        tags += 1
        step = 1 if kind == "open" else -1 if open_now.get(name) else 0
        open_now[name] = open_now.get(name, 0) + step
        depth += step
        formats += step if name in _FORMATTING else 0
        deepest, most_formats = max(deepest, depth), max(most_formats, formats)
    return deepest > MAX_DEPTH or tags * deepest > MAX_STEPS or tags * most_formats > MAX_COPIES


def _remote(markup: str) -> int:
    """How many things a program that shows HTML as it is would load from elsewhere."""
    found = 0
    for kind, _, _, name, inside in pieces(markup):
        if kind == "open":
            attributes = inside[:_MAX_ATTRIBUTES]
            found += len(_REMOTE_ATTRIBUTE.findall(attributes)) + len(_REMOTE_STYLE.findall(attributes))
            found += name == "link" and _REMOTE_LINK.search(attributes) is not None
        elif kind == "raw" and name == "style":
            found += len(_REMOTE_STYLE.findall(inside))
    return found
