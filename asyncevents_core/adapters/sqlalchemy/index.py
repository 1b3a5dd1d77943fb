"""What an index is fed with: attempts and their events, those that wait and all there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    Select,
    func,
    select,
)

from asyncevents_core.adapters.sqlalchemy.event_rows import to_event
from asyncevents_core.adapters.sqlalchemy.log import to_log_row
from asyncevents_core.adapters.sqlalchemy.schema import (
    attempt,
    delivery,
    event,
    index_queue,
    subscription,
)
from asyncevents_core.adapters.sqlalchemy.statements import Noun, Statements, chunked
from asyncevents_core.domain.trace import LoggedAttempt
from asyncevents_core.ports.ledger.index import (
    COUNTED_UP_TO,
    IndexBacklog,
    IndexView,
    QueuedAttempt,
)

_QUEUED: Final = index_queue.c.version > 0
"""What is set aside has a negative version: that it had, and the sign."""


class SqlIndexView(Noun, IndexView):
    """See `IndexView`."""

    def queued(self, *, after: int, limit: int) -> Sequence[QueuedAttempt]:
        statement = (
            _logged()
            .add_columns(index_queue.c.attempt_id, index_queue.c.version)
            .select_from(index_queue)
            .join(attempt, attempt.c.id == index_queue.c.attempt_id, isouter=True)
            .join(delivery, delivery.c.id == attempt.c.delivery_id, isouter=True)
            .join(subscription, subscription.c.id == delivery.c.subscription_id, isouter=True)
            .where(_QUEUED)
            .where(index_queue.c.attempt_id > after)
            .order_by(index_queue.c.attempt_id)
            .limit(limit)
        )
        found = self._sql.execute(statement).all()
        logged = {one.log_id: one for one in _with_events(self._sql, found)}
        return [
            QueuedAttempt(
                log_id=row.attempt_id, version=row.version, logged=logged.get(row.attempt_id)
            )
            for row in found
        ]

    def attempts(self, *, after: int, limit: int) -> Sequence[LoggedAttempt]:
        statement = _existing().where(attempt.c.id > after).order_by(attempt.c.id).limit(limit)
        return _with_events(self._sql, self._sql.execute(statement).all())

    def backlog(self) -> IndexBacklog:
        some = select(index_queue.c.attempt_id).where(_QUEUED).limit(COUNTED_UP_TO + 1).subquery()
        oldest = (
            select(attempt.c.started_at)
            .join(index_queue, index_queue.c.attempt_id == attempt.c.id)
            .where(_QUEUED)
            .order_by(index_queue.c.attempt_id)
            .limit(1)
        )
        aside = select(func.count()).select_from(index_queue).where(index_queue.c.version < 0)
        lowest = (
            select(attempt.c.id, index_queue.c.version)
            .join(index_queue, index_queue.c.attempt_id == attempt.c.id, isouter=True)
            .order_by(attempt.c.id)
            .limit(1)
        )
        first = self._sql.execute(lowest).one_or_none()
        waiting = self._sql.execute(select(func.count()).select_from(some)).scalar_one()
        return IndexBacklog(
            waiting=min(waiting, COUNTED_UP_TO),
            exact=waiting <= COUNTED_UP_TO,
            oldest=self._sql.execute(oldest).scalar_one_or_none(),
            set_aside=self._sql.execute(aside).scalar_one(),
            first=first.id if first is not None and first.version is None else None,
        )


def _logged() -> Select[Any]:
    return select(
        attempt,
        delivery.c.event_id,
        delivery.c.subscription_id,
        delivery.c.state.label("delivery_state"),
        (delivery.c.claims == attempt.c.claim_no).label("newest"),
        subscription.c.sink,
    )


def _existing() -> Select[Any]:
    return (
        _logged()
        .select_from(attempt)
        .join(delivery, delivery.c.id == attempt.c.delivery_id)
        .join(subscription, subscription.c.id == delivery.c.subscription_id)
    )


def _with_events(sql: Statements, found: Sequence[Any]) -> list[LoggedAttempt]:
    """Read the events, each of them once however many attempts it had."""
    wanted = {row.event_id for row in found if row.event_id is not None}
    events = {}
    for some in chunked(sorted(wanted)):
        for row in sql.execute(select(event).where(event.c.id.in_(some))):
            events[row.id] = to_event(row)
    return [
        LoggedAttempt(
            row=to_log_row(
                row, event_name=events[row.event_id].name, tenant=events[row.event_id].tenant
            ),
            event=events[row.event_id],
        )
        for row in found
        if row.event_id in events
    ]
