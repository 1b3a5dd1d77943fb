"""What kombu's transports are told: limits of connections, prefixes, names, Sentinels."""

from __future__ import annotations

import math
import os
import socket
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import NullPool

from asyncevents_core.adapters.kombu.protocol import is_redis
from asyncevents_core.adapters.private_files import make_file
from asyncevents_core.adapters.sqlalchemy.connecting import Given
from asyncevents_core.adapters.sqlalchemy.sessions import SessionLimits, session_maker
from asyncevents_core.adapters.sqlalchemy.urls import read_url
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import BrokerConfig, BrokerOptions
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.ports.passwords import PasswordSource, current

SQL_PREFIXES: Final = ("sqla+", "sqlalchemy+")
_KEEPALIVES: Final = 3
"""Questions without an answer after which TCP ends a connection."""
_LOCK_TIMEOUT: Final = 5.0
_LIMITED: Final = {"postgresql", "mysql", "mariadb"}
"""The databases whose sessions are given limits; kombu can use others, too."""


def sql_prefix(url: str) -> str | None:
    """Return what an address of a database begins with; None for other brokers."""
    return next((one for one in SQL_PREFIXES if url.startswith(one)), None)


def transport_options(config: BrokerConfig) -> dict[str, Any]:
    """Return the options of the transport that the address names. Raises `BrokerUnavailable`."""
    prefix = sql_prefix(config.url)
    if prefix is not None:
        return _sql_options(config.url.removeprefix(prefix), config)
    if config.url.startswith(("amqp", "pyamqp")):
        return _amqp_options(config)
    if is_redis(config.url):
        return _redis_options(config)
    return {}


def _amqp_options(config: BrokerConfig) -> dict[str, Any]:
    options = config.options
    return {
        # In the management pages, and of `rabbitmqctl list_connections`.
        "client_properties": {"connection_name": config.name()},
        "read_timeout": options.answer_timeout,
        "write_timeout": options.answer_timeout,
        "socket_settings": _keepalives(options),
    }


def _redis_options(config: BrokerConfig) -> dict[str, Any]:
    options = config.options
    return {
        # Also of the sets of what is not acknowledged, which kombu's users in one database share.
        "global_keyprefix": config.prefix,
        "client_name": config.name(),
        **_sentinel_options(options),
        "socket_connect_timeout": options.connect_timeout,
        "socket_timeout": options.answer_timeout,
        "socket_keepalive": True,
        "socket_keepalive_options": _keepalives(options),
        # Also how long kombu waits for the answer to a BRPOP beyond the second that it takes.
        "health_check_interval": options.keepalive,
    }


def _sentinel_options(options: BrokerOptions) -> dict[str, Any]:
    if options.sentinel_master is None:
        return {}
    ours = {
        "socket_connect_timeout": options.connect_timeout,
        "socket_timeout": options.answer_timeout,
        "username": options.sentinel_username,
        "password": options.sentinel_password,
    }
    return {
        "master_name": options.sentinel_master,
        # Of the connections to the Sentinels themselves.
        "sentinel_kwargs": {name: value for name, value in ours.items() if value is not None},
    }


def _keepalives(options: BrokerOptions) -> dict[int, int]:
    """Return options of TCP, for silence and for what is sent and never acknowledged."""
    every = math.ceil(options.keepalive)
    wanted = {
        "TCP_KEEPIDLE": every,
        "TCP_KEEPINTVL": every,
        "TCP_KEEPCNT": _KEEPALIVES,
        "TCP_USER_TIMEOUT": math.ceil(options.answer_timeout * 1000),
    }
    # macOS and Windows do not have all of them.
    known = {name: getattr(socket, name, None) for name in wanted}
    return {number: wanted[name] for name, number in known.items() if number is not None}


def _sql_options(url: str, config: BrokerConfig) -> dict[str, Any]:
    options = config.options
    parsed = database(url)
    if parsed.get_backend_name() == "sqlite":
        file = parsed.database
        if not file or file == ":memory:":
            raise BrokerUnavailable(
                "BROKER_URL: an SQLite broker needs a file: sqla+sqlite:///asyncevents-broker.db"
            )
        path = Path(file).resolve()
        if not path.parent.is_dir():
            raise BrokerUnavailable(f"BROKER_URL: the folder {path.parent} does not exist")
        # Opening a file costs next to nothing.
        return {
            "poolclass": NullPool,
            "creator": partial(_sqlite, path, options.answer_timeout),
        }
    # kombu keeps engines for the life of the process: a connection stays open between polls, and a
    # child of a fork makes its own.
    wanted: dict[str, Any] = {
        "pool_size": 1,
        "pool_timeout": options.answer_timeout,
        "pool_events": [(_note_process, "connect"), (_check_process, "checkout")],
    }
    if parsed.get_backend_name() in _LIMITED:
        wanted["creator"] = session_maker(
            url,
            LedgerOptions(connect_timeout=options.connect_timeout, keepalive=options.keepalive),
            SessionLimits(
                lock=_LOCK_TIMEOUT, statement=options.answer_timeout, idle=options.answer_timeout
            ),
            Given(name=config.name, password=_password(options)),
        )
    return wanted


def _password(options: BrokerOptions) -> PasswordSource | None:
    if options.password is None:
        return None
    return partial(current, options.password, "BROKER_OPTIONS", BrokerUnavailable)


def _note_process(_: object, record: Any) -> None:
    record.info["process"] = os.getpid()


def _check_process(_: object, record: Any, proxy: Any) -> None:
    """Leave a connection that was made before a fork to the parent, as SQLAlchemy advises.

    https://docs.sqlalchemy.org/en/20/core/pooling.html#pooling-multiprocessing
    """
    if record.info["process"] != os.getpid():
        record.dbapi_connection = proxy.dbapi_connection = None
        raise DisconnectionError("the connection belongs to the parent process")


def _sqlite(path: Path, busy: float) -> sqlite3.Connection:
    make_file(path)
    connection = sqlite3.connect(path, timeout=busy, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    # What a power cut takes from the broker, the sweep finds in the ledger.
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def database(url: str) -> URL:
    """Return the address of a database, without the prefix. Raises `BrokerUnavailable`."""
    try:
        return read_url(url)
    except ValueError as error:
        raise BrokerUnavailable(f"BROKER_URL: {error}") from error
