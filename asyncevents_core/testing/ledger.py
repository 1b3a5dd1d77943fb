"""`MemoryLedger`: a full ledger without a database, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

from attrs import define

from asyncevents_core.domain.event import NewEvent
from asyncevents_core.errors import ForeignTransaction, LedgerError
from asyncevents_core.ports.ledger import (
    JoinedTransaction,
    Ledger,
    LedgerTransaction,
)
from asyncevents_core.ports.queries import LedgerQueries
from asyncevents_core.testing.clock import ManualClock
from asyncevents_core.testing.memory_events import find_rows, insert_rows, opened
from asyncevents_core.testing.memory_queries import MemoryQueries
from asyncevents_core.testing.memory_tables import EventRow, Tables
from asyncevents_core.testing.memory_transaction import MemoryLedgerTransaction

T = TypeVar("T")


@define
class _Fault:
    error: Exception
    times: int
    after_commit: bool


class MemoryLedger(Ledger):
    """The ledger in memory. Transactions run one at a time and are atomic. Thread-safe.

    Its clock is `clock` if one is given, else the machine's, plus `clock_offset()`
    microseconds. It passes the same `LedgerConformance` as a database.
    """

    def __init__(
        self,
        *,
        clock: ManualClock | None = None,
        clock_offset: Callable[[], int] = lambda: 0,
    ) -> None:
        self._tables = Tables()
        self._manual = clock
        self._offset = clock_offset
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._faults: list[_Fault] = []
        self._reruns = 0

    def __repr__(self) -> str:
        tables = self._tables
        return f"MemoryLedger({len(tables.events)} events, {len(tables.deliveries)} deliveries)"

    # -- the port ---------------------------------------------------------------------------

    def run(self, work: Callable[[LedgerTransaction], T]) -> T:
        with self._exclusively():
            self._fail(after_commit=False)
            result = self._commit(work)
            while self._reruns:
                self._reruns -= 1
                result = self._commit(work)
            self._fail(after_commit=True)
            return result

    def read(self, query: Callable[[LedgerQueries], T]) -> T:
        with self._exclusively():
            self._fail(after_commit=False)
            return query(MemoryQueries(self._tables, self.now))

    def join(self, transaction: object) -> JoinedTransaction:
        if not isinstance(transaction, MemoryTransaction):
            raise ForeignTransaction(
                "a MemoryLedger joins transactions that its `begin()` returned, not "
                f"{type(transaction).__name__}"
            )
        if transaction.ledger is not self:
            raise ForeignTransaction("this transaction belongs to another MemoryLedger")
        return transaction.writer()

    def check(self) -> Sequence[str]:
        with self._exclusively():
            self._fail(after_commit=False)
            return []

    def describe(self) -> str:
        return "in memory"

    def upgrade(self) -> str:
        with self._exclusively():
            self._fail(after_commit=False)
            return "memory"

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self._holder = None

    def close(self) -> None:
        """See `Ledger`. What was written stays: there is nothing to connect to."""

    # -- for tests --------------------------------------------------------------------------

    def begin(self) -> MemoryTransaction:
        """Begin a transaction of the caller's own, for `join`: an application's session."""
        return MemoryTransaction(self)

    def fail_next(self, error: Exception, times: int = 1, *, after_commit: bool = False) -> None:
        """Let the next `times` calls raise `error`: nothing is written.

        With `after_commit` the next `times` transactions are committed first: the caller
        cannot know that they were. Calls add up.
        """
        with self._exclusively():
            self._faults.append(_Fault(error, times, after_commit))

    def rerun_next(self, times: int = 1) -> None:
        """Commit the next transaction and then run and commit it again, `times` times.

        So does a ledger where a commit's fate is unknown: `work` must be idempotent.
        """
        with self._exclusively():
            self._reruns += times

    def now(self) -> int:
        """Return the ledger's clock, microseconds."""
        base = time.time_ns() // 1000 if self._manual is None else self._manual.now()
        return base + self._offset()

    def index_queue(self) -> Mapping[int, int]:
        """Return what waits for an indexer: the version of each log_id."""
        with self._exclusively():
            return dict(self._tables.index_queue.items())

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        if self._holder == threading.get_ident():
            raise LedgerError(
                "the ledger is used within a transaction of its own: on a database this could "
                "deadlock. Use the transaction that was passed in"
            )
        with self._lock:
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                self._holder = None

    def _commit(self, work: Callable[[LedgerTransaction], T]) -> T:
        try:
            result = work(MemoryLedgerTransaction(self._tables, self.now))
        except BaseException:
            self._tables.journal.rollback()
            raise
        self._tables.journal.commit()
        return result

    def _fail(self, *, after_commit: bool) -> None:
        for fault in self._faults:
            if fault.after_commit == after_commit:
                fault.times -= 1
                if not fault.times:
                    self._faults.remove(fault)
                raise fault.error

    def _find(self, external_ids: Collection[str]) -> dict[str, tuple[UUID, bytes]]:
        with self._exclusively():
            self._fail(after_commit=False)
            return find_rows(self._tables, external_ids)

    def _insert(self, rows: Sequence[EventRow]) -> None:
        with self._exclusively():
            self._fail(after_commit=False)
            insert_rows(self._tables, rows)
            self._tables.journal.commit()


