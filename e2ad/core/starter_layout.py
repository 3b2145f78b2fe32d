"""How the starter templates look: a few blocks, written once, as plain text and as HTML that says the same.

The HTML is what all mail programs agree on: tables for the layout, every style inline, no images, no scripts,
nothing fetched and nothing hidden. The one style sheet holds colours for dark mode; where it is ignored, the inline
colours stay, each with its own background, so that nothing becomes dark on dark. Values go in escaped, everywhere.
"""

from collections.abc import Sequence
from html import escape
from typing import Final, TypeAlias, assert_never

from attrs import frozen

__all__ = ["Block", "Button", "Code", "Facts", "Lines", "Note", "Paragraph", "as_html", "as_text"]

FONT: Final = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
MONO: Final = "font-family:ui-monospace,Menlo,Consolas,'Courier New',monospace;"
WIDTH: Final = 560


@frozen
class Paragraph:
    """A sentence or two."""

    text: str


@frozen
class Code:
    """Something short to be typed in elsewhere."""

    text: str


@frozen
class Button:
    """Where to go next; one of a mail is the main one."""

    label: str
    url: str
    is_main: bool = True


@frozen
class Facts:
    """Names and values."""

    rows: Sequence[tuple[str, str]]


@frozen
class Lines:
    """A value of several lines, which are kept, under a heading."""

    heading: str
    value: str


@frozen
class Note:
    """Small print, at the end."""

    text: str


Block: TypeAlias = Paragraph | Code | Button | Facts | Lines | Note


def as_text(title: str, blocks: Sequence[Block]) -> str:
    """The blocks as plain text."""
    return "\n\n".join([title, *map(_text, blocks)]) + "\n"


def as_html(title: str, blocks: Sequence[Block]) -> str:
    """The blocks as an HTML document."""
    rows = "\n".join(f'<tr><td style="padding:0 0 20px 0;">{_html(block)}</td></tr>' for block in blocks)
    return _DOCUMENT.replace("[TITLE]", _words(title)).replace("[ROWS]", rows)


def _text(block: Block) -> str:
    match block:
        case Paragraph(text) | Note(text):
            return text
        case Code(text):
            return f"    {text}"
        case Button(label, url):
            return f"{label}:\n{url}"
        case Facts(rows):
            return "\n".join(f"{name}: {value}" for name, value in rows)
        case Lines(heading, value):
            return f"{heading}:\n\n{value}"
        case _:
            assert_never(block)


def _html(block: Block) -> str:
    match block:
        case Paragraph(text):
            return _paragraph("ink", "color:#1f2933;font-size:16px;line-height:24px;", text)
        case Code(text):
            return (
                '<p class="well ink" style="margin:0;padding:14px 16px;background-color:#eef1f4;color:#1f2933;'
                f'border-radius:6px;{MONO}font-size:26px;line-height:34px;letter-spacing:3px;">{_words(text)}</p>'
            )
        case Button():
            return _button(block)
        case Facts(rows):
            return (
                '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">\n'
                + "\n".join(_fact(name, value) for name, value in rows)
                + "\n</table>"
            )
        case Lines(heading, value):
            return (
                f'<p class="soft" style="margin:0 0 8px 0;color:#52606d;{FONT}font-size:14px;line-height:20px;">'
                f"{_words(heading)}</p>\n"
                '<pre class="well ink" style="margin:0;padding:12px 16px;background-color:#eef1f4;color:#1f2933;'
                f"border-radius:6px;{FONT}font-size:15px;line-height:22px;white-space:pre-wrap;word-wrap:break-word;"
                f'">{_words(value)}</pre>'
            )
        case Note(text):
            return _paragraph("soft", "color:#52606d;font-size:13px;line-height:19px;", text)
        case _:
            assert_never(block)


def _paragraph(kind: str, style: str, text: str) -> str:
    return f'<p class="{kind}" style="margin:0;{FONT}{style}">{_words(text)}</p>'


def _button(button: Button) -> str:
    """A cell with a colour and a link that fills it: what Outlook, too, shows as a button."""
    if button.is_main:
        kind, fill, edge, ink = "act", "#1d4f91", "#1d4f91", "#f5f8fc"
    else:
        kind, fill, edge, ink = "well", "#eef1f4", "#9aa5b1", "#1f2933"
    return (
        '<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr>'
        f'<td class="{kind}" bgcolor="{fill}" style="border-radius:6px;background-color:{fill};'
        f'border:1px solid {edge};">'
        f'<a class="{kind}-link" href="{escape(button.url)}" style="display:inline-block;padding:12px 22px;'
        f'color:{ink};{FONT}font-size:16px;line-height:20px;font-weight:bold;text-decoration:none;">'
        f"{_words(button.label)}</a></td></tr></table>"
    )


def _fact(name: str, value: str) -> str:
    cell = f"padding:6px 0;{FONT}font-size:15px;line-height:22px;vertical-align:top;"
    return (
        f'<tr><td class="soft" width="38%" style="{cell}padding-right:12px;color:#52606d;">{_words(name)}</td>'
        f'<td class="ink" style="{cell}color:#1f2933;">{_words(value)}</td></tr>'
    )


def _words(text: str) -> str:
    """Our own words; the tags in them have no character that this changes."""
    return escape(text, quote=False)


_DOCUMENT: Final = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>[TITLE]</title>
<style>
:root {{ color-scheme: light dark; supported-color-schemes: light dark; }}
@media (prefers-color-scheme: dark) {{
  .page {{ background-color: #14181d !important; }}
  .card {{ background-color: #1d232a !important; border-color: #3a444f !important; }}
  .well {{ background-color: #29313a !important; }}
  .act {{ background-color: #2f6db8 !important; border-color: #2f6db8 !important; }}
  .ink, .well-link {{ color: #e8ecf0 !important; }}
  .soft {{ color: #a9b4bf !important; }}
}}
</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#f3f5f7;">
<table class="page" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#f3f5f7" \
style="background-color:#f3f5f7;">
<tr><td align="center" style="padding:24px 12px;">
<table class="card" role="presentation" width="{WIDTH}" cellpadding="0" cellspacing="0" border="0" bgcolor="#fcfdfe" \
style="width:100%;max-width:{WIDTH}px;background-color:#fcfdfe;border:1px solid #d8dee4;border-radius:8px;">
<tr><td align="left" style="padding:28px 28px 8px 28px;">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr><td style="padding:0 0 16px 0;">\
<h1 class="ink" style="margin:0;color:#1f2933;{FONT}font-size:22px;line-height:30px;font-weight:bold;">[TITLE]</h1>\
</td></tr>
[ROWS]
</table>
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
"""
