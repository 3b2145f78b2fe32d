"""Small charts of text: bars of a row, and shares of a whole."""

from typing import Final

from rich.text import Text

__all__ = ["bar", "percent", "share_bar"]

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def bar(value: float, most: float, width: int = 24, style: str = "cyan") -> Text:
    """A bar as long as `value` is among values up to `most`; anything above nothing shows at least a sliver."""
    if value <= 0 or most <= 0:
        return Text("")
    eighths = max(1, round(min(value / most, 1.0) * width * 8))
    whole, rest = divmod(eighths, 8)
    return Text(_EIGHTHS[8] * whole + (_EIGHTHS[rest] if rest else ""), style=style)


def share_bar(value: float, limit: float, width: int = 24) -> Text:
    """How much of a limit is used, green to red."""
    share = value / limit if limit > 0 else 0.0
    style = "red" if share >= 0.95 else "yellow" if share >= 0.75 else "green"
    drawn = bar(value, limit, width, style)
    return drawn + Text("·" * (width - len(drawn)), style="dim")


def percent(share: float | None) -> str:
    """A share in per cent; a dash where there was nothing to share."""
    if share is None:
        return "-"
    hundredths = share * 100
    return f"{hundredths:.0f} %" if hundredths in (0, 100) or hundredths >= 10 else f"{hundredths:.1f} %"
