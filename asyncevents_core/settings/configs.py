"""The configuration of what plugins bring: from SINKS and INDEXERS."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Final, TypeVar

from asyncevents_core.errors import SettingsError
from asyncevents_core.ports.indexer import IndexerType
from asyncevents_core.ports.sink import SinkType
from asyncevents_core.settings.schema import DEFAULT, Settings
from asyncevents_core.structuring import structure

T = TypeVar("T")


_EMBEDDED: Final = "embedded"


_SEARCH_LIBRARIES: Final = ("tantivy", "luqum")


def sink_config(settings: Settings, kind: SinkType[T]) -> T:
    """Return the configuration of a sink from SINKS. Raises `SettingsError`."""
    return _configured(settings, "SINKS", settings.sinks, kind.name, kind.config_class)


def resolved_indexer(settings: Settings) -> str | None:
    """Return the name of the indexer in use; None where nothing is indexed.

    An INDEXER that nobody set stands for `embedded` where the extra `search` is installed, else
    for none; ``INDEXER = None`` is off. `Settings.origins` tells these apart.
    """
    if settings.indexer is not None or settings.origins.get("INDEXER", DEFAULT) != DEFAULT:
        return settings.indexer
    installed = all(importlib.util.find_spec(name) is not None for name in _SEARCH_LIBRARIES)
    return _EMBEDDED if installed else None


def why_off(settings: Settings) -> str:
    """Say why there is no indexer, and what to do, for one whose `resolved_indexer` is None."""
    if settings.origins.get("INDEXER", DEFAULT) == DEFAULT:
        return "pip install 'asyncevents-core[search]', or name an INDEXER"
    return f"INDEXER is None in {settings.origins['INDEXER']}"


def indexer_config(settings: Settings, kind: IndexerType[T]) -> T:
    """Return the configuration of an indexer from INDEXERS. Raises `SettingsError`."""
    return _configured(settings, "INDEXERS", settings.indexers, kind.name, kind.config_class)


def _configured(
    settings: Settings,
    setting: str,
    options: Mapping[str, Mapping[str, object]],
    name: str,
    config_class: type[T],
) -> T:
    problems: list[str] = []
    path = f"{setting}[{name!r}]"
    config = structure(config_class, options.get(name, {}), path, problems)
    if config is None or problems:
        raise SettingsError(problems, origin=settings.origins.get(setting, "the settings"))
    return config
