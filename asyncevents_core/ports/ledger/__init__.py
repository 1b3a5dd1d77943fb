"""Contract of the ledger: the database of events, subscriptions, deliveries and attempts.

The engine writes the state machine once, as functions of a `LedgerTransaction`; a ledger
offers the operations on rows that those need, each one statement or a few, and makes the whole
function atomic. Operations are reached by noun, `tx.events.lock(ids)`; each noun has a module
here, with what a transaction may do and what a `LedgerView` reads for people.

Operations on rows "locked" assume that this transaction selected them with one of the `lock…`
methods: rows locked by another transaction are skipped, not waited for, unless it says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import Consumer
from asyncevents_core.ports.ledger.access import Access, AccessView
from asyncevents_core.ports.ledger.dead_letters import DeadLetters, DeadLettersView
from asyncevents_core.ports.ledger.deliveries import Deliveries
from asyncevents_core.ports.ledger.events import Events, EventsView, EventWriter
from asyncevents_core.ports.ledger.index import IndexQueue, IndexView
from asyncevents_core.ports.ledger.log import LogView
from asyncevents_core.ports.ledger.neighbours import Neighbours, NeighboursView
from asyncevents_core.ports.ledger.outcomes import Outcomes
from asyncevents_core.ports.ledger.rates import Rates
from asyncevents_core.ports.ledger.replays import Replays, ReplaysView
from asyncevents_core.ports.ledger.server import ServerView
from asyncevents_core.ports.ledger.statistics import StatisticsView
from asyncevents_core.ports.ledger.subscriptions import Subscriptions, SubscriptionsView
from asyncevents_core.ports.ledger.tasks import Tasks, TasksView
from asyncevents_core.ports.ledger.traces import TracesView
from asyncevents_core.ports.ledger.trial import Trial
from asyncevents_core.ports.ledger.users import Users, UsersView
from asyncevents_core.ports.ledger.workers import Workers, WorkersView

T = TypeVar("T")


class LedgerTransaction(ABC):
    """One transaction, alive inside the function given to `Ledger.run`. Not thread-safe."""

    @abstractmethod
    def now(self) -> int:
        """Return the database's clock, microseconds; the same value throughout the transaction."""

    @property
    @abstractmethod
    def events(self) -> Events:
        """What was published, until it is fanned out."""

    @property
    @abstractmethod
    def deliveries(self) -> Deliveries:
        """One event for one subscription: making them, leasing them, moving them."""

    @property
    @abstractmethod
    def outcomes(self) -> Outcomes:
        """What became of leased deliveries, and their attempts."""

    @property
    @abstractmethod
    def subscriptions(self) -> Subscriptions:
        """Who gets what, their secrets, and the epoch that grows with each change."""

    @property
    @abstractmethod
    def dead_letters(self) -> DeadLetters:
        """Dead deliveries and failed events, to be sent again."""

    @property
    @abstractmethod
    def replays(self) -> Replays:
        """Requests to send again, and those that run as jobs."""

    @property
    @abstractmethod
    def index(self) -> IndexQueue:
        """The queue of attempts for an indexer."""

    @property
    @abstractmethod
    def access(self) -> Access:
        """Tokens, the audit log, requests that are done once, values set at run time."""

    @property
    @abstractmethod
    def users(self) -> Users:
        """People who sign in, their sessions, and who guesses passwords."""

    @property
    @abstractmethod
    def tasks(self) -> Tasks:
        """What one process at a time does, such as the clean-up."""

    @property
    @abstractmethod
    def workers(self) -> Workers:
        """The workers' signs of life."""

    @property
    @abstractmethod
    def neighbours(self) -> Neighbours:
        """Others whose messages arrive in queues of this ledger's."""

    @property
    @abstractmethod
    def rates(self) -> Rates:
        """What subscriptions may receive, over all workers together."""

    @property
    @abstractmethod
    def trial(self) -> Trial:
        """What nothing but a rehearsal needs."""


