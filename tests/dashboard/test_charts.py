"""Charts against tables of numbers, the odd ones included: what is drawn, how tall, and what is said of it."""

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.dashboard.charts import HEIGHT, Series, Slot, bars, count, duration, lines, sparks, swatch, ticks

SLOTS = [Slot(f"{hour:02}", f"22 Nov, {hour:02}:00") for hour in range(24)]
SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(str(drawn).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def pillars(drawn: str) -> list[dict[str, float]]:
    """The bars of a chart, as numbers."""
    return [
        {name: float(str(one.get(name)).rstrip("%")) for name in ("x", "y", "width", "height")}
        for one in parsed(drawn).iter(f"{SVG}rect")
        if (one.get("class") or "").startswith("pillar")
    ]


def series(*values: float | None, name: str = "Received") -> Series:
    return Series(name, values, "solid", "in")


@pytest.mark.parametrize(
    ("most", "wanted"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (2, [0, 1, 2]),
        (4, [0, 1, 2, 3, 4]),
        (5, [0, 2, 4, 6]),
        (17, [0, 5, 10, 15, 20]),
        (40, [0, 10, 20, 30, 40]),
        (99, [0, 50, 100]),
        (1000, [0, 500, 1000]),
        (123_456, [0, 50_000, 100_000, 150_000]),
        (4e18, [0, 1e18, 2e18, 3e18, 4e18]),
        (-3, [0, 1]),
        (math.nan, [0, 1]),
        (math.inf, [0, 1]),
    ],
)
def test_ticks_are_round(most: float, wanted: list[float]) -> None:
    assert ticks(most) == wanted


@given(st.floats(min_value=1, max_value=1e300))
def test_ticks_reach_the_most_and_are_few(most: float) -> None:
    marks = ticks(most)
    assert marks[-1] >= most * (1 - 1e-9)
    assert 2 <= len(marks) <= 6
    assert marks[-2] < most


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (7, "7"), (9999, "9,999"), (10_000, "10k"), (12_345, "12.3k"), (1_500_000, "1.5M"), (2e9, "2G"),
     (3e12, "3T"), (5e15, "5 quadrillion"), (1e300, "very many")],
)  # fmt: skip
def test_counts_in_words(number: float, words: str) -> None:
    assert count(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 ms"), (0.0421, "42 ms"), (0.9999, "1 s"), (1.5, "1.5 s"), (9.99, "10 s"), (59.4, "59 s"), (59.7, "1 min"),
     (80, "1 min 20 s"), (3600, "1 h"), (3725, "1 h 2 min"), (90_000, "1 d 1 h"), (1e8, "1,157 d 9 h")],
)  # fmt: skip
def test_spans_of_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_bars_are_as_tall_as_their_numbers() -> None:
    drawn = pillars(bars("c", "Mail", SLOTS, [series(*range(24))], stacked=False))
    assert len(drawn) == 23
    per_one = drawn[-1]["height"] / 23
    assert [round(one["height"] / per_one) for one in drawn] == list(range(1, 24))
    assert {round(one["y"] + one["height"]) for one in drawn} == {round(drawn[0]["y"] + drawn[0]["height"])}
    assert all(one["x"] >= 0 and one["x"] + one["width"] <= 100 for one in drawn)


def test_stacked_bars_stand_on_each_other_and_others_beside() -> None:
    pair = [series(3), Series("Failed", [1], "cross", "bad")]
    low, high = pillars(bars("c", "Mail", SLOTS[:1], pair, stacked=True))
    assert low["x"] == high["x"]
    assert high["y"] + high["height"] == pytest.approx(low["y"], abs=0.11)
    left, right = pillars(bars("c", "Mail", SLOTS[:1], pair, stacked=False))
    assert right["x"] == pytest.approx(left["x"] + left["width"])
    assert right["y"] + right["height"] == pytest.approx(left["y"] + left["height"], abs=0.11)


ODD = [
    [],
    [None] * 24,
    [0] * 24,
    [1] + [0] * 23,
    [-5, math.nan, math.inf, -math.inf] * 6,
    [10**30, 1, 0, None] * 6,
    [0.001] * 24,
]


