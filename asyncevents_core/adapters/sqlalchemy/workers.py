"""Workers: their signs of life, and the leases of those that have vanished."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, delete, select

from asyncevents_core.adapters.sqlalchemy.insertions import Upsert
from asyncevents_core.adapters.sqlalchemy.schema import delivery, event, worker
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.ports.ledger.workers import Workers, WorkersView

_Conditions = tuple[ColumnElement[bool], ...]

_LONGEST_TROUBLE: Final = 1000
_BEAT: Final = Upsert(key=("id",), changes=("beat_at", "trouble"))


class SqlWorkers(Noun, Workers):
    """See `Workers`."""

    def beat(self, row: WorkerRow) -> None:
        now = self._sql.now()
        values = {
            "id": row.id,
            "host": row.host,
            "pid": row.pid,
            "roles": ",".join(row.roles),
            "started_at": now,
            "beat_at": now,
            "trouble": None if row.trouble is None else storable(row.trouble, _LONGEST_TROUBLE),
        }
        self._sql.insert(worker, [values], _BEAT)

    def remove(self, worker_id: UUID) -> None:
        self._sql.execute(delete(worker).where(worker.c.id == worker_id))

    def silent(self, *, before: int) -> Sequence[WorkerRow]:
        statement = select(worker).where(worker.c.beat_at < before).order_by(worker.c.id)
        return [_to_worker(row) for row in self._sql.execute(self._sql.dialect.lock(statement))]

    def expire_leases(self, owners: Collection[UUID], *, limit: int) -> int:
        expired = 0
        for table, running in self._running(owners):
            found = select(table.c.id).where(*running).limit(limit - expired)
            expired += self._sql.update_free(table, found, {"due_at": self._sql.now()})
        return expired

    def leasing(self, owners: Collection[UUID]) -> set[UUID]:
        found: set[UUID] = set()
        for table, running in self._running(owners):
            found.update(
                self._sql.execute(select(table.c.owner).where(*running).distinct()).scalars()
            )
        return found

    def _running(self, owners: Collection[UUID]) -> Iterator[tuple[Table, _Conditions]]:
        """Return for each table the conditions of these owners' running leases."""
        for table, state in (
            (delivery, DeliveryState.LEASED.value),
            (event, EventState.RESOLVING.value),
        ):
            yield (
                table,
                (
                    table.c.state == state,
                    table.c.owner.in_(sorted(owners)),
                    table.c.due_at > self._sql.now(),
                ),
            )


class SqlWorkersView(Noun, WorkersView):
    """See `WorkersView`."""

    def all(self) -> Sequence[WorkerRow]:
        statement = select(worker).order_by(worker.c.started_at, worker.c.id)
        return [_to_worker(row) for row in self._sql.execute(statement)]


def _to_worker(row: Row[Any]) -> WorkerRow:
    """Read a worker."""
    values = row._mapping
    return WorkerRow(
        id=values["id"],
        host=values["host"],
        pid=values["pid"],
        roles=tuple(Role(one) for one in values["roles"].split(",") if one),
        started_at=values["started_at"],
        beat_at=values["beat_at"],
        trouble=values["trouble"],
    )
