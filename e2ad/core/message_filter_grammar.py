"""The grammar of the message filter: from text to a tree of conditions.

::

    filter   = clause *( "AND" clause )        explicit AND binds loosest
    clause   = choice *( choice )              a blank is an AND that binds tighter than "AND"
    choice   = unary *( "OR" unary )
    unary    = ( "NOT" / "-" ) unary / "(" filter ")" / term
    term     = "label" ":" value
             / ( "from" / "subject" ) ( ":" / "=" / "!=" ) value
             / "created" ( "=" / "!=" / "<" / "<=" / ">" / ">=" ) value
    value    = quoted string with \\" and \\\\ / characters up to a blank or parenthesis

Depth and number of nodes are bounded (contract: message filter), so that no filter can exhaust
Python's stack or the server's patience.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias

from attrs import frozen

from e2ad.core.errors import InvalidFilter
from e2ad.core.events import parse_rfc3339

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "AllOf",
    "AnyOf",
    "Created",
    "Label",
    "Node",
    "Not",
    "Text",
    "joined",
    "like_literal",
    "parse",
    "wrong",
]

MAX_DEPTH: Final = 64
MAX_NODES: Final = 512

_LABEL = re.compile(r"[a-z0-9:_-]{1,64}\Z")
_WORD = re.compile(r"[^\s()\":=!<>]+")
_OPERATOR = re.compile(r"!=|<=|>=|[:=<>]")
_BARE = re.compile(r"[^\s()\"]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_BLANK = re.compile(r"\s*")
_OPERATORS: Final = {
    "label": (":",),
    "from": (":", "=", "!="),
    "subject": (":", "=", "!="),
    "created": ("=", "!=", "<", "<=", ">", ">="),
}
_MICROSECOND = timedelta(microseconds=1)


@frozen
class Text:
    """A field matches a regular expression; `like` is the same as a LIKE pattern."""

    name: str
    regex: str
    like: str


@frozen
class Label:
    """The message carries the label."""

    label: str


@frozen
class Created:
    """`created_at` lies in [since, until); None is open."""

    since: datetime | None
    until: datetime | None


@frozen
class Not:
    """Negation."""

    node: "Node"


@frozen
class AllOf:
    """Conjunction."""

    nodes: "tuple[Node, ...]"


@frozen
class AnyOf:
    """Disjunction."""

    nodes: "tuple[Node, ...]"


Node: TypeAlias = Text | Label | Created | Not | AllOf | AnyOf


def parse(text: str) -> Node:
    """The conditions that a filter names.

    Raises:
        InvalidFilter: with the column, counted in characters from 1, of what is wrong.
    """
    return _Parser(text).parse()


def joined(kind: type[AllOf] | type[AnyOf], nodes: Sequence[Node]) -> Node:
    """The nodes under one `kind`; one alone needs none."""
    return nodes[0] if len(nodes) == 1 else kind(tuple(nodes))


def like_literal(text: str) -> str:
    """A LIKE pattern that matches `text` alone."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def wrong(position: int, what: str) -> InvalidFilter:
    """The failure that points at a character."""
    return InvalidFilter(f"filter, column {position + 1}: {what}")


