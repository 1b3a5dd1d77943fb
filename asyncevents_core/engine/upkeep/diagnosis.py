"""The status with all that is wrong: asks the ledger, its database and the broker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve

from asyncevents_core.domain.problem import Problem
from asyncevents_core.engine.shared.deadline import answer_within
from asyncevents_core.engine.upkeep.problems import (
    IDLE_WITH_LOCKS,
    of_broker,
    of_locks,
    of_neighbours,
    of_read_only,
    of_refusal,
    of_room,
    of_unseen,
    problems_of,
)
from asyncevents_core.engine.upkeep.status import Status, read_status
from asyncevents_core.errors import AsyncEventsError, LedgerError
from asyncevents_core.ports.broker import Broker
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction, LedgerView
from asyncevents_core.ports.ledger.trial import Touch

_MET_SINCE: Final = 86_400 * 1_000_000
PROBE: Final = 10.0
"""Seconds for each question. Locks are waited for less long, so that they are named."""


def diagnose(ledger: Ledger, broker: Broker, *, indexing: bool) -> Status:
    """Return the status with its `problems`. Blocks, for some ten seconds where much is wrong.

    `indexing`: there is an indexer. Raises `LedgerError` where the ledger cannot be read.
    """
    found = ledger.read(read_status)
    problems = (*problems_of(found, indexing=indexing), *problems_around(ledger, broker))
    return evolve(found, problems=problems)


def problems_around(ledger: Ledger, broker: Broker) -> tuple[Problem, ...]:
    """Return what is wrong with the ledger's database and the broker. Blocks as `diagnose`."""
    return (*_of_ledger(ledger), *_of_broker(broker), *neighbours_met(ledger))


def neighbours_met(ledger: Ledger) -> Sequence[Problem]:
    """Return what is wrong with the queues of the broker: who else used them in the last day.

    Raises `LedgerError`.
    """

    def read(view: LedgerView) -> Sequence[Problem]:
        now = view.now()
        met = view.neighbours.seen(since=now - _MET_SINCE)
        return list(of_neighbours(met, own=view.neighbours.ledger_id(), now=now))

    return ledger.read(read)


def _of_ledger(ledger: Ledger) -> Iterator[Problem]:
    try:
        why = ledger.read(lambda view: view.server.read_only())
        locks = ledger.read(lambda view: view.server.locks(idle=IDLE_WITH_LOCKS))
        free = ledger.read(lambda view: view.server.free_bytes())
    except LedgerError as error:
        yield of_refusal(error)
        return
    yield from of_locks(locks)
    if free is not None:
        yield from of_room(free)
    if why is not None:
        yield of_read_only(why)
    else:
        yield from _of_writing(ledger)
    yield from of_unseen(locks)


def _of_writing(ledger: Ledger) -> Iterator[Problem]:
    def touch(tx: LedgerTransaction) -> None:
        for table in tx.trial.tables():
            tx.trial.touch(table, [Touch.INSERT, Touch.UPDATE])

    try:
        answer_within(PROBE, lambda: ledger.rehearse(touch))
    except (LedgerError, TimeoutError) as error:
        yield of_refusal(error)


def _of_broker(broker: Broker) -> Iterator[Problem]:
    try:
        answer_within(PROBE, broker.try_out)
    except TimeoutError as error:
        yield of_broker(TimeoutError(f"it {error}"))
    except AsyncEventsError as error:
        yield of_broker(error)
