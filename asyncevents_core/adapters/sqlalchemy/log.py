"""The log: attempts as people read them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from asyncevents_core.adapters.sqlalchemy.outcomes import to_attempt
from asyncevents_core.adapters.sqlalchemy.schema import (
    ATTEMPTS_BY_START,
    attempt,
    delivery,
    event,
    subscription,
)
from asyncevents_core.adapters.sqlalchemy.statements import Noun, chunked
from asyncevents_core.adapters.sqlalchemy.subscriptions import SqlSubscriptionsView
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.trace import LogFilter, LogPosition, LogRow
from asyncevents_core.ports.ledger.log import LogView


class SqlLogView(Noun, LogView):
    """See `LogView`."""

    def page(
        self, wanted: LogFilter, *, limit: int, before: LogPosition | None
    ) -> Sequence[LogRow]:
        own = [*_of_attempts(wanted), *_behind(before)]
        newest_first = (attempt.c.started_at.desc(), attempt.c.id.desc())
        others = list(_of_others(wanted))
        if not others and wanted.tenant is None:
            # Found before anything is joined to them: beside a small table MariaDB would sort all.
            few = select(attempt.c.id).where(*own).order_by(*newest_first).limit(limit)
            found = self._sql.dialect.by_index(few, attempt, ATTEMPTS_BY_START).subquery()
            statement = _log_rows().join(found, found.c.id == attempt.c.id)
        else:
            statement = self._within(wanted.tenant, _log_rows()).where(*own, *others)
        ordered = statement.order_by(*newest_first).limit(limit)
        return [_to_log_row(row) for row in self._sql.execute(ordered)]

    def rows(self, log_ids: Collection[int], *, tenant: str | None = None) -> Sequence[LogRow]:
        found: list[LogRow] = []
        for some in chunked(sorted(log_ids, reverse=True)):
            statement = self._within(tenant, _log_rows()).where(attempt.c.id.in_(some))
            ordered = statement.order_by(attempt.c.id.desc())
            found += map(_to_log_row, self._sql.execute(ordered))
        return found

    def ids(self, *, after: int, limit: int) -> Sequence[int]:
        statement = select(attempt.c.id).where(attempt.c.id > after).order_by(attempt.c.id)
        return list(self._sql.execute(statement.limit(limit)).scalars())

    def newest_id(self) -> int:
        newest = select(func.coalesce(func.max(attempt.c.id), 0))
        return int(self._sql.execute(newest).scalar_one())

    def position(self, log_id: int) -> LogPosition | None:
        statement = select(attempt.c.started_at).where(attempt.c.id == log_id)
        started_at = self._sql.execute(statement).scalar_one_or_none()
        return None if started_at is None else LogPosition(started_at=started_at, log_id=log_id)

    def _within(self, tenant: str | None, statement: Select[Any]) -> Select[Any]:
        if tenant is None:
            return statement
        # Their ids, not a subquery: the database then knows how many rows each of them has.
        # At 1,000,000 attempts, a tenant that has none: 1 ms instead of 960.
        own = SqlSubscriptionsView(self._sql).ids_of(tenant)
        return statement.where(delivery.c.subscription_id.in_(own))


def _log_rows() -> Select[Any]:
    return (
        select(
            attempt,
            delivery.c.event_id,
            event.c.name.label("event_name"),
            event.c.tenant,
            delivery.c.subscription_id,
            subscription.c.sink,
            delivery.c.state.label("delivery_state"),
            (delivery.c.claims == attempt.c.claim_no).label("newest"),
        )
        .join(delivery, delivery.c.id == attempt.c.delivery_id)
        .join(event, event.c.id == delivery.c.event_id)
        .join(subscription, subscription.c.id == delivery.c.subscription_id)
    )


def to_log_row(row: Row[Any], *, event_name: str, tenant: str | None) -> LogRow:
    """Read an attempt with its delivery and its sink; the rest is its event's."""
    return LogRow(
        log_id=row.id,
        event_id=row.event_id,
        event_name=event_name,
        tenant=tenant,
        subscription_id=row.subscription_id,
        sink=row.sink,
        delivery_state=DeliveryState(row.delivery_state),
        newest=bool(row.newest),
        attempt=to_attempt(row),
    )


def _to_log_row(row: Row[Any]) -> LogRow:
    return to_log_row(row, event_name=row.event_name, tenant=row.tenant)


def _of_attempts(wanted: LogFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what a filter says of attempts themselves."""
    if wanted.since is not None:
        yield attempt.c.started_at >= wanted.since
    if wanted.until is not None:
        yield attempt.c.started_at < wanted.until
    if wanted.delivered is not None:
        yield attempt.c.outcome.in_([one.value for one in OutcomeKind if wanted.fits(one)])


def _of_others(wanted: LogFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what a filter says of deliveries and events; not of tenants."""
    if wanted.subscription_id is not None:
        yield delivery.c.subscription_id == wanted.subscription_id
    if wanted.event_name is not None:
        yield event.c.name == wanted.event_name


def _behind(before: LogPosition | None) -> Iterator[ColumnElement[bool]]:
    if before is None:
        return
    start = attempt.c.started_at
    # The first condition is implied; it is the one that an index is searched by.
    yield start <= before.started_at
    yield or_(start < before.started_at, attempt.c.id < before.log_id)
