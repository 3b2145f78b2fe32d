"""What people and agents write into a search box, as a query for PostgreSQL and as terms to highlight.

::

    query  = *( [ "-" ] choice )             all of them
    choice = term *( "OR" term )             any of them; binds tighter
    term   = [ ( "from" / "subject" ) ":" ] ( word / quoted ) / "has:attachment"
    word   = characters up to a blank        found as the beginning of a word
    quoted = DQUOTE *character DQUOTE        these words in this order, as they are

Nothing is a syntax of its own besides that: other signs only separate words, so that an address or a date is
what it looks like. Nothing of what a caller writes becomes SQL: the query is a `tsquery` whose lexemes are
letters and digits. A hyphen before a choice refuses all of it.
"""

import re
from typing import Final

from attrs import field, frozen

from e2ad.core.errors import InvalidFilter
from e2ad.core.search_words import ATTACHED, bigrams, inbox_lexeme, words

__all__ = ["MAX_CHARACTERS", "MAX_TERMS", "Search", "Term", "compile_search"]

MAX_CHARACTERS: Final = 500
MAX_TERMS: Final = 32

_TOKEN: Final = re.compile(r'(-)?(?:([a-z]+):)?(?:"([^"]*)(")?|([^\s"]+))')
_FIELDS: Final = {"from": "B", "subject": "A"}
_EMPTY: Final = frozenset({"from:", "subject:", "has:"})


@frozen
class Term:
    """Words that stand side by side.

    Attributes:
        words: folded; of each, whether it is a run of a script without blanks.
        beginning: the last one may be the beginning of a longer word.
        weight: of the field that it is looked for in; "" for all.
    """

    words: tuple[tuple[str, bool], ...]
    beginning: bool
    weight: str = ""


@frozen
class Search:
    """A query, compiled.

    Attributes:
        tsquery: without the inbox; "" for a query that nothing can match, because no word is in it.
        terms: what is wanted, not what is refused.
    """

    tsquery: str
    terms: tuple[Term, ...] = field(factory=tuple)

    def within(self, agent_email: str) -> str:
        """The query inside one agent's inbox."""
        return f"'{inbox_lexeme(agent_email)}' & {self.tsquery}"


def compile_search(text: str) -> Search | None:
    """Compile what was written; None for a blank one, which restricts nothing.

    Raises:
        InvalidFilter: with the column, counted in characters from 1, of what is wrong.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidFilter(f"the search has {len(text)} characters; at most {MAX_CHARACTERS} are taken")
    if not text.strip():
        return None
    return _Reader().read(text)


class _Reader:
    """One pass over the tokens."""

    def __init__(self) -> None:
        self._all: list[str] = []
        self._choice: list[str] = []
        self._refused = False
        self._or_at: int | None = None
        self._begun = False
        self._terms: list[Term] = []
        self._count = 0

    def read(self, text: str) -> Search:
        at = 0
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            found = _TOKEN.match(text, at)
            assert found is not None, "whatever is no blank begins a token"
            self._token(found)
            at = found.end()
        if self._or_at is not None:
            raise _wrong(self._or_at, "OR needs a word on each side")
        self._end_choice()
        return Search(" & ".join(self._all), tuple(self._terms))

    def _token(self, found: re.Match[str]) -> None:
        minus, name, quoted, closed, bare = found.groups()
        start = found.start()
        if bare == "OR" and not minus and not name:
            if not self._begun or self._or_at is not None:
                raise _wrong(start, "OR needs a word on each side")
            self._or_at = start
            return
        if minus and self._or_at is not None:
            raise _wrong(start, "write the minus before the whole choice: -one OR two refuses both")
        self._count += 1
        if self._count > MAX_TERMS:
            raise _wrong(start, f"more than {MAX_TERMS} terms")
        if quoted is not None and closed is None:
            raise _wrong(found.start(3) - 1, "this quotation mark has no partner")
        if self._or_at is None:
            self._end_choice()
            self._refused = bool(minus)
        self._or_at, self._begun = None, True
        self._choose(name, quoted, bare, start)

    def _choose(self, name: str | None, quoted: str | None, bare: str | None, start: int) -> None:
        if name == "has":
            if (quoted if quoted is not None else bare) != "attachment":
                raise _wrong(start, "has: knows attachment alone")
            self._choice.append(f"'{ATTACHED}'")
            return
        if bare in _EMPTY:
            raise _wrong(start, f"{bare} needs a word behind the colon")
        weight = _FIELDS.get(name or "", "")
        value = quoted if quoted is not None else bare or ""
        if name and not weight:
            # A colon inside any other word is a sign like others: 10:30, https://example.org.
            value = f"{name} {value}"
        term = Term(tuple(words(value)), quoted is None, weight)
        if not term.words:
            if weight:
                raise _wrong(start, f"{name}: needs a word behind the colon")
            return
        self._choice.append(_tsquery(term))
        if not self._refused:
            self._terms.append(term)

    def _end_choice(self) -> None:
        if self._choice:
            choice = " | ".join(self._choice)
            self._all.append(f"!({choice})" if self._refused else f"({choice})")
        self._choice = []


def _tsquery(term: Term) -> str:
    lexemes: list[str] = []
    for number, (word, dense) in enumerate(term.words):
        last = number == len(term.words) - 1
        if dense and len(word) > 1:
            # A run ends in its last character alone: what follows it stands behind that one.
            parts = bigrams(word) if last else [*bigrams(word), word[-1]]
            lexemes += [_lexeme(part, term.weight, beginning=False) for part in parts]
        else:
            # One letter begins half of all words; one character of Han or Thai begins the pairs that it is in.
            beginning = last and (dense or (term.beginning and len(word) > 1))
            lexemes.append(_lexeme(word, term.weight, beginning=beginning))
    return f"({' <-> '.join(lexemes)})" if len(lexemes) > 1 else lexemes[0]


def _lexeme(word: str, weight: str, *, beginning: bool) -> str:
    marks = ("*" if beginning else "") + weight
    return f"'{word}':{marks}" if marks else f"'{word}'"


def _wrong(position: int, what: str) -> InvalidFilter:
    return InvalidFilter(f"search, column {position + 1}: {what}")
