"""Events: publishing them, claiming them, their bodies, their end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Update,
    bindparam,
    case,
    false,
    func,
    select,
    update,
)

from asyncevents_core.adapters.sqlalchemy.dialects import SqlDialect
from asyncevents_core.adapters.sqlalchemy.event_rows import LISTED, event_columns, to_event
from asyncevents_core.adapters.sqlalchemy.insertions import Insertion, insertion
from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.adapters.sqlalchemy.statements import Noun, chunked, in_order
from asyncevents_core.domain.delivery import Claim
from asyncevents_core.domain.event import Event, EventState, NewEvent
from asyncevents_core.ports.ledger.events import Events, EventsView, EventWriter


class SqlEventWriter(Noun, EventWriter):
    """What publishing needs, on any SQLAlchemy connection."""

    def insert(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        self._insert(events, due_in, refusing=False)

    def insert_new(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        """As `insert`, for less; an IntegrityError where one of them is there already."""
        self._insert(events, due_in, refusing=True)

    def _insert(self, events: Sequence[NewEvent], due_in: float, *, refusing: bool) -> None:
        if not events:
            return
        columns = event_columns(events)
        insertion = self._sql.dialect.prepared(
            ("publish", refusing), lambda: self._inserting(list(columns), refusing=refusing)
        )
        constants = {"offset_": self._sql.offset(), "due_in_": round(due_in * 1e6)}
        insertion.execute_columns(self._sql, columns, constants)

    def _inserting(self, columns: Sequence[str], *, refusing: bool) -> Insertion:
        clock = self._sql.dialect.now() + bindparam("offset_", type_=BigInteger)
        due_at = clock + bindparam("due_in_", type_=BigInteger)
        return insertion(
            self._sql.dialect.name,
            event,
            columns,
            computed={"created_at": clock, "due_at": due_at},
            refusing=refusing,
        )

    def find(
        self, external_ids: Collection[str], *, latest: bool = False
    ) -> Mapping[str, tuple[UUID, bytes]]:
        found: dict[str, tuple[UUID, bytes]] = {}
        for some in chunked(external_ids):
            statement = select(event.c.external_id, event.c.id, event.c.digest).where(
                event.c.external_id.in_(some)
            )
            if latest:
                statement = self._sql.dialect.latest(statement)
            for row in self._sql.execute(statement):
                found[row.external_id] = (row.id, bytes(row.digest))
        return found


class SqlEvents(SqlEventWriter, Events):
    """See `Events`."""

    def lock(self, ids: Collection[UUID]) -> list[Event]:
        statement = self._sql.dialect.prepared("lock events", self._locking_events)
        found: list[Event] = []
        for some in chunked(in_order(ids)):
            locked = self._sql.rows(statement, {"ids": some, "offset": self._sql.offset()})
            for row in locked:
                # A claim begins here: what it needs next comes without a query of its own.
                self._sql.keep_meta(row)
                found.append(to_event(row))
        return found

    def _locking_events(self) -> Select[Any]:
        now = self._sql.dialect.now() + bindparam("offset", type_=BigInteger)
        # By CASE, so that no index but that of the ids is of use: led by the one of what is due,
        # databases would read all events that are open, to find these few among them.
        is_free = case(
            (event.c.state == EventState.OPEN.value, event.c.parked == ""),
            (event.c.state == EventState.RESOLVING.value, event.c.due_at <= now),
            else_=false(),
        )
        statement = (
            select(event, *self._sql.meta())
            .where(self._sql.dialect.among(event.c.id, "ids"))
            .where(is_free)
            .order_by(event.c.id)
        )
        return self._sql.dialect.lock(statement)

    def lock_due(self, *, before: int, limit: int, since: int = 0) -> list[Event]:
        found: list[Event] = []
        # A query per state, so that each one walks the index in order.
        for state in (EventState.OPEN, EventState.RESOLVING):
            statement = (
                select(event)
                .where(event.c.state == state.value)
                .where(event.c.parked == "")
                .where(event.c.due_at.between(since, before))
                .order_by(event.c.due_at)
                .limit(limit)
            )
            locked = self._sql.rows(self._sql.dialect.lock(statement))
            found += [to_event(row) for row in locked]
        found.sort(key=lambda one: one.due_at or 0)
        return found[:limit]

    def lock_parked(self, line: str, *, limit: int) -> list[Event]:
        statement = (
            select(event)
            .where(event.c.state == EventState.OPEN.value)
            .where(event.c.parked == line)
            .order_by(event.c.due_at)
            .limit(limit)
        )
        locked = self._sql.rows(self._sql.dialect.lock(statement))
        return [to_event(row) for row in locked]

    def parked_lines(self, *, limit: int) -> Sequence[str]:
        found: list[str] = []
        # A look into the index for each line, however many events are parked in it.
        while len(found) < limit:
            next_line = (
                select(func.min(event.c.parked))
                .where(event.c.state == EventState.OPEN.value)
                .where(event.c.parked > (found[-1] if found else ""))
            )
            line = self._sql.execute(next_line).scalar_one()
            if line is None:
                break
            found.append(line)
        return found

    def resolving_again(self, owners: Collection[UUID]) -> set[UUID]:
        found: set[UUID] = set()
        for some in chunked(sorted(owners)):
            statement = (
                select(event.c.owner)
                .where(event.c.state == EventState.RESOLVING.value)
                .where(event.c.owner.in_(some))
                .where(event.c.abandonments > 0)
                .distinct()
            )
            found.update(self._sql.execute(statement).scalars())
        return found

    def lock_resolving(self, claims: Collection[Claim], *, owner: UUID) -> list[Event]:
        numbers = {claim.id: claim.claim_no for claim in claims}
        statement = self._sql.dialect.lock_waiting(
            select(event)
            .where(self._sql.dialect.among(event.c.id, "ids"))
            .where(event.c.state == EventState.RESOLVING.value)
            .where(event.c.owner == owner)
            .order_by(event.c.id)
        )
        found: list[Event] = []
        for some in chunked(in_order(numbers)):
            locked = self._sql.rows(statement, {"ids": some})
            found += [to_event(row) for row in locked]
        return [one for one in found if numbers[one.id] == one.claims]

    def lock_one(self, event_id: UUID) -> Event | None:
        statement = self._sql.dialect.lock_waiting(select(event).where(event.c.id == event_id))
        row = self._sql.execute(statement).one_or_none()
        return None if row is None else to_event(row)

    def start_resolving(
        self, ids: Collection[UUID], *, owner: UUID, due_at: int, abandoned: bool
    ) -> None:
        self._sql.update(
            event,
            ids,
            {
                "state": EventState.RESOLVING.value,
                "claims": event.c.claims + 1,
                "abandonments": event.c.abandonments + int(abandoned),
                "parked": "",
                "owner": owner,
                "due_at": due_at,
            },
        )

    def put_back(
        self, ids: Collection[UUID], *, due_at: int, parked: str = "", abandoned: bool = False
    ) -> None:
        self._sql.update(
            event,
            ids,
            {
                "state": EventState.OPEN.value,
                "abandonments": event.c.abandonments + int(abandoned),
                "parked": parked,
                "owner": None,
                "due_at": due_at,
            },
        )

    def store_arguments(self, arguments: Mapping[UUID, bytes]) -> None:
        statement = (
            update(event)
            .where(event.c.id == bindparam("id_"))
            .values(arguments=bindparam("arguments_"), body=None)
        )
        self._sql.execute(
            statement, [{"id_": one, "arguments_": arguments[one]} for one in in_order(arguments)]
        )

    def store_bodies(self, bodies: Mapping[UUID, bytes]) -> None:
        statement = (
            update(event)
            .where(event.c.id == bindparam("id_"))
            .values(body=bindparam("body_"), abandonments=0)
        )
        self._sql.execute(
            statement, [{"id_": one, "body_": bodies[one]} for one in in_order(bodies)]
        )

    def mark_fanned_out(self, ids: Collection[UUID]) -> None:
        self._sql.update_prepared(
            "mark fanned out", ids, lambda: marking_fanned_out(self._sql.dialect)
        )

    def postpone(
        self,
        event_id: UUID,
        *,
        due_at: int,
        deaths: int,
        error: str | None,
        traceback: str | None = None,
    ) -> None:
        self._sql.update(
            event,
            [event_id],
            {
                "state": EventState.OPEN.value,
                "due_at": due_at,
                "deaths": deaths,
                "abandonments": 0,
                "parked": "",
                "owner": None,
                "error": error,
                "traceback": traceback,
            },
        )

    def fail(
        self, event_id: UUID, *, deaths: int, error: str, traceback: str | None = None
    ) -> None:
        self._sql.update(
            event,
            [event_id],
            {
                "state": EventState.FAILED.value,
                "due_at": None,
                "deaths": deaths,
                "parked": "",
                "owner": None,
                "error": error,
                "traceback": traceback,
            },
        )

    def reopen(self, ids: Collection[UUID]) -> int:
        now, changed = self._sql.now(), 0
        for some in chunked(in_order(ids)):
            result = self._sql.execute(
                update(event)
                .where(event.c.id.in_(some))
                .where(event.c.state == EventState.FAILED.value)
                .values(
                    state=EventState.OPEN.value,
                    due_at=now,
                    deaths=0,
                    abandonments=0,
                    parked="",
                    error=None,
                    traceback=None,
                )
            )
            changed += result.rowcount
        return changed

    def read(self, ids: Collection[UUID]) -> Mapping[UUID, Event]:
        statement = select(event).where(self._sql.dialect.among(event.c.id, "ids"))
        found: dict[UUID, Event] = {}
        for some in chunked(ids):
            for row in self._sql.rows(statement, {"ids": some}):
                found[row.id] = to_event(row)
        return found


class SqlEventsView(Noun, EventsView):
    """See `EventsView`."""

    def get(self, event_id: UUID) -> Event | None:
        row = self._sql.execute(select(event).where(event.c.id == event_id)).one_or_none()
        return None if row is None else to_event(row)

    def body_sizes(self, ids: Collection[UUID]) -> Mapping[UUID, int]:
        found = self._of_bodies(ids, func.length(event.c.body))
        return {row.id: int(row.found) for row in found}

    def bodies(self, ids: Collection[UUID]) -> Mapping[UUID, bytes]:
        return {row.id: bytes(row.found) for row in self._of_bodies(ids, event.c.body)}

    def _of_bodies(self, ids: Collection[UUID], wanted: ColumnElement[Any]) -> Iterator[Row[Any]]:
        statement = (
            select(event.c.id, wanted.label("found"))
            .where(self._sql.dialect.among(event.c.id, "ids"))
            .where(event.c.body.is_not(None))
        )
        for some in chunked(in_order(ids)):
            yield from self._sql.execute(statement, {"ids": some})

    def page(
        self,
        *,
        name: str | None,
        limit: int,
        before: UUID | None,
        tenant: str | None = None,
        states: Collection[EventState] | None = None,
    ) -> Sequence[Event]:
        statement = select(*LISTED).order_by(event.c.id.desc()).limit(limit)
        if name is not None:
            statement = statement.where(event.c.name == name)
        if before is not None:
            statement = statement.where(event.c.id < before)
        if tenant is not None:
            statement = statement.where(event.c.tenant == tenant)
        if states is not None:
            # Few are in the states that one looks for, and the index on them finds these.
            statement = statement.where(event.c.state.in_(sorted(states)))
        return [to_event(row) for row in self._sql.execute(statement)]


def marking_fanned_out(dialect: SqlDialect) -> Update:
    """Return the UPDATE of `mark_fanned_out`; its parameter is "ids"."""
    values = {
        "state": EventState.FANNED_OUT.value,
        "due_at": None,
        "parked": "",
        "owner": None,
        "error": None,
        "traceback": None,
    }
    return update(event).where(dialect.among(event.c.id, "ids")).values(values)
