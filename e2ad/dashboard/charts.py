"""Charts as SVG, made on the server: pure functions of numbers and words.

Lengths across are percentages and lengths down are pixels: a chart is as wide as its box, and its words keep their
size on a phone. Colours are the page's, by class; beside its colour each series has a pattern or a shape, and its
numbers are in a table on the page. What is not a number, or below zero, is not drawn.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final, Literal

from attrs import frozen
from markupsafe import Markup, escape

__all__ = ["Look", "Series", "Slot", "bars", "count", "duration", "lines", "sparks", "swatch", "ticks"]

Look = Literal["solid", "hatch", "dots", "cross", "outline"]
Words = Callable[[float], str]

HEIGHT: Final = 190
SPARK: Final = 34
_TOP: Final = 10
_FOOT: Final = 24
_LINES: Final = 4
_DURATIONS: Final = (
    (0.001, "1 ms"), (0.01, "10 ms"), (0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"),
    (3600.0, "1 h"), (21_600.0, "6 h"), (86_400.0, "1 d"), (604_800.0, "1 wk"), (2_592_000.0, "30 d"),
)  # fmt: skip
_UNITS: Final = ((1e15, "quadrillion"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k"))
_PATTERNS: Final = {
    "hatch": '<path d="M-2 2l4-4M0 8l8-8M6 10l4-4"/>',
    "dots": '<circle cx="2" cy="2" r="1.2"/><circle cx="6" cy="6" r="1.2"/>',
    "cross": '<path d="M0 4h8M4 0v8"/>',
}


@frozen
class Slot:
    """A place on the axis of time: what stands below it, and what it is called where there is room."""

    label: str
    name: str


@frozen
class Series:
    """One kind of number, a value for each slot; None, or none at all, where there is none."""

    name: str
    values: Sequence[float | None]
    look: Look
    tone: str

    @property
    def numbers(self) -> list[float | None]:
        """The values that can be drawn."""
        return [self.at(place) for place in range(len(self.values))]

    def at(self, place: int) -> float | None:
        """What is drawn in a slot."""
        one = self.values[place] if place < len(self.values) else None
        return one if one is not None and math.isfinite(one) and one >= 0 else None

    @property
    def total(self) -> float:
        """All of them together."""
        return sum(one for one in self.numbers if one is not None)


def count(number: float) -> str:
    """A count, for a person: whole below ten thousand, then in thousands and more."""
    for size, unit in _UNITS:
        if number >= size:
            size = 1e3 if unit == "k" else size
            amount = number / size
            if unit == "quadrillion":
                return "very many" if amount >= 1e3 else f"{amount:.0f} quadrillion"
            return f"{amount:.0f}{unit}" if amount >= 100 or amount == int(amount) else f"{amount:.1f}{unit}"
    return f"{number:,.0f}"


def duration(seconds: float) -> str:
    """A span of time, in the largest two units that say something."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for size, unit, part, small in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size:,} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def ticks(most: float) -> list[float]:
    """Round marks from 0 to at least `most`, at most five, never closer than 1."""
    if not most > 0 or not math.isfinite(most):
        return [0.0, 1.0]
    rough = most / _LINES
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(1.0, next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9)))
    return [step * number for number in range(math.ceil(most / step * (1 - 1e-12)) + 1)]


def bars(chart_id: str, title: str, slots: Sequence[Slot], series: Sequence[Series], *, stacked: bool) -> Markup:
    """Counts: bars beside each other, or on top of each other where they are parts of a whole."""
    columns = [[one.at(place) or 0.0 for one in series] for place in range(len(slots))]
    tops = [sum(column) if stacked else max(column, default=0.0) for column in columns]
    marks = ticks(max(tops, default=0.0))
    scale = _plot() / marks[-1]
    width = 100 / max(1, len(slots))
    parts = [_grid((count(mark), mark * scale) for mark in marks), _foot(slots)]
    for place, column in enumerate(columns):
        parts.append(_hit(place * width, width, _told(slots[place], series, place, count)))
        left, wide = place * width + width * 0.14, width * 0.72 / (1 if stacked else max(1, len(series)))
        below = 0.0
        for number, value in enumerate(column):
            tall = value * scale
            if tall > 0:
                x = left if stacked else left + wide * number
                # What is there at all can be seen.
                drawn = max(1.5, tall)
                y = _TOP + _plot() - below - drawn
                parts.append(_bar(chart_id, series[number], x, y, wide, drawn))
                below += tall if stacked else 0
    return _svg(
        chart_id, title, _in_words(slots, series, count), HEIGHT, series, parts, empty=max(tops, default=0) <= 0
    )


