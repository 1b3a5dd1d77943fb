"""The settings module, loaded by its name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping

from asyncevents_core.errors import SettingsError
from asyncevents_core.settings.environment import MODULE_VARIABLE
from asyncevents_core.settings.schema import Settings


def load_settings(
    source: str | Mapping[str, object] | Settings | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of a module by its name, of a mapping, or as they are.

    None stands for the module that ASYNCEVENTS_SETTINGS_MODULE names. The current folder is
    put on the import path, as ``python -m`` does, so that a module beside you is found.
    Raises `SettingsError`.
    """
    environ = os.environ if environ is None else environ
    if isinstance(source, Settings):
        return source
    if source is not None and not isinstance(source, str):
        return Settings.from_mapping(source, environ=environ)
    name = source or environ.get(MODULE_VARIABLE)
    if not name:
        raise SettingsError(
            [
                f"{MODULE_VARIABLE} is not set. `asyncevents init` writes a settings module; then: "
                f"export {MODULE_VARIABLE}=asyncevents_settings (or pass --settings)"
            ],
            origin="the environment",
        )
    values = _module_values(name)
    return Settings.from_mapping(values, environ=environ, origin=f"settings module {name}")


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
