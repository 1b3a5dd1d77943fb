"""Dead letters by filter: dead deliveries, and events that failed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Table, exists, func, select
from sqlalchemy.sql.elements import ColumnElement

from asyncevents_core.adapters.sqlalchemy.deliveries import to_delivery
from asyncevents_core.adapters.sqlalchemy.schema import delivery, event, subscription
from asyncevents_core.adapters.sqlalchemy.statements import Noun, chunked
from asyncevents_core.domain.delivery import DeadReason, Delivery, DeliveryState, summary
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import EVENT_FAILED, DeadLetter
from asyncevents_core.ports.ledger.dead_letters import DeadLetters, DeadLettersView

_again = delivery.alias("again")
_replayed = exists(select(_again.c.id).where(_again.c.replay_of == delivery.c.id))


class SqlDeadLetters(Noun, DeadLetters):
    """See `DeadLetters`."""

    def lock_deliveries(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[Delivery]:
        meant = _dead_deliveries(select(delivery), wanted).order_by(delivery.c.id).limit(limit)
        while True:
            statement = meant if after is None else meant.where(delivery.c.id > after)
            found = self._sql.execute(self._sql.dialect.lock_waiting(statement))
            locked = [to_delivery(row) for row in found]
            if wanted.replayed or not locked:
                return locked
            # Another request may have sent some again while this one waited for their locks:
            # the statement that waited saw what there was when it began.
            replayed = self._replayed([one.id for one in locked])
            if left := [one for one in locked if one.id not in replayed]:
                return left
            after = locked[-1].id

    def _replayed(self, ids: Collection[UUID]) -> set[UUID]:
        found: set[UUID] = set()
        for some in chunked(sorted(ids)):
            statement = select(delivery.c.replay_of).where(delivery.c.replay_of.in_(some))
            found.update(self._sql.execute(statement).scalars())
        return found

    def lock_events(self, wanted: DeadFilter, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        if not wanted.means_events:
            return []
        statement = _failed_events(select(event.c.id), wanted).order_by(event.c.id).limit(limit)
        if after is not None:
            statement = statement.where(event.c.id > after)
        return list(self._sql.execute(self._sql.dialect.lock_waiting(statement)).scalars())


class SqlDeadLettersView(Noun, DeadLettersView):
    """See `DeadLettersView`."""

    def page(self, wanted: DeadFilter, *, limit: int, before: UUID | None) -> Sequence[DeadLetter]:
        columns = select(
            delivery.c.id,
            delivery.c.subscription_id,
            delivery.c.state,
            delivery.c.reason,
            delivery.c.deaths,
            delivery.c.created_at,
            event.c.name,
            subscription.c.target,
            _replayed.label("replayed"),
        )
        statement = _dead_deliveries(columns, wanted).join(
            subscription, subscription.c.id == delivery.c.subscription_id
        )
        page = _page(statement, delivery, limit, before)
        found = [_to_dead_delivery(row) for row in self._sql.execute(page)]
        if wanted.means_events:
            columns = select(event.c.id, event.c.name, event.c.error, event.c.created_at)
            page = _page(_failed_events(columns, wanted), event, limit, before)
            found += [_to_failed_event(row) for row in self._sql.execute(page)]
        found.sort(key=lambda one: one.id, reverse=True)
        return found[:limit]

    def count(self, wanted: DeadFilter) -> int:
        number = select(func.count())
        found = int(self._sql.execute(_dead_deliveries(number, wanted)).scalar_one())
        if wanted.means_events:
            found += int(self._sql.execute(_failed_events(number, wanted)).scalar_one())
        return found


def _dead_deliveries(columns: Select[Any], wanted: DeadFilter) -> Select[Any]:
    """Select from the dead deliveries that a filter matches, joined with their events."""
    statement = (
        columns.select_from(delivery)
        .join(event, event.c.id == delivery.c.event_id)
        .where(delivery.c.state.in_(_states(wanted)))
        .where(*_conditions(delivery, wanted))
    )
    if wanted.tenant is not None:
        owned = select(subscription.c.id).where(subscription.c.tenant == wanted.tenant)
        statement = statement.where(delivery.c.subscription_id.in_(owned))
    if wanted.subscription_id is not None:
        statement = statement.where(delivery.c.subscription_id == wanted.subscription_id)
    if wanted.reason is not None:
        statement = statement.where(delivery.c.reason == wanted.reason.value)
    if not wanted.replayed:
        statement = statement.where(~_replayed)
    return statement


def _failed_events(columns: Select[Any], wanted: DeadFilter) -> Select[Any]:
    """Select from the failed events that a filter matches; it `means_events`."""
    statement = (
        columns.select_from(event)
        .where(event.c.state == EventState.FAILED.value)
        .where(*_conditions(event, wanted))
    )
    return statement if wanted.tenant is None else statement.where(event.c.tenant == wanted.tenant)


def _states(wanted: DeadFilter) -> list[str]:
    states = [DeliveryState.DEAD.value]
    return [*states, DeliveryState.DELIVERED.value] if wanted.delivered else states


def _conditions(dated: Table, wanted: DeadFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.event_name is not None:
        conditions.append(event.c.name == wanted.event_name)
    if wanted.since is not None:
        conditions.append(dated.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(dated.c.created_at < wanted.until)
    return conditions


def _page(statement: Select[Any], table: Table, limit: int, before: UUID | None) -> Select[Any]:
    if before is not None:
        statement = statement.where(table.c.id < before)
    return statement.order_by(table.c.id.desc()).limit(limit)


def _to_dead_delivery(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        event_name=row.name,
        subscription_id=row.subscription_id,
        target=row.target,
        reason=None if row.reason is None else DeadReason(row.reason),
        error=None,
        summary=summary(DeliveryState(row.state), row.deaths),
        created_at=row.created_at,
        replayed=bool(row.replayed),
    )


def _to_failed_event(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        event_name=row.name,
        subscription_id=None,
        target=None,
        reason=DeadReason.SERVICE,
        error=row.error,
        summary=EVENT_FAILED,
        created_at=row.created_at,
        replayed=False,
    )