def lines(chart_id: str, title: str, slots: Sequence[Slot], series: Sequence[Series]) -> Markup:
    """Spans of time in seconds, on a scale in which each step is several times the one before."""
    found = [one for each in series for one in each.numbers if one is not None]
    low, high, marks = _durations(found)
    width = 100 / max(1, len(slots))

    def height(seconds: float) -> float:
        part = (math.log(max(seconds, low)) - math.log(low)) / (math.log(high) - math.log(low))
        return max(0.0, min(1.0, part)) * _plot()

    parts = [_grid((label, height(at)) for at, label in marks), _foot(slots)]
    parts += [_hit(place * width, width, _told(slots[place], series, place, duration)) for place in range(len(slots))]
    for one in series:
        points = [
            (place * width + width / 2, _TOP + _plot() - height(value))
            for place, value in enumerate(one.numbers)
            if value is not None
        ]
        parts += [
            f'<line class="line {one.tone} {one.look}" x1="{a:.3f}%" y1="{b:.1f}" x2="{c:.3f}%" y2="{d:.1f}"/>'
            for (a, b), (c, d) in pairwise(points)
        ]
        for x, y in points:
            parts.append(_point(one, x, y))
    return _svg(chart_id, title, _in_words(slots, series, duration), HEIGHT, series, parts, empty=not found)


def sparks(chart_id: str, title: str, slots: Sequence[Slot], one: Series) -> Markup:
    """One kind of number as a row of small bars, on a scale of its own."""
    numbers = one.numbers
    most = max((value for value in numbers if value is not None), default=0.0)
    width = 100 / max(1, len(slots))
    base = SPARK - 2
    parts = [f'<line class="base" x1="0" y1="{base + 0.5}" x2="100%" y2="{base + 0.5}"/>']
    for place, value in enumerate(numbers):
        parts.append(_hit(place * width, width, f"{slots[place].name}: {count(value or 0)}", SPARK))
        if value and most > 0:
            drawn = max(1.5, value / most * (base - 2))
            parts.append(_bar(chart_id, one, place * width + width * 0.14, base - drawn, width * 0.72, drawn))
    return _svg(chart_id, title, _in_words(slots, [one], count), SPARK, [one], parts, empty=False)


def swatch(chart_id: str, one: Series, *, line: bool = False) -> Markup:
    """What stands for a series beside its name."""
    if line:
        inner = f'<line class="line {one.tone} {one.look}" x1="0" y1="7" x2="24" y2="7"/>' + _point(one, 12, 7, "")
        return _markup(f'<svg class="swatch" width="24" height="14" aria-hidden="true">{inner}</svg>')
    inner = _bar(f"{chart_id}-k", one, 0.5, 0.5, 13, 13, "")
    return _markup(
        f'<svg class="swatch" width="14" height="14" aria-hidden="true">{_defs(f"{chart_id}-k", [one])}{inner}</svg>'
    )


def _plot() -> int:
    return HEIGHT - _TOP - _FOOT


def _durations(found: Sequence[float]) -> tuple[float, float, list[tuple[float, str]]]:
    """The ends of the scale and its marks: those around what was found, or some usual ones."""
    least, most = (min(found), max(found)) if found else (0.1, 10.0)
    first = max((number for number, (at, _) in enumerate(_DURATIONS) if at <= least), default=0)
    last = next((number for number, (at, _) in enumerate(_DURATIONS) if at >= most), len(_DURATIONS) - 1)
    if last <= first:
        first, last = (first - 1, first) if first == len(_DURATIONS) - 1 else (first, first + 1)
    marks = _DURATIONS[first : last + 1]
    step = math.ceil((len(marks) - 1) / _LINES) or 1
    return marks[0][0], marks[-1][0], list(marks[::step])


