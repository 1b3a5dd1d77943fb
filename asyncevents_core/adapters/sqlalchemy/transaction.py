"""The row operations of a transaction, put together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import bindparam, select

from asyncevents_core.adapters.sqlalchemy import rows
from asyncevents_core.adapters.sqlalchemy.delivery_rows import DeliveryRows
from asyncevents_core.adapters.sqlalchemy.event_rows import EventRows
from asyncevents_core.adapters.sqlalchemy.outcome_rows import OutcomeRows
from asyncevents_core.adapters.sqlalchemy.replay_rows import ReplayRows
from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.adapters.sqlalchemy.statements import Statements, chunked
from asyncevents_core.adapters.sqlalchemy.subscription_rows import SubscriptionRows
from asyncevents_core.adapters.sqlalchemy.upkeep_rows import UpkeepRows
from asyncevents_core.adapters.sqlalchemy.worker_rows import WorkerRows
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.ports.ledger import LedgerTransaction


class SqlWriter(Statements):
    """What publishing needs, on any SQLAlchemy connection."""

    def insert_events(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        """See `EventWriter`."""
        clock = self._dialect.now() + bindparam("offset_", self._offset())
        statement = self._dialect.insert_ignore(event).values(
            {"created_at": clock, "due_at": clock + bindparam("due_in_", round(due_in * 1e6))}
        )
        self._connection.execute(statement, [rows.event_values(one) for one in events])

    def find_events(self, external_ids: Collection[str]) -> Mapping[str, tuple[UUID, bytes]]:
        """See `EventWriter`."""
        found: dict[str, tuple[UUID, bytes]] = {}
        for some in chunked(external_ids):
            statement = select(event.c.external_id, event.c.id, event.c.digest).where(
                event.c.external_id.in_(some)
            )
            for row in self._connection.execute(statement):
                found[row.external_id] = (row.id, bytes(row.digest))
        return found


class SqlTransaction(
    SubscriptionRows,
    EventRows,
    DeliveryRows,
    OutcomeRows,
    ReplayRows,
    WorkerRows,
    UpkeepRows,
    SqlWriter,
    LedgerTransaction,
):
    """A transaction of the ledger's own."""
