"""A database of Django as the ledger's address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

_SUPPORTED: Final = ("postgresql", "mysql", "sqlite")
_OF_DJANGO: Final = {
    "postgresql": frozenset(
        {"isolation_level", "pool", "prepare_threshold", "server_side_binding", "client_encoding"}
    ),
    "mysql": frozenset({"charset", "isolation_level", "sql_mode"}),
    "sqlite": frozenset({"timeout", "transaction_mode", "init_command"}),
}
"""OPTIONS that are about Django's own connections; the ledger's have LEDGER_OPTIONS."""
_TLS_OF_MYSQL: Final = {"ca": "ssl_ca", "cert": "ssl_cert", "key": "ssl_key"}


def is_in_memory(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether a database is SQLite's in memory, which no other connection can have."""
    return connection.vendor == "sqlite" and bool(connection.is_in_memory_db())


def url_of(connection: BaseDatabaseWrapper) -> str:
    """Return the address of a database as LEDGER_URL takes it, password included.

    Raises ValueError, which says what the ledger cannot do with this one.
    """
    # Here, since every manage.py imports this module, and few need an address.
    from sqlalchemy.engine import URL

    if connection.vendor not in _SUPPORTED:
        raise ValueError(
            f"the ledger can be on PostgreSQL, MySQL, MariaDB and SQLite, not on "
            f"{connection.vendor}: name another alias, or LEDGER_URL instead"
        )
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return URL.create("sqlite", database=str(known["NAME"])).render_as_string()
    driver = str(connection.Database.__name__)
    query = dict(_query(connection.vendor, known.get("OPTIONS", {})))
    host = str(known.get("HOST") or "")
    if host.startswith("/"):
        # A folder with libpq's socket, or a socket of MySQL.
        query["host" if connection.vendor == "postgresql" else "unix_socket"] = host
        host = ""
    port = known.get("PORT")
    return URL.create(
        f"{connection.vendor}+{driver.lower()}",
        username=known.get("USER") or None,
        password=known.get("PASSWORD") or None,
        host=host or None,
        port=int(port) if port else None,
        database=str(known["NAME"]) if known.get("NAME") else None,
        query=query,
    ).render_as_string(hide_password=False)


def left_out(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the OPTIONS that an address cannot say, so that workers connect without them."""
    options = known_options(connection)
    said = dict(_query(connection.vendor, options))
    ssl = options.get("ssl")
    through_tls = isinstance(ssl, Mapping) and set(ssl) <= set(_TLS_OF_MYSQL)
    return sorted(
        name
        for name in options
        if name not in said
        and name not in _OF_DJANGO.get(connection.vendor, ())
        and not (name == "ssl" and through_tls)
    )


def known_options(connection: BaseDatabaseWrapper) -> Mapping[str, Any]:
    """Return OPTIONS of a database, empty where there are none."""
    options: Mapping[str, Any] = connection.settings_dict.get("OPTIONS") or {}
    return options


def _query(vendor: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what drivers take from the query of an address as Django gives it to them."""
    for name, value in options.items():
        if name in _OF_DJANGO[vendor] or name == "assume_role":
            continue
        if name == "ssl" and isinstance(value, Mapping):
            for key, file in value.items():
                if key in _TLS_OF_MYSQL:
                    yield _TLS_OF_MYSQL[key], str(file)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            yield name, str(value)