def _grid(marks: Iterable[tuple[str, float]]) -> str:
    parts = []
    for number, (label, height) in enumerate(marks):
        y = _TOP + _plot() - height
        kind = "grid" if number else "base"
        parts.append(f'<line class="{kind}" x1="0" y1="{y:.1f}" x2="100%" y2="{y:.1f}"/>')
        parts.append(f'<text class="mark" x="-7" y="{y + 4:.1f}">{escape(label)}</text>')
    return "".join(parts)


def _foot(slots: Sequence[Slot]) -> str:
    """Labels below: as many as there is room for, fewer of them on a phone; the last slot always has its own."""
    total = len(slots)
    step = max(1, math.ceil(total / 8))
    parts = []
    for place, slot in enumerate(slots):
        back = total - 1 - place
        if back % step == 0:
            kind = "foot" if back % (2 * step) == 0 else "foot roomy"
            x = (place + 0.5) * 100 / total
            parts.append(f'<text class="{kind}" x="{x:.3f}%" y="{HEIGHT - 7}">{escape(slot.label)}</text>')
    return "".join(parts)


def _hit(x: float, width: float, words: str, height: int = HEIGHT - _FOOT) -> str:
    """What a pointer finds: the numbers of a slot."""
    box = f'<rect class="hit" x="{x:.3f}%" y="0" width="{width:.3f}%" height="{height}">'
    return f"{box}<title>{escape(words)}</title></rect>"


def _bar(chart_id: str, one: Series, x: float, y: float, width: float, height: float, unit: str = "%") -> str:
    box = f'x="{x:.3f}{unit}" y="{y:.1f}" width="{width:.3f}{unit}" height="{height:.1f}"'
    drawn = f'<rect class="pillar {one.tone} {one.look}" {box}/>'
    if one.look in _PATTERNS:
        drawn += f'<rect class="over" {box} fill="url(#{chart_id}-{one.look})"/>'
    return drawn


def _point(one: Series, x: float, y: float, unit: str = "%") -> str:
    if one.look == "outline":
        # A percentage cannot stand in a path: the diamond is drawn in a box that is put there.
        return (
            f'<svg class="point" x="{x:.3f}{unit}" y="{y:.1f}" overflow="visible">'
            f'<path class="knob {one.tone} outline" d="M0-4.5L4.5 0 0 4.5-4.5 0z"/></svg>'
        )
    return f'<circle class="knob {one.tone}" cx="{x:.3f}{unit}" cy="{y:.1f}" r="3.5"/>'


def _defs(chart_id: str, series: Sequence[Series]) -> str:
    looks = sorted({one.look for one in series} & _PATTERNS.keys())
    return "".join(
        f'<defs><pattern id="{chart_id}-{look}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<g class="ink">{_PATTERNS[look]}</g></pattern></defs>'
        for look in looks
    )


def _told(slot: Slot, series: Sequence[Series], place: int, words: Words) -> str:
    numbers = [(one.name, one.at(place)) for one in series]
    return slot.name + ": " + ", ".join(f"{name} {'–' if one is None else words(one)}" for name, one in numbers)


def _in_words(slots: Sequence[Slot], series: Sequence[Series], words: Words) -> str:
    """The chart for those who do not see it; its numbers are in the table below it."""
    said = []
    for one in series:
        there = [(value, place) for place, value in enumerate(one.numbers) if value]
        if not there:
            said.append(f"{one.name}: none.")
            continue
        most, place = max(there, key=lambda pair: pair[0])
        total = "" if words is duration else f"{count(one.total)}, "
        said.append(f"{one.name}: {total}most {words(most)} at {slots[place].name}.")
    return " ".join(said)


def _svg(
    chart_id: str, title: str, words: str, height: int, series: Sequence[Series], parts: Sequence[str], *, empty: bool
) -> Markup:
    nothing = '<text class="nothing" x="50%" y="50%">Nothing in this time</text>' if empty else ""
    return _markup(
        f'<svg class="chart" width="100%" height="{height}" role="img" aria-labelledby="{chart_id}-t {chart_id}-d">'
        f'<title id="{chart_id}-t">{escape(title)}</title><desc id="{chart_id}-d">{escape(words)}</desc>'
        f"{_defs(chart_id, series)}{''.join(parts)}{nothing}</svg>"
    )


def _markup(drawn: str) -> Markup:
    return Markup(drawn)  # noqa: S704 - numbers and our own words; what others wrote was escaped where it was put in
