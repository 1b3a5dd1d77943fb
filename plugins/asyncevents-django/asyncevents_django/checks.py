"""What `manage.py check` says of ASYNCEVENTS and of models that publish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from django.apps import apps
from django.core.checks import CheckMessage, Error, Warning
from django.db import connections, models

from asyncevents_core.errors import AsyncEventsError, SettingsError
from asyncevents_django.bridge import Bridge, bridge
from asyncevents_django.databases import is_in_memory, left_out
from asyncevents_django.on_models import publications_of

_SETTINGS: Final = "asyncevents.E001"
_EVENTS: Final = "asyncevents.E002"
_UNKNOWN_EVENT: Final = "asyncevents.E003"
_LEFT_OUT: Final = "asyncevents.W001"
_NOT_JOINED: Final = "asyncevents.W002"
_OTHER_DATABASE: Final = "asyncevents.W003"


def check_settings(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Name every mistake in ASYNCEVENTS, and in the events that it leads to."""
    bridged = bridge()
    try:
        runtime = bridged.events.runtime
    except SettingsError as error:
        return [Error(f"ASYNCEVENTS: {one}", id=_SETTINGS) for one in error.problems]
    except AsyncEventsError as error:
        return [Error(f"ASYNCEVENTS: {error}", id=_SETTINGS)]
    try:
        names = {one.name for one in runtime.catalog}
    except SettingsError as error:
        return [Error(one, id=_EVENTS) for one in error.problems]
    except AsyncEventsError as error:
        return [Error(str(error), id=_EVENTS)]
    return [*_unknown_events(names), *_about_database(bridged)]


def _unknown_events(names: set[str]) -> Iterator[CheckMessage]:
    for model in apps.get_models():
        for one in publications_of(model):
            if one.name not in names:
                yield Error(
                    f"@publishes({one.name!r}): there is no such event",
                    hint='Define it: ASYNCEVENTS = {"EVENTS": {…}}, or @event in EVENT_MODULES.',
                    obj=model,
                    id=_UNKNOWN_EVENT,
                )


def _about_database(bridged: Bridge) -> Iterator[CheckMessage]:
    alias = bridged.alias
    if alias is None:
        yield Warning(
            "ASYNCEVENTS: with LEDGER_URL, events are committed on their own, and are not part of "
            "Django's transactions",
            hint='Name the database of your models instead: "LEDGER": "default".',
            id=_NOT_JOINED,
        )
        return
    connection = connections[alias]
    if not is_in_memory(connection) and (names := left_out(connection)):
        yield Warning(
            f"DATABASES[{alias!r}]: workers connect without these OPTIONS: {', '.join(names)}",
            hint="Use what a URL of SQLAlchemy can say, or LEDGER_OPTIONS for TLS and time limits.",
            id=_LEFT_OUT,
        )
    yield from _elsewhere(alias)


def _elsewhere(alias: str) -> Iterator[CheckMessage]:
    from django.db import router

    for model in apps.get_models():
        if publications_of(model) and (written := _written_to(router, model)) != alias:
            yield Warning(
                f"its rows are in {written!r}, and its events in {alias!r}: an event stays if the "
                "row is rolled back",
                hint=f'"LEDGER": "{written}"',
                obj=model,
                id=_OTHER_DATABASE,
            )


def _written_to(router: Any, model: type[models.Model]) -> str:
    return str(router.db_for_write(model))


CHECKS: Final[Sequence[Callable[..., list[CheckMessage]]]] = (check_settings,)
