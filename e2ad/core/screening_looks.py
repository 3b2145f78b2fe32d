"""How an element shows its text: from its ancestors, its own style and the attributes of old mail programs.

What hides for good (`display`, `opacity`, no room, off the page) nothing inside undoes; size, ink and visibility are
inherited and can be set again. An unknown background hides nothing.
"""

import re
from typing import Final

from attrs import frozen

from e2ad.core.screening_styles import colour, length

__all__ = ["Look", "old_attributes", "styled"]

_FONT_SIZES: Final = {"xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "smaller": 13.0}
_TINY_PIXELS: Final = 2.0
_FILTERED_OUT: Final = re.compile(r"opacity[(=](?:0*+(?:\.0\d*+)?|[0-5](?:\.\d*+)?%)\)")
_SAME: Final = 14
"""So far apart two colours may be in each channel and still look like one."""

Rgb = tuple[int, int, int]


@frozen
class Look:
    """How an element shows its text, from its ancestors and its own style."""

    gone: str | None = None
    """Why nothing inside can be seen, whatever it says itself."""
    invisible: bool = False
    size: float = 16.0
    ink: Rgb | None = (0, 0, 0)
    clear: bool = False
    """The ink is transparent."""
    paper: Rgb | None = (255, 255, 255)
    """None: an image or something else that is not known."""
    indent: float = 0.0
    quoted: bool = False

    def reason(self) -> str | None:
        """Why its text cannot be seen, or None."""
        if self.gone is not None:
            return self.gone
        if self.invisible:
            return "visibility"
        if self.size <= _TINY_PIXELS:
            return "font size"
        if self.clear:
            return "transparent"
        if self.indent <= -500 or self.indent >= 5000:
            return "off the page"
        if self.ink is not None and self.paper is not None and _alike(self.ink, self.paper):
            return "colour of the background"
        return None


def _alike(one: Rgb, other: Rgb) -> bool:
    return all(abs(a - b) <= _SAME for a, b in zip(one, other, strict=True))


def old_attributes(attributes: dict[str, str]) -> dict[str, str]:
    """What `color`, `bgcolor` and `background` say, as properties."""
    found = {}
    if "color" in attributes:
        found["color"] = attributes["color"]
    if "bgcolor" in attributes:
        found["background-color"] = attributes["bgcolor"]
    if "background" in attributes:
        found["background-image"] = attributes["background"]
    return found


def styled(parent: Look, style: dict[str, str], *, quoted: bool) -> Look:
    """How an element with these properties looks inside one that looks like `parent`."""
    visibility = style.get("visibility")
    invisible = parent.invisible if visibility is None else visibility in ("hidden", "collapse")
    size = _size(parent.size, style)
    indent = length(style.get("text-indent"))
    ink, clear = parent.ink, parent.clear
    written = style.get("-webkit-text-fill-color") or style.get("color")
    if written is not None and written not in ("inherit", "currentcolor"):
        found = colour(written)
        ink, clear = (found[:3], found[3] < 0.06) if found is not None else (None, False)
    return Look(
        gone=parent.gone or _gone(style),
        invisible=invisible,
        size=size,
        ink=ink,
        clear=clear,
        paper=_paper(parent.paper, style),
        indent=parent.indent if indent is None else indent,
        quoted=quoted,
    )


def _size(size: float, style: dict[str, str]) -> float:
    written = style.get("font-size")
    if written is None and (font := style.get("font")) is not None:
        written = next((part for part in font.replace("/", " ").split() if part[:1].isdigit()), None)
    if written is None:
        return size
    found = _FONT_SIZES.get(written, length(written, whole=size))
    return size if found is None else found


def _paper(paper: Rgb | None, style: dict[str, str]) -> Rgb | None:
    image, background = style.get("background-image", ""), style.get("background", "")
    if (image and image != "none") or "url(" in background or "gradient" in background:
        return None
    written = style.get("background-color") or background
    if not written or written in ("none", "inherit", "initial"):
        return paper
    found = colour(written) or next((known for part in written.split() if (known := colour(part))), None)
    if found is None:
        return None
    return paper if found[3] < 0.06 else found[:3]


def _gone(style: dict[str, str]) -> str | None:
    if style.get("display") == "none" or style.get("content-visibility") == "hidden":
        return "display"
    opacity = length(style.get("opacity"), whole=1.0)
    if (opacity is not None and opacity < 0.06) or _FILTERED_OUT.search(style.get("filter", "").replace(" ", "")):
        return "opacity"
    if _is_away(style):
        return "off the page"
    if style.get("overflow") in ("hidden", "clip") and any(
        (side := length(style.get(name))) is not None and side <= (0 if "%" in style[name] else 1)
        for name in ("width", "height", "max-height", "max-width")
    ):
        return "no room"
    transform = style.get("transform", "").replace(" ", "")
    if "scale(0)" in transform or "scale(0,0)" in transform or "scale(0.0" in transform:
        return "no room"
    clip = (style.get("clip", "") + style.get("clip-path", "")).replace(" ", "").replace(",", "")
    if any(word in clip for word in ("rect(0000", "rect(0px0px", "rect(1px1px", "inset(100%", "inset(50%", "circle(0")):
        return "no room"
    return None


def _is_away(style: dict[str, str]) -> bool:
    if style.get("position") in ("absolute", "fixed"):
        for name in ("left", "top", "right", "bottom"):
            offset = length(style.get(name))
            if offset is not None and offset <= -300:
                return True
    margin = length(style.get("margin-left"))
    return margin is not None and margin <= -2000
