"""The event definitions: from EVENTS, from functions marked with @event, from plugins."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.marked import MarkedService
from asyncevents_core.errors import DuplicateEvent, SettingsError, UnknownEvent
from asyncevents_core.plugin_registry import PluginSet
from asyncevents_core.settings.schema import Settings

logger = logging.getLogger("asyncevents.catalog")


class EventCatalog:
    """The known events by name. Immutable, thread-safe.

    `duplicates` are names that are defined twice, with what there is to say: they are not there.
    """

    def __init__(
        self,
        definitions: Iterable[EventDefinition],
        duplicates: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._definitions = {one.name: one for one in definitions if one.name not in duplicates}
        self.duplicates = duplicates

    def __iter__(self) -> Iterator[EventDefinition]:
        for name in self.names():
            yield self._definitions[name]

    def __len__(self) -> int:
        return len(self._definitions)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._definitions)

    @property
    def resources(self) -> frozenset[str]:
        """All resources that events require of those who subscribe to them."""
        return frozenset(one for known in self for one in known.resources)

    def get(self, name: str) -> EventDefinition:
        """Return the definition.

        Raises `UnknownEvent` with close matches, `DuplicateEvent` for one of the duplicates.
        """
        try:
            return self._definitions[name]
        except KeyError:
            if name in self.duplicates:
                raise DuplicateEvent(name, self.duplicates[name]) from None
            raise UnknownEvent(name, known=self._definitions) from None


def collect_events(settings: Settings, plugins: PluginSet) -> EventCatalog:
    """Collect all definitions.

    Raises `SettingsError` where the application defines a name in two places, an event module
    cannot be imported or a marked name is not an event name: all mistakes at once. A plugin that
    defines a name again costs that name only.
    """
    problems: list[str] = []
    found: dict[str, EventDefinition] = {}
    for definition in _own(settings, problems):
        other = found.setdefault(definition.name, definition)
        if other is not definition:
            problems.append(_twice(other, definition))
    if problems:
        raise SettingsError(problems, origin="the event definitions")
    duplicates: dict[str, str] = {}
    for definition in _of_plugins(plugins):
        other = found.setdefault(definition.name, definition)
        if other is not definition:
            text = _twice(other, definition)
            duplicates[definition.name] = f"{text}: name one of them in PLUGINS_BLOCKED"
            logger.error("an event cannot be used", extra={"error": duplicates[definition.name]})
    return EventCatalog(found.values(), duplicates)


def _twice(first: EventDefinition, second: EventDefinition) -> str:
    return f"event {first.name!r} is defined twice: in {first.origin} and in {second.origin}"


def _own(settings: Settings, problems: list[str]) -> Iterator[EventDefinition]:
    for name, setting in settings.events.items():
        yield EventDefinition(
            name=name,
            service=setting.service,
            concurrency=setting.concurrency,
            resources=setting.resources,
            title=setting.title,
            origin="EVENTS",
        )
    for module_name in settings.event_modules:
        try:
            module = importlib.import_module(module_name)
        except Exception as error:
            problems.append(
                f"EVENT_MODULES: {module_name} cannot be imported: {type(error).__name__}: {error}"
            )
            continue
        yield from _marked(module, problems)


def _of_plugins(plugins: PluginSet) -> Iterator[EventDefinition]:
    for registered in plugins.events:
        definition = registered.value
        yield EventDefinition(
            name=definition.name,
            service=definition.service,
            concurrency=definition.concurrency,
            resources=definition.resources,
            title=definition.title,
            origin=str(registered.source),
        )


def _marked(module: ModuleType, problems: list[str]) -> Iterator[EventDefinition]:
    """Find what is marked in a module and in its classes; imported names are left alone."""
    for attribute, value in sorted(vars(module).items()):
        if inspect.isclass(value) and value.__module__ == module.__name__:
            for method, inner in sorted(vars(value).items()):
                yield from _definition(module, f"{attribute}.{method}", inner, problems)
        else:
            yield from _definition(module, attribute, value, problems)


def _definition(
    module: ModuleType, path: str, value: Any, problems: list[str]
) -> Iterator[EventDefinition]:
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if not isinstance(value, MarkedService) or value.function.__module__ != module.__name__:
        return
    service = f"{module.__name__}:{path}"
    try:
        yield EventDefinition(
            name=value.event_name,
            service=service,
            concurrency=value.concurrency,
            resources=value.resources,
            title=value.title,
            origin=service,
        )
    except ValueError as error:
        problems.append(f"{service}: {value.event_name!r} is not an event name: {error.args[0]}")
