"""Contract of the event definitions as the engine sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from asyncevents_core.domain.event import EventDefinition


class Definitions(Protocol):
    """The known events. Thread-safe, never changes."""

    def get(self, name: str) -> EventDefinition:
        """Return the definition; raises `UnknownEvent` with close matches."""
        ...

    def names(self) -> Sequence[str]:
        """Return all names, sorted."""
        ...
