"""The log by time: the bars above a page of it, with a search or without."""

from __future__ import annotations

from typing import Final

from asyncevents_core.domain.histogram import Buckets, Histogram
from asyncevents_core.domain.trace import LogFilter
from asyncevents_core.ports.ledger import LedgerView

BARS: Final = 60
"""At most."""
LATELY: Final = 86_400_000_000
"""Microseconds that are shown where a filter says no time."""
_SECOND: Final = 1_000_000


def times_of(wanted: LogFilter, now: int) -> Buckets:
    """Return the time that a filter means, in parts: the last day where it says none.

    `now` is the ledger's clock, microseconds. Parts begin at whole seconds, as addresses of pages
    say times. A filter that ends before it begins means a second.
    """
    until = now if wanted.until is None else wanted.until
    since = until - LATELY if wanted.since is None else wanted.since
    since -= since % _SECOND
    until = max(until, since + 1)
    seconds = -(-(until - since) // (_SECOND * BARS))
    return Buckets(since=since, until=until, width=seconds * _SECOND)


def histogram_of_log(view: LedgerView, wanted: LogFilter) -> Histogram:
    """Return the attempts that a filter means, by time."""
    return view.statistics.log_histogram(wanted, times_of(wanted, view.now()))
