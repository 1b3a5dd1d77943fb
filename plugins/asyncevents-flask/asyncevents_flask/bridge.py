"""From an application's configuration to settings of asyncevents, and to its `AsyncEvents`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import Any, Final, cast

import attrs
from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from asyncevents_core import AsyncEvents, Settings
from asyncevents_core.errors import SettingsError
from asyncevents_flask.databases import (
    Place,
    address_of,
    copy_into_memory,
    engines_of,
    is_in_memory,
    left_out,
)
from asyncevents_flask.surroundings import Surroundings

logger = logging.getLogger("asyncevents.flask")

EXTENSION: Final = "asyncevents"
"""Where an application has its `Bridge`: ``app.extensions["asyncevents"]``."""
MODULE: Final = "asyncevents_flask.project"
"""The settings module of asyncevents that reads an application's: commands and workers have it."""
_NAME: Final = "ASYNCEVENTS"
_ORIGIN: Final = 'app.config["ASYNCEVENTS"]'
_LEDGER: Final = "LEDGER"
_LEDGER_URL: Final = "LEDGER_URL"
_URL_VARIABLE: Final = "ASYNCEVENTS_LEDGER_URL"
_MODULE_VARIABLE: Final = "ASYNCEVENTS_SETTINGS_MODULE"
_KNOWN: Final = frozenset(one.name.upper() for one in attrs.fields(Settings))


class Bridge:
    """What asyncevents is to one application: ``app.extensions["asyncevents"]``. Thread-safe."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._folder: str | None = None
        self.core = AsyncEvents(AppSettings(self), plugins=[Surroundings(app)])
        """The `AsyncEvents` of this application."""

    @cached_property
    def place(self) -> Place | None:
        """The database of Flask-SQLAlchemy that the ledger is in; None where it is elsewhere.

        Raises `SettingsError`.
        """
        given = self._given()
        if _LEDGER not in given and (_LEDGER_URL in given or _URL_VARIABLE in os.environ):
            return None
        engines = engines_of(self._app)
        if engines is None:
            if _LEDGER not in given:
                return None
            raise _mistake(
                f"{_LEDGER}: it names a bind key of Flask-SQLAlchemy, which this application does "
                f"not have; give {_LEDGER_URL} instead, or call db.init_app(app)"
            )
        key = given.get(_LEDGER)
        if key not in engines:
            known = ", ".join(repr(one) for one in engines)
            raise _mistake(
                f"{_LEDGER}: Flask-SQLAlchemy has no bind key {key!r}; it has {known}. None is the "
                "one of SQLALCHEMY_DATABASE_URI"
            )
        return Place(engines=engines, key=cast("str | None", key))

    def session(self) -> Session:
        """Return the session of this context. Only where there is a `place`."""
        session: Session = self._app.extensions["sqlalchemy"].session()
        return session

    def transaction(self) -> Session | Connection:
        """Return what events join in this context. Only where there is a `place`.

        Raises what the database does where it cannot be reached.
        """
        session, place = self.session(), self.place
        if place is None or place.key is None:
            return session
        return session.connection(bind_arguments={"bind": place.bound})

    def values(self) -> dict[str, object]:
        """Return the settings as `AsyncEvents` takes them. Raises `SettingsError`."""
        values: dict[str, object] = {**_secret_keys(self._app), **self._given()}
        if self.place is not None:
            values[_LEDGER_URL] = self._address(self.place, values)
        values.pop(_LEDGER, None)
        if self._app.testing:
            # Nobody else's worker is to hear of what a test publishes, unless a variable says so.
            values["BROKER_URL"] = f"sqla+sqlite:///{self.folder}/broker.db"
        return values

    def upgrade(self) -> str:
        """Make the ledger's tables, or bring them up to date; return their revision."""
        revision = self.core.upgrade()
        if self.place is not None and is_in_memory(self.place.engine):
            copy_into_memory(f"{self.folder}/ledger.db", self.place.engine)
        return revision

    @property
    def folder(self) -> str:
        """A folder for what only tests of this process need; removed with the application."""
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="asyncevents-flask-")
                weakref.finalize(self, _remove, self._folder, os.getpid())
            return self._folder

    def _address(self, place: Place, given: Mapping[str, object]) -> str:
        for also in (_LEDGER_URL, _URL_VARIABLE):
            if also in given or also in os.environ:
                raise _mistake(
                    f"{also}: {_LEDGER} names the database already, and events join its "
                    "transactions; give one of the two"
                )
        engine = place.engine
        if is_in_memory(engine):
            if not self._app.testing:
                raise _mistake(
                    f"{_LEDGER}: the ledger needs a file, since workers share it, not "
                    f"{engine.url.render_as_string()}"
                )
            # Never written to: events are written through the one connection that has the database.
            # The framework looks at the revision of the schema, and finds it here.
            return f"sqlite:///{self.folder}/ledger.db"
        if "LEDGER_OPTIONS" not in given and (names := left_out(self._app, engine)):
            logger.warning(
                "the ledger is connected to without connect_args of Flask-SQLAlchemy: say in "
                "LEDGER_OPTIONS what it needs",
                extra={"connect_args": ", ".join(names)},
            )
        return address_of(engine)

    def _given(self) -> Mapping[str, object]:
        given = self._app.config.get(_NAME)
        if given is None:
            named = os.environ.get(_MODULE_VARIABLE)
            given = {} if named in {None, "", MODULE} else named
        if isinstance(given, str):
            return _of_module(given)
        if not isinstance(given, Mapping):
            raise SettingsError(
                [
                    f"{_NAME}: it is a mapping of settings, or the name of a settings module, not "
                    f"{type(given).__name__}"
                ],
                origin="app.config",
            )
        return given


