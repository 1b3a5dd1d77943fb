"""The status of the whole: what is open, how late it is, and who works on it."""

from __future__ import annotations

from attrs import frozen

from asyncevents_core.domain.problem import Problem
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.delivering.recovery import alive
from asyncevents_core.ports.ledger import LedgerView


@frozen(kw_only=True)
class Status:
    """One look at the ledger; the command line and the REST API print it under these names.

    `oldest_due_at` (microseconds) is the oldest due time among open events and waiting
    deliveries that are not parked, None where there are none; `oldest_due_seconds` is how long
    ago that is, to a tenth, 0 while it is still to come. `index_waiting` attempts are
    not in the search index yet (counted up to 100,000: if not `index_exact`, there are more),
    `index_set_aside` were refused by it. `recipients_failing` is of how many subscriptions people
    were warned, or would have been. Filters of subscriptions let `events_filtered` not pass, and
    failed on `filters_failed`, since each was last changed. `workers` are
    those that are alive, by start; `silent` those that have given no sign for too long and are
    not forgotten yet. `problems` say what is wrong; `read_status` leaves them to `diagnose`.
    """

    events_open: int
    events_resolving: int
    events_failed: int
    deliveries_due: int
    retries_scheduled: int
    parked: int
    under_way: int
    held: int
    dead_letters: int
    oldest_due_at: int | None
    oldest_due_seconds: float | None
    index_waiting: int
    index_set_aside: int
    workers: tuple[WorkerRow, ...]
    silent: tuple[WorkerRow, ...]
    now: int
    recipients_failing: int = 0
    events_filtered: int = 0
    filters_failed: int = 0
    index_exact: bool = True
    problems: tuple[Problem, ...] = ()

    def consumers(self, role: Role) -> int:
        """Return how many workers that are alive have a role."""
        return sum(role in one.roles for one in self.workers)


def read_status(view: LedgerView) -> Status:
    """Return the status, all of it as of one moment."""
    return status_with(view, view.backlog())


def status_with(view: LedgerView, backlog: Backlog) -> Status:
    """Return the status with a backlog that was read already."""
    index, now = view.index.backlog(), view.now()
    oldest = backlog.oldest_due_at
    totals = view.subscriptions.totals()
    known = view.workers.all()
    living = alive(known, now)
    return Status(
        events_open=backlog.events_open,
        events_resolving=backlog.events_resolving,
        events_failed=backlog.events_failed,
        deliveries_due=backlog.waiting_due,
        retries_scheduled=backlog.waiting_later,
        parked=backlog.parked,
        under_way=backlog.leased,
        held=backlog.held,
        dead_letters=backlog.dead,
        oldest_due_at=oldest,
        oldest_due_seconds=None if oldest is None else max(0.0, round((now - oldest) / 1e6, 1)),
        index_waiting=index.waiting,
        index_exact=index.exact,
        index_set_aside=index.set_aside,
        workers=tuple(living),
        silent=tuple(one for one in known if one not in living),
        now=now,
        recipients_failing=totals.warned,
        events_filtered=totals.filtered,
        filters_failed=totals.filter_failed,
    )
