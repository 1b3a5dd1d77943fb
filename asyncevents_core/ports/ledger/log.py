"""Contract of the ledger's log: the attempts, as people read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from asyncevents_core.domain.trace import LogFilter, LogPosition, LogRow


class LogView(ABC):
    """Reads of the log."""

    @abstractmethod
    def page(
        self, wanted: LogFilter, *, limit: int, before: LogPosition | None
    ) -> Sequence[LogRow]:
        """Return the attempts that a filter matches, by position; page on with the last one's."""

    @abstractmethod
    def rows(self, log_ids: Collection[int], *, tenant: str | None = None) -> Sequence[LogRow]:
        """Return these attempts, highest log_id first; those that are gone are left out.

        With `tenant` those of other tenants' subscriptions are left out too.
        """

    @abstractmethod
    def ids(self, *, after: int, limit: int) -> Sequence[int]:
        """Return the log_ids above `after` that can be seen now, lowest first.

        Where transactions run at the same time, a lower one may be seen later.
        """

    @abstractmethod
    def newest_id(self) -> int:
        """Return the highest log_id that there is; 0 without attempts."""

    @abstractmethod
    def position(self, log_id: int) -> LogPosition | None:
        """Return where an attempt stands in the log."""
