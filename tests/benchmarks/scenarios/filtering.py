"""What it costs to ask filters about an event."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.adapters.filters import Filters
from asyncevents_core.domain.filtering.event_filter import EventFilter
from asyncevents_core.domain.filtering.event_view import EventView
from asyncevents_core.domain.filtering.stored import FilterSource
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.payload import envelope
from tests.benchmarks.constants import EVENT
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, percentile
from tests.benchmarks.payloads import Payloads
from tests.benchmarks.scenario import Context, Scenario

LIMIT: Final = 20.0
"""µs for a filter and an event."""
FILTERS: Final[Mapping[str, FilterSource]] = {
    "exact": [{"exact": {"type": EVENT, "tenant": "de"}}],
    "CloudEvents SQL": [{"sql": f"type = '{EVENT}' AND source LIKE '/sh%'"}],
    "query": "(data.data.id:[1 TO *] OR data.action:(created OR opened)) AND tenant:de",
    "query for a word": "kettle",
}
SIMPLE: Final = tuple(name for name in FILTERS if name != "query for a word")
READ, ALONE, MANY = "event read before", "reading counted", "100 filters, reading counted"
_SUBSCRIPTIONS: Final = 100
_BATCHES: Final = 20
_EVENTS: Final = 100


@frozen(kw_only=True)
class Cost:
    """µs for one filter and one event: of the filter alone, with reading, of each of 100."""

    read: float
    alone: float
    many: float


class Filtering(Scenario):
    """Asks filters about events, as a claim does. In memory, no I/O, one thread.

    "event read before": the filter only; "reading counted": the event's JSON is parsed for it, as
    far as it needs that; "100 filters": so many subscriptions ask about the same event, each with a
    filter of its own, and the event is read once. The filters: two attributes; an expression with
    two conditions on attributes; a query with three conditions, two on the payload; a query for
    a word anywhere in it. Events have 300 bytes, or 8 KB (real webhooks).
    """

    name = "filtering"
    title = "Filters on content"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        payloads = {one.name: one for one in (context.small, context.real)}
        found = context.in_turn(
            {
                f"{name}, {size}": functools.partial(_measure, FILTERS[name], payloads[size])
                for name in FILTERS
                for size in payloads
            }
        )
        figures = {
            (name, way): Figure(
                name=f"{name}: {way}", unit="µs", values=[getattr(one, field) for one in costs]
            )
            for name, costs in found.items()
            for way, field in ((READ, "read"), (ALONE, "alone"), (MANY, "many"))
        }
        return Findings(
            figures=list(figures.values()),
            bars=[
                _bar(figures[name, way], aim=way == ALONE and context.real.name in name)
                for name, way in figures
                if name.partition(",")[0] in SIMPLE
            ],
            columns=[
                Columns(
                    name="filtering",
                    title=self.title,
                    unit="µs per filter and event",
                    groups={
                        name: {way: figures[name, way].values for way in (READ, ALONE, MANY)}
                        for name in found
                    },
                )
            ],
        )


def _bar(figure: Figure, *, aim: bool) -> Bar:
    """Return the bar of a figure. Parsing 8 KB takes longer than that, on slow machines."""
    return Bar(
        text=f"{figure.name}: at most {LIMIT:g} µs",
        value=figure.median,
        limit=LIMIT,
        unit="µs",
        at_most=True,
        aim=aim,
    )


def _measure(source: FilterSource, payloads: Payloads) -> Cost:
    bodies = [
        envelope(
            event_id=uuid7(), name=EVENT, source="/shop", occurred_at=0, tenant="de", data=text
        )
        for text in payloads.texts
    ]
    compiler = Filters()
    one, many = compiler.compile(source), [compiler.compile(source) for _ in range(_SUBSCRIPTIONS)]
    return Cost(
        read=_median(bodies, functools.partial(_ask, one), _read),
        alone=_median(bodies, functools.partial(_ask, one), EventView),
        many=_median(bodies, functools.partial(_ask_all, many), EventView) / _SUBSCRIPTIONS,
    )


def _median(
    bodies: Sequence[bytes],
    ask: Callable[[EventView], None],
    prepare: Callable[[bytes], EventView],
) -> float:
    """Return µs for an event: the median of batches, what was prepared before not counted."""
    times = list[float]()
    for batch in range(_BATCHES):
        views = [prepare(bodies[(batch + number) % len(bodies)]) for number in range(_EVENTS)]
        begun = time.perf_counter()
        for view in views:
            ask(view)
        times.append((time.perf_counter() - begun) / _EVENTS * 1e6)
    return percentile(times, 0.5)


def _read(body: bytes) -> EventView:
    view = EventView(body)
    if not (view.event and view.attributes):
        raise RuntimeError("an event without attributes")
    return view


def _ask(one: EventFilter, view: EventView) -> None:
    one.lets_pass(view)


def _ask_all(many: Sequence[EventFilter], view: EventView) -> None:
    for one in many:
        one.lets_pass(view)
