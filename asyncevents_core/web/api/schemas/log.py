"""Pages of the log and of dead letters."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.engine.searching.search import SearchPage
from asyncevents_core.forms import DeadLetterForm, LogRowForm, TraceForm


@frozen(kw_only=True)
class Found:
    """All that a search finds, and what the index does not hold yet.

    `total` is exact up to 10,000; else there are more. `waiting` attempts are not indexed yet,
    counted up to 100,000: there are more where that is not `waiting_exact`. The oldest is of
    `waiting_since`; `set_aside` were refused by the index. While `indexing` is false it is switched
    off, and what waits goes on waiting. If it is not `complete`, older attempts are missing until
    the index is built anew.
    """

    total: int
    exact: bool
    waiting: int
    waiting_exact: bool
    waiting_since: datetime | None
    set_aside: int
    indexing: bool
    complete: bool


@frozen(kw_only=True)
class LogPage:
    """A page of the log, newest first. `next` is the `before` of the next one; null: no more.

    `found` is told where there was a search.
    """

    items: list[LogRowForm]
    next: int | None
    found: Found | None


@frozen(kw_only=True)
class DeadLetterPage:
    """A page of dead letters, newest first; `next` is the `before` of the next one."""

    items: list[DeadLetterForm]
    next: UUID | None


@frozen(kw_only=True)
class TracePage:
    """A delivery, or a page of an event's, oldest first; `next` is the `after` of the next one."""

    items: list[TraceForm]
    next: UUID | None


def found_page(page: SearchPage) -> LogPage:
    """Return a page of a search as it is shown."""
    behind = page.behind
    return LogPage(
        items=[LogRowForm.of(one) for one in page.rows],
        next=page.next,
        found=Found(
            total=page.total,
            exact=page.exact,
            waiting=behind.waiting,
            waiting_exact=behind.exact,
            waiting_since=None if behind.oldest is None else to_datetime(behind.oldest),
            set_aside=behind.set_aside,
            indexing=page.indexing,
            complete=page.complete,
        ),
    )
