"""A ledger that runs transactions again, as one must where the fate of a commit is unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from asyncevents_core.domain.event import NewEvent
from asyncevents_core.ports.ledger import JoinedTransaction, Ledger, LedgerTransaction, LedgerView

T = TypeVar("T")


class RerunningLedger(Ledger):
    """Commits each transaction on another ledger, and then runs and commits it `times` more."""

    def __init__(self, ledger: Ledger, *, times: int) -> None:
        self._ledger = ledger
        self._times = times

    def run(self, work: Callable[[LedgerTransaction], T], *, patient: bool = False) -> T:
        for _ in range(self._times):
            self._ledger.run(work, patient=patient)
        return self._ledger.run(work, patient=patient)

    def rehearse(self, work: Callable[[LedgerTransaction], T]) -> T:
        return self._ledger.rehearse(work)

    def publish(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        for _ in range(self._times + 1):
            self._ledger.publish(events, due_in=due_in)

    def read(self, query: Callable[[LedgerView], T]) -> T:
        return self._ledger.read(query)

    def join(self, transaction: object) -> JoinedTransaction:
        return self._ledger.join(transaction)

    def check(self) -> Sequence[str]:
        return self._ledger.check()

    def describe(self) -> str:
        return self._ledger.describe()

    def upgrade(self) -> str:
        return self._ledger.upgrade()

    def after_fork(self) -> None:
        self._ledger.after_fork()

    def close(self) -> None:
        self._ledger.close()