class AppSettings(Mapping[str, object]):
    """The settings of an application, read at their first use: by then it is configured."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def __getitem__(self, name: str) -> object:
        return self._bridge.values()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._bridge.values())

    def __len__(self) -> int:
        return len(self._bridge.values())

    def items(self) -> Any:
        """Return all of them, read once."""
        return self._bridge.values().items()


def bridge_of(app: Flask) -> Bridge:
    """Return the bridge of an application. Raises RuntimeError where it has none."""
    found: Bridge | None = app.extensions.get(EXTENSION)
    if found is None:
        raise RuntimeError(
            f"{app!r} has no asyncevents: call events.init_app(app) where it is made"
        )
    return found


def _remove(folder: str, owner: int) -> None:
    # A child that was forked ends before its parent.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _of_module(name: str) -> dict[str, object]:
    """Return the settings of a module; among others, it may have them in one mapping."""
    try:
        values = vars(import_module(name))
    except Exception as error:
        raise SettingsError(
            [f"it fails at import: {type(error).__name__}: {error}"], origin=name
        ) from error
    within = values.get(_NAME)
    if isinstance(within, Mapping):
        return dict(within)
    return {key: value for key, value in values.items() if key in _KNOWN or key == _LEDGER}


def _secret_keys(app: Flask) -> dict[str, object]:
    """Return SECRET_KEYS of SECRET_KEY and its fallbacks, which rotate as these do."""
    known = [app.config.get("SECRET_KEY"), *(app.config.get("SECRET_KEY_FALLBACKS") or ())]
    keys = [one.encode() if isinstance(one, str) else bytes(one) for one in known if one]
    digests = (hmac.new(one, b"asyncevents_flask SECRET_KEYS", hashlib.sha256) for one in keys)
    made = [base64.urlsafe_b64encode(one.digest()).decode() for one in digests]
    return {"SECRET_KEYS": made} if made else {}


def _mistake(text: str) -> SettingsError:
    return SettingsError([text], origin=_ORIGIN)
