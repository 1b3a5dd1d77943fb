"""The ledger in memory: the operations on everything but events."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.delivery import Attempt, DeadReason, Delivery, DeliveryState
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.subscription import (
    NewSubscription,
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.ports.ledger import Claim
from asyncevents_core.testing.memory_access import AccessOperations
from asyncevents_core.testing.memory_events import by_due, is_due, undeleted
from asyncevents_core.testing.memory_tables import AttemptRow, SubscriptionRow
from asyncevents_core.testing.memory_upkeep import UpkeepOperations

_by_id = attrgetter("id")


class MemoryLedgerTransaction(AccessOperations, UpkeepOperations):
    """One transaction on the tables, which belong to it alone while it runs."""

    # -- time and subscriptions -------------------------------------------------------------

    def epoch(self) -> int:
        return self._tables.number("epoch")

    def subscriptions(self) -> Sequence[Subscription]:
        return undeleted(self._tables)

    def changed_subscriptions(self, *, since: int) -> Sequence[Subscription]:
        found = [row.value() for row in self._tables.subscriptions if row.epoch > since]
        return sorted(found, key=_by_id)

    def subscription_status(self, subscription_id: int) -> SubscriptionStatus | None:
        row = self._tables.subscriptions.get(subscription_id)
        return None if row is None else row.subscription.status

    def insert_subscription(self, subscription: NewSubscription) -> int:
        number = self._tables.count_up("subscription")
        self._tables.subscriptions.put(
            number,
            SubscriptionRow(
                subscription=Subscription(
                    id=number,
                    event_name=subscription.event_name,
                    sink=subscription.sink,
                    target=subscription.target,
                    secret=subscription.secret,
                    tenant=subscription.tenant,
                    retry=subscription.retry,
                    rate_limit=subscription.rate_limit,
                    options={},
                    status=subscription.status,
                    created_at=self.now(),
                ),
                options=json.dumps(dict(subscription.options)),
                holding=subscription.status is SubscriptionStatus.DISABLED,
                epoch=self._tables.count_up("epoch"),
            ),
        )
        return number

    def lock_subscription(self, subscription_id: int) -> Subscription | None:
        row = self._tables.subscriptions.get(subscription_id)
        return None if row is None else row.value()

    def update_subscription(self, subscription_id: int, subscription: NewSubscription) -> None:
        epoch = self._tables.count_up("epoch")
        row = self._tables.subscriptions.get(subscription_id)
        if row is None or row.subscription.status is SubscriptionStatus.DELETED:
            return
        changed = Subscription(
            id=subscription_id,
            event_name=subscription.event_name,
            sink=subscription.sink,
            target=subscription.target,
            secret=subscription.secret,
            tenant=subscription.tenant,
            retry=subscription.retry,
            rate_limit=subscription.rate_limit,
            options={},
            status=subscription.status,
            created_at=row.subscription.created_at,
        )
        self._tables.subscriptions.put(
            subscription_id,
            SubscriptionRow(
                subscription=changed,
                options=json.dumps(dict(subscription.options)),
                holding=row.holding or subscription.status is SubscriptionStatus.DISABLED,
                epoch=epoch,
            ),
        )

    def set_subscription_status(self, ids: Collection[int], status: SubscriptionStatus) -> None:
        epoch = self._tables.count_up("epoch")
        for number in ids:
            row = self._tables.subscriptions.get(number)
            if row is None or row.subscription.status is SubscriptionStatus.DELETED:
                continue
            changed = evolve(
                row,
                subscription=evolve(row.subscription, status=status),
                holding=row.holding or status is SubscriptionStatus.DISABLED,
                epoch=epoch,
            )
            self._tables.subscriptions.put(number, changed)

    def still_disabled(self, ids: Collection[int]) -> set[int]:
        disabled = SubscriptionStatus.DISABLED
        return {one for one in ids if self.subscription_status(one) is disabled}

    def holding(self) -> Sequence[int]:
        return sorted(
            row.subscription.id
            for row in self._tables.subscriptions
            if row.holding and row.subscription.status is SubscriptionStatus.ENABLED
        )

    def stop_holding(self, subscription_id: int) -> None:
        row = self._tables.subscriptions.get(subscription_id)
        if row is not None and row.subscription.status is SubscriptionStatus.ENABLED:
            self._tables.subscriptions.put(subscription_id, evolve(row, holding=False))

    # -- deliveries -------------------------------------------------------------------------

    def insert_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            key = (one.event_id, one.subscription_id, one.chain)
            if key not in self._tables.fan_out and one.id not in self._tables.deliveries:
                self._tables.fan_out.put(key, one.id)
                self._tables.deliveries.put(one.id, one)

    def deliveries_of(self, ids: Collection[UUID]) -> set[UUID]:
        return {one for one in ids if one in self._tables.deliveries}

    def lock_due_deliveries(self, *, limit: int, expired: bool) -> list[Delivery]:
        states = (DeliveryState.WAITING, DeliveryState.LEASED)[: 1 + expired]
        due = [
            one
            for one in self._tables.deliveries
            if one.state in states and not one.parked and is_due(one, self.now())
        ]
        return sorted(due, key=by_due)[:limit]

    def make_due(self, ids: Collection[UUID], *, before: int) -> int:
        now, changed = self.now(), 0
        for one in map(self._tables.deliveries.get, ids):
            if one is None or one.state is not DeliveryState.WAITING or one.due_at is None:
                continue
            if now < one.due_at <= before:
                self._tables.deliveries.put(one.id, evolve(one, due_at=now))
                changed += 1
        return changed

    def lock_parked(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        waiting = self._of(subscription_id, DeliveryState.WAITING)
        due = [one for one in waiting if one.parked and is_due(one, self.now())]
        return sorted(due, key=by_due)[:limit]

    def parked_subscriptions(self, *, limit: int) -> Sequence[int]:
        parked = {
            one.subscription_id
            for one in self._tables.deliveries
            if one.state is DeliveryState.WAITING and one.parked
        }
        return sorted(parked)[:limit]

    def lock_held(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        return list(self._of(subscription_id, DeliveryState.HELD))[:limit]

    def has_held(self, subscription_id: int) -> bool:
        return any(self._of(subscription_id, DeliveryState.HELD))

    def lock_delivery(self, delivery_id: UUID) -> Delivery | None:
        return self._tables.deliveries.get(delivery_id)

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
        for one in self._deliveries(ids):
            self._put_delivery(
                evolve(
                    one,
                    state=state,
                    due_at=due_at,
                    owner=owner,
                    parked=parked,
                    reason=reason,
                    claims=one.claims + int(claimed),
                    abandonments=one.abandonments + int(abandoned),
                )
            )

    def cancel_deliveries(self, subscription_id: int, *, limit: int) -> int:
        still_open = self._of(subscription_id, DeliveryState.WAITING, DeliveryState.HELD)
        ids = [one.id for one in still_open][:limit]
        self.move_deliveries(ids, state=DeliveryState.CANCELLED, due_at=None)
        return len(ids)

    def events_with_bodies(self, event_ids: Collection[UUID]) -> Mapping[UUID, Event]:
        return {one.id: one for one in self._events(event_ids)}

    # -- outcomes ---------------------------------------------------------------------------

    def record_attempts(self, attempts: Sequence[Attempt]) -> None:
        for one in attempts:
            self._record(one)

    def mark_delivered(self, ids: Collection[UUID]) -> None:
        final = (DeliveryState.DELIVERED, DeliveryState.CANCELLED)
        for one in self._deliveries(ids):
            if one.state not in final:
                self._put_delivery(
                    evolve(
                        one,
                        state=DeliveryState.DELIVERED,
                        due_at=None,
                        owner=None,
                        parked=False,
                        reason=None,
                        abandonments=0,
                    )
                )

    def mark_failed(
        self,
        claims: Collection[Claim],
        *,
        owner: UUID,
        state: DeliveryState,
        due_at: int | None,
        reason: DeadReason | None,
    ) -> None:
        for one in self._fenced(claims, owner):
            self._put_delivery(
                evolve(
                    one,
                    state=state,
                    due_at=due_at,
                    owner=None,
                    parked=False,
                    reason=reason,
                    deaths=one.deaths + 1,
                    abandonments=0,
                )
            )

    def give_back(self, claims: Collection[Claim], *, owner: UUID) -> None:
        for one in self._fenced(claims, owner):
            self._put_delivery(
                evolve(one, state=DeliveryState.WAITING, due_at=self.now(), owner=None)
            )

    def renew_secrets(self, ids: Collection[int]) -> set[int]:
        return set()  # nothing is encrypted in memory

    # -- workers ----------------------------------------------------------------------------

    def beat(self, worker: WorkerRow) -> None:
        known = self._tables.workers.get(worker.id)
        row = evolve(worker, started_at=self.now()) if known is None else known
        self._tables.workers.put(worker.id, evolve(row, beat_at=self.now()))

    def remove_worker(self, worker_id: UUID) -> None:
        self._tables.workers.delete(worker_id)

    def silent_workers(self, *, before: int) -> Sequence[UUID]:
        return sorted(one.id for one in self._tables.workers if one.beat_at < before)

    def expire_leases(self, owners: Collection[UUID]) -> int:
        now = self.now()
        leased = [
            one
            for one in self._tables.deliveries
            if one.state is DeliveryState.LEASED and one.owner in owners and not is_due(one, now)
        ]
        resolving = [
            row.event
            for row in self._tables.events
            if row.event.state is EventState.RESOLVING
            and row.event.owner in owners
            and not is_due(row.event, now)
        ]
        for delivery in leased:
            self._put_delivery(evolve(delivery, due_at=now))
        for event in resolving:
            self._put_event(evolve(event, due_at=now))
        return len(leased) + len(resolving)

    # -- rows -------------------------------------------------------------------------------

    def _deliveries(self, ids: Collection[UUID]) -> list[Delivery]:
        rows = (self._tables.deliveries.get(one) for one in sorted(ids))
        return [row for row in rows if row is not None]

    def _fenced(self, claims: Collection[Claim], owner: UUID) -> Iterator[Delivery]:
        for claim in claims:
            row = self._tables.deliveries.get(claim.id)
            if (
                row is not None
                and row.state is DeliveryState.LEASED
                and row.owner == owner
                and row.claims == claim.claim_no
            ):
                yield row

    def _of(self, subscription_id: int, *states: DeliveryState) -> Iterator[Delivery]:
        for one in sorted(self._tables.deliveries, key=_by_id):
            if one.subscription_id == subscription_id and one.state in states:
                yield one

    def _put_delivery(self, delivery: Delivery) -> None:
        self._tables.deliveries.put(delivery.id, delivery)

    def _record(self, attempt: Attempt) -> None:
        key = (attempt.delivery_id, attempt.claim_no)
        there = self._tables.attempts.get(key)
        if there is None:
            number = self._tables.count_up("attempt")
            self._tables.attempts.put(key, AttemptRow(log_id=number, attempt=attempt))
        elif there.attempt.outcome is OutcomeKind.ABANDONED is not attempt.outcome:
            self._tables.attempts.put(key, evolve(there, attempt=attempt))
