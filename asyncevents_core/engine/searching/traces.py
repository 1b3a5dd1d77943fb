"""Traces by the id that somebody has: a delivery's, or an event's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from asyncevents_core.domain.trace import Trace
from asyncevents_core.ports.ledger import Ledger

PAGE: Final = 200
"""Traces that `traces_of_event` reads at once."""


def traces_of_event(ledger: Ledger, event_id: UUID) -> Iterator[Trace]:
    """Yield the traces of all deliveries of an event, oldest first, in constant memory."""
    after: UUID | None = None
    while found := _page(ledger, event_id, after):
        yield from found
        after = found[-1].delivery.id


def _page(ledger: Ledger, event_id: UUID, after: UUID | None) -> list[Trace]:
    return list(ledger.read(lambda view: view.traces.of_event(event_id, limit=PAGE, after=after)))