class _Parser:
    """Recursive descent over one filter; its depth is bounded before Python's is."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._nodes = 0

    def parse(self) -> Node:
        node = self._filter(1)
        if self._at < len(self._text):
            raise wrong(self._at, f"unexpected {self._text[self._at]!r}")
        return node

    def _filter(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise wrong(self._at, f"nested more than {MAX_DEPTH} deep")
        clauses = [self._clause(depth)]
        while self._keyword("AND"):
            clauses.append(self._clause(depth))
        return self._node(joined(AllOf, clauses))

    def _clause(self, depth: int) -> Node:
        choices = [self._choice(depth)]
        while not self._at_end() and not self._peek("AND"):
            choices.append(self._choice(depth))
        return joined(AllOf, choices)

    def _choice(self, depth: int) -> Node:
        options = [self._unary(depth)]
        while self._keyword("OR"):
            options.append(self._unary(depth))
        return joined(AnyOf, options)

    def _unary(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise wrong(self._at, f"nested more than {MAX_DEPTH} deep")
        self._skip()
        if self._keyword("NOT") or self._character("-"):
            return self._node(Not(self._unary(depth + 1)))
        if self._character("("):
            opened = self._at
            node = self._filter(depth + 1)
            self._skip()
            if not self._character(")"):
                raise wrong(opened - 1, "this parenthesis is never closed")
            return node
        return self._node(self._term())

    def _term(self) -> Node:
        start = self._at
        word = _WORD.match(self._text, start)
        if word is None:
            raise wrong(start, "expected a term such as subject:invoice")
        name = word.group()
        if name in ("AND", "OR", "NOT"):
            raise wrong(start, f"{name} needs a term on each side" if name != "NOT" else "NOT needs a term")
        self._at = word.end()
        self._skip()
        operator = _OPERATOR.match(self._text, self._at)
        if operator is None:
            raise wrong(start, f"{name!r} is not a term: write field, operator and value, such as subject:{name}")
        if name not in _OPERATORS:
            raise wrong(start, f"unknown field {name!r}; the fields are {', '.join(_OPERATORS)}")
        if operator.group() not in _OPERATORS[name]:
            raise wrong(self._at, f"{name} takes {' '.join(_OPERATORS[name])}, not {operator.group()}")
        self._at = operator.end()
        self._skip()
        at = self._at
        value = self._value()
        return _TERMS[name](operator.group(), value, at)

    def _value(self) -> str:
        if self._text.startswith('"', self._at):
            quoted = _QUOTED.match(self._text, self._at)
            if quoted is None:
                raise wrong(self._at, 'a quoted string ends with " and knows the escapes \\" and \\\\ alone')
            self._at = quoted.end()
            following = self._text[self._at : self._at + 1]
            if following and not following.isspace() and following not in "()":
                raise wrong(self._at, "expected a blank after the quoted string")
            return re.sub(r"\\(.)", r"\1", quoted.group(1))
        bare = _BARE.match(self._text, self._at)
        if bare is None:
            raise wrong(self._at, "a value is missing")
        self._at = bare.end()
        if self._text.startswith('"', self._at):
            raise wrong(self._at, 'put the whole value in quotes, or write \\" inside them')
        return bare.group()

    def _node(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise wrong(self._at, f"more than {MAX_NODES} terms and operators")
        return node

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at

    def _at_end(self) -> bool:
        self._skip()
        return self._at >= len(self._text) or self._text[self._at] == ")"

    def _peek(self, keyword: str) -> bool:
        word = _WORD.match(self._text, self._at)
        return word is not None and word.group() == keyword

    def _keyword(self, keyword: str) -> bool:
        self._skip()
        if not self._peek(keyword):
            return False
        self._at += len(keyword)
        return True

    def _character(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True


def _label_term(_: str, value: str, at: int) -> Node:
    label = value.strip().lower()
    if not _LABEL.match(label):
        raise wrong(at, "a label has 1 to 64 characters of a-z, 0-9, : _ and -")
    return Label(label)


def _text_term(name: str) -> Callable[[str, str, int], Node]:
    def term(operator: str, value: str, at: int) -> Node:
        if operator == ":" and not value:
            raise wrong(at, "an empty value matches everything: leave the term out")
        if operator == ":":
            pieces = value.split("*")
            return Text(
                name,
                ".*".join(_regex_literal(piece) for piece in pieces),
                f"%{'%'.join(like_literal(piece) for piece in pieces)}%",
            )
        exact = Text(name, f"^{_regex_literal(value)}$", like_literal(value))
        return exact if operator == "=" else Not(exact)

    return term


def _created_term(operator: str, value: str, at: int) -> Node:
    try:
        start, end = _instant(value)
    except (ValueError, OverflowError):
        raise wrong(at, "created takes a time such as 2026-07-23T10:00:00Z or a day such as 2026-07-23") from None
    match operator:
        case "=":
            return Created(start, end)
        case "!=":
            return Not(Created(start, end))
        case "<":
            return Created(None, start)
        case "<=":
            return Created(None, end)
        case ">":
            return Created(end, None)
        case _:
            return Created(start, None)


def _instant(value: str) -> tuple[datetime, datetime]:
    """The first instant that is meant, and the first one after it: a day or a microsecond."""
    if len(value) == len("2026-07-23"):
        start = datetime.combine(date.fromisoformat(value), time(), UTC)
        return start, start + timedelta(days=1)
    start = parse_rfc3339(value)
    return start, start + _MICROSECOND


_TERMS: Final[dict[str, Callable[[str, str, int], Node]]] = {
    "label": _label_term,
    "from": _text_term("f"),
    "subject": _text_term("s"),
    "created": _created_term,
}


def _regex_literal(text: str) -> str:
    """Every ASCII character that is no letter or digit, escaped: such an escape always means the character."""
    return "".join(c if c.isalnum() or not c.isascii() else f"\\u{ord(c):04x}" for c in text)
