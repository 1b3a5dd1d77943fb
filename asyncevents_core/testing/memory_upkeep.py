"""The ledger in memory: replays, tasks and the clean-up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Final
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import TERMINAL, Delivery, DeliveryState
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.replay import DeadFilter, ReplayRequest
from asyncevents_core.ports.upkeep import Cleaned
from asyncevents_core.testing.memory_events import EventOperations
from asyncevents_core.testing.memory_index import IndexOperations, queue
from asyncevents_core.testing.memory_tables import EventRow, Tables

_EVENTS_AT_ONCE: Final = 200
_by_id = attrgetter("id")


class UpkeepOperations(EventOperations, IndexOperations):
    """The part of a transaction that is about what happens afterwards."""

    def lock_event(self, event_id: UUID) -> Event | None:
        row = self._tables.events.get(event_id)
        return None if row is None else row.event

    def insert_replay(self, request: ReplayRequest) -> None:
        if request.id not in self._tables.replays:
            self._tables.replays.put(request.id, evolve(request, requested_at=self.now()))

    def lock_dead(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[Delivery]:
        found = dead_deliveries(self._tables, wanted)
        return [one for one in found if after is None or one.id > after][:limit]

    def lock_logged(self, log_ids: Collection[int], *, tenant: str | None) -> Sequence[Delivery]:
        found: dict[UUID, Delivery] = {}
        for row in self._tables.attempts:
            delivery = self._tables.deliveries.get(row.attempt.delivery_id)
            if row.log_id not in log_ids or delivery is None:
                continue
            if tenant in (None, _tenant_of(self._tables, delivery)):
                found[delivery.id] = delivery
        return sorted(found.values(), key=_by_id)

    def lock_failed_events(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[UUID]:
        found = failed_events(self._tables, wanted)
        return [one.id for one in found if after is None or one.id > after][:limit]

    def take_task(self, name: str, *, first: int, until: int) -> bool:
        due_at = self._tables.tasks.get(name)
        if due_at is None:
            self._tables.tasks.put(name, first)
            due_at = first
        if due_at > self.now():
            return False
        self._tables.tasks.put(name, until)
        return True

    def put_off_task(self, name: str, *, until: int) -> None:
        if name in self._tables.tasks:
            self._tables.tasks.put(name, until)

    def keep_task(self, name: str, *, held: int, until: int) -> bool:
        if self._tables.tasks.get(name) != held:
            return False
        self._tables.tasks.put(name, until)
        return True

    def delete_old(self, *, before: int, after: UUID | None, limit: int, indexed: bool) -> Cleaned:
        old = sorted(
            row.event.id
            for row in self._tables.events
            if row.event.created_at < before
            and row.event.state in (EventState.FANNED_OUT, EventState.FAILED)
            and (after is None or row.event.id > after)
        )[:_EVENTS_AT_ONCE]
        rows = events = 0
        for event_id in old:
            if self._is_needed(event_id, before):
                continue
            rows += self._delete_event(event_id, indexed=indexed)
            events += 1
            if rows >= limit:
                return Cleaned(rows=rows, events=events, after=event_id)
        return Cleaned(rows=rows, events=events, after=old[-1] if old else None)

    def _is_needed(self, event_id: UUID, before: int) -> bool:
        own = [one for one in self._tables.deliveries if one.event_id == event_id]
        ids = {one.id for one in own}
        return any(one.state not in TERMINAL or one.created_at >= before for one in own) or any(
            row.attempt.started_at >= before
            for row in self._tables.attempts
            if row.attempt.delivery_id in ids
        )

    def _delete_event(self, event_id: UUID, *, indexed: bool) -> int:
        rows = 1
        own = [one for one in self._tables.deliveries if one.event_id == event_id]
        for one in own:
            for key, row in self._tables.attempts.items():
                if row.attempt.delivery_id == one.id:
                    self._tables.attempts.delete(key)
                    if indexed:
                        queue(self._tables, row.log_id)
                    else:
                        self._tables.index_queue.delete(row.log_id)
                    rows += 1
            self._tables.deliveries.delete(one.id)
            self._tables.fan_out.delete((one.event_id, one.subscription_id, one.chain))
            rows += 1
        self._tables.events.delete(event_id)
        return rows


def dead_deliveries(tables: Tables, wanted: DeadFilter) -> list[Delivery]:
    """Return the dead deliveries that a filter matches, by id."""
    replayed = replayed_deliveries(tables)
    states = (DeliveryState.DEAD, DeliveryState.DELIVERED)[: 1 + wanted.delivered]
    found = [
        one
        for one in tables.deliveries
        if one.state in states
        and wanted.tenant in (None, _tenant_of(tables, one))
        and wanted.subscription_id in (None, one.subscription_id)
        and wanted.reason in (None, one.reason)
        and (wanted.replayed or one.id not in replayed)
        and _is_meant(tables.events.get(one.event_id), one.created_at, wanted)
    ]
    return sorted(found, key=_by_id)


def failed_events(tables: Tables, wanted: DeadFilter) -> list[Event]:
    """Return the failed events that a filter matches, by id."""
    if not wanted.means_events:
        return []
    found = [
        row.event
        for row in tables.events
        if row.event.state is EventState.FAILED
        and wanted.tenant in (None, row.event.tenant)
        and _is_meant(row, row.event.created_at, wanted)
    ]
    return sorted(found, key=_by_id)


def replayed_deliveries(tables: Tables) -> set[UUID]:
    """Return the deliveries that were replayed."""
    return {one.replay_of for one in tables.deliveries if one.replay_of is not None}


def _tenant_of(tables: Tables, delivery: Delivery) -> str | None:
    row = tables.subscriptions.get(delivery.subscription_id)
    return None if row is None else row.subscription.tenant


def _is_meant(row: EventRow | None, created_at: int, wanted: DeadFilter) -> bool:
    return (
        row is not None
        and wanted.event_name in (None, row.event.name)
        and (wanted.since is None or created_at >= wanted.since)
        and (wanted.until is None or created_at < wanted.until)
    )
