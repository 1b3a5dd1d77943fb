"""The dashboard: what was delivered in the last hour, what is open, what is wrong."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.problem import Problem
from asyncevents_core.domain.statistics import Minute, SubscriptionFigures, Times
from asyncevents_core.domain.subscription import SubscriptionFilter
from asyncevents_core.domain.trace import Backlog, Fate
from asyncevents_core.engine.upkeep.minutes import MOST_TENANTS, KeptMinutes
from asyncevents_core.engine.upkeep.problems import problems_of
from asyncevents_core.engine.upkeep.status import Status, status_with
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.ledger import Ledger, LedgerView

FRESH: Final = 2.0
"""Seconds that all who look within see the same dashboard."""
LATELY_FRESH: Final = 15.0
"""Seconds that the figures of subscriptions stay the same: they cost more than all else."""
LISTED: Final = 5
"""Subscriptions that are named as failing, or as slow."""


@frozen(kw_only=True)
class Beginning:
    """What an installation that has sent nothing lately has: it says what to do first."""

    subscribed: bool
    published: bool


@frozen(kw_only=True)
class Dashboard:
    """One look at everything, or at what is one tenant's.

    `minutes` are those of the last hour, oldest first; the last one has only begun, and at the
    beginning some may be missing (see `KeptMinutes`). `failing` and `slowest` are subscriptions
    among the newest attempts, worst first. `status` and `problems` are about the whole
    installation: None and empty in the dashboard of a tenant. `beginning` is there where nothing
    was sent in that hour. `now` is the ledger's clock, microseconds.
    """

    now: int
    minutes: Sequence[Minute]
    backlog: Backlog
    failing: Sequence[SubscriptionFigures]
    slowest: Sequence[SubscriptionFigures]
    status: Status | None
    problems: Sequence[Problem]
    beginning: Beginning | None

    def count(self, fate: Fate) -> int:
        """Return how many attempts of the hour have a fate."""
        return sum(one.fates.get(fate, 0) for one in self.minutes)

    @property
    def attempts(self) -> int:
        """How many attempts began in the hour."""
        return sum(one.attempts for one in self.minutes)

    @property
    def success_rate(self) -> float | None:
        """The part of the hour's attempts that delivered, 0 to 1; None without attempts."""
        return self.count(Fate.DELIVERED) / self.attempts if self.attempts else None

    @property
    def times(self) -> Times:
        """How long the hour's deliveries took, from publication on."""
        return Times.together(one.times for one in self.minutes)

    @property
    def oldest_due_seconds(self) -> float:
        """How long the oldest open thing has been due, 0.0 where nothing is."""
        oldest = self.backlog.oldest_due_at
        return 0.0 if oldest is None else max(0.0, (self.now - oldest) / 1e6)


@frozen(kw_only=True)
class _Kept:
    """What was found, and when, by the process' clock."""

    dashboard: Dashboard
    at: float
    lately: Sequence[SubscriptionFigures]
    lately_at: float


class Dashboards:
    """Makes dashboards, one for all who look at about the same time. Thread-safe.

    `indexing`: there is an indexer. What it keeps is bounded: so many tenants, who looked last.
    """

    def __init__(self, ledger: Ledger, clock: Clock, *, indexing: bool) -> None:
        self._ledger = ledger
        self._clock = clock
        self._indexing = indexing
        self._minutes = KeptMinutes()
        self._lock = threading.Lock()
        self._kept: OrderedDict[str | None, _Kept] = OrderedDict()

    def of(self, tenant: str | None) -> Dashboard:
        """Return the dashboard of a tenant; None: of everything.

        It is at most two seconds old, and costs some fifteen queries at most, however much was
        delivered. Raises `LedgerError`.
        """
        at = self._clock.monotonic()
        with self._lock:
            before = self._kept.get(tenant)
        if before is not None and at - before.at < FRESH:
            return before.dashboard
        kept = self._ledger.read(lambda view: self._look(view, tenant, before, at))
        with self._lock:
            self._kept[tenant] = kept
            self._kept.move_to_end(tenant)
            while len(self._kept) > MOST_TENANTS:
                self._kept.popitem(last=False)
        return kept.dashboard

    def _look(self, view: LedgerView, tenant: str | None, before: _Kept | None, at: float) -> _Kept:
        lately_at = at
        if before is not None and at - before.lately_at < LATELY_FRESH:
            lately, lately_at = before.lately, before.lately_at
        else:
            lately = view.statistics.subscriptions_lately(tenant=tenant)
        now = view.now()
        minutes = self._minutes.last_hour(view, now=now, tenant=tenant)
        backlog = view.backlog(tenant=tenant)
        status = status_with(view, backlog) if tenant is None else None
        idle = not any(one.attempts for one in minutes)
        dashboard = Dashboard(
            now=now,
            minutes=minutes,
            backlog=backlog,
            failing=failing(lately),
            slowest=slowest(lately),
            status=status,
            problems=(
                () if status is None else tuple(problems_of(status, indexing=self._indexing))
            ),
            beginning=_beginning(view, tenant) if idle else None,
        )
        return _Kept(dashboard=dashboard, at=at, lately=lately, lately_at=lately_at)


def failing(lately: Sequence[SubscriptionFigures]) -> Sequence[SubscriptionFigures]:
    """Return the subscriptions with most failures, if they have any."""
    worst = sorted(lately, key=lambda one: (-one.failures, one.subscription_id))
    return [one for one in worst[:LISTED] if one.failures]


def slowest(lately: Sequence[SubscriptionFigures]) -> Sequence[SubscriptionFigures]:
    """Return the subscriptions whose attempts take longest on average."""
    return sorted(lately, key=lambda one: (-one.mean_duration, one.subscription_id))[:LISTED]


def _beginning(view: LedgerView, tenant: str | None) -> Beginning:
    return Beginning(
        subscribed=view.subscriptions.count(SubscriptionFilter(tenant=tenant)) > 0,
        published=bool(view.events.page(name=None, limit=1, before=None, tenant=tenant)),
    )
