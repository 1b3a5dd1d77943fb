"""The log as it is exported: pages of it in batches, with what was sent if that is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from asyncevents_core.domain.trace import LogBatch, LogRow
from asyncevents_core.ports.ledger import Ledger

BATCH_BYTES: Final = 4_000_000
"""Payloads of a batch, each counted as often as there are rows of its event."""


def batches_of_log(
    ledger: Ledger, pages: Iterable[Sequence[LogRow]], *, payload: bool
) -> Iterator[LogBatch]:
    """Yield pages of the log as batches, in their order; with the payloads if `payload`.

    In bounded memory: a batch has payloads of `BATCH_BYTES` at most, or one row. The ledger is
    asked once for their sizes on each page, and once for the payloads of each batch. Raises what
    `pages` raises, and `LedgerError`.
    """
    for rows in pages:
        if not payload:
            yield LogBatch(rows=rows)
            continue
        sizes = _sizes(ledger, {one.event_id for one in rows})
        for some in _small_enough(rows, sizes):
            yield LogBatch(rows=some, payloads=_bodies(ledger, {one.event_id for one in some}))


def _small_enough(rows: Sequence[LogRow], sizes: Mapping[UUID, int]) -> Iterator[Sequence[LogRow]]:
    some, held = list[LogRow](), 0
    for one in rows:
        size = sizes.get(one.event_id, 0)
        if some and held + size > BATCH_BYTES:
            yield some
            some, held = [], 0
        some.append(one)
        held += size
    if some:
        yield some


def _sizes(ledger: Ledger, event_ids: Collection[UUID]) -> Mapping[UUID, int]:
    return ledger.read(lambda view: view.events.body_sizes(event_ids))


def _bodies(ledger: Ledger, event_ids: Collection[UUID]) -> Mapping[UUID, bytes]:
    return ledger.read(lambda view: view.events.bodies(event_ids))
