"""The ledger's own id, and those with whom it shares a broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select

from asyncevents_core.adapters.sqlalchemy.insertions import Upsert
from asyncevents_core.adapters.sqlalchemy.schema import meta, neighbour
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.domain.limits import storable
from asyncevents_core.domain.neighbour import Neighbour
from asyncevents_core.ports.ledger.neighbours import Neighbours, NeighboursView

_AGAIN: Final = Upsert(key=("ledger_id", "queue"), changes=("source", "seen_at"))
_KEPT: Final = 30 * 86_400 * 1_000_000
_NOBODY: Final = ""
"""In place of an id, which is part of the key: the messages are no hand-offs."""


class SqlNeighbours(Noun, Neighbours):
    """See `Neighbours`."""

    def note(self, met: Sequence[Neighbour]) -> None:
        now = self._sql.now()
        self._sql.execute(delete(neighbour).where(neighbour.c.seen_at < now - _KEPT))
        rows = {
            (one.ledger_id, one.queue): {
                "ledger_id": _NOBODY if one.ledger_id is None else str(one.ledger_id),
                "queue": storable(one.queue, 255),
                "source": storable(one.source, 255),
                "seen_at": now,
            }
            for one in met
        }
        self._sql.insert(neighbour, list(rows.values()), _AGAIN)


class SqlNeighboursView(Noun, NeighboursView):
    """See `NeighboursView`."""

    def ledger_id(self) -> UUID | None:
        found: UUID | None = self._sql.execute(select(meta.c.ledger_id)).scalar_one_or_none()
        return found

    def seen(self, *, since: int) -> Sequence[Neighbour]:
        statement = select(neighbour).where(neighbour.c.seen_at >= since)
        latest = statement.order_by(neighbour.c.seen_at.desc(), neighbour.c.ledger_id)
        return [
            Neighbour(
                queue=row.queue,
                ledger_id=UUID(row.ledger_id) if row.ledger_id != _NOBODY else None,
                source=row.source,
                seen_at=row.seen_at,
            )
            for row in self._sql.execute(latest)
        ]
