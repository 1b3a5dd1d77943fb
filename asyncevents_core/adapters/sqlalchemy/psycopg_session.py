"""psycopg: in binary, and with a limit on how long an answer is waited for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, TypeVar

from psycopg import Connection, Cursor, OperationalError
from psycopg.pq import ConnStatus, Format
from psycopg.rows import RowFactory
from psycopg.types.array import ListBinaryDumper

T = TypeVar("T")

_LOOK_EVERY: Final = 0.1


class BinaryCursor(Cursor[Any]):
    """Asks for results in binary."""

    def __init__(self, connection: Connection[Any], *, row_factory: RowFactory[Any]) -> None:
        super().__init__(connection, row_factory=row_factory)
        self.format = Format.BINARY


class LimitedConnection(Connection[Any]):
    """Gives up a server that does not answer within `answers_within` seconds (None: never does).

    TCP does not notice such a server: a machine that is frozen, or a proxy before it, still
    acknowledges what it is sent.
    """

    answers_within: float | None = None

    def wait(
        self,
        gen: Generator[Any, Any, T],
        interval: float = _LOOK_EVERY,
        timeout: float | None = None,
    ) -> T:
        """Run what the driver sends and reads; see `psycopg.Connection.wait`."""
        if timeout is not None or self.answers_within is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answers_within)
        except OperationalError as error:
            # What the server says has a SQLSTATE, and a lost connection is not OK: time is up.
            # By value: psycopg's own libpq has plain numbers here.
            if error.sqlstate is not None or self.pgconn.status != ConnStatus.OK:
                raise
            self.pgconn.finish()
            raise OperationalError(
                f"the server did not answer within {self.answers_within:g} s"
            ) from error


def speak_binary(connection: Connection[Any]) -> None:
    """Let a new connection use binary: half the time of text for arrays, and bodies not in hex."""
    connection.adapters.register_dumper(list, ListBinaryDumper)
    connection.cursor_factory = BinaryCursor
