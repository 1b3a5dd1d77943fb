"""A connection that is opened at first use and thrown away after an error."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kombu.connection import Connection

from asyncevents_core.adapters.kombu.connecting import (
    beside_others,
    failures,
    new_connection,
    open_transport,
)
from asyncevents_core.adapters.kombu.housekeeping import release
from asyncevents_core.errors import BrokerUnavailable

logger = logging.getLogger("asyncevents.broker")


class Link(ABC):
    """Base of what has a connection to the broker. Used by one thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        """Work on the open connection. Raises `BrokerUnavailable`, and drops it, on errors."""
        with failures(self._url):
            try:
                yield self._connected()
            except Exception:
                self._drop()
                raise

    def _send(self, work: Callable[[Connection], None]) -> None:
        """Send something; once more where an old connection turns out to be broken."""
        reused = self._connection is not None
        try:
            with self._opened() as connection:
                work(connection)
        except BrokerUnavailable:
            if not reused:
                raise
            with self._opened() as connection:
                work(connection)

    @abstractmethod
    def _ready(self, connection: Connection) -> None:
        """Declare and make what is needed on a new connection."""

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._drop()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = beside_others(self._open)
        return self._connection

    def _open(self) -> Connection:
        connection = new_connection(self._url)
        try:
            open_transport(connection)
            self._ready(connection)
        except Exception:
            self._release(connection)
            raise
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._release(connection)

    def _release(self, connection: Connection) -> None:
        try:
            release(connection)
        except Exception as error:
            # It is broken, or the failure that is raised says more.
            logger.debug("closing a broken connection failed", extra={"error": repr(error)})
