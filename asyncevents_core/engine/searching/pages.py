"""The log and traces, page by page, as people ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from asyncevents_core.domain.trace import LogFilter, LogPosition, LogRow, Trace
from asyncevents_core.errors import InvalidValue
from asyncevents_core.ports.ledger import Ledger, LedgerView
from asyncevents_core.showing import shown

PAGE: Final = 1000
"""Attempts that `pages_of_log` reads at once."""


def page_of_log(
    view: LedgerView, wanted: LogFilter, *, limit: int, before: int | None
) -> Sequence[LogRow]:
    """Return the attempts that a filter matches, newest first, after the one with this `log_id`.

    Raises `InvalidValue` where that one is not there, or not any more.
    """
    position = None
    if before is not None:
        position = view.log.position(before)
        if position is None:
            text = f"no attempt {before}; it may have been cleaned up: begin at the newest again"
            raise InvalidValue(text, field="before")
    return view.log.page(wanted, limit=limit, before=position)


def pages_of_log(
    ledger: Ledger, wanted: LogFilter, *, limit: int | None = None, before: int | None = None
) -> Iterator[Sequence[LogRow]]:
    """Yield all attempts that a filter matches, newest first, in constant memory.

    What is added meanwhile is left out. `limit` and `before` are as for `page_of_log`, which
    says what is raised.
    """
    left = limit
    size = PAGE if left is None else min(PAGE, left)
    rows = _first(ledger, wanted, size, before)
    while rows:
        yield rows
        left = None if left is None else left - len(rows)
        if len(rows) < size or left == 0:
            return
        size = PAGE if left is None else min(PAGE, left)
        rows = _next(ledger, wanted, size, rows[-1].position)


def _first(ledger: Ledger, wanted: LogFilter, limit: int, before: int | None) -> Sequence[LogRow]:
    return ledger.read(lambda view: page_of_log(view, wanted, limit=limit, before=before))


def _next(ledger: Ledger, wanted: LogFilter, limit: int, before: LogPosition) -> Sequence[LogRow]:
    return ledger.read(lambda view: view.log.page(wanted, limit=limit, before=before))


_TRACES: Final = 200
"""Traces that `traces_of_event` reads at once."""


def require_event_id(
    event_id: object, *, taken: str = "traces takes the id that publish() returned"
) -> None:
    """Raise TypeError where an id given by an application is no UUID; `taken` says which it is."""
    if not isinstance(event_id, UUID):
        raise TypeError(f"{taken}, a UUID (of a text: UUID(text)), not {shown(event_id)}")


def traces_of_event(ledger: Ledger, event_id: UUID) -> Iterator[Trace]:
    """Yield the traces of all deliveries of an event, oldest first, in constant memory."""
    after: UUID | None = None
    while found := _page(ledger, event_id, after):
        yield from found
        after = found[-1].delivery.id


def _page(ledger: Ledger, event_id: UUID, after: UUID | None) -> list[Trace]:
    return list(
        ledger.read(lambda view: view.traces.of_event(event_id, limit=_TRACES, after=after))
    )
