"""Contract of the ledger's tasks: what one process at a time does, such as the clean-up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from uuid import UUID

from attrs import frozen


@frozen(kw_only=True)
class Cleaned:
    """What one step of the clean-up did; `after` is where the next one begins, None: done."""

    rows: int
    events: int
    after: UUID | None


class Tasks(ABC):
    """Tasks in a transaction, and the step of the clean-up."""

    @abstractmethod
    def take(self, name: str, *, first: int, until: int) -> bool:
        """Take a task that is due, for oneself alone until then; False if it is not due.

        A task that was never heard of is due at `first`.
        """

    @abstractmethod
    def put_off(self, name: str, *, until: int) -> None:
        """Make a task that was taken due at that time: because it is done, or goes on."""

    @abstractmethod
    def keep(self, name: str, *, held: int, until: int) -> bool:
        """Go on with a task that was taken until `held`; False if another one has it now."""

    @abstractmethod
    def delete_old(self, *, before: int, after: UUID | None, limit: int, indexed: bool) -> Cleaned:
        """Delete about `limit` rows of events that were over before then, from `after` on.

        With `indexed` their attempts are queued, so that the index drops them too.

        An event is over when it is fanned out or failed, all its deliveries are delivered,
        dead or cancelled, and neither it nor a delivery nor an attempt is younger.
        """


class TasksView(ABC):
    """Reads of tasks."""

    @abstractmethod
    def is_taken(self, name: str) -> bool:
        """Tell whether some process has that task for itself."""
