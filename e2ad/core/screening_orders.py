"""Which words together make an order to a machine, whatever the language: meanings that stand near each other.

A grammar of each language would be long and brittle; the order of words differs, the set of meanings does not.
`find` looks at each word once and keeps for each meaning where it was seen last.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from e2ad.core.screening_words import Meaning

__all__ = ["MOST_WORDS", "Found", "Order", "find", "order_named", "within_quotes"]

MOST_WORDS: Final = 60_000
"""Words with a meaning that are looked at in one text; a mail with more is no letter."""
_MOST_OF_ONE: Final = 12


@frozen
class Order:
    """An order that may be given.

    Attributes:
        needs: for each place any of these meanings; `ordered`: in this order.
        span: in so many words.
        close: the last two places within so many words.
    """

    name: str
    score: float
    span: int
    needs: tuple[Meaning, ...]
    summary: str
    ordered: bool = False
    close: int | None = None


@frozen
class Found:
    """An order, and the first and the last word of it."""

    order: Order
    first: int
    last: int


_M = Meaning
_OVERRIDE = "asks a machine to ignore its instructions"
_LEAK = "asks for the instructions that a machine was given"
_SECRET = "asks for passwords or keys"  # noqa: S105 - a sentence about secrets
_EXFILTRATION = "asks to send mail or contacts elsewhere"
_CONCEAL = "asks to keep something from the user"
_ROLE = "gives a machine another role"
_ADDRESSED = "addresses a machine that reads the mail"
_TOOL = "asks a machine to run something"
_ORDERS: Final = (
    Order("instruction_override", 0.85, 9, (_M.IGNORE, _M.PRIOR, _M.RULES), _OVERRIDE, close=4),
    Order("instruction_override", 0.65, 6, (_M.IGNORE, _M.SYSTEM | _M.YOUR, _M.RULES), _OVERRIDE, close=3),
    Order("instruction_override", 0.45, 5, (_M.IGNORE, _M.ALL, _M.RULES), _OVERRIDE),
    Order("instruction_override", 0.6, 8, (_M.NOT, _M.FOLLOW, _M.PRIOR, _M.RULES), _OVERRIDE, close=4),
    Order("instruction_override", 0.45, 4, (_M.NEW, _M.SYSTEM, _M.RULES), _OVERRIDE, ordered=True),
    Order("prompt_leak", 0.45, 9, (_M.REVEAL | _M.SEND | _M.TELL, _M.SYSTEM, _M.PROMPT), _LEAK),
    Order("prompt_leak", 0.75, 9, (_M.REVEAL | _M.SEND | _M.TELL, _M.YOUR, _M.SYSTEM, _M.PROMPT), _LEAK),
    Order("prompt_leak", 0.6, 8, (_M.REVEAL | _M.SEND, _M.YOUR, _M.SYSTEM | _M.PRIOR, _M.RULES), _LEAK),
    Order("prompt_leak", 0.6, 10, (_M.REVEAL, _M.PRIOR | _M.SYSTEM | _M.YOUR, _M.RULES, _M.VERBATIM), _LEAK),
    Order("prompt_leak", 0.5, 6, (_M.REVEAL | _M.SEND, _M.YOUR, _M.PROMPT), _LEAK),
    Order("secret_request", 0.35, 9, (_M.REVEAL | _M.SEND, _M.SECRET), _SECRET),
    Order("secret_request", 0.5, 9, (_M.REVEAL | _M.SEND, _M.ALL | _M.MACHINE | _M.SYSTEM, _M.SECRET), _SECRET),
    Order("mail_exfiltration", 0.35, 9, (_M.SEND, _M.ALL, _M.MAILS), _EXFILTRATION),
    Order("mail_exfiltration", 0.35, 4, (_M.SEND, _M.ALL, _M.ONE_MAIL), _EXFILTRATION, ordered=True),
    Order("mail_exfiltration", 0.6, 16, (_M.SEND, _M.ALL, _M.MAILS, _M.SECRET), _EXFILTRATION),
    Order("mail_exfiltration", 0.6, 14, (_M.SEND, _M.SILENT, _M.MAILS), _EXFILTRATION),
    Order("concealment", 0.5, 7, (_M.NOT, _M.TELL, _M.USER), _CONCEAL),
    Order("concealment", 0.5, 6, (_M.SILENT, _M.SEND | _M.EXECUTE | _M.DELETE), _CONCEAL),
    Order("role_change", 0.6, 9, (_M.YOU_ARE, _M.NOW, _M.MACHINE | _M.MODE | _M.WEAK_MACHINE), _ROLE),
    Order("role_change", 0.55, 9, (_M.ACT_AS | _M.YOU_ARE, _M.MACHINE | _M.WEAK_MACHINE, _M.MODE), _ROLE),
    Order("role_change", 0.5, 8, (_M.YOU_ARE | _M.ACT_AS | _M.EXECUTE | _M.NOW, _M.NOT, _M.MODE), _ROLE),
    Order("machine_addressed", 0.4, 7, (_M.IF, _M.YOU_ARE, _M.MACHINE | _M.WEAK_MACHINE), _ADDRESSED, ordered=True),
    Order("machine_addressed", 0.3, 5, (_M.NOTE, _M.FOR, _M.MACHINE), _ADDRESSED, ordered=True),
    Order(
        "machine_addressed",
        0.55,
        14,
        (_M.NOTE, _M.FOR, _M.MACHINE | _M.WEAK_MACHINE, _M.MUST),
        _ADDRESSED,
        ordered=True,
    ),
    Order("machine_addressed", 0.45, 10, (_M.MACHINE, _M.READING, _M.MUST), _ADDRESSED),
    Order("machine_addressed", 0.4, 8, (_M.WEAK_MACHINE, _M.READING, _M.MUST), _ADDRESSED),
    Order("tool_call", 0.2, 5, (_M.EXECUTE, _M.TOOL), _TOOL),
    Order("tool_call", 0.45, 12, (_M.MACHINE, _M.EXECUTE, _M.TOOL, _M.MUST), _TOOL),
    Order("unasked_action", 0.4, 9, (_M.NOT, _M.ASK, _M.SEND | _M.DELETE | _M.EXECUTE), "asks to act without asking"),
    Order("mail_deletion", 0.35, 6, (_M.DELETE, _M.ALL, _M.MAILS), "asks to delete mail"),
)


def order_named(name: str) -> str:
    """What such an order is, in a sentence."""
    return next(order.summary for order in _ORDERS if order.name == name)


@frozen
class _Rule:
    """An order, compiled: each need is the bits that answer it."""

    order: Order
    needs: tuple[tuple[int, ...], ...]


def _bits(meaning: int) -> tuple[int, ...]:
    return tuple(bit for bit in range(meaning.bit_length()) if meaning >> bit & 1)


_RULES: Final = [_Rule(order, tuple(_bits(need) for need in order.needs)) for order in _ORDERS]
_BY_BIT: Final = {
    bit: tuple(number for number, rule in enumerate(_RULES) if any(bit in need for need in rule.needs))
    for bit in range(len(Meaning))
}


@define
class _Search:
    """Where each meaning was seen last, and what was found."""

    seen: list[int] = field(factory=lambda: [-1_000_000] * len(Meaning))
    found: list[Found] = field(factory=list)
    count: list[int] = field(factory=lambda: [0] * len(_RULES))
    done: int = 0
    """Orders that were found often enough."""

    def meet(self, position: int, bits: tuple[int, ...], rules: tuple[int, ...]) -> None:
        """A word with these meanings."""
        for bit in bits:
            self.seen[bit] = position
        for number in rules:
            rule = _RULES[number]
            first = self._first(rule, position)
            if first is not None:
                self.count[number] += 1
                self.done += self.count[number] == _MOST_OF_ONE
                self.found.append(Found(rule.order, first, position))

    def _first(self, rule: _Rule, position: int) -> int | None:
        seen, earliest, oldest, before = self.seen, position - rule.order.span, position, -1
        for need in rule.needs:
            at = seen[need[0]] if len(need) == 1 else max([seen[bit] for bit in need])
            if at < earliest or (rule.order.ordered and at < before):
                return None
            before = at
            oldest = min(oldest, at)
        close = rule.order.close
        if close is not None:
            last, one = (max([seen[bit] for bit in need]) for need in rule.needs[-2:])
            if abs(last - one) > close:
                return None
        # One word cannot give the whole order, however much it means.
        return oldest if oldest < position else None


def find(words: Sequence[tuple[int, int]]) -> list[Found]:
    """The orders in a text.

    Args:
        words: of each word with a meaning its position, ascending, and its `Meaning` bits.
    """
    search = _Search()
    known: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    done = 0
    for position, mask in words[:MOST_WORDS]:
        if mask not in known:
            bits = _bits(mask)
            rules = {number for bit in bits for number in _BY_BIT[bit] if search.count[number] < _MOST_OF_ONE}
            known[mask] = bits, tuple(sorted(rules))
        search.meet(position, *known[mask])
        if search.done != done:
            done = search.done
            known.clear()
    return search.found


def within_quotes(quotes: Sequence[int], paragraphs: Sequence[int], first: int, last: int) -> bool:
    """Does it stand between two quotation marks of one paragraph?

    Args:
        quotes: positions of quotation marks.
        paragraphs: positions at which paragraphs begin.
    """
    start = paragraphs[bisect_right(paragraphs, first) - 1] if paragraphs else 0
    before = bisect_left(quotes, first) - bisect_left(quotes, start)
    after = bisect_right(quotes, last)
    return before % 2 == 1 and after < len(quotes) and quotes[after] - last < _LONGEST_QUOTATION


_LONGEST_QUOTATION: Final = 80
