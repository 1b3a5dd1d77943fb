"""What every filter is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from asyncevents_core.domain.filtering.event_view import EventView


class EventFilter(ABC):
    """Decides whether an event goes to a subscription.

    It depends on the event only: the same event gets the same answer in every process and at
    every time. Thread-safe, and without I/O.
    """

    @abstractmethod
    def lets_pass(self, event: EventView) -> bool:
        """Tell whether the event goes on.

        Raises `FilterFailed` for an event about which the filter cannot be asked, with the reason:
        it does not let the event pass.
        """
