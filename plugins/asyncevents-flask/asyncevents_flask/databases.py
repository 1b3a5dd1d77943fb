"""Databases of Flask-SQLAlchemy as the ledger's. Nothing of it is imported: who uses it has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen
from flask import Flask
from sqlalchemy import Connection, Engine, inspect

from asyncevents_flask.current import current_application

Bound = Engine | Connection
"""An engine; in tests also a connection, which they have put in place of it."""
_EXTENSION: Final = "sqlalchemy"
_VERSION_TABLE: Final = "asyncevents_alembic_version"
_OF_SQLITE: Final = frozenset({"check_same_thread", "timeout", "detect_types", "isolation_level"})
"""connect_args that are about the application's own connections; the ledger's need none of them."""


@frozen
class Place:
    """A database of Flask-SQLAlchemy: one of its engines, by bind key; None is the default one."""

    engines: Mapping[str | None, Bound]
    key: str | None

    @property
    def bound(self) -> Bound:
        """What a session connects to."""
        return self.engines[self.key]

    @property
    def engine(self) -> Engine:
        """The engine behind it."""
        return self.bound.engine


def engines_of(app: Flask) -> Mapping[str | None, Bound] | None:
    """Return the engines of Flask-SQLAlchemy by bind key; None where the application has none."""
    database: Any = app.extensions.get(_EXTENSION)
    if database is None:
        return None
    found: Mapping[str | None, Bound]
    if current_application() is app:
        found = database.engines
    else:
        with app.app_context():
            found = database.engines
    return found


def is_in_memory(engine: Engine) -> bool:
    """Tell whether a database is SQLite's in memory, which no other connection can have."""
    url = engine.url
    if url.get_backend_name() != "sqlite":
        return False
    return url.database in {None, "", ":memory:"} or url.query.get("mode") == "memory"


def address_of(engine: Engine) -> str:
    """Return the address of a database as LEDGER_URL takes it, password included."""
    url = engine.url
    if "+" not in url.drivername and url.get_backend_name() != "sqlite":
        # The driver that the application has.
        url = url.set(drivername=f"{url.drivername}+{engine.driver}")
    return url.render_as_string(hide_password=False)


def left_out(app: Flask, engine: Engine) -> list[str]:
    """Return the names in connect_args that an address cannot say, so that workers lack them."""
    configured: list[object] = [app.config.get("SQLALCHEMY_ENGINE_OPTIONS")]
    configured += (app.config.get("SQLALCHEMY_BINDS") or {}).values()
    names: set[str] = set()
    for options in configured:
        if isinstance(options, Mapping):
            names |= set(options.get("connect_args") or {})
    if engine.url.get_backend_name() == "sqlite":
        names -= _OF_SQLITE
    return sorted(names)


def copy_into_memory(file: str, engine: Engine) -> None:
    """Copy the tables of a new ledger into a database that only this process can reach."""
    if inspect(engine).has_table(_VERSION_TABLE):
        return
    template = sqlite3.connect(file)
    try:
        script = "\n".join(template.iterdump())
    finally:
        template.close()
    borrowed = engine.raw_connection()
    try:
        driver: Any = borrowed.driver_connection
        driver.executescript(script)
    finally:
        borrowed.close()
