"""The tables of the ledger in memory: dictionaries of frozen rows, with a journal to undo."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar
from uuid import UUID

from attrs import evolve, field, frozen

from asyncevents_core.domain.audit import AuditEntry
from asyncevents_core.domain.delivery import Attempt, Delivery
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.override import Override
from asyncevents_core.domain.replay import ReplayRequest
from asyncevents_core.domain.replay_job import ReplayJob
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.domain.worker import WorkerRow

K = TypeVar("K")
V = TypeVar("V")


class Journal:
    """Remembers how to undo each change since the transaction began."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def add(self, undo: Callable[[], None]) -> None:
        """Note how a change that was just made is undone."""
        self._undo.append(undo)

    def commit(self) -> None:
        """Keep the changes."""
        self._undo.clear()

    def rollback(self) -> None:
        """Undo the changes, the last one first."""
        while self._undo:
            self._undo.pop()()


class Table(Generic[K, V]):
    """Rows by their key. Rows are immutable, so reading shares them safely."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[K, V] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[V]:
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: K) -> V | None:
        """Return a row, or None."""
        return self._rows.get(key)

    def items(self) -> list[tuple[K, V]]:
        """Return keys and rows."""
        return list(self._rows.items())

    def put(self, key: K, row: V) -> None:
        """Insert or replace a row."""
        if key in self._rows:
            old = self._rows[key]
            self._journal.add(lambda: self._rows.__setitem__(key, old))
        else:
            self._journal.add(lambda: self._rows.__delitem__(key))
        self._rows[key] = row

    def delete(self, key: K) -> None:
        """Remove a row, if it is there."""
        if key in self._rows:
            old = self._rows.pop(key)
            self._journal.add(lambda: self._rows.__setitem__(key, old))


@frozen(kw_only=True)
class EventRow:
    """An event, and the digest that tells a repeated `external_id` from a conflict."""

    event: Event
    digest: bytes


@frozen(kw_only=True)
class SubscriptionRow:
    """A subscription. Its options are kept as text, so that nobody can change them."""

    subscription: Subscription
    options: str = field(repr=False)
    holding: bool
    epoch: int

    def value(self) -> Subscription:
        """Return the subscription with options of its own."""
        return evolve(self.subscription, options=json.loads(self.options))


@frozen(kw_only=True)
class AttemptRow:
    """An attempt and its serial number."""

    log_id: int
    attempt: Attempt


@frozen(kw_only=True)
class OnceRow:
    """A request that was to be done once; without a result its transaction is under way."""

    digest: str
    result: str | None
    created_at: int


class Tables:
    """All tables of one ledger, and the journal of the transaction under way."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.events: Table[UUID, EventRow] = Table(self.journal)
        self.external_ids: Table[str, UUID] = Table(self.journal)
        self.subscriptions: Table[int, SubscriptionRow] = Table(self.journal)
        self.deliveries: Table[UUID, Delivery] = Table(self.journal)
        self.fan_out: Table[tuple[UUID, int, UUID], UUID] = Table(self.journal)
        self.attempts: Table[tuple[UUID, int], AttemptRow] = Table(self.journal)
        self.index_queue: Table[int, int] = Table(self.journal)
        self.workers: Table[UUID, WorkerRow] = Table(self.journal)
        self.replays: Table[UUID, ReplayRequest] = Table(self.journal)
        self.tasks: Table[str, int] = Table(self.journal)
        self.jobs: Table[UUID, ReplayJob] = Table(self.journal)
        self.tokens: Table[UUID, ApiToken] = Table(self.journal)
        self.audit: Table[UUID, AuditEntry] = Table(self.journal)
        self.once: Table[str, OnceRow] = Table(self.journal)
        self.overrides: Table[str, Override] = Table(self.journal)
        self._numbers: Table[str, int] = Table(self.journal)

    def number(self, name: str) -> int:
        """Return a counter: `epoch`, `subscription` or `attempt`."""
        return self._numbers.get(name) or 0

    def count_up(self, name: str) -> int:
        """Add 1 to a counter and return it."""
        number = self.number(name) + 1
        self._numbers.put(name, number)
        return number
