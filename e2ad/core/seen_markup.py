"""HTML without the text that it hides from people, for readers that would take it for a part of the mail."""

from e2ad.core.screening_markup import read_page

__all__ = ["seen_markup"]


def seen_markup(markup: str) -> tuple[str, int]:
    """The markup without hidden text and pictures, and how many characters, blanks aside, are gone. Linear; total."""
    pieces, position, hidden = list[str](), 0, 0
    for start, end in read_page(markup).unseen:
        pieces.append(markup[position:start])
        hidden += len("".join(markup[start:end].split()))
        position = end
    return "".join([*pieces, markup[position:]]), hidden
