"""Traces: deliveries with all that happened to them, read a set at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from attrs import evolve
from sqlalchemy import Column, Row, Select, Table, func, select, union_all

from asyncevents_core.adapters.sqlalchemy.deliveries import to_delivery
from asyncevents_core.adapters.sqlalchemy.event_rows import to_event
from asyncevents_core.adapters.sqlalchemy.outcomes import to_attempt
from asyncevents_core.adapters.sqlalchemy.replays import to_replay
from asyncevents_core.adapters.sqlalchemy.schema import (
    attempt,
    delivery,
    event,
    replay,
    subscription,
)
from asyncevents_core.adapters.sqlalchemy.statements import Noun, Statements
from asyncevents_core.domain.delivery import Attempt, DeliveryState
from asyncevents_core.domain.instant import NIL
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.domain.trace import EventDelivery, OpenDelivery, Trace
from asyncevents_core.ports.ledger.traces import TracesView

_AttemptsOf = Callable[[Statements, Sequence[Row[Any]]], Mapping[UUID, list[Attempt]]]


class SqlTracesView(Noun, TracesView):
    """See `TracesView`."""

    def of_delivery(
        self, delivery_id: UUID, *, tenant: str | None = None, most: int | None = None
    ) -> Trace | None:
        statement = _deliveries(tenant).where(delivery.c.id == delivery_id)
        if most is None:
            return next(iter(_traces(self._sql, statement, _all_attempts)), None)
        found = next(iter(_traces(self._sql, statement, lambda *_: {delivery_id: []})), None)
        if found is None:
            return None
        attempts, count = _some_attempts(self._sql, delivery_id, most)
        return evolve(found, attempts=attempts, left_out=count - len(attempts))

    def of_event(
        self, event_id: UUID, *, limit: int, after: UUID | None = None, tenant: str | None = None
    ) -> Sequence[Trace]:
        statement = _of_event(event_id, after, tenant).limit(limit)
        return _traces(self._sql, statement, _all_attempts)

    def deliveries_of(
        self, event_id: UUID, *, limit: int, after: UUID | None = None, tenant: str | None = None
    ) -> Sequence[EventDelivery]:
        statement = _of_event(event_id, after, tenant).limit(limit)
        return [
            EventDelivery(delivery=to_delivery(row), target=row.target)
            for row in self._sql.execute(statement)
        ]

    def open_deliveries(
        self,
        state: DeliveryState,
        *,
        limit: int,
        subscription_id: int | None = None,
        tenant: str | None = None,
    ) -> Sequence[OpenDelivery]:
        wanted = select(delivery).where(delivery.c.state == state.value)
        # Each part is a range of an index in the order of due times.
        if subscription_id is None and tenant is None:
            parts = [wanted.where(delivery.c.parked.is_(parked)) for parked in (False, True)]
        else:
            waited = self._longest_waiting(state, limit, subscription_id, tenant)
            parts = [wanted.where(delivery.c.subscription_id == number) for number in waited]
        if not parts:
            return []
        firsts = (part.order_by(delivery.c.due_at).limit(limit).subquery() for part in parts)
        found = union_all(*(select(first) for first in firsts)).subquery("found")
        first = select(found).order_by(found.c.due_at).limit(limit).subquery("first")
        statement = (
            select(first, event.c.name, subscription.c.target)
            .join(event, event.c.id == first.c.event_id)
            .join(subscription, subscription.c.id == first.c.subscription_id)
        )
        rows = self._sql.execute(statement).all()
        return [_to_open(row) for row in sorted(rows, key=lambda row: (row.due_at or 0, row.id))]

    def _longest_waiting(
        self, state: DeliveryState, limit: int, subscription_id: int | None, tenant: str | None
    ) -> Sequence[int]:
        """Return the subscriptions whose first delivery in this state is due before others'.

        The first `limit` deliveries of all are among those of so many subscriptions.
        """
        due = func.coalesce(delivery.c.due_at, 0)
        its = (
            select(due)
            .where(delivery.c.subscription_id == subscription.c.id)
            .where(delivery.c.state == state.value)
            .order_by(delivery.c.due_at)
            .limit(1)
            .scalar_subquery()
        )
        mine = select(subscription.c.id, its.label("first_due"))
        if subscription_id is not None:
            mine = mine.where(subscription.c.id == subscription_id)
        if tenant is not None:
            mine = mine.where(subscription.c.tenant == tenant)
        waited = mine.subquery("waited")
        statement = select(waited.c.id).where(waited.c.first_due.is_not(None))
        ordered = statement.order_by(waited.c.first_due).limit(limit)
        return list(self._sql.execute(ordered).scalars())


def _to_open(row: Row[Any]) -> OpenDelivery:
    return OpenDelivery(
        id=row.id,
        event_name=row.name,
        subscription_id=row.subscription_id,
        target=row.target,
        state=DeliveryState(row.state),
        parked=row.parked,
        due_at=row.due_at,
        claims=row.claims,
        created_at=row.created_at,
    )


def _deliveries(tenant: str | None) -> Select[Any]:
    statement = select(
        delivery,
        subscription.c.sink,
        subscription.c.target,
        subscription.c.status.label("subscription_status"),
        subscription.c.created_at.label("subscribed_at"),
    ).join(subscription, subscription.c.id == delivery.c.subscription_id)
    return statement if tenant is None else statement.where(subscription.c.tenant == tenant)


def _of_event(event_id: UUID, after: UUID | None, tenant: str | None) -> Select[Any]:
    statement = _deliveries(tenant).where(delivery.c.event_id == event_id)
    if after is not None:
        statement = statement.where(delivery.c.id > after)
    return statement.order_by(delivery.c.id)


def _traces(sql: Statements, statement: Select[Any], attempts_of: _AttemptsOf) -> Sequence[Trace]:
    found = list(sql.execute(statement))
    events = {row.id: to_event(row) for row in _by_id(sql, event, {r.event_id for r in found})}
    requests = {
        row.id: to_replay(row)
        for row in _by_id(sql, replay, {row.replay_request for row in found} - {NIL})
    }
    attempts, replays = attempts_of(sql, found), _replays(sql, found)
    return [
        Trace(
            delivery=to_delivery(row),
            event=events[row.event_id],
            sink=row.sink,
            target=row.target,
            attempts=tuple(attempts[row.id]),
            replays=tuple(replays[row.id]),
            request=requests.get(row.replay_request),
            subscription_status=SubscriptionStatus(row.subscription_status),
            subscribed_at=row.subscribed_at,
        )
        for row in found
        if row.event_id in events
    ]


def _by_id(sql: Statements, table: Table, ids: set[UUID]) -> Sequence[Row[Any]]:
    return _among(sql, select(table), table.c.id, ids)


def _some_attempts(
    sql: Statements, delivery_id: UUID, most: int
) -> tuple[tuple[Attempt, ...], int]:
    """Return the oldest and the newest attempts of a delivery, and how many it has."""
    its = select(attempt).where(attempt.c.delivery_id == delivery_id)
    by_claim = attempt.c.claim_no
    oldest = sql.execute(its.order_by(by_claim).limit(most - most // 2))
    newest = sql.execute(its.order_by(by_claim.desc()).limit(most // 2))
    found = {row.claim_no: to_attempt(row) for rows in (oldest, newest) for row in rows}
    counted = select(func.count()).select_from(its.with_only_columns(by_claim).subquery())
    return tuple(found[one] for one in sorted(found)), sql.execute(counted).scalar_one()


def _all_attempts(sql: Statements, found: Sequence[Row[Any]]) -> Mapping[UUID, list[Attempt]]:
    of: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    statement = select(attempt).order_by(attempt.c.claim_no)
    for row in _among(sql, statement, attempt.c.delivery_id, {one.id for one in found}):
        of[row.delivery_id].append(to_attempt(row))
    return of


def _replays(sql: Statements, found: Sequence[Row[Any]]) -> Mapping[UUID, list[UUID]]:
    of: defaultdict[UUID, list[UUID]] = defaultdict(list)
    statement = select(delivery.c.id, delivery.c.replay_of).order_by(delivery.c.id)
    for row in _among(sql, statement, delivery.c.replay_of, {one.id for one in found}):
        of[row.replay_of].append(row.id)
    return of


def _among(
    sql: Statements, statement: Select[Any], column: Column[Any], ids: set[UUID]
) -> Sequence[Row[Any]]:
    if not ids:
        return []
    return list(sql.execute(statement.where(column.in_(ids))))
