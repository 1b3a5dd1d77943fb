"""Contract of what a ledger's view tells of the database itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from attrs import frozen


@frozen(kw_only=True)
class Holder:
    """A session that holds locks: others wait for it, or it has been idle with them for long."""

    number: int
    """What the database calls the session."""
    who: str
    """Its user, from where, and its program where the database knows."""
    doing: str
    """"idle in transaction", "active", …; "unknown" where it may not be seen."""
    seconds: float
    """For how long it does that."""
    waiting: int
    """How many sessions wait for it."""
    longest_wait: float
    """Seconds that the first of them has waited."""
    ended_by: str
    """The statement that ends the session."""


@frozen(kw_only=True)
class Locks:
    """Who holds locks, the one with most waiting first; `unseen`: why some cannot be seen."""

    holders: Sequence[Holder] = ()
    unseen: str | None = None


class ServerView(ABC):
    """Reads of the database's own state. What may not be read is no error."""

    @abstractmethod
    def read_only(self) -> str | None:
        """Return why the database only reads, for all sessions; None if it writes."""

    @abstractmethod
    def locks(self, *, idle: float) -> Locks:
        """Return who blocks others, and who has been idle with locks for `idle` seconds.

        Locks of rows and tables; nothing on SQLite, which does not know who holds its lock.
        """

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Return the room on the disk; None where the database runs elsewhere."""
