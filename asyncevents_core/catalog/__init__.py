"""The event definitions: from EVENTS, from functions marked with @event, from plugins."""

from asyncevents_core.catalog.collecting import collect_events as collect_events
from asyncevents_core.catalog.event_catalog import EventCatalog as EventCatalog
