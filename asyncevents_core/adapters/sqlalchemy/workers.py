"""Workers: their signs of life, and the leases of those that have vanished."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, select, update

from asyncevents_core.adapters.sqlalchemy.schema import delivery, event, worker
from asyncevents_core.adapters.sqlalchemy.statements import Noun, Upsert
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.ports.ledger.workers import Workers, WorkersView

_BEAT: Final = Upsert(key=("id",), changes=("beat_at",))


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
        }
        self._sql.insert(worker, [values], _BEAT)

    def remove(self, worker_id: UUID) -> None:
        self._sql.execute(delete(worker).where(worker.c.id == worker_id))

    def silent(self, *, before: int) -> Sequence[UUID]:
        statement = select(worker.c.id).where(worker.c.beat_at < before).order_by(worker.c.id)
        return list(self._sql.execute(self._sql.dialect.lock(statement)).scalars())

    def expire_leases(self, owners: Collection[UUID]) -> int:
        now, expired = self._sql.now(), 0
        for table, state in (
            (delivery, DeliveryState.LEASED.value),
            (event, EventState.RESOLVING.value),
        ):
            result = self._sql.execute(
                update(table)
                .where(table.c.state == state)
                .where(table.c.owner.in_(sorted(owners)))
                .where(table.c.due_at > now)
                .values(due_at=now)
            )
            expired += result.rowcount
        return expired


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
    )
