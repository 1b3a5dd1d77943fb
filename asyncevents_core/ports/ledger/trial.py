"""Contract of trying out a ledger, in a transaction that is rolled back: see `Ledger.rehearse`."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence


class Touch(enum.StrEnum):
    """What may be done with a table."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


class Trial(ABC):
    """What nothing but a trial needs."""

    @abstractmethod
    def tables(self) -> Sequence[str]:
        """Return the names of the ledger's tables. No I/O."""

    @abstractmethod
    def touch(self, table: str, ways: Collection[Touch] = tuple(Touch)) -> None:
        """Do these things with all columns of no row of a table.

        So a permission or a column that is missing is found, and a database that only reads.
        """

    @abstractmethod
    def spill(self) -> None:
        """Let what this transaction writes from now on go to the disk before it is committed.

        A database that kept it in memory would not notice that its disk is full.
        """
