"""Row operations on deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import false, select, true, update

from asyncevents_core.adapters.sqlalchemy import rows
from asyncevents_core.adapters.sqlalchemy.schema import delivery, subscription
from asyncevents_core.adapters.sqlalchemy.statements import Statements, chunked
from asyncevents_core.domain.delivery import DeadReason, Delivery, DeliveryState


class DeliveryRows(Statements):
    """Deliveries. See `LedgerTransaction`."""

    def insert_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        self._insert(delivery, [rows.delivery_values(one) for one in deliveries])

    def deliveries_of(self, ids: Collection[UUID]) -> set[UUID]:
        found: set[UUID] = set()
        statement = select(delivery.c.id).where(self._dialect.among(delivery.c.id, "ids"))
        for some in chunked(ids):
            found.update(self._connection.execute(statement, {"ids": some}).scalars())
        return found

    def lock_due_deliveries(self, *, limit: int, expired: bool) -> list[Delivery]:
        now = self.now()
        states = [DeliveryState.WAITING, DeliveryState.LEASED][: 1 + expired]
        found: list[Delivery] = []
        for state in states:
            statement = (
                select(delivery)
                .where(delivery.c.state == state.value)
                .where(delivery.c.parked == false())
                .where(delivery.c.due_at <= now)
                .order_by(delivery.c.due_at)
                .limit(limit)
            )
            locked = self._connection.execute(self._dialect.lock(statement))
            found += [rows.to_delivery(row) for row in locked]
        found.sort(key=lambda one: one.due_at or 0)
        return found[:limit]

    def make_due(self, ids: Collection[UUID], *, before: int) -> int:
        now, changed = self.now(), 0
        for some in chunked(sorted(ids)):
            result = self._connection.execute(
                update(delivery)
                .where(delivery.c.id.in_(some))
                .where(delivery.c.state == DeliveryState.WAITING.value)
                .where(delivery.c.due_at > now)
                .where(delivery.c.due_at <= before)
                .values(due_at=now)
            )
            changed += result.rowcount
        return changed

    def lock_parked(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        statement = (
            select(delivery)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state == DeliveryState.WAITING.value)
            .where(delivery.c.due_at <= self.now())
            .where(delivery.c.parked == true())
            .order_by(delivery.c.due_at)
            .limit(limit)
        )
        locked = self._connection.execute(self._dialect.lock(statement))
        return [rows.to_delivery(row) for row in locked]

    def parked_subscriptions(self, *, limit: int) -> Sequence[int]:
        # A look into the index for each subscription, however many rows are parked.
        parked = (
            select(delivery.c.id)
            .where(delivery.c.subscription_id == subscription.c.id)
            .where(delivery.c.state == DeliveryState.WAITING.value)
            .where(delivery.c.parked == true())
        )
        statement = select(subscription.c.id).where(self._dialect.exists(parked)).limit(limit)
        return list(self._connection.execute(statement).scalars())

    def lock_held(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        statement = (
            select(delivery)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state == DeliveryState.HELD.value)
            .limit(limit)
        )
        locked = self._connection.execute(self._dialect.lock(statement))
        return [rows.to_delivery(row) for row in locked]

    def has_held(self, subscription_id: int) -> bool:
        statement = (
            select(delivery.c.id)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state == DeliveryState.HELD.value)
            .limit(1)
        )
        return self._connection.execute(statement).first() is not None

    def lock_delivery(self, delivery_id: UUID) -> Delivery | None:
        statement = select(delivery).where(delivery.c.id == delivery_id)
        row = self._connection.execute(self._dialect.lock_waiting(statement)).one_or_none()
        return None if row is None else rows.to_delivery(row)

    def move_deliveries(
        self,
        ids: Collection[UUID],
        *,
        state: DeliveryState,
        due_at: int | None,
        owner: UUID | None = None,
        parked: bool = False,
        reason: DeadReason | None = None,
        claimed: bool = False,
        abandoned: bool = False,
    ) -> None:
        self._update(
            delivery,
            ids,
            {
                "state": state.value,
                "due_at": due_at,
                "owner": owner,
                "parked": parked,
                "reason": None if reason is None else reason.value,
                "claims": delivery.c.claims + int(claimed),
                "abandonments": delivery.c.abandonments + int(abandoned),
            },
        )

    def cancel_deliveries(self, subscription_id: int, *, limit: int) -> int:
        statement = (
            select(delivery.c.id)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state.in_([DeliveryState.WAITING.value, DeliveryState.HELD.value]))
            .limit(limit)
        )
        ids = list(self._connection.execute(self._dialect.lock_waiting(statement)).scalars())
        if ids:
            self.move_deliveries(ids, state=DeliveryState.CANCELLED, due_at=None)
        return len(ids)
