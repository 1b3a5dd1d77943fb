"""Contract of the ledger's queue of attempts for an indexer, and of what an index is made of.

What writes or changes an attempt queues it in the same transaction; so does the clean-up when it
deletes one. Whoever feeds the index reads the newest of an attempt, writes it, and takes it from
the queue only if it was not queued again meanwhile: a kill at any moment loses nothing, and
writing by key repeats nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from asyncevents_core.domain.delivery import Claim
from asyncevents_core.domain.trace import LoggedAttempt


@frozen(kw_only=True)
class QueuedAttempt:
    """An attempt that waits for the index; `logged` is None where the clean-up deleted it."""

    log_id: int
    version: int
    logged: LoggedAttempt | None


@frozen(kw_only=True)
class IndexBacklog:
    """How far the index is behind.

    `waiting` attempts are queued, counted up to `COUNTED_UP_TO` of them: if not `exact`, more are.
    The oldest was made at `oldest` (microseconds), None where nothing waits. `set_aside` were
    refused by the index.
    `first` is the lowest log_id of all attempts, unless that one waits or is set aside: then, and
    without attempts, None. An index without `first` was lost, or begun without what there was.
    """

    waiting: int
    oldest: int | None
    set_aside: int
    first: int | None
    exact: bool = True


COUNTED_UP_TO = 100_000


class IndexQueue(ABC):
    """The queue in a transaction."""

    @abstractmethod
    def queue(self, claims: Collection[Claim]) -> None:
        """Queue the attempts of these claims, or queue them again: their version grows by 1."""

    @abstractmethod
    def unqueue(self, versions: Mapping[int, int]) -> None:
        """Take attempts (log_id: version) from the queue, unless they were queued again."""

    @abstractmethod
    def set_aside(self, versions: Mapping[int, int]) -> None:
        """Keep attempts that the index refuses out of the way, unless they were queued again."""

    @abstractmethod
    def queue_set_aside(self) -> int:
        """Queue again what was set aside; return how many."""


class IndexView(ABC):
    """Reads for an index."""

    @abstractmethod
    def queued(self, *, after: int, limit: int) -> Sequence[QueuedAttempt]:
        """Return what waits behind `after`, by log_id, without what is set aside."""

    @abstractmethod
    def attempts(self, *, after: int, limit: int) -> Sequence[LoggedAttempt]:
        """Return attempts with a higher log_id than `after`, lowest first."""

    @abstractmethod
    def backlog(self) -> IndexBacklog:
        """Return how far the index is behind."""
