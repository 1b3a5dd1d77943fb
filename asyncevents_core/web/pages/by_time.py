"""The bars above the log: what it shows, by time. The log loads them when it is there."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen
from litestar import Request, get
from litestar.response import Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.histogram import Histogram
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.engine.searching.by_time import histogram_of_log
from asyncevents_core.errors import InvalidQuery
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend
from asyncevents_core.web.api.problems import Problem
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages import charts
from asyncevents_core.web.pages.charts import Chart
from asyncevents_core.web.pages.frame import Frame, GivenFrame
from asyncevents_core.web.pages.listing import Asked, asked_of, time_of
from asyncevents_core.web.pages.logs import PATH, UNANSWERED, failure_of, filter_of, shown_with


@frozen(kw_only=True)
class ByTime:
    """The log by time; `failed` says why there is no histogram, None where the indexer has none."""

    histogram: Histogram | None
    asked: Asked
    failed: Problem | None = None
    _frame: Frame = field(alias="frame")

    @property
    def chart(self) -> Chart | None:
        """The bars; each leads to its part of the log. None where there is nothing to show."""
        found = self.histogram
        if found is None or not found.attempts:
            return None
        return charts.of_histogram("Attempts by time", found, self._between)

    @property
    def log(self) -> str:
        """The link to the log of all bars."""
        return self.asked.link(self._frame, {})

    def _between(self, since: int, until: int) -> str:
        times = {"since": time_of(since), "until": time_of(until)}
        return self.asked.link(self._frame, {**times, "before": None, "live": None})


@get(f"{PATH}/by-time", opt=needs(Resource.LOGS_LIST))
async def by_time(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Show when the attempts were that the address asks for."""
    asked = asked_of(request, PATH)
    histogram, failed = None, None
    try:
        wanted = filter_of(asked, actor)
        histogram = await backend.run(_histogram, backend, asked.get("search"), wanted)
    except (InvalidQuery, *UNANSWERED) as error:
        failed = failure_of(error)
    view = ByTime(histogram=histogram, asked=asked, failed=failed, frame=frame)
    return shown_with(frame, "by_time.html", view, failed)


HANDLERS: Final = [by_time]


def _histogram(backend: RequestBackend, text: str, wanted: LogFilter) -> Histogram | None:
    if text:
        return backend.search.histogram(text, wanted)
    return backend.ledger.read(lambda view: histogram_of_log(view, wanted))
