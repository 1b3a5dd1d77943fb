"""All definitions, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.errors import DuplicateEvent, UnknownEvent, UnusableEvent
from asyncevents_core.ports.schema_check import SchemaCheck


class EventCatalog:
    """The known events by name. Immutable, thread-safe.

    `duplicates` are names that are defined twice, `unusable` those whose definition cannot be
    used, with what there is to say: they are not there. `checks` check data by the schemas of
    events; there are none where EVENT_SCHEMAS is off. `undescribed` are events whose schema could
    not be made from what their service is annotated to return, with the reason.
    """

    def __init__(
        self,
        definitions: Iterable[EventDefinition],
        duplicates: Mapping[str, str] = MappingProxyType({}),
        *,
        unusable: Mapping[str, str] = MappingProxyType({}),
        checks: Mapping[str, SchemaCheck] = MappingProxyType({}),
        undescribed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        missing = {*duplicates, *unusable}
        self._definitions = {one.name: one for one in definitions if one.name not in missing}
        self.duplicates = duplicates
        self.unusable = unusable
        self.checks = checks
        self.undescribed = undescribed

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

        Raises `UnknownEvent` with close matches, `DuplicateEvent` or `UnusableEvent` for one of
        those.
        """
        try:
            return self._definitions[name]
        except KeyError:
            if name in self.duplicates:
                raise DuplicateEvent(name, self.duplicates[name]) from None
            if name in self.unusable:
                raise UnusableEvent(name, self.unusable[name]) from None
            raise UnknownEvent(name, known=self._definitions) from None
