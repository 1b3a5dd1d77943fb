"""The row operations of a transaction, put together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, select

from asyncevents_core.adapters.sqlalchemy import rows
from asyncevents_core.adapters.sqlalchemy.access_rows import AccessRows
from asyncevents_core.adapters.sqlalchemy.delivery_rows import DeliveryRows
from asyncevents_core.adapters.sqlalchemy.event_rows import EventRows
from asyncevents_core.adapters.sqlalchemy.inserting import (
    Insertion,
    InsertionWithUpdate,
    insertion,
    with_update,
)
from asyncevents_core.adapters.sqlalchemy.job_rows import JobRows
from asyncevents_core.adapters.sqlalchemy.outcome_rows import OutcomeRows
from asyncevents_core.adapters.sqlalchemy.replay_rows import ReplayRows
from asyncevents_core.adapters.sqlalchemy.schema import delivery, event
from asyncevents_core.adapters.sqlalchemy.secret_rows import SecretRows
from asyncevents_core.adapters.sqlalchemy.statements import CHUNK, Statements, chunked
from asyncevents_core.adapters.sqlalchemy.subscription_rows import SubscriptionRows
from asyncevents_core.adapters.sqlalchemy.upkeep_rows import UpkeepRows
from asyncevents_core.adapters.sqlalchemy.worker_rows import WorkerRows
from asyncevents_core.domain.delivery import Delivery
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.ports.ledger import LedgerTransaction


class SqlWriter(Statements):
    """What publishing needs, on any SQLAlchemy connection."""

    def insert_events(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        """See `EventWriter`."""
        values = [rows.event_values(one) for one in events]
        if values:
            self._dialect.prepared("publish", lambda: self._insertion(list(values[0]))).execute(
                self._connection,
                values,
                {"offset_": self._offset(), "due_in_": round(due_in * 1e6)},
            )

    def _insertion(self, columns: Sequence[str]) -> Insertion:
        clock = self._dialect.now() + bindparam("offset_", type_=BigInteger)
        due_at = clock + bindparam("due_in_", type_=BigInteger)
        return insertion(
            self._dialect.name, event, columns, computed={"created_at": clock, "due_at": due_at}
        )

    def find_events(
        self, external_ids: Collection[str], *, latest: bool = False
    ) -> Mapping[str, tuple[UUID, bytes]]:
        """See `EventWriter`."""
        found: dict[str, tuple[UUID, bytes]] = {}
        for some in chunked(external_ids):
            statement = select(event.c.external_id, event.c.id, event.c.digest).where(
                event.c.external_id.in_(some)
            )
            if latest:
                statement = self._dialect.latest(statement)
            for row in self._connection.execute(statement):
                found[row.external_id] = (row.id, bytes(row.digest))
        return found


class SqlTransaction(
    SubscriptionRows,
    EventRows,
    DeliveryRows,
    OutcomeRows,
    ReplayRows,
    JobRows,
    AccessRows,
    WorkerRows,
    UpkeepRows,
    SecretRows,
    SqlWriter,
    LedgerTransaction,
):
    """A transaction of the ledger's own."""

    def fan_out(self, deliveries: Sequence[Delivery], event_ids: Collection[UUID]) -> None:
        together = self._dialect.prepared("fan out", self._fanning_out)
        if together is None or not 0 < len(event_ids) <= CHUNK or not deliveries:
            super().fan_out(deliveries, event_ids)
            return
        values = [rows.delivery_values(one) for one in deliveries]
        together.execute(self._connection, values, {"ids": sorted(event_ids)})

    def _fanning_out(self) -> InsertionWithUpdate | None:
        columns = [column.name for column in delivery.columns]
        return with_update(
            insertion(self._dialect.name, delivery, columns), self._marking_fanned_out()
        )
