"""Tasks: what one process at a time does, such as the clean-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import case, delete, false, or_, select, true, update

from asyncevents_core.adapters.sqlalchemy.index_queue import SqlIndexQueue
from asyncevents_core.adapters.sqlalchemy.schema import (
    attempt,
    delivery,
    event,
    index_queue,
    task,
)
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.domain.delivery import TERMINAL
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.instant import first_uuid7
from asyncevents_core.ports.ledger.tasks import Cleaned, Tasks, TasksView

_EVENTS_AT_ONCE: Final = 200
_OVER: Final = sorted(one.value for one in TERMINAL)


class SqlTasks(Noun, Tasks):
    """See `Tasks`."""

    def take(self, name: str, *, first: int, until: int) -> bool:
        self._sql.insert(task, [{"name": name, "due_at": first}])
        taken = self._sql.execute(
            update(task)
            .where(task.c.name == name)
            .where(task.c.due_at <= self._sql.now())
            .values(due_at=until)
        )
        return taken.rowcount == 1

    def put_off(self, name: str, *, until: int) -> None:
        self._sql.execute(update(task).where(task.c.name == name).values(due_at=until))

    def keep(self, name: str, *, held: int, until: int) -> bool:
        kept = self._sql.execute(
            update(task)
            .where(task.c.name == name)
            .where(task.c.due_at == held)
            .values(due_at=until)
        )
        return kept.rowcount == 1

    def delete_old(self, *, before: int, after: UUID | None, limit: int, indexed: bool) -> Cleaned:
        candidates = self._candidates(before, after)
        if not candidates:
            return Cleaned(rows=0, events=0, after=None)
        over = sorted(set(candidates) - self._still_needed(candidates, before))
        last = candidates[-1]
        rows = 0
        if over:
            rows = self._delete_attempts(over, limit, indexed=indexed)
            if rows < limit:
                rows += self._delete_deliveries(over, limit - rows)
            if rows >= limit:
                # There may be more of the same events: come again to the same place.
                return Cleaned(rows=rows, events=0, after=after)
            self._sql.execute(delete(event).where(event.c.id.in_(over)))
        return Cleaned(rows=rows + len(over), events=len(over), after=last)

    def _candidates(self, before: int, after: UUID | None) -> list[UUID]:
        """Old events in the order of their ids, which is that of time."""
        # By CASE, so that no index but that of the ids is of use: by the one of states, SQLite
        # would read and sort all events that have ended, in each step.
        has_ended = case(
            (event.c.state.in_([EventState.FANNED_OUT.value, EventState.FAILED.value]), true()),
            else_=false(),
        )
        statement = (
            select(event.c.id)
            .where(event.c.id < first_uuid7(before))
            .where(event.c.created_at < before)
            .where(has_ended)
            .order_by(event.c.id)
            .limit(_EVENTS_AT_ONCE)
        )
        if after is not None:
            statement = statement.where(event.c.id > after)
        return list(self._sql.execute(self._sql.dialect.lock(statement)).scalars())

    def _still_needed(self, candidates: Sequence[UUID], before: int) -> set[UUID]:
        open_or_young = (
            select(delivery.c.event_id)
            .where(delivery.c.event_id.in_(candidates))
            .where(or_(delivery.c.state.not_in(_OVER), delivery.c.created_at >= before))
        )
        tried_lately = (
            select(delivery.c.event_id)
            .join(attempt, attempt.c.delivery_id == delivery.c.id)
            .where(delivery.c.event_id.in_(candidates))
            .where(attempt.c.started_at >= before)
        )
        needed = set(self._sql.execute(open_or_young).scalars())
        return needed | set(self._sql.execute(tried_lately).scalars())

    def _delete_attempts(self, events: Sequence[UUID], limit: int, *, indexed: bool) -> int:
        ids = list(
            self._sql.execute(
                select(attempt.c.id)
                .join(delivery, delivery.c.id == attempt.c.delivery_id)
                .where(delivery.c.event_id.in_(events))
                .limit(limit)
            ).scalars()
        )
        if ids:
            if indexed:
                SqlIndexQueue(self._sql).queue_deleted(sorted(ids))
            else:
                self._sql.execute(
                    delete(index_queue).where(index_queue.c.attempt_id.in_(sorted(ids)))
                )
            self._sql.execute(delete(attempt).where(attempt.c.id.in_(sorted(ids))))
        return len(ids)

    def _delete_deliveries(self, events: Sequence[UUID], limit: int) -> int:
        ids = list(
            self._sql.execute(
                select(delivery.c.id).where(delivery.c.event_id.in_(events)).limit(limit)
            ).scalars()
        )
        if ids:
            self._sql.execute(delete(delivery).where(delivery.c.id.in_(sorted(ids))))
        return len(ids)


class SqlTasksView(Noun, TasksView):
    """See `TasksView`."""

    def is_taken(self, name: str) -> bool:
        statement = select(task.c.due_at > self._sql.clock()).where(task.c.name == name)
        return bool(self._sql.execute(statement).scalar_one_or_none())
