"""Row operations on events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, Update, and_, bindparam, or_, select, update

from asyncevents_core.adapters.sqlalchemy import rows
from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.adapters.sqlalchemy.statements import Statements, chunked
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.ports.ledger import Claim


class EventRows(Statements):
    """Events. See `LedgerTransaction`."""

    def lock_events(self, ids: Collection[UUID]) -> list[Event]:
        statement = self._dialect.prepared("lock events", self._locking_events)
        found: list[Event] = []
        for some in chunked(sorted(ids)):
            locked = self._connection.execute(statement, {"ids": some, "offset": self._offset()})
            for row in locked:
                if self._now is None:
                    # A claim begins here: what it needs next comes without a query of its own.
                    self._keep_meta(row)
                found.append(rows.to_event(row))
        return found

    def _locking_events(self) -> Select[Any]:
        now = self._dialect.now() + bindparam("offset", type_=BigInteger)
        expired = event.c.due_at <= now
        statement = (
            select(event, *self._meta())
            .where(self._dialect.among(event.c.id, "ids"))
            .where(
                or_(
                    event.c.state == EventState.OPEN.value,
                    and_(event.c.state == EventState.RESOLVING.value, expired),
                )
            )
            .order_by(event.c.id)
        )
        return self._dialect.lock(statement)

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
        statement = self._dialect.lock_waiting(
            select(event)
            .where(self._dialect.among(event.c.id, "ids"))
            .where(event.c.state == EventState.RESOLVING.value)
            .where(event.c.owner == owner)
            .order_by(event.c.id)
        )
        found: list[Event] = []
        for some in chunked(sorted(numbers)):
            locked = self._connection.execute(statement, {"ids": some})
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

    def store_arguments(self, arguments: Mapping[UUID, bytes]) -> None:
        statement = (
            update(event)
            .where(event.c.id == bindparam("id_"))
            .values(arguments=bindparam("arguments_"), body=None)
        )
        self._connection.execute(
            statement, [{"id_": one, "arguments_": arguments[one]} for one in sorted(arguments)]
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
        self._update_prepared("mark fanned out", ids, self._marking_fanned_out)

    def _marking_fanned_out(self) -> Update:
        values = {"state": EventState.FANNED_OUT.value, "due_at": None, "owner": None}
        return (
            update(event)
            .where(self._dialect.among(event.c.id, "ids"))
            .values({**values, "reason": None})
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

    def reopen_events(self, ids: Collection[UUID]) -> int:
        now, changed = self.now(), 0
        for some in chunked(sorted(ids)):
            result = self._connection.execute(
                update(event)
                .where(event.c.id.in_(some))
                .where(event.c.state == EventState.FAILED.value)
                .values(
                    state=EventState.OPEN.value,
                    due_at=now,
                    deaths=0,
                    abandonments=0,
                    reason=None,
                )
            )
            changed += result.rowcount
        return changed

    def events_with_bodies(self, event_ids: Collection[UUID]) -> Mapping[UUID, Event]:
        statement = select(event).where(self._dialect.among(event.c.id, "ids"))
        found: dict[UUID, Event] = {}
        for some in chunked(event_ids):
            for row in self._connection.execute(statement, {"ids": some}):
                found[row.id] = rows.to_event(row)
        return found
