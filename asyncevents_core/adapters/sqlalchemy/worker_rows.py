"""Row operations on workers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, update

from asyncevents_core.adapters.sqlalchemy.inserting import Upsert
from asyncevents_core.adapters.sqlalchemy.schema import delivery, event, worker
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventState
from asyncevents_core.domain.worker import WorkerRow

_BEAT: Final = Upsert(key=("id",), changes=("beat_at",))


class WorkerRows(Statements):
    """Workers. See `LedgerTransaction`."""

    def beat(self, row: WorkerRow) -> None:
        now = self.now()
        values = {
            "id": row.id,
            "host": row.host,
            "pid": row.pid,
            "roles": ",".join(row.roles),
            "started_at": now,
            "beat_at": now,
        }
        self._insert(worker, [values], _BEAT)

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
