"""Events as they are committed, read from a ledger that is an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from asyncevents_core.adapters.sqlalchemy.dialects import CLOCKS
from asyncevents_core.adapters.sqlalchemy.file_changes import FileChanges
from asyncevents_core.adapters.sqlalchemy.schema import event
from asyncevents_core.domain.event import EventState
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import MOST_IDS, Consumer, HandOff

_AHEAD: Final = 256
"""Events that are handed on before they are claimed: a round takes a quarter of them."""


class _Arrived(HandOff):
    """Ids that are `handed_on` until they are acknowledged."""

    def __init__(self, ids: Sequence[UUID], handed_on: set[UUID]) -> None:
        self.ids = tuple(ids)
        self._handed_on = handed_on

    def ack(self) -> None:
        """See `HandOff`."""
        self._handed_on.difference_update(self.ids)


class FileArrivals(Consumer):
    """Receives the ids of events that are due, soon after whoever published them has committed.

    It looks when the file was written to, through two connections of its own, and hands an event
    on once until that is acknowledged. Other processes receive the same events: who claims one
    first has it. `offset` returns microseconds to add to the clock.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], offset: Callable[[], int]
    ) -> None:
        self._offset = offset
        self._reading = connect()
        self._changes = FileChanges(connect())
        self._handed_on: set[UUID] = set()
        self._more = False

    def receive(self, timeout: float) -> Sequence[HandOff]:
        """See `Consumer`."""
        try:
            if not self._changes.wait(0.0 if self._more else timeout) and not self._more:
                return []
            found = self._reading.execute(_DUE, (self._offset(), _AHEAD)).fetchall()
        except sqlite3.Error as error:
            raise BrokerUnavailable(f"the ledger's file cannot be read: {error}") from error
        new = [one for (id_,) in found if (one := UUID(bytes=id_)) not in self._handed_on]
        self._more = bool(new) and len(found) == _AHEAD
        self._handed_on.update(new)
        return [
            _Arrived(new[first : first + MOST_IDS], self._handed_on)
            for first in range(0, len(new), MOST_IDS)
        ]

    def close(self) -> None:
        """See `Consumer`."""
        self._changes.close()
        self._reading.close()


_DUE: Final = (
    f"SELECT id FROM {event.name} "  # noqa: S608 - names of our own
    f"WHERE state = '{EventState.OPEN.value}' AND parked = '' "
    f"AND due_at <= {CLOCKS['sqlite']} + ? ORDER BY due_at LIMIT ?"
)
