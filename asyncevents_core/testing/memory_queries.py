"""The reads for people of the ledger in memory; what each means stands in its port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import attrgetter
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import Attempt, Delivery, DeliveryState, summary
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.log_filter import LogFilter
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.subscription import Subscription, SubscriptionSummary
from asyncevents_core.domain.trace import (
    EVENT_FAILED,
    Backlog,
    DeadLetter,
    LoggedAttempt,
    LogPosition,
    LogRow,
    Trace,
)
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.ports.index_queue import IndexBacklog
from asyncevents_core.ports.queries import LedgerQueries
from asyncevents_core.ports.secrets import KeptSecret, KeyAge
from asyncevents_core.testing import memory_index
from asyncevents_core.testing.memory_access import AccessQueries
from asyncevents_core.testing.memory_events import undeleted
from asyncevents_core.testing.memory_tables import Tables
from asyncevents_core.testing.memory_upkeep import (
    dead_deliveries,
    failed_events,
    replayed_deliveries,
)

_by_id = attrgetter("id")


class MemoryQueries(AccessQueries, LedgerQueries):
    """Queries on the tables, which stand still while they run."""

    def __init__(self, tables: Tables, clock: Callable[[], int]) -> None:
        self._tables = tables
        self._clock = clock

    def now(self) -> int:
        return self._clock()

    def trace(self, delivery_id: UUID, *, tenant: str | None = None) -> Trace | None:
        delivery = self._tables.deliveries.get(delivery_id)
        if delivery is None:
            return None
        event = self.event(delivery.event_id)
        subscription = self.subscription(delivery.subscription_id)
        if event is None or subscription is None or tenant not in (None, subscription.tenant):
            return None
        attempts = [
            row.attempt for row in self._tables.attempts if row.attempt.delivery_id == delivery_id
        ]
        replays = [one.id for one in self._tables.deliveries if one.replay_of == delivery_id]
        return Trace(
            delivery=delivery,
            event=event,
            sink=subscription.sink,
            target=subscription.target,
            attempts=tuple(sorted(attempts, key=attrgetter("claim_no"))),
            replays=tuple(sorted(replays)),
            request=self._tables.replays.get(delivery.chain),
        )

    def traces_of_event(
        self, event_id: UUID, *, limit: int, after: UUID | None = None, tenant: str | None = None
    ) -> Sequence[Trace]:
        ids = sorted(one.id for one in self._tables.deliveries if one.event_id == event_id)
        traces = (self.trace(one, tenant=tenant) for one in ids if after is None or one > after)
        return [one for one in traces if one is not None][:limit]

    def event(self, event_id: UUID) -> Event | None:
        row = self._tables.events.get(event_id)
        return None if row is None else row.event

    def events(
        self, *, name: str | None, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[Event]:
        found = [
            row.event if row.event.arguments is None else evolve(row.event, body=None)
            for row in self._tables.events
            if (name is None or row.event.name == name)
            and tenant in (None, row.event.tenant)
            and (before is None or row.event.id < before)
        ]
        return sorted(found, key=_by_id, reverse=True)[:limit]

    def logs(
        self, wanted: LogFilter, *, limit: int, before: LogPosition | None
    ) -> Sequence[LogRow]:
        found = [one for one in self._log_rows(wanted) if before is None or one.position < before]
        return sorted(found, key=attrgetter("position"), reverse=True)[:limit]

    def log_ids(self, *, after: int, limit: int) -> Sequence[int]:
        return sorted(row.log_id for row in self._tables.attempts if row.log_id > after)[:limit]

    def log_position(self, log_id: int) -> LogPosition | None:
        rows = self._log_rows(LogFilter())
        return next((one.position for one in rows if one.log_id == log_id), None)

    def newest_log_id(self) -> int:
        return max((row.log_id for row in self._tables.attempts), default=0)

    def _log_rows(self, wanted: LogFilter) -> Iterator[LogRow]:
        for row in self._tables.attempts:
            delivery = self._tables.deliveries.get(row.attempt.delivery_id)
            event = None if delivery is None else self.event(delivery.event_id)
            if delivery is None or event is None:
                continue
            if not self._is_meant(wanted, row.attempt, delivery, event):
                continue
            yield LogRow(
                log_id=row.log_id,
                event_name=event.name,
                subscription_id=delivery.subscription_id,
                delivery_state=delivery.state,
                attempt=row.attempt,
            )

    def _is_meant(
        self, wanted: LogFilter, attempt: Attempt, delivery: Delivery, event: Event
    ) -> bool:
        subscription = self._tables.subscriptions.get(delivery.subscription_id)
        tenant = None if subscription is None else subscription.subscription.tenant
        return (
            wanted.subscription_id in (None, delivery.subscription_id)
            and wanted.event_name in (None, event.name)
            and wanted.tenant in (None, tenant)
            and wanted.fits(attempt.outcome)
            and (wanted.since is None or attempt.started_at >= wanted.since)
            and (wanted.until is None or attempt.started_at < wanted.until)
        )

    def dead_letters(
        self, wanted: DeadFilter, *, limit: int, before: UUID | None
    ) -> Sequence[DeadLetter]:
        replayed = replayed_deliveries(self._tables)
        found = [
            self._dead_delivery(one, replayed=one.id in replayed)
            for one in dead_deliveries(self._tables, wanted)
        ]
        found += [_failed_event(one) for one in failed_events(self._tables, wanted)]
        page = [one for one in found if before is None or one.id < before]
        return sorted(page, key=_by_id, reverse=True)[:limit]

    def count_dead(self, wanted: DeadFilter) -> int:
        dead, failed = dead_deliveries(self._tables, wanted), failed_events(self._tables, wanted)
        return len(dead) + len(failed)

    def logged_attempts(self, *, after: int, limit: int) -> Sequence[LoggedAttempt]:
        return [one for one in memory_index.logged(self._tables) if one.log_id > after][:limit]

    def logs_of(self, log_ids: Collection[int], *, tenant: str | None = None) -> Sequence[LogRow]:
        rows = self._log_rows(LogFilter(tenant=tenant))
        found = [one for one in rows if one.log_id in log_ids]
        return sorted(found, key=attrgetter("log_id"), reverse=True)

    def subscriptions_of(self, tenant: str) -> Sequence[int]:
        return [
            one.subscription.id
            for one in self._tables.subscriptions
            if one.subscription.tenant == tenant
        ]

    def index_backlog(self) -> IndexBacklog:
        return memory_index.backlog(self._tables)

    def all_subscriptions(self) -> Sequence[Subscription]:
        return undeleted(self._tables)

    def sinks_in_use(self) -> set[str]:
        return {one.sink for one in undeleted(self._tables)}

    def subscription_summaries(self) -> Sequence[SubscriptionSummary]:
        return [
            SubscriptionSummary(
                id=one.id,
                event_name=one.event_name,
                sink=one.sink,
                target=one.target,
                tenant=one.tenant,
                status=one.status,
                created_at=one.created_at,
            )
            for one in undeleted(self._tables)
        ]

    def subscription(self, subscription_id: int) -> Subscription | None:
        row = self._tables.subscriptions.get(subscription_id)
        return None if row is None else row.value()

    def kept_secrets(self, *, after: int, limit: int) -> Sequence[KeptSecret]:
        rows = sorted((row.value() for row in self._tables.subscriptions), key=_by_id)
        found = [one.id for one in rows if one.secret is not None or one.options]
        # Nothing is encrypted in memory.
        kept = [KeptSecret(subscription_id=one, key=KeyAge.NEWEST) for one in found if one > after]
        return kept[:limit]

    def is_task_taken(self, name: str) -> bool:
        return (self._tables.tasks.get(name) or 0) > self.now()

    def workers(self) -> Sequence[WorkerRow]:
        return sorted(self._tables.workers, key=attrgetter("started_at", "id"))

    def backlog(self, *, horizon: float = 0.0) -> Backlog:
        until = self.now() + round(horizon * 1e6)
        events = [row.event for row in self._tables.events]
        event_states = Counter(one.state for one in events)
        states = Counter(one.state for one in self._tables.deliveries)
        waiting = [one for one in self._tables.deliveries if one.state is DeliveryState.WAITING]
        unparked = [one.due_at or 0 for one in waiting if not one.parked]
        still_open = [one.due_at or 0 for one in events if one.state is EventState.OPEN]
        resolving = [one.due_at or 0 for one in events if one.state is EventState.RESOLVING]
        waiting_due = sum(due_at <= until for due_at in unparked)
        return Backlog(
            events_open=event_states[EventState.OPEN],
            events_due=sum(due_at <= until for due_at in still_open + resolving),
            events_resolving=event_states[EventState.RESOLVING],
            events_failed=event_states[EventState.FAILED],
            waiting_due=waiting_due,
            waiting_later=len(unparked) - waiting_due,
            parked=len(waiting) - len(unparked),
            leased=states[DeliveryState.LEASED],
            held=states[DeliveryState.HELD],
            dead=states[DeliveryState.DEAD],
            oldest_due_at=min(still_open + unparked, default=None),
        )

    def _dead_delivery(self, delivery: Delivery, *, replayed: bool) -> DeadLetter:
        event = self.event(delivery.event_id)
        subscription = self.subscription(delivery.subscription_id)
        return DeadLetter(
            id=delivery.id,
            event_name="" if event is None else event.name,
            subscription_id=delivery.subscription_id,
            target=None if subscription is None else subscription.target,
            reason="" if delivery.reason is None else delivery.reason.value,
            summary=summary(delivery.state, delivery.deaths),
            created_at=delivery.created_at,
            replayed=replayed,
        )


def _failed_event(event: Event) -> DeadLetter:
    return DeadLetter(
        id=event.id,
        event_name=event.name,
        subscription_id=None,
        target=None,
        reason=event.reason or "",
        summary=EVENT_FAILED,
        created_at=event.created_at,
        replayed=False,
    )
