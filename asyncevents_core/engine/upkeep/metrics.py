"""The observer that turns notices into numbers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.ports import metrics
from asyncevents_core.ports.metrics import Instruments
from asyncevents_core.ports.observer import (
    AttemptEnded,
    BacklogCounted,
    DeliveryDied,
    EventFailed,
    EventsHandedOff,
    EventsPublished,
    HandOffsDropped,
    LedgerUsed,
    Observer,
    RoundClaimed,
    SubscriptionChanged,
    WorkerMeasured,
)

MOST_NAMES: Final = 200
"""Names of events that are told apart; all others are counted together."""
OTHER: Final = "other"
_NONE: Final = ""


class MetricsObserver(Observer):
    """Writes into `instruments` what it hears. Used by one thread. `clock` is the epoch's."""

    def __init__(self, instruments: Instruments, clock: Callable[[], float] = time.time) -> None:
        self._to = instruments
        self._clock = clock
        self._names: set[str] = set()

    def events_published(self, notice: EventsPublished) -> None:
        for name, count in Counter(notice.names).items():
            self._to.add(metrics.PUBLISHED, count, self._known(name))

    def events_handed_off(self, notice: EventsHandedOff) -> None:
        self._to.add(metrics.HANDED_OFF, len(notice.event_ids))

    def hand_offs_dropped(self, notice: HandOffsDropped) -> None:
        self._to.add(metrics.HAND_OFFS_DROPPED, notice.events)

    def round_claimed(self, notice: RoundClaimed) -> None:
        self._to.add(metrics.CLAIMED, notice.events)
        self._to.add(metrics.HAND_OFFS_STALE, notice.stale)

    def attempt_ended(self, notice: AttemptEnded) -> None:
        outcome, sink = notice.outcome, notice.sink
        error = _NONE
        if outcome.kind is not OutcomeKind.DELIVERED:
            error = OTHER if outcome.http_status is None else str(outcome.http_status)
            error = "timeout" if outcome.timed_out else error
        kind = outcome.kind.value
        self._to.add(metrics.ATTEMPTS, 1, sink, kind, error)
        self._to.observe(metrics.ATTEMPT_DURATION, notice.seconds, sink, kind)
        if not error and notice.since_published is not None:
            self._to.observe(metrics.DELIVERY_DURATION, notice.since_published, sink)

    def delivery_died(self, notice: DeliveryDied) -> None:
        self._to.add(metrics.DEAD, 1, notice.sink or OTHER, notice.reason.value)

    def event_failed(self, notice: EventFailed) -> None:
        self._to.add(metrics.EVENTS_FAILED, 1, self._known(notice.event_name))

    def subscription_changed(self, notice: SubscriptionChanged) -> None:
        self._to.add(metrics.SUBSCRIPTIONS_CHANGED, 1, notice.status.value)

    def ledger_used(self, notice: LedgerUsed) -> None:
        mode = "read" if notice.reads_only else "write"
        result = "failed" if notice.failed else "committed"
        self._to.observe(metrics.LEDGER_DURATION, notice.seconds, mode, result)
        if notice.reruns:
            self._to.add(metrics.LEDGER_RERUNS, notice.reruns)

    def backlog_counted(self, notice: BacklogCounted) -> None:
        backlog = notice.backlog
        for state, count in (
            ("open", backlog.events_open),
            ("due", backlog.events_due),
            ("resolving", backlog.events_resolving),
            ("failed", backlog.events_failed),
        ):
            self._to.set(metrics.BACKLOG_EVENTS, count, state)
        for state, count in (
            ("due", backlog.waiting_due),
            ("scheduled", backlog.waiting_later),
            ("parked", backlog.parked),
            ("under_way", backlog.leased),
            ("held", backlog.held),
            ("dead", backlog.dead),
        ):
            self._to.set(metrics.BACKLOG_DELIVERIES, count, state)
        oldest = backlog.oldest_due_at
        age = 0.0 if oldest is None else max(0.0, self._clock() - oldest / 1e6)
        self._to.set(metrics.BACKLOG_AGE, age)

    def worker_measured(self, notice: WorkerMeasured) -> None:
        self._to.set(metrics.IN_FLIGHT, notice.in_flight)
        self._to.set(metrics.FREE, notice.free)
        self._to.set(metrics.UNWRITTEN, notice.unwritten)
        self._to.set(metrics.LOOP_LAG, notice.loop_lag)
        self._to.set(metrics.STUCK, notice.stuck)
        self._to.set(metrics.STALLED, notice.stalled)
        self._to.set(metrics.LEDGER_UP, notice.ledger_answers)
        if notice.broker_answers is not None:
            self._to.set(metrics.BROKER_UP, notice.broker_answers)
        if notice.index_waiting is not None:
            self._to.set(metrics.INDEX_WAITING, notice.index_waiting)

    def _known(self, name: str) -> str:
        """Return the name, or `OTHER` where too many are told apart already."""
        if name not in self._names:
            if len(self._names) >= MOST_NAMES:
                return OTHER
            self._names.add(name)
        return name