class MemoryTransaction:
    """The caller's own transaction on a `MemoryLedger`, as an application's session is.

    What is written shows after `commit` only. As a context manager it commits, or rolls back
    after an exception. Belongs to one thread.
    """

    def __init__(self, ledger: MemoryLedger) -> None:
        self.ledger = ledger
        self._rows: list[EventRow] = []
        self._callbacks: list[Callable[[], None]] = []
        self._over = False

    def writer(self) -> JoinedTransaction:
        """Return what `MemoryLedger.join` returns. Raises `ForeignTransaction` if it is over."""
        self._check_open()
        return _Joined(self)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Release a savepoint at the end of the block, or roll back to it after an exception."""
        self._check_open()
        rows, callbacks = len(self._rows), len(self._callbacks)
        try:
            yield
        except BaseException:
            del self._rows[rows:]
            del self._callbacks[callbacks:]
            raise

    def commit(self) -> None:
        """Write everything and call back. Raises what `MemoryLedger.fail_next` was given."""
        self._check_open()
        self.ledger._insert(self._rows)
        self._over = True
        for callback in self._callbacks:
            callback()

    def rollback(self) -> None:
        """Forget everything."""
        self._check_open()
        self._over = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._over:
            return
        if error is None:
            self.commit()
        else:
            self.rollback()

    def _check_open(self) -> None:
        if self._over:
            raise ForeignTransaction("this transaction is over: begin another one")

    def _add(self, events: Sequence[NewEvent], due_in: float) -> None:
        self._check_open()
        now = self.ledger.now()
        known = self._find([one.external_id for one in events if one.external_id is not None])
        ids = {row.event.id for row in self._rows}
        for one in events:
            if one.id in ids or one.external_id in known:
                continue
            ids.add(one.id)
            if one.external_id is not None:
                known[one.external_id] = (one.id, one.digest)
            self._rows.append(opened(one, now, due_in))

    def _find(self, external_ids: Collection[str]) -> dict[str, tuple[UUID, bytes]]:
        self._check_open()
        found = self.ledger._find(external_ids)
        for row in self._rows:
            external_id = row.event.external_id
            if external_id is not None and external_id in external_ids:
                found.setdefault(external_id, (row.event.id, row.digest))
        return found

    def _call_after_commit(self, callback: Callable[[], None]) -> None:
        self._check_open()
        self._callbacks.append(callback)


class _Joined(JoinedTransaction):
    def __init__(self, transaction: MemoryTransaction) -> None:
        self._transaction = transaction

    def insert_events(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        self._transaction._add(events, due_in)

    def find_events(
        self, external_ids: Collection[str], *, latest: bool = False
    ) -> Mapping[str, tuple[UUID, bytes]]:
        return self._transaction._find(external_ids)

    def on_commit(self, callback: Callable[[], None]) -> bool:
        self._transaction._call_after_commit(callback)
        return True
