"""Addresses of databases as people have them, read as SQLAlchemy's; what cannot work is said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from asyncevents_core.domain.addresses import masked

_DRIVERS: Final[Mapping[str, str]] = MappingProxyType(
    {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
)
"""The drivers that the extras bring, where an address names none."""
_ASYNCHRONOUS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aiomysql": "mysql+pymysql",
        "aiosqlite": "sqlite",
        "asyncmy": "mysql+pymysql",
        "asyncpg": "postgresql+psycopg",
        "psycopg_async": "postgresql+psycopg",
    }
)
"""Drivers for SQLAlchemy's asyncio, and what to write instead."""
_SCHEME: Final = re.compile(r"postgres(?=[+:])")
# What libpq takes: several hosts, each with its port.
_HOSTS: Final = re.compile(
    r"(?P<before>[^/]+://(?:[^/@]*@)?)(?P<hosts>[^/?#@]*,[^/?#@]*)(?P<after>(?:[/?#].*)?)"
)


def read_url(text: str) -> URL:
    """Return the address of a database. Raises ValueError, which says what to write.

    ``postgres://`` is PostgreSQL; ``postgresql://a:5432,b:5432/shop`` are several hosts, of which
    libpq takes the first that can be reached.
    """
    text = _SCHEME.sub("postgresql", text, count=1)
    hosts: list[str] = []
    if found := _HOSTS.fullmatch(text):
        hosts = found["hosts"].split(",")
        text = found["before"] + found["after"]
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Their texts quote the address.
        raise ValueError(
            "it is not an address of a database, such as "
            f"postgresql://user:password@host/name: {masked(text)}"
        ) from None
    backend, _, driver = url.drivername.partition("+")
    if driver in _ASYNCHRONOUS:
        raise ValueError(
            f"{driver} is a driver for asyncio, and the ledger waits on threads of its "
            f"own: write {_ASYNCHRONOUS[driver]}://…"
        )
    if not driver and backend in _DRIVERS:
        url = url.set(drivername=f"{backend}+{_DRIVERS[backend]}")
    if not hosts:
        return url
    if backend != "postgresql":
        raise ValueError("it names several hosts, which only PostgreSQL has")
    return url.update_query_dict({"host": [_with_port(one) for one in hosts]})


def _with_port(host: str) -> str:
    return host if ":" in host.rpartition("]")[2] else f"{host}:5432"
