"""format=flowed text (RFC 3676): soft-broken lines become the paragraphs that the writer typed."""

__all__ = ["unflow"]

_SIGNATURE = "-- "


def unflow(text: str, *, delsp: bool = False) -> str:
    """Join soft line breaks, undo space-stuffing, keep quote marks.

    Args:
        text: decoded text with LF line ends.
        delsp: the parameter of RFC 3676 section 4.1: the space before a soft break is not part of the text.
    """
    done: list[str] = []
    paragraph: list[str] = []
    paragraph_depth = 0

    def flush() -> None:
        if paragraph:
            mark = ">" * paragraph_depth + " " if paragraph_depth else ""
            done.append(mark + "".join(paragraph))
            paragraph.clear()

    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        if paragraph and depth != paragraph_depth:
            flush()  # RFC 3676 section 4.5: a change of depth ends the paragraph
        paragraph_depth = depth
        # Section 4.3: the signature delimiter is never flowed, into either direction.
        if content == _SIGNATURE:
            flush()
            paragraph.append(content)
            flush()
        elif content.endswith(" "):
            paragraph.append(content[:-1] if delsp else content)
        else:
            paragraph.append(content)
            flush()
    flush()
    return "\n".join(done)
