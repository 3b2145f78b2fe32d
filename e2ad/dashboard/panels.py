"""The charts of an account's mail: which numbers stand on each, what they are called, and the same as tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen
from markupsafe import Markup

from e2ad.dashboard import charts
from e2ad.dashboard.charts import Look, Series, Slot
from e2ad.gateway.metrics import Funnel
from e2ad.gateway.operations import Flow, Span

__all__ = ["Legend", "Panel", "Spark", "panels", "slots_of"]

QUEUES: Final[Mapping[str, str]] = {
    "outbound": "Mail to send",
    "deliveries": "Pushes to webhooks",
    "search": "Mail to index",
    "screening": "Mail to screen",
}
_DMARC: Final[tuple[tuple[str, tuple[str, ...], Look, str], ...]] = (
    ("Verified", ("authentication.dmarc_pass",), "solid", "good"),
    ("Failed", ("authentication.dmarc_fail",), "cross", "bad"),
    ("No policy", ("authentication.dmarc_none",), "outline", "none"),
    (
        "Could not be checked",
        ("authentication.dmarc_temporary_error", "authentication.dmarc_permanent_error"),
        "dots",
        "warn",
    ),
)
_OUTCOMES: Final[tuple[tuple[str, tuple[str, ...], Look, str], ...]] = (
    ("Taken by the next server", ("=submitted",), "solid", "good"),
    ("Confirmed as delivered", ("delivery.recipient_server_accepted",), "solid", "good"),
    ("Held for review", ("review.hold_created",), "hatch", "warn"),
    ("Put off for a while", ("submission.temporary_failure",), "hatch", "warn"),
    ("Bounced", ("delivery.permanent_bounce",), "cross", "bad"),
    ("Bounced, reason unclear", ("delivery.undetermined_bounce",), "cross", "bad"),
    ("Failed", ("=failed",), "cross", "bad"),
    ("Suppressed", ("suppression.recipient_blocked",), "cross", "bad"),
    ("Reported as unwanted", ("complaint.recipient_reported",), "cross", "bad"),
)


@frozen
class Legend:
    """What stands for a series, its name, and all of it together."""

    swatch: Markup
    name: str
    total: str


@frozen
class Spark:
    """A row of small bars with its name and its numbers."""

    name: str
    total: str
    most: str
    drawn: Markup


@frozen
class Panel:
    """A chart or several small ones, and the table with the same numbers."""

    id: str
    title: str
    words: str
    drawn: Markup | None
    legend: Sequence[Legend]
    sparks: Sequence[Spark]
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


def slots_of(span: Span) -> list[Slot]:
    """The slots of a span as a chart and a table name them; UTC, as the page says."""
    if span.unit == "hour":
        return [Slot(f"{at:%H}", f"{at.day} {at:%b}, {at:%H:%M}") for at in span.starts]
    return [Slot(f"{at.day} {at:%b}", f"{at:%a}, {at.day} {at:%b}") for at in span.starts]


def panels(flow: Flow, span: Span, agent_email: str | None) -> list[Panel]:
    """All charts of a span, in the order of the page."""
    slots = slots_of(span)
    return [
        _mail(flow, slots),
        _verdicts(flow, slots),
        _pushes(flow, slots, agent_email),
        _times(
            "waited",
            "Time from receipt to push",
            "Of some of the newest mails of each slot: until the last try to push them began.",
            slots,
            [one.waited for one in flow.delays],
        ),
        _times(
            "answered",
            "Time webhooks take to answer",
            "Of the same pushes: until the endpoint had answered.",
            slots,
            [one.answered for one in flow.delays],
        ),
        _times(
            "left",
            "Time from acceptance to sending",
            "Of some of the newest mails of each slot: until the next server, or an inbox here, had taken them.",
            slots,
            flow.sendings,
        ),
        _outcomes(flow, slots),
        _depths(flow, slots),
    ]


def _mail(flow: Flow, slots: Sequence[Slot]) -> Panel:
    series = [
        Series("Received", [_received(one) for one in flow.funnels], "solid", "in"),
        Series("Sent", [_accepted(one) for one in flow.funnels], "hatch", "out"),
    ]
    return _counts(
        "mail", "Mail in and out", "Mail that came in, and mail that was accepted for sending.", slots, series
    )


def _verdicts(flow: Flow, slots: Sequence[Slot]) -> Panel:
    series = [
        Series(name, [one.messages(*codes, direction="inbound") for one in flow.funnels], look, tone)
        for name, codes, look, tone in _DMARC
    ]
    rest = [_received(one) - sum(each.values[place] or 0 for each in series) for place, one in enumerate(flow.funnels)]
    series.append(Series("From agents here, or without evidence", rest, "hatch", "in"))
    words = "What DMARC said of the mail that came in."
    return _counts("verdicts", "Verdicts of received mail", words, slots, series, stacked=True)


def _outcomes(flow: Flow, slots: Sequence[Slot]) -> Panel:
    series = [
        Series(name, [one.messages(*codes, direction="outbound") for one in flow.funnels], look, tone)
        for name, codes, look, tone in _OUTCOMES
    ]
    words = (
        "Of mail that was accepted in each slot, whenever it happened. A mail counts in each row that it belongs to: "
        "of two recipients one may get it and the other may not."
    )
    return _sparks("outcomes", "What became of sent mail", words, slots, series, _total)


def _pushes(flow: Flow, slots: Sequence[Slot], agent_email: str | None) -> Panel:
    series = [
        Series("Delivered", [one.delivered for one in flow.pushes], "solid", "good"),
        Series("Failed", [one.failed for one in flow.pushes], "cross", "bad"),
        Series("Not there yet", [one.pending for one in flow.pushes], "dots", "warn"),
    ]
    words = "Events that were pushed to webhooks and to agents' own URLs, by when they happened."
    if agent_email is not None:
        words = "Pushes of the newest events of this agent, by when they happened."
    return _counts("pushes", "Webhook deliveries", words, slots, series, stacked=True)


def _depths(flow: Flow, slots: Sequence[Slot]) -> Panel:
    none = [0] * len(slots)
    series = [
        Series(name, flow.depths.get(queue, none), "hatch", "warn" if queue == "outbound" else "in")
        for queue, name in QUEUES.items()
    ]
    words = "How many waited at most, looked at once a minute, of all agents together."
    return _sparks("depths", "Depth of queues", words, slots, series, _most)


def _times(
    panel_id: str, title: str, words: str, slots: Sequence[Slot], found: Sequence[Sequence[float] | None]
) -> Panel:
    series = [
        Series("Median", [None if one is None else one[0] for one in found], "solid", "in"),
        Series("95 of 100 are faster than", [None if one is None else one[1] for one in found], "outline", "out"),
    ]
    legend = [Legend(charts.swatch(panel_id, one, line=True), one.name, "") for one in series]
    drawn = charts.lines(panel_id, title, slots, series)
    return Panel(panel_id, title, words, drawn, legend, (), *_table(slots, series, charts.duration))


def _counts(
    panel_id: str, title: str, words: str, slots: Sequence[Slot], series: Sequence[Series], *, stacked: bool = False
) -> Panel:
    legend = [Legend(charts.swatch(panel_id, one), one.name, charts.count(one.total)) for one in series]
    drawn = charts.bars(panel_id, title, slots, series, stacked=stacked)
    return Panel(panel_id, title, words, drawn, legend, (), *_table(slots, series, _whole))


def _sparks(
    panel_id: str,
    title: str,
    words: str,
    slots: Sequence[Slot],
    series: Sequence[Series],
    total: Callable[[Series], float],
) -> Panel:
    rows = [
        Spark(
            one.name,
            charts.count(total(one)),
            charts.count(_most(one)),
            charts.sparks(f"{panel_id}-{number}", one.name, slots, one),
        )
        for number, one in enumerate(series)
    ]
    return Panel(panel_id, title, words, None, (), rows, *_table(slots, series, _whole))


def _table(
    slots: Sequence[Slot], series: Sequence[Series], words: Callable[[float], str]
) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The newest slot first, as people ask for it."""
    rows = [
        (slot.name, ["–" if value is None else words(value) for value in (one.at(place) for one in series)])
        for place, slot in enumerate(slots)
    ]
    return [one.name for one in series], rows[::-1]


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _total(one: Series) -> float:
    return one.total


def _most(one: Series) -> float:
    return max((value for value in one.numbers if value is not None), default=0)


def _received(funnel: Funnel) -> int:
    return funnel.messages("acceptance.inbound_smtp", "acceptance.local_loopback", direction="inbound")


def _accepted(funnel: Funnel) -> int:
    return funnel.messages("acceptance.outbound_api", "acceptance.local_loopback", direction="outbound")
