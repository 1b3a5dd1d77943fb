"""Contract of what makes filters of what subscribers write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from asyncevents_core.domain.filtering.event_filter import EventFilter
from asyncevents_core.domain.filtering.stored import FilterSource
from asyncevents_core.domain.query.doubts import Doubt


class FilterCompiler(ABC):
    """Compiles filters. Thread-safe, without I/O; the same source makes the same filter always."""

    @abstractmethod
    def compile(self, source: FilterSource) -> EventFilter:
        """Return the filter of a source, as `filtering.stored` reads and keeps it.

        A text is a query in the language of the search, a list CloudEvents filters. It takes
        milliseconds: the filter is made to be kept. Raises `InvalidFilter`, which says where the
        mistake is, and `MissingExtra` where what a language needs is not installed.
        """

    @abstractmethod
    def doubts(self, source: FilterSource) -> Sequence[Doubt]:
        """Return what in a source is probably meant otherwise, such as ``and`` for AND in a query.

        For whoever makes a subscription, not for who reads it again: the filter can be compiled all
        the same. One that widens lets more events pass than what is meant. Raises as `compile`.
        """
