"""Deliveries: making them, leasing them, parking and holding them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, false, select, true

from asyncevents_core.adapters.sqlalchemy.events import SqlEvents, marking_fanned_out
from asyncevents_core.adapters.sqlalchemy.insertions import (
    Insertion,
    completed,
    insertion,
)
from asyncevents_core.adapters.sqlalchemy.schema import delivery, subscription
from asyncevents_core.adapters.sqlalchemy.statements import CHUNK, Noun, chunked, in_order
from asyncevents_core.domain.delivery import DeadReason, Delivery, DeliveryState
from asyncevents_core.ports.ledger.deliveries import Deliveries

_STATES: Final = {one.value: one for one in DeliveryState}


class SqlDeliveries(Noun, Deliveries):
    """See `Deliveries`."""

    def insert(self, deliveries: Sequence[Delivery]) -> None:
        self._sql.insert(delivery, [delivery_values(one) for one in deliveries])

    def fan_out(self, deliveries: Sequence[Delivery], event_ids: Collection[UUID]) -> None:
        together = self._sql.dialect.prepared("fan out", self._fanning_out)
        if together is None or not 0 < len(event_ids) <= CHUNK or not deliveries:
            self.insert(deliveries)
            SqlEvents(self._sql).mark_fanned_out(event_ids)
            return
        values = [delivery_values(one) for one in deliveries]
        together.execute(self._sql, values, {"ids": in_order(event_ids)})

    def _fanning_out(self) -> Insertion | None:
        dialect, columns = self._sql.dialect, [column.name for column in delivery.columns]
        marking = marking_fanned_out(dialect)
        return completed(
            insertion(dialect.name, delivery, columns),
            lambda inserting: marking.add_cte(inserting.cte("inserted")),
        )

    def existing(self, ids: Collection[UUID]) -> set[UUID]:
        found: set[UUID] = set()
        statement = select(delivery.c.id).where(self._sql.dialect.among(delivery.c.id, "ids"))
        for some in chunked(ids):
            found.update(self._sql.execute(statement, {"ids": some}).scalars())
        return found

    def lock_due(self, *, limit: int, expired: bool, since: int = 0) -> list[Delivery]:
        now = self._sql.now()
        states = [DeliveryState.WAITING, DeliveryState.LEASED][: 1 + expired]
        found: list[Delivery] = []
        for state in states:
            statement = (
                select(delivery)
                .where(delivery.c.state == state.value)
                .where(delivery.c.parked == false())
                .where(delivery.c.due_at.between(since, now))
                .order_by(delivery.c.due_at)
                .limit(limit)
            )
            locked = self._sql.rows(self._sql.dialect.lock(statement))
            found += [to_delivery(row) for row in locked]
        found.sort(key=_due_at)
        return found[:limit]

    def lock_expired(self, owner: UUID, *, limit: int) -> list[Delivery]:
        statement = self._expired(select(delivery), owner).order_by(delivery.c.due_at).limit(limit)
        locked = self._sql.rows(self._sql.dialect.lock(statement))
        return [to_delivery(row) for row in locked]

    def has_expired(self, owner: UUID) -> bool:
        statement = self._expired(select(delivery.c.id), owner).limit(1)
        return self._sql.execute(statement).first() is not None

    def _expired(self, statement: Select[Any], owner: UUID) -> Select[Any]:
        return (
            statement.where(delivery.c.state == DeliveryState.LEASED.value)
            .where(delivery.c.parked == false())
            .where(delivery.c.due_at <= self._sql.now())
            .where(delivery.c.owner == owner)
        )

    def make_due(self, ids: Collection[UUID], *, before: int) -> int:
        now, changed = self._sql.now(), 0
        for some in chunked(in_order(ids)):
            found = (
                select(delivery.c.id)
                .where(delivery.c.id.in_(some))
                .where(delivery.c.state == DeliveryState.WAITING.value)
                .where(delivery.c.due_at > now)
                .where(delivery.c.due_at <= before)
            )
            changed += self._sql.update_free(delivery, found, {"due_at": now})
        return changed

    def lock_parked(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        statement = (
            select(delivery)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state == DeliveryState.WAITING.value)
            .where(delivery.c.due_at <= self._sql.now())
            .where(delivery.c.parked == true())
            .order_by(delivery.c.due_at)
            .limit(limit)
        )
        locked = self._sql.rows(self._sql.dialect.lock(statement))
        return [to_delivery(row) for row in locked]

    def parked_subscriptions(self, *, limit: int) -> Sequence[int]:
        # A look into the index for each subscription, however many rows are parked.
        parked = (
            select(delivery.c.id)
            .where(delivery.c.subscription_id == subscription.c.id)
            .where(delivery.c.state == DeliveryState.WAITING.value)
            .where(delivery.c.parked == true())
        )
        statement = select(subscription.c.id).where(self._sql.dialect.exists(parked)).limit(limit)
        return list(self._sql.execute(statement).scalars())

    def lock_held(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        statement = (
            select(delivery)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state == DeliveryState.HELD.value)
            .limit(limit)
        )
        locked = self._sql.rows(self._sql.dialect.lock(statement))
        return [to_delivery(row) for row in locked]

    def has_held(self, subscription_id: int) -> bool:
        statement = (
            select(delivery.c.id)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state == DeliveryState.HELD.value)
            .limit(1)
        )
        return self._sql.execute(statement).first() is not None

    def lock_one(self, delivery_id: UUID) -> Delivery | None:
        statement = select(delivery).where(delivery.c.id == delivery_id)
        row = self._sql.execute(self._sql.dialect.lock_waiting(statement)).one_or_none()
        return None if row is None else to_delivery(row)

    def move(
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
        self._sql.update(
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

    def cancel(self, subscription_id: int, *, limit: int) -> int:
        statement = (
            select(delivery.c.id)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state.in_([DeliveryState.WAITING.value, DeliveryState.HELD.value]))
            .limit(limit)
        )
        ids = list(self._sql.execute(self._sql.dialect.lock_waiting(statement)).scalars())
        if ids:
            self.move(ids, state=DeliveryState.CANCELLED, due_at=None)
        return len(ids)


def delivery_values(delivery: Delivery) -> dict[str, Any]:
    """Return the columns of a delivery."""
    return {
        "id": delivery.id,
        "event_id": delivery.event_id,
        "subscription_id": delivery.subscription_id,
        "replay_request": delivery.replay_request,
        "replay_of": delivery.replay_of,
        "state": delivery.state.value,
        "reason": None if delivery.reason is None else delivery.reason.value,
        "claims": delivery.claims,
        "deaths": delivery.deaths,
        "abandonments": delivery.abandonments,
        "due_at": delivery.due_at,
        "owner": delivery.owner,
        "parked": delivery.parked,
        "created_at": delivery.created_at,
    }


def to_delivery(row: Sequence[Any]) -> Delivery:
    """Read a delivery from a row that begins with the columns of its table."""
    # By position: by name each value is looked up.
    (
        id_,
        event_id,
        subscription_id,
        replay_request,
        replay_of,
        state,
        reason,
        claims,
        deaths,
        abandonments,
        due_at,
        owner,
        parked,
        created_at,
        *_,
    ) = row
    return Delivery(
        id=id_,
        event_id=event_id,
        subscription_id=subscription_id,
        replay_request=replay_request,
        replay_of=replay_of,
        state=_STATES[state],
        reason=None if reason is None else DeadReason(reason),
        claims=claims,
        deaths=deaths,
        abandonments=abandonments,
        due_at=due_at,
        owner=owner,
        parked=bool(parked),
        created_at=created_at,
    )


def _due_at(one: Delivery) -> int:
    return one.due_at or 0
