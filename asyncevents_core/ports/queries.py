"""Contract of the ledger's reads for people; a part of the contract in `ledger`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from uuid import UUID

from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.override import Override
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.replay_job import ReplayJob
from asyncevents_core.domain.subscription import Subscription, SubscriptionSummary
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.domain.trace import Backlog, DeadLetter, LogFilter, LogPosition, LogRow, Trace
from asyncevents_core.domain.worker import WorkerRow
from asyncevents_core.ports.index_queue import IndexQueries
from asyncevents_core.ports.secrets import SecretQueries


class LedgerQueries(IndexQueries, SecretQueries):
    """Reads for people. Each list is ordered newest first unless it says otherwise."""

    @abstractmethod
    def trace(self, delivery_id: UUID, *, tenant: str | None = None) -> Trace | None:
        """Return the trace of a delivery, its attempts in order of their claims.

        With `tenant` only if its subscription belongs to that tenant.
        """

    @abstractmethod
    def traces_of_event(
        self, event_id: UUID, *, limit: int, after: UUID | None = None, tenant: str | None = None
    ) -> Sequence[Trace]:
        """Return the traces of an event's deliveries, oldest first, `tenant` as for `trace`.

        Page on with `after` = the id of the last delivery.
        """

    @abstractmethod
    def event(self, event_id: UUID) -> Event | None:
        """Return an event."""

    @abstractmethod
    def events(
        self, *, name: str | None, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[Event]:
        """Return what was published; page on with `before` = the last id.

        `tenant` None: of every tenant. Without the bodies of those that have arguments.
        """

    @abstractmethod
    def logs(
        self, wanted: LogFilter, *, limit: int, before: LogPosition | None
    ) -> Sequence[LogRow]:
        """Return the attempts that a filter matches, by position; page on with the last one's."""

    @abstractmethod
    def log_ids(self, *, after: int, limit: int) -> Sequence[int]:
        """Return the log_ids above `after` that can be seen now, lowest first.

        Where transactions run at the same time, a lower one may be seen later.
        """

    @abstractmethod
    def log_position(self, log_id: int) -> LogPosition | None:
        """Return where an attempt stands in the log."""

    @abstractmethod
    def dead_letters(
        self, wanted: DeadFilter, *, limit: int, before: UUID | None
    ) -> Sequence[DeadLetter]:
        """Return the dead deliveries and failed events that a filter matches, by id.

        Page on with `before` = the last id.
        """

    @abstractmethod
    def count_dead(self, wanted: DeadFilter) -> int:
        """Return how many dead deliveries and failed events a filter matches."""

    @abstractmethod
    def all_subscriptions(self) -> Sequence[Subscription]:
        """Return every subscription that is not deleted, by id."""

    @abstractmethod
    def sinks_in_use(self) -> set[str]:
        """Return the sinks that subscriptions use; those of deleted ones are left out."""

    @abstractmethod
    def subscription_summaries(self) -> Sequence[SubscriptionSummary]:
        """As `all_subscriptions`, without what is encrypted: fast for many."""

    @abstractmethod
    def subscription(self, subscription_id: int) -> Subscription | None:
        """Return one, deleted ones too."""

    @abstractmethod
    def replay_job(self, job_id: UUID) -> ReplayJob | None:
        """Return a job."""

    @abstractmethod
    def replay_jobs(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[ReplayJob]:
        """Return jobs, those whose filter has that tenant if one is given."""

    @abstractmethod
    def token(self, token_id: UUID) -> ApiToken | None:
        """Return a token, revoked ones too."""

    @abstractmethod
    def tokens(self) -> Sequence[ApiToken]:
        """Return all tokens, oldest first."""

    @abstractmethod
    def audit(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[AuditEntry]:
        """Return the audit log; page on with `before` = the last id."""

    @abstractmethod
    def overrides(self) -> Sequence[Override]:
        """Return what is set in the ledger instead of a setting, by name."""

    @abstractmethod
    def is_task_taken(self, name: str) -> bool:
        """Tell whether some process has that task for itself; see `UpkeepOperations`."""

    @abstractmethod
    def workers(self) -> Sequence[WorkerRow]:
        """Return the workers known, by start."""

    @abstractmethod
    def backlog(self, *, horizon: float = 0.0) -> Backlog:
        """Count what is open; due means within `horizon` seconds from the ledger's now."""

    @abstractmethod
    def now(self) -> int:
        """Return the database's clock, microseconds."""
