"""Which endpoint a path means: a tree of segments, matched before percent-encoding can mislead.

Segments are decoded one by one, so that an encoded slash inside a parameter stays inside it.
"""

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from attrs import define, field

__all__ = ["MethodUnknown", "Router"]

E = TypeVar("E")


class MethodUnknown(Exception):
    """The path exists, the method does not."""


@define
class _Node(Generic[E]):
    children: "dict[str, _Node[E]]" = field(factory=dict)
    parameter: "_Node[E] | None" = None
    endpoints: dict[str, tuple[E, tuple[str, ...]]] = field(factory=dict)


class Router(Generic[E]):
    """Paths to endpoints. A literal segment wins over a parameter where both have the method."""

    def __init__(self, endpoints: Iterable[tuple[str, str, E]]) -> None:
        self._root: _Node[E] = _Node()
        for method, path, endpoint in endpoints:
            self._add(method, path, endpoint)

    def find(self, method: str, segments: Sequence[str]) -> tuple[E, dict[str, str]] | None:
        """The endpoint and its path parameters, or None for an unknown path.

        Raises:
            MethodUnknown: the path is known, for other methods.
        """
        known = False
        for node, values in self._match(self._root, segments, 0, ()):
            if not node.endpoints:
                continue
            known = True
            if method in node.endpoints:
                endpoint, names = node.endpoints[method]
                return endpoint, dict(zip(names, values, strict=True))
        if known:
            raise MethodUnknown
        return None

    def _match(
        self, node: _Node[E], segments: Sequence[str], depth: int, values: tuple[str, ...]
    ) -> "Iterable[tuple[_Node[E], tuple[str, ...]]]":
        if depth == len(segments):
            yield node, values
            return
        segment = segments[depth]
        if segment in node.children:
            yield from self._match(node.children[segment], segments, depth + 1, values)
        # An empty segment is a trailing or doubled slash, never a parameter.
        if segment and node.parameter is not None:
            yield from self._match(node.parameter, segments, depth + 1, (*values, segment))

    def _add(self, method: str, path: str, endpoint: E) -> None:
        node, names = self._root, list[str]()
        for segment in path.removeprefix("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
        if method in node.endpoints:
            raise ValueError(f"{method} {path} is declared twice")
        node.endpoints[method] = (endpoint, tuple(names))
