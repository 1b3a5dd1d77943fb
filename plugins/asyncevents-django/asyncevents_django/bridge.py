"""From Django's settings to those of asyncevents, and to the one `AsyncEvents` of the process."""

from __future__ import annotations

import base64
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from django.apps import apps
from django.conf import settings
from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.crypto import salted_hmac

from asyncevents_core import AsyncEvents, Settings
from asyncevents_core.errors import SettingsError
from asyncevents_django.databases import is_in_memory, url_of

LABEL: Final = "asyncevents_django"
MODULE: Final = "asyncevents_django.project"
"""The settings module of asyncevents that reads Django's: every command and worker has it."""
_NAME: Final = "ASYNCEVENTS"
_ORIGIN: Final = "ASYNCEVENTS of Django's settings"
_LEDGER: Final = "LEDGER"
_LEDGER_URL: Final = "LEDGER_URL"
_VARIABLE: Final = "ASYNCEVENTS_LEDGER_URL"
_BROKER_VARIABLE: Final = "ASYNCEVENTS_BROKER_URL"


class Bridge:
    """What ASYNCEVENTS of Django's settings says. One for each process; thread-safe.

    `at_start` are the names of the databases as the settings say: one that has another name by now
    is a test's.
    """

    def __init__(self, at_start: Mapping[str, object]) -> None:
        self._at_start = dict(at_start)
        self._lock = threading.RLock()
        self._events: AsyncEvents | None = None
        self._made_for: object = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def alias(self) -> str | None:
        """The database that the ledger is in; None where LEDGER_URL names one of its own.

        Raises `SettingsError`.
        """
        given = _given()
        if _LEDGER not in given and (_LEDGER_URL in given or _VARIABLE in os.environ):
            return None
        alias = given.get(_LEDGER, DEFAULT_DB_ALIAS)
        if alias not in connections.databases:
            known = ", ".join(sorted(connections.databases))
            raise SettingsError(
                [f"{_LEDGER}: there is no database {alias!r} in DATABASES; there are {known}"],
                origin=_ORIGIN,
            )
        return cast("str", alias)

    @property
    def events(self) -> AsyncEvents:
        """The application object on these settings, made anew when they or the database change.

        Raises `SettingsError`.
        """
        alias = self.alias
        wanted = (alias, alias and connections[alias].settings_dict["NAME"])
        with self._lock:
            if self._events is None or self._made_for != wanted:
                self.close()
                self._events, self._made_for = self._made(alias), wanted
            return self._events

    def _made(self, alias: str | None) -> AsyncEvents:
        if alias is None or not self.is_of_tests(alias):
            # By its name, so that the ledger of a settings module is protected in tests.
            return AsyncEvents(MODULE)
        environ = {name: value for name, value in os.environ.items() if name != _BROKER_VARIABLE}
        return AsyncEvents(Settings.from_mapping(self.values(), environ=environ, origin=_ORIGIN))

    def values(self) -> dict[str, object]:
        """Return the settings as `AsyncEvents` takes them. Raises `SettingsError`."""
        values = {"SECRET_KEYS": _secret_keys(), **_given()}
        alias = self.alias
        if alias is None:
            return values
        values.pop(_LEDGER, None)
        for other, where in ((_LEDGER_URL in values, ""), (_VARIABLE in os.environ, _VARIABLE)):
            if other:
                raise SettingsError(
                    [
                        f"{where or _LEDGER_URL}: {_LEDGER} names the database already, and events "
                        "join its transactions; give one of the two"
                    ],
                    origin=_ORIGIN,
                )
        connection = connections[alias]
        if is_in_memory(connection):
            values[_LEDGER_URL] = self._template_url(alias, connection)
        else:
            try:
                values[_LEDGER_URL] = url_of(connection)
            except ValueError as error:
                raise SettingsError([f"{_LEDGER} ({alias}): {error}"], origin=_ORIGIN) from error
        if self.is_of_tests(alias):
            values.setdefault("LEDGER_IN_TESTS", True)
            # Nobody else's worker is to hear of what a test publishes.
            values["BROKER_URL"] = f"sqla+sqlite:///{self.folder}/broker.db"
        return values

    def is_of_tests(self, alias: str) -> bool:
        """Tell whether Django has put a test database in place of this one."""
        return bool(connections[alias].settings_dict["NAME"] != self._at_start.get(alias))

    @property
    def folder(self) -> str:
        """A folder for what only this process needs; removed when it ends."""
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="asyncevents-django-")
            return self._folder.name

    def close(self) -> None:
        """Hand over what waits and close connections. Idempotent; publishing opens them again."""
        with self._lock:
            events, self._events = self._events, None
        if events is not None:
            events.close()

    def _template_url(self, alias: str, connection: BaseDatabaseWrapper) -> str:
        """Return the address of a ledger that is never written to, for one that is in memory.

        Events are written through Django's connection, the only one that can have such a database;
        the framework looks at the revision of the schema, and finds it here.
        """
        if not self.is_of_tests(alias):
            raise SettingsError(
                [
                    f"{_LEDGER} ({alias}): the ledger needs a file, since workers share it, not "
                    f"{connection.settings_dict['NAME']}"
                ],
                origin=_ORIGIN,
            )
        return f"sqlite:///{self.folder}/ledger.db"


class BridgedSettings(Mapping[str, object]):
    """ASYNCEVENTS of Django's settings, read each time: tests change settings and databases."""

    def __getitem__(self, name: str) -> object:
        return bridge().values()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(bridge().values())

    def __len__(self) -> int:
        return len(bridge().values())

    def items(self) -> Any:
        """Return all of them, read once."""
        return bridge().values().items()


def bridge() -> Bridge:
    """Return the bridge of this process. Raises ImproperlyConfigured where there is none yet."""
    try:
        config: Any = apps.get_app_config(LABEL)
    except LookupError:
        raise ImproperlyConfigured(
            f'asyncevents_django is used, and not installed: INSTALLED_APPS += ["{LABEL}"]'
        ) from None
    found: Bridge | None = config.bridge
    if found is None:
        raise AppRegistryNotReady(
            "asyncevents is used while Django is still being set up: publish from AppConfig.ready()"
            " on, not where modules are imported"
        )
    return found


def events() -> AsyncEvents:
    """Return the `AsyncEvents` of this process: subscriptions, traces, workers, its runtime.

    Do not keep it: settings and databases change in tests, and it with them. To publish, use
    `asyncevents_django.publish`, which joins transactions. Raises `SettingsError`.
    """
    return bridge().events


def _secret_keys() -> list[str]:
    """Return keys of SECRET_KEY and its fallbacks, which rotate as these do."""
    known = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = (salted_hmac(LABEL, "SECRET_KEYS", secret=one, algorithm="sha256") for one in known)
    return [base64.urlsafe_b64encode(one.digest()).decode() for one in digests]


def _given() -> Mapping[str, object]:
    given = getattr(settings, _NAME, {})
    if not isinstance(given, Mapping):
        raise SettingsError(
            [f"{_NAME}: it is a mapping of settings, not {type(given).__name__}"],
            origin="Django's settings",
        )
    return given