class LedgerView(ABC):
    """A consistent view for reading, alive inside the function given to `Ledger.read`.

    Not thread-safe. Each list is ordered newest first unless it says otherwise.
    """

    @abstractmethod
    def now(self) -> int:
        """Return the database's clock, microseconds."""

    @abstractmethod
    def backlog(self, *, horizon: float = 0.0, tenant: str | None = None) -> Backlog:
        """Count what is open; due means within `horizon` seconds from the ledger's now.

        With a `tenant` its events, and the deliveries to its subscriptions.
        """

    @property
    @abstractmethod
    def events(self) -> EventsView:
        """What was published."""

    @property
    @abstractmethod
    def traces(self) -> TracesView:
        """Deliveries, each with all that happened to it."""

    @property
    @abstractmethod
    def log(self) -> LogView:
        """Attempts."""

    @property
    @abstractmethod
    def subscriptions(self) -> SubscriptionsView:
        """Who gets what."""

    @property
    @abstractmethod
    def dead_letters(self) -> DeadLettersView:
        """Dead deliveries and failed events."""

    @property
    @abstractmethod
    def replays(self) -> ReplaysView:
        """Replays that run as jobs."""

    @property
    @abstractmethod
    def index(self) -> IndexView:
        """What an index is made of, and how far it is behind."""

    @property
    @abstractmethod
    def access(self) -> AccessView:
        """Tokens, the audit log, values set at run time."""

    @property
    @abstractmethod
    def users(self) -> UsersView:
        """People who sign in, and their sessions."""

    @property
    @abstractmethod
    def tasks(self) -> TasksView:
        """What one process at a time does."""

    @property
    @abstractmethod
    def workers(self) -> WorkersView:
        """The workers known."""

    @property
    @abstractmethod
    def neighbours(self) -> NeighboursView:
        """The ledger's own id, and others whose messages arrive in its queues."""

    @property
    @abstractmethod
    def statistics(self) -> StatisticsView:
        """Attempts counted: by minute, by subscription, by time."""

    @property
    @abstractmethod
    def server(self) -> ServerView:
        """The database itself."""


class JoinedTransaction(ABC):
    """The caller's own transaction. It is never committed or rolled back from here."""

    @property
    @abstractmethod
    def events(self) -> EventWriter:
        """What publishing needs of it."""

    @abstractmethod
    def on_commit(self, callback: Callable[[], None]) -> bool:
        """Call back after the outermost commit, on the committing thread; once.

        Not called after a rollback, nor when a savepoint is released. Returns False where
        the commit cannot be observed (a DBAPI connection): the callback is never called.
        """


class Ledger(ABC):
    """The database. Thread-safe; connects lazily. `fork()` is survived by `after_fork`."""

    @abstractmethod
    def run(self, work: Callable[[LedgerTransaction], T], *, patient: bool = False) -> T:
        """Run `work` in one transaction and commit it; return what it returned.

        Rerun as a whole after a deadlock, a lock that others do not release, a session that is
        lost or useless, or a commit whose fate is unknown, so `work` must be idempotent. An
        exception from `work` rolls back and passes through. Where it is `patient`, statements may
        take as long as those of the clean-up.
        Raises `LedgerUnavailable`, `LedgerNotMigrated`, and `LedgerError` for what is refused.
        """

    @abstractmethod
    def rehearse(self, work: Callable[[LedgerTransaction], T]) -> T:
        """Run `work` in a transaction and roll it back; return what it returned.

        Once, whatever fails. Raises as `run`.
        """

    @abstractmethod
    def publish(self, events: Sequence[NewEvent], *, due_in: float) -> None:
        """Insert open events and commit, all or none: `run` with `events.insert` and no more."""

    @abstractmethod
    def read(self, query: Callable[[LedgerView], T]) -> T:
        """Run `query` on a consistent view; return what it returned. Raises as `run`."""

    @property
    def tells_of_events(self) -> bool:
        """Whether `arrivals` can be had: workers learn of new events from the ledger alone."""
        return False

    def arrivals(self) -> Consumer:
        """Open what receives the ids of events soon after they are committed, by whomever.

        It is closed by the caller. Raises `BrokerUnavailable` where the ledger cannot be watched.
        """
        raise BrokerUnavailable("only a broker tells of events in this ledger")

    @abstractmethod
    def join(self, transaction: object) -> JoinedTransaction:
        """Write within the caller's transaction. Raises `ForeignTransaction` if it cannot."""

    @abstractmethod
    def check(self) -> Sequence[str]:
        """Connect, compare the schema, and return warnings.

        They are about unsafe durability settings, and about the schema of a newer version that
        serves this one, too. Raises `LedgerUnavailable`, `LedgerNotMigrated`.
        """

    @abstractmethod
    def describe(self) -> str:
        """Return where the ledger is, and the schema that it needs: for people. No I/O.

        A password is not shown.
        """

    @abstractmethod
    def upgrade(self) -> str:
        """Bring the schema to this version; return the revision. Safe to repeat.

        A newer schema that serves this version stays as it is. Raises `LedgerUnavailable`, also
        where others hold locks for minutes, and `LedgerNotMigrated` for one that is too new.
        """

    @abstractmethod
    def after_fork(self) -> None:
        """Forget connections made before a fork, without closing the parent's. Child only."""

    @abstractmethod
    def close(self) -> None:
        """Close connections. Idempotent; the next use connects again."""
