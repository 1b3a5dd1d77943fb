"""The row operations of one transaction. Each is a statement or a few, never one per row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import rows
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.schema import (
    attempt,
    delivery,
    event,
    index_queue,
    meta,
    subscription,
    worker,
)
from asyncevents_core.domain.delivery import Attempt, DeadReason, Delivery, DeliveryState
from asyncevents_core.domain.event import Event, EventState, NewEvent
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.subscription import (
    NewSubscription,
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.ports.ledger import Claim, LedgerTransaction

T = TypeVar("T")

CHUNK: Final = 500
"""Ids per statement: databases limit the number of parameters."""

_ATTEMPT_CHANGES: Final = (
    "outcome",
    "detail",
    "status",
    "response",
    "target",
    "started_at",
    "duration",
)


class SqlWriter:
    """What publishing needs, on any SQLAlchemy connection."""

    def __init__(
        self, connection: Connection, dialect: SqlDialect, offset: Callable[[], int]
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._offset = offset

    def insert_events(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        """See `EventWriter`."""
        clock = self._dialect.now() + bindparam("offset_", self._offset())
        statement = self._dialect.insert_ignore(event).values(
            {"created_at": clock, "due_at": clock + bindparam("due_in_", round(due_in * 1e6))}
        )
        self._connection.execute(statement, [rows.event_values(one) for one in events])

    def find_events(self, external_ids: Collection[str]) -> Mapping[str, tuple[UUID, bytes]]:
        """See `EventWriter`."""
        found: dict[str, tuple[UUID, bytes]] = {}
        for some in chunked(external_ids):
            statement = select(event.c.external_id, event.c.id, event.c.digest).where(
                event.c.external_id.in_(some)
            )
            for row in self._connection.execute(statement):
                found[row.external_id] = (row.id, bytes(row.digest))
        return found


class SqlTransaction(SqlWriter, LedgerTransaction):
    """A transaction of the ledger's own."""

    def __init__(
        self,
        connection: Connection,
        dialect: SqlDialect,
        cipher: Cipher,
        offset: Callable[[], int],
    ) -> None:
        super().__init__(connection, dialect, offset)
        self._cipher = cipher
        self._now: int | None = None
        self._epoch: int | None = None

    # -- time and subscriptions -------------------------------------------------------------

    def now(self) -> int:
        if self._now is None:
            self._read_meta()
        assert self._now is not None  # noqa: S101
        return self._now

    def epoch(self) -> int:
        if self._epoch is None:
            self._read_meta()
        assert self._epoch is not None  # noqa: S101
        return self._epoch

    def _read_meta(self) -> None:
        statement = select(self._dialect.now().label("now"), meta.c.subscription_epoch)
        row = self._connection.execute(statement).one()
        self._now = int(row.now) + self._offset()
        self._epoch = row.subscription_epoch

    def _increment_epoch(self) -> None:
        self._connection.execute(
            update(meta).values(subscription_epoch=meta.c.subscription_epoch + 1)
        )
        self._epoch = None

    def subscriptions(self) -> Sequence[Subscription]:
        statement = (
            select(subscription)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .order_by(subscription.c.id)
        )
        found = self._connection.execute(statement)
        return [rows.to_subscription(row, self._cipher) for row in found]

    def subscription_status(self, subscription_id: int) -> SubscriptionStatus | None:
        statement = select(subscription.c.status).where(subscription.c.id == subscription_id)
        status = self._connection.execute(statement).scalar_one_or_none()
        return None if status is None else SubscriptionStatus(status)

    def insert_subscription(self, new: NewSubscription) -> int:
        result = self._connection.execute(
            insert(subscription), rows.subscription_values(new, self._cipher, self.now())
        )
        self._increment_epoch()
        key = result.inserted_primary_key
        assert key is not None  # noqa: S101 - one row, so its key is known
        return int(key[0])

    def set_subscription_status(self, ids: Collection[int], status: SubscriptionStatus) -> None:
        values: dict[str, Any] = {"status": status.value}
        if status is SubscriptionStatus.DISABLED:
            values["holding"] = True
        self._connection.execute(
            update(subscription)
            .where(subscription.c.id.in_(sorted(ids)))
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .values(values)
        )
        self._increment_epoch()

    def still_disabled(self, ids: Collection[int]) -> set[int]:
        statement = (
            select(subscription.c.id)
            .where(subscription.c.id.in_(sorted(ids)))
            .where(subscription.c.status == SubscriptionStatus.DISABLED.value)
            .order_by(subscription.c.id)
        )
        return set(self._connection.execute(self._dialect.share(statement)).scalars())

    def holding(self) -> Sequence[int]:
        statement = (
            select(subscription.c.id)
            .where(subscription.c.holding.is_(True))
            .where(subscription.c.status == SubscriptionStatus.ENABLED.value)
            .order_by(subscription.c.id)
        )
        return list(self._connection.execute(statement).scalars())

    def stop_holding(self, subscription_id: int) -> None:
        self._connection.execute(
            update(subscription)
            .where(subscription.c.id == subscription_id)
            .where(subscription.c.status == SubscriptionStatus.ENABLED.value)
            .values(holding=False)
        )

    # -- events -----------------------------------------------------------------------------

    def lock_events(self, ids: Collection[UUID]) -> list[Event]:
        now = self.now()
        claimable = or_(
            event.c.state == EventState.OPEN.value,
            and_(event.c.state == EventState.RESOLVING.value, event.c.due_at <= now),
        )
        found: list[Event] = []
        for some in chunked(sorted(ids)):
            statement = (
                select(event).where(event.c.id.in_(some)).where(claimable).order_by(event.c.id)
            )
            locked = self._connection.execute(self._dialect.lock(statement))
            found += [rows.to_event(row) for row in locked]
        return found

    def lock_due_events(self, *, before: int, limit: int) -> list[Event]:
        found: list[Event] = []
        # A query per state, so that each one walks the index in order.
        for state in (EventState.OPEN, EventState.RESOLVING):
            statement = (
                select(event)
                .where(event.c.state == state.value)
                .where(event.c.due_at <= before)
                .order_by(event.c.due_at)
                .limit(limit)
            )
            locked = self._connection.execute(self._dialect.lock(statement))
            found += [rows.to_event(row) for row in locked]
        found.sort(key=lambda one: one.due_at or 0)
        return found[:limit]

    def lock_resolving(self, claims: Collection[Claim], *, owner: UUID) -> list[Event]:
        numbers = {claim.id: claim.claim_no for claim in claims}
        found: list[Event] = []
        for some in chunked(sorted(numbers)):
            statement = (
                select(event)
                .where(event.c.id.in_(some))
                .where(event.c.state == EventState.RESOLVING.value)
                .where(event.c.owner == owner)
                .order_by(event.c.id)
            )
            locked = self._connection.execute(self._dialect.lock_waiting(statement))
            found += [rows.to_event(row) for row in locked]
        return [one for one in found if numbers[one.id] == one.claims]

    def start_resolving(
        self, ids: Collection[UUID], *, owner: UUID, due_at: int, abandoned: bool
    ) -> None:
        self._update(
            event,
            ids,
            {
                "state": EventState.RESOLVING.value,
                "claims": event.c.claims + 1,
                "abandonments": event.c.abandonments + int(abandoned),
                "owner": owner,
                "due_at": due_at,
            },
        )

    def store_bodies(self, bodies: Mapping[UUID, bytes]) -> None:
        statement = (
            update(event)
            .where(event.c.id == bindparam("id_"))
            .values(body=bindparam("body_"), abandonments=0)
        )
        self._connection.execute(
            statement, [{"id_": one, "body_": bodies[one]} for one in sorted(bodies)]
        )

    def mark_fanned_out(self, ids: Collection[UUID]) -> None:
        self._update(
            event,
            ids,
            {"state": EventState.FANNED_OUT.value, "due_at": None, "owner": None, "reason": None},
        )

    def postpone_event(
        self, event_id: UUID, *, due_at: int, deaths: int, reason: str | None
    ) -> None:
        self._update(
            event,
            [event_id],
            {
                "state": EventState.OPEN.value,
                "due_at": due_at,
                "deaths": deaths,
                "abandonments": 0,
                "owner": None,
                "reason": reason,
            },
        )

    def fail_event(self, event_id: UUID, *, deaths: int, reason: str) -> None:
        self._update(
            event,
            [event_id],
            {
                "state": EventState.FAILED.value,
                "due_at": None,
                "deaths": deaths,
                "owner": None,
                "reason": reason,
            },
        )

    def reopen_event(self, event_id: UUID) -> bool:
        result = self._connection.execute(
            update(event)
            .where(event.c.id == event_id)
            .where(event.c.state == EventState.FAILED.value)
            .values(
                state=EventState.OPEN.value,
                due_at=self.now(),
                deaths=0,
                abandonments=0,
                reason=None,
            )
        )
        return result.rowcount == 1

    # -- deliveries -------------------------------------------------------------------------

    def insert_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self._connection.execute(
                self._dialect.insert_ignore(delivery),
                [rows.delivery_values(one) for one in deliveries],
            )

    def deliveries_of(self, claims: Collection[UUID]) -> set[UUID]:
        found: set[UUID] = set()
        for some in chunked(claims):
            statement = select(delivery.c.id).where(delivery.c.id.in_(some))
            found.update(self._connection.execute(statement).scalars())
        return found

    def lock_due_deliveries(self, *, limit: int, expired: bool) -> list[Delivery]:
        now = self.now()
        states = [DeliveryState.WAITING, DeliveryState.LEASED][: 1 + expired]
        found: list[Delivery] = []
        for state in states:
            statement = (
                select(delivery)
                .where(delivery.c.state == state.value)
                .where(delivery.c.parked.is_(False))
                .where(delivery.c.due_at <= now)
                .order_by(delivery.c.due_at)
                .limit(limit)
            )
            locked = self._connection.execute(self._dialect.lock(statement))
            found += [rows.to_delivery(row) for row in locked]
        found.sort(key=lambda one: one.due_at or 0)
        return found[:limit]

    def lock_parked(self, subscription_id: int, *, limit: int) -> list[Delivery]:
        statement = (
            select(delivery)
            .where(delivery.c.subscription_id == subscription_id)
            .where(delivery.c.state == DeliveryState.WAITING.value)
            .where(delivery.c.due_at <= self.now())
            .where(delivery.c.parked.is_(True))
            .order_by(delivery.c.due_at)
            .limit(limit)
        )
        locked = self._connection.execute(self._dialect.lock(statement))
        return [rows.to_delivery(row) for row in locked]

    def parked_subscriptions(self, *, limit: int) -> Sequence[int]:
        statement = (
            select(delivery.c.subscription_id)
            .where(delivery.c.state == DeliveryState.WAITING.value)
            .where(delivery.c.parked.is_(True))
            .distinct()
            .limit(limit)
        )
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

    def bodies(self, event_ids: Collection[UUID]) -> Mapping[UUID, Event]:
        found: dict[UUID, Event] = {}
        for some in chunked(event_ids):
            for row in self._connection.execute(select(event).where(event.c.id.in_(some))):
                found[row.id] = rows.to_event(row)
        return found

    # -- outcomes ---------------------------------------------------------------------------

    def record_attempts(self, attempts: Sequence[Attempt]) -> None:
        abandoned = [one for one in attempts if one.outcome is OutcomeKind.ABANDONED]
        others = [one for one in attempts if one.outcome is not OutcomeKind.ABANDONED]
        if abandoned:
            self._connection.execute(
                self._dialect.insert_ignore(attempt),
                [rows.attempt_values(one) for one in abandoned],
            )
        if others:
            statement = self._dialect.upsert(
                attempt,
                ("delivery_id", "claim_no"),
                _ATTEMPT_CHANGES,
                only_over={"outcome": OutcomeKind.ABANDONED.value},
            )
            self._connection.execute(statement, [rows.attempt_values(one) for one in others])

    def mark_delivered(self, ids: Collection[UUID]) -> None:
        final = [DeliveryState.DELIVERED.value, DeliveryState.CANCELLED.value]
        self._update(
            delivery,
            ids,
            {
                "state": DeliveryState.DELIVERED.value,
                "due_at": None,
                "owner": None,
                "parked": False,
                "reason": None,
                "abandonments": 0,
            },
            delivery.c.state.not_in(final),
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
        for claim_no, ids in _by_number(claims):
            self._update(
                delivery,
                ids,
                {
                    "state": state.value,
                    "due_at": due_at,
                    "owner": None,
                    "parked": False,
                    "reason": None if reason is None else reason.value,
                    "deaths": delivery.c.deaths + 1,
                    "abandonments": 0,
                },
                *_fence(owner, claim_no),
            )

    def give_back(self, claims: Collection[Claim], *, owner: UUID) -> None:
        for claim_no, ids in _by_number(claims):
            self._update(
                delivery,
                ids,
                {"state": DeliveryState.WAITING.value, "due_at": self.now(), "owner": None},
                *_fence(owner, claim_no),
            )

    def queue_for_index(self, claims: Collection[Claim]) -> None:
        wanted = {(claim.id, claim.claim_no) for claim in claims}
        ids: list[int] = []
        for some in chunked(sorted({claim.id for claim in claims})):
            statement = select(attempt.c.id, attempt.c.delivery_id, attempt.c.claim_no).where(
                attempt.c.delivery_id.in_(some)
            )
            for row in self._connection.execute(statement):
                if (row.delivery_id, row.claim_no) in wanted:
                    ids.append(row.id)
        if not ids:
            return
        statement_ = self._dialect.insert_ignore(index_queue)
        self._connection.execute(statement_, [{"attempt_id": one, "version": 0} for one in ids])
        for some_ in chunked(sorted(ids)):
            self._connection.execute(
                update(index_queue)
                .where(index_queue.c.attempt_id.in_(some_))
                .values(version=index_queue.c.version + 1)
            )

    # -- workers ----------------------------------------------------------------------------

    def beat(self, row: WorkerRow) -> None:
        now = self.now()
        self._connection.execute(
            self._dialect.upsert(worker, ("id",), ("beat_at",)),
            {
                "id": row.id,
                "host": row.host,
                "pid": row.pid,
                "roles": ",".join(row.roles),
                "started_at": now,
                "beat_at": now,
            },
        )

    def remove_worker(self, worker_id: UUID) -> None:
        self._connection.execute(delete(worker).where(worker.c.id == worker_id))

    def silent_workers(self, *, before: int) -> Sequence[UUID]:
        statement = select(worker.c.id).where(worker.c.beat_at < before).order_by(worker.c.id)
        return list(self._connection.execute(self._dialect.lock(statement)).scalars())

    def expire_leases(self, owners: Collection[UUID]) -> int:
        now, expired = self.now(), 0
        for table, state in (
            (delivery, DeliveryState.LEASED.value),
            (event, EventState.RESOLVING.value),
        ):
            result = self._connection.execute(
                update(table)
                .where(table.c.state == state)
                .where(table.c.owner.in_(sorted(owners)))
                .where(table.c.due_at > now)
                .values(due_at=now)
            )
            expired += result.rowcount
        return expired

    def _update(
        self,
        table: Table,
        ids: Collection[UUID],
        values: Mapping[str, Any],
        *conditions: ColumnElement[bool],
    ) -> None:
        for some in chunked(sorted(ids)):
            self._connection.execute(
                update(table).where(table.c.id.in_(some), *conditions).values(values)
            )


def chunked(items: Collection[T]) -> Iterator[list[T]]:
    """Split into pieces of one statement each."""
    everything = list(items)
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]


def _by_number(claims: Collection[Claim]) -> list[tuple[int, list[UUID]]]:
    groups: defaultdict[int, list[UUID]] = defaultdict(list)
    for claim in claims:
        groups[claim.claim_no].append(claim.id)
    return sorted(groups.items())


def _fence(owner: UUID, claim_no: int) -> tuple[ColumnElement[bool], ...]:
    return (
        delivery.c.state == DeliveryState.LEASED.value,
        delivery.c.owner == owner,
        delivery.c.claims == claim_no,
    )
