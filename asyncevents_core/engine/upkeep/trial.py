"""Trying out the ledger: all that publishing and delivering do to it, rolled back."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from functools import partial
from typing import Final

from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.engine.delivering.calls import UnlimitedCalls
from asyncevents_core.engine.delivering.leases import Claimant
from asyncevents_core.engine.delivering.permits import UnlimitedPermits
from asyncevents_core.engine.delivering.round import Round, claim_round
from asyncevents_core.errors import LedgerForbidden
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.ledger.trial import Touch

_NAME: Final = "asyncevents.check"
_BODIES: Final = 4
_BODY_BYTES: Final = 256 * 1024
"""Bytes that cannot be compressed: together a megabyte, for which a disk must have room."""


def refused_tables(ledger: Ledger) -> list[str]:
    """Say for each table what may not, or cannot, be done with it. Raises `LedgerError`."""

    def touch_all(tx: LedgerTransaction) -> None:
        for table in tx.trial.tables():
            tx.trial.touch(table)

    try:
        ledger.rehearse(touch_all)
    except LedgerForbidden:
        # Which of them: each in a transaction of its own, since it ends with the first error.
        tables = ledger.rehearse(lambda tx: tx.trial.tables())
        return [one for table in tables for one in _refused(ledger, table)]
    return []


def _refused(ledger: Ledger, table: str) -> Iterator[str]:
    for way in Touch:
        try:
            ledger.rehearse(partial(_touch, table=table, way=way))
        except LedgerForbidden as error:
            yield f"{way} on {table}: {error}"


def _touch(tx: LedgerTransaction, *, table: str, way: Touch) -> None:
    tx.trial.touch(table, [way])


def try_publishing(ledger: Ledger) -> None:
    """Write events of a megabyte in all to where they would go. Raises `LedgerError`."""

    def write(tx: LedgerTransaction) -> None:
        tx.trial.spill()
        for _ in range(_BODIES):
            tx.events.insert([_event(os.urandom(_BODY_BYTES))], due_in=0.0)

    ledger.rehearse(write)


def try_claiming(ledger: Ledger, claimant: Claimant) -> None:
    """Claim as a worker does, a new event and a delivery that is due, if there is one.

    Raises `LedgerError`.
    """
    row = WorkerRow(
        id=claimant.owner,
        host=socket.gethostname(),
        pid=os.getpid(),
        roles=(),
        started_at=0,
        beat_at=0,
    )

    def claim(tx: LedgerTransaction) -> None:
        event = _event(b"{}")
        tx.workers.beat(row)
        tx.events.insert([event], due_in=0.0)
        wanted = Round(room=1, event_ids=frozenset([event.id]), due=True, idle=True)
        claim_round(tx, claimant, wanted, UnlimitedPermits(), UnlimitedCalls())

    ledger.rehearse(claim)


def _event(body: bytes) -> NewEvent:
    return NewEvent(
        id=uuid7(),
        external_id=None,
        digest=hashlib.sha256(body).digest(),
        name=_NAME,
        tenant=None,
        arguments=None,
        body=body,
        occurred_at=0,
    )
