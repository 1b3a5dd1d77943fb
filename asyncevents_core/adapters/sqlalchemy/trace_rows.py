"""Traces: deliveries with all that happened to them, read a set at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Row, Select, Table, select

from asyncevents_core.adapters.sqlalchemy import rows
from asyncevents_core.adapters.sqlalchemy.schema import (
    attempt,
    delivery,
    event,
    replay,
    subscription,
)
from asyncevents_core.domain.delivery import Attempt
from asyncevents_core.domain.instant import NIL
from asyncevents_core.domain.trace import Trace


def of_delivery(connection: Connection, delivery_id: UUID, tenant: str | None) -> Trace | None:
    """Return the trace of one delivery."""
    statement = _deliveries(tenant).where(delivery.c.id == delivery_id)
    return next(iter(_traces(connection, statement)), None)


def of_event(
    connection: Connection, event_id: UUID, *, limit: int, after: UUID | None, tenant: str | None
) -> Sequence[Trace]:
    """Return the traces of an event's deliveries behind `after`, oldest first."""
    statement = _deliveries(tenant).where(delivery.c.event_id == event_id)
    if after is not None:
        statement = statement.where(delivery.c.id > after)
    return _traces(connection, statement.order_by(delivery.c.id).limit(limit))


def _deliveries(tenant: str | None) -> Select[Any]:
    statement = select(delivery, subscription.c.sink, subscription.c.target).join(
        subscription, subscription.c.id == delivery.c.subscription_id
    )
    return statement if tenant is None else statement.where(subscription.c.tenant == tenant)


def _traces(connection: Connection, statement: Select[Any]) -> Sequence[Trace]:
    found = list(connection.execute(statement))
    events = {
        row.id: rows.to_event(row) for row in _by_id(connection, event, {r.event_id for r in found})
    }
    requests = {
        row.id: rows.to_replay(row)
        for row in _by_id(connection, replay, {row.chain for row in found} - {NIL})
    }
    attempts, replays = _attempts(connection, found), _replays(connection, found)
    return [
        Trace(
            delivery=rows.to_delivery(row),
            event=events[row.event_id],
            sink=row.sink,
            target=row.target,
            attempts=tuple(attempts[row.id]),
            replays=tuple(replays[row.id]),
            request=requests.get(row.chain),
        )
        for row in found
        if row.event_id in events
    ]


def _by_id(connection: Connection, table: Table, ids: set[UUID]) -> Sequence[Row[Any]]:
    return _among(connection, select(table), table.c.id, ids)


def _attempts(connection: Connection, found: Sequence[Row[Any]]) -> Mapping[UUID, list[Attempt]]:
    of: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    statement = select(attempt).order_by(attempt.c.claim_no)
    for row in _among(connection, statement, attempt.c.delivery_id, {one.id for one in found}):
        of[row.delivery_id].append(rows.to_attempt(row))
    return of


def _replays(connection: Connection, found: Sequence[Row[Any]]) -> Mapping[UUID, list[UUID]]:
    of: defaultdict[UUID, list[UUID]] = defaultdict(list)
    statement = select(delivery.c.id, delivery.c.replay_of).order_by(delivery.c.id)
    for row in _among(connection, statement, delivery.c.replay_of, {one.id for one in found}):
        of[row.replay_of].append(row.id)
    return of


def _among(
    connection: Connection, statement: Select[Any], column: Column[Any], ids: set[UUID]
) -> Sequence[Row[Any]]:
    if not ids:
        return []
    return list(connection.execute(statement.where(column.in_(ids))))
