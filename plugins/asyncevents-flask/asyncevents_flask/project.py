"""The settings module of asyncevents in an application of Flask: it reads ASYNCEVENTS there.

`flask asyncevents` uses it. Without `flask`, where worker processes share memory::

    FLASK_APP=shop:create_app asyncevents --settings asyncevents_flask.project worker

The application is the one of the current context; else it is found as `flask` finds it, by
FLASK_APP, or as wsgi.py or app.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import click
from flask import Flask
from flask.cli import ScriptInfo, load_dotenv

from asyncevents_core.errors import SettingsError
from asyncevents_flask.bridge import MODULE, bridge_of
from asyncevents_flask.current import current_application
from asyncevents_flask.surroundings import Surroundings

_PLUGINS: Final = "PLUGINS"


class ProjectSettings(Mapping[str, object]):
    """ASYNCEVENTS of an application, with the context around services."""

    def __getitem__(self, name: str) -> object:
        return self._values()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def items(self) -> Any:
        """Return all of them, read once."""
        return self._values().items()

    def _values(self) -> dict[str, object]:
        try:
            values = bridge_of(_app()).values()
        except RuntimeError as error:
            raise SettingsError([str(error)], origin=MODULE) from error
        named = values.get(_PLUGINS, ())
        # What is no list of names is said by whoever reads the settings.
        if isinstance(named, Sequence) and not isinstance(named, str):
            values[_PLUGINS] = [*named, f"{MODULE}:plugin"]
        return values


ASYNCEVENTS = ProjectSettings()


def __getattr__(name: str) -> object:
    if name == "plugin":
        return Surroundings(_app())
    raise AttributeError(f"module {MODULE!r} has no attribute {name!r}")


def _app() -> Flask:
    return current_application() or _found()


@cache
def _found() -> Flask:
    """Find the application of this process, as `flask` does. Raises `SettingsError`."""
    load_dotenv()
    try:
        return ScriptInfo(app_import_path=os.environ.get("FLASK_APP")).load_app()
    except click.UsageError as error:
        raise SettingsError([error.format_message()], origin="FLASK_APP") from error
