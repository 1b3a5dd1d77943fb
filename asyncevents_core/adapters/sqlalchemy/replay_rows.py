"""Row operations on replays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from asyncevents_core.adapters.sqlalchemy import dead_letters, rows
from asyncevents_core.adapters.sqlalchemy.schema import (
    attempt,
    delivery,
    event,
    replay,
    subscription,
)
from asyncevents_core.adapters.sqlalchemy.statements import Statements, chunked
from asyncevents_core.domain.delivery import Delivery
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.replay import DeadFilter, ReplayRequest


class ReplayRows(Statements):
    """Replays. See `LedgerTransaction`."""

    def lock_event(self, event_id: UUID) -> Event | None:
        statement = self._dialect.lock_waiting(select(event).where(event.c.id == event_id))
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else rows.to_event(row)

    def insert_replay(self, request: ReplayRequest) -> None:
        values = {
            "id": request.id,
            "requested_by": request.requested_by,
            "requested_at": self.now(),
            "what": request.what,
        }
        self._insert(replay, [values])

    def lock_dead(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[Delivery]:
        meant = (
            dead_letters.dead_deliveries(select(delivery), wanted)
            .order_by(delivery.c.id)
            .limit(limit)
        )
        while True:
            statement = meant if after is None else meant.where(delivery.c.id > after)
            found = self._connection.execute(self._dialect.lock_waiting(statement))
            locked = [rows.to_delivery(row) for row in found]
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
            found.update(self._connection.execute(statement).scalars())
        return found

    def lock_logged(self, log_ids: Collection[int], *, tenant: str | None) -> Sequence[Delivery]:
        found: dict[UUID, Delivery] = {}
        for some in chunked(sorted(log_ids)):
            ids = select(attempt.c.delivery_id).where(attempt.c.id.in_(some)).distinct()
            chosen = sorted(self._connection.execute(ids).scalars())
            statement = (
                select(delivery)
                .join(event, event.c.id == delivery.c.event_id)
                .where(delivery.c.id.in_(chosen))
                .order_by(delivery.c.id)
            )
            if tenant is not None:
                owned = select(subscription.c.id).where(subscription.c.tenant == tenant)
                statement = statement.where(delivery.c.subscription_id.in_(owned))
            for row in self._connection.execute(self._dialect.lock_waiting(statement)):
                found[row.id] = rows.to_delivery(row)
        return [found[one] for one in sorted(found)]

    def lock_failed_events(
        self, wanted: DeadFilter, *, after: UUID | None, limit: int
    ) -> Sequence[UUID]:
        if not wanted.means_events:
            return []
        statement = (
            dead_letters.failed_events(select(event.c.id), wanted).order_by(event.c.id).limit(limit)
        )
        if after is not None:
            statement = statement.where(event.c.id > after)
        return list(self._connection.execute(self._dialect.lock_waiting(statement)).scalars())
