"""Connections to each kind of broker: how they open, close and fail."""

from __future__ import annotations

import logging
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
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from asyncevents_core.adapters.kombu.tls import SecureConnection
from asyncevents_core.adapters.kombu.transport_options import (
    database,
    sql_prefix,
    transport_options,
)
from asyncevents_core.domain.addresses import masked
from asyncevents_core.errors import BrokerError, BrokerUnavailable, MissingExtra
from asyncevents_core.ports.broker import BrokerConfig

T = TypeVar("T")

_POLL_EVERY: Final = 0.1
"""Seconds between questions to a database; consumers watch SQLite instead (`FileChanges`)."""
_CLOSE_WITHIN: Final = 1.0
"""Seconds for the broker to say that a connection, or a channel, is closed."""
_OF_CLUSTERS: Final = ("MOVED ", "CROSSSLOT", "CLUSTERDOWN", "Hash slot not served")
_MADE_BY_OTHERS: Final = ("already exists", "unique", "duplicate")
_PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds, at most, between tries: each process makes two tables and its queue."""
_EXTRAS: Final = (("redis", "redis"), ("psycopg", "postgresql"), ("mysql", "mysql"))


def new_connection(config: BrokerConfig, *, heartbeat: bool = False) -> Connection:
    """Return a connection that is not open yet. Raises `BrokerUnavailable`, `MissingExtra`.

    `heartbeat`: somebody will call its `heartbeat_check` often. RabbitMQ ends other connections
    that should have one.
    """
    with failures(config.url):
        return SecureConnection(
            _readable(config.url),
            config.options,
            connect_timeout=config.options.connect_timeout,
            # A connection is lost after two of them.
            heartbeat=2 * config.options.keepalive if heartbeat else 0,
            transport_options=transport_options(config),
        )


def _readable(url: str) -> str:
    """Return an address as kombu reads it; those of databases may have other forms, too.

    kombu keeps one engine for each address and process. So a file has its whole path: the same
    name in another working directory is another file.
    """
    prefix = sql_prefix(url)
    if prefix is None:
        return url
    parsed = database(url.removeprefix(prefix))
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        parsed = parsed.set(database=str(Path(parsed.database).resolve()))
    return prefix + parsed.render_as_string(hide_password=False)


def validate(config: BrokerConfig) -> None:
    """Look for the transport and its driver; connect to nothing.

    Raises `BrokerUnavailable`, `MissingExtra`.
    """
    with failures(config.url):
        new_connection(config).release()
        prefix = sql_prefix(config.url)
        if prefix is not None:
            database(config.url.removeprefix(prefix)).get_dialect().import_dbapi()


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
    except (KombuError, SQLAlchemyError, sqlite3.Error, OSError, KeyError) as error:
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
    advice = ""
    if any(one in str(original) for one in _OF_CLUSTERS):
        advice = (
            ". This is Redis Cluster, which kombu cannot use: use a single Redis, or one with "
            "Sentinels (sentinel://)"
        )
    return f"{type(original).__name__}: {original}{advice}"


logger = logging.getLogger("asyncevents.broker")


class Link(ABC):
    """Base of what has a connection to the broker. Used by one thread at a time."""

    _heartbeat = False
    """Whether it asks for heartbeats often enough to have some."""

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        self._connection: Connection | None = None

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        """Work on the open connection. Raises `BrokerUnavailable`, and drops it, on errors."""
        with failures(self._config.url):
            try:
                yield self._connected()
            except Exception:
                self._drop(broken=True)
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
        self._drop(broken=False)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = beside_others(self._open)
        return self._connection

    def _open(self) -> Connection:
        connection = new_connection(self._config, heartbeat=self._heartbeat)
        try:
            open_transport(connection)
            self._ready(connection)
        except Exception:
            self._release(connection, broken=True)
            raise
        return connection

    def _drop(self, *, broken: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._release(connection, broken=broken)

    def _release(self, connection: Connection, *, broken: bool) -> None:
        try:
            release(connection, broken=broken)
        except Exception as error:
            # It is broken, or the failure that is raised says more.
            logger.debug("closing a broken connection failed", extra={"error": repr(error)})


def release(connection: Connection, *, broken: bool = False) -> None:
    """Close a connection and, on the SQL transport, the database sessions of its channels.

    What was received and not acknowledged goes back to its queue, unless the connection is
    `broken`: nobody answers there.
    """
    channels = list(getattr(connection.transport, "channels", None) or ())
    # Of RabbitMQ, which answers nothing on a connection that it has blocked. The property
    # `connection` would open one.
    inner = getattr(vars(connection).get("_connection"), "transport", None)
    if (socket := getattr(inner, "sock", None)) is not None:
        socket.settimeout(_CLOSE_WITHIN)
    for channel in channels:
        _give_back(channel, broken=broken)
    try:
        connection.release()
    finally:
        # Afterwards: closing a channel uses its session once more. The property `session`
        # would open one.
        for channel in channels:
            session = vars(channel).get("_session")
            if session is not None:
                session.close()
                if broken:
                    # kombu keeps the engine, whose sessions may be on a server that only reads.
                    session.get_bind().dispose()


def _give_back(channel: Any, *, broken: bool) -> None:
    """Requeue what was not acknowledged, before kombu does.

    kombu writes what it cannot requeue to a file; all of it is in the ledger.
    """
    received = vars(channel).get("_qos")
    if received is None:
        return
    channel.do_restore = False
    if broken:
        return
    try:
        kept = received.restore_unacked()
    except Exception as error:
        logger.debug("messages cannot be given back", extra={"error": repr(error)})
    else:
        if kept:
            logger.debug("messages cannot be given back", extra={"messages": len(kept)})
