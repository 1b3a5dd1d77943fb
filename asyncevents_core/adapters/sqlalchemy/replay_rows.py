"""Row operations on replays."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, insert, select
from sqlalchemy.sql.elements import ColumnElement

from asyncevents_core.adapters.sqlalchemy import rows
from asyncevents_core.adapters.sqlalchemy.schema import delivery, event, replay
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.domain.delivery import Delivery, DeliveryState
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.replay import DeadFilter, ReplayRequest


class ReplayRows(Statements):
    """Replays. See `LedgerTransaction`."""

    def lock_event(self, event_id: UUID) -> Event | None:
        statement = self._dialect.lock_waiting(select(event).where(event.c.id == event_id))
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else rows.to_event(row)

    def insert_replay(self, request: ReplayRequest) -> None:
        self._connection.execute(
            insert(replay).values(
                id=request.id,
                requested_by=request.requested_by,
                requested_at=self.now(),
                what=request.what,
            )
        )

    def lock_dead(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[Delivery]:
        statement = select(delivery).where(*dead_conditions(wanted))
        if after is not None:
            statement = statement.where(delivery.c.id > after)
        statement = statement.order_by(delivery.c.id).limit(limit)
        locked = self._connection.execute(self._dialect.lock_waiting(statement))
        return [rows.to_delivery(row) for row in locked]


def dead_conditions(wanted: DeadFilter) -> list[ColumnElement[bool]]:
    """Return a filter as conditions on the table of deliveries."""
    conditions = [delivery.c.state == DeliveryState.DEAD.value]
    if wanted.event_name is not None:
        names = select(event.c.id).where(
            event.c.id == delivery.c.event_id, event.c.name == wanted.event_name
        )
        conditions.append(exists(names))
    if wanted.subscription_id is not None:
        conditions.append(delivery.c.subscription_id == wanted.subscription_id)
    if wanted.reason is not None:
        conditions.append(delivery.c.reason == wanted.reason.value)
    if wanted.since is not None:
        conditions.append(delivery.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(delivery.c.created_at < wanted.until)
    if not wanted.replayed:
        again = delivery.alias("again")
        conditions.append(~exists(select(again.c.id).where(again.c.replay_of == delivery.c.id)))
    return conditions
