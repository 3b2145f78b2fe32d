"""A set that remembers the newest of what it was told, and no more."""

from collections import OrderedDict
from collections.abc import Iterable

__all__ = ["Recent"]


class Recent:
    """The last `limit` texts, so that what this process did itself is not done again on hearsay."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, text: object) -> bool:
        return text in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, texts: Iterable[str]) -> None:
        """Remember these, forget the oldest."""
        for text in texts:
            self._known[text] = None
            self._known.move_to_end(text)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
