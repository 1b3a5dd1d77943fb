"""Connections to each kind of broker: how they open, close and fail."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from kombu.connection import Connection
from kombu.exceptions import KombuError
from kombu.utils.url import maybe_sanitize_url
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from asyncevents_core.domain.secret import without_passwords
from asyncevents_core.errors import BrokerError, BrokerUnavailable, MissingExtra

T = TypeVar("T")

SQL_PREFIXES: Final = ("sqla+", "sqlalchemy+")
_POLL_EVERY: Final = 0.1
_BUSY_TIMEOUT: Final = 30.0
_CONNECT_TIMEOUT: Final = 5.0
_MADE_BY_OTHERS: Final = ("already exists", "unique", "duplicate")
_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds, at most, between tries: each process makes two tables and its queue."""
_EXTRAS: Final = (("redis", "redis"), ("psycopg", "postgresql"), ("mysql", "mysql"))


def masked(url: str) -> str:
    """Return the URL without its password, be it in front of the host or in the query."""
    prefix = next((one for one in SQL_PREFIXES if url.startswith(one)), "")
    if prefix:
        try:
            hidden = make_url(url.removeprefix(prefix)).render_as_string(hide_password=True)
        except ArgumentError:
            return prefix + "…"
        return prefix + without_passwords(hidden)
    return str(maybe_sanitize_url(url)) if "://" in url else "…"


def new_connection(url: str) -> Connection:
    """Return a connection that is not open yet. Raises `BrokerUnavailable`, `MissingExtra`."""
    with failures(url):
        return Connection(
            url,
            connect_timeout=_CONNECT_TIMEOUT,
            heartbeat=30,
            transport_options=_options(url),
        )


def validate(url: str) -> None:
    """Look for the transport and its driver; connect to nothing.

    Raises `BrokerUnavailable`, `MissingExtra`.
    """
    with failures(url):
        new_connection(url).release()
        prefix = next((one for one in SQL_PREFIXES if url.startswith(one)), None)
        if prefix is not None:
            make_url(url.removeprefix(prefix)).get_dialect().import_dbapi()


def open_transport(connection: Connection) -> None:
    """Connect now, and poll often where the transport polls."""
    connection.connect()
    if connection.transport.driver_type in {"sql", "sqlalchemy"}:
        # Not a transport option: kombu hands those on to the database's engine.
        connection.transport.polling_interval = _POLL_EVERY


def beside_others(work: Callable[[], T]) -> T:
    """Do what makes tables or queues; again where another process has just made the same.

    SQL transports only look for them first. Raises what `work` raises.
    """
    for pause in _PAUSES:
        try:
            return work()
        except DBAPIError as error:
            if not any(word in str(error.orig).lower() for word in _MADE_BY_OTHERS):
                raise
            time.sleep(random.uniform(0.0, pause))  # noqa: S311 - lets processes drift apart
    return work()


@contextmanager
def failures(url: str) -> Iterator[None]:
    """Turn every way in which a broker can fail into `BrokerUnavailable`."""
    try:
        yield
    except BrokerError:
        raise
    except ImportError as error:
        extra = next((extra for sign, extra in _EXTRAS if sign in url.lower()), None)
        if extra is None:
            raise BrokerUnavailable(f"BROKER_URL {masked(url)}: {error}") from error
        raise MissingExtra(f"BROKER_URL {masked(url)}", extra=extra) from error
    except (AttributeError, NameError) as error:
        # kombu goes on without a client library, until it uses what is not there.
        if url.startswith("redis"):
            raise MissingExtra(f"BROKER_URL {masked(url)}", extra="redis") from error
        if isinstance(error, NameError):
            raise BrokerUnavailable(f"BROKER_URL {masked(url)}: {error}") from error
        raise
    except (KombuError, SQLAlchemyError, OSError, KeyError) as error:
        raise BrokerUnavailable(f"{masked(url)}: {_what(error)}") from error
    except Exception as error:
        # The errors of amqp and redis have no base in common that can be imported here.
        if type(error).__module__.split(".")[0] in {"amqp", "redis", "kombu", "vine"}:
            raise BrokerUnavailable(f"{masked(url)}: {_what(error)}") from error
        raise


def _what(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]}; amqp://, redis:// and sqla+… are known"
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {original}"


def _options(url: str) -> dict[str, Any]:
    prefix = next((one for one in SQL_PREFIXES if url.startswith(one)), None)
    if prefix is None:
        return {}
    # kombu keeps engines for the life of the process: a connection stays open between polls, and a
    # child of a fork makes its own.
    options: dict[str, Any] = {
        "pool_size": 1,
        "pool_events": [(_note_process, "connect"), (_check_process, "checkout")],
    }
    parsed = make_url(url.removeprefix(prefix))
    if parsed.get_backend_name() == "sqlite":
        # Opening a file costs next to nothing.
        options = {"poolclass": NullPool}
        database = parsed.database
        if not database or database == ":memory:":
            raise BrokerUnavailable(
                "BROKER_URL: an SQLite broker needs a file: sqla+sqlite:///asyncevents-broker.db"
            )
        path = Path(database).resolve()
        if not path.parent.is_dir():
            raise BrokerUnavailable(f"BROKER_URL: the folder {path.parent} does not exist")
        options["creator"] = lambda: _sqlite(path)
    return options


def _note_process(_: object, record: Any) -> None:
    record.info["process"] = os.getpid()


def _check_process(_: object, record: Any, proxy: Any) -> None:
    """Leave a connection that was made before a fork to the parent, as SQLAlchemy advises.

    https://docs.sqlalchemy.org/en/20/core/pooling.html#pooling-multiprocessing
    """
    if record.info["process"] != os.getpid():
        record.dbapi_connection = proxy.dbapi_connection = None
        raise DisconnectionError("the connection belongs to the parent process")


def _sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    # What a power cut takes from the broker, the sweep finds in the ledger.
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


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


def release(connection: Connection) -> None:
    """Close a connection and, on the SQL transport, the database sessions of its channels."""
    channels = list(getattr(connection.transport, "channels", None) or ())
    try:
        connection.release()
    finally:
        # Afterwards: closing a channel uses its session once more. The property `session`
        # would open one.
        for channel in channels:
            session = vars(channel).get("_session")
            if session is not None:
                session.close()
