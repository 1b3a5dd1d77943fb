"""The settings module, loaded by its name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from typing import Final

from asyncevents_core.errors import SettingsError
from asyncevents_core.settings.environment import MODULE_VARIABLE
from asyncevents_core.settings.schema import Settings

_WITHIN: Final = "ASYNCEVENTS"
"""A name in a settings module whose value is a mapping of all settings."""


def load_settings(
    source: str | Mapping[str, object] | Settings | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of a module by its name, of a mapping, or as they are.

    None stands for the module that ASYNCEVENTS_SETTINGS_MODULE names. A module may have all
    settings in one mapping, ASYNCEVENTS, among settings of others; else they are its UPPERCASE
    names, and those that are no settings are left alone. The current folder is
    put on the import path, as ``python -m`` does, so that a module beside you is found.
    Raises `SettingsError`.
    """
    environ = os.environ if environ is None else environ
    if isinstance(source, Settings):
        return source
    if source is not None and not isinstance(source, str):
        return Settings.from_mapping(source, environ=environ)
    name = settings_module_name(source, environ=environ)
    if not name:
        raise SettingsError(
            [
                f"{MODULE_VARIABLE} is not set. `asyncevents init` writes a settings module; then: "
                f"export {MODULE_VARIABLE}=asyncevents_settings (or pass --settings)"
            ],
            origin="the environment",
        )
    values = _module_values(name)
    if isinstance(within := values.get(_WITHIN), Mapping):
        # A module of a framework, such as Django's, with all of ours under one name.
        origin = f"{_WITHIN} in {name}"
        return Settings.from_mapping(within, environ=environ, origin=origin)
    return Settings.from_mapping(
        values, environ=environ, origin=f"settings module {name}", others=True
    )


def settings_module_name(
    source: str | Mapping[str, object] | Settings | None,
    *,
    environ: Mapping[str, str] | None = None,
) -> str | None:
    """Return the name of the module that `load_settings` takes the settings from.

    None where they are a mapping, or where nothing names a module.
    """
    if source is not None and not isinstance(source, str):
        return None
    environ = os.environ if environ is None else environ
    return source or environ.get(MODULE_VARIABLE) or None


def _module_values(name: str) -> dict[str, object]:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise SettingsError([f"it fails at import: {error}"], origin=name) from error
        raise SettingsError(
            [
                f"there is no module {name!r} in {here} or on the import path. `asyncevents init` "
                f"writes one; {MODULE_VARIABLE} or --settings names it"
            ],
            origin="the environment",
        ) from error
    except Exception as error:
        raise SettingsError(
            [f"it fails at import: {type(error).__name__}: {error}"], origin=name
        ) from error
    return {key: value for key, value in vars(module).items() if key.isupper() and key[0] != "_"}
