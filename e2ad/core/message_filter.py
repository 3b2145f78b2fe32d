"""The message filter: a small language for listing mail, compiled to data that PostgreSQL evaluates.

Nothing a caller writes becomes SQL. The whole filter becomes one `jsonpath` value, in which the
caller's text stands only inside string literals and regular expressions whose every special
character is escaped; it is sent as a parameter. What every match must fulfil is given besides
as plain bounds, for which there are indexes (contract: message filter).
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from attrs import evolve, field, frozen

from e2ad.core.errors import InvalidFilter
from e2ad.core.message_filter_grammar import (
    AllOf,
    AnyOf,
    Created,
    Label,
    Node,
    Not,
    Text,
    joined,
    like_literal,
    parse,
    wrong,
)

__all__ = ["MAX_CHARACTERS", "Bounds", "MessageFilter", "compile_filter", "like_pattern"]

MAX_CHARACTERS: Final = 500

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@frozen
class Bounds:
    """What every message that matches fulfils: conditions that an index can answer. Necessary, not sufficient."""

    subject_like: str | None = None
    from_like: str | None = None
    labels: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


@frozen
class MessageFilter:
    """A compiled filter.

    Attributes:
        path: a jsonpath predicate over `{"s": subject, "f": from, "l": labels, "t": microseconds since 1970}`.
        bounds: what must hold besides.
    """

    path: str
    bounds: Bounds = field(factory=Bounds)


def compile_filter(text: str) -> MessageFilter | None:
    """Compile a filter; None for one that is blank and so restricts nothing.

    Raises:
        InvalidFilter: with the column, counted in characters from 1, of what is wrong.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidFilter(f"the filter has {len(text)} characters; at most {MAX_CHARACTERS} are taken")
    if "\0" in text:
        raise wrong(text.index("\0"), "a NUL character")
    if not text.strip():
        return None
    node = _merge(parse(text))
    return MessageFilter(_path(node), _bounds(node))


def like_pattern(text: str) -> str:
    """A LIKE pattern for "contains `text`", in which the caller's `%`, `_` and backslash stand for themselves."""
    return f"%{like_literal(text)}%"


def _merge(node: Node) -> Node:
    """The same filter with one regular expression in place of many on the same field.

    PostgreSQL keeps only a few compiled expressions; a long list of senders must not have it
    compile each one anew for each message.
    """
    match node:
        case Not(inner):
            return Not(_merge(inner))
        case AnyOf(nodes):
            return joined(AnyOf, _one_text_each([_merge(inner) for inner in nodes]))
        case AllOf(nodes):
            merged = [_merge(inner) for inner in nodes]
            refused = [inner.node for inner in merged if isinstance(inner, Not)]
            kept = [inner for inner in merged if not isinstance(inner, Not)]
            # not a and not b is not (a or b), which can be merged again.
            return joined(AllOf, [*kept, *([Not(joined(AnyOf, _one_text_each(refused)))] if refused else [])])
        case Text() | Label() | Created():
            return node
        case _:
            assert_never(node)


def _one_text_each(nodes: Iterable[Node]) -> list[Node]:
    merged: list[Node] = []
    position: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, Text) and node.name in position:
            earlier = merged[position[node.name]]
            assert isinstance(earlier, Text)
            # No single LIKE pattern stands for two; without one the index is not asked.
            merged[position[node.name]] = evolve(earlier, regex=f"{earlier.regex}|{node.regex}", like="%")
            continue
        if isinstance(node, Text):
            position[node.name] = len(merged)
        merged.append(node)
    return merged


def _path(node: Node) -> str:
    match node:
        case Text(name, regex, _):
            return f'$.{name} like_regex {json.dumps(regex, ensure_ascii=False)} flag "is"'
        case Label(label):
            return f"$.l[*] == {json.dumps(label)}"
        case Created(since, until):
            parts = [f"$.t >= {_microseconds(since)}"] if since else []
            parts += [f"$.t < {_microseconds(until)}"] if until else []
            return " && ".join(f"({part})" for part in parts)
        case Not(inner):
            return f"!({_path(inner)})"
        case AllOf(nodes):
            return " && ".join(f"({_path(inner)})" for inner in nodes)
        case AnyOf(nodes):
            return " || ".join(f"({_path(inner)})" for inner in nodes)
        case _:
            assert_never(node)


def _bounds(node: Node) -> Bounds:
    bounds = Bounds()
    waiting = [node]
    while waiting:
        match waiting.pop():
            case AllOf(nodes):
                waiting.extend(nodes)
            case Text("s", _, like) if like != "%":
                bounds = evolve(bounds, subject_like=_longer(bounds.subject_like, like))
            case Text("f", _, like) if like != "%":
                bounds = evolve(bounds, from_like=_longer(bounds.from_like, like))
            case Label(label):
                bounds = evolve(bounds, labels=(*bounds.labels, label))
            case Created(since, until):
                bounds = evolve(
                    bounds,
                    since=max((at for at in (bounds.since, since) if at), default=None),
                    until=min((at for at in (bounds.until, until) if at), default=None),
                )
            case _:
                pass
    return bounds


def _longer(first: str | None, second: str) -> str:
    """The pattern that is likely to be the more selective."""
    return second if first is None or len(second) > len(first) else first


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
