"""Contract of the ledger's queue of attempts for an indexer; a part of the contract in `ledger`.

What writes or changes an attempt queues it in the same transaction; so does the clean-up when it
deletes one. Whoever feeds the index reads the newest of an attempt, writes it, and takes it from
the queue only if it was not queued again meanwhile: a kill at any moment loses nothing, and
writing by key repeats nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from asyncevents_core.domain.trace import LoggedAttempt, LogRow


@frozen(kw_only=True)
class QueuedAttempt:
    """An attempt that waits for the index; `logged` is None where the clean-up deleted it."""

    log_id: int
    version: int
    logged: LoggedAttempt | None


@frozen(kw_only=True)
class IndexBacklog:
    """How far the index is behind.

    `waiting` attempts are queued, counted up to `COUNTED_UP_TO` of them; the oldest was made at
    `oldest` (microseconds), None where nothing waits. `set_aside` were refused by the index.
    `first` is the lowest log_id of all attempts, unless that one waits or is set aside: then, and
    without attempts, None. An index without `first` was lost, or begun without what there was.
    """

    waiting: int
    oldest: int | None
    set_aside: int
    first: int | None


COUNTED_UP_TO = 100_000


class IndexQueue(ABC):
    """Row operations on the queue."""

    @abstractmethod
    def queued_for_index(self, *, after: int, limit: int) -> Sequence[QueuedAttempt]:
        """Return what waits behind `after`, by log_id, without what is set aside.

        Locks nothing.
        """

    @abstractmethod
    def unqueue(self, versions: Mapping[int, int]) -> None:
        """Take attempts (log_id: version) from the queue, unless they were queued again."""

    @abstractmethod
    def set_aside(self, versions: Mapping[int, int]) -> None:
        """Keep attempts that the index refuses out of the way, unless they were queued again."""

    @abstractmethod
    def queue_set_aside(self) -> int:
        """Queue again what was set aside; return how many."""


class IndexQueries(ABC):
    """What reads for the index."""

    @abstractmethod
    def logged_attempts(self, *, after: int, limit: int) -> Sequence[LoggedAttempt]:
        """Return attempts with a higher log_id than `after`, lowest first."""

    @abstractmethod
    def logs_of(self, log_ids: Collection[int], *, tenant: str | None = None) -> Sequence[LogRow]:
        """Return these attempts, highest log_id first; those that are gone are left out.

        With `tenant` those of other tenants' subscriptions are left out too.
        """

    @abstractmethod
    def newest_log_id(self) -> int:
        """Return the highest log_id that there is; 0 without attempts."""

    @abstractmethod
    def subscriptions_of(self, tenant: str) -> Sequence[int]:
        """Return the ids of a tenant's subscriptions, also of those that are deleted."""

    @abstractmethod
    def index_backlog(self) -> IndexBacklog:
        """Return how far the index is behind."""
