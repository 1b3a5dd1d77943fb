"""What each new connection to a database is given when it is made, not when its engine is."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Engine
from sqlalchemy import event as listen
from sqlalchemy.engine import URL

from asyncevents_core.adapters.certificates import trusting
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.ports.passwords import PasswordSource, current

_SETTING: Final = "LEDGER_OPTIONS"
_LIBPQ: Final = frozenset({"psycopg", "psycopg2"})
_NAMED_BY: Final[Mapping[str, str]] = MappingProxyType(
    {
        # What the address or PGAPPNAME say goes before.
        "psycopg": "fallback_application_name",
        "psycopg2": "fallback_application_name",
        "pg8000": "application_name",
        # performance_schema.session_connect_attrs
        "pymysql": "program_name",
    }
)
"""The parameter of a driver's connect() by which operators know the connection."""


def unnamed() -> str:
    """Return the name of connections of which nobody said whose they are."""
    return "asyncevents"


@frozen(kw_only=True)
class Given:
    """What new connections get, asked for each time: a child of a fork has another name.

    `password` None: that of the address.
    """

    name: Callable[[], str] = unnamed
    password: PasswordSource | None = None

    @classmethod
    def by(cls, options: LedgerOptions, name: Callable[[], str]) -> Given:
        """Return what the ledger's connections get."""
        source = options.password
        return cls(
            name=name,
            password=None
            if source is None
            else partial(current, source, _SETTING, LedgerUnavailable),
        )

    def give(self, engine: Engine) -> None:
        """Give it to an engine's connections.

        To be called before anything that listens to `do_connect` connects by itself.
        """
        parameter = _NAMED_BY.get(engine.dialect.driver)
        named = False

        def give(_: object, __: object, ___: object, parameters: dict[str, Any]) -> None:
            nonlocal named
            # The mapping is the same for all connections: what is in it before ours is the user's.
            if parameter is not None and (named or parameter not in parameters):
                named = True
                parameters[parameter] = self.name()
            if self.password is not None:
                # mysqlclient knows it by both names.
                parameters.pop("passwd", None)
                parameters["password"] = self.password()

        listen.listen(engine, "do_connect", give)


NOTHING: Final = Given()
"""No name of its own, and the password of the address."""


def tls_arguments(url: URL, options: LedgerOptions) -> dict[str, Any]:
    """Return what a driver's connect() has to be told of TLS; nothing, if nothing is said.

    What the query of the URL says of it goes before. Raises `LedgerUnavailable` where a driver
    takes it from there only, or where files cannot be read.
    """
    if not options.says_tls or any(one.startswith("ssl") for one in url.query):
        return {}
    driver = url.get_driver_name()
    if driver in _LIBPQ:
        return _for_libpq(options)
    if driver == "pymysql":
        return {"ssl": _context(options)}
    raise LedgerUnavailable(
        f"{_SETTING}: TLS can be said here for psycopg, psycopg2 and PyMySQL; the driver {driver} "
        "takes it from the query of LEDGER_URL"
    )


def insist_on_tls(engine: Engine) -> None:
    """Refuse connections of PyMySQL without TLS, which it makes where the server has none."""

    def refuse(connection: Any, _: object) -> None:
        if not connection._secure:
            raise LedgerUnavailable(f"{_SETTING} want TLS, and the server has none")

    listen.listen(engine, "connect", refuse)


def _for_libpq(options: LedgerOptions) -> dict[str, Any]:
    # "system": those that OpenSSL trusts; without a word libpq looks for a file at home.
    trust = options.ca_certs or "system"
    wanted = {
        "sslmode": "verify-full" if options.verify_certificates else "require",
        "sslrootcert": trust if options.verify_certificates else None,
        "sslcert": options.client_cert,
        "sslkey": options.client_key or options.client_cert,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _context(options: LedgerOptions) -> ssl.SSLContext:
    context = trusting(
        ca_certs=options.ca_certs,
        client_cert=options.client_cert,
        client_key=options.client_key,
        setting=_SETTING,
        unavailable=LedgerUnavailable,
    )
    if not options.verify_certificates:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
