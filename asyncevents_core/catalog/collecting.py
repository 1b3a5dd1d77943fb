"""Collecting the event definitions, and what checks data by their schemas."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from attrs import evolve

from asyncevents_core.adapters.json_schemas import compile_schema
from asyncevents_core.catalog.event_catalog import EventCatalog
from asyncevents_core.catalog.schema_sources import schema_from, schema_of_service
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.marked import MarkedService
from asyncevents_core.domain.payload import from_json, to_json
from asyncevents_core.domain.schemas.given import checked_schema
from asyncevents_core.errors import InvalidPayload, MissingExtra, SettingsError
from asyncevents_core.plugin_registry import PluginSet
from asyncevents_core.ports.schema_check import SchemaCheck
from asyncevents_core.settings.configs import EventSchemas, event_schemas
from asyncevents_core.settings.schema import EventSetting, Settings

logger = logging.getLogger("asyncevents.catalog")


def collect_events(settings: Settings, plugins: PluginSet) -> EventCatalog:
    """Collect all definitions.

    Raises `SettingsError` where the application defines a name in two places, an event module
    cannot be imported, a marked name is not an event name or a schema is wrong: all mistakes at
    once. A plugin that defines a name again, or with a wrong schema, costs that name only. Raises
    `MissingExtra` where EVENT_SCHEMAS wants data to be checked, and nothing is installed for it.
    """
    return _Collection(event_schemas(settings)).collected(settings, plugins)


class _Collection:
    """What is collected, and what is wrong with it."""

    def __init__(self, mode: EventSchemas) -> None:
        self._mode = mode
        self._found: dict[str, EventDefinition] = {}
        self._problems: list[str] = []
        self._duplicates: dict[str, str] = {}
        self._unusable: dict[str, str] = {}
        self._checks: dict[str, SchemaCheck] = {}
        self._undescribed: dict[str, str] = {}

    def collected(self, settings: Settings, plugins: PluginSet) -> EventCatalog:
        """Return the catalogue of all there is."""
        for definition in self._own(settings):
            other = self._found.setdefault(definition.name, definition)
            if other is not definition:
                self._problems.append(_twice(other, definition))
            elif mistake := self._prepare(definition):
                self._problems.append(mistake)
        if self._problems:
            raise SettingsError(self._problems, origin="the event definitions")
        for registered in plugins.events:
            # The framework's own come by a plugin, too, which is nobody's concern.
            own = registered.value.is_operational
            definition = evolve(
                registered.value, origin="asyncevents" if own else str(registered.source)
            )
            other = self._found.setdefault(definition.name, definition)
            if other is not definition:
                text = f"{_twice(other, definition)}: name one of them in PLUGINS_BLOCKED"
                self._duplicates[definition.name] = text
            elif mistake := self._prepare(definition):
                self._unusable[definition.name] = text = mistake
            else:
                continue
            logger.error("an event cannot be used", extra={"error": text})
        return EventCatalog(
            self._found.values(),
            self._duplicates,
            unusable=self._unusable,
            checks=self._checks,
            undescribed=self._undescribed,
        )

    def _prepare(self, definition: EventDefinition) -> str | None:
        """Make examples and schema of a definition plain, and what checks by it.

        Returns a mistake.
        """
        where = f"event {definition.name!r}, in {definition.origin}"
        examples: list[Any] = []
        for number, example in enumerate(definition.examples, 1):
            try:
                examples.append(from_json(to_json(example)))
            except InvalidPayload as error:
                return f"{where}: example {number}: {error}"
        schema: Mapping[str, Any] | None = None
        if definition.schema is not None:
            try:
                schema = checked_schema(definition.schema)
                # What the framework itself tells needs no check, and no library for it.
                if self._mode != "off" and not definition.is_operational:
                    self._checks[definition.name] = compile_schema(schema)
            except ValueError as error:
                return f"{where}: its schema: {error}"
            except MissingExtra as error:
                what = f"EVENT_SCHEMAS = {self._mode!r}, with the schema of {definition.name!r},"
                raise MissingExtra(what, extra="schemas") from error
        self._found[definition.name] = evolve(definition, schema=schema, examples=examples)
        return None

    def _own(self, settings: Settings) -> Iterator[EventDefinition]:
        for name, setting in settings.events.items():
            try:
                yield _of_setting(name, setting)
            except ValueError as error:
                self._problems.append(f"EVENTS[{name!r}]: {error.args[0]}")
        for module_name in settings.event_modules:
            try:
                module = importlib.import_module(module_name)
            except Exception as error:
                self._problems.append(
                    f"EVENT_MODULES: {module_name} cannot be imported: "
                    f"{type(error).__name__}: {error}"
                )
                continue
            for path, marked in _marked(module):
                yield from self._of_marked(f"{module.__name__}:{path}", marked)

    def _of_marked(
        self, service: str, marked: MarkedService[..., Any]
    ) -> Iterator[EventDefinition]:
        marks = marked.marks
        try:
            # Its name first, which is what the other mistakes are told with.
            named = EventDefinition(name=marked.event_name, service=service, origin=service)
        except ValueError as error:
            self._problems.append(
                f"{service}: {marked.event_name!r} is not an event name: {error.args[0]}"
            )
            return
        try:
            inferred = schema_of_service(marked.function, marks)
            made = evolve(
                named,
                concurrency=marks.concurrency,
                resources=marks.resources,
                title=marks.title,
                description=marks.description,
                version=marks.version,
                schema=inferred.schema,
                examples=marks.examples,
                deprecated=marks.deprecated,
                sunset=marks.sunset,
            )
        except ValueError as error:
            self._problems.append(f"event {named.name!r}, in {service}: {error.args[0]}")
            return
        if inferred.doubt is not None:
            self._undescribed[named.name] = inferred.doubt
        yield made


def _twice(first: EventDefinition, second: EventDefinition) -> str:
    return f"event {first.name!r} is defined twice: in {first.origin} and in {second.origin}"


def _of_setting(name: str, setting: EventSetting) -> EventDefinition:
    """Return a definition of EVENTS. Raises ValueError."""
    return EventDefinition(
        name=name,
        service=setting.service,
        concurrency=setting.concurrency,
        resources=setting.resources,
        title=setting.title,
        description=setting.description,
        version=None if setting.version is None else str(setting.version),
        schema=schema_from(setting.schema),
        examples=setting.examples,
        deprecated=setting.deprecated,
        sunset=setting.sunset,
        origin="EVENTS",
    )


def _marked(module: ModuleType) -> Iterator[tuple[str, MarkedService[..., Any]]]:
    """Find what is marked in a module and in its classes; imported names are left alone."""
    for attribute, value in sorted(vars(module).items()):
        if inspect.isclass(value) and value.__module__ == module.__name__:
            for method, inner in sorted(vars(value).items()):
                yield from _of_module(module, f"{attribute}.{method}", inner)
        else:
            yield from _of_module(module, attribute, value)


def _of_module(
    module: ModuleType, path: str, value: Any
) -> Iterator[tuple[str, MarkedService[..., Any]]]:
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, MarkedService) and value.function.__module__ == module.__name__:
        yield path, value
