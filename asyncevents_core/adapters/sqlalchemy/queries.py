"""Reads for people: traces, lists and counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, case, func, or_, select

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.sqlalchemy import (
    dead_letters,
    index_rows,
    rows,
    secret_rows,
    trace_rows,
)
from asyncevents_core.adapters.sqlalchemy.access_queries import AccessQueries
from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.schema import (
    attempt,
    delivery,
    event,
    subscription,
    task,
    worker,
)
from asyncevents_core.adapters.sqlalchemy.statements import chunked
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.subscription import (
    Subscription,
    SubscriptionStatus,
    SubscriptionSummary,
)
from asyncevents_core.domain.trace import (
    Backlog,
    DeadLetter,
    LogFilter,
    LoggedAttempt,
    LogPosition,
    LogRow,
    Trace,
)
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.ports.index_queue import IndexBacklog
from asyncevents_core.ports.queries import LedgerQueries
from asyncevents_core.ports.secrets import KeptSecret

# Those that are fanned out are most of them, and the index leads to the others.
_OPEN_OR_FAILED = [one.value for one in EventState if one is not EventState.FANNED_OUT]
_LISTED = [
    *(column for column in event.c if column.name != "body"),
    case((event.c.arguments.is_(None), event.c.body)).label("body"),
]

_SUMMARY = [
    subscription.c[name]
    for name in ("id", "event_name", "sink", "target", "tenant", "status", "created_at")
]


class SqlQueries(AccessQueries, LedgerQueries):
    """Queries on one connection, within one transaction."""

    def __init__(
        self,
        connection: Connection,
        dialect: SqlDialect,
        cipher: Cipher,
        offset: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._cipher = cipher
        self._offset = offset

    def now(self) -> int:
        return int(self._scalar(select(self._dialect.now()))) + self._offset()

    def trace(self, delivery_id: UUID, *, tenant: str | None = None) -> Trace | None:
        return trace_rows.of_delivery(self._connection, delivery_id, tenant)

    def traces_of_event(
        self, event_id: UUID, *, limit: int, after: UUID | None = None, tenant: str | None = None
    ) -> Sequence[Trace]:
        return trace_rows.of_event(
            self._connection, event_id, limit=limit, after=after, tenant=tenant
        )

    def event(self, event_id: UUID) -> Event | None:
        row = self._connection.execute(select(event).where(event.c.id == event_id)).one_or_none()
        return None if row is None else rows.to_event(row)

    def events(
        self, *, name: str | None, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[Event]:
        statement = select(*_LISTED).order_by(event.c.id.desc()).limit(limit)
        if name is not None:
            statement = statement.where(event.c.name == name)
        if before is not None:
            statement = statement.where(event.c.id < before)
        if tenant is not None:
            statement = statement.where(event.c.tenant == tenant)
        return [rows.to_event(row) for row in self._connection.execute(statement)]

    def logs(
        self, wanted: LogFilter, *, limit: int, before: LogPosition | None
    ) -> Sequence[LogRow]:
        statement = _logs_meant(self._within(wanted.tenant, _log_rows()), wanted)
        if before is not None:
            start = attempt.c.started_at
            # The first condition is implied; it is the one that an index is searched by.
            statement = statement.where(
                start <= before.started_at,
                or_(start < before.started_at, attempt.c.id < before.log_id),
            )
        statement = statement.order_by(attempt.c.started_at.desc(), attempt.c.id.desc())
        return [_to_log_row(row) for row in self._connection.execute(statement.limit(limit))]

    def log_ids(self, *, after: int, limit: int) -> Sequence[int]:
        statement = select(attempt.c.id).where(attempt.c.id > after).order_by(attempt.c.id)
        return list(self._connection.execute(statement.limit(limit)).scalars())

    def log_position(self, log_id: int) -> LogPosition | None:
        statement = select(attempt.c.started_at).where(attempt.c.id == log_id)
        started_at = self._connection.execute(statement).scalar_one_or_none()
        return None if started_at is None else LogPosition(started_at=started_at, log_id=log_id)

    def newest_log_id(self) -> int:
        return int(self._scalar(select(func.coalesce(func.max(attempt.c.id), 0))))

    def logs_of(self, log_ids: Collection[int], *, tenant: str | None = None) -> Sequence[LogRow]:
        found: list[LogRow] = []
        for some in chunked(sorted(log_ids, reverse=True)):
            statement = self._within(tenant, _log_rows()).where(attempt.c.id.in_(some))
            ordered = statement.order_by(attempt.c.id.desc())
            found += map(_to_log_row, self._connection.execute(ordered))
        return found

    def _within(self, tenant: str | None, statement: Select[Any]) -> Select[Any]:
        if tenant is None:
            return statement
        # Their ids, not a subquery: the database then knows how many rows each of them has.
        # At 1,000,000 attempts, a tenant that has none: 1 ms instead of 960.
        return statement.where(delivery.c.subscription_id.in_(self.subscriptions_of(tenant)))

    def subscriptions_of(self, tenant: str) -> Sequence[int]:
        statement = select(subscription.c.id).where(subscription.c.tenant == tenant)
        return list(self._connection.execute(statement).scalars())

    def dead_letters(
        self, wanted: DeadFilter, *, limit: int, before: UUID | None
    ) -> Sequence[DeadLetter]:
        return dead_letters.newest(self._connection, wanted, limit=limit, before=before)

    def count_dead(self, wanted: DeadFilter) -> int:
        return dead_letters.count(self._connection, wanted)

    def logged_attempts(self, *, after: int, limit: int) -> Sequence[LoggedAttempt]:
        return index_rows.logged_attempts(self._connection, after=after, limit=limit)

    def index_backlog(self) -> IndexBacklog:
        return index_rows.backlog(self._connection)

    def all_subscriptions(self) -> Sequence[Subscription]:
        statement = (
            select(subscription)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .order_by(subscription.c.id)
        )
        found = self._connection.execute(statement)
        return [rows.to_subscription(row, self._cipher) for row in found]

    def sinks_in_use(self) -> set[str]:
        statement = (
            select(subscription.c.sink)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .distinct()
        )
        return set(self._connection.execute(statement).scalars())

    def subscription_summaries(self) -> Sequence[SubscriptionSummary]:
        statement = (
            select(*_SUMMARY)
            .where(subscription.c.status != SubscriptionStatus.DELETED.value)
            .order_by(subscription.c.id)
        )
        return [
            SubscriptionSummary(
                id=row.id,
                event_name=row.event_name,
                sink=row.sink,
                target=row.target,
                tenant=row.tenant,
                status=SubscriptionStatus(row.status),
                created_at=row.created_at,
            )
            for row in self._connection.execute(statement)
        ]

    def subscription(self, subscription_id: int) -> Subscription | None:
        statement = select(subscription).where(subscription.c.id == subscription_id)
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else rows.to_subscription(row, self._cipher)

    def kept_secrets(self, *, after: int, limit: int) -> Sequence[KeptSecret]:
        return secret_rows.kept(self._connection, self._cipher, after=after, limit=limit)

    def is_task_taken(self, name: str) -> bool:
        statement = select(task.c.due_at > self.now()).where(task.c.name == name)
        return bool(self._connection.execute(statement).scalar_one_or_none())

    def workers(self) -> Sequence[WorkerRow]:
        statement = select(worker).order_by(worker.c.started_at, worker.c.id)
        return [rows.to_worker(row) for row in self._connection.execute(statement)]

    def backlog(self, *, horizon: float = 0.0) -> Backlog:
        until = self.now() + round(horizon * 1e6)
        due_event = case((event.c.due_at <= until, 1), else_=0)
        events: dict[str, Any] = {}
        events_due = 0
        for row in self._connection.execute(
            select(
                event.c.state,
                func.count().label("rows"),
                func.sum(due_event).label("due"),
            )
            .where(event.c.state.in_(_OPEN_OR_FAILED))
            .group_by(event.c.state)
        ):
            events[row.state] = row.rows
            if row.state != EventState.FAILED.value:
                events_due += int(row.due or 0)
        states: dict[str, int] = {}
        due = later = parked = 0
        due_delivery = case((delivery.c.due_at <= until, 1), else_=0)
        open_states = [
            state.value
            for state in DeliveryState
            if state not in {DeliveryState.DELIVERED, DeliveryState.CANCELLED}
        ]
        for row in self._connection.execute(
            select(
                delivery.c.state,
                delivery.c.parked,
                func.count().label("rows"),
                func.sum(due_delivery).label("due"),
            )
            .where(delivery.c.state.in_(open_states))
            .group_by(delivery.c.state, delivery.c.parked)
        ):
            if row.state == DeliveryState.WAITING.value and row.parked:
                parked += row.rows
            elif row.state == DeliveryState.WAITING.value:
                due = int(row.due or 0)
                later = row.rows - due
            else:
                states[row.state] = states.get(row.state, 0) + row.rows
        return Backlog(
            events_open=events.get(EventState.OPEN.value, 0),
            events_due=events_due,
            events_resolving=events.get(EventState.RESOLVING.value, 0),
            events_failed=events.get(EventState.FAILED.value, 0),
            waiting_due=due,
            waiting_later=later,
            parked=parked,
            leased=states.get(DeliveryState.LEASED.value, 0),
            held=states.get(DeliveryState.HELD.value, 0),
            dead=states.get(DeliveryState.DEAD.value, 0),
            oldest_due_at=self._oldest_due_at(),
        )

    def _oldest_due_at(self) -> int | None:
        oldest = [
            self._scalar(
                select(func.min(event.c.due_at)).where(event.c.state == EventState.OPEN.value)
            ),
            self._scalar(
                select(func.min(delivery.c.due_at)).where(
                    and_(
                        delivery.c.state == DeliveryState.WAITING.value,
                        delivery.c.parked.is_(False),
                    )
                )
            ),
        ]
        return min((one for one in oldest if one is not None), default=None)

    def _scalar(self, statement: Any) -> Any:
        return self._connection.execute(statement).scalar_one()


def _log_rows() -> Select[Any]:
    return (
        select(
            attempt,
            event.c.name.label("event_name"),
            delivery.c.subscription_id,
            delivery.c.state.label("delivery_state"),
        )
        .join(delivery, delivery.c.id == attempt.c.delivery_id)
        .join(event, event.c.id == delivery.c.event_id)
    )


def _to_log_row(row: Row[Any]) -> LogRow:
    return LogRow(
        log_id=row.id,
        event_name=row.event_name,
        subscription_id=row.subscription_id,
        delivery_state=DeliveryState(row.delivery_state),
        attempt=rows.to_attempt(row),
    )


def _logs_meant(statement: Select[Any], wanted: LogFilter) -> Select[Any]:
    """Restrict a selection of attempts, joined with deliveries and events; not by tenant."""
    if wanted.subscription_id is not None:
        statement = statement.where(delivery.c.subscription_id == wanted.subscription_id)
    if wanted.event_name is not None:
        statement = statement.where(event.c.name == wanted.event_name)
    if wanted.since is not None:
        statement = statement.where(attempt.c.started_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(attempt.c.started_at < wanted.until)
    if wanted.delivered is not None:
        outcomes = [one.value for one in OutcomeKind if wanted.fits(one)]
        statement = statement.where(attempt.c.outcome.in_(outcomes))
    return statement
