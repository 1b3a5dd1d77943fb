"""Contract of the ledger's reads for people; a part of the contract in `ledger`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from uuid import UUID

from asyncevents_core.domain.delivery import Delivery
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.trace import Backlog, DeadLetter, LogRow, Trace
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.ports.index_queue import IndexQueries


class LedgerQueries(IndexQueries):
    """Reads for people. Each list is ordered newest first unless it says otherwise."""

    @abstractmethod
    def trace(self, delivery_id: UUID) -> Trace | None:
        """Return the trace of a delivery, its attempts in order of their claims."""

    @abstractmethod
    def event(self, event_id: UUID) -> Event | None:
        """Return an event."""

    @abstractmethod
    def deliveries_of_event(self, event_id: UUID) -> Sequence[Delivery]:
        """Return an event's deliveries, oldest first."""

    @abstractmethod
    def events(self, *, name: str | None, limit: int, before: UUID | None) -> Sequence[Event]:
        """Return what was published; page on with `before` = the last id.

        Without the bodies of those that have arguments.
        """

    @abstractmethod
    def logs(
        self, *, subscription_id: int | None, limit: int, before: int | None
    ) -> Sequence[LogRow]:
        """Return attempts; page on with `before` = the last log_id."""

    @abstractmethod
    def dead_letters(
        self, wanted: DeadFilter, *, limit: int, before: UUID | None
    ) -> Sequence[DeadLetter]:
        """Return the dead deliveries and failed events that a filter means, by id.

        Page on with `before` = the last id.
        """

    @abstractmethod
    def count_dead(self, wanted: DeadFilter) -> int:
        """Return how many dead deliveries and failed events a filter means."""

    @abstractmethod
    def all_subscriptions(self) -> Sequence[Subscription]:
        """Return every subscription that is not deleted, by id."""

    @abstractmethod
    def sinks_in_use(self) -> set[str]:
        """Return the sinks that subscriptions use; those of deleted ones are left out."""

    @abstractmethod
    def subscription(self, subscription_id: int) -> Subscription | None:
        """Return one, deleted ones too."""

    @abstractmethod
    def workers(self) -> Sequence[WorkerRow]:
        """Return the workers known, by start."""

    @abstractmethod
    def backlog(self, *, horizon: float = 0.0) -> Backlog:
        """Count what is open; due means within `horizon` seconds from the ledger's now."""

    @abstractmethod
    def now(self) -> int:
        """Return the database's clock, microseconds."""