@pytest.mark.parametrize("values", ODD, ids=["no slots", "nothing", "zeros", "one", "odd", "huge", "tiny"])
@pytest.mark.parametrize("kind", ["bars", "stacked", "lines", "sparks"])
def test_odd_numbers_draw_nothing_odd(values: list[float | None], kind: str) -> None:
    slots = SLOTS[: len(values)]
    two = [series(*values), Series("Failed", values, "cross", "bad")]
    if kind == "lines":
        drawn = lines("c", "Time", slots, two)
    elif kind == "sparks":
        drawn = sparks("c", "Bounced", slots, two[1])
    else:
        drawn = bars("c", "Mail", slots, two, stacked=kind == "stacked")
    for element in parsed(drawn).iter():
        for name in ("x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "width", "height", "r"):
            number = float((element.get(name) or "0").rstrip("%"))
            assert math.isfinite(number)
            assert -10 <= number <= max(HEIGHT, 100)
            if name in ("width", "height"):
                assert number >= 0
    assert not re.search(r"nan|inf\b|None|-\d+(\.\d+)?%", str(drawn))


def test_what_is_there_can_be_seen_beside_what_is_huge() -> None:
    small, huge = pillars(bars("c", "Mail", SLOTS[:2], [series(1, 10**9)], stacked=False))
    assert small["height"] >= 1.5
    assert huge["height"] > 100


def test_gaps_stay_gaps_and_a_line_rises_with_its_numbers() -> None:
    drawn = parsed(lines("c", "Time", SLOTS[:4], [series(0.1, 10, None, 100)]))
    heights = [float(one.get("cy", "0")) for one in drawn.iter(f"{SVG}circle")]
    assert heights == sorted(heights, reverse=True)
    assert len(heights) == 3
    marks = [one.text for one in drawn.iter(f"{SVG}text") if one.get("class") == "mark"]
    assert marks == ["0.1 s", "1 s", "10 s", "1 min", "10 min"]


def test_an_empty_chart_says_so() -> None:
    for drawn in (bars("c", "Mail", SLOTS, [series(*[0] * 24)], stacked=True), lines("c", "T", SLOTS, [series(None)])):
        assert "Nothing in this time" in drawn
    assert "Nothing in this time" not in bars("c", "Mail", SLOTS[:1], [series(1)], stacked=True)


def test_it_is_told_to_those_who_do_not_see_it() -> None:
    drawn = parsed(bars("mail", "Mail <in>", SLOTS, [series(1, 5), series(name="Sent")], stacked=False))
    assert (drawn.get("role"), drawn.get("aria-labelledby")) == ("img", "mail-t mail-d")
    told = {one.get("id"): one.text for one in drawn.iter() if one.get("id") in ("mail-t", "mail-d")}
    assert told["mail-t"] == "Mail <in>"
    assert told["mail-d"] == "Received: 6, most 5 at 22 Nov, 01:00. Sent: none."


def test_labels_are_few_and_the_last_slot_has_one() -> None:
    for total in (1, 7, 24, 30):
        drawn = parsed(bars("c", "Mail", (SLOTS + SLOTS)[:total], [series(1)], stacked=True))
        labels = [one for one in drawn.iter(f"{SVG}text") if (one.get("class") or "").startswith("foot")]
        always = [one for one in labels if one.get("class") == "foot"]
        assert 1 <= len(always) <= 5
        assert len(labels) <= 8
        assert always[-1].text == (SLOTS + SLOTS)[total - 1].label


def test_nothing_in_it_needs_a_style_or_a_script() -> None:
    pair = [series(1), Series("</svg><script>", [2], "outline", "out")]
    for drawn in (bars("c", "<b>", SLOTS[:1], pair, stacked=True), lines("c", "<b>", SLOTS[:1], pair)):
        assert " style=" not in drawn
        assert "<script" not in drawn
        parsed(drawn)
    assert "outline" in swatch("c", pair[1], line=True)
    parsed(swatch("c", Series("Failed", [1], "cross", "bad")))


def test_patterns_have_names_of_their_own() -> None:
    one = Series("Failed", [1], "cross", "bad")
    ids = re.findall(r' id="([^"]+)"', "".join((bars("a", "A", SLOTS, [one], stacked=True), swatch("a", one))))
    assert len(ids) == len(set(ids)) == 4
